//! Reading forwards over servers that break, change, lie and stall.

use std::time::Duration;

use edgekit_http::header::{AUTHORIZATION, HeaderValue};
use edgekit_http::{Client, Error, Kind, Pull, Retry, Terms};
use tokio::time::Instant;

use crate::peers::{Raw, answer, client, eager, field, quick, silent};

/// 600,000 bytes that differ from place to place.
fn content() -> Vec<u8> {
    (0..600_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn terms() -> Terms {
    Terms { retry: eager(), ..Terms::default() }
}

fn pull(url: &str, terms: Terms) -> Pull {
    Pull::new(client(), url, terms).unwrap()
}

async fn rest(pull: &mut Pull) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(piece) = pull.chunk().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// First and last byte that a request asks for.
fn asked(head: &str) -> (usize, Option<usize>) {
    let range = field(head, "range").unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().ok())
}

/// What a good server answers, cut after `most` bytes of the body.
fn served(head: &str, bytes: &[u8], more: &str, most: usize) -> Vec<u8> {
    let (first, last) = asked(head);
    let last = last.map_or(bytes.len() - 1, |last| last.min(bytes.len() - 1));
    let body = &bytes[first..=last];
    let mut sent = format!(
        "HTTP/1.1 206 P\r\ncontent-range: bytes {first}-{last}/{}\r\ncontent-length: {}\r\n{more}\r\n",
        bytes.len(),
        body.len()
    )
    .into_bytes();
    sent.extend_from_slice(&body[..body.len().min(most)]);
    sent
}

const TAG: &str = "etag: \"a\"\r\n";

#[tokio::test]
async fn goes_on_at_the_missing_byte() {
    let bytes = content();
    let server = bytes.clone();
    let raw = Raw::start(move |_, head| served(head, &server, TAG, 100_000)).await;
    let mut pull = pull(&raw.url("/x"), terms());
    assert!(rest(&mut pull).await.unwrap() == bytes);
    assert_eq!(pull.fetched(), 600_000);
    let heads = raw.requests();
    // A small part first, then all of it, as often as it breaks.
    assert_eq!(asked(&heads[0]), (0, Some(8191)));
    assert!(field(&heads[0], "if-range").is_none());
    let places: Vec<usize> = heads[1..].iter().map(|head| asked(head).0).collect();
    assert_eq!(places, [8192, 108_192, 208_192, 308_192, 408_192, 508_192]);
    assert!(heads[1..].iter().all(|head| field(head, "if-range") == Some("\"a\"")));
}

#[tokio::test]
async fn passing_over_much_asks_anew_and_over_little_reads() {
    let bytes = content();
    let server = bytes.clone();
    let raw = Raw::start(move |_, head| served(head, &server, TAG, usize::MAX)).await;
    let mut pull = pull(&raw.url("/x"), terms());
    let first = pull.chunk().await.unwrap().unwrap();
    let mut at = first.len();
    for (jump, requests) in [(20_000, 2), (300_000, 3), (5, 3)] {
        pull.pass(jump as u64);
        at += jump;
        let piece = pull.chunk().await.unwrap().unwrap();
        assert!(piece[..] == bytes[at..at + piece.len()], "{jump}");
        at += piece.len();
        assert_eq!(raw.requests().len(), requests, "{jump}");
    }
    pull.pass(1 << 40);
    assert!(pull.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn another_version_ends_it() {
    let bytes = content();
    for second in ["etag: \"b\"\r\n", "etag: W/\"a\"\r\n"] {
        let server = bytes.clone();
        let raw = Raw::start(move |number, head| {
            served(head, &server, if number == 0 { TAG } else { second }, usize::MAX)
        })
        .await;
        let error = rest(&mut pull(&raw.url("/x"), terms())).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Changed(1)), "{error}");
    }
    // It answers the condition with all of the new one.
    let server = bytes.clone();
    let raw = Raw::start(move |number, head| match number {
        0 => served(head, &server, TAG, usize::MAX),
        _ => answer("200 OK", "etag: \"b\"\r\ncontent-length: 3\r\n", "new"),
    })
    .await;
    let error = rest(&mut pull(&raw.url("/x"), terms())).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Changed(1)), "{error}");
    // No tag, and another length.
    let server = bytes.clone();
    let raw = Raw::start(move |number, head| served(head, &server[number..], "", usize::MAX)).await;
    let error = rest(&mut pull(&raw.url("/x"), terms())).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Changed(1)), "{error}");
}

