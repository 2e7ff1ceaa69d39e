//! The access log: a line a request, made after its answer is out, written by another thread.
//!
//! A worker collects lines in memory of its own and hands them over in large pieces, at the latest
//! after a second. A disk that cannot follow costs lines, which are counted, and never a request.

mod template;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::{Error, ErrorContext};
use tokio::sync::{mpsc, oneshot};

pub(crate) use template::Template;

use crate::config::{AccessLog, LogFormat};
use crate::dates::Dates;
use crate::http1::decimal;
use crate::traces::Trace;

/// Lines are handed over once there are so many bytes of them.
const PIECE: usize = 32 * 1024;
/// Pieces that may wait for the disk.
const WAITING: usize = 64;

/// How a line looks.
const NONE: u64 = 0;
const TEXT: u64 = 1;
const JSON: u64 = 2;
const TEMPLATE: u64 = 3;

/// What a line says.
pub struct Line<'a> {
    /// Address of the client.
    pub client: &'a str,
    /// Whose certificate it proved to have; empty without one.
    pub identity: &'a str,
    /// Method, target, host, user agent and the headers a template wants, each ended by a zero byte; empty if
    /// the head was refused.
    pub note: &'a [u8],
    /// The status it was answered with; 0 for none.
    pub status: u16,
    /// Bytes of the answer's body.
    pub sent: u64,
    /// From head to end.
    pub took: Duration,
    /// The route.
    pub route: &'a str,
    /// The endpoint as text; empty if none was asked.
    pub endpoint: &'a [u8],
    /// Why it was not answered by a server.
    pub fault: &'a str,
    /// Its place in a trace, where requests are followed.
    pub trace: Option<&'a Trace>,
}

impl<'a> Line<'a> {
    /// Method, target, host, user agent.
    pub fn parts(&self) -> [&'a [u8]; 4] {
        let mut words = self.note.split(|byte| *byte == 0);
        std::array::from_fn(|_| words.next().unwrap_or_default())
    }

    /// Of the headers a template wants, the one at this position; empty if it was not there.
    fn header(&self, at: usize) -> &'a [u8] {
        self.note.split(|byte| *byte == 0).nth(4 + at).unwrap_or_default()
    }
}

/// What the writer is told.
enum Message {
    Lines(Vec<u8>),
    Open(Option<File>),
    /// Answered once all before it is written.
    Settle(oneshot::Sender<()>),
}

/// Where workers hand their lines over.
pub struct LogSink {
    /// 0 for none, else how a line looks in the lower byte, above it a number that says it is new.
    mode: AtomicU64,
    template: Mutex<Arc<Template>>,
    sender: mpsc::Sender<Message>,
}

/// The other end.
pub(crate) struct LogWriter {
    receiver: mpsc::Receiver<Message>,
}

/// Both ends; nothing is logged until [`LogSink::open`].
pub(crate) fn channel() -> (LogSink, LogWriter) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let sink = LogSink { mode: AtomicU64::new(0), template: Mutex::default(), sender };
    (sink, LogWriter { receiver })
}

impl LogSink {
    /// Opens the configured file, again if it is open: the one of the name then gets the lines.
    ///
    /// # Errors
    /// The file cannot be opened; nothing changes.
    pub async fn open(&self, settings: &AccessLog) -> Result<(), Error> {
        let file = match &settings.path {
            Some(path) => Some(open(path).with_context(|| format!("cannot open '{}'", path.display()))?),
            None => None,
        };
        let mode = match (&file, settings.format, &settings.template) {
            (None, ..) => NONE,
            (Some(_), _, Some(_)) => TEMPLATE,
            (Some(_), LogFormat::Text, None) => TEXT,
            (Some(_), LogFormat::Json, None) => JSON,
        };
        let template = Arc::new(settings.template.clone().unwrap_or_default());
        // A writer that is gone ends the service anyway.
        drop(self.sender.send(Message::Open(file)).await);
        *self.template.lock().unwrap_or_else(PoisonError::into_inner) = template;
        let number = (self.mode.load(Ordering::Relaxed) >> 8) + 1;
        self.mode.store(number << 8 | mode, Ordering::Release);
        Ok(())
    }

