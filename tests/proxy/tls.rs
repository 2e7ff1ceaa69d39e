//! TLS with clients and with servers: what is proven, what is refused, what goes through.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind};

use super::daemon::Proxy;
use super::origin::{Origin, PATIENCE, read_head};
use super::world::{Authority, Secure, secure_origin, until, write};
use crate::harness::{Scratch, edgekit};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Keys of a listener with this pair.
fn listener(pairs: &[(std::path::PathBuf, std::path::PathBuf)]) -> String {
    let chains: Vec<_> = pairs.iter().map(|(chain, _)| chain).collect();
    let keys: Vec<_> = pairs.iter().map(|(_, key)| key).collect();
    format!("tls.cert_files = {chains:?}\ntls.key_files = {keys:?}\n")
}

fn to(origin: &Origin) -> String {
    format!("[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n", origin.address)
}

#[test]
fn bodies_go_both_ways_and_the_server_learns_of_tls() {
    let (ca, files, origin) = (Authority::new(), Scratch::new(), Origin::mirror());
    let pair = ca.issue(&["a.example"]).write(&files, "a");
    let proxy = Proxy::with(&format!("{}{}", listener(&[pair]), to(&origin)));
    let mut client = Secure::connect(proxy.address, &ca.client(None, &["http/1.1"]), "a.example").unwrap();
    assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (_, body) = client.ask(GET).unwrap();
    assert!(body.to_ascii_lowercase().contains("x-forwarded-proto: https\r\n"), "{body}");
    // Longer than any buffer, in both directions at once; on the same connection.
    let long = "0123456789".repeat(300_000);
    let head = format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n", long.len());
    let (_, body) = client.ask(&(head + &long)).unwrap();
    assert!(body.ends_with(&long));
    for _ in 0..3 {
        assert!(client.ask(GET).unwrap().0.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(proxy.metric("edgekit_proxy_handshakes_total"), 1);
    // The end is announced.
    client.ask("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(client.stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn bytes_that_dribble_in_are_put_together() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let pair = ca.issue(&["a.example"]).write(&files, "a");
    let proxy = Proxy::with(&format!("{}[route.all]\nstatus = 200\nbody = \"hello\"\n", listener(&[pair])));
    let name = ServerName::try_from("a.example").unwrap();
    let mut connection = ClientConnection::new(ca.client(None, &[]), name).unwrap();
    let mut tcp = TcpStream::connect(proxy.address).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    // Two requests, the second cut by a record.
    connection.writer().write_all(GET.as_bytes()).unwrap();
    connection.writer().write_all(&GET.as_bytes()[..9]).unwrap();
    connection.writer().write_all(&GET.as_bytes()[9..]).unwrap();
    let mut plain = Vec::new();
    while plain.windows(5).filter(|window| window == b"hello").count() < 2 {
        let mut bytes = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut bytes).unwrap();
        }
        for piece in bytes.chunks(97) {
            tcp.write_all(piece).unwrap();
        }
        connection.read_tls(&mut tcp).unwrap();
        connection.process_new_packets().unwrap();
        let mut here = [0; 4096];
        while let Ok(count @ 1..) = connection.reader().read(&mut here) {
            plain.extend_from_slice(&here[..count]);
        }
    }
}

#[test]
fn the_name_asked_for_chooses_the_certificate() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let (a, b) = (ca.issue(&["a.example"]), ca.issue(&["*.b.example"]));
    let pairs = [a.write(&files, "a"), b.write(&files, "b")];
    let proxy = Proxy::with(&format!("{}[route.all]\nstatus = 200\n", listener(&pairs)));
    let config = ca.client(None, &[]);
    let shown = |host| Secure::connect(proxy.address, &config, host).unwrap().server_certificate();
    assert_eq!(&shown("a.example"), a.der());
    assert_eq!(&shown("x.b.example"), b.der());
    // The first is for the rest; this client refuses it, and says so.
    assert!(Secure::connect(proxy.address, &config, "c.example").is_err());
}