#[tokio::test]
async fn lies_about_ranges_are_refused() {
    for (headers, why) in [
        ("content-range: bytes 0-8191/600000\r\ncontent-length: 8192\r\n", "asked for byte 8192 on"),
        ("content-range: bytes 8192-8200/600000\r\ncontent-length: 4\r\n", "with a body of another length"),
        ("content-type: multipart/byteranges\r\ncontent-length: 4\r\n", "without a usable Content-Range"),
        ("content-range: bytes 8192-8191/600000\r\ncontent-length: 0\r\n", "without a usable Content-Range"),
        ("content-range: bytes 8192-8195/600000\r\ncontent-encoding: gzip\r\n", "an encoded body"),
    ] {
        let server = content();
        let raw = Raw::start(move |number, head| match number {
            0 => served(head, &server, TAG, usize::MAX),
            _ => answer("206 P", headers, "abcd"),
        })
        .await;
        let error = rest(&mut pull(&raw.url("/x"), terms())).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Protocol(reason) if reason.contains(why)), "{error}");
        assert_eq!(raw.requests().len(), 2, "{why}");
    }
}

#[tokio::test]
async fn a_server_without_ranges_is_read_over() {
    let bytes = content();
    // It breaks twice; each time it begins anew.
    let server = bytes.clone();
    let raw = Raw::start(move |number, _| {
        let mut sent = answer("200 OK", &format!("{TAG}content-length: {}\r\n", server.len()), "");
        let most = if number < 2 { 200_000 * (number + 1) } else { server.len() };
        sent.extend_from_slice(&server[..most]);
        sent
    })
    .await;
    let mut one = pull(&raw.url("/x"), terms());
    one.pass(50_000);
    assert!(rest(&mut one).await.unwrap() == bytes[50_000..]);
    assert_eq!((raw.requests().len(), one.fetched()), (3, 1_200_000));
    // Not for ever.
    let server = bytes.clone();
    let raw = Raw::start(move |number, _| {
        let mut sent = answer("200 OK", &format!("{TAG}content-length: {}\r\n", server.len()), "");
        sent.extend_from_slice(&server[..70_000 * (number + 1)]);
        sent
    })
    .await;
    let error = rest(&mut pull(&raw.url("/x"), terms())).await.unwrap_err();
    assert!(error.to_string().contains("serves no ranges"), "{error}");
    // A body that says nothing of its length ends with its connection.
    let raw = Raw::start(|_, _| answer("200 OK", "", "0123456789")).await;
    assert_eq!(rest(&mut pull(&raw.url("/x"), terms())).await.unwrap(), b"0123456789");
}

#[tokio::test]
async fn refusals_are_final_and_faults_are_not() {
    for status in ["400", "401", "403", "404", "410", "451", "501"] {
        let raw = Raw::start(move |_, _| answer(&format!("{status} No"), "content-length: 0\r\n", "")).await;
        let error = rest(&mut pull(&raw.url("/x?secret"), terms())).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Status { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(raw.requests().len(), 1, "{status}");
    }
    for status in ["408", "425", "429", "500", "502", "503", "504", "522"] {
        let raw = Raw::start(move |number, head| match number {
            0 => answer(&format!("{status} No"), "content-length: 0\r\n", ""),
            _ => served(head, b"0123456789", TAG, usize::MAX),
        })
        .await;
        assert_eq!(rest(&mut pull(&raw.url("/x"), terms())).await.unwrap(), b"0123456789", "{status}");
    }
    // Told when to come back.
    let raw = Raw::start(|number, head| match number {
        0 => answer("503 No", "retry-after: 1\r\ncontent-length: 0\r\n", ""),
        _ => served(head, b"0123456789", TAG, usize::MAX),
    })
    .await;
    let start = Instant::now();
    rest(&mut pull(&raw.url("/x"), terms())).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    // Given up by the policy, which starts over with each progress.
    let raw = Raw::start(|_, _| answer("503 No", "content-length: 0\r\n", "")).await;
    let error = rest(&mut pull(&raw.url("/x"), terms())).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::GaveUp { attempts: 5, .. }), "{error}");
}

