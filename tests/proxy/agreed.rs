//! Clusters with `protocol = "auto"`: each connection is of what its handshake agreed on.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::daemon::Proxy;
use super::origin::Origin;
use super::world::{Authority, secure_origin, write};
use crate::harness::Scratch;

/// A proxy that asks another one, whose clients choose by ALPN.
struct Chain {
    inner: Proxy,
    outer: Proxy,
    keys: String,
    _files: Scratch,
}

impl Chain {
    fn new(origin: &Origin, alpn: &[&str]) -> Chain {
        let (ca, files) = (Authority::new(), Scratch::new());
        let (chain, key) = ca.issue(&["app.internal"]).write(&files, "app");
        let keys = format!(
            "tls = {{ cert_files = [{chain:?}], key_files = [{key:?}], alpn = ALPN }}\n[cluster.app]\n\
             endpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n",
            origin.address
        );
        let inner = Proxy::with(&keys.replace("ALPN", &format!("{alpn:?}")));
        let outer = Proxy::with(&to(&files, &ca, inner.address));
        Chain { inner, outer, keys, _files: files }
    }

    /// From now on new connections agree on one of these.
    fn change(&self, alpn: &[&str]) {
        self.inner.write(&self.keys.replace("ALPN", &format!("{alpn:?}")));
        self.inner.reload().ends(0);
    }
}

/// A cluster that is asked in whatever its handshakes agree on; connections are soon let go of.
fn to(files: &Scratch, ca: &Authority, address: std::net::SocketAddr) -> String {
    let roots = write(files, "roots.pem", &ca.pem());
    format!(
        "[cluster.app]\nendpoints = [\"{address}\"]\nprotocol = \"auto\"\nidle_timeout = \"1s\"\n\
         tls = {{ enabled = true, server_name = \"app.internal\", roots = {roots:?} }}\n[route.all]\ncluster = \"app\"\n"
    )
}

/// Asks with bodies of all kinds, from several clients at once; each answer is what the server saw.
fn ask(outer: &Proxy, sees: impl Fn(&str) -> bool + Clone + Send + 'static) {
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (mut client, sees) = (outer.client(), sees.clone());
            thread::spawn(move || {
                for round in 0..5 {
                    let body = format!("{number}-{round}").repeat(100);
                    let head = format!(
                        "POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    client.send((head + &body).as_bytes());
                    let (status, text) = client.answer();
                    assert!(status == 200 && text.ends_with(&body) && sees(&text), "{text}");
                    // Without a length: in chunks where they are wanted, and never twice.
                    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                    client.send(b"3\r\nabc\r\n0\r\n\r\n");
                    let (status, text) = client.answer();
                    assert!(status == 200 && text.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "{text}");
                    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                    assert!(sees(&client.answer().1));
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
}

fn by_http2(text: &str) -> bool {
    text.contains("via: 2 edgekit\r\n")
}

fn by_http1(text: &str) -> bool {
    !by_http2(text) && text.matches("via: 1.1 edgekit\r\n").count() == 2
}

#[test]
fn http2_is_shared_where_both_know_it() {
    let origin = Origin::mirror();
    let chain = Chain::new(&origin, &["h2", "http/1.1"]);
    ask(&chain.outer, by_http2);
    let connects = chain.outer.metric("edgekit_proxy_connects_total");
    // Each worker has one.
    assert!(connects <= 2, "{connects}");
    assert_eq!(chain.inner.metric("edgekit_proxy_http2_connections_total"), connects);
}

#[test]
fn http1_is_spoken_where_the_server_wants_it() {
    let origin = Origin::mirror();
    let chain = Chain::new(&origin, &["http/1.1", "h2"]);
    ask(&chain.outer, by_http1);
    assert_eq!(chain.inner.metric("edgekit_proxy_http2_connections_total"), 0);
    // Those that are kept are used again.
    let connects = chain.outer.metric("edgekit_proxy_connects_total");
    assert!(connects <= 16, "{connects}");
    assert!(chain.outer.metric("edgekit_proxy_reuses_total") >= 100);
}

#[test]
fn http1_is_spoken_where_the_server_says_nothing() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let origin = secure_origin(ca.server(&ca.issue(&["app.internal"]), None));
    let proxy = Proxy::with(&to(&files, &ca, origin.address));
    let mut client = proxy.client();
    for _ in 0..3 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (status, text) = client.answer();
        assert!(status == 200 && text.starts_with("host=app.internal "), "{text}");
    }
    assert_eq!(origin.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn what_a_server_speaks_may_change_between_connections() {
    let origin = Origin::mirror();
    let chain = Chain::new(&origin, &["h2", "http/1.1"]);
    ask(&chain.outer, by_http2);
    for (alpn, sees) in [(&["http/1.1"][..], by_http1 as fn(&str) -> bool), (&["h2", "http/1.1"], by_http2)] {
        chain.change(alpn);
        // What is open goes on as it was agreed on; nobody asks until it is let go of.
        thread::sleep(Duration::from_millis(1500));
        ask(&chain.outer, sees);
    }
}
