//! ^C and TERM during an installation: it stops between two pages, what it has is durable, and the same command goes on.

use std::io::Read;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use edgekit_core::Clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::World;
use super::kills::{apply, device, until_sent};
use super::server::{Deed, Server};
use crate::harness::say;

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(pid, signal).expect("sent");
}

/// How it ended, and what it said on one line.
fn end(child: Child) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    (status.code(), said)
}

/// Pages that the record has.
fn durable(world: &World) -> u64 {
    let mut command = world.command();
    let said = say(command.args(["status", "--json"]).env("STATE_DIRECTORY", world.path(""))).ends(0).out;
    let status: Value = serde_json::from_str(&said).expect("JSON");
    status["deployment"]["parts"]["rootfs"]["pages"].as_u64().expect("pages")
}

#[test]
fn an_installation_that_is_interrupted_goes_on() {
    let world = device();
    let bytes = world.read("x.ekb");
    let size = bytes.len() as u64;
    let server = Server::start(bytes, |_, _| Deed::Slow(8 << 20));
    let mut pages = 0;
    for (signal, code, until) in [(Signal::INT, 130, 3), (Signal::TERM, 143, 6)] {
        let child = apply(&world, &server.url()).spawn().expect("it starts");
        until_sent(&server, (until << 20) + 300_000);
        send(&child, signal);
        let (ended, said) = end(child);
        assert_eq!(ended, Some(code), "{said}");
        let before = pages;
        pages = durable(&world);
        assert!(pages > before && pages + 2 >= until, "{pages} pages\n{said}");
        let kept =
            format!("interrupted with {} of {} bytes of rootfs written and kept", pages << 20, 12 << 20);
        assert!(said.contains(&kept) && said.contains("the same command goes on from there"), "{said}");
    }
    let said = apply(&world, &server.url()).output().expect("it runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(world.read("b.img") == world.read("new"));
    let twice = server.sent() - size;
    println!("fetched twice: {twice} bytes of {size}, by two signals");
    assert!(twice < 2 * (256 << 10), "{twice} bytes were sent twice");
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let world = device();
    let server = Server::start(world.read("x.ekb"), |number, _| match number {
        0 => Deed::Serve,
        _ => Deed::Stall((2 << 20) + 500_000),
    });
    let child = apply(&world, &server.url()).spawn().expect("it starts");
    until_sent(&server, (2 << 20) + 500_000);
    std::thread::sleep(Duration::from_millis(300));
    let clock = Clock::system();
    let start = clock.monotonic();
    send(&child, Signal::INT);
    let (ended, said) = end(child);
    assert!(clock.monotonic() - start < Duration::from_secs(2));
    assert_eq!(ended, Some(130), "{said}");
    // No page came to its end after the last one that was written, and it is durable all the same.
    assert_eq!(durable(&world), 2, "{said}");
    assert!(said.contains(&format!("with {} of", 2 << 20)), "{said}");
}

/// Standard input that stays open: nobody hears the first one.
#[test]
fn a_second_signal_ends_it_at_once() {
    let world = device();
    let mut child = apply(&world, "-").stdin(Stdio::piped()).spawn().expect("it starts");
    // It reads before anything else happens.
    std::thread::sleep(Duration::from_millis(500));
    send(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().expect("asked").is_none(), "it waits for its input");
    send(&child, Signal::INT);
    let clock = Clock::system();
    let start = clock.monotonic();
    let status = child.wait().expect("it ends");
    assert!(clock.monotonic() - start < Duration::from_secs(1));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2));
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("read");
    assert_eq!(said, "");
    assert!(!world.path("b.img").exists());
}
