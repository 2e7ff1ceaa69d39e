//! Start, reload and drain; what a configuration's faults look like.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::daemon::Proxy;
use super::origin::{Origin, read_head, read_request};
use super::world::{Authority, until};
use crate::harness::{Scratch, edgekit};

#[test]
fn a_reload_under_load_fails_no_request() {
    let (one, two) = (
        Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"),
        Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"),
    );
    let text = |origin: &Origin| {
        format!("[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n", origin.address)
    };
    let proxy = Proxy::with(&text(&one));
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (mut client, over) = (proxy.client(), over.clone());
            std::thread::spawn(move || {
                let mut seen = (0, 0);
                while !over.load(Ordering::SeqCst) {
                    // Two thousand a second from all of them, not all that the machine can do.
                    std::thread::sleep(Duration::from_millis(2));
                    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                    match client.answer() {
                        (200, body) if body == "one" => seen.0 += 1,
                        (200, body) if body == "two" => seen.1 += 1,
                        other => panic!("{other:?}"),
                    }
                }
                seen
            })
        })
        .collect();
    for number in 0..10 {
        proxy.write(&text(if number % 2 == 0 { &two } else { &one }));
        assert!(proxy.reload().ends(0).out.contains("cluster.app.endpoints"));
    }
    // One with a fault changes nothing.
    proxy.write("[route.all]\ncluster = \"nowhere\"\n");
    let refused = proxy.reload().ends(1);
    assert!(format!("{refused:?}").contains("there is no cluster 'nowhere'"), "{refused:?}");
    std::thread::sleep(Duration::from_millis(50));
    over.store(true, Ordering::SeqCst);
    for client in clients {
        let (one, two) = client.join().expect("no request failed");
        assert!(one > 0 && two > 0, "{one} {two}");
    }
    // The same four connections all the time.
    assert_eq!(proxy.metric("edgekit_proxy_connections_total"), 4);
}

#[test]
fn what_needs_a_restart_is_said() {
    let proxy = Proxy::with("[route.all]\nstatus = 200\n");
    proxy.write("[listener.other]\naddress = \"127.0.0.1:0\"\n[route.all]\nstatus = 404\n");
    let said = proxy.reload().ends(0).out;
    assert!(said.contains("listener.other") && said.contains("route.all.status"), "{said}");
    let answer = proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
}

#[test]
fn a_drain_finishes_what_runs() {
    let origin = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            std::thread::sleep(Duration::from_millis(300));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        }
    });
    let mut proxy = Proxy::to(origin.address);
    let mut idle = proxy.client();
    idle.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.answer().0, 200);
    let mut busy = proxy.client();
    busy.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    proxy.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(50));
    // Who asks once more on a connection that was idle is answered, for the last time.
    idle.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(idle.head().contains("connection: close\r\n"));
    let head = busy.head();
    assert!(head.contains("connection: close\r\n"), "{head}");
    assert_eq!(busy.rest(), "ok");
    assert_eq!(idle.rest(), "ok");
    assert_eq!(proxy.ended(), Some(0), "{}", proxy.log());
}

