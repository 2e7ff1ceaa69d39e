//! Clients that mean harm cost a bounded share of memory and time, and others do not notice.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use edgekit_core::Clock;

use super::daemon::Proxy;
use super::http2::{Client, DATA, END_HEADERS, END_STREAM, HEADERS, OK, field};
use super::origin::Origin;

/// What a proxy has taken so far: processor time, and memory that is its own.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    bytes: u64,
}

impl Cost {
    fn of(proxy: &Proxy) -> Cost {
        let folder = format!("/proc/{}", proxy.child.id());
        let memory = fs::read_to_string(format!("{folder}/smaps_rollup")).expect("its memory");
        let line = memory.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("a figure");
        let kilobytes: u64 = line.trim().strip_suffix(" kB").expect("a unit").parse().expect("a number");
        let tasks = fs::read_dir(format!("{folder}/task")).expect("its threads").flatten();
        let time = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Cost { time: Duration::from_nanos(time.sum()), bytes: kilobytes * 1024 }
    }

    /// Fails where more was taken since than this. The bounds are those of a build without optimization.
    #[track_caller]
    fn since(self, proxy: &Proxy, time: Duration, bytes: u64) {
        let now = Cost::of(proxy);
        let (took, grew) = (now.time.saturating_sub(self.time), now.bytes.saturating_sub(self.bytes));
        assert!(took < time, "{took:?} of {time:?}");
        assert!(grew < bytes, "{grew} of {bytes} bytes");
    }
}

/// A proxy whose deadlines are short, before an origin that says what it got.
fn hasty(origin: &Origin) -> Proxy {
    let proxy = Proxy::with(&format!(
        "head_timeout = \"1s\"\nmax_body = \"64KiB\"\n[cluster.app]\nendpoints = [\"{}\"]\n\
         [route.all]\ncluster = \"app\"\ntimeout = \"1s\"\n",
        origin.address
    ));
    innocent(&proxy);
    proxy
}

#[track_caller]
fn innocent(proxy: &Proxy) {
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().0, 200);
}

#[test]
fn who_sends_a_byte_at_a_time_is_let_go() {
    const MANY: usize = 150;
    let origin = Origin::mirror();
    let proxy = hasty(&origin);
    let (before, clock) = (Cost::of(&proxy), Clock::system());
    let began = clock.monotonic();
    // Heads that never end, bodies that never end, and frames that do not.
    let starts: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\x10\0\x01\x04\0\0\0\x01",
    ];
    let mut slow: Vec<TcpStream> = (0..MANY).map(|_| proxy.client().stream).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        stream.write_all(starts[number % starts.len()]).expect("it takes them");
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                innocent(&proxy);
                thread::sleep(Duration::from_millis(20));
            }
        });
        for _ in 0..14 {
            for stream in &mut slow {
                // Who was let go meanwhile hears of it below.
                drop(stream.write_all(b"x"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        before.since(&proxy, Duration::from_secs(3), 32 << 20);
        for (number, stream) in slow.iter_mut().enumerate() {
            let mut said = Vec::new();
            // A reset ends it too.
            drop(stream.read_to_end(&mut said));
            let said = String::from_utf8_lossy(&said);
            match number % starts.len() {
                0 => assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}"),
                1 => assert!(said.is_empty() || said.starts_with("HTTP/1.1 504 "), "{said}"),
                _ => assert!(!said.starts_with("HTTP/1.1"), "{said}"),
            }
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert!(clock.monotonic() - began < Duration::from_secs(8));
    innocent(&proxy);
}

/// A number as HPACK writes it behind a prefix of seven bits.
fn seven(number: usize) -> Vec<u8> {
    let (mut bytes, mut left) = (vec![127], number - 127);
    while left >= 128 {
        bytes.push((left % 128 + 128) as u8);
        left /= 128;
    }
    bytes.push(left as u8);
    bytes
}

#[test]
fn a_small_block_does_not_become_a_large_head() {
    let origin = Origin::mirror();
    let proxy = hasty(&origin);
    let usual = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    let usual: Vec<u8> = usual.iter().flat_map(|(name, value)| field(name, value)).collect();
    // A field of 3,900 bytes that is kept, and then said again by a byte each: 44 MB of one frame.
    let kept = [&[0x40, 1, b'x'][..], &seven(3900), &[b'y'; 3900]].concat();
    let bomb = [&usual[..], &kept, &[0xbe; 11_500]].concat();
    let again = [&usual[..], &[0xbe; 15_000]].concat();
    let before = Cost::of(&proxy);
    for _ in 0..4 {
        let mut client = Client::of(proxy.address);
        client.send(HEADERS, END_HEADERS | END_STREAM, 1, &bomb);
        for id in (3..21).step_by(2) {
            client.send(HEADERS, END_HEADERS | END_STREAM, id, &again);
        }
        for _ in 0..10 {
            let head = client.frame(HEADERS);
            assert!(head.payload[0] != OK, "{head:?}");
        }
        // The table is as it should be, and the connection in order.
        client.ask(21, "GET", "/", &[], END_STREAM);
        assert_eq!(client.answer(21).0[0], OK);
    }
    before.since(&proxy, Duration::from_secs(4), 32 << 20);
}

#[test]
fn whatever_is_too_large_costs_little() {
    let origin = Origin::mirror();
    let proxy = hasty(&origin);
    let long = "x".repeat(2 << 20);
    let start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases = [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(300_000)), 431),
        (format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{long}", long.len()), 413),
        (format!("{start}200000\r\n{long}\r\n0\r\n\r\n"), 413),
        (format!("{start}1;{long}\r\nx\r\n0\r\n\r\n"), 400),
        (format!("{start}0\r\nX: {long}\r\n\r\n"), 400),
        (format!("{start}0\r\n{}\r\n", "x: y\r\n".repeat(300_000)), 400),
    ];
    let before = Cost::of(&proxy);
    for (sent, status) in cases.iter().cycle().take(cases.len() * 4) {
        let mut client = proxy.client();
        let mut writer = client.stream.try_clone().expect("a handle");
        let said = thread::scope(|scope| {
            // It stops to read long before the end.
            scope.spawn(move || drop(writer.write_all(sent.as_bytes())));
            client.rest()
        });
        let start: String = sent.chars().take(80).collect();
        assert!(said.is_empty() || said.starts_with(&format!("HTTP/1.1 {status} ")), "{start}\n{said}");
    }
    let mut client = Client::of(proxy.address);
    // Longer than any frame may be (RFC 9113 §4.2).
    client.send(DATA, 0, 1, &[0; 20_000]);
    assert_eq!(client.fate(0).map(|(_, code)| code), Some(6));
    before.since(&proxy, Duration::from_secs(4), 32 << 20);
    innocent(&proxy);
}
