//! The client: sockets, redirects, retries, time and size.

use std::time::Duration;

use edgekit_http::{
    Call, Client, Kind, Limits, Listener, Method, Options, Peer, Phase, Request, Retry, Server, StatusCode,
    Timeouts, header, json,
};

use crate::peers::{Raw, answer, client, eager, field, quick, serve, silent};

#[tokio::test]
async fn json_there_and_back() {
    let handler = |request: Request| async move {
        let value: serde_json::Value = request.body.json().await.unwrap();
        json(StatusCode::OK, &serde_json::json!({ "got": value, "method": request.method.as_str() }))
    };
    let (address, server) = serve(handler, Limits::default());
    let call = Call::new(Method::PUT, &format!("http://{address}/x?y")).unwrap().json(&[1, 2]).unwrap();
    let got: serde_json::Value =
        client().send(&call, &Retry::never()).await.unwrap().ok().unwrap().json().await.unwrap();
    assert_eq!(got, serde_json::json!({ "got": [1, 2], "method": "PUT" }));
    assert_eq!(server.counts().requests, 1);
}

#[tokio::test]
async fn unix_sockets_know_who_calls() {
    let path = std::env::temp_dir().join(format!("edgekit-http-{}.sock", std::process::id()));
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let handler = |request: Request| async move {
        let Peer::Unix { pid, .. } = request.peer else { panic!("a Unix peer") };
        json(StatusCode::OK, &pid)
    };
    let server = Server::new(handler, Limits::default());
    tokio::spawn(async move { server.serve(Listener::unix(socket).unwrap()).await });
    let client = Client::new(Options { unix: Some(path.clone()), ..Options::default() });
    let pid: u32 = client.get("http://edgekit/status", &Retry::never()).await.unwrap().json().await.unwrap();
    assert_eq!(pid, std::process::id());
    std::fs::remove_file(&path).unwrap();
    let error = client.get("http://edgekit/status", &Retry::never()).await.err().unwrap();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert!(error.is_temporary(), "a daemon may come");
}

#[tokio::test]
async fn redirects_lose_secrets_on_other_hosts() {
    let other = Raw::start(|_, _| answer("200 OK", "content-length: 2\r\n", "ok")).await;
    let to = other.url("/there");
    let first = Raw::start(move |number, _| match number {
        0 => answer("302 Found", "location: next?x#y\r\n", ""),
        _ => answer("307 Temporary Redirect", &format!("location: {to}\r\n"), ""),
    })
    .await;
    let call = Call::new(Method::POST, &first.url("/a/b"))
        .unwrap()
        .body("text/plain", "secret")
        .header(header::AUTHORIZATION, "Bearer x".parse().unwrap());
    let reply = client().send(&call, &Retry::never()).await.unwrap();
    assert_eq!(reply.url.absolute(), other.url("/there"));
    assert_eq!(reply.body.bytes().await.unwrap(), "ok");
    let seen = first.requests();
    assert!(seen[0].starts_with("POST /a/b HTTP/1.1"));
    assert!(seen[1].starts_with("GET /a/next?x HTTP/1.1"));
    assert_eq!(field(&seen[1], "authorization"), Some("Bearer x"));
    assert_eq!(field(&seen[1], "content-type"), None);
    assert_eq!(field(&other.requests()[0], "authorization"), None);
}

#[tokio::test]
async fn redirects_end() {
    let raw = Raw::start(|number, _| answer("301 Moved", &format!("location: /{number}\r\n"), "")).await;
    let error = client().get(&raw.url("/"), &Retry::default()).await.err().unwrap();
    assert!(error.to_string().ends_with("too many redirects"), "{error}");
    assert_eq!(raw.requests().len(), 11, "a loop is not tried again");
    let wrong = Raw::start(|_, _| answer("302 Found", "location: ftp://x/?secret\r\n", "")).await;
    let error = client().get(&wrong.url("/"), &Retry::default()).await.err().unwrap();
    assert!(
        error.to_string().contains("redirect to 'ftp://x/' not followed: neither http nor https"),
        "{error}"
    );
    let none = Client::new(Options { redirects: 0, ..Options::default() });
    let call = Call::new(Method::GET, &raw.url("/")).unwrap();
    assert_eq!(none.send(&call, &Retry::never()).await.unwrap().status, StatusCode::MOVED_PERMANENTLY);
}