#[test]
fn clients_prove_themselves_or_are_refused() {
    let (ca, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let files = Scratch::new();
    let pair = ca.issue(&["a.example"]).write(&files, "a");
    let trusted = write(&files, "clients.pem", &clients.pem());
    let text = |auth: &str| {
        format!(
            "{}tls.client_ca_file = {trusted:?}\ntls.client_auth = \"{auth}\"\n[route.all]\nstatus = 200\n",
            listener(std::slice::from_ref(&pair))
        )
    };
    let known = ca.client(Some(&clients.issue(&["spiffe://example.com/known"])), &[]);
    let stranger = ca.client(Some(&strangers.issue(&["spiffe://example.com/known"])), &[]);
    let nobody = ca.client(None, &[]);
    for (auth, admits_nobody) in [("require", false), ("optional", true)] {
        let proxy = Proxy::with(&text(auth));
        // In TLS 1.3 a client learns of its refusal by the first answer.
        let ask = |config| Secure::connect(proxy.address, config, "a.example")?.ask(GET);
        assert!(ask(&known).is_ok(), "{auth}");
        let refused = ask(&stranger).unwrap_err().to_string();
        assert!(refused.contains("alert"), "{refused}");
        match ask(&nobody) {
            Ok(_) => assert!(admits_nobody),
            Err(refused) => assert!(!admits_nobody && refused.to_string().contains("alert"), "{refused}"),
        }
        until("the refusals are counted", || {
            proxy.metric("edgekit_proxy_handshake_errors_total") == if admits_nobody { 1 } else { 2 }
        });
    }
}

#[test]
fn sessions_are_resumed_by_any_worker() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let pair = ca.issue(&["a.example"]).write(&files, "a");
    let proxy = Proxy::with(&format!("{}[route.all]\nstatus = 200\n", listener(&[pair])));
    let config = ca.client(None, &[]);
    for number in 0..12 {
        let mut client = Secure::connect(proxy.address, &config, "a.example").unwrap();
        client.ask(GET).unwrap();
        let resumed = client.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
        assert_eq!(resumed, number > 0, "{number}");
    }
}

#[test]
fn what_is_no_tls_is_refused_and_counted() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let pair = ca.issue(&["a.example"]).write(&files, "a");
    let web = listener(&[pair]) + "head_timeout = \"300ms\"\n[route.all]\nstatus = 200\n";
    let proxy = Proxy::with(&web);
    let mut clear = proxy.client();
    clear.send(GET.as_bytes());
    let answer = clear.rest();
    assert!(!answer.contains("HTTP"), "{answer:?}");
    let hello = |bytes: &[u8]| {
        let mut client = proxy.client();
        client.send(bytes);
        client
    };
    // Ended in the middle, left hanging, and a length that is a lie.
    let cut = hello(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    cut.stream.shutdown(Shutdown::Write).unwrap();
    let mut hanging = hello(b"\x16\x03\x01\x02\x00\x01\x00");
    let mut lying = hello(b"\x16\x03\x01\xff\xff\x01\xff\xff\xff");
    assert!(!hanging.rest().contains("HTTP"));
    lying.rest();
    until("all are counted", || proxy.metric("edgekit_proxy_handshake_errors_total") == 4);
    assert!(Secure::connect(proxy.address, &ca.client(None, &[]), "a.example").unwrap().ask(GET).is_ok());
}

