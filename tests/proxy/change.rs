//! Everything changes under load, and nobody notices: row 5.10, in its short form here and in whole for the bench.
//!
//! The load is 2,000 requests a second on kept connections, 100 new TLS connections a second, 20 WebSockets and 10
//! streams of HTTP/2 (`load.rs`). Certificates are replaced, the configuration is reloaded and new processes take
//! over meanwhile. What a client may notice: an answer that says `connection: close`, a GOAWAY.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustls::client::Resumption;
use serde_json::{Value, json};

use super::daemon::Proxy;
use super::load::{Load, now};
use super::world::{Authority, Issued, Secure};
use crate::harness::Scratch;

/// How much is changed.
struct Plan {
    rotations: usize,
    reloads: usize,
    upgrades: usize,
    /// Between two steps, so that the load meets each of them.
    pause: Duration,
}

/// The longest a certificate on disk may not be the one that is shown.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// A pair in one file: renamed over, behind a link, or written where it is.
fn replace(way: usize, folder: &Path, number: usize, pair: &Issued) {
    let both = format!("{}{}", pair.certificate, pair.key);
    let site = folder.join("site.pem");
    if way == 2 && !site.is_symlink() {
        return fs::write(site, both).expect("a file");
    }
    let place = folder.join(format!("generation-{number}"));
    fs::write(&place, both).expect("a file");
    if way == 1 {
        symlink(&place, folder.join("link")).expect("a link");
        fs::rename(folder.join("link"), site).expect("a name");
        // The one before the last is no longer read by anybody.
        let _absent = fs::remove_file(folder.join(format!("generation-{}", number.saturating_sub(6))));
    } else {
        fs::rename(place, site).expect("a name");
    }
}

/// KiB of private memory, and descriptors, of the process that serves.
fn size(proxy: &Proxy) -> (u64, u64) {
    let pid = proxy.serving().expect("a process").as_raw_nonzero();
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("its memory");
    let lines = text.lines().filter(|line| line.starts_with("Private_"));
    let memory = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum();
    (memory, fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count() as u64)
}

fn median(mut of: Vec<u64>) -> u64 {
    edgekit_core::sort::natural(&mut of);
    of.get(of.len() / 2).copied().unwrap_or(0)
}

/// What stands at the begin and at the end of a row of samples.
fn ends(samples: &[(u64, u64)], of: impl Fn(&(u64, u64)) -> u64) -> [u64; 2] {
    let tenth = (samples.len() / 10).clamp(1, 20);
    // The first few are of a process that has not seen all of the load.
    let early = samples.iter().skip(tenth).take(tenth.max(3)).map(&of).collect();
    let late = samples.iter().rev().take(tenth.max(3)).map(&of).collect();
    [median(early), median(late)]
}

