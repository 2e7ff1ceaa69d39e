//! Downloads over connections that break, from servers that lie.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use edgekit_http::{
    Client, Content, Download, Downloaded, Error, FileSink, Kind, Limits, Options, Progress, Request, Retry,
    Sink, Timeouts, Validator, serve_content,
};
use edgekit_relay::{Plan, Relay};

use crate::peers::{Raw, answer, client, eager, field, serve};

/// Keeps everything in memory; fails after `room` bytes.
struct Memory {
    bytes: Vec<u8>,
    room: usize,
}

impl Memory {
    fn new() -> Memory {
        Memory { bytes: Vec::new(), room: usize::MAX }
    }
}

impl Sink for Memory {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        if self.bytes.len() + piece.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(&piece);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.bytes.clear();
        Ok(())
    }
}

async fn download(url: &str, sink: &mut Memory) -> Result<Downloaded, Error> {
    Download::new(url)?.retry(eager()).run(&client(), sink, |_| {}).await
}

/// Bytes that differ from place to place.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) / 7 + seed) as u8).collect()
}

#[tokio::test]
async fn survives_resets_and_fetches_nothing_twice() {
    let bytes = pattern(5_000_000, 1);
    let content = Content::bytes(bytes.clone(), "v1", "x/y");
    let handler = move |request: Request| {
        let reply = serve_content(&content, &request.method, &request.headers);
        async move { reply }
    };
    let (address, _) = serve(handler, Limits::default());
    let relay = Relay::start(address, Plan { reset_after: Some(400_000), ..Plan::default() }).unwrap();
    let path = std::env::temp_dir().join(format!("edgekit-http-download-{}", std::process::id()));
    let mut sink = FileSink::new(std::fs::File::create(&path).unwrap());
    let mut last = Progress { done: 0, total: None, attempts: 0 };
    let ended = Download::new(&format!("http://{}/", relay.address()))
        .unwrap()
        .retry(eager())
        .run(&client(), &mut sink, |progress| {
            assert!(progress.done > last.done);
            last = progress;
        })
        .await
        .unwrap();
    let stored = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(stored == bytes);
    assert_eq!((ended.length, ended.fetched, ended.restarts), (5_000_000, 5_000_000, 0));
    assert!(ended.attempts >= 13, "{}", ended.attempts);
    assert_eq!((last.done, last.total, last.attempts), (5_000_000, Some(5_000_000), ended.attempts));
    assert_eq!(ended.validator, Some(Validator::Tag("\"v1\"".to_owned())));
}

#[tokio::test]
async fn a_new_version_starts_over() {
    let (old, new) = (pattern(900_000, 1), pattern(700_000, 2));
    let contents = [Content::bytes(old, "old", "x/y"), Content::bytes(new.clone(), "new", "x/y")];
    let count = Arc::new(AtomicUsize::new(0));
    let handler = move |request: Request| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let reply = serve_content(&contents[usize::from(number >= 2)], &request.method, &request.headers);
        async move { reply }
    };
    let (address, _) = serve(handler, Limits::default());
    let relay = Relay::start(address, Plan { close_after: Some(300_000), ..Plan::default() }).unwrap();
    let mut sink = Memory::new();
    let ended = download(&format!("http://{}/", relay.address()), &mut sink).await.unwrap();
    assert!(sink.bytes == new);
    assert_eq!((ended.restarts, ended.length), (1, 700_000));
    assert!(ended.fetched > 1_200_000);
}

#[tokio::test]
async fn survives_drops_stalls_and_delays() {
    let bytes = pattern(1_000_000, 3);
    let content = Content::bytes(bytes.clone(), "v1", "x/y");
    let handler = move |request: Request| {
        let reply = serve_content(&content, &request.method, &request.headers);
        async move { reply }
    };
    let (address, _) = serve(handler, Limits::default());
    let relay = Relay::choosing(address, |number| match number {
        0 => Plan { drop: true, ..Plan::default() },
        1 => Plan { stall_after: Some(300_000), ..Plan::default() },
        2 => Plan { reset_after: Some(0), ..Plan::default() },
        _ => Plan { delay: Duration::from_millis(2), ..Plan::default() },
    })
    .unwrap();
    let mut sink = Memory::new();
    let url = format!("http://{}/", relay.address());
    let timeouts = Timeouts { idle: Duration::from_millis(500), ..Timeouts::default() };
    let client = Client::new(Options { timeouts, ..Options::default() });
    let ended = Download::new(&url).unwrap().retry(eager()).run(&client, &mut sink, |_| {}).await.unwrap();
    assert!(sink.bytes == bytes);
    assert_eq!((ended.attempts, ended.fetched, ended.restarts), (4, 1_000_000, 0));
}

