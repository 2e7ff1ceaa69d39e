//! Requests go where their host, path, method, headers and query say, changed as the route wants.

use std::time::Duration;

use edgekit_core::Clock;

use super::daemon::{Client, Proxy};
use super::origin::{Origin, read_request};
use crate::harness::{Scratch, edgekit};

/// The body of the answer to one request.
fn ask(client: &mut Client, line: &str, more: &str) -> (u16, String) {
    client.send(format!("{line} HTTP/1.1\r\nHost: a.example.com\r\n{more}\r\n").as_bytes());
    client.answer()
}

#[test]
fn the_closest_route_answers() {
    let proxy = Proxy::with(
        "[route.all]\nstatus = 200\nbody = \"all\"\n\
         [route.users]\npath_regex = \"^/users/[0-9]+$\"\nstatus = 200\nbody = \"user\"\n\
         [route.test]\nheaders = [\"x-env: test\"]\nstatus = 200\nbody = \"test\"\n\
         [route.strict]\nheaders = [\"x-env: test\", \"x-user ~ ^[0-9]+$\"]\nstatus = 200\nbody = \"strict\"\n\
         [route.debug]\npath = \"/api\"\nquery = [\"debug\", \"v=2\"]\nstatus = 200\nbody = \"debug\"\n",
    );
    let mut client = proxy.client();
    for (line, more, wanted) in [
        ("GET /", "", "all"),
        ("GET /users/17", "", "user"),
        ("GET /users/17x", "", "all"),
        ("GET /", "X-Env: test\r\n", "test"),
        ("GET /", "x-env: test\r\nX-USER: 9\r\n", "strict"),
        ("GET /", "X-Env: tests\r\n", "all"),
        ("GET /api/x?v=2&debug", "", "debug"),
        ("GET /api/x?v=3&debug", "", "all"),
    ] {
        assert_eq!(ask(&mut client, line, more), (200, wanted.to_owned()), "{line} {more}");
    }
}

#[test]
fn servers_see_another_path_and_host() {
    let origin = Origin::mirror();
    let proxy = Proxy::with(&format!(
        "[cluster.app]\nendpoints = [\"{}\"]\n\
         [route.api]\npath = \"/api\"\ncluster = \"app\"\nrewrite.prefix = \"/v2\"\nrewrite.host = \"app.internal\"\n\
         request_headers_add = [\"x-seen: edge\"]\nresponse_headers_add = [\"set-cookie: edge=1\"]\n\
         [route.whole]\npath_exact = \"/old\"\ncluster = \"app\"\nrewrite.path = \"/index.html\"\n",
        origin.address
    ));
    let mut client = proxy.client();
    client.send(b"GET /api/x?q=1 HTTP/1.1\r\nHost: a\r\nX-Seen: client\r\n\r\n");
    let head = client.head();
    assert!(head.contains("set-cookie: edge=1\r\n"), "{head}");
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap();
    let seen = String::from_utf8(client.bytes(length.parse().unwrap())).unwrap();
    assert!(seen.starts_with("GET /v2/x?q=1 HTTP/1.1\r\nhost: app.internal\r\nX-Seen: client\r\n"), "{seen}");
    assert!(seen.contains("x-seen: edge\r\n"), "{seen}");
    let (_, seen) = ask(&mut client, "GET /old?q", "");
    assert!(seen.starts_with("GET /index.html?q HTTP/1.1\r\n"), "{seen}");
}

#[test]
fn clients_are_sent_elsewhere() {
    let proxy = Proxy::with(
        "[route.all]\nredirect.scheme = \"https\"\n\
         [route.old]\npath = \"/old\"\nredirect = { host = \"new.example.com\", prefix = \"/new\", status = 308 }\n",
    );
    let mut client = proxy.client();
    client.send(b"GET /a?b HTTP/1.1\r\nHost: a:8080\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 301 Moved Permanently\r\n"), "{head}");
    assert!(head.contains("location: https://a/a?b\r\n") && head.contains("content-length: 0\r\n"), "{head}");
    client.send(b"GET /old/x HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 308 "), "{head}");
    assert!(head.contains("location: http://new.example.com/new/x\r\n"), "{head}");
}

