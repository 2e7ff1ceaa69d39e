//! Connections that are passed on as they are: bytes, names, PROXY headers, ends.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use edgekit_core::Clock;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::daemon::Proxy;
use super::origin::{Origin, PATIENCE};
use super::world::{Authority, Secure, secure_origin, until, write};
use crate::harness::{Scratch, edgekit};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Says its own word, then sends back what comes; ends when its client has ended.
fn echo(word: &'static str) -> Origin {
    Origin::new(move |mut stream| {
        let mut bytes = vec![0; 65536];
        stream.write_all(word.as_bytes()).expect("it takes it");
        loop {
            match stream.read(&mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(count) if stream.write_all(&bytes[..count]).is_err() => return,
                Ok(_) => {}
            }
        }
    })
}

fn tcp(more: &str, clusters: &[(&str, SocketAddr)]) -> String {
    let mut text = format!("protocol = \"tcp\"\n{more}");
    for (name, address) in clusters {
        text += &format!("[cluster.{name}]\nendpoints = [\"{address}\"]\n");
    }
    text
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends it too.
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn bytes_go_both_ways_until_each_side_has_ended() {
    let origin = echo("");
    let proxy = Proxy::with(&tcp("cluster = \"db\"\n", &[("db", origin.address)]));
    let mut stream = connect(&proxy);
    let long: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut writer = stream.try_clone().expect("a second handle");
    let sent = long.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&sent).expect("it takes them");
        writer.shutdown(Shutdown::Write).expect("it is open");
    });
    let mut back = Vec::new();
    // The end of our side is passed on; the echo that was under way comes all the same.
    stream.read_to_end(&mut back).expect("an end");
    writing.join().expect("it was written");
    assert!(back == long, "{} of {}", back.len(), long.len());
    until("it is counted", || proxy.metric("edgekit_proxy_sent_bytes_total") == 5_000_000);
    assert_eq!(proxy.metric("edgekit_proxy_received_bytes_total"), 5_000_000);
    assert_eq!(proxy.metric("edgekit_proxy_streams_total"), 1);
    until("nothing is open", || proxy.status()["detail"]["open"] == 0);
}

#[test]
fn names_choose_without_being_opened() {
    let ca = Authority::new();
    let (one, two) = (
        secure_origin(ca.server(&ca.issue(&["one.example"]), None)),
        secure_origin(ca.server(&ca.issue(&["x.two.example"]), None)),
    );
    let plain = echo("plain");
    let names = "server_names = [\"one.example=one\", \"*.two.example=two\"]\ncluster = \"plain\"\n";
    let clusters = [("one", one.address), ("two", two.address), ("plain", plain.address)];
    let proxy = Proxy::with(&tcp(names, &clusters));
    let config = ca.client(None, &[]);
    for host in ["one.example", "x.two.example"] {
        // The certificate is the server's own: nobody in between could have shown it.
        let mut client = Secure::connect(proxy.address, &config, host).expect("a handshake");
        assert!(client.ask(GET).expect("an answer").1.starts_with(&format!("host={host} ")));
    }
    // Another name, no TLS at all, and a client that waits for its server to speak go the common way.
    assert!(Secure::connect(proxy.address, &config, "three.example").is_err());
    let mut stream = connect(&proxy);
    stream.write_all(b"hello").expect("it takes it");
    stream.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(rest(stream), "plainhello");
    let (began, mut word) = (Clock::system().monotonic(), [0; 5]);
    let mut stream = connect(&proxy);
    stream.read_exact(&mut word).expect("a word");
    assert_eq!(&word, b"plain");
    assert!(Clock::system().monotonic() - began >= Duration::from_millis(90));
    // The beginning of a hello, and no more: what came is passed on as well.
    let mut connection = ClientConnection::new(config, ServerName::try_from("one.example").expect("a name"))
        .expect("a client");
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).expect("memory");
    let mut stream = connect(&proxy);
    stream.write_all(&hello[..100]).expect("it takes it");
    let mut back = vec![0; 105];
    stream.read_exact(&mut back).expect("an echo");
    assert_eq!(back, [b"plain", &hello[..100]].concat());
}

#[test]
fn a_name_nobody_serves_is_refused() {
    let ca = Authority::new();
    let origin = secure_origin(ca.server(&ca.issue(&["one.example"]), None));
    let proxy = Proxy::with(&tcp("server_names = [\"one.example=one\"]\n", &[("one", origin.address)]));
    assert!(Secure::connect(proxy.address, &ca.client(None, &[]), "two.example").is_err());
    assert_eq!(rest(connect(&proxy)), "");
    assert_eq!(proxy.metric("edgekit_proxy_faults_total{reason=\"no_route\"}"), 2);
    assert!(Secure::connect(proxy.address, &ca.client(None, &[]), "one.example").is_ok());
}

