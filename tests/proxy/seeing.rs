//! What operators see: lines of their own making, and numbers as they change.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::daemon::Proxy;
use super::origin::{Origin, PATIENCE};
use super::world::until;
use crate::harness::{Scratch, binary, say};

fn top(proxy: &Proxy, words: &[&str]) -> crate::harness::Said {
    let mut command = Command::new(binary());
    command.args(["proxy", "top", "--interval", "300ms"]).args(words);
    say(command.env("RUNTIME_DIRECTORY", proxy.scratch.path()))
}

#[test]
fn what_goes_on_is_shown() {
    let origin = Origin::mirror();
    let proxy = Proxy::with(&format!(
        "[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\nobjective.target = \"99%\"\n\
         [route.ill]\npath = \"/ill\"\nstatus = 500\n",
        origin.address
    ));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = proxy.client();
            while !done.load(Ordering::SeqCst) {
                for path in ["/", "/ill"] {
                    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
                    client.answer();
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let lines = top(&proxy, &["--count", "2", "--json"]);
        let table = top(&proxy, &["--once"]);
        done.store(true, Ordering::SeqCst);
        let lines = lines.ends(0);
        let looks: Vec<serde_json::Value> =
            lines.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(looks.len(), 2, "{}", lines.out);
        let look = &looks[1];
        assert_eq!(look["schema"], "edgekit.proxy.top/1");
        let named = |kind: &str, name: &str| {
            let all = look[kind].as_array().unwrap();
            all.iter().find(|one| one["name"] == name).cloned().expect(name)
        };
        let (all, ill) = (named("routes", "all"), named("routes", "ill"));
        assert!(all["requests_per_second"].as_f64() > Some(5.0) && all["failed_per_second"] == 0.0, "{look}");
        assert_eq!(ill["requests_per_second"], ill["failed_per_second"]);
        assert!(all["p99_seconds"].is_number() && all["budget_left"] == 1.0, "{all}");
        assert!(named("clusters", "app")["p50_seconds"].as_f64() > Some(0.0));
        assert!(
            look["resident_bytes"].as_u64() > Some(1 << 20) && look["open"].as_u64() == Some(1),
            "{look}"
        );
        let table = table.ends(0);
        for wanted in ["requests/s", "\nROUTE ", "\nall ", "\nill ", "\nCLUSTER ", "\napp ", "100.0 %"] {
            assert!(table.out.contains(wanted), "{wanted} {}", table.out);
        }
    });
    assert_eq!(top(&proxy, &["--instance", "nobody"]).code, Some(69));
}

#[test]
fn a_terminal_is_given_back() {
    let proxy = Proxy::with("[route.all]\nstatus = 200\n");
    // script(1) gives it a terminal; what is typed comes through it.
    let mut child = Command::new("script")
        .args([
            "-qec",
            &format!("stty -g; {} proxy top --interval 100ms; stty -g", binary().display()),
            "/dev/null",
        ])
        .env("RUNTIME_DIRECTORY", proxy.scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script(1)");
    let mut typed = child.stdin.take().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    typed.write_all(b"q").unwrap();
    let shown = child.wait_with_output().unwrap();
    drop(typed);
    assert!(shown.status.success());
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("\x1b[?1049h\x1b[?25l") && shown.contains("requests/s"), "{shown:?}");
    let (_, after) = shown.split_once("\x1b[?25h\x1b[?1049l").expect("the screen is left");
    assert_eq!(shown.lines().next().map(str::trim), Some(after.trim()), "{shown:?}");
}

#[test]
fn lines_are_as_a_template_says_and_a_reload_brings_another() {
    let place = Scratch::new();
    let (path, origin) = (place.join("access.log"), Origin::mirror());
    let text = |template: &str| {
        format!(
            "[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n\
             [access_log]\npath = {path:?}\ntemplate = '{template}'\n",
            origin.address
        )
    };
    let mut proxy = Proxy::with(&text(r#"{"m":"$method","p":"$path","id":"${header:X-Id}","s":$status}"#));
    let ask = |proxy: &Proxy, id: &str| {
        let head = format!("GET /a?b HTTP/1.1\r\nHost: h\r\nx-id: {id}\r\nConnection: close\r\n\r\n");
        assert!(proxy.exchange(head.as_bytes()).starts_with("HTTP/1.1 200 "));
    };
    ask(&proxy, "\"7\"");
    proxy.write(&text("$$ $host $query $endpoint $fault"));
    proxy.reload().ends(0);
    ask(&proxy, "8");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.ended(), Some(0));
    let lines = std::fs::read_to_string(&path).unwrap();
    let (json, plain): (Vec<&str>, Vec<&str>) = lines.lines().partition(|line| line.starts_with('{'));
    let value: serde_json::Value = serde_json::from_str(json[0]).unwrap();
    assert_eq!(value, serde_json::json!({ "m": "GET", "p": "/a", "id": "\"7\"", "s": 200 }));
    assert_eq!(plain, [format!("$ h b {} -", origin.address)]);
}

/// The body of an answer over TCP, with its status.
fn ask_at(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    (status, body.to_owned())
}

#[test]
fn prometheus_may_ask_over_tcp_and_nobody_may_do_more() {
    let origin = Origin::mirror();
    let text = format!(
        "metrics_listen = \"127.0.0.1:0\"\n[listener.web]\naddress = \"127.0.0.1:0\"\n[cluster.app]\n\
         endpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n",
        origin.address
    );
    let proxy = Proxy::whole(&text);
    let log = proxy.log();
    let line = log.lines().find(|line| line.contains(" metrics ")).unwrap_or_else(|| panic!("{log}"));
    let (_, address) = line.split_once("address=").expect("an address");
    let address = address.split_whitespace().next().and_then(|word| word.trim_matches('"').parse().ok());
    let address = address.expect("an address");

    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().0, 200);
    // As Prometheus asks.
    let scrape = "GET /metrics HTTP/1.1\r\nHost: box:9100\r\nUser-Agent: Prometheus/3.5.0\r\n\
                  Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\
                  Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n";
    until("the request is counted", || {
        let (status, body) = ask_at(address, scrape);
        assert_eq!(status, 200);
        body.contains("\nedgekit_proxy_requests_total{route=\"all\"") && body.ends_with('\n')
    });
    for (what, wanted) in [
        ("GET /status", 404),
        ("POST /drain", 404),
        ("PUT /log-level", 404),
        ("POST /metrics", 405),
        ("get /", 400),
    ] {
        let (status, _) = ask_at(address, &format!("{what} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(status, wanted, "{what}");
    }
    let (status, _) = ask_at(address, &format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(9000)));
    assert_eq!(status, 431);

    // Who says nothing, or takes nothing, holds up nobody for long.
    let _silent: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(address).expect("it accepts")).collect();
    assert_eq!(ask_at(address, scrape).0, 200);

    // The process that takes over answers as well, and has not forgotten.
    let said = proxy.upgrade(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    until("the process after it answers", || {
        ask_at(address, scrape).1.contains("requests_total{route=\"all\"")
    });
}
