//! One try of a check.
//!
//! Neighbours: `super` decides when, and what it means.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Clock, text, units};
use edgekit_http::{Client, Options, Retry, Timeouts};
use edgekit_rt::Resolver;
use edgekit_rt::child::Program;
use edgekit_tls::{ClientOptions, Roots, Trust};
use serde_json::json;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;

use super::{Check, Kind};
use crate::fault::Fault;
use crate::judge::{Judge, Point, Ruling};

/// Bytes of an answer, of a file and of what a program says that are looked at.
const KEPT: usize = 16 << 10;

/// Whether a check says what its kind needs.
pub(super) fn is_whole(name: &str, check: &Check) -> Result<(), Fault> {
    let missing = match check.kind {
        Kind::Exec => check.command.is_empty().then_some("command"),
        Kind::Http => check.url.is_none().then_some("url"),
        Kind::Tcp => check.address.is_none().then_some("address"),
        Kind::Unit => check.unit.is_none().then_some("unit"),
        Kind::Rule => None,
    };
    missing.map_or(Ok(()), |key| {
        Err(Fault::Config(
            format!("health.check.{name} is of kind {} and has no '{key}'", check.kind.word()),
            format!("say {key} = … in [health.check.{name}] of ota.toml"),
        ))
    })
}

/// Makes it; a sentence says why it did not pass.
pub(super) fn make(
    runtime: &Runtime,
    name: &str,
    check: &Check,
    time: Duration,
    judge: &mut dyn Judge,
    clock: &Clock,
) -> Result<(), String> {
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    match check.kind {
        Kind::Exec => runtime.block_on(exec(check.command.iter().map(OsStr::new).collect(), time)),
        Kind::Unit => {
            let unit = said(&check.unit);
            let argv = ["systemctl", "is-active", "--quiet", "--", &unit].map(OsStr::new).to_vec();
            runtime.block_on(exec(argv, time)).map_err(|why| format!("unit '{unit}' is not active: {why}"))
        }
        Kind::Http => within(runtime, time, http(check, &said(&check.url), time, clock)),
        Kind::Tcp => within(runtime, time, connect(said(&check.address))),
        Kind::Rule => rule(name, check, judge, clock),
    }
}

fn within(
    runtime: &Runtime,
    time: Duration,
    what: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    let late = |_| Err(format!("no answer within {}", units::show_duration(time)));
    // The timer belongs to the runtime.
    runtime.block_on(async { tokio::time::timeout(time, what).await.unwrap_or_else(late) })
}

async fn exec(argv: Vec<&OsStr>, time: Duration) -> Result<(), String> {
    Program { argv, env: Vec::new(), deadline: time, keep: KEPT }.succeed().await.map(drop)
}

async fn http(check: &Check, url: &str, time: Duration, clock: &Clock) -> Result<(), String> {
    let trust = Trust { roots: Roots::from(check.roots.as_str()), ..Trust::default() };
    let tls = match url.starts_with("https:") {
        true => {
            let options = ClientOptions { trust, ..ClientOptions::default() };
            Some(edgekit_tls::Client::load(options, clock.clone()).map_err(|error| error.to_string())?.0)
        }
        false => None,
    };
    let options = Options {
        timeouts: Timeouts { connect: time, first_byte: time, idle: time, total: Some(time) },
        redirects: 0,
        tls: tls.map(Arc::new),
        clock: clock.clone(),
        ..Options::default()
    };
    let call = edgekit_http::Call::new(edgekit_http::Method::GET, url).map_err(|error| error.to_string())?;
    let answer =
        Client::new(options).send(&call, &Retry::never()).await.map_err(|error| error.to_string())?;
    let status = answer.status.as_u16();
    let good = check.status.map_or(answer.status.is_success(), |wanted| wanted == status);
    if !good {
        return Err(format!("'{url}' answers {status}"));
    }
    let Some(wanted) = check.expect.as_deref() else { return Ok(()) };
    let (mut body, mut bytes) = (answer.body, Vec::new());
    while bytes.len() < KEPT {
        match body.chunk().await.map_err(|error| error.to_string())? {
            Some(piece) => bytes.extend_from_slice(&piece),
            None => break,
        }
    }
    bytes.truncate(KEPT);
    let holds = wanted.is_empty() || bytes.windows(wanted.len()).any(|piece| piece == wanted.as_bytes());
    holds.then_some(()).ok_or_else(|| format!("'{url}' answers without '{wanted}'"))
}

async fn connect(address: String) -> Result<(), String> {
    let cannot =
        |error: std::io::Error| format!("cannot connect to '{address}': {}", text::io_reason(&error));
    if address.starts_with('/') {
        return UnixStream::connect(&address).await.map(drop).map_err(cannot);
    }
    let (host, port) = address.rsplit_once(':').ok_or_else(|| format!("'{address}' has no port"))?;
    let port: u16 = port.parse().map_err(|_| format!("'{address}' has no port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = Resolver::system().resolve(host).await.map_err(|error| error.to_string())?;
    let mut last = format!("'{host}' has no address");
    for ip in found {
        match TcpStream::connect((ip, port)).await {
            Ok(_) => return Ok(()),
            Err(error) => last = cannot(error),
        }
    }
    Err(last)
}

fn rule(name: &str, check: &Check, judge: &mut dyn Judge, clock: &Clock) -> Result<(), String> {
    let mut files = BTreeMap::new();
    for path in &check.files {
        files.insert(path.display().to_string(), content(path));
    }
    let facts = json!({
        "check": name, "uptime": clock.monotonic().as_secs_f64(), "load": load(), "memory": memory(), "files": files,
    });
    match judge.ask(Point::Health, &facts) {
        Ruling::Go => Ok(()),
        Ruling::Refuse(why) | Ruling::Defer(_, why) => Err(why),
    }
}

/// The begin of a file, as text.
fn content(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(KEPT as u64).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Load of the last minute (proc(5)).
fn load() -> Option<f64> {
    content(Path::new("/proc/loadavg"))?.split_ascii_whitespace().next()?.parse().ok()
}

/// Bytes of memory that are available.
fn memory() -> Option<u64> {
    let text = content(Path::new("/proc/meminfo"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
