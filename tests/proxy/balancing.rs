//! Endpoints share the work as configured, and those that are ill are left out.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use edgekit_core::Clock;

use super::daemon::{Client, Proxy, file};
use super::origin::{Origin, PATIENCE, read_request};

/// Says its number to every request; ill ones say 503.
fn numbered(number: usize, ill: &Arc<AtomicBool>) -> Origin {
    let ill = ill.clone();
    Origin::new(move |mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            let status = if ill.load(Ordering::SeqCst) { "503 Ill" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 1\r\n\r\n{number}");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

struct Servers {
    origins: Vec<Origin>,
    ill: Vec<Arc<AtomicBool>>,
}

impl Servers {
    fn new(count: usize) -> Servers {
        let ill: Vec<Arc<AtomicBool>> = (0..count).map(|_| Arc::default()).collect();
        let origins = ill.iter().enumerate().map(|(number, ill)| numbered(number, ill)).collect();
        Servers { origins, ill }
    }

    /// The list of endpoints, each with these words.
    fn list(&self, words: &[&str]) -> String {
        let one = |(origin, words): (&Origin, &&str)| format!("\"{}{words}\"", origin.address);
        self.origins.iter().zip(words).map(one).collect::<Vec<_>>().join(", ")
    }

    fn proxy(&self, words: &[&str], keys: &str) -> Proxy {
        let list = self.list(words);
        Proxy::with(&format!("[route.all]\ncluster = \"app\"\n[cluster.app]\nendpoints = [{list}]\n{keys}\n"))
    }
}

fn ask(client: &mut Client, more: &str) -> String {
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{more}\r\n").as_bytes());
    client.answer().1
}

fn counts(client: &mut Client, times: usize) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for _ in 0..times {
        *counts.entry(ask(client, "")).or_default() += 1;
    }
    counts
}

/// Asks until only these answer.
fn until_only(client: &mut Client, wanted: &[&str]) {
    let began = Clock::system().monotonic();
    loop {
        let counts = counts(client, 20);
        let mut names: Vec<&str> = counts.keys().map(String::as_str).collect();
        edgekit_core::sort::natural(&mut names);
        if names == wanted {
            return;
        }
        assert!((Clock::system().monotonic() - began) < PATIENCE, "{counts:?}, not {wanted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn weights_and_keys_decide() {
    let servers = Servers::new(3);
    let proxy = servers.proxy(&["", " weight=2", " weight=5"], "");
    let counts = counts(&mut proxy.client(), 80);
    assert_eq!((counts["0"], counts["1"], counts["2"]), (10, 20, 50), "{counts:?}");
    for kind in ["ring", "maglev"] {
        let proxy = servers.proxy(&["", "", ""], &format!("balance = \"{kind}\"\nhash = \"header:x-user\""));
        let mut of: HashMap<usize, String> = HashMap::new();
        for round in 0..3 {
            // Other connections, on either worker: the same user finds the same server.
            let mut client = proxy.client();
            for user in 0..30 {
                let server = ask(&mut client, &format!("X-User: {user}\r\n"));
                assert_eq!(of.entry(user).or_insert(server.clone()), &server, "round {round}");
            }
        }
        let mut servers: Vec<&String> = of.values().collect();
        edgekit_core::sort::natural(&mut servers);
        servers.dedup();
        assert_eq!(servers.len(), 3, "{kind}");
    }
}

#[test]
fn the_busy_one_gets_less() {
    let slow = Origin::new(|mut stream| {
        let mut seen = Vec::new();
        while read_request(&mut stream, &mut seen).is_some() {
            std::thread::sleep(Duration::from_millis(100));
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow").is_err() {
                return;
            }
        }
    });
    let fast = Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfast");
    for kind in ["least-request", "peak-ewma"] {
        let proxy = Proxy::with(&format!(
            "[route.all]\ncluster = \"app\"\n[cluster.app]\nendpoints = [\"{}\", \"{}\"]\nbalance = \"{kind}\"\n",
            slow.address, fast.address
        ));
        let clients: Vec<_> = (0..8).map(|_| proxy.client()).collect();
        let (slows, all) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for mut client in clients {
                let (slows, all) = (&slows, &all);
                scope.spawn(move || {
                    for _ in 0..25 {
                        slows.fetch_add(usize::from(ask(&mut client, "") == "slow"), Ordering::SeqCst);
                        all.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(4));
                    }
                });
            }
        });
        let (slows, all) = (slows.into_inner(), all.into_inner());
        assert!(slows * 3 < all, "{kind}: {slows} of {all}");
    }
}

