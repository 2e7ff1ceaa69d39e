//! The test service (`tests/harness/service`) as a process, with its sockets in a scratch directory.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use edgekit_core::Clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{Said, Scratch, binary, say};

/// Where Cargo puts examples, seen from a test; `--test e2e` alone does not build them.
pub(super) fn program() -> PathBuf {
    let given = std::env::var_os("EDGEKIT_SERVICE").map(PathBuf::from);
    given.unwrap_or_else(|| {
        let test = std::env::current_exe().expect("the test has a name");
        let directory = test.parent().and_then(Path::parent).expect("it is in target/PROFILE/deps");
        directory.join("examples/service")
    })
}

/// A running service; ended by its process id.
pub(super) struct Service {
    pub(super) child: Child,
    pub(super) scratch: Scratch,
    notify: UnixDatagram,
    log: PathBuf,
}

impl Service {
    /// Starts it and waits until it says that it is ready.
    pub(super) fn start(arguments: &[&str]) -> Service {
        let service = Service::spawn(Scratch::new(), arguments, |_| {});
        assert!(service.told().starts_with("READY=1"));
        service
    }

    /// Starts it in `scratch`, whose files the arguments may name as `{}/FILE`.
    pub(super) fn spawn(scratch: Scratch, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Service {
        Service::launch(scratch, &[], arguments, change)
    }

    /// The same, started by the command `through`.
    pub(super) fn launch(
        scratch: Scratch,
        through: &[&str],
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Service {
        let notify = UnixDatagram::bind(scratch.join("notify")).expect("a socket to be told by");
        notify.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let log = scratch.join("log");
        let place = scratch.path().to_string_lossy().into_owned();
        let program = program();
        let mut command = match through {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command
            .args(arguments.iter().map(|argument| argument.replace("{}", &place)))
            .env("RUNTIME_DIRECTORY", scratch.path())
            .env("STATE_DIRECTORY", scratch.join("state"))
            .env("NOTIFY_SOCKET", scratch.join("notify"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"));
        change(&mut command);
        let child = command.spawn().expect("the service starts");
        Service { child, scratch, notify, log }
    }

    /// The next message to the service manager.
    #[track_caller]
    pub(super) fn told(&self) -> String {
        let mut bytes = [0; 512];
        let length = self.notify.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("it is there");
    }

    /// Waits for its end; fails after ten seconds.
    #[track_caller]
    pub(super) fn ended(&mut self) -> Option<i32> {
        let begin = Stopwatch::start();
        while begin.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end:\n{}", self.log());
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.scratch.join("service.sock")
    }

    /// One request over the control socket; status and body.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.send(request.as_bytes())
    }

    /// Any bytes over the control socket.
    pub(super) fn send(&self, bytes: &[u8]) -> (u16, String) {
        let mut stream = UnixStream::connect(self.socket()).expect("the control socket accepts");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream.write_all(bytes).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// What the control socket says of the service `name`.
    pub(super) fn state(&self, name: &str) -> Value {
        let (status, body) = self.ask("GET", "/status", "");
        assert_eq!(status, 200);
        let value: Value = serde_json::from_str(&body).expect("JSON");
        let services = value["services"].as_array().cloned().expect("a list");
        services.into_iter().find(|service| service["name"] == name).expect("it is there")
    }

    /// Waits until `name` has been started `restarts` times again and runs.
    #[track_caller]
    pub(super) fn returned(&self, name: &str, restarts: u64) {
        let begin = Stopwatch::start();
        while begin.elapsed() < Duration::from_secs(10) {
            let state = self.state(name);
            if state["state"] == "running" && state["restarts"] == restarts {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not return:\n{}", self.log());
    }

    /// `edgekit ARGUMENTS`, which finds this service only.
    pub(super) fn edgekit(&self, arguments: &[&str]) -> Said {
        say(Command::new(binary()).args(arguments).env("RUNTIME_DIRECTORY", self.scratch.path()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port nobody listens on now.
pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// True if what is sent to `port` comes back.
pub(super) fn echoes(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut back = [0; 5];
    stream.write_all(b"hello").is_ok() && stream.read_exact(&mut back).is_ok() && &back == b"hello"
}

/// Time since it was started.
pub(super) struct Stopwatch(Duration);

impl Stopwatch {
    pub(super) fn start() -> Stopwatch {
        Stopwatch(Clock::system().monotonic())
    }

    pub(super) fn elapsed(&self) -> Duration {
        Clock::system().monotonic().saturating_sub(self.0)
    }
}
