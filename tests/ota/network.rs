//! Bundles from servers as they are: links that break, servers that change, lie, stall and refuse, and what it may cost.
//!
//! Each test is a complaint somebody had about an updater of today.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::Clock;

use super::server::{Deed, Server, field};
use super::{World, image};
use crate::harness::{Said, plain, say};

impl World {
    /// A bundle of the world, and its bytes.
    fn packed(&self, more: &[&str]) -> Vec<u8> {
        self.bundle(more).ends(0);
        self.read("x.ekb")
    }

    fn extract(&self, server: &Server, more: &[&str]) -> Said {
        let url = server.url();
        let words = ["bundle", "extract", &url, "--key", "k.pub", "-o", "out", "--progress", "none"];
        self.ota([&words, more].concat())
    }

    /// Settings under which a test does not wait.
    fn hurry(&self, more: &str) {
        let text = format!("[download]\nstall = \"300ms\"\npatience = \"1s\"\npause = \"20ms\"\n{more}");
        self.write("ota.toml", text.as_bytes());
    }
}

/// rauc#1517: 80 % of an hour's download were fetched again because the link broke.
#[test]
fn a_link_that_breaks_all_the_time() {
    let world = World::new();
    world.hurry("");
    let bytes = world.packed(&[]);
    let size = bytes.len() as u64;
    let server = Server::start(bytes, |_, _| Deed::Break(30_000));
    world.extract(&server, &[]).ends(0);
    assert!(world.read("out") == world.read("new"));
    assert!(server.heads().len() > 20 && server.sent() <= size, "{} of {size}", server.sent());
    assert!(server.heads()[1..].iter().all(|head| field(head, "if-range") == Some("\"a\"")));
}

/// rauc-hawkbit-updater#158: a file that is gone was asked for without end.
#[test]
fn what_is_gone_is_asked_for_once() {
    let world = World::new();
    world.hurry("");
    let bytes = world.packed(&[]);
    for status in ["401", "403", "404", "410"] {
        let gone = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start(bytes.clone(), move |_, _| Deed::Say(gone.clone()));
        let said = world.extract(&server, &[]).ends(69);
        assert!(said.err.contains(&format!("the server answered {status}")), "{}", said.err);
        assert!(said.err.contains("\nhint: check the "), "{}", said.err);
        assert!(!said.err.contains("secret"), "{}", said.err);
        assert_eq!(server.heads().len(), 1);
    }
    // The same in the middle.
    let server = Server::start(bytes.clone(), |number, _| match number {
        0 | 1 => Deed::Break(50_000),
        _ => Deed::Say("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
    });
    world.extract(&server, &[]).ends(69);
    assert_eq!(server.heads().len(), 3);
    // What is only away is waited for, and not for ever.
    let away = "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(bytes.clone(), move |number, _| match number % 3 {
        0 => Deed::Serve,
        _ => Deed::Say(away.to_owned()),
    });
    world.extract(&server, &[]).ends(0);
    fs::remove_file(world.path("out")).expect("removed");
    let clock = Clock::system();
    let start = clock.monotonic();
    let server = Server::start(bytes, move |_, _| Deed::Say(away.to_owned()));
    let said = world.extract(&server, &[]).ends(75);
    assert!(said.err.contains("gave up after"), "{}", said.err);
    assert!(clock.monotonic() - start < Duration::from_secs(20));
    assert!(!world.path("out").exists());
}