#[tokio::test]
async fn silence_and_a_trickle_are_given_up() {
    let head: &[u8] = b"HTTP/1.1 206 P\r\ncontent-range: bytes 0-8191/600000\r\n\r\n0123";
    let address = silent(head).await;
    let impatient = Terms { retry: Retry::never(), stall: Duration::from_millis(150), ..terms() };
    let mut silent = Pull::new(Client::new(quick()), &format!("http://{address}/x"), impatient).unwrap();
    let error = rest(&mut silent).await.unwrap_err();
    assert!(error.is_temporary() && error.to_string().contains("fewer than 16384 bytes"), "{error}");
    // A byte now and then is no silence, and too little all the same.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        crate::peers::read_head(&mut stream).await;
        use tokio::io::AsyncWriteExt;
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 600000\r\n\r\n").await;
        while sent.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent = stream.write_all(b"x").await;
        }
    });
    let impatient = Terms { retry: Retry::never(), stall: Duration::from_millis(300), ..terms() };
    let start = Instant::now();
    let error = rest(&mut pull(&url, impatient)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Broken(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_budget_is_not_exceeded() {
    let bytes = content();
    for limit in [1, 5000, 8192, 100_000, 599_999] {
        let server = bytes.clone();
        let raw = Raw::start(move |_, head| served(head, &server, TAG, 50_000)).await;
        let mut one = pull(&raw.url("/x"), Terms { max_bytes: limit, ..terms() });
        let error = rest(&mut one).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Spent { limit: l } if *l == limit), "{error}");
        assert_eq!(one.fetched(), limit);
        // More was not even asked for.
        let lasts = raw.requests().iter().map(|head| asked(head).1.unwrap() as u64).max();
        assert!(lasts < Some(limit), "{lasts:?}");
    }
    let server = bytes.clone();
    let raw = Raw::start(move |_, head| served(head, &server, TAG, usize::MAX)).await;
    let mut all = pull(&raw.url("/x"), Terms { max_bytes: 600_000, ..terms() });
    assert!(rest(&mut all).await.unwrap() == bytes);
}

#[tokio::test]
async fn time_and_speed_are_limited() {
    let bytes = content();
    let server = bytes.clone();
    let raw = Raw::start(move |_, head| served(head, &server, TAG, usize::MAX)).await;
    let start = Instant::now();
    let mut slow = pull(&raw.url("/x"), Terms { rate: 400_000, ..terms() });
    assert!(rest(&mut slow).await.unwrap() == bytes);
    // The last piece is not waited for.
    let took = start.elapsed().as_secs_f64();
    assert!((1.2..1.8).contains(&took), "{took}");
    let start = Instant::now();
    let mut late =
        pull(&raw.url("/x"), Terms { rate: 100_000, max_time: Some(Duration::from_millis(700)), ..terms() });
    let error = rest(&mut late).await.map(|bytes| bytes.len()).unwrap_err();
    assert!(matches!(error.kind(), Kind::Timeout { .. }) && !error.is_temporary(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_word_for_one_host_stays_there() {
    let bytes = b"0123456789";
    let other = Raw::start(move |_, head| served(head, bytes, TAG, usize::MAX)).await;
    let to = other.url("/y");
    let first =
        Raw::start(move |_, _| answer("302 F", &format!("location: {to}\r\ncontent-length: 0\r\n"), ""))
            .await;
    let mut one = pull(&first.url("/x"), terms()).header(AUTHORIZATION, HeaderValue::from_static("Bearer t"));
    assert_eq!(rest(&mut one).await.unwrap(), bytes);
    assert_eq!(field(&first.requests()[0], "authorization"), Some("Bearer t"));
    assert!(other.requests().iter().all(|head| field(head, "authorization").is_none()));
}
