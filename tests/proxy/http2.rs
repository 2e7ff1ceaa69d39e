//! HTTP/2, end to end: frames by hand where they must be wrong, real clients where they are there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::daemon::Proxy;
use super::origin::{Origin, PATIENCE, find, read_head};
use super::world::until;
use crate::harness::Scratch;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A frame that came.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The next one; none at the end.
    pub(super) fn read(from: &mut TcpStream) -> Option<Frame> {
        let mut head = [0; 9];
        from.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        from.read_exact(&mut payload).ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }
}

/// A client that says what it is told to.
pub(super) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(super) fn of(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client { stream };
        client.stream.write_all(PREFACE).unwrap();
        client.send(SETTINGS, 0, 0, &[]);
        client
    }

    pub(super) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        // A proxy that has had enough closes; what it said last is read.
        drop(self.stream.write_all(&frame(kind, flags, stream, payload)));
    }

    /// Asks with fields behind the usual ones.
    pub(super) fn ask(&mut self, stream: u32, method: &str, path: &str, more: &[(&str, &str)], flags: u8) {
        let usual = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")];
        let block: Vec<u8> = usual.iter().chain(more).flat_map(|(name, value)| field(name, value)).collect();
        self.send(HEADERS, flags | END_HEADERS, stream, &block);
    }

    /// The next frame; none at the end.
    pub(super) fn next(&mut self) -> Option<Frame> {
        Frame::read(&mut self.stream)
    }

    /// The next frame of this kind.
    #[track_caller]
    pub(super) fn frame(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().expect("it does not end yet");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// The block of the answer's head, its body and its trailers' block, once it is whole.
    #[track_caller]
    pub(super) fn answer(&mut self, stream: u32) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let (mut heads, mut body) = (Vec::new(), Vec::new());
        loop {
            let frame = self.next().expect("it does not end yet");
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                HEADERS => heads.push(frame.payload),
                DATA => {
                    let read = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
                    body.extend_from_slice(&frame.payload);
                    if read != [0; 4] {
                        self.send(WINDOW, 0, 0, &read);
                        self.send(WINDOW, 0, stream, &read);
                    }
                }
                _ => panic!("{frame:?}"),
            }
            if frame.flags & END_STREAM != 0 {
                let mut heads = heads.into_iter();
                return (heads.next().unwrap_or_default(), body, heads.next().unwrap_or_default());
            }
        }
    }

    /// DATA of a stream until it, or the connection, is over.
    pub(super) fn ended(&mut self, stream: u32) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(frame) = self.next() {
            let is_ours = frame.stream == stream;
            match frame.kind {
                DATA if is_ours => body.extend_from_slice(&frame.payload),
                RESET if is_ours => break,
                _ => {}
            }
            if is_ours && frame.kind <= HEADERS && frame.flags & END_STREAM != 0 {
                break;
            }
        }
        body
    }

    /// The code of GOAWAY, or of the reset of `stream`.
    pub(super) fn fate(&mut self, stream: u32) -> Option<(u8, u32)> {
        loop {
            let frame = self.next()?;
            let code = |at: usize| u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap());
            match frame.kind {
                GOAWAY => return Some((GOAWAY, code(4))),
                RESET if frame.stream == stream => return Some((RESET, code(0))),
                _ => {}
            }
        }
    }
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), payload].concat()
}

/// A field as it is, in no table.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    field_of(name.as_bytes(), value.as_bytes())
}

