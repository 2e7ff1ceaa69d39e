//! Through proxies: requests they forward, tunnels they refuse or spoil.

use edgekit_http::{Client, Kind, Options, Proxies, Retry};

use crate::peers::{Raw, answer, field, quick, silent};

fn through(variable: &'static str, proxy: String) -> Client {
    with(variable, proxy, Options::default())
}

fn with(variable: &'static str, proxy: String, options: Options) -> Client {
    let proxies = Proxies::from_vars(|name| (name == variable).then(|| proxy.clone())).unwrap();
    Client::new(Options { proxies, ..options })
}

#[tokio::test]
async fn plain_requests_are_forwarded_with_credentials() {
    let proxy = Raw::start(|_, _| answer("200 OK", "content-length: 2\r\n", "ok")).await;
    let client = through("http_proxy", format!("http://u:p@{}", proxy.address));
    // Nobody looks the name up here: the proxy does.
    let reply = client.get("http://far.invalid/x?y", &Retry::never()).await.unwrap();
    assert_eq!(reply.body.bytes().await.unwrap(), "ok");
    let seen = proxy.requests();
    assert!(seen[0].starts_with("GET http://far.invalid/x?y HTTP/1.1\r\n"), "{}", seen[0]);
    assert_eq!(field(&seen[0], "host"), Some("far.invalid"));
    assert_eq!(field(&seen[0], "proxy-authorization"), Some("Basic dTpw"));
}

#[tokio::test]
async fn tunnels_that_fail_say_why() {
    let cases: [(&str, Vec<u8>, bool); 6] = [
        ("other credentials (407)", answer("407 Who are you", "", ""), false),
        ("answered 503 to CONNECT far.invalid:443", answer("503 Busy", "", ""), true),
        ("answered 403 to CONNECT", answer("403 No", "", ""), false),
        ("is not HTTP", b"220 smtp ready\r\n\r\n".to_vec(), false),
        ("larger than 8192 bytes", answer("200 OK", &format!("x: {}\r\n", "y".repeat(9000)), ""), false),
        ("data before the tunnel", answer("200 OK", "", "hello"), false),
    ];
    for (reason, bytes, temporary) in cases {
        let proxy = Raw::start(move |_, _| bytes.clone()).await;
        let client = through("https_proxy", format!("u:p@{}", proxy.address));
        let error = client.get("https://far.invalid/", &Retry::never()).await.err().unwrap();
        assert!(matches!(error.kind(), Kind::Proxy { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.is_temporary(), temporary, "{error}");
        let seen = proxy.requests();
        assert!(seen[0].starts_with("CONNECT far.invalid:443 HTTP/1.1\r\nHost: far.invalid:443\r\n"));
        assert_eq!(field(&seen[0], "proxy-authorization"), Some("Basic dTpw"));
    }
}

#[tokio::test]
async fn a_silent_or_absent_proxy_is_named() {
    let address = silent(b"HTTP/1.1 2").await;
    let client = with("https_proxy", address.to_string(), quick());
    let error = client.get("https://far.invalid/", &Retry::never()).await.err().unwrap();
    assert!(error.to_string().contains("connecting took longer than 0.2 s"), "{error}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = through("http_proxy", closed.to_string());
    let error = client.get("http://far.invalid/", &Retry::never()).await.err().unwrap();
    assert!(error.to_string().contains(&format!("proxy {closed}: cannot connect")), "{error}");
}