    /// Returns once all that was handed over is written.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.sender.send(Message::Settle(done)).await.is_ok() {
            // An error means that the writer is gone.
            drop(settled.await);
        }
    }

    /// True if lines are wanted.
    pub fn is_on(&self) -> bool {
        self.mode.load(Ordering::Relaxed) & 0xff != NONE
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Can the file be written to? For `check`; makes nothing.
pub(crate) fn can_open(path: &Path) -> Result<(), String> {
    let place = if path.exists() { path } else { path.parent().unwrap_or(path) };
    match std::fs::metadata(place) {
        Ok(found) if path.exists() && !found.is_dir() || !path.exists() && found.is_dir() => Ok(()),
        Ok(_) => Err(format!("'{}' is not a file", path.display())),
        Err(error) => Err(format!("'{}': {}", place.display(), edgekit_core::text::io_reason(&error))),
    }
}

impl LogWriter {
    /// Writes until the workers are gone.
    ///
    /// # Errors
    /// None today: what the disk refuses is told once and lost.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let mut file: Option<File> = None;
        let mut told = false;
        while let Some(message) = self.receiver.recv().await {
            match message {
                Message::Open(other) => (file, told) = (other, false),
                // Whoever asked may have gone.
                Message::Settle(done) => drop(done.send(())),
                Message::Lines(lines) => {
                    let Some(mut open) = file.take() else { continue };
                    let write = move || {
                        let wrote = open.write_all(&lines);
                        (open, wrote)
                    };
                    // The disk may take its time; the control runtime must not.
                    let Ok((open, wrote)) = tokio::task::spawn_blocking(write).await else { continue };
                    file = Some(open);
                    match wrote {
                        Err(error) if !told => {
                            tracing::error!("the access log cannot be written: {error}");
                            told = true;
                        }
                        Err(_) => {}
                        Ok(()) => told = false,
                    }
                }
            }
        }
        Ok(())
    }
}

/// The lines of one worker.
#[derive(Default)]
pub struct LogLines {
    text: Vec<u8>,
    count: u64,
    /// The sink's mode when its template was taken.
    mode: u64,
    template: Arc<Template>,
}

impl LogLines {
    /// Adds a line, and hands over if there are enough. Gives how many lines were lost.
    pub fn add(&mut self, sink: &LogSink, dates: &mut Dates, line: &Line<'_>) -> u64 {
        self.look(sink);
        match self.mode & 0xff {
            NONE => return 0,
            TEXT => text(&mut self.text, dates, line),
            JSON => json(&mut self.text, dates, line),
            _ => self.template.write(&mut self.text, dates, line),
        }
        self.count += 1;
        if self.text.len() >= PIECE { self.flush(sink) } else { 0 }
    }