pub(super) fn field_of(name: &[u8], value: &[u8]) -> Vec<u8> {
    let text = |text: &[u8]| {
        assert!(text.len() < 127 + 128);
        let length = text.len() as u8;
        let head = if length < 127 { vec![length] } else { vec![127, length - 127] };
        [&head, text].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

pub(super) fn has(block: &[u8], text: &str) -> bool {
    find(block, text.as_bytes()).is_some()
}

/// `:status: 200` from the static table.
pub(super) const OK: u8 = 0x88;

#[test]
fn many_streams_share_a_connection() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    let mut client = Client::of(proxy.address);
    for number in 0..20 {
        client.ask(number * 2 + 1, "GET", &format!("/{number}"), &[("cookie", "a=b"), ("cookie", "c=d")], 1);
    }
    let mut done = 0;
    let mut texts = vec![String::new(); 20];
    while done < 20 {
        let frame = client.next().expect("it does not end yet");
        let number = frame.stream.saturating_sub(1) as usize / 2;
        match frame.kind {
            HEADERS => assert_eq!(frame.payload[0], OK),
            DATA => texts[number].push_str(std::str::from_utf8(&frame.payload).unwrap()),
            _ => {}
        }
        done += usize::from(frame.kind <= HEADERS && frame.flags & END_STREAM != 0);
    }
    for (number, text) in texts.iter().enumerate() {
        assert!(text.starts_with(&format!("GET /{number} HTTP/1.1\r\nhost: a\r\n")), "{text}");
        assert!(
            text.contains("\r\ncookie: a=b; c=d\r\n") && text.contains("\r\nvia: 2 edgekit\r\n"),
            "{text}"
        );
    }
    assert_eq!(proxy.metric("edgekit_proxy_http2_connections_total"), 1);
    assert_eq!(proxy.metric("edgekit_proxy_connections_total"), 1);
}

#[test]
fn bodies_of_any_size_go_both_ways() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    let mut client = Client::of(proxy.address);
    let body: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let mut writer = Client { stream: client.stream.try_clone().unwrap() };
    // The windows are more than half of the body, and are told of as it is read.
    writer.ask(1, "POST", "/", &[("content-length", "300000")], 0);
    let sent = body.clone();
    let (allow, allowed) = std::sync::mpsc::channel::<u32>();
    let writing = thread::spawn(move || {
        let mut window = 65_536_u32;
        for piece in sent.chunks(10_000) {
            while window < 10_000 {
                window += allowed.recv().unwrap();
            }
            window -= 10_000;
            writer.send(DATA, 0, 1, piece);
        }
        writer.send(DATA, END_STREAM, 1, &[]);
    });
    let mut got = Vec::new();
    loop {
        let frame = client.next().expect("it does not end yet");
        match frame.kind {
            WINDOW if frame.stream == 1 => {
                let _gone = allow.send(u32::from_be_bytes(frame.payload.try_into().unwrap()));
            }
            DATA => {
                got.extend_from_slice(&frame.payload);
                let read = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
                if read != [0; 4] {
                    client.send(WINDOW, 0, 0, &read);
                    client.send(WINDOW, 0, 1, &read);
                }
                if frame.flags & END_STREAM != 0 {
                    break;
                }
            }
            RESET | GOAWAY => panic!("{frame:?}"),
            _ => {}
        }
    }
    writing.join().unwrap();
    assert!(got.ends_with(&body), "{}", got.len());
}

#[test]
fn a_client_that_does_not_read_is_not_read_for() {
    let origin = Origin::new(|mut stream| {
        if read_head(&mut stream, &mut Vec::new()).is_some() {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
            drop(stream.write_all(head));
            // It blocks once nobody takes more; the test ends it.
            drop(stream.write_all(&vec![b'x'; 100_000_000]));
        }
    });
    let proxy = Proxy::to(origin.address);
    let mut client = Client::of(proxy.address);
    client.ask(1, "GET", "/", &[], END_STREAM);
    let mut got = 0;
    while got < 65_535 {
        got += client.frame(DATA).payload.len();
    }
    assert_eq!(got, 65_535);
    client.send(PING, 0, 0, &[7; 8]);
    assert_eq!(client.next().map(|frame| frame.kind), Some(PING));
    // Others go on.
    client.send(RESET, 0, 1, &[0, 0, 0, 8]);
    client.send(PING, 0, 0, &[7; 8]);
    client.frame(PING);
    assert_eq!(proxy.metric("edgekit_proxy_cancelled_total"), 1);
}

#[test]
fn who_gives_up_is_in_the_log() {
    let origin = Origin::new(|mut stream| {
        if read_head(&mut stream, &mut Vec::new()).is_some() {
            thread::sleep(PATIENCE);
        }
    });
    let files = Scratch::new();
    let path = files.join("access.log");
    let to = format!("[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n", origin.address);
    let proxy = Proxy::with(&format!("{to}[access_log]\npath = {path:?}\n"));
    let mut client = Client::of(proxy.address);
    client.ask(1, "GET", "/long", &[], END_STREAM);
    until("the server is asked", || origin.connections.load(Ordering::SeqCst) == 1);
    client.send(RESET, 0, 1, &[0, 0, 0, 8]);
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    until("it is in the log", || lines().contains('\n'));
    let line = lines();
    assert!(line.contains(" \"GET /long\" 0 0 ") && line.contains(" fault=cancelled "), "{line}");
    assert!(proxy.metrics().contains("reason=\"cancelled\"} 1"), "{}", proxy.metrics());
}

