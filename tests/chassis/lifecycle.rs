//! Starting, failing, draining, ending: what signals and failures do.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use edgekit_core::Clock;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::service::{Service, Stopwatch, echoes, free_port, program};
use crate::harness::{Scratch, say};

fn echo(port: u16, text: &str, more: &[&str]) -> Service {
    let scratch = Scratch::new();
    fs::write(scratch.join("text"), text).expect("written");
    let echo = format!("echo=127.0.0.1:{port},{{}}/text");
    let arguments = [&["--echo", &echo], more].concat();
    let service = Service::spawn(scratch, &arguments, |_| {});
    assert!(service.told().starts_with("READY=1"), "{}", service.log());
    service
}

#[test]
fn a_drain_waits_for_what_runs_and_takes_nothing_new() {
    let port = free_port();
    let mut service = echo(port, "x", &[]);
    let mut open = TcpStream::connect(("127.0.0.1", port)).expect("it accepts");
    open.write_all(b"a").expect("it reads");
    open.read_exact(&mut [0]).expect("it answers");
    service.signal(Signal::TERM);
    assert_eq!(service.told(), "STOPPING=1");
    std::thread::sleep(Duration::from_millis(200));
    assert!(service.child.try_wait().expect("waited").is_none(), "it waits for the connection");
    assert_eq!(service.ask("GET", "/log-level", "").0, 200, "the drain can be watched");
    open.write_all(b"b").expect("still served");
    open.read_exact(&mut [0]).expect("still answered");
    drop(open);
    assert_eq!(service.ended(), Some(0), "{}", service.log());
}

#[test]
fn a_drain_that_hangs_ends_at_its_deadline_and_a_second_signal_sooner() {
    let mut service = echo(free_port(), "hang", &["--drain", "0.3"]);
    let begin = Stopwatch::start();
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
    assert!(begin.elapsed() >= Duration::from_millis(300) && begin.elapsed() < Duration::from_secs(5));
    assert!(service.log().contains("not drained by its deadline"), "{}", service.log());
    let mut service = echo(free_port(), "hang", &["--drain", "60"]);
    service.signal(Signal::TERM);
    assert_eq!(service.told(), "STOPPING=1");
    service.signal(Signal::INT);
    assert_eq!(service.ended(), Some(130));
}

#[test]
fn a_failed_task_ends_its_service_which_returns() {
    let port = free_port();
    let service = echo(port, "x", &["--idle", "idle"]);
    let file = service.scratch.join("text");
    fs::write(&file, "fail").expect("written");
    service.ask("POST", "/reload/echo", "");
    service.returned("echo", 1);
    assert!(echoes(port), "the same port, opened once");
    let state = service.state("echo");
    assert_eq!(state["last_error"], "the text is 'fail'");
    assert_eq!(service.state("idle")["restarts"], 0);
    assert!(service.ask("GET", "/metrics", "").1.contains("edgekit_restarts_total{service=\"echo\"} 1\n"));
}

#[test]
fn a_service_that_cannot_start_is_tried_again_beside_others_and_ends_a_process_alone() {
    let echo = format!("echo=127.0.0.1:{},{{}}/missing", free_port());
    let service = Service::spawn(Scratch::new(), &["--idle", "idle", "--echo", &echo], |_| {});
    assert!(service.told().starts_with("READY=1\nSTATUS=1 of 2 services run"));
    assert_eq!(service.state("echo")["state"], "failed");
    fs::write(service.scratch.join("missing"), "here now").expect("written");
    // A reload does not wait for the end of the pause.
    assert!(service.ask("POST", "/reload/echo", "").1.contains("tried again now"));
    let mut alone = Service::spawn(Scratch::new(), &["--echo", "echo=127.0.0.1:0,{}/missing"], |_| {});
    assert_eq!(alone.ended(), Some(66));
    assert!(alone.log().contains("service: cannot read '"), "{}", alone.log());
}

#[test]
fn a_port_in_use_is_said_before_anything_runs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let said = say(Command::new(program()).args(["--echo", &format!("echo={address},/nonexistent")]));
    let said = said.ends(75);
    assert!(said.err.contains(&format!("service: cannot listen on {address}: address ")), "{}", said.err);
    assert!(said.err.contains("hint: 'ss -lntup"), "{}", said.err);
}

#[test]
fn it_drops_its_capabilities() {
    let service = Service::start(&["--idle", "idle"]);
    let status = fs::read_to_string(format!("/proc/{}/status", service.child.id())).expect("it is there");
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!(field("CapPrm:"), Some("0000000000000000"));
    assert_eq!(field("NoNewPrivs:"), Some("1"));
}

#[test]
fn a_clock_that_cannot_be_right_counts_on_from_the_last_good_time() {
    let state = Scratch::new();
    let kept = state.join("clock");
    // Starts where the machine's clock says `time`; what the Host tells, and its log after a drain.
    let run = |time: &str| {
        let mut service = Service::spawn(Scratch::new(), &["--idle", "idle", "--clock", time], |command| {
            command.env("STATE_DIRECTORY", state.path());
        });
        assert!(service.told().starts_with("READY=1"), "{}", service.log());
        let status: Value = serde_json::from_str(&service.ask("GET", "/status", "").1).expect("JSON");
        service.signal(Signal::TERM);
        assert_eq!(service.ended(), Some(0));
        (status["clock"].clone(), service.log())
    };
    let (good, later) = (1_790_000_000, 1_790_000_007);
    let right = |time| json!({ "wall_s": time, "trusted": true });
    let counted = |time| json!({ "wall_s": time, "trusted": false });
    // 1970 on a box that knows no better, then a right clock, then the same after a power cut without a battery.
    assert_eq!(run("0").0, counted(Clock::EPOCH.as_secs()));
    assert!(!kept.exists(), "a wrong time is not kept");
    assert_eq!(run(&good.to_string()).0, right(good));
    let (clock, log) = run("0");
    assert_eq!(clock, counted(good));
    assert!(log.contains(&format!("clock is wrong, it says @0; time is counted on from @{good}")), "{log}");
    let before = fs::read(&kept).expect("kept");
    assert_eq!(run("4102444800").0, counted(good), "2100 is not believed");
    assert_eq!(fs::read(&kept).expect("kept"), before, "and not kept");
    // A second start the same day writes at its end only, whatever it found.
    assert_eq!(run(&later.to_string()).0, right(later));
    assert!(fs::read_to_string(&kept).expect("kept").starts_with(&format!("edgekit clock 1 {later} ")));
    fs::write(&kept, "edgekit clock 1 1790000000 00000000\n").expect("damaged");
    let (clock, log) = run("0");
    assert_eq!(clock, counted(Clock::EPOCH.as_secs()));
    assert!(log.contains("is damaged, the last good time is not known"), "{log}");
    run(&later.to_string());
    assert!(state.join("clock.corrupt-1").exists());
}

#[test]
fn a_state_directory_that_cannot_be_written_is_said_and_costs_nothing_else() {
    let mut service = Service::spawn(Scratch::new(), &["--idle", "idle"], |command| {
        command.env("STATE_DIRECTORY", "/proc/edgekit");
    });
    assert!(service.told().starts_with("READY=1"), "{}", service.log());
    service.edgekit(&["status"]).ends(0);
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
    let log = service.log();
    assert!(log.contains("cannot keep the last good time in '/proc/edgekit/clock': "), "{log}");
}