#[test]
fn a_websocket_goes_through() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let pair = ca.issue(&["a.example"]).write(&files, "a");
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        read_head(&mut stream, &mut seen).unwrap();
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(switch.as_bytes()).unwrap();
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            stream.write_all(&bytes[..count]).unwrap();
        }
    });
    let proxy = Proxy::with(&format!("{}{}", listener(&[pair]), to(&origin)));
    let mut client = Secure::connect(proxy.address, &ca.client(None, &[]), "a.example").unwrap();
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert!(client.ask(upgrade).unwrap().0.starts_with("HTTP/1.1 101 "));
    for round in 0..50_u32 {
        let word = format!("word {round} {}", "x".repeat(round as usize * 100));
        client.stream.write_all(word.as_bytes()).unwrap();
        let mut echo = vec![0; word.len()];
        client.stream.read_exact(&mut echo).unwrap();
        assert_eq!(echo, word.as_bytes());
    }
    client.stream.conn.send_close_notify();
    client.stream.flush().unwrap();
    assert_eq!(client.stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn servers_are_verified_and_told_who_asks() {
    let (ca, clients) = (Authority::new(), Authority::new());
    let files = Scratch::new();
    let origin = secure_origin(ca.server(&ca.issue(&["app.internal"]), Some(&clients)));
    let (chain, key) = clients.issue(&["spiffe://example.com/proxy"]).write(&files, "own");
    let roots = write(&files, "roots.pem", &ca.pem());
    let text = |more: &str| {
        format!(
            "[cluster.app]\nendpoints = [\"{}\"]\nmax_idle = 0\n[cluster.app.tls]\nenabled = true\n{more}\
             [route.all]\ncluster = \"app\"\n",
            origin.address
        )
    };
    let own = format!("cert_file = {chain:?}\nkey_file = {key:?}\nroots = {roots:?}\n");
    let proxy = Proxy::with(&text(&format!("server_name = \"app.internal\"\n{own}")));
    let mut client = proxy.client();
    for number in 0..4 {
        client.send(GET.as_bytes());
        let (status, body) = client.answer();
        assert_eq!(status, 200, "{}", proxy.log());
        // A new connection each time, but for the first one resumed.
        let kind = if number == 0 { "Some(Full)" } else { "Some(Resumed)" };
        assert!(body.starts_with(&format!("host=app.internal client=true kind={kind}\n")), "{body}");
    }
    // Another name, another root, nothing to prove oneself with: no answer.
    let other = write(&files, "other.pem", &clients.pem());
    for wrong in [
        format!("server_name = \"other.internal\"\n{own}"),
        own.clone(),
        format!("server_name = \"app.internal\"\nroots = {other:?}\n"),
        format!("server_name = \"app.internal\"\nroots = {roots:?}\n"),
        format!("server_identities = [\"spiffe://example.com/app\"]\n{own}"),
    ] {
        proxy.write(&text(&wrong));
        proxy.reload().ends(0);
        let status = proxy.exchange(GET.as_bytes());
        assert!(status.starts_with("HTTP/1.1 502 "), "{wrong}{status}");
    }
    // And kept connections are used again.
    proxy.write(&text(&format!("server_name = \"app.internal\"\n{own}")).replace("max_idle = 0\n", ""));
    proxy.reload().ends(0);
    let before = origin.connections.load(std::sync::atomic::Ordering::SeqCst);
    let mut client = proxy.client();
    for _ in 0..5 {
        client.send(GET.as_bytes());
        assert_eq!(client.answer().0, 200);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(origin.connections.load(std::sync::atomic::Ordering::SeqCst) - before, 1);
}

#[test]
fn a_connection_serves_the_cluster_it_was_made_for() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let origin = secure_origin(ca.server(&ca.issue(&["a.internal", "b.internal"]), None));
    let roots = write(&files, "roots.pem", &ca.pem());
    let cluster = |name: &str| {
        format!(
            "[cluster.{name}]\nendpoints = [\"{}\"]\n\
             tls = {{ enabled = true, server_name = \"{name}.internal\", roots = {roots:?} }}\n\
             [route.{name}]\npath = \"/{name}\"\ncluster = \"{name}\"\n",
            origin.address
        )
    };
    let proxy = Proxy::with(&(cluster("a") + &cluster("b")));
    let mut client = proxy.client();
    for name in ["a", "b", "a", "b", "b", "a"] {
        client.send(format!("GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let (status, body) = client.answer();
        assert!(status == 200 && body.starts_with(&format!("host={name}.internal ")), "{name}: {body}");
    }
    // One each, and none was closed for the other's sake.
    assert_eq!(origin.connections.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[test]
fn a_route_is_for_whom_it_says() {
    let (ca, clients) = (Authority::new(), Authority::new());
    let files = Scratch::new();
    let pair = ca.issue(&["a.example"]).write(&files, "a");
    let trusted = write(&files, "clients.pem", &clients.pem());
    let log = files.join("access.log");
    let mut proxy = Proxy::with(&format!(
        "{}tls.client_ca_file = {trusted:?}\ntls.client_auth = \"optional\"\n\
         [route.all]\nstatus = 200\n[route.some]\npath = \"/some\"\nstatus = 200\n\
         access.allow = [\"spiffe://example.com/web/*\"]\n\
         [route.not]\npath = \"/not\"\nstatus = 200\naccess.deny = [\"spiffe://example.com/web/1\"]\n\
         [route.shadow]\npath = \"/shadow\"\nstatus = 200\naccess.allow = [\"192.0.2.0/24\"]\naccess.shadow = true\n\
         [access_log]\npath = {log:?}\nformat = \"json\"\n",
        listener(&[pair])
    ));
    let ask = |config: &_, path: &str| {
        let mut client = Secure::connect(proxy.address, config, "a.example").unwrap();
        let head = client.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap().0;
        head.split(' ').nth(1).unwrap().to_owned()
    };
    let one = ca.client(Some(&clients.issue(&["spiffe://example.com/web/1"])), &[]);
    let nobody = ca.client(None, &[]);
    for (path, wanted) in
        [("/", "200 200"), ("/some", "200 403"), ("/not", "403 200"), ("/shadow", "200 200")]
    {
        assert_eq!([ask(&one, path), ask(&nobody, path)].join(" "), wanted, "{path}");
    }
    assert_eq!(proxy.metric("edgekit_proxy_denied_total"), 2);
    assert_eq!(proxy.metric("edgekit_proxy_would_deny_total"), 2);
    assert_eq!(proxy.metric("edgekit_proxy_faults_total{reason=\"denied\"}"), 2);
    proxy.signal(rustix::process::Signal::TERM);
    assert_eq!(proxy.ended(), Some(0));
    let lines = std::fs::read_to_string(log).unwrap();
    assert_eq!(lines.matches("\"identity\":\"spiffe://example.com/web/1\"").count(), 4, "{lines}");
}

#[test]
fn faults_of_files_have_a_place() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let (chain, key) = ca.issue(&["a.example"]).write(&files, "a");
    let (_, other) = ca.issue(&["a.example"]).write(&files, "b");
    let old = ca.issue_with(&["a.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let old = old.write(&files, "old");
    let path = files.join("proxy.toml");
    let check = |tls: &str| {
        let text = format!("[listener.web]\naddress = \"127.0.0.1:0\"\n{tls}[route.all]\nstatus = 200\n");
        std::fs::write(&path, text).unwrap();
        edgekit(["proxy", "check", "--config", path.to_str().unwrap()])
    };
    let web = listener(&[(chain.clone(), key.clone())]);
    let (_, lone) = ca.issue(&["c.example"]).write(&files, "c");
    check(&web).ends(0);
    let cases = [
        (format!("tls.cert_files = [{chain:?}]\n"), "proxy.toml:3:", "it holds no private key"),
        (listener(&[(chain.clone(), other)]), "proxy.toml:4:", "the key does not match the certificate"),
        (listener(&[(chain.clone(), files.join("none.key"))]), "proxy.toml:4:", "no such file"),
        (listener(&[old]), "proxy.toml:3:", "expired on 2021-01-01"),
        (format!("tls.key_files = [{key:?}]\n"), "proxy.toml:3:", "no certificates"),
        (format!("tls.client_ca_file = {chain:?}\n"), "proxy.toml:3:", "has no certificate"),
        (format!("{web}tls.client_ca_file = {lone:?}\n"), "proxy.toml:5:", "it holds no certificate"),
        (format!("{web}tls.min_version = \"1.1\"\n"), "proxy.toml:5:", "1.2"),
    ];
    for (tls, place, words) in cases {
        let said = check(&tls).ends(78);
        assert!(said.err.contains(place) && said.err.contains(words), "{tls}\n{}", said.err);
    }
}
