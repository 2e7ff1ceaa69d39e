//! A new process takes over, as the service manager and as the first process of a container sees it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::json;

use super::first::{children, first, wait_until};
use super::service::{Service, free_port};
use crate::harness::{Scratch, say};

fn pid(number: u64) -> Pid {
    Pid::from_raw(i32::try_from(number).expect("a number")).expect("a process id")
}

fn upgrade(service: &Service) -> serde_json::Value {
    let (status, answer) = service.ask("POST", "/upgrade", "");
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).expect("JSON")
}

fn status(service: &Service) -> serde_json::Value {
    serde_json::from_str(&service.ask("GET", "/status", "").1).expect("JSON")
}

/// A process that is nobody's child here, ended with the test.
struct Ends(Pid);

impl Drop for Ends {
    fn drop(&mut self) {
        let _gone = kill_process(self.0, Signal::KILL);
    }
}

#[test]
fn the_service_manager_is_told_whom_to_watch() {
    let mut service = Service::start(&["--idle", "idle"]);
    let first = u64::from(service.child.id());
    let verdict = upgrade(&service);
    assert_eq!(verdict["verdict"], "upgraded");
    let second = verdict["pid"].as_u64().expect("a number");
    assert_ne!(second, first);
    let _second = Ends(pid(second));
    assert_eq!(service.told(), format!("MAINPID={second}\nREADY=1"));
    // The old one does not say that the service stops: it does not.
    assert_eq!(service.ended(), Some(0), "{}", service.log());
    assert_eq!(status(&service)["pid"], second);
    kill_process(pid(second), Signal::TERM).expect("it is there");
    assert_eq!(service.told(), "STOPPING=1");
}

#[test]
fn a_service_that_cannot_run_twice_is_not_handed_over() {
    let port = free_port();
    let scratch = Scratch::new();
    fs::write(scratch.join("text"), "x").expect("written");
    let service = Service::spawn(scratch, &["--echo", &format!("echo=127.0.0.1:{port},{{}}/text")], |_| {});
    assert!(service.told().starts_with("READY=1"));
    let verdict = upgrade(&service);
    assert_eq!(verdict["verdict"], "refused");
    assert_eq!(verdict["error"], "'echo' cannot run in two processes at a time");
    assert_eq!(status(&service)["pid"], json!(service.child.id()));
}

#[test]
fn the_first_process_of_a_container_stays_and_passes_signals_on() {
    let Some((mut service, inside)) = first(&["--idle", "idle"]) else { return };
    let mut before = 1;
    for _ in 0..3 {
        let second = upgrade(&service)["pid"].as_u64().expect("a number");
        assert_ne!(second, before);
        before = second;
        // Once the one before has ended, which the first one never does.
        wait_until(&service, || children(&inside).len() == 1 && status(&service)["pid"] == second);
    }
    // A signal to the container is one to whoever serves.
    let first_of_all = pid(inside.parse().expect("a number"));
    kill_process(first_of_all, Signal::HUP).expect("it is there");
    wait_until(&service, || service.log().contains("reloaded"));
    // Orphans are still collected.
    let line = "sleep 0.2 >/dev/null 2>&1 &";
    say(Command::new("nsenter").args(["-t", &inside, "-p", "sh", "-c", line])).ends(0);
    wait_until(&service, || children(&inside).len() == 1);
    kill_process(first_of_all, Signal::TERM).expect("it is there");
    assert_eq!(service.ended(), Some(0), "{}", service.log());
    assert!(test_kill_process(first_of_all).is_err());
}

#[test]
fn the_container_ends_as_the_process_that_served_did() {
    let Some((mut service, inside)) = first(&["--idle", "idle"]) else { return };
    upgrade(&service);
    wait_until(&service, || service.log().contains("stays as process 1"));
    let serving = children(&inside).pop().expect("the one that serves");
    let is_ours = fs::metadata(format!("/proc/{serving}")).expect("a process");
    assert_eq!(is_ours.uid(), rustix::process::geteuid().as_raw());
    kill_process(pid(serving.parse().expect("a number")), Signal::KILL).expect("it is there");
    assert_eq!(service.ended(), Some(137), "{}", service.log());
}
