//! As process 1 of a PID namespace: orphans are collected, children that a service waits for are not.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::service::{Service, Stopwatch};
use crate::harness::{Scratch, say};

/// Processes whose parent is `parent`.
pub(super) fn children(parent: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("proc").flatten();
    let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_child = |pid: &String| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        line.is_some_and(|of| of.trim() == parent)
    };
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_child).collect()
}

/// The service as process 1, and its number seen from here; `None` without root.
pub(super) fn first(arguments: &[&str]) -> Option<(Service, String)> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root makes a PID namespace");
        return None;
    }
    let service =
        Service::launch(Scratch::new(), &["unshare", "--pid", "--fork", "--kill-child"], arguments, |_| {});
    assert!(service.told().starts_with("READY=1"), "{}", service.log());
    let inside = children(&service.child.id().to_string()).pop().expect("process 1");
    Some((service, inside))
}

/// Waits until `reached` is true; fails after ten seconds.
#[track_caller]
pub(super) fn wait_until(service: &Service, mut reached: impl FnMut() -> bool) {
    let begin = Stopwatch::start();
    while !reached() {
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", service.log());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn orphans_are_collected() {
    let Some((service, inside)) = first(&["--idle", "idle"]) else { return };
    // Two orphans: their parent ends before they do.
    let line = "sleep 0.3 >/dev/null 2>&1 & sleep 0.4 >/dev/null 2>&1 &";
    say(Command::new("nsenter").args(["-t", &inside, "-p", "sh", "-c", line])).ends(0);
    assert_eq!(children(&inside).len(), 2, "adopted");
    wait_until(&service, || children(&inside).is_empty());
}

#[test]
fn a_service_learns_how_its_children_ended_while_orphans_are_collected() {
    let Some((mut service, inside)) = first(&["--runs", "runs=7", "--idle", "idle"]) else { return };
    let ended = |service: &Service| service.state("runs")["detail"]["ended"].as_u64().unwrap_or(0);
    wait_until(&service, || ended(&service) >= 50);
    let state = service.state("runs");
    assert_eq!(
        (state["restarts"].as_u64(), state["last_error"].as_str()),
        (Some(0), None),
        "{}",
        service.log()
    );
    // One that runs now, the orphans of the last few: not those of fifty.
    wait_until(&service, || children(&inside).len() <= 4);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(inside.parse().expect("a number")).expect("a process id"),
        Signal::TERM,
    )
    .expect("it is there");
    assert_eq!(service.ended(), Some(0), "{}", service.log());
}
