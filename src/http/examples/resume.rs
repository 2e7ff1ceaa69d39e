//! Row 2.7: a large download through a relay that resets the connection every few megabytes.
//!
//! `resume [SIZE_MIB [RESET_BYTES]]` serves a file, puts the relay before it, downloads in a process
//! of its own (`resume get URL FILE`) and compares the files. One JSON object on standard output: ours,
//! and curl's on the same relay where there is one. Run it as a release build:
//! `cargo run --release -p edgekit-http --example resume`.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_http::{
    Client, Content, Download, FileSink, Limits, Listener, Options, Request, Server, serve_content,
};
use edgekit_relay::{Plan, Relay};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

const MIB: u64 = 1024 * 1024;

/// How often curl is started again before it counts as unable: each start is one reset further.
const CURL_STARTS: u32 = 2000;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["get", url, file] => get(url, Path::new(file)),
        [] => measure(1024 * MIB, 10_000_000),
        [size] => measure(size.parse::<u64>()? * MIB, 10_000_000),
        [size, reset] => measure(size.parse::<u64>()? * MIB, reset.parse()?),
        _ => Err("usage: resume [SIZE_MIB [RESET_BYTES]] | resume get URL FILE".into()),
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build()
}

/// The process that is measured: downloads and says what it took.
fn get(url: &str, file: &Path) -> Result<(), Failure> {
    let ended = runtime()?.block_on(async {
        let client = Client::new(Options::default());
        let mut sink = FileSink::new(File::create(file)?);
        let ended = Download::new(url)?.run(&client, &mut sink, |_| {}).await?;
        Ok::<_, Failure>(ended)
    })?;
    let peak = peak_kib("self").ok_or("no VmHWM in /proc/self/status")?;
    println!("{}", json!({"attempts": ended.attempts, "body_bytes": ended.fetched, "peak_kib": peak}));
    Ok(())
}

/// Peak resident memory of a process, in KiB, while it lives.
fn peak_kib(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// A folder that is gone at the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn measure(size: u64, reset: u64) -> Result<(), Failure> {
    let folder = Scratch(std::env::temp_dir().join(format!("edgekit-resume-{}", std::process::id())));
    fs::create_dir_all(&folder.0)?;
    let source = folder.0.join("source");
    write_source(&source, size)?;
    let address = start_server(&source)?;
    let relay = Relay::start(address, Plan { reset_after: Some(reset), ..Plan::default() })?;
    let url = format!("http://{}/file", relay.address());

    let program = std::env::current_exe()?;
    let ours = round(&relay, size, &source, &folder.0.join("ours"), |file| {
        let output =
            Command::new(&program).arg("get").arg(&url).arg(file).stderr(Stdio::inherit()).output()?;
        Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    })?;
    let curl = match curl_version() {
        Some(version) => {
            let mut value = round(&relay, size, &source, &folder.0.join("curl"), |file| curl(&url, file))?;
            value["version"] = version.into();
            value
        }
        None => Value::Null,
    };
    println!("{}", json!({"row": "2.7", "size": size, "reset_after": reset, "ours": ours, "curl": curl}));
    Ok(())
}

/// Runs one download and says what passed the relay for it.
fn round(
    relay: &Relay,
    size: u64,
    source: &Path,
    file: &Path,
    download: impl FnOnce(&Path) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    let (bytes, connections, start) = (relay.down(), relay.connections(), Clock::system().monotonic());
    let mut value = download(file)?;
    let took = Clock::system().monotonic() - start;
    let passed = relay.down() - bytes;
    value["complete"] = same(source, file)?.into();
    value["seconds"] = took.as_secs_f64().into();
    value["connections"] = (relay.connections() - connections).into();
    // Heads of answers included: what the link carried beyond the file itself.
    value["twice_percent"] = ((passed as f64 / size as f64 - 1.0) * 100.0).into();
    fs::remove_file(file)?;
    Ok(value)
}

/// `curl -C -`, started again until it is content. With `--retry` it goes back to where that start
/// began (7.88), fetching the same bytes each time; so this is the best it can do.
fn curl(url: &str, file: &Path) -> Result<Value, Failure> {
    let mut peak = 0;
    for start in 1..=CURL_STARTS {
        let mut child = Command::new("curl")
            .args(["--silent", "-C", "-", "-o"])
            .arg(file)
            .arg(url)
            .stdin(Stdio::null())
            .spawn()?;
        let process = child.id().to_string();
        loop {
            peak = peak.max(peak_kib(&process).unwrap_or(0));
            if let Some(status) = child.try_wait()? {
                if status.success() {
                    return Ok(json!({"starts": start, "peak_kib": peak}));
                }
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(json!({"starts": CURL_STARTS, "peak_kib": peak}))
}

fn curl_version() -> Option<String> {
    let output = Command::new("curl").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

/// Bytes that repeat nowhere near: a piece in the wrong place is found.
fn write_source(path: &Path, size: u64) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..size / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes())?;
    }
    file.flush()
}

fn same(one: &Path, other: &Path) -> io::Result<bool> {
    if fs::metadata(one)?.len() != fs::metadata(other)?.len() {
        return Ok(false);
    }
    let mut one = BufReader::with_capacity(1 << 20, File::open(one)?);
    let mut other = BufReader::with_capacity(1 << 20, File::open(other)?);
    let (mut a, mut b) = ([0; 4096], [0; 4096]);
    loop {
        let length = one.read(&mut a)?;
        if length == 0 {
            return Ok(true);
        }
        let (a, b) = (&a[..length], &mut b[..length]);
        other.read_exact(b)?;
        if a != b {
            return Ok(false);
        }
    }
}

/// Our own server, on a thread that ends with the process.
fn start_server(source: &Path) -> Result<std::net::SocketAddr, Failure> {
    let content = Content::file(File::open(source)?, "application/octet-stream")?;
    let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let runtime = runtime()?;
    thread::spawn(move || {
        let handler = move |request: Request| {
            let content = content.clone();
            async move { serve_content(&content, &request.method, &request.headers) }
        };
        runtime.block_on(async {
            if let Ok(listener) = Listener::tcp(socket, None) {
                Server::new(handler, Limits::default()).serve(listener).await;
            }
        });
    });
    Ok(address)
}