#[test]
fn clusters_get_their_shares() {
    let (blue, green) = (
        Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblue"),
        Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngreen"),
    );
    let proxy = Proxy::with(&format!(
        "[cluster.blue]\nendpoints = [\"{}\"]\n[cluster.green]\nendpoints = [\"{}\"]\n\
         [route.all]\nclusters = [\"blue=3\", \"green=1\"]\n",
        blue.address, green.address
    ));
    let mut client = proxy.client();
    let greens = (0..400).filter(|_| ask(&mut client, "GET /", "").1 == "green").count();
    // Nine standard deviations.
    assert!((22..=178).contains(&greens), "{greens}");
}

#[test]
fn faults_are_made_on_purpose() {
    let proxy = Proxy::with(
        "[route.all]\nstatus = 200\n[route.slow]\npath = \"/slow\"\nstatus = 200\nfault.delay = \"200ms\"\n\
         [route.ill]\npath = \"/ill\"\nstatus = 200\nfault = { abort = 503, abort_share = \"50%\" }\n",
    );
    let mut client = proxy.client();
    let began = Clock::system().monotonic();
    assert_eq!(ask(&mut client, "GET /slow", "").0, 200);
    assert!((Clock::system().monotonic() - began) >= Duration::from_millis(200));
    let ill = (0..200).filter(|_| ask(&mut client, "GET /ill", "").0 == 503).count();
    assert!((40..=160).contains(&ill), "{ill}");
    assert_eq!(proxy.metric("edgekit_proxy_injected_faults_total"), ill as u64 + 1);
}

#[test]
fn copies_cost_the_request_nothing() {
    let real = Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal");
    let (sender, copies) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let copy = Origin::new(move |mut stream| {
        let mut seen = Vec::new();
        if let Some(request) = read_request(&mut stream, &mut seen) {
            sender.lock().unwrap().send(String::from_utf8(request).unwrap()).unwrap();
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let proxy = Proxy::with(&format!(
        "[cluster.real]\nendpoints = [\"{}\"]\n[cluster.copy]\nendpoints = [\"{}\"]\n\
         [cluster.gone]\nendpoints = [\"127.0.0.1:1\"]\n\
         [route.all]\ncluster = \"real\"\nmirror.cluster = \"copy\"\n\
         [route.gone]\npath = \"/gone\"\ncluster = \"real\"\nmirror.cluster = \"gone\"\n",
        real.address, copy.address
    ));
    let mut client = proxy.client();
    assert_eq!(ask(&mut client, "POST /x", "Content-Length: 4\r\n\r\nbody").1, "real");
    let seen = copies.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(seen.starts_with("POST /x HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("connection: close\r\n") && seen.ends_with("\r\n\r\nbody"), "{seen}");
    assert_eq!(ask(&mut client, "GET /gone", "").1, "real");
    for _ in 0..200 {
        if proxy.metric("edgekit_proxy_mirrors_lost_total") == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(proxy.metric("edgekit_proxy_mirrors_lost_total"), 1);
    assert_eq!(proxy.metric("edgekit_proxy_mirrored_total"), 1);
}

#[test]
fn what_cannot_be_a_route_is_refused_with_its_place() {
    let scratch = Scratch::new();
    let path = scratch.join("proxy.toml");
    let web = "[listener.web]\naddress = \"127.0.0.1:0\"\n[cluster.app]\nendpoints = [\"127.0.0.1:1\"]\n[route.r]\n";
    for (text, wanted) in [
        (
            "cluster = \"app\"\npath_regex = \"(\"\n",
            "proxy.toml:7:14: 'path_regex' must be a regular expression",
        ),
        ("cluster = \"app\"\npath_regex = \"((a{1000}){1000}){1000}\"\n", "is no regular expression"),
        ("clusters = [\"app=0\"]\n", "proxy.toml:6:1: no cluster of route 'r' has a share"),
        ("clusters = [\"app=1\", \"ap=1\"]\n", "hint: did you mean 'app'?"),
        ("cluster = \"app\"\nstatus = 200\n", "proxy.toml:7:1: route 'r' has a cluster and a status"),
        ("cluster = \"app\"\nheaders = [\"a b\"]\n", "'a b' is not the name of a header"),
        (
            "cluster = \"app\"\nrewrite = { path = \"/a\", prefix = \"/b\" }\n",
            "both rewrite.prefix and rewrite.path",
        ),
        ("cluster = \"app\"\nfault.delay_share = \"120%\"\n", "'120' is not a share of 0 to 100 per cent"),
    ] {
        std::fs::write(&path, format!("{web}{text}")).unwrap();
        let said = edgekit(["proxy", "check", "--config", path.to_str().unwrap()]).ends(78);
        assert!(said.err.contains(wanted), "{text}\n{}", said.err);
    }
}
