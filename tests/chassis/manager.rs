//! What a service manager is told and what it hands over.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::service::{Service, Stopwatch, echoes, program};
use crate::harness::Scratch;

#[test]
fn ready_reloading_ready_stopping() {
    let scratch = Scratch::new();
    fs::write(scratch.join("text"), "one").expect("written");
    let mut service = Service::spawn(scratch, &["--echo", "echo=127.0.0.1:0,{}/text"], |_| {});
    assert_eq!(service.told(), "READY=1\nSTATUS=1 of 1 services run");
    fs::write(service.scratch.join("text"), "refuse").expect("written");
    service.signal(Signal::HUP);
    assert!(service.told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(service.told(), "READY=1\nSTATUS=reload refused by 1 of 1 services");
    assert!(
        service.log().contains("reload refused, the last good configuration stays: the text is 'refuse'")
    );
    service.signal(Signal::TERM);
    assert_eq!(service.told(), "STOPPING=1");
    assert_eq!(service.ended(), Some(0));
}

#[test]
fn a_watchdog_is_fed_only_when_asked_for() {
    let watched = Service::spawn(Scratch::new(), &["--idle", "idle"], |command| {
        command.env("WATCHDOG_USEC", "100000");
    });
    let mut said: Vec<String> = (0..4).map(|_| watched.told()).collect();
    edgekit_core::sort::natural(&mut said);
    assert_eq!(said[1..], [said[1].as_str(), "WATCHDOG=1", "WATCHDOG=1"]);
    let stranger = Service::spawn(Scratch::new(), &["--idle", "idle"], |command| {
        command.env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    });
    assert!(stranger.told().starts_with("READY=1"));
    std::thread::sleep(Duration::from_millis(100));
    stranger.signal(Signal::TERM);
    assert_eq!(stranger.told(), "STOPPING=1", "nothing in between");
}

#[test]
fn an_abstract_socket_is_a_socket() {
    let name = format!("edgekit-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("bound");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let _service = Service::spawn(Scratch::new(), &["--idle", "idle"], |command| {
        command.env("NOTIFY_SOCKET", format!("@{name}"));
    });
    let mut bytes = [0; 64];
    let length = socket.recv(&mut bytes).expect("told");
    assert!(bytes[..length].starts_with(b"READY=1"));
}

#[test]
fn a_socket_that_is_handed_over_is_used() {
    // The manager's part: a listening socket as descriptor 3, and the variables of the protocol.
    const MANAGER: &str = "import os, socket, sys\n\
        s = socket.create_server(('127.0.0.1', 0))\n\
        print(s.getsockname()[1], flush=True)\n\
        s.fileno() == 3 or os.dup2(s.fileno(), 3)\n\
        os.set_inheritable(3, True)\n\
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='echo')\n\
        os.execv(sys.argv[1], sys.argv[1:])\n";
    let scratch = Scratch::new();
    fs::write(scratch.join("text"), "one").expect("written");
    let mut child = Command::new("python3")
        .args(["-c", MANAGER])
        .arg(program())
        // A port that only root may open: it must not be tried.
        .args(["--echo", &format!("echo=192.0.2.1:1,{}/text", scratch.path().display())])
        .env("RUNTIME_DIRECTORY", scratch.path())
        .env("STATE_DIRECTORY", scratch.join("state"))
        .stdout(std::process::Stdio::piped())
        .stderr(fs::File::create(scratch.join("log")).expect("a log"))
        .spawn()
        .expect("python3 starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
    let port: u16 = line.trim().parse().expect("a port");
    let begin = Stopwatch::start();
    while !echoes(port) {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "{}",
            fs::read_to_string(scratch.join("log")).unwrap_or_default()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(child.kill());
    drop(child.wait());
}