/// rauc-hawkbit-updater#223: an update that should have been small became the full image on somebody's bill.
#[test]
fn the_full_image_is_not_taken_silently() {
    let world = World::new();
    world.hurry("");
    let bytes = world.packed(&[]);
    world.write("stranger", &image(9, 700_000));
    let server = Server::start(bytes.clone(), |_, _| Deed::Serve);
    let said = world.extract(&server, &["--source", "stranger", "--no-full-fallback"]).ends(65);
    assert!(said.err.contains("no delta of 'rootfs' is against 'stranger'"), "{}", said.err);
    assert!(server.sent() <= 8192, "{}", server.sent());
    // The delta fits the budget, the full image does not.
    let budget = ["--max-bytes", "200K", "--source"];
    let server = Server::start(bytes.clone(), |_, _| Deed::Serve);
    world.extract(&server, &[&budget[..], &["old"]].concat()).ends(0);
    assert!(world.read("out") == world.read("new"));
    fs::remove_file(world.path("out")).expect("removed");
    let server = Server::start(bytes.clone(), |_, _| Deed::Serve);
    let said = world.extract(&server, &[&budget[..], &["stranger"]].concat()).ends(1);
    assert!(said.err.contains("more than the 204800 bytes that may be fetched"), "{}", said.err);
    assert!(server.sent() <= 204_800 && !world.path("out").exists(), "{}", server.sent());
    // A link that breaks does not stretch the budget.
    let server = Server::start(bytes, |_, _| Deed::Break(10_000));
    world.extract(&server, &["--max-bytes", "200K"]).ends(1);
    assert!(server.sent() <= 204_800, "{}", server.sent());
}

#[test]
fn a_file_that_changes_on_the_server() {
    let world = World::new();
    let other = Arc::new(world.packed(&["--floor", "1.3"]));
    let bytes = world.packed(&[]);
    let server = Server::start(bytes.clone(), move |number, _| match number {
        0 | 1 => Deed::Break(60_000),
        _ => Deed::Other(Arc::clone(&other), "\"b\""),
    });
    let said = world.extract(&server, &[]).ends(75);
    assert!(said.err.contains("it changed on the server during the download"), "{}", said.err);
    assert!(said.err.contains("\nhint: ") && !world.path("out").exists(), "{}", said.err);
    // One that says it did not: its blocks tell.
    let mut forged = bytes.clone();
    let middle = forged.len() - 100_000;
    forged[middle] ^= 1;
    let forged = Arc::new(forged);
    let server = Server::start(bytes, move |number, _| match number {
        0 | 1 => Deed::Break(60_000),
        _ => Deed::Other(Arc::clone(&forged), "\"a\""),
    });
    let said = world.extract(&server, &[]).ends(65);
    assert!(said.err.contains("a block is not the one that was signed"), "{}", said.err);
}

#[test]
fn a_server_that_lies_about_ranges() {
    let world = World::new();
    let bytes = world.packed(&[]);
    let total = bytes.len();
    for (range, why) in [
        (format!("bytes 0-8191/{total}"), "asked for byte 8192 on, it sent byte 0 on"),
        (format!("bytes 8192-8195/{total}"), "with a body of another length"),
        (format!("bytes 8192-8999999/{total}"), "without a usable Content-Range"),
    ] {
        let lie = format!(
            "HTTP/1.1 206 P\r\ncontent-range: {range}\r\ncontent-length: 8192\r\netag: \"a\"\r\n\r\n{}",
            "x".repeat(8192)
        );
        let server = Server::start(bytes.clone(), move |number, _| match number {
            0 => Deed::Serve,
            _ => Deed::Say(lie.clone()),
        });
        let said = world.extract(&server, &[]).ends(76);
        assert!(said.err.contains(why), "{}", said.err);
        assert_eq!(server.heads().len(), 2);
    }
    // All of it instead of a part is a server without ranges, if it is the same file.
    let server = Server::start(bytes, |_, _| Deed::Whole);
    world.extract(&server, &["--source", "old"]).ends(0);
    assert!(world.read("out") == world.read("new"));
}

#[test]
fn a_server_that_stalls() {
    let world = World::new();
    world.hurry("");
    let bytes = world.packed(&[]);
    // Two of three connections go silent.
    let server = Server::start(bytes.clone(), |number, _| match number % 3 {
        2 => Deed::Serve,
        _ => Deed::Stall(5000),
    });
    world.extract(&server, &[]).ends(0);
    assert!(world.read("out") == world.read("new"));
    let server = Server::start(bytes, |number, _| match number {
        0 => Deed::Serve,
        _ => Deed::Stall(0),
    });
    let start = Clock::system().monotonic();
    let said = world.extract(&server, &["--max-time", "1s"]);
    assert!(matches!(said.code, Some(69 | 75)) && said.err.contains("took longer than"), "{said:#?}");
    assert!(Clock::system().monotonic() - start < Duration::from_secs(10));
}

