//! Start, reload and drain; what a configuration's faults look like.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::daemon::Proxy;
use super::origin::{Origin, read_request};
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
