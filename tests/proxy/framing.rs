//! Requests that two servers could read differently are refused, and counted by reason.

use super::daemon::Proxy;
use super::origin::Origin;

/// What is sent, what comes back, and the reason in the metrics.
const REFUSED: &[(&str, u16, &str)] = &[
    ("GET / HTTP/1.1\nHost: a\n\n", 400, "bare_lf"),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400, "bare_lf"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400, "syntax"),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "syntax"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, "syntax"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, "syntax"),
    ("GET /\r\nHost: a\r\n\r\n", 400, "syntax"),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""),
    ("GET / HTTP/1.1\r\n\r\n", 400, "host"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "host"),
    ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "host"),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
    ("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
    ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501, "method"),
    ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "version"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400, "two_lengths"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400, "length"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400, "length"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx", 400, "length"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nx", 400, "length"),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "length_and_encoding",
    ),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "encoding"),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "encoding",
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "unknown_encoding"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501, "unknown_encoding"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, "chunk"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400, "chunk"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n", 400, "chunk"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400, "chunk"),
    ("POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\nx", 417, "expectation"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx", 400, "truncated"),
    ("GET / HTTP/1.1\r\nHost: a", 400, "truncated"),
];

#[test]
fn what_is_ambiguous_is_refused_and_counted() {
    let origin = Origin::mirror();
    let proxy = Proxy::to(origin.address);
    for (sent, status, reason) in REFUSED {
        let series = format!("edgekit_proxy_faults_total{{reason=\"{reason}\"}}");
        let before = if reason.is_empty() { 0 } else { proxy.metric(&series) };
        // What follows a request that cannot be framed is never read as another one.
        let after = if *reason == "truncated" { "" } else { "GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n" };
        let answer = proxy.exchange(format!("{sent}{after}").as_bytes());
        if reason.is_empty() {
            continue;
        }
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sent:?}\n{answer}");
        assert!(answer.contains("connection: close\r\n"), "{sent:?}\n{answer}");
        assert!(answer.matches("HTTP/1.1 ").count() == 1, "{sent:?}\n{answer}");
        assert!(proxy.metric(&series) > before, "{sent:?}");
    }
    assert_eq!(proxy.status()["restarts"], 0);
}

#[test]
fn too_much_is_refused() {
    let origin = Origin::mirror();
    let proxy = Proxy::with(&format!(
        "max_head = \"2KiB\"\nmax_body = \"1KiB\"\n[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n",
        origin.address
    ));
    let long = "x".repeat(3000);
    let cases = [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(120)), 431),
        (format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n{long}"), 413),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n{long}\r\n0\r\n\r\n"
            ),
            413,
        ),
    ];
    for (sent, status) in cases {
        let answer = proxy.exchange(sent.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
}

#[test]
fn a_server_that_cannot_be_understood_is_answered_for() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "hello\r\n\r\n",
    ] {
        let origin = Origin::saying(answer);
        let proxy = Proxy::to(origin.address);
        let said = proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(said.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer:?}\n{said}");
    }
}