#[test]
fn a_dead_server_is_told_by_a_reset() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let proxy = Proxy::with(&tcp("cluster = \"db\"\n", &[("db", gone)]));
    let mut stream = connect(&proxy);
    let error = stream.read(&mut [0; 16]).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(proxy.metric("edgekit_proxy_faults_total{reason=\"connect\"}"), 1);
}

#[test]
fn silence_and_age_end_a_connection() {
    let origin = echo("");
    let silent = Proxy::with(&tcp("cluster = \"db\"\ntunnel_timeout = \"1s\"\n", &[("db", origin.address)]));
    let old = Proxy::with(&tcp("cluster = \"db\"\nmax_lifetime = \"1s\"\n", &[("db", origin.address)]));
    let began = Clock::system().monotonic();
    assert_eq!(rest(connect(&silent)), "");
    let took = Clock::system().monotonic() - began;
    assert!(took >= Duration::from_millis(900), "{took:?}");
    // One is never silent, and ends all the same.
    let (mut stream, mut echoes) = (connect(&old), 0);
    while stream.write_all(b"x").is_ok() && matches!(stream.read(&mut [0; 1]), Ok(1)) {
        echoes += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!((5..=60).contains(&echoes), "{echoes}");
}

#[test]
fn servers_are_told_whose_connection_it_is() {
    let origin = echo("");
    for version in ["v1", "v2"] {
        let text = tcp("cluster = \"db\"\n", &[("db", origin.address)]);
        let proxy = Proxy::with(&format!("{text}proxy_protocol = \"{version}\"\n"));
        let mut stream = connect(&proxy);
        let (us, there) = (stream.local_addr().expect("an address").port(), proxy.address.port());
        let wanted = match version {
            "v1" => format!("PROXY TCP4 127.0.0.1 127.0.0.1 {us} {there}\r\n").into_bytes(),
            _ => [
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01",
                &us.to_be_bytes()[..],
                &there.to_be_bytes()[..],
            ]
            .concat(),
        };
        stream.write_all(b"ping").expect("it takes it");
        let mut back = vec![0; wanted.len() + 4];
        stream.read_exact(&mut back).expect("an echo");
        assert_eq!(back, [&wanted[..], b"ping"].concat());
    }
}

#[test]
fn a_header_is_believed_where_it_must_come() {
    let (ca, files, origin) = (Authority::new(), Scratch::new(), Origin::mirror());
    let (chain, key) = ca.issue(&["a.example"]).write(&files, "a");
    let to = format!("[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n", origin.address);
    let proxy = Proxy::with(&format!("proxy_protocol = \"require\"\nhead_timeout = \"500ms\"\n{to}"));
    let ask = |header: &[u8]| proxy.exchange(&[header, GET.as_bytes()].concat());
    let said = ask(b"PROXY TCP4 203.0.113.7 203.0.113.1 1111 443\r\n");
    assert!(said.to_ascii_lowercase().contains("x-forwarded-for: 203.0.113.7\r\n"), "{said}");
    let block = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xcb\0\x71\x08\xcb\0\x71\x01\0\x01\0\x02\x04\0\0";
    assert!(ask(block).to_ascii_lowercase().contains("x-forwarded-for: 203.0.113.8\r\n"));
    let unknown = ask(b"PROXY UNKNOWN\r\n");
    assert!(unknown.to_ascii_lowercase().contains("x-forwarded-for: 127.0.0.1\r\n"), "{unknown}");
    // Byte by byte.
    let mut client = proxy.client();
    client.stream.set_nodelay(true).expect("an option");
    for byte in [&b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n"[..], GET.as_bytes()].concat() {
        client.send(&[byte]);
    }
    let (status, body) = client.answer();
    assert!(
        status == 200 && body.to_ascii_lowercase().contains("x-forwarded-for: 2001:db8::7\r\n"),
        "{body}"
    );
    // None, a lie, one that is too long, one that never ends.
    for wrong in [
        &b""[..],
        b"PROXY TCP4 203.0.113.7 203.0.113.1 1111\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"PROXY TCP4 203.0.113.7 203.0.113.7 1111 1111111111111111111111111111111111111111111111111111111111111",
    ] {
        // It is closed as soon as that is seen.
        let mut client = proxy.client();
        client.send(&[wrong, GET.as_bytes()].concat());
        assert_eq!(client.rest(), "", "{wrong:?}");
    }
    let mut hanging = proxy.client();
    hanging.send(b"PROXY TCP4 203");
    assert_eq!(hanging.rest(), "");
    until("all are counted", || proxy.metric("edgekit_proxy_header_errors_total") == 5);
    // The header comes before TLS.
    let proxy = Proxy::with(&format!(
        "proxy_protocol = \"require\"\ntls.cert_files = [{chain:?}]\ntls.key_files = [{key:?}]\n{to}"
    ));
    let mut tcp = connect(&proxy);
    tcp.write_all(b"PROXY TCP4 203.0.113.9 203.0.113.1 1 2\r\n").expect("it takes it");
    let name = ServerName::try_from("a.example").expect("a name");
    let mut connection = ClientConnection::new(ca.client(None, &[]), name).expect("a client");
    let mut stream = rustls::Stream::new(&mut connection, &mut tcp);
    stream.write_all(GET.as_bytes()).expect("it takes it");
    let mut bytes = [0; 4096];
    let mut said = String::new();
    while !said.contains("x-forwarded-for: 203.0.113.9\r\n") {
        let count = stream.read(&mut bytes).expect("an answer");
        assert!(count > 0, "{said}");
        said += &String::from_utf8_lossy(&bytes[..count]).to_ascii_lowercase();
    }
}

#[test]
fn tls_is_ended_and_begun_around_other_protocols() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let (chain, key) = ca.issue(&["a.example"]).write(&files, "a");
    let roots = write(&files, "roots.pem", &ca.pem());
    let inner = secure_origin(ca.server(&ca.issue(&["db.internal"]), None));
    let own = format!("tls.cert_files = [{chain:?}]\ntls.key_files = [{key:?}]\ncluster = \"db\"\n");
    let text = tcp(&own, &[("db", inner.address)]);
    let proxy = Proxy::with(&format!(
        "{text}tls.enabled = true\ntls.server_name = \"db.internal\"\ntls.roots = {roots:?}\ntls.alpn = []\n"
    ));
    // Any protocol inside, as it is not ours to choose.
    let mut client =
        Secure::connect(proxy.address, &ca.client(None, &["postgresql"]), "a.example").expect("a handshake");
    for _ in 0..3 {
        let (_, body) = client.ask(GET).expect("an answer");
        assert!(body.starts_with("host=db.internal "), "{body}");
    }
    client.stream.conn.send_close_notify();
    client.stream.flush().expect("it takes it");
    until("nothing is open", || proxy.status()["detail"]["open"] == 0);
}

