//! The server's limits, seen by clients that push them, and its drain.

use std::net::SocketAddr;
use std::time::Duration;

use edgekit_http::{
    Drained, Event, EventParser, Events, Limits, Request, Retry, Server, StatusCode, full, text,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peers::{client, read_head, serve};

const SHORT: Duration = Duration::from_millis(150);

/// Says its path, after as many milliseconds as the path says.
async fn echo(request: Request) -> edgekit_http::Reply {
    let path = request.uri.path().trim_start_matches('/').to_owned();
    if let Ok(wait) = path.parse() {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    if path == "panic" {
        panic!("as asked");
    }
    match request.body.bytes().await {
        Ok(_) => text(StatusCode::OK, &path),
        Err(error) => text(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// Sends `bytes` and reads until the server closes.
async fn talk(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
    // A reset after the answer is an end as well.
    drop(read.expect("the server closes"));
    String::from_utf8(all).unwrap()
}

async fn until(server: &Server, condition: impl Fn(edgekit_http::Counts) -> bool) {
    for _ in 0..500 {
        if condition(server.counts()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be: {:?}", server.counts());
}

#[tokio::test]
async fn slow_and_large_heads_are_ended() {
    let (address, server) = serve(echo, Limits { head_time: SHORT, max_head: 9000, ..Limits::default() });
    assert_eq!(talk(address, "GET / HTTP/1.1\r\nHost: x\r\n").await, "");
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    assert!(talk(address, &large).await.starts_with("HTTP/1.1 431 "));
    // One byte at a time does not help.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut sent = 0;
    while stream.write_all(b"G").await.is_ok() && sent < 100 {
        sent += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(sent < 100);
    until(&server, |counts| counts.open == 0 && counts.failed == 3).await;
}

#[tokio::test]
async fn connections_are_kept_for_a_while() {
    let (address, _) = serve(echo, Limits { head_time: SHORT, requests: 2, ..Limits::default() });
    let request = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    let two = talk(address, &request.repeat(3)).await;
    assert_eq!(two.matches("200 OK").count(), 2, "{two}");
    assert_eq!(two.matches("connection: close").count(), 1, "{two}");
    // The idle one ends by the time of the next head.
    assert_eq!(talk(address, request).await.matches("200 OK").count(), 1);
}

#[tokio::test]
async fn bodies_are_limited_in_size_and_time() {
    let limits = Limits { max_body: 10, body_idle: SHORT, ..Limits::default() };
    let (address, server) = serve(echo, limits);
    let head = "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    assert!(talk(address, &format!("{head}Content-Length: 11\r\n\r\n")).await.starts_with("HTTP/1.1 413 "));
    assert_eq!(server.counts().requests, 0, "it never reached the handler");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n");
    assert!(talk(address, &chunked).await.contains("POST /x: the body is larger than 10 bytes"));
    let slow = talk(address, &format!("{head}Content-Length: 5\r\n\r\nab")).await;
    assert!(slow.contains("the next piece of the body took longer than"), "{slow}");
    assert!(talk(address, &format!("{head}Content-Length: 2\r\n\r\nab")).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn handlers_are_limited_and_may_panic() {
    let (address, server) = serve(echo, Limits { handler_time: SHORT, ..Limits::default() });
    let slow = talk(address, "GET /5000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(slow.starts_with("HTTP/1.1 503 ") && slow.contains("retry-after: 1"), "{slow}");
    assert_eq!(talk(address, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await, "");
    until(&server, |counts| counts.panics == 1 && counts.open == 0).await;
    client().get(&format!("http://{address}/fine"), &Retry::never()).await.unwrap();
}

#[tokio::test]
async fn who_does_not_read_is_dropped() {
    let handler = |_: Request| async { full(StatusCode::OK, "x/y", vec![0; 20_000_000]) };
    let (address, server) = serve(handler, Limits { write_stall: SHORT, ..Limits::default() });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    until(&server, |counts| counts.failed == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn further_connections_wait_for_a_slot() {
    let (address, server) = serve(echo, Limits { connections: 1, ..Limits::default() });
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_head(&mut first).await;
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(tokio::time::timeout(SHORT, second.read_u8()).await.is_err());
    assert_eq!(server.counts().connections, 1);
    drop(first);
    assert!(read_head(&mut second).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_drain_lets_requests_finish() {
    let (address, server) = serve(echo, Limits::default());
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_head(&mut idle).await;
    let url = format!("http://{address}/300");
    let busy = tokio::spawn(async move { client().get(&url, &Retry::never()).await });
    until(&server, |counts| counts.requests == 2).await;
    assert_eq!(server.drain(Duration::from_secs(5)).await, Drained { cut: 0 });
    assert_eq!(busy.await.unwrap().unwrap().body.bytes().await.unwrap(), "300\n");
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(server.counts().open, 0);
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline() {
    let (address, server) = serve(echo, Limits::default());
    let url = format!("http://{address}/60000");
    let busy = tokio::spawn(async move { client().get(&url, &Retry::never()).await });
    until(&server, |counts| counts.requests == 1).await;
    assert_eq!(server.drain(SHORT).await, Drained { cut: 1 });
    assert!(busy.await.unwrap().is_err());
    until(&server, |counts| counts.open == 0).await;
}

#[tokio::test]
async fn events_reach_their_clients() {
    let events = Events::new(7, 8, 8);
    let hub = events.clone();
    let handler = move |request: Request| {
        let reply = hub.subscribe(request.header("last-event-id"));
        async move { reply }
    };
    let (address, server) = serve(handler, Limits::default());
    let mut answer = client().get(&format!("http://{address}/"), &Retry::never()).await.unwrap();
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    events.send("level", "one\ntwo");
    events.send("", "three");
    let (mut got, mut parser) = (Vec::new(), EventParser::new(1000));
    while got.len() < 2 {
        assert!(parser.push(&answer.body.chunk().await.unwrap().unwrap(), &mut got));
    }
    let event =
        |id: &str, name: &str, data: &str| Event { id: id.into(), name: name.into(), data: data.into() };
    assert_eq!(got, [event("7-1", "level", "one\ntwo"), event("7-2", "", "three")]);
    // Before a drain the owner ends the streams; then nothing is cut.
    events.close();
    assert_eq!(answer.body.chunk().await.unwrap(), None);
    assert_eq!(server.drain(Duration::from_secs(5)).await, Drained { cut: 0 });
}