/// An answer that breaks off after `sent` of 10 bytes.
fn broken(tag: &str, sent: &str) -> Vec<u8> {
    answer("200 OK", &format!("content-length: 10\r\netag: {tag}\r\n"), sent)
}

fn part(range: &str, tag: &str, length: usize, body: &str) -> Vec<u8> {
    let headers = format!("content-range: {range}\r\netag: {tag}\r\ncontent-length: {length}\r\n");
    answer("206 Partial Content", &headers, body)
}

#[tokio::test]
async fn asks_for_the_rest_of_the_same_version() {
    let raw = Raw::start(|number, _| match number {
        0 => broken("\"a\"", "01234"),
        // Fewer than asked for.
        1 => part("bytes 5-6/10", "\"a\"", 2, "56"),
        _ => part("bytes 7-9/10", "\"a\"", 3, "789"),
    })
    .await;
    let mut sink = Memory::new();
    let ended = download(&raw.url("/"), &mut sink).await.unwrap();
    assert_eq!((sink.bytes.as_slice(), ended.attempts, ended.fetched), (&b"0123456789"[..], 3, 10));
    let seen = raw.requests();
    assert_eq!((field(&seen[0], "range"), field(&seen[0], "if-range")), (None, None));
    assert_eq!((field(&seen[1], "range"), field(&seen[1], "if-range")), (Some("bytes=5-"), Some("\"a\"")));
    assert_eq!(field(&seen[2], "range"), Some("bytes=7-"));
}

#[tokio::test]
async fn without_a_strong_validator_it_starts_over() {
    for tag in ["W/\"a\"", "a"] {
        let raw = Raw::start(move |number, _| match number {
            0 => broken(tag, "wrong"),
            _ => broken(tag, "0123456789"),
        })
        .await;
        let mut sink = Memory::new();
        let ended = download(&raw.url("/"), &mut sink).await.unwrap();
        assert_eq!((sink.bytes.as_slice(), ended.restarts), (&b"0123456789"[..], 1));
        assert_eq!(field(&raw.requests()[1], "range"), None);
    }
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused() {
    let cases = [
        (part("bytes 4-9/10", "\"a\"", 6, "456789"), "asked for byte 5 on, it sent byte 4 on"),
        (part("bytes 5-9/10", "\"a\"", 4, "5678"), "with a body of another length"),
        (part("bytes 9-5/10", "\"a\"", 5, "56789"), "without a usable Content-Range"),
        (part("lines 5-9/10", "\"a\"", 5, "56789"), "without a usable Content-Range"),
        (answer("206 Partial", "content-range: bytes 5-9/10\r\n", "56789x"), "more bytes than it announced"),
        (answer("206 Partial", "content-length: 5\r\n", "56789"), "without a usable Content-Range"),
        (answer("404 Gone", "content-length: 0\r\n", ""), "the server answered 404"),
    ];
    for (second, reason) in cases {
        let raw =
            Raw::start(move |number, _| if number == 0 { broken("\"a\"", "01234") } else { second.clone() });
        let raw = raw.await;
        let error = download(&raw.url("/"), &mut Memory::new()).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}, not: {reason}");
        assert!(!error.is_temporary());
    }
    let raw = Raw::start(|_, _| part("bytes 0-9/10", "\"a\"", 10, "0123456789")).await;
    let error = download(&raw.url("/"), &mut Memory::new()).await.unwrap_err();
    assert!(error.to_string().contains("nobody asked"), "{error}");
}

#[tokio::test]
async fn a_part_of_another_version_is_not_stored() {
    // Against If-Range: by its tag, and by its total.
    for second in [part("bytes 5-9/10", "\"b\"", 5, "WRONG"), part("bytes 5-9/11", "\"a\"", 5, "WRONG")] {
        let raw = Raw::start(move |number, _| match number {
            0 => broken("\"a\"", "01234"),
            1 => second.clone(),
            _ => broken("\"b\"", "9876543210"),
        })
        .await;
        let mut sink = Memory::new();
        let ended = download(&raw.url("/"), &mut sink).await.unwrap();
        assert_eq!((sink.bytes.as_slice(), ended.restarts), (&b"9876543210"[..], 1));
    }
}

