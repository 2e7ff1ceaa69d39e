//! A new process takes over: nothing fails under load, nothing changes where it cannot. The short form of row 5.10.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Signal, test_kill_process};
use rustls::HandshakeKind;

use super::daemon::Proxy;
use super::origin::{PATIENCE, find, read_head};
use super::world::{Authority, Secure, until, write};
use crate::harness::Scratch;

const HELLO: &str = "[route.all]\nstatus = 200\nbody = \"hello\"\n";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// One request on one connection; whether another may follow.
fn ask(stream: &mut TcpStream, seen: &mut Vec<u8>) -> bool {
    stream.write_all(GET).expect("it takes a request");
    let end = read_head(stream, seen).expect("an answer");
    let head = String::from_utf8(seen.drain(..end).collect()).expect("text");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    while seen.len() < 5 {
        let mut bytes = [0; 64];
        let length = stream.read(&mut bytes).expect("a body");
        assert!(length > 0, "the body broke off");
        seen.extend_from_slice(&bytes[..length]);
    }
    assert_eq!(seen.drain(..5).collect::<Vec<u8>>(), b"hello");
    !head.contains("connection: close\r\n")
}

/// A client until it is told to stop; how many answers it got.
fn client(address: SocketAddr, over: &Arc<AtomicBool>, keeps: bool) -> JoinHandle<u64> {
    let over = over.clone();
    thread::spawn(move || {
        let mut count = 0;
        while !over.load(Ordering::SeqCst) {
            let mut stream = TcpStream::connect(address).expect("it accepts");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            let mut seen = Vec::new();
            while ask(&mut stream, &mut seen) {
                count += 1;
                thread::sleep(Duration::from_millis(if keeps { 2 } else { 20 }));
                if !keeps || over.load(Ordering::SeqCst) {
                    break;
                }
            }
        }
        count
    })
}

fn websocket(proxy: &Proxy) -> TcpStream {
    let mut client = proxy.client();
    client.send(b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    client.stream
}

fn is_alive(socket: &mut TcpStream) -> bool {
    let mut bytes = [0; 4];
    socket.write_all(b"ping").is_ok() && socket.read_exact(&mut bytes).is_ok() && bytes == *b"ping"
}

#[test]
fn upgrades_and_reloads_under_load_fail_nothing() {
    let chat = super::load::echo();
    let text = |number: usize| {
        format!(
            "{HELLO}response_headers = [\"x-number: {number}\"]\n[cluster.chat]\nendpoints = [\"{}\"]\n\
             [route.chat]\npath = \"/chat\"\ncluster = \"chat\"\nupgrade = [\"websocket\"]\n",
            chat.address
        )
    };
    let proxy = Proxy::with(&text(0));
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..6).map(|number| client(proxy.address, &over, number < 4)).collect();
    let mut socket = websocket(&proxy);
    let mut counted = 0;
    for round in 1..=5 {
        for number in 0..6 {
            proxy.write(&text(round * 10 + number));
            proxy.reload().ends(0);
        }
        assert!(is_alive(&mut socket), "a reload is nothing to a WebSocket");
        let before = proxy.serving();
        let said = proxy.upgrade(&[]).ends(0);
        assert!(said.out.contains("has taken over"), "{}", said.out);
        assert_ne!(proxy.serving(), before);
        // What was counted is not forgotten.
        let now = proxy.metric("edgekit_proxy_requests_total{route=\"all\",status=\"2xx\"}");
        assert!(now >= counted, "{now} after {counted}");
        counted = now;
        // It lives on in the old process.
        assert!(is_alive(&mut socket), "after upgrade {round}");
        thread::sleep(Duration::from_millis(100));
    }
    over.store(true, Ordering::SeqCst);
    let answered: u64 = clients.into_iter().map(|client| client.join().expect("nothing failed")).sum();
    assert!(answered > 500, "{answered}");
    drop(socket);
    // All of it was counted by somebody, and told to the last of them.
    let total = || proxy.metric("edgekit_proxy_requests_total{route=\"all\",status=\"2xx\"}");
    until("all is counted", || total() >= answered);
    assert!(total() <= answered + 6 * 6, "{} of {answered}", total());
}

#[test]
fn tickets_are_read_by_the_new_process_unless_trust_changed() {
    let (ca, people, files) = (Authority::new(), Authority::new(), Scratch::new());
    let (chain, key) = ca.issue(&["a.example"]).write(&files, "a");
    let trusted = write(&files, "people.pem", &people.pem());
    let proxy = Proxy::with(&format!(
        "tls.cert_files = [{chain:?}]\ntls.key_files = [{key:?}]\ntls.client_ca_file = {trusted:?}\n\
         tls.client_auth = \"optional\"\n{HELLO}"
    ));
    let config = ca.client(None, &[]);
    let connect = || {
        let mut client = Secure::connect(proxy.address, &config, "a.example").expect("a handshake");
        let asked = client.ask(std::str::from_utf8(GET).expect("text")).expect("an answer");
        assert_eq!(asked.1, "hello");
        client.stream.conn.handshake_kind()
    };
    assert_eq!(connect(), Some(HandshakeKind::Full));
    assert_eq!(connect(), Some(HandshakeKind::Resumed));
    for _ in 0..2 {
        proxy.upgrade(&[]).ends(0);
        assert_eq!(connect(), Some(HandshakeKind::Resumed), "{}", proxy.log());
    }
    // A session is not verified again: who is trusted must be the same.
    write(&files, "other.pem", &Authority::new().pem());
    let text = fs::read_to_string(proxy.scratch.join("proxy.toml")).expect("a file");
    let other =
        text.replace(trusted.to_str().expect("text"), files.join("other.pem").to_str().expect("text"));
    fs::write(proxy.scratch.join("proxy.toml"), other).expect("a file");
    proxy.upgrade(&[]).ends(0);
    // The process before may take one more connection until its workers have heard that it is over.
    until("a session is not resumed", || connect() == Some(HandshakeKind::Full));
}