#[test]
fn many_connections_leave_nothing_behind() {
    let origin = echo("");
    let proxy = Proxy::with(&tcp("cluster = \"db\"\n", &[("db", origin.address)]));
    let open = || std::fs::read_dir(format!("/proc/{}/fd", proxy.child.id())).expect("it runs").count();
    let before = open();
    for _ in 0..3 {
        let mut all: Vec<TcpStream> = (0..100).map(|_| connect(&proxy)).collect();
        for stream in &mut all {
            stream.write_all(b"hello").expect("it takes it");
            stream.read_exact(&mut [0; 5]).expect("an echo");
        }
        // Silent connections hold no pipes.
        let now = open();
        assert!(now <= before + 2 * 100 + 2 * 2 * 64, "{now}");
    }
    until("pipes go", || open() <= before + 8);
}

#[test]
fn faults_have_a_place() {
    let scratch = Scratch::new();
    let path = scratch.join("proxy.toml");
    let check = |web: &str, more: &str| {
        let text = format!(
            "[listener.web]\naddress = \"127.0.0.1:0\"\n{web}\n[cluster.db]\nendpoints = [\"a:1\"]\n{more}"
        );
        std::fs::write(&path, text).expect("a file");
        edgekit(["proxy", "check", "--config", path.to_str().expect("text")])
    };
    let tcp = "protocol = \"tcp\"\n";
    check(&format!("{tcp}cluster = \"db\""), "").ends(0);
    let route = "[route.r]\nlisteners = [\"web\"]\ncluster = \"db\"\n";
    let cases = [
        (tcp.to_owned(), "", "proxy.toml:3:", "nowhere to pass connections on to"),
        ("cluster = \"db\"".to_owned(), "", "proxy.toml:3:", "speaks HTTP"),
        (format!("{tcp}cluster = \"dp\""), "", "proxy.toml:4:", "did you mean 'db'?"),
        (format!("{tcp}server_names = [\"a.example\"]"), "", "proxy.toml:4:", "names no cluster"),
        (format!("{tcp}cluster = \"db\""), route, "proxy.toml:8:", "it has no requests"),
        (
            String::new(),
            "proxy_protocol = \"v1\"\n[route.r]\ncluster = \"db\"\n",
            "proxy.toml:6:",
            "many clients",
        ),
    ];
    for (web, more, place, words) in cases {
        let said = check(&web, more).ends(78);
        assert!(said.err.contains(place) && said.err.contains(words), "{web}{more}\n{}", said.err);
    }
}
