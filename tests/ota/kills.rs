//! An installation that is killed again and again: nothing is fetched twice but what was on its way, nothing is written
//! twice that was right, and the last one ends with the image.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use edgekit_core::Clock;

use super::server::{Deed, Server};
use super::{World, image};
use crate::harness::plain;

/// Bytes of the image; kills.
const SIZE: usize = 12 << 20;
const KILLS: u64 = 20;

/// A device whose slot `b` is an image file, and a bundle for it that can hardly be packed.
fn device() -> World {
    let world = World::new();
    fs::remove_file(world.path("old")).expect("removed");
    world.write("new", &image(5, SIZE));
    world.write("a.img", b"");
    let (a, b) = (world.path("a.img"), world.path("b.img"));
    world.write(
        "ota.toml",
        format!("[component.rootfs]\nkind = \"device\"\na = {a:?}\nb = {b:?}\n").as_bytes(),
    );
    let words =
        ["bundle", "create", "x.ekb", "--name", "gw", "--version", "1.4", "--component", "rootfs=new"];
    world.ota([&words[..], &["--sign-with", "k.key", "--progress", "none"]].concat()).ends(0);
    world
}

fn apply(world: &World, url: &str) -> Command {
    let mut command = world.command();
    command.args(["apply", url, "--key", "k.pub", "--json", "--progress", "none"]);
    for name in ["STATE_DIRECTORY", "RUNTIME_DIRECTORY"] {
        command.env(name, world.path(""));
    }
    plain(&mut command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_process_that_is_killed_has_lost_next_to_nothing() {
    let world = device();
    let bytes = world.read("x.ekb");
    let size = bytes.len() as u64;
    let server = Server::start(bytes, |_, _| Deed::Slow(20 << 20));
    let clock = Clock::system();
    let mut killed = 0;
    while killed < KILLS {
        let mut child = apply(&world, &server.url()).spawn().expect("it starts");
        // Somewhere in a block: no multiple of one.
        let enough = server.sent() + size / KILLS * 3 / 4 + killed * 1000;
        let start = clock.monotonic();
        while server.sent() < enough && clock.monotonic() - start < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().and_then(|()| child.wait()).expect("it ends");
        killed += 1;
    }
    let said = apply(&world, &server.url()).output().expect("it runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(world.read("b.img") == world.read("new"));
    // What was on its way to each of them, with the head that each of them asks for.
    let twice = server.sent() - size;
    assert!(twice < KILLS * (256 << 10), "{twice} bytes were sent twice");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("\"outcome\":"), "{said}");
    assert!(!world.path("ota").join("block").exists(), "nothing is kept");
}
