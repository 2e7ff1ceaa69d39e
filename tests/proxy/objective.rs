//! Promises of routes: past its budget a route does without, and comes back by itself.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::daemon::{Client, Proxy};
use super::origin::{Origin, read_request};
use super::world::until;

/// A server that fails while the flag is up.
fn wavering() -> (Origin, Arc<AtomicBool>) {
    let ill = Arc::new(AtomicBool::new(false));
    let flag = ill.clone();
    let origin = Origin::new(move |mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            let status = if flag.load(Ordering::SeqCst) { "500 Ill" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nmain");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    (origin, ill)
}

fn proxy(origin: &Origin, objective: &str, more: &str) -> Proxy {
    Proxy::with(&format!(
        "[route.all]\ncluster = \"app\"\n[route.all.objective]\ntarget = \"90%\"\nwindow = \"1h\"\nover = \"1s\"\n\
         burn = 5\nleast = 5\nrecover = \"300ms\"\n{objective}\n[cluster.app]\nendpoints = [\"{}\"]\n{more}",
        origin.address
    ))
}

fn ask(client: &mut Client, method: &str) -> (u16, String) {
    client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").as_bytes());
    client.answer()
}

fn objective(proxy: &Proxy) -> Value {
    proxy.status()["detail"]["routes"][0]["objective"].clone()
}

fn is_past(proxy: &Proxy) -> bool {
    proxy.metric("edgekit_proxy_route_degraded{route=\"all\"}") == 1
}

#[test]
fn a_route_past_its_budget_sheds_and_comes_back() {
    let (origin, ill) = wavering();
    let proxy = proxy(&origin, "degrade = [\"shed\"]\nshare = \"99%\"", "");
    let mut client = proxy.client();
    assert_eq!(ask(&mut client, "GET").0, 200);
    assert!(!is_past(&proxy));
    ill.store(true, Ordering::SeqCst);
    until("past its budget", || {
        assert!(matches!(ask(&mut client, "POST").0, 200 | 500));
        is_past(&proxy)
    });
    let shown = objective(&proxy);
    assert!(shown["past_seconds"].is_number() && shown["budget_left"].as_f64() < Some(1.0), "{shown}");
    assert_eq!(shown["target"], "90%");
    // What may be repeated is told to come again; what may not is let through.
    let mut shed = 0;
    for _ in 0..50 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head();
        if head.starts_with("HTTP/1.1 503 ") {
            assert!(head.contains("retry-after: 1\r\n"), "{head}");
            client.bytes("Service Unavailable".len());
            shed += 1;
        } else {
            client.bytes(4);
        }
    }
    assert!(shed >= 40, "{shed}");
    assert_eq!(ask(&mut client, "POST").0, 500);
    let bad = objective(&proxy)["bad"].as_u64();
    assert_eq!(proxy.metric("edgekit_proxy_faults_total{reason=\"budget\"}"), shed);
    assert_eq!(proxy.metric("edgekit_proxy_objective_apart_total{route=\"all\"}"), shed);
    // What was refused is not held against the server.
    assert!(bad < Some(proxy.metric("edgekit_proxy_requests_total{route=\"all\",status=\"5xx\"}")));
    ill.store(false, Ordering::SeqCst);
    until("well again", || {
        assert_eq!(ask(&mut client, "POST").0, 200);
        !is_past(&proxy)
    });
    assert!((0..50).all(|_| ask(&mut client, "GET").0 == 200));
    let log = proxy.log();
    assert!(log.contains("the route is past its budget") && log.contains("keeps its promise again"), "{log}");
}

#[test]
fn another_cluster_answers_meanwhile() {
    let (origin, ill) = wavering();
    let spare = Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nspare");
    let more = format!("[cluster.spare]\nendpoints = [\"{}\"]\n", spare.address);
    let proxy = proxy(&origin, "degrade = [\"fallback\"]\nshare = \"80%\"\nfallback = \"spare\"", &more);
    let mut client = proxy.client();
    ill.store(true, Ordering::SeqCst);
    until("past its budget", || {
        ask(&mut client, "GET");
        is_past(&proxy)
    });
    let spared = (0..100).filter(|_| ask(&mut client, "POST").1 == "spare").count();
    assert!((55..=97).contains(&spared), "{spared}");
    ill.store(false, Ordering::SeqCst);
    until("well again", || {
        ask(&mut client, "GET");
        !is_past(&proxy)
    });
    assert!((0..50).all(|_| ask(&mut client, "GET").1 == "main"));
    let upstream = "edgekit_proxy_upstream_duration_seconds_count{cluster=\"spare\",status=\"2xx\"}";
    assert!(proxy.metric(upstream) >= spared as u64);
}

#[test]
fn second_tries_stop_while_the_budget_is_spent() {
    let (origin, ill) = wavering();
    let retry = "degrade = [\"retries\"]\n[route.all.retry]\non = [\"5xx\"]\nattempts = 1\nbackoff = \"0\"\n\
                 budget = \"100%\"\nbudget_least = 10000";
    let proxy = proxy(&origin, retry, "");
    let mut client = proxy.client();
    ill.store(true, Ordering::SeqCst);
    until("past its budget", || {
        ask(&mut client, "GET");
        is_past(&proxy)
    });
    let before = proxy.metric("edgekit_proxy_retries_total");
    assert!(before > 0);
    (0..20).for_each(|_| assert_eq!(ask(&mut client, "GET").0, 500));
    assert_eq!(proxy.metric("edgekit_proxy_retries_total"), before);
}

#[test]
fn late_answers_spend_the_budget() {
    let slow = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            std::thread::sleep(std::time::Duration::from_millis(30));
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    });
    let proxy = proxy(&slow, "latency = \"10ms\"", "");
    let mut client = proxy.client();
    until("past its budget", || {
        assert_eq!(ask(&mut client, "GET").0, 200);
        is_past(&proxy)
    });
}
