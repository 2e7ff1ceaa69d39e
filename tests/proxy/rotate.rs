//! Certificates, keys and client authorities replaced under load. The short form of row 5.10.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustls::client::Resumption;
use serde_json::Value;

use super::daemon::Proxy;
use super::world::{Authority, Issued, Secure, until, write};
use crate::harness::{Said, Scratch, binary, say};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
const ROTATIONS: usize = 50;

fn certs(proxy: &Proxy) -> Said {
    let path = proxy.scratch.path();
    say(Command::new(binary()).args(["proxy", "certs", "--json"]).env("RUNTIME_DIRECTORY", path))
}

fn lines(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Renamed over, behind a link, or written where it is.
fn replace(way: usize, folder: &Path, number: usize, pair: &Issued) {
    let both = format!("{}{}", pair.certificate, pair.key);
    let site = folder.join("site.pem");
    match way {
        0 => {
            fs::write(folder.join("next"), both).expect("a file");
            fs::rename(folder.join("next"), site).expect("a name");
        }
        1 => {
            let target = folder.join(format!("generation-{number}"));
            fs::write(&target, both).expect("a file");
            std::os::unix::fs::symlink(&target, folder.join("link")).expect("a link");
            fs::rename(folder.join("link"), site).expect("a name");
        }
        _ => {
            // A link would be written through.
            if site.is_symlink() {
                fs::remove_file(&site).expect("a link");
            }
            fs::write(site, both).expect("a file");
        }
    }
}

#[test]
fn every_rotation_under_load_is_served_and_fails_nothing() {
    let (ca, files) = (Authority::new(), Scratch::new());
    replace(0, files.path(), 0, &ca.issue(&["a.example"]));
    let site = files.join("site.pem");
    let proxy =
        Proxy::with(&format!("tls.cert_files = [{site:?}]\n[route.all]\nstatus = 200\nbody = \"well\"\n"));
    // Without resumption each connection shows the certificate of its time.
    let mut config = (*ca.client(None, &[])).clone();
    config.resumption = Resumption::disabled();
    let (config, address) = (Arc::new(config), proxy.address);
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (config, over, served) = (config.clone(), over.clone(), served.clone());
            thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let mut client = Secure::connect(address, &config, "a.example").expect("a handshake");
                    for _ in 0..3 {
                        assert_eq!(client.ask(GET).expect("an answer").1, "well");
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                    thread::sleep(Duration::from_millis(2));
                }
            })
        })
        .collect();
    // One that was there before stays.
    let mut old = Secure::connect(address, &config, "a.example").expect("a handshake");
    for number in 1..=ROTATIONS {
        let pair = ca.issue(&["a.example"]);
        replace(number % 3, files.path(), number, &pair);
        until(&format!("rotation {number} is served"), || {
            let client = Secure::connect(address, &config, "a.example").expect("a handshake");
            client.server_certificate() == *pair.der()
        });
    }
    over.store(true, Ordering::SeqCst);
    clients.into_iter().for_each(|client| client.join().expect("nothing failed"));
    assert_eq!(old.ask(GET).expect("an answer").1, "well");
    assert!(served.load(Ordering::SeqCst) > ROTATIONS as u64);
    assert_eq!(proxy.metric("edgekit_proxy_handshake_errors_total"), 0);
    let one = &lines(&certs(&proxy).ends(0))[0];
    assert_eq!(one["generation"], ROTATIONS + 1, "{one}");
    assert_eq!((&one["listener"], &one["refused"]), (&"web".into(), &Value::Null));
}

#[test]
fn what_does_not_pass_is_told_and_the_last_good_one_stays() {
    let (ca, files) = (Authority::new(), Scratch::new());
    let good = ca.issue(&["a.example", "spiffe://example.com/a"]);
    let (chain, key) = good.write(&files, "a");
    let proxy = Proxy::with(&format!(
        "tls.cert_files = [{chain:?}]\ntls.key_files = [{key:?}]\n[route.all]\nstatus = 200\n"
    ));
    write(&files, "a.key", &ca.issue(&["a.example"]).key);
    until("the fault is told", || certs(&proxy).code == Some(1));
    let one = &lines(&certs(&proxy))[0];
    assert!(one["refused"].as_str().expect("a reason").contains("does not match"), "{one}");
    assert_eq!(one["schema"], "edgekit.proxy.certificate/1");
    assert_eq!(one["generation"], 1);
    assert_eq!(one["names"], serde_json::json!(["a.example", "spiffe://example.com/a"]));
    assert_eq!(one["fingerprint"].as_str().map(str::len), Some(64));
    let client = Secure::connect(proxy.address, &ca.client(None, &[]), "a.example").expect("a handshake");
    assert_eq!(client.server_certificate(), *good.der());
    // A reload by hand does not change that; what is whole again does.
    proxy.reload().ends(0);
    assert_eq!(certs(&proxy).code, Some(1));
    write(&files, "a.key", &good.key);
    until("it is well again", || certs(&proxy).code == Some(0));
    let text =
        say(Command::new(binary()).args(["proxy", "certs"]).env("RUNTIME_DIRECTORY", proxy.scratch.path()));
    assert!(text.out.starts_with("listener web: 'a.example' for a.example, spiffe:"), "{}", text.out);
}

#[test]
fn clients_of_an_authority_that_lost_trust_are_refused() {
    let (ca, before, after) = (Authority::new(), Authority::new(), Authority::new());
    let files = Scratch::new();
    let (chain, key) = ca.issue(&["a.example"]).write(&files, "a");
    let trusted = write(&files, "clients.pem", &before.pem());
    let proxy = Proxy::with(&format!(
        "tls.cert_files = [{chain:?}]\ntls.key_files = [{key:?}]\ntls.client_ca_file = {trusted:?}\n\
         [route.all]\nstatus = 200\n"
    ));
    let known = ca.client(Some(&before.issue(&["one"])), &[]);
    let new = ca.client(Some(&after.issue(&["two"])), &[]);
    let is_served = |config: &_| {
        Secure::connect(proxy.address, config, "a.example").and_then(|mut client| client.ask(GET)).is_ok()
    };
    assert!(is_served(&known) && !is_served(&new));
    write(&files, "next.pem", &after.pem());
    fs::rename(files.join("next.pem"), &trusted).expect("a name");
    until("the new authority counts", || is_served(&new));
    // A session from before is not resumed either.
    assert!(!is_served(&known));
    // A file of nonsense changes nothing, and is told.
    write(&files, "clients.pem", "nonsense");
    until("the fault is told", || lines(&certs(&proxy)).iter().any(|line| !line["refused"].is_null()));
    assert!(is_served(&new));
}