#[test]
fn what_could_be_split_is_refused() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    let cases: [&[(&str, &str)]; 9] = [
        &[("x", "a\r\nGET /evil HTTP/1.1")],
        &[("x", "a\nb: c")],
        &[("x", "a\0b")],
        &[("x\r\ny", "a")],
        &[("X", "a")],
        &[("transfer-encoding", "chunked")],
        &[("connection", "keep-alive")],
        &[("host", "b")],
        &[("content-length", "5")],
    ];
    for (number, fields) in cases.iter().enumerate() {
        let mut client = Client::of(proxy.address);
        client.ask(1, "GET", "/", fields, END_STREAM);
        assert_eq!(client.fate(1), Some((RESET, 1)), "{number}");
        // The connection is as good as before.
        client.ask(3, "GET", "/", &[], END_STREAM);
        assert_eq!(client.answer(3).0[0], OK);
    }
    let mut client = Client::of(proxy.address);
    client.ask(1, "POST", "/", &[("content-length", "3")], 0);
    client.send(DATA, END_STREAM, 1, b"abcGET /evil");
    assert_eq!(client.fate(1), Some((RESET, 1)));
    for path in ["/a b", "/a\u{e4}", "a", "/#x"] {
        client.ask(3, "GET", path, &[], END_STREAM);
        assert_eq!(client.answer(3).0[0], 0x8c, "{path}");
        client = Client::of(proxy.address);
    }
    assert_eq!(proxy.metric("edgekit_proxy_faults_total{reason=\"target\"}"), 4);
}

#[test]
fn floods_end_their_connection_and_no_other() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    let block: Vec<u8> = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect();
    let rapid = |number: u32| {
        let stream = number * 2 + 1;
        [frame(HEADERS, 5, stream, &block), frame(RESET, 0, stream, &[0, 0, 0, 8])].concat()
    };
    let made = |number: u32| {
        let stream = number * 2 + 1;
        [frame(HEADERS, 4, stream, &block), frame(WINDOW, 0, stream, &[0; 4])].concat()
    };
    let floods: [(&str, Vec<u8>); 6] = [
        ("rapid_reset", (0..2000).flat_map(rapid).collect()),
        ("made_reset", (0..2000).flat_map(made).collect()),
        ("ping", frame(PING, 0, 0, &[0; 8]).repeat(3000)),
        ("settings", frame(SETTINGS, 0, 0, &[]).repeat(3000)),
        ("empty", [frame(HEADERS, 4, 1, &block), frame(DATA, 0, 1, &[]).repeat(3000)].concat()),
        (
            "continuation",
            [frame(HEADERS, 0, 1, &block), frame(CONTINUATION, 0, 1, &[]).repeat(3000)].concat(),
        ),
    ];
    let mut innocent = Client::of(proxy.address);
    for (word, flood) in floods {
        let mut client = Client::of(proxy.address);
        drop(client.stream.write_all(&flood));
        assert_eq!(client.fate(0), Some((GOAWAY, 11)), "{word}");
        let series = format!("edgekit_proxy_http2_abuse_total{{reason=\"{word}\"}}");
        assert_eq!(proxy.metric(&series), 1, "{word}");
    }
    innocent.ask(1, "GET", "/", &[], END_STREAM);
    assert_eq!(innocent.answer(1).0[0], OK);
    assert!(origin.connections.load(Ordering::SeqCst) < 1000);
}

#[test]
fn a_drain_lets_streams_end() {
    let origin = Origin::new(|mut stream| {
        if read_head(&mut stream, &mut Vec::new()).is_some() {
            thread::sleep(Duration::from_millis(800));
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"));
        }
    });
    let mut proxy = Proxy::to(origin.address);
    let mut client = Client::of(proxy.address);
    client.ask(1, "GET", "/", &[], END_STREAM);
    // The settings are acknowledged: it was read.
    client.frame(SETTINGS);
    client.send(PING, 0, 0, &[0; 8]);
    client.frame(PING);
    proxy.signal(rustix::process::Signal::TERM);
    let last = |frame: Frame| u32::from_be_bytes(frame.payload[..4].try_into().unwrap());
    assert_eq!(last(client.frame(GOAWAY)), 0x7fff_ffff);
    let mut second = None;
    let mut body = Vec::new();
    while let Some(frame) = client.next() {
        match frame.kind {
            GOAWAY => second = Some(last(frame)),
            DATA => body.extend_from_slice(&frame.payload),
            _ => {}
        }
    }
    assert_eq!((second, &body[..]), (Some(1), &b"late"[..]));
    assert_eq!(proxy.ended(), Some(0));
}