#[test]
fn what_needs_a_restart_comes_with_an_upgrade() {
    let mut proxy = Proxy::with(HELLO);
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    // Other workers, one more listener: the sockets that were there are served by all of them.
    for workers in [3, 1, 2] {
        let more = format!("[listener.more]\naddress = \"{free}\"\n{HELLO}");
        let file = format!("workers = {workers}\n[listener.web]\naddress = \"127.0.0.1:0\"\n{more}");
        fs::write(proxy.scratch.join("proxy.toml"), file).expect("a file");
        proxy.upgrade(&[]).ends(0);
        assert_eq!(proxy.status()["detail"]["workers"], workers);
        for _ in 0..20 {
            assert!(proxy.exchange(GET).ends_with("hello"));
        }
        let mut other = TcpStream::connect(free).expect("it accepts");
        assert!(ask(&mut other, &mut Vec::new()));
    }
    // By a signal; the old one goes in time.
    let before = proxy.serving().expect("a process");
    proxy.signal(Signal::USR2);
    until("the signal is heeded", || proxy.serving() != Some(before));
    assert!(proxy.exchange(GET).ends_with("hello"));
    until("the old one is gone", || test_kill_process(before).is_err());
    // So is the first of them, which is our child.
    assert_eq!(proxy.ended(), Some(0), "{}", proxy.log());
    proxy.signal(Signal::TERM);
    until("the last one ends", || proxy.serving().is_none());
}

#[test]
fn a_new_process_that_cannot_serve_changes_nothing() {
    let proxy = Proxy::with(HELLO);
    let before = proxy.serving();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let cases = [
        ("[route.all]\nstauts = 200\n".to_owned(), "proxy.toml:4:1: unknown key 'stauts'"),
        (format!("[listener.b]\naddress = \"{address}\"\n{HELLO}"), "cannot listen on"),
    ];
    for (text, reason) in cases {
        proxy.write(&text);
        let said = proxy.upgrade(&[]).ends(1);
        assert!(said.out.contains("serves on as it was") && said.out.contains(reason), "{said:?}");
        assert_eq!(proxy.serving(), before);
        assert!(proxy.exchange(GET).ends_with("hello"));
    }
    proxy.write(HELLO);
    // It can still be told to, and does it.
    proxy.upgrade(&[]).ends(0);
    assert_ne!(proxy.serving(), before);
}

#[test]
fn a_file_that_crashes_is_left_and_one_that_serves_is_put_to_the_test() {
    let folder = Scratch::new();
    let place = folder.join("edgekit");
    symlink(crate::harness::binary(), &place).expect("a link");
    let proxy = Proxy::by(&place, &format!("[listener.web]\naddress = \"127.0.0.1:0\"\n{HELLO}"));
    let before = proxy.serving();
    let replace = |target: &std::path::Path| {
        symlink(target, folder.join("next")).expect("a link");
        fs::rename(folder.join("next"), &place).expect("a name");
    };
    let script = folder.join("crash");
    for (text, reason) in [
        ("#!/bin/sh\necho 'out of luck' >&2\nexit 3\n", "exit code 3: out of luck"),
        ("#!/bin/sh\nkill -SEGV $$\n", "signal: 11"),
    ] {
        fs::write(&script, text).expect("a file");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
        replace(&script);
        let said = proxy.upgrade(&["--json"]).ends(1);
        let verdict: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        assert_eq!((&verdict["verdict"], &verdict["daemon"]), (&"refused".into(), &"proxy".into()));
        assert!(verdict["error"].as_str().expect("a reason").contains(reason), "{verdict}");
        assert_eq!(proxy.serving(), before);
        assert!(proxy.exchange(GET).ends_with("hello"));
    }
    // One that serves, but not for long, is not trusted with everything.
    let dies = format!(
        "#!/bin/sh\n(sleep 0.6; kill -KILL $$) >&- 2>&- &\nexec {:?} \"$@\"\n",
        crate::harness::binary()
    );
    fs::write(&script, dies).expect("a file");
    let said = proxy.upgrade(&["--probation", "5s"]).ends(1);
    assert!(said.out.contains("signal: 9"), "{said:?}");
    assert_eq!(proxy.serving(), before);
    for _ in 0..10 {
        assert!(proxy.exchange(GET).ends_with("hello"));
    }
    replace(&crate::harness::binary());
    proxy.upgrade(&["--probation", "200ms"]).ends(0);
    assert_ne!(proxy.serving(), before);
}

#[test]
fn nothing_secret_is_said() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let (chain, key) = ca.issue(&["a.example"]).write(&files, "a");
    let proxy = Proxy::with(&format!("tls.cert_files = [{chain:?}]\ntls.key_files = [{key:?}]\n{HELLO}"));
    proxy.upgrade(&[]).ends(0);
    let pid = proxy.serving().expect("a process").as_raw_nonzero();
    let environment = fs::read(format!("/proc/{pid}/environ")).expect("its environment");
    let at = find(&environment, b"EDGEKIT_HANDOVER=").expect("who handed over");
    let value: Vec<u8> = environment[at..].iter().copied().take_while(|byte| *byte != 0).collect();
    assert!(value.len() < 32, "a number and nothing else");
    // Nothing that the old process had open is left but what it handed over.
    let stdin = fs::read_link(format!("/proc/{pid}/fd/0")).expect("a descriptor");
    assert_eq!(stdin.to_str(), Some("/dev/null"));
}
