//! A running proxy and its clients.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::origin::{PATIENCE, read_head};
use crate::harness::{Said, Scratch, binary, say};

/// A proxy on a port of its own; ended by its process id.
pub(super) struct Proxy {
    pub(super) child: Child,
    pub(super) scratch: Scratch,
    pub(super) address: SocketAddr,
    /// Each process that takes over tells it as well.
    notify: UnixDatagram,
}

impl Proxy {
    /// One that passes everything on to `origin`.
    pub(super) fn to(origin: SocketAddr) -> Proxy {
        Proxy::with(&format!("[cluster.app]\nendpoints = [\"{origin}\"]\n[route.all]\ncluster = \"app\"\n"))
    }

    /// One with these routes and clusters, and a listener called web, whose keys come first.
    pub(super) fn with(text: &str) -> Proxy {
        Proxy::whole(&file(text))
    }

    /// One of a whole file.
    pub(super) fn whole(text: &str) -> Proxy {
        Proxy::by(&binary(), text)
    }

    /// One of a whole file, started from the file `program`.
    pub(super) fn by(program: &Path, text: &str) -> Proxy {
        let scratch = Scratch::new();
        let notify = UnixDatagram::bind(scratch.join("notify")).expect("a socket to be told by");
        notify.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        fs::write(scratch.join("proxy.toml"), text).expect("a file");
        let log = fs::File::create(scratch.join("log")).expect("a log");
        let child = Command::new(program)
            .args(["proxy", "run", "--config"])
            .arg(scratch.join("proxy.toml"))
            .env("RUNTIME_DIRECTORY", scratch.path())
            .env("NOTIFY_SOCKET", scratch.join("notify"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut proxy = Proxy { child, scratch, address, notify };
        let told = proxy.notify.recv(&mut [0; 512]);
        assert!(told.is_ok(), "{}", proxy.log());
        let address = proxy.status()["detail"]["listeners"][0]["address"].clone();
        proxy.address = address.as_str().expect("an address").parse().expect("an address");
        proxy
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.scratch.join("log")).unwrap_or_default()
    }

    /// Writes the file anew; `reload` takes it over.
    pub(super) fn write(&self, text: &str) {
        fs::write(self.scratch.join("proxy.toml"), file(text)).expect("a file");
    }

    pub(super) fn reload(&self) -> Said {
        say(Command::new(binary()).args(["reload", "proxy"]).env("RUNTIME_DIRECTORY", self.scratch.path()))
    }

    /// Has a new process take over; what is said of it.
    pub(super) fn upgrade(&self, options: &[&str]) -> Said {
        let mut command = Command::new(binary());
        say(command.args(["upgrade", "proxy"]).args(options).env("RUNTIME_DIRECTORY", self.scratch.path()))
    }

    /// A verb of the applet, asked about this one.
    pub(super) fn verb(&self, words: &[&str]) -> Said {
        let mut command = Command::new(binary());
        say(command.arg("proxy").args(words).env("RUNTIME_DIRECTORY", self.scratch.path()))
    }

    /// The process that serves now, if it is not gone.
    pub(super) fn serving(&self) -> Option<Pid> {
        let pid = fs::read_to_string(self.scratch.join("proxy.sock.lock")).ok()?.trim().parse().ok()?;
        Pid::from_raw(pid)
    }

    /// What the control socket says of the service.
    pub(super) fn status(&self) -> Value {
        let value: Value = serde_json::from_str(&self.ask("GET /status")).expect("JSON");
        value["services"][0].clone()
    }

    pub(super) fn metrics(&self) -> String {
        self.ask("GET /metrics")
    }

    /// The value of a series.
    pub(super) fn metric(&self, series: &str) -> u64 {
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("a number"))
    }

    /// One request over the control socket; the body of the answer.
    pub(super) fn ask(&self, what: &str) -> String {
        let mut stream = UnixStream::connect(self.scratch.join("proxy.sock")).expect("the control socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(format!("{what} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
    }

    pub(super) fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("it accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Client { stream, seen: Vec::new() }
    }

    /// Sends bytes on a connection of their own and ends them; all that comes back.
    pub(super) fn exchange(&self, bytes: &[u8]) -> String {
        let mut client = self.client();
        client.send(bytes);
        client.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        client.rest()
    }

    /// To the process that serves now.
    pub(super) fn signal(&self, signal: Signal) {
        let first = || Pid::from_raw(self.child.id().cast_signed());
        kill_process(self.serving().or_else(first).expect("a process id"), signal).expect("it is there");
    }

    /// Waits for its end; its exit code.
    pub(super) fn ended(&mut self) -> Option<i32> {
        for _ in 0..2000 {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end:\n{}", self.log());
    }
}

pub(super) fn file(text: &str) -> String {
    format!("[listener.web]\naddress = \"127.0.0.1:0\"\n{text}")
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Those that have taken over are nobody's children here, but ours to end; all carry our folder.
        let scratch = self.scratch.path().to_string_lossy().into_owned();
        for pid in processes_of(&scratch) {
            let _gone = kill_process(pid, Signal::KILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Proxies whose configuration is below a folder.
pub(super) fn processes_of(folder: &str) -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        words.any(|word| word.starts_with(folder))
    })
    .collect()
}

/// One connection of a client.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) seen: Vec<u8>,
}

impl Client {
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it takes them");
    }

    /// The head of the next answer.
    #[track_caller]
    pub(super) fn head(&mut self) -> String {
        let end = read_head(&mut self.stream, &mut self.seen);
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(&self.seen)));
        String::from_utf8(self.seen.drain(..end).collect()).expect("text")
    }

    /// So many bytes.
    #[track_caller]
    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; 65536];
        while self.seen.len() < count {
            let length = self.stream.read(&mut bytes).expect("bytes come");
            assert!(length > 0, "ended after {} of {count}", self.seen.len());
            self.seen.extend_from_slice(&bytes[..length]);
        }
        self.seen.drain(..count).collect()
    }

    /// The next answer with a Content-Length: its status and its body.
    #[track_caller]
    pub(super) fn answer(&mut self) -> (u16, String) {
        let head = self.head();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let length = head.to_ascii_lowercase().split("content-length: ").nth(1).map_or(0, |rest| {
            rest.split("\r\n").next().and_then(|word| word.parse().ok()).expect("a length")
        });
        let body = self.bytes(length);
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// All until the end.
    pub(super) fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.seen);
        // A reset ends it too.
        drop(self.stream.read_to_end(&mut rest));
        String::from_utf8_lossy(&rest).into_owned()
    }
}
