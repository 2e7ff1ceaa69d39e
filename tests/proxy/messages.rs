//! Messages arrive whole, whatever their framing, size and speed.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use super::daemon::Proxy;
use super::origin::{Origin, read_head, read_request};

#[test]
fn one_connection_carries_many_requests_on_one_to_the_server() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    for number in 0..20 {
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let (status, body) = client.answer();
        assert_eq!(status, 200);
        assert!(body.starts_with(&format!("GET /{number} HTTP/1.1\r\nhost: a\r\n")), "{body}");
        assert!(
            body.contains("x-forwarded-for: 127.0.0.1\r\n") && body.contains("via: 1.1 edgekit\r\n"),
            "{body}"
        );
    }
    assert_eq!(origin.connections.load(Ordering::SeqCst), 1);
    assert_eq!(proxy.metric("edgekit_proxy_reuses_total"), 19);
}

#[test]
fn what_is_pipelined_is_answered_in_order() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    let one = |number| {
        format!(
            "POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nbody-{number}\
                 PUT /{number} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n"
        )
    };
    let all: String = (0..5).map(one).collect();
    client.send(all.as_bytes());
    for number in 0..5 {
        let (_, body) = client.answer();
        assert!(
            body.starts_with(&format!("POST /{number} ")) && body.ends_with(&format!("body-{number}")),
            "{body}"
        );
        let (_, body) = client.answer();
        assert!(
            body.starts_with(&format!("PUT /{number} ")) && body.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            "{body}"
        );
    }
}

#[test]
fn large_bodies_go_both_ways() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut client = proxy.client();
    let mut writer = client.stream.try_clone().unwrap();
    let sent = body.clone();
    let writing = std::thread::spawn(move || {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", sent.len());
        writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&sent)).unwrap();
    });
    let head = client.head();
    let length: usize =
        head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
    let answer = client.bytes(length);
    assert!(answer.ends_with(&body));
    writing.join().unwrap();
}

#[test]
fn endless_answers_are_chunked_for_new_clients_and_closed_for_old_ones() {
    let origin = Origin::new(|mut stream| {
        if read_request(&mut stream, &mut Vec::new()).is_some() {
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").unwrap();
        }
    });
    let proxy = Proxy::to(origin.address);
    let answer = proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        answer.contains("transfer-encoding: chunked\r\n") && answer.ends_with("5\r\nhello\r\n0\r\n\r\n"),
        "{answer}"
    );
    let answer = proxy.exchange(b"GET / HTTP/1.0\r\n\r\n");
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    let chunked =
        Origin::saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let proxy = Proxy::to(chunked.address);
    let answer = proxy.exchange(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[test]
fn answers_without_a_body_have_none() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    for _ in 0..3 {
        client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.head().contains("content-length: 5\r\n"));
    }
    let origin = Origin::saying("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    for _ in 0..3 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 304 Not Modified\r\n"));
    }
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        let head = read_head(&mut stream, &mut seen).unwrap();
        assert!(String::from_utf8_lossy(&seen[..head]).contains("Expect: 100-continue\r\n"));
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        let request = read_request(&mut stream, &mut seen).unwrap();
        assert!(request.ends_with(b"hello"));
        stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"hello");
    assert!(client.head().starts_with("HTTP/1.1 201 Created\r\n"));
}

#[test]
fn an_answer_before_the_end_of_the_request_is_passed_on() {
    let origin = Origin::new(|mut stream| {
        read_head(&mut stream, &mut Vec::new()).unwrap();
        stream
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin");
    let head = client.head();
    assert!(
        head.starts_with("HTTP/1.1 413 Too Large\r\n") && head.contains("connection: close\r\n"),
        "{head}"
    );
    assert_eq!(client.bytes(2), b"no");
}

#[test]
fn an_upgraded_connection_is_a_tunnel() {
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        let head = read_head(&mut stream, &mut seen).unwrap();
        let text = String::from_utf8_lossy(&seen[..head]).into_owned();
        assert!(text.contains("connection: upgrade\r\nupgrade: websocket\r\n"), "{text}");
        stream
            .write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst",
            )
            .unwrap();
        let mut bytes = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            stream.write_all(&bytes[..length]).unwrap();
        }
        stream.write_all(b"last").unwrap();
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("connection: upgrade\r\n"), "{head}");
    assert_eq!(client.bytes(5), b"first");
    for _ in 0..3 {
        client.send(b"\x81\x00GET / HTTP/1.1\r\n\r\n");
        assert_eq!(client.bytes(20), b"\x81\x00GET / HTTP/1.1\r\n\r\n");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Half closed: what the server says at its end still comes.
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "last");
}

#[test]
fn whoever_reads_slowly_slows_the_sender_and_not_the_memory() {
    let (sent, told) = mpsc::channel();
    let origin = Origin::new(move |mut stream| {
        read_request(&mut stream, &mut Vec::new()).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
        let (piece, mut total) = (vec![b'x'; 65536], 0_usize);
        while let Ok(length @ 1..) = stream.write(&piece) {
            total += length;
        }
        sent.send(total).unwrap();
    });
    let proxy = Proxy::to(origin.address);
    let before = resident(&proxy);
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    // The kernel's buffers take some megabytes; the proxy one buffer.
    let total = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(total < 100_000_000, "{total}");
    let grown = resident(&proxy).saturating_sub(before);
    assert!(grown < 1024, "{grown} KiB");
}

fn resident(proxy: &Proxy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_server_that_dies_in_the_middle_is_not_covered_up() {
    let origin = Origin::new(|mut stream| {
        if read_request(&mut stream, &mut Vec::new()).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel").unwrap();
        }
    });
    let proxy = Proxy::to(origin.address);
    let answer = proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.contains("hel") && !answer.contains("0\r\n\r\n"), "{answer}");
    assert_eq!(proxy.metric("edgekit_proxy_broken_total"), 1);
}

#[test]
fn a_dead_connection_costs_a_harmless_request_nothing() {
    // Answers once a connection, and closes it when the next request is on its way.
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        if read_request(&mut stream, &mut seen).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            read_request(&mut stream, &mut seen);
        }
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.client();
    for _ in 0..4 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer(), (200, "ok".to_owned()));
    }
    assert!(proxy.metric("edgekit_proxy_retries_total") >= 1);
    // What may have been done is not done twice.
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    let (status, _) = client.answer();
    assert!(status == 502 || proxy.metric("edgekit_proxy_connects_total") > 4);
}

#[test]
fn no_server_is_said_so() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::to(nobody);
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer(), (502, "Bad Gateway".to_owned()));
    // The connection is not to blame.
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().0, 502);
}