/// Carries a plan out; gives what came of it.
fn run(plan: &Plan) -> Value {
    let (ca, files) = (Authority::new(), Scratch::new());
    replace(0, files.path(), 0, &ca.issue(&["a.example"]));
    let chat = super::load::echo();
    let file = |number: usize| {
        format!(
            "[listener.web]\naddress = \"127.0.0.1:0\"\n[listener.secure]\naddress = \"127.0.0.1:0\"\n\
             tls.cert_files = [{:?}]\n[route.all]\nstatus = 200\nbody = \"hello\"\n\
             response_headers = [\"x-number: {number}\"]\n[cluster.chat]\nendpoints = [\"{}\"]\n\
             [route.chat]\npath = \"/chat\"\ncluster = \"chat\"\nupgrade = [\"websocket\"]\n",
            files.join("site.pem"),
            chat.address
        )
    };
    let proxy = Proxy::whole(&file(0));
    let place = |name: &str| {
        let listeners = proxy.status()["detail"]["listeners"].as_array().cloned().expect("listeners");
        let found = listeners.into_iter().find(|one| one["name"] == name).expect("it listens");
        found["address"].as_str().expect("an address").parse().expect("an address")
    };
    let (web, secure) = (place("web"), place("secure"));
    let mut config = (*ca.client(None, &[])).clone();
    // Each connection shows the certificate of its time.
    config.resumption = Resumption::disabled();
    let config = std::sync::Arc::new(config);
    let load = Load::start(web, secure, config.clone());
    thread::sleep(plan.pause.max(Duration::from_millis(300)));
    let begin = now();
    let (mut served, mut reloads, mut upgrades, mut sizes) = (0, 0, 0, Vec::new());
    for number in 1..=plan.rotations.max(plan.reloads) {
        if number <= plan.rotations {
            let pair = ca.issue(&["a.example"]);
            replace(number % 3, files.path(), number, &pair);
            let written = now();
            while now() - written < SERVED_WITHIN {
                match Secure::connect(secure, &config, "a.example") {
                    Ok(client) if client.server_certificate() == *pair.der() => {
                        served += 1;
                        break;
                    }
                    Ok(_) => thread::sleep(Duration::from_millis(3)),
                    Err(error) => load.fail(format!("a handshake after rotation {number}: {error}")),
                }
            }
        }
        if number <= plan.reloads {
            fs::write(proxy.scratch.join("proxy.toml"), file(number)).expect("a file");
            let verdict: Value = serde_json::from_str(&proxy.ask("POST /reload")).expect("JSON");
            let applied = &verdict["services"][0]["applied"];
            if applied.as_array().is_some_and(|keys| keys.contains(&json!("route.all.response_headers"))) {
                reloads += 1;
            }
        }
        sizes.push(size(&proxy));
        thread::sleep(plan.pause);
    }
    load.expect_number(plan.reloads);
    // All this while nobody had a reason to close them.
    load.check_sockets();
    let mut grown = Vec::new();
    for number in 1..=plan.upgrades {
        let verdict: Value = serde_json::from_str(&proxy.ask("POST /upgrade")).expect("JSON");
        match verdict["verdict"] == "upgraded" {
            true => upgrades += 1,
            false => load.fail(format!("upgrade {number}: {verdict}")),
        }
        // They live on in the old process; then they end, so that it may.
        load.check_sockets();
        load.renew_sockets();
        thread::sleep(plan.pause.max(Duration::from_millis(250)));
        grown.push(size(&proxy));
    }
    let seconds = (now() - begin).as_secs_f64();
    let mut said = load.end();
    let [memory, after] = [ends(&sizes, |one| one.0), ends(&grown, |one| one.0)];
    let [descriptors, left] = [ends(&sizes, |one| one.1), ends(&grown, |one| one.1)];
    for (key, value) in [
        ("seconds", json!(seconds)),
        ("rotations", json!(plan.rotations)),
        ("served", json!(served)),
        ("reloads", json!(reloads)),
        ("upgrades", json!(upgrades)),
        ("memory_kib", json!(memory)),
        ("descriptors", json!(descriptors)),
        ("memory_of_processes_kib", json!(after)),
        ("descriptors_of_processes", json!(left)),
    ] {
        said[key] = value;
    }
    said
}

#[test]
fn nobody_notices_changes_under_load() {
    let plan = Plan { rotations: 12, reloads: 24, upgrades: 4, pause: Duration::from_millis(20) };
    let said = run(&plan);
    assert_eq!(said["failed"], 0, "{said:#}");
    let counts = ["served", "reloads", "upgrades"].map(|key| said[key].as_u64());
    assert_eq!(counts, [Some(12), Some(24), Some(4)], "{said:#}");
    // There was a load.
    let least = [("requests", 400), ("handshakes", 20), ("streams", 20), ("pings", 40)];
    assert!(least.iter().all(|(key, least)| said[key].as_u64() >= Some(*least)), "{said:#}");
}

/// A number from the environment.
fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
#[ignore = "minutes long: scripts/bench/proxy --only 5.10 runs it"]
fn row_5_10() {
    let plan = Plan {
        rotations: number("ROTATIONS", 1000),
        reloads: number("RELOADS", 1000),
        upgrades: number("UPGRADES", 100),
        pause: Duration::from_millis(50),
    };
    println!("{}", run(&plan));
}