#[tokio::test]
async fn what_never_ends_is_given_up() {
    // Always one more version.
    let raw = Raw::start(|number, _| broken(&format!("\"{number}\""), "01234")).await;
    let error = download(&raw.url("/"), &mut Memory::new()).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Changed(3)), "{error}");
    // A length that is a lie: no progress after the first part.
    let raw = Raw::start(|number, _| match number {
        0 => broken("\"a\"", "01234"),
        _ => part("bytes 5-9/10", "\"a\"", 5, ""),
    })
    .await;
    let error = download(&raw.url("/"), &mut Memory::new()).await.unwrap_err();
    assert!(error.to_string().contains("gave up after 5 attempts"), "{error}");
    assert_eq!(raw.requests().len(), 5);
}

#[tokio::test]
async fn busy_servers_are_waited_for() {
    let raw = Raw::start(|number, _| match number {
        0 => broken("\"a\"", "01234"),
        1 => answer("503 Busy", "retry-after: 1\r\ncontent-length: 0\r\n", ""),
        _ => part("bytes 5-9/10", "\"a\"", 5, "56789"),
    })
    .await;
    let mut sink = Memory::new();
    let clock = edgekit_core::Clock::system();
    let start = clock.monotonic();
    assert_eq!(download(&raw.url("/"), &mut sink).await.unwrap().attempts, 3);
    assert!(clock.monotonic() - start >= Duration::from_secs(1));
}

#[tokio::test]
async fn an_earlier_run_goes_on() {
    let raw = Raw::start(|_, _| part("bytes 5-9/10", "\"a\"", 5, "56789")).await;
    let mut sink = Memory { bytes: b"01234".to_vec(), room: usize::MAX };
    let tag = || Validator::Tag("\"a\"".to_owned());
    let ended = Download::new(&raw.url("/"))
        .unwrap()
        .resume(5, tag())
        .run(&client(), &mut sink, |_| {})
        .await
        .unwrap();
    assert_eq!((sink.bytes.as_slice(), ended.length, ended.fetched), (&b"0123456789"[..], 10, 5));
    // All of it was there already.
    let raw =
        Raw::start(|_, _| answer("416 No", "content-range: bytes */10\r\ncontent-length: 0\r\n", "")).await;
    let ended = Download::new(&raw.url("/"))
        .unwrap()
        .resume(10, tag())
        .run(&client(), &mut sink, |_| {})
        .await
        .unwrap();
    assert_eq!((ended.length, ended.fetched), (10, 0));
    // It became shorter.
    let raw = Raw::start(|number, _| match number {
        0 => answer("416 No", "content-range: bytes */3\r\ncontent-length: 0\r\n", ""),
        _ => answer("200 OK", "content-length: 3\r\n", "abc"),
    })
    .await;
    let resumed = Download::new(&raw.url("/")).unwrap().resume(10, tag());
    assert_eq!(resumed.run(&client(), &mut sink, |_| {}).await.unwrap().restarts, 1);
    assert_eq!(sink.bytes, b"abc");
}

#[tokio::test]
async fn limits_and_full_disks_end_it() {
    let raw = Raw::start(|_, _| answer("200 OK", "content-length: 11\r\n", "0123456789a")).await;
    let small = Download::new(&raw.url("/")).unwrap().max(10);
    let error = small.run(&client(), &mut Memory::new(), |_| {}).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::TooLarge { what: "body", limit: 10 }), "{error}");
    // The same without a length.
    let raw = Raw::start(|_, _| answer("200 OK", "", "0123456789a")).await;
    let small = Download::new(&raw.url("/")).unwrap().max(10).retry(Retry::never());
    let error = small.run(&client(), &mut Memory::new(), |_| {}).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::TooLarge { .. }), "{error}");
    let mut sink = Memory { bytes: Vec::new(), room: 10 };
    let error = download(&raw.url("/"), &mut sink).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Sink(_)) && !error.is_temporary(), "{error}");
    assert_eq!(raw.requests().len(), 2);
}