#[test]
fn who_fails_its_checks_is_left_out_and_comes_back() {
    let servers = Servers::new(3);
    let keys =
        "health = { kind = \"http\", path = \"/well\", interval = \"30ms\", ill_after = 2, well_after = 2 }";
    let proxy = servers.proxy(&["", "", " priority=1"], keys);
    let mut client = proxy.client();
    until_only(&mut client, &["0", "1"]);
    servers.ill[0].store(true, Ordering::SeqCst);
    until_only(&mut client, &["1"]);
    servers.ill[1].store(true, Ordering::SeqCst);
    until_only(&mut client, &["2"]);
    servers.ill[0].store(false, Ordering::SeqCst);
    servers.ill[1].store(false, Ordering::SeqCst);
    until_only(&mut client, &["0", "1"]);
    // Nobody is well: all of the first are asked.
    servers.ill.iter().for_each(|ill| ill.store(true, Ordering::SeqCst));
    until_only(&mut client, &["0", "1"]);
    std::thread::sleep(Duration::from_millis(200));
    until_only(&mut client, &["0", "1"]);
    assert!(proxy.log().contains("an endpoint is ill"), "{}", proxy.log());
}

#[test]
fn who_answers_badly_is_left_out_for_a_while() {
    let servers = Servers::new(3);
    let proxy = servers.proxy(&["", "", ""], "outlier = { errors = 3, eject = \"300ms\" }");
    let mut client = proxy.client();
    servers.ill[1].store(true, Ordering::SeqCst);
    until_only(&mut client, &["0", "2"]);
    assert!(proxy.metric("edgekit_proxy_ejections_total") >= 1);
    servers.ill[1].store(false, Ordering::SeqCst);
    until_only(&mut client, &["0", "1", "2"]);
}

#[test]
fn a_running_proxy_shows_its_routes_and_clusters() {
    let servers = Servers::new(2);
    let proxy = servers.proxy(&[" weight=2", " priority=1"], "outlier.errors = 1");
    servers.ill[0].store(true, Ordering::SeqCst);
    until_only(&mut proxy.client(), &["1"]);
    let say = |words: &[&str]| {
        let mut command = std::process::Command::new(crate::harness::binary());
        command.arg("proxy").args(words).env("RUNTIME_DIRECTORY", proxy.scratch.path());
        crate::harness::say(&mut command).ends(0).out
    };
    assert_eq!(say(&["routes"]), "all: * /* -> app\n");
    let shown = say(&["clusters"]);
    assert!(shown.starts_with("app (round-robin)\n    127.0.0.1:"), "{shown}");
    assert!(shown.contains(" weight=2 ejected, 0 in flight, ") && shown.contains(", back in "), "{shown}");
    assert!(shown.contains(" priority=1 well, 0 in flight, "), "{shown}");
    let json: serde_json::Value = serde_json::from_str(&say(&["clusters", "--json"])).unwrap();
    assert_eq!(json["schema"], "edgekit.proxy.cluster/1");
    assert_eq!(json["endpoints"][0]["health"], "ejected");
    let json: serde_json::Value = serde_json::from_str(&say(&["routes", "--json"])).unwrap();
    assert_eq!((&json["name"], &json["does"]), (&"all".into(), &"app".into()));
}

/// A proxy in the zone 'here'.
fn in_zone(list: &str, keys: &str) -> Proxy {
    let cluster = format!("[cluster.app]\nendpoints = [{list}]\n{keys}\n");
    Proxy::whole(&format!("zone = \"here\"\n{}", file(&format!("[route.all]\ncluster = \"app\"\n{cluster}"))))
}

#[test]
fn requests_leave_their_zone_only_as_it_fails() {
    let servers = Servers::new(4);
    let list = servers.list(&[" zone=here", " zone=here", " zone=there", " zone=there"]);
    let keys = "health = { kind = \"http\", interval = \"30ms\", ill_after = 1, well_after = 1 }";
    let proxy = in_zone(&list, keys);
    let mut client = proxy.client();
    until_only(&mut client, &["0", "1"]);
    servers.ill[0].store(true, Ordering::SeqCst);
    until_only(&mut client, &["1", "2", "3"]);
    // Half of it is well, and carries 1.4 times as much; 5 deviations are 46 of 400.
    let counts = counts(&mut client, 400);
    assert!((234..326).contains(&counts["1"]), "{counts:?}");
    let mut command = std::process::Command::new(crate::harness::binary());
    command.args(["proxy", "clusters"]).env("RUNTIME_DIRECTORY", proxy.scratch.path());
    let shown = crate::harness::say(&mut command).ends(0).out;
    assert!(shown.starts_with("app (round-robin), 70 % stay in zone here\n"), "{shown}");
    assert!(shown.contains(" zone=here ill, ") && shown.contains(" zone=there well, "), "{shown}");
    servers.ill[1].store(true, Ordering::SeqCst);
    until_only(&mut client, &["2", "3"]);
    servers.ill[0].store(false, Ordering::SeqCst);
    servers.ill[1].store(false, Ordering::SeqCst);
    until_only(&mut client, &["0", "1"]);
}

#[test]
fn another_zone_helps_out_where_nobody_looked_before() {
    let servers = Servers::new(1);
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let list = format!("\"{nobody} zone=here\", {}", servers.list(&[" zone=there"]));
    let proxy = in_zone(&list, "");
    assert_eq!(counts(&mut proxy.client(), 20), HashMap::from([("0".to_owned(), 20)]));
}