    fn look(&mut self, sink: &LogSink) {
        let mode = sink.mode.load(Ordering::Acquire);
        if mode != self.mode {
            self.mode = mode;
            self.template = sink.template.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
    }

    /// Headers of requests that lines want to name, in lower case.
    pub fn headers(&mut self, sink: &LogSink) -> &[String] {
        self.look(sink);
        self.template.headers()
    }

    /// Hands over what is there; gives how many lines found no room.
    pub fn flush(&mut self, sink: &LogSink) -> u64 {
        if self.text.is_empty() {
            return 0;
        }
        let (text, count) = (std::mem::take(&mut self.text), std::mem::take(&mut self.count));
        match sink.sender.try_send(Message::Lines(text)) {
            Ok(()) => {
                self.text.reserve(PIECE + PIECE / 8);
                0
            }
            Err(mpsc::error::TrySendError::Full(Message::Lines(mut text))) => {
                text.clear();
                self.text = text;
                count
            }
            Err(_) => count,
        }
    }

    /// True if nothing waits to be handed over.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

fn text(out: &mut Vec<u8>, dates: &mut Dates, line: &Line<'_>) {
    let [method, target, host, agent] = line.parts();
    time(out, dates);
    push(out, &[b" ", line.client.as_bytes(), b" \"", or_dash(method), b" ", or_dash(target), b"\" "]);
    decimal(out, u64::from(line.status));
    out.push(b' ');
    decimal(out, line.sent);
    out.push(b' ');
    milliseconds(out, line.took);
    push(
        out,
        &[
            b"ms host=",
            or_dash(host),
            b" route=",
            or_dash(line.route.as_bytes()),
            b" endpoint=",
            or_dash(line.endpoint),
        ],
    );
    if !line.fault.is_empty() {
        push(out, &[b" fault=", line.fault.as_bytes()]);
    }
    if !line.identity.is_empty() {
        out.extend_from_slice(b" identity=\"");
        escape(out, line.identity.as_bytes());
        out.push(b'"');
    }
    if let Some(trace) = line.trace {
        push(out, &[b" trace=", &trace.name()]);
    }
    out.extend_from_slice(b" agent=\"");
    escape(out, agent);
    out.extend_from_slice(b"\"\n");
}

fn json(out: &mut Vec<u8>, dates: &mut Dates, line: &Line<'_>) {
    let [method, target, host, agent] = line.parts();
    out.extend_from_slice(b"{\"schema\":\"edgekit.proxy.request/1\",\"time\":\"");
    time(out, dates);
    out.extend_from_slice(b"\"");
    for (name, value) in [
        ("client", line.client.as_bytes()),
        ("identity", line.identity.as_bytes()),
        ("method", method),
        ("target", target),
        ("host", host),
        ("route", line.route.as_bytes()),
        ("endpoint", line.endpoint),
        ("fault", line.fault.as_bytes()),
        ("agent", agent),
    ] {
        if !value.is_empty() {
            push(out, &[b",\"", name.as_bytes(), b"\":\""]);
            escape(out, value);
            out.push(b'"');
        }
    }
    if let Some(trace) = line.trace {
        push(out, &[b",\"trace\":\"", &trace.name(), b"\""]);
    }
    out.extend_from_slice(b",\"status\":");
    decimal(out, u64::from(line.status));
    out.extend_from_slice(b",\"sent\":");
    decimal(out, line.sent);
    out.extend_from_slice(b",\"duration_ms\":");
    milliseconds(out, line.took);
    out.extend_from_slice(b"}\n");
}

fn time(out: &mut Vec<u8>, dates: &mut Dates) {
    let (second, millis) = dates.iso();
    push(out, &[second, b"."]);
    three(out, millis);
    out.push(b'Z');
}

fn milliseconds(out: &mut Vec<u8>, took: Duration) {
    decimal(out, u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    out.push(b'.');
    three(out, took.subsec_micros() % 1000);
}

fn three(out: &mut Vec<u8>, number: u32) {
    let digit = |unit: u32| b'0' + (number / unit % 10) as u8;
    out.extend_from_slice(&[digit(100), digit(10), digit(1)]);
}

fn or_dash(word: &[u8]) -> &[u8] {
    if word.is_empty() { b"-" } else { word }
}

fn push(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// What a client chose must not look like our own words, and must stay text.
fn escape(out: &mut Vec<u8>, value: &[u8]) {
    if value.iter().all(|byte| (b' '..0x7f).contains(byte) && !b"\"\\".contains(byte)) {
        out.extend_from_slice(value);
        return;
    }
    for letter in String::from_utf8_lossy(value).chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            letter if letter.is_control() => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(letter)).as_bytes());
            }
            letter => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::Clock;

    pub(super) fn line() -> Line<'static> {
        Line {
            client: "::1",
            identity: "",
            note: b"GET\0/a?b\0example.com\0x\"\n\xff\x007\0\0",
            status: 200,
            sent: 1234,
            took: Duration::from_micros(1_045),
            route: "all",
            endpoint: b"127.0.0.1:9000",
            fault: "",
            trace: None,
        }
    }

    #[test]
    fn lines_look_as_documented() {
        let mut dates = Dates::new(Clock::fixed(Duration::from_millis(784_111_777_042)));
        let mut out = Vec::new();
        text(&mut out, &mut dates, &line());
        let wanted = "1994-11-06T08:49:37.042Z ::1 \"GET /a?b\" 200 1234 1.045ms host=example.com route=all \
                      endpoint=127.0.0.1:9000 agent=\"x\\\"\\u000a\u{fffd}\"\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        let mut out = Vec::new();
        json(&mut out, &mut dates, &line());
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["agent"], "x\"\n\u{fffd}");
        assert_eq!((&value["status"], &value["duration_ms"]), (&200.into(), &1.045.into()));
        assert_eq!(value["time"], "1994-11-06T08:49:37.042Z");
    }

    #[test]
    fn a_disk_that_cannot_follow_costs_counted_lines() {
        let (sink, _writer) = channel();
        sink.mode.store(TEXT, Ordering::Relaxed);
        let mut dates = Dates::new(Clock::fixed(Duration::ZERO));
        let (mut lines, mut lost) = (LogLines::default(), 0);
        for _ in 0..40_000 {
            lost += lines.add(&sink, &mut dates, &line());
        }
        assert!(lost > 0 && lost < 40_000, "{lost}");
        assert!(lines.text.len() <= 2 * PIECE);
    }
}
