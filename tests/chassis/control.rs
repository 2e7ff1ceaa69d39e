//! The control socket and the three commands that use it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use super::service::{Service, Stopwatch, program};
use crate::harness::{Scratch, edgekit, say};

#[test]
fn status_reload_and_log_level_by_command() {
    let scratch = Scratch::new();
    fs::write(scratch.join("text"), "one").expect("written");
    let service = Service::spawn(
        scratch,
        &["--idle", "idle", "--echo", "echo=127.0.0.1:0,{}/text", "--instance", "a"],
        |_| {},
    );
    assert!(service.told().starts_with("READY=1"));
    let said = service.edgekit(&["status"]).ends(0);
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["DAEMON", "PID", "UP", "SERVICE", "STATE", "RESTARTS", "LAST", "ERROR"]);
    let pid = service.child.id().to_string();
    assert_eq!((lines[1][0], lines[1][1], lines[1][3]), ("service@a", pid.as_str(), "idle"));
    assert_eq!(lines[2][3..], ["echo", "running", "0", "-"]);
    let json: Value =
        serde_json::from_str(&service.edgekit(&["status", "--json", "service"]).ends(0).out).unwrap();
    assert_eq!(json["schema"], "edgekit.status.daemon/1");
    assert_eq!(json["services"][1]["detail"]["text"], "one");

    fs::write(service.scratch.join("text"), "two").expect("written");
    let said = service.edgekit(&["reload", "service@a"]).ends(0);
    assert_eq!(said.out, "service@a/idle: nothing has changed\nservice@a/echo: applied: text\n");
    fs::write(service.scratch.join("text"), "refuse").expect("written");
    let said = service.edgekit(&["reload"]).ends(1);
    assert!(said.out.ends_with("service@a/echo: refused: the text is 'refuse'\n"), "{}", said.out);
    assert_eq!(said.err, "hint: write something else\n");
    let json = service.edgekit(&["status", "--json"]).ends(0).out;
    assert!(json.contains("\"text\":\"two\""), "the last good one stays: {json}");

    assert_eq!(service.edgekit(&["log-level"]).ends(0).out, "service@a: info\n");
    service.edgekit(&["log-level", "service", "debug,rt=warn"]).ends(0);
    assert_eq!(service.edgekit(&["log-level", "service"]).ends(0).out, "service@a: debug,rt=warn\n");
    let said = service.edgekit(&["log-level", "service", "inof"]).ends(2);
    assert!(said.err.contains("unknown log level 'inof'\nhint: did you mean 'info'?"), "{}", said.err);
    let audit: Vec<String> =
        service.log().lines().filter(|line| line.contains(" audit: ")).map(str::to_owned).collect();
    assert_eq!(audit.len(), 4, "each write leaves a line: {audit:#?}");
    assert!(audit[2].contains("method=PUT path=/log-level status=200"), "{}", audit[2]);

    let said = service.edgekit(&["status", "servcie"]).ends(69);
    assert!(said.err.contains("no daemon 'servcie' runs"), "{}", said.err);
}

#[test]
fn a_dead_daemon_is_shown_and_its_socket_replaced() {
    let mut service = Service::start(&["--idle", "idle"]);
    service.signal(Signal::KILL);
    service.ended();
    assert!(service.socket().exists());
    let said = service.edgekit(&["status"]).ends(1);
    assert!(said.out.contains("service  -    -   -        dead"), "{}", said.out);
    let said = service.edgekit(&["status", "service"]).ends(69);
    assert!(said.err.contains("hint: the daemon has died"), "{}", said.err);
    let mut again = Command::new(program());
    let mut again = again
        .args(["--idle", "idle"])
        .env("RUNTIME_DIRECTORY", service.scratch.path())
        .env("STATE_DIRECTORY", service.scratch.join("state"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let begin = Stopwatch::start();
    while UnixStream::connect(service.socket()).is_err()
        && begin.elapsed() < std::time::Duration::from_secs(5)
    {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    service.edgekit(&["status"]).ends(0);
    drop(again.kill());
    drop(again.wait());
}

#[test]
fn a_second_instance_is_refused_with_the_holders_pid() {
    let service = Service::start(&["--idle", "idle"]);
    let second = || {
        let mut command = Command::new(program());
        command
            .args(["--idle", "idle"])
            .env("RUNTIME_DIRECTORY", service.scratch.path())
            .env("STATE_DIRECTORY", service.scratch.join("state"));
        command
    };
    let said = say(&mut second()).ends(75);
    let holder = format!("process {} is running already", service.child.id());
    assert!(said.err.contains(&holder) && said.err.contains("hint: "), "{}", said.err);
    assert!(service.socket().exists(), "the first one keeps its socket");
    service.edgekit(&["status"]).ends(0);
}

#[test]
fn strangers_are_kept_out() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let service = Service::start(&["--idle", "idle"]);
    let directory = service.scratch.path();
    let open = |path: &std::path::Path, mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, mode).expect("its mode is set");
    };
    open(directory, 0o755);
    let program = directory.join("edgekit");
    fs::copy(crate::harness::binary(), &program).expect("a copy anybody may run");
    open(&program, 0o755);
    let stranger = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
        say(command.args(["status", "service"]).env("RUNTIME_DIRECTORY", directory)).ends(77)
    };
    let said = stranger();
    assert!(said.err.contains("permission denied\nhint: ask as root, or as a member"), "{}", said.err);
    // Even where the mode of the file lets everybody in, the kernel's word on the peer does not.
    open(&service.socket(), 0o666);
    let said = stranger();
    assert!(said.err.contains("user 65534 is neither root"), "{}", said.err);
    assert!(service.log().contains("a caller was refused"), "{}", service.log());
}

#[test]
fn nonsense_is_answered_and_does_no_harm() {
    let service = Service::start(&["--idle", "idle"]);
    assert_eq!(service.send(b"\0\x01\x02\r\n\r\n").0, 400);
    assert_eq!(service.send(&[b'a'; 9000]).0, 431);
    assert_eq!(service.ask("GET", "/nothing", "").0, 404);
    assert_eq!(service.ask("DELETE", "/status", "").0, 405);
    assert_eq!(service.ask("POST", "/reload/nobody", "").0, 404);
    assert_eq!(service.ask("PUT", "/log-level", "{").0, 400);
    // Callers who never finish their request take no place from others for ever.
    let _idle: Vec<UnixStream> =
        (0..20).map(|_| UnixStream::connect(service.socket()).expect("it accepts")).collect();
    assert_eq!(service.ask("GET", "/status", "").0, 200);
}

#[test]
fn without_a_daemon_there_is_nothing_to_show() {
    let scratch = Scratch::new();
    let call = |words: &[&str]| {
        let mut command = Command::new(crate::harness::binary());
        say(command.args(words).env("RUNTIME_DIRECTORY", scratch.path()))
    };
    let said = call(&["status"]).ends(0);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "no daemon runs\n"));
    assert!(call(&["reload", "proxy"]).ends(69).err.contains("hint: no daemon has a socket in '"));
    edgekit(["status", "--jsno"]).ends(2);
}