/// A drain is no reason to take an answer, or a request, back.
#[test]
fn who_asks_at_the_moment_of_the_drain_is_not_reset() {
    let mut proxy = Proxy::with("[route.all]\nstatus = 200\nbody = \"hello\"\n");
    let clients: Vec<_> = (0..90_u64)
        .map(|number| {
            let mut client = proxy.client();
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.answer().0, 200);
            std::thread::spawn(move || {
                // All through the time in which idle connections are closed.
                std::thread::sleep(Duration::from_millis(100 + number * 9));
                let sent = client.stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                sent.expect("no connection is reset while a request may be on its way");
                let mut got = Vec::new();
                let read = std::io::Read::read_to_end(&mut client.stream, &mut got);
                read.expect("a clean end");
                match got.is_empty() {
                    true => false,
                    false => {
                        let text = String::from_utf8(got).expect("text");
                        assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("hello"), "{text}");
                        true
                    }
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    let said = proxy.verb(&["drain", "--deadline", "20s"]).ends(0);
    assert_eq!((said.out.as_str(), said.err.contains("within 20s")), ("proxy: drained\n", true), "{said:?}");
    let answered: Vec<bool> = clients.into_iter().map(|client| client.join().expect("no reset")).collect();
    // Some were in time, some came after the end of their connection.
    assert!(answered.contains(&true) && answered.contains(&false), "{answered:?}");
    assert_eq!(proxy.ended(), Some(0), "{}", proxy.log());
}

#[test]
fn a_drain_refuses_who_is_new_and_gives_upgraded_connections_its_time() {
    let origin = Origin::new(|mut stream| {
        if read_head(&mut stream, &mut Vec::new()).is_some() {
            let switch = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
            drop(stream.write_all(switch.as_bytes()));
            let mut bytes = [0; 64];
            while let Ok(length @ 1..) = std::io::Read::read(&mut stream, &mut bytes) {
                drop(stream.write_all(&bytes[..length]));
            }
        }
    });
    let mut proxy = Proxy::with(&format!(
        "[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\nupgrade = [\"websocket\"]\n",
        origin.address
    ));
    let mut socket = proxy.client();
    socket.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert!(socket.head().starts_with("HTTP/1.1 101 "));
    proxy.verb(&["drain", "--deadline", "1500ms", "--no-wait"]).ends(0);
    until("new ones are refused", || std::net::TcpStream::connect(proxy.address).is_err());
    std::thread::sleep(Duration::from_millis(600));
    socket.send(b"ping");
    assert_eq!(socket.bytes(4), b"ping");
    let said = proxy.verb(&["status"]).ends(1);
    assert!(said.out.contains("draining"), "{}", said.out);
    assert_eq!(proxy.ended(), Some(0), "{}", proxy.log());
    assert_eq!(proxy.verb(&["status"]).code, Some(69));
}

#[test]
fn what_a_reload_would_change_is_shown() {
    let proxy = Proxy::with(
        "[route.all]\nstatus = 200\n[route.old]\npath = \"/old\"\nstatus = 404\n\
         [cluster.app]\nendpoints = [\"127.0.0.1:1\"]\n",
    );
    let path = proxy.scratch.join("proxy.toml");
    let path = path.to_str().expect("text");
    let diff = || proxy.verb(&["check", "--config", path, "--diff"]).ends(0).out;
    assert_eq!(diff(), "proxy: runs by the same\n");
    let new = "[route.all]\nstatus = 503\n[route.new]\npath = \"/new\"\nstatus = 200\n\
               [cluster.app]\nendpoints = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n\
               [listener.more]\naddress = \"127.0.0.1:0\"\n";
    proxy.write(new);
    let waits = "added listener.more (needs 'edgekit upgrade proxy' or a restart)\n";
    let shown = diff();
    for line in [
        "changed route.all.status: 200 -> 503\n",
        "removed route.old\n",
        "added route.new\n",
        "changed cluster.app.endpoints: [\"127.0.0.1:1\"] -> [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n",
        waits,
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
    // Looking changes nothing; a reload changes what it can, and the rest still waits.
    assert!(proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 200 "));
    proxy.reload().ends(0);
    assert_eq!(diff(), waits);
    proxy.upgrade(&[]).ends(0);
    assert_eq!(diff(), "proxy: runs by the same\n");
    proxy.write("[route.all]\nstauts = 200\n");
    let said = proxy.verb(&["check", "--config", path, "--diff", "--json"]).ends(78);
    assert!(said.err.contains("proxy.toml:4:1: unknown key 'stauts'"), "{}", said.err);
}

#[test]
fn a_reload_with_a_fault_says_where_and_changes_nothing() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let (chain, _) = ca.issue(&["a.example"]).write(&files, "a");
    let proxy = Proxy::with("[route.all]\nstatus = 200\nbody = \"first\"\n");
    let before = proxy.status()["detail"]["snapshot"].clone();
    let other = "[route.all]\nstatus = 404\n";
    let at = |more: &str| format!("[listener.more]\n{more}{other}");
    let cases = [
        ("[route.all]\nstauts = 200\n".to_owned(), "proxy.toml:4:1: unknown key 'stauts'"),
        ("[route.all\nstatus = 200\n".to_owned(), "proxy.toml:3:"),
        ("[route.all]\ncluster = \"nowhere\"\n".to_owned(), "proxy.toml:4:1: there is no cluster 'nowhere'"),
        (
            at("address = \"127.0.0.1:81\"\n[listener.third]\naddress = \"0.0.0.0:81\"\n"),
            "proxy.toml:6:1: listener",
        ),
        (
            at("address = \"127.0.0.1:81\"\n[listener.third]\naddress = \"[::]:81\"\n"),
            "proxy.toml:6:1: listener",
        ),
        (format!("tls.cert_files = [{chain:?}]\n{other}"), "proxy.toml:3:5: "),
        (format!("[access_log]\npath = \"/nonexistent/log\"\n{other}"), "/nonexistent/log"),
    ];
    for (text, reason) in cases {
        proxy.write(&text);
        let said = proxy.reload().ends(1);
        assert!(said.out.contains("proxy: refused: ") && said.out.contains(reason), "{text}{said:?}");
        assert_eq!(proxy.status()["detail"]["snapshot"], before, "{text}");
        assert!(proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("first"));
    }
}

#[test]
fn a_name_that_nobody_knows_is_told_and_harms_nobody() {
    let (scratch, name) = (Scratch::new(), "no-such-host.invalid");
    let text = format!(
        "[cluster.lost]\nendpoints = [\"{name}:80\"]\n[route.lost]\npath = \"/lost\"\ncluster = \"lost\"\n\
         [route.all]\nstatus = 200\n"
    );
    let path = scratch.join("proxy.toml");
    std::fs::write(&path, format!("[listener.web]\naddress = \"127.0.0.1:0\"\n{text}")).expect("a file");
    let said = edgekit(["proxy", "check", "--config", path.to_str().expect("text")]).ends(0);
    assert!(said.err.contains(&format!("proxy.toml:4:1: cannot look '{name}' up: ")), "{}", said.err);
    let proxy = Proxy::with(&text);
    assert!(proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 200 "));
    assert!(proxy.exchange(b"GET /lost HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 503 "));
    until("it is told", || proxy.log().contains(&format!("cannot look '{name}' up: ")));
}

#[test]
fn two_proxies_do_not_share_a_port_by_chance() {
    let proxy = Proxy::with("[route.all]\nstatus = 200\n");
    let address = proxy.address.to_string();
    let said = edgekit(["proxy", "--listen", &address, "--to", "http://127.0.0.1:1"]).ends(75);
    assert!(said.err.contains(&format!("cannot listen on {address}: address ")), "{}", said.err);
}

#[test]
fn lines_are_logged() {
    let scratch = Scratch::new();
    let path = scratch.join("access.log");
    let mut proxy = Proxy::with(&format!(
        "[route.all]\nstatus = 200\nbody = \"hello\"\n[access_log]\npath = {path:?}\nformat = \"json\"\n"
    ));
    let mut client = proxy.client();
    client.send(b"GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nUser-Agent: \"t\"\r\n\r\n");
    assert_eq!(client.answer(), (200, "hello".to_owned()));
    drop(client);
    // A file that was moved away is made anew.
    std::fs::rename(&path, scratch.join("old.log")).unwrap();
    proxy.reload().ends(0);
    let _bad = proxy.exchange(b"GET / HTTP/9.9\r\n\r\n");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.ended(), Some(0));
    let lines = [scratch.join("old.log"), path].map(|path| std::fs::read_to_string(path).unwrap()).concat();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Two workers hand their lines over in their own time.
    let with = |status: u16| lines.iter().find(|line| line["status"] == status).expect("a line");
    assert_eq!(lines.len(), 2, "{lines:?}");
    let line = with(200);
    assert_eq!((&line["target"], &line["agent"]), (&"/a?b=c".into(), &"\"t\"".into()));
    assert_eq!((&line["sent"], &line["route"]), (&5.into(), &"all".into()));
    assert_eq!(with(505)["fault"], "version");
}

#[test]
fn routes_decide_by_host_path_and_method() {
    let proxy = Proxy::with(
        "[route.all]\nstatus = 404\nbody = \"all\"\n\
         [route.api]\nhosts = [\"*.example.com\"]\npath = \"/api\"\nmethods = [\"GET\"]\nstatus = 200\nbody = \"api\"\n\
         response_headers = [\"x-edge: yes\"]\n",
    );
    let mut client = proxy.client();
    client.send(b"GET /api/x HTTP/1.1\r\nHost: a.example.com:80\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("x-edge: yes\r\n"), "{head}");
    assert_eq!(client.bytes(3), b"api");
    for request in ["GET /api", "GET /apix", "POST /api"] {
        let host = if request == "GET /api" { "example.com" } else { "a.example.com" };
        client.send(format!("{request} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        // The whole of *.example.com knows only /api.
        let status = client.answer().0;
        assert_eq!(status, 404, "{request}");
    }
}

#[test]
fn faults_have_a_place_and_a_hint() {
    let scratch = Scratch::new();
    let path = scratch.join("proxy.toml");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        edgekit(["proxy", "check", "--config", path.to_str().unwrap()])
    };
    let web = "[listener.web]\naddress = \"127.0.0.1:0\"\n";
    let said = check(&format!("{web}[route.all]\nclutser = \"app\"\n")).ends(78);
    assert!(said.err.contains("proxy.toml:4:1: unknown key 'clutser'"), "{}", said.err);
    assert!(said.err.contains("hint: did you mean 'cluster'?"), "{}", said.err);
    let said = check(&format!("{web}tls_cert = \"/x\"\n[route.all]\nstatus = 200\n")).ends(78);
    assert!(said.err.contains("unknown key 'tls_cert'"), "{}", said.err);
    let said = check(&format!("{web}[cluster.app]\nendpoints = [\"a\"]\n")).ends(78);
    assert!(said.err.contains("'a' has no port"), "{}", said.err);
    let said =
        check(&format!("{web}[cluster.app]\nendpoints = [\"a:1\"]\n[route.r]\ncluster = \"ap\"\n")).ends(78);
    assert!(said.err.contains("hint: did you mean 'app'?"), "{}", said.err);
    assert!(check(&format!("{web}[route.all]\nstatus = 200\n")).ends(0).out.contains("no fault"));
}

#[test]
fn a_port_in_use_is_said_before_anything_runs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = edgekit(["proxy", "--listen", &address, "--to", "http://127.0.0.1:1"]).ends(75);
    assert!(said.err.contains(&format!("cannot listen on {address}: address ")), "{}", said.err);
}