#[test]
fn a_token_stays_with_its_server() {
    let world = World::new();
    let bytes = world.packed(&[]);
    let foreign = Server::start(bytes.clone(), |_, _| Deed::Serve);
    let to = foreign.url();
    let home = Server::start(bytes, move |number, ask| match number {
        0 => Deed::Say(format!("HTTP/1.1 302 F\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")),
        _ if field(ask.head, "authorization") == Some("Bearer t0ken") => Deed::Serve,
        _ => Deed::Say("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
    });
    world.write("token", b"Bearer t0ken\n");
    let file = world.path("token");
    let login =
        |url: &str| format!("[download.login.home]\nurl = \"{url}\"\nauthorization_file = {file:?}\n");
    world.hurry(&login(&home.origin()));
    // The first answer leads elsewhere, the others do not.
    world.extract(&home, &[]).ends(0);
    assert!(foreign.heads().iter().all(|head| field(head, "authorization").is_none()));
    assert!(!foreign.heads().is_empty() && home.heads().len() > 1);
    // It is another server's: nobody is told.
    world.hurry(&login("http://127.0.0.1:9"));
    let said = world.extract(&home, &[]).ends(69);
    assert!(said.err.contains("hint: check the credentials") && !said.err.contains("t0ken"), "{}", said.err);
}

/// nerves_hub_link#416: what a slow disk does not take stays with the server.
#[test]
fn a_slow_reader_leaves_the_bytes_with_the_server() {
    let world = World::new();
    world.write("new", &image(3, 12 << 20));
    fs::remove_file(world.path("old")).expect("removed");
    let words =
        ["bundle", "create", "x.ekb", "--name", "gw", "--version", "1.4", "--component", "rootfs=new"];
    world.ota([&words[..], &["--sign-with", "k.key", "--progress", "none"]].concat()).ends(0);
    let server = Server::start(world.read("x.ekb"), |_, _| Deed::Serve);
    let url = server.url();
    let words = ["bundle", "extract", &url, "--key", "k.pub", "-o", "out", "--rate", "1M/s"];
    let mut child = plain(world.command().args(words)).stdin(Stdio::null()).spawn().expect("it starts");
    let clock = Clock::system();
    let start = clock.monotonic();
    std::thread::sleep(Duration::from_secs(2));
    let sent = server.sent();
    let took = (clock.monotonic() - start).as_secs_f64();
    child.kill().and_then(|()| child.wait()).expect("it ends");
    let most = (took * f64::from(1 << 20)) as u64 + (4 << 20);
    assert!((1 << 20..most).contains(&sent), "{sent} bytes sent in {took} s");
}

#[test]
fn standard_words_are_checked() {
    let world = World::new();
    for (words, why) in [
        (&["bundle", "verify", "http://", "--key", "k.pub"][..], "hint: an address looks like"),
        (&["bundle", "verify", "http://127.0.0.1:9/x", "--key", "k.pub", "--rate", "fast"], "--rate"),
        (&["bundle", "verify", "http://127.0.0.1:9/x", "--key", "k.pub", "--max-bytes", "1"], "--max-bytes"),
    ] {
        let said = say(world.command().args(words));
        assert!(said.code != Some(0) && said.err.contains(why), "{}", said.err);
    }
    world.write("ota.toml", b"[download]\ncertificate = \"/x.crt\"\n");
    let words = ["bundle", "verify", "http://127.0.0.1:9/x", "--key", "k.pub"];
    let said = world.ota(words).ends(78);
    assert!(said.err.contains("'certificate' and 'key_file'"), "{}", said.err);
}