/// A proxy before a proxy, HTTP/2 between them.
fn chain(origin: SocketAddr) -> (Proxy, Proxy) {
    let inner = Proxy::to(origin);
    let outer = Proxy::with(&format!(
        "[cluster.app]\nprotocol = \"h2\"\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n",
        inner.address
    ));
    (inner, outer)
}

#[test]
fn servers_of_http2_are_asked_over_one_connection() {
    let origin = Origin::mirror();
    let (inner, outer) = chain(origin.address);
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let mut client = outer.client();
            thread::spawn(move || {
                for round in 0..10 {
                    let body = format!("{number}-{round}").repeat(100);
                    let head = format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
                    client.send(head.as_bytes());
                    client.send(body.as_bytes());
                    let (status, text) = client.answer();
                    assert!(status == 200 && text.ends_with(&body), "{text}");
                    // Without a length, too.
                    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
                    let (status, text) = client.answer();
                    assert!(status == 200 && text.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "{text}");
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    // Each worker has one.
    assert!(outer.metric("edgekit_proxy_connects_total") <= 2);
    assert_eq!(
        inner.metric("edgekit_proxy_http2_connections_total"),
        outer.metric("edgekit_proxy_connects_total")
    );
    let mut client = outer.client();
    client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().contains("content-length: "));
    assert_eq!(client.answer().0, 200);
}

#[test]
fn a_websocket_comes_through_a_stream() {
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        let Some(head) = read_head(&mut stream, &mut seen) else { return };
        let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
        let key = text.split("sec-websocket-key: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        assert!(
            text.contains("\r\nupgrade: websocket\r\n") && key.is_some_and(|key| key.len() == 24),
            "{text}"
        );
        drop(stream.write_all(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello"));
        let mut bytes = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            drop(stream.write_all(&bytes[..length].to_ascii_uppercase()));
        }
        drop(stream.write_all(b"bye"));
    });
    let (inner, outer) = chain(origin.address);
    for proxy in [&inner, &outer] {
        let mut client = Client::of(proxy.address);
        client.ask(1, "CONNECT", "/chat", &[(":protocol", "websocket")], 0);
        assert_eq!(client.frame(HEADERS).payload[0], OK);
        assert_eq!(client.frame(DATA).payload, b"hello");
        client.send(DATA, 0, 1, b"what?");
        assert_eq!(client.frame(DATA).payload, b"WHAT?");
        client.send(DATA, END_STREAM, 1, b"");
        let (_, rest, _) = client.answer(1);
        assert_eq!(rest, b"bye");
    }
    // And one that speaks HTTP/1.1, through HTTP/2 in between, is answered what its key asks for.
    let mut client = outer.client();
    client.send(
        b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nupgrade: websocket\r\n"), "{head}");
    assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert_eq!(client.bytes(5), b"hello");
    client.send(b"what?");
    assert_eq!(client.bytes(5), b"WHAT?");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "bye");
    // What nobody upgrades to is no tunnel.
    let mut client = Client::of(inner.address);
    client.ask(1, "CONNECT", "/", &[(":protocol", "other")], 0);
    assert_ne!(client.frame(HEADERS).payload[0], OK);
}

#[test]
fn errors_are_told_as_grpc_tells_them() {
    let proxy =
        Proxy::with("[cluster.gone]\nendpoints = [\"127.0.0.1:1\"]\n[route.all]\ncluster = \"gone\"\n");
    let mut client = Client::of(proxy.address);
    client.ask(1, "POST", "/s/m", &[("content-type", "application/grpc"), ("te", "trailers")], END_STREAM);
    let (head, body, _) = client.answer(1);
    assert!(head[0] == OK && has(&head, "grpc-status") && has(&head, "14") && body.is_empty());
    client.ask(3, "POST", "/s/m", &[], END_STREAM);
    let (head, body, _) = client.answer(3);
    assert!(has(&head, "502") && body == b"Bad Gateway");
}

#[test]
fn a_listener_may_speak_one_protocol() {
    let text = |protocol| format!("protocol = \"{protocol}\"\n[route.all]\nstatus = 200\nbody = \"well\"\n");
    let proxy = Proxy::with(&text("h2"));
    let mut client = Client::of(proxy.address);
    client.ask(1, "GET", "/", &[], END_STREAM);
    assert_eq!(client.answer(1).1, b"well");
    let mut old = Client { stream: proxy.client().stream };
    old.stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(old.fate(0), Some((GOAWAY, 1)));
    let proxy = Proxy::with(&text("http/1.1"));
    assert!(proxy.exchange(PREFACE).starts_with("HTTP/1.1 505 "));
}

#[test]
fn a_broken_preface_is_answered_as_http2_demands() {
    let proxy = Proxy::with("[route.all]\nstatus = 200\nbody = \"well\"\n");
    for broken in [
        "INVALID CONNECTION PREFACE\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "PRI * HTTP/2.0\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\n\nSM\n\n",
        "PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = Client { stream: proxy.client().stream };
        client.stream.write_all(broken.as_bytes()).unwrap();
        assert_eq!(client.fate(0), Some((GOAWAY, 1)), "{broken:?}");
        assert!(client.next().is_none(), "{broken:?}");
    }
    let asked = proxy.exchange(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    assert!(asked.starts_with("HTTP/1.1 505 "), "{asked}");
}

#[test]
fn a_streamed_body_that_is_all_here_is_sent_again() {
    let (mirror, ill) = (Origin::mirror(), Proxy::with("[route.all]\nstatus = 503\nbody = \"ill\"\n"));
    let well = Proxy::to(mirror.address);
    for protocol in ["http/1.1", "h2"] {
        let proxy = Proxy::with(&format!(
            "[cluster.app]\nprotocol = \"{protocol}\"\nendpoints = [\"{}\", \"{}\"]\n[route.all]\ncluster = \"app\"\n\
             retry = {{ on = [\"5xx\"], attempts = 1, backoff = \"1ms\", budget_least = 1000 }}\n",
            ill.address, well.address
        ));
        let mut client = Client::of(proxy.address);
        for id in (1..20).step_by(2) {
            let usual = [(":method", "PUT"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
            let block: Vec<u8> = usual.iter().flat_map(|(name, value)| field(name, value)).collect();
            let all = [
                frame(HEADERS, END_HEADERS, id, &block),
                frame(DATA, 0, id, b"bo"),
                frame(DATA, END_STREAM, id, b"dy"),
            ];
            client.stream.write_all(&all.concat()).unwrap();
            let (head, body, _) = client.answer(id);
            let body = String::from_utf8_lossy(&body);
            assert!(head[0] == OK && body.ends_with("\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), "{protocol}: {body}");
        }
        assert!(proxy.metric("edgekit_proxy_retries_total") > 0, "{protocol}");
    }
}

/// A server of HTTP/2 by hand: `answer` is given each whole request's number, its stream and its head.
pub(super) fn server(answer: impl Fn(&mut TcpStream, u32, &[u8]) + Send + Sync + 'static) -> Origin {
    Origin::new(move |stream| {
        let mut client = Client { stream };
        let mut preface = [0; 24];
        if client.stream.read_exact(&mut preface).is_err() || preface != *PREFACE {
            return;
        }
        client.send(SETTINGS, 0, 0, &[]);
        let mut heads = std::collections::HashMap::new();
        while let Some(frame) = client.next() {
            if frame.kind == HEADERS {
                heads.entry(frame.stream).or_insert(frame.payload);
            }
            if frame.kind <= HEADERS
                && frame.flags & END_STREAM != 0
                && let Some(head) = heads.remove(&frame.stream)
            {
                answer(&mut client.stream, frame.stream, &head);
            }
        }
    })
}

pub(super) fn to_http2(origin: &Origin) -> Proxy {
    Proxy::with(&format!(
        "[cluster.app]\nprotocol = \"h2\"\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n",
        origin.address
    ))
}

#[test]
fn trailers_go_both_ways() {
    let origin = server(|stream, id, head| {
        // What is said again is coded.
        assert!(id > 1 || has(head, "trailers") && has(head, "application/grpc"));
        let answer = [
            frame(
                HEADERS,
                END_HEADERS,
                id,
                &[&[OK][..], &field("content-type", "application/grpc")].concat(),
            ),
            frame(DATA, 0, id, b"\0\0\0\0\x02hi"),
            frame(HEADERS, 5, id, &[field("grpc-status", "0"), field("x-checksum", "1234")].concat()),
        ];
        drop(stream.write_all(&answer.concat()));
    });
    let proxy = to_http2(&origin);
    let mut client = Client::of(proxy.address);
    client.ask(1, "POST", "/s/m", &[("content-type", "application/grpc"), ("te", "trailers")], 0);
    client.send(DATA, 0, 1, b"\0\0\0\0\x01x");
    client.send(HEADERS, 5, 1, &field("x-sum", "9"));
    let (head, body, trailers) = client.answer(1);
    assert!(head[0] == OK && body == b"\0\0\0\0\x02hi", "{head:?} {body:?}");
    assert!(has(&trailers, "grpc-status") && has(&trailers, "1234"));
    // A client of HTTP/1.1 gets the body, and no trailers it has not asked for.
    let mut old = proxy.client();
    let ask = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n";
    old.send(ask.as_bytes());
    assert!(old.head().contains("transfer-encoding: chunked"));
    assert!(old.bytes(17).ends_with(b"\r\n0\r\n\r\n"));
}

#[test]
fn what_a_server_has_not_looked_at_is_asked_again() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let origin = server(move |stream, id, _| {
        let answer = match asked.fetch_add(1, Ordering::SeqCst) {
            1 => frame(RESET, 0, id, &[0, 0, 0, 7]),
            // Up to the stream before it.
            3 => frame(GOAWAY, 0, 0, &[(id - 1).to_be_bytes(), [0; 4]].concat()),
            _ => frame(HEADERS, 5, id, &[OK]),
        };
        drop(stream.write_all(&answer));
    });
    let proxy = to_http2(&origin);
    for _ in 0..3 {
        // Not one to be sent twice, if anybody had looked at it.
        let answer = proxy.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert!(proxy.metric("edgekit_proxy_retries_total") >= 1);
}

#[test]
fn a_server_that_is_gone_takes_no_others_with_it() {
    let origin = server(|stream, id, head| {
        if has(head, "/hang") {
            thread::sleep(Duration::from_secs(60));
        }
        drop(stream.write_all(&frame(HEADERS, 5, id, &[OK])));
    });
    let proxy = Proxy::with(&format!(
        "[cluster.app]\nprotocol = \"h2\"\nresponse_timeout = \"1200ms\"\nendpoints = [\"{}\"]\n\
         [route.all]\ncluster = \"app\"\n",
        origin.address
    ));
    let mut client = proxy.client();
    for (path, status) in [("/", "200"), ("/hang", "504"), ("/", "200"), ("/", "200")] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let head = client.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        // Without a length it is chunked, and empty.
        client.bytes(if status == "504" { "Gateway Timeout".len() } else { "0\r\n\r\n".len() });
    }
    assert_eq!(origin.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn who_is_slow_or_silent_is_let_go() {
    let proxy = Proxy::with(
        "head_timeout = \"200ms\"\nidle_timeout = \"1s\"\n[route.all]\nstatus = 200\nbody = \"well\"\n",
    );
    let mut slow = Client::of(proxy.address);
    slow.send(HEADERS, 0, 1, &field(":method", "GET"));
    assert_eq!(slow.fate(0), Some((GOAWAY, 11)));
    assert_eq!(proxy.metric("edgekit_proxy_http2_abuse_total{reason=\"slow_head\"}"), 1);
    let mut mute = TcpStream::connect(proxy.address).unwrap();
    mute.set_read_timeout(Some(PATIENCE)).unwrap();
    mute.write_all(&PREFACE[..20]).unwrap();
    let mut rest = Vec::new();
    drop(mute.read_to_end(&mut rest));
    let mut idle = Client::of(proxy.address);
    idle.ask(1, "GET", "/", &[], END_STREAM);
    assert_eq!(idle.answer(1).1, b"well");
    assert_eq!(idle.fate(0), Some((GOAWAY, 0)));
}

/// Real clients, where this machine has them.
#[test]
fn real_clients_are_content() {
    let origin = Origin::mirror();
    let (_inner, outer) = chain(origin.address);
    let url = format!("http://{}/x", outer.address);
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(&url).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if let Some(text) = said("curl", &["-s", "--http2-prior-knowledge", "-d", "body"]) {
        assert!(text.starts_with("POST /x HTTP/1.1\r\n") && text.ends_with("body"), "{text}");
    }
    if let Some(text) = said("nghttp", &["-v", "-m", "3"]) {
        assert_eq!(text.matches(":status: 200").count(), 3, "{text}");
    }
    if let Some(text) = said("h2load", &["-n", "500", "-c", "3", "-m", "20"]) {
        assert!(text.contains("500 succeeded, 0 failed"), "{text}");
    }
}
