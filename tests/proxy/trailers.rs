//! What follows a body arrives, whichever protocol each side speaks, as far as it may.

use std::io::Write;

use super::daemon::Proxy;
use super::http2::{Client, DATA, END_HEADERS, END_STREAM, HEADERS, OK, field, frame, has, server, to_http2};
use super::origin::{Origin, find, read_head, read_request};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\
                       X-Sum: 1:2\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\nTransfer_Encoding: x\r\n\r\n";

/// An answer in DATA and trailers, some of which go no further.
fn answered(id: u32) -> Vec<u8> {
    let trailers =
        [field("x-sum", "1:2"), field("set-cookie", "a=b"), field("content-type", "text/html")].concat();
    [
        frame(HEADERS, END_HEADERS, id, &[OK]),
        frame(DATA, 0, id, b"abc"),
        frame(HEADERS, END_HEADERS | END_STREAM, id, &trailers),
    ]
    .concat()
}

/// What comes back on a connection of HTTP/1.1, up to the end of its chunks.
fn ask(proxy: &Proxy, fields: &str) -> String {
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    proxy.exchange(text.as_bytes())
}

#[test]
fn from_chunks_to_a_stream() {
    let origin = Origin::saying(CHUNKED);
    let proxy = Proxy::to(origin.address);
    let mut client = Client::of(proxy.address);
    for id in [1, 3] {
        client.ask(id, "GET", "/", &[], END_STREAM);
        let (_, body, trailers) = client.answer(id);
        assert_eq!(body, b"abc");
        // The second time the table may have them.
        assert!(!trailers.is_empty() && (id > 1 || has(&trailers, "1:2")), "{trailers:?}");
        assert!(!has(&trailers, "a=b") && !has(&trailers, "transfer") && !has(&trailers, "content"));
    }
}

#[test]
fn to_chunks_where_they_are_wanted() {
    let streams = server(|stream, id, _| drop(stream.write_all(&answered(id))));
    let chunks = Origin::saying(CHUNKED);
    for proxy in [to_http2(&streams), Proxy::to(chunks.address)] {
        for wants in ["TE: trailers\r\n", "TE: gzip, Trailers\r\n"] {
            let answer = ask(&proxy, wants);
            assert!(answer.ends_with("\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1:2\r\n\r\n"), "{answer}");
        }
        for forgoes in ["", "TE: gzip\r\n"] {
            let answer = ask(&proxy, forgoes);
            assert!(answer.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "{answer}");
        }
        let old = proxy.exchange(b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n");
        assert!(old.ends_with("\r\n\r\nabc"), "{old}");
    }
}

#[test]
fn a_large_body_and_what_was_pipelined_behind_it_stay_apart_from_them() {
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            let body = "x".repeat(100_000);
            let answer = format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n{body}\r\n0\r\nx-sum: 1\r\n\r\n"
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let proxy = Proxy::to(origin.address);
    let one = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n";
    let all = proxy.exchange(one.repeat(3).as_bytes());
    assert_eq!(all.matches("\r\n0\r\nx-sum: 1\r\n\r\n").count(), 3);
    assert_eq!(all.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    assert_eq!(all.matches('x').count(), 3 * 100_001);
}

/// Servers that do not expect them take them for the next request (cheroot 11: row 5.17).
#[test]
fn of_a_request_they_go_to_no_server_of_http1() {
    let sent = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\
                X-Sum: 1:2\r\nHost: b\r\nAuthorization: x\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n";
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        let head = read_head(&mut stream, &mut seen).unwrap();
        while find(&seen[head..], b"\r\n\r\n").is_none() {
            let mut bytes = [0; 4096];
            let read = std::io::Read::read(&mut stream, &mut bytes).unwrap();
            seen.extend_from_slice(&bytes[..read]);
        }
        let body = &seen[head..];
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(&[answer.as_bytes(), body].concat()).unwrap();
    });
    let wanted = "3\r\nabc\r\n0\r\n\r\n";
    let proxy = Proxy::to(origin.address);
    let answer = proxy.exchange(sent.as_bytes());
    assert!(answer.ends_with(&format!("\r\n\r\n{wanted}")), "{answer}");

    let mut client = Client::of(proxy.address);
    client.ask(1, "POST", "/", &[], 0);
    client.send(DATA, 0, 1, b"abc");
    let trailers = [field("x-sum", "1:2"), field("cookie", "a=b")].concat();
    client.send(HEADERS, END_HEADERS | END_STREAM, 1, &trailers);
    assert_eq!(String::from_utf8_lossy(&client.answer(1).1), wanted);

    // Over HTTP/2 they go on, and no further than the proxy before the server.
    let front = Proxy::with(&format!(
        "[cluster.app]\nprotocol = \"h2\"\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n",
        proxy.address
    ));
    let answer = front.exchange(sent.as_bytes());
    assert!(answer.ends_with(&format!("\r\n\r\n{wanted}")), "{answer}");
}