#[tokio::test]
async fn retries_what_is_safe() {
    let busy = |number, _: &str| match number {
        0 => answer("503 Busy", "retry-after: 0\r\ncontent-length: 0\r\n", ""),
        1 => Vec::new(),
        _ => answer("200 OK", "content-length: 1\r\n", "x"),
    };
    let raw = Raw::start(busy).await;
    assert_eq!(client().get(&raw.url("/"), &eager()).await.unwrap().body.bytes().await.unwrap(), "x");
    assert_eq!(raw.requests().len(), 3);
    let raw = Raw::start(busy).await;
    let call = Call::new(Method::POST, &raw.url("/")).unwrap();
    assert_eq!(client().send(&call, &eager()).await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(client().send(&call, &eager()).await.is_err(), "it may have been done");
    assert_eq!(raw.requests().len(), 2);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let call = Call::new(Method::POST, &format!("http://{closed}/")).unwrap();
    let error = client().send(&call, &eager()).await.err().unwrap();
    assert!(error.to_string().contains("gave up after 5 attempts: cannot connect"), "{error}");
}

#[tokio::test]
async fn a_long_retry_after_ends_the_attempts() {
    let raw = Raw::start(|_, _| answer("429 Slow down", "retry-after: 3600\r\n", "")).await;
    let error = client().get(&raw.url("/"), &eager()).await.err().unwrap();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(raw.requests().len(), 1);
}

/// What `get` fails with.
async fn failure(options: Options, url: &str) -> edgekit_http::Error {
    match Client::new(options).get(url, &Retry::never()).await {
        Ok(reply) => reply.body.bytes().await.unwrap_err(),
        Err(error) => error,
    }
}

fn phase(error: &edgekit_http::Error) -> Option<Phase> {
    match error.kind() {
        Kind::Timeout { phase, .. } => Some(*phase),
        _ => None,
    }
}

#[tokio::test]
async fn every_silence_has_its_limit() {
    let address = silent(b"").await;
    let error = failure(quick(), &format!("http://{address}/?token=x")).await;
    assert_eq!(phase(&error), Some(Phase::FirstByte));
    assert_eq!(
        error.to_string(),
        format!("GET http://{address}/: the first byte of the answer took longer than 0.2 s")
    );
    let address = silent(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab").await;
    let error = failure(quick(), &format!("http://{address}/")).await;
    assert_eq!(phase(&error), Some(Phase::Idle));
    let total = Timeouts { total: Some(Duration::from_millis(100)), ..Timeouts::default() };
    let error = failure(Options { timeouts: total, ..quick() }, &format!("http://{address}/")).await;
    assert_eq!(phase(&error), Some(Phase::Total));
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn sizes_are_limited() {
    let head = Raw::start(|_, _| answer("200 OK", &"x-filler: 0123456789\r\n".repeat(5000), "")).await;
    let error = failure(Options::default(), &head.url("/")).await;
    assert!(matches!(error.kind(), Kind::TooLarge { what: "head", .. }), "{error}");
    let one = Raw::start(|_, _| answer("200 OK", &format!("x: {}\r\n", "y".repeat(200_000)), "")).await;
    let error = failure(Options::default(), &one.url("/")).await;
    assert!(matches!(error.kind(), Kind::TooLarge { what: "head", .. }), "{error}");
    let body = Raw::start(|_, _| answer("200 OK", "", &"x".repeat(100_000))).await;
    let error = failure(Options { max_body: 99_999, ..Options::default() }, &body.url("/")).await;
    assert!(matches!(error.kind(), Kind::TooLarge { what: "body", limit: 99_999 }), "{error}");
}

#[tokio::test]
async fn nonsense_and_broken_answers_are_told_apart() {
    let raw = Raw::start(|_, _| b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()).await;
    let error = failure(Options::default(), &raw.url("/")).await;
    assert!(matches!(error.kind(), Kind::Protocol(_)), "{error:?}");
    let raw = Raw::start(|_, _| answer("200 OK", "content-length: 10\r\n", "short")).await;
    let error = failure(Options::default(), &raw.url("/")).await;
    assert!(matches!(error.kind(), Kind::Broken(_)), "{error:?}");
    let raw = Raw::start(|_, _| Vec::new()).await;
    let error = failure(Options::default(), &raw.url("/")).await;
    assert!(matches!(error.kind(), Kind::Broken(_)) && error.is_temporary(), "{error:?}");
    let error = failure(Options::default(), "https://127.0.0.1:1/").await;
    assert!(!error.to_string().is_empty());
    let error = Call::new(Method::GET, "htp://x/?secret").unwrap_err();
    assert_eq!(error.to_string(), "GET 'htp://x/': neither http nor https");
}
