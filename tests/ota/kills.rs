//! An installation that is killed again and again: nothing is fetched twice but what was on its way, nothing is written
//! twice that was right, and the last one ends with the image. So for each kind of component.

use std::fs;
use std::os::unix::fs::PermissionsExt;
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
pub(super) fn device() -> World {
    world("kind = \"device\"\na = 'A'\nb = 'B'\n", |world| world.write("new", &image(5, SIZE)))
}

/// A device of one component, and a bundle of what `make` leaves at `new`.
fn world(component: &str, make: impl FnOnce(&World)) -> World {
    let world = World::new();
    fs::remove_file(world.path("old")).expect("removed");
    fs::remove_file(world.path("new")).expect("removed");
    world.write("a.img", b"");
    make(&world);
    let here = |name: &str| format!("'{}'", world.path(name).display());
    let component = component.replace("'A'", &here("a.img")).replace("'B'", &here("b.img"));
    world.write("ota.toml", format!("[component.rootfs]\n{component}").as_bytes());
    let words =
        ["bundle", "create", "x.ekb", "--name", "gw", "--version", "1.4", "--component", "rootfs=new"];
    world.ota([&words[..], &["--sign-with", "k.key", "--progress", "none"]].concat()).ends(0);
    world
}

pub(super) fn apply(world: &World, url: &str) -> Command {
    let mut command = world.command();
    command.args(["apply", url, "--key", "k.pub", "--json", "--progress", "none"]);
    for name in ["STATE_DIRECTORY", "RUNTIME_DIRECTORY"] {
        command.env(name, world.path(""));
    }
    plain(&mut command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until a server has sent so much.
pub(super) fn until_sent(server: &Server, enough: u64) {
    let clock = Clock::system();
    let start = clock.monotonic();
    while server.sent() < enough && clock.monotonic() - start < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills installations all along, lets the last one end, and looks at what that took.
fn kill_and_go_on(world: &World) {
    let bytes = world.read("x.ekb");
    let size = bytes.len() as u64;
    let server = Server::start(bytes, |_, _| Deed::Slow(6 << 20));
    for killed in 0..KILLS {
        let mut child = apply(world, &server.url()).spawn().expect("it starts");
        // Somewhere in a block: no multiple of one.
        until_sent(&server, server.sent() + size / KILLS * 3 / 4 + killed * 1000);
        child.kill().and_then(|()| child.wait()).expect("it ends");
    }
    let said = apply(world, &server.url()).output().expect("it runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    // What was on its way to each of them, with the head that each of them asks for.
    let twice = server.sent() - size;
    println!("fetched twice: {twice} bytes of {size}, in {KILLS} kills");
    assert!(twice < KILLS * (256 << 10), "{twice} bytes were sent twice");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("\"outcome\":"), "{said}");
    assert!(!world.path("ota").join("block").exists(), "nothing is kept");
}

#[test]
fn a_process_that_is_killed_has_lost_next_to_nothing() {
    let world = device();
    kill_and_go_on(&world);
    assert!(world.read("b.img") == world.read("new"));
}

#[test]
fn a_file_that_was_half_written_is_gone_on_with() {
    let world = world("kind = 'file'\n", |world| world.write("new", &image(5, SIZE)));
    kill_and_go_on(&world);
    assert!(world.read("ota/sets/current/rootfs") == world.read("new"));
}

#[test]
fn a_program_that_was_half_written_is_gone_on_with() {
    let world = world("kind = 'self'\npath = 'A'\n", |world| {
        let program = [b"#!/bin/sh\nexit 0\n".to_vec(), image(5, SIZE)].concat();
        world.write("new", &program);
        world.write("a.img", b"#!/bin/sh\nexit 0\n");
        fs::set_permissions(world.path("a.img"), fs::Permissions::from_mode(0o755)).expect("set");
    });
    kill_and_go_on(&world);
    assert!(world.read("a.img") == world.read("new"));
}

#[test]
fn a_folder_that_was_half_unpacked_is_gone_on_with() {
    let world = world("kind = 'folder'\n", |world| {
        fs::create_dir_all(world.path("new/bin")).expect("made");
        // One file of many pages, and many of one page; one that its owner cannot write to.
        world.write("new/bin/large", &image(5, SIZE / 2));
        (0..SIZE / 2 / 100_000).for_each(|number| {
            world.write(&format!("new/bin/small-{number}"), &image(6 + number as u64, 100_000));
        });
        fs::set_permissions(world.path("new/bin/large"), fs::Permissions::from_mode(0o444)).expect("set");
    });
    kill_and_go_on(&world);
    let unpacked = world.path("ota/sets/current/rootfs/bin");
    for entry in fs::read_dir(world.path("new/bin")).expect("there").flatten() {
        assert!(
            fs::read(entry.path()).expect("there")
                == fs::read(unpacked.join(entry.file_name())).expect("made")
        );
    }
}
