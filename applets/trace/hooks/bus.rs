//! What hooks publish, on its way to the rules service of this machine.
//!
//! One request to its bus, `POST /events`, lasts as long as the run; each event is a JSON object on a line of its
//! body, which goes in chunks (RFC 9112, 7.1). The tracer never waits for it: lines are gathered and written
//! between two bursts of events, as much as the socket takes. What does not fit is dropped and counted, and so is
//! what is published while no service runs; one that is started later is found within a second. Neighbour:
//! `carry` publishes.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_rules::Value;

/// Bytes that may wait for the service.
const MAX_WAITING: usize = 1 << 20;
/// Written at once when so many bytes have gathered, not only between bursts.
const BATCH: usize = 32 << 10;
/// How long to leave a missing service alone.
const RETRY: Duration = Duration::from_secs(1);
/// An empty line says after so long that we are still here.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the last lines and the answer may take.
const LAST: Duration = Duration::from_secs(1);
/// Bytes of an answer that are read.
const MAX_ANSWER: u64 = 16 << 10;

const HEAD: &[u8] = b"POST /events HTTP/1.1\r\nHost: rules\r\nContent-Type: application/x-ndjson\r\n\
                      Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";

pub(super) struct Bus {
    path: PathBuf,
    clock: Clock,
    to: Option<UnixStream>,
    tried: Option<Duration>,
    /// When something was last handed to the socket.
    spoke: Duration,
    /// Lines that are in no chunk yet.
    lines: Vec<u8>,
    /// Chunks that the socket has not taken yet.
    chunks: Vec<u8>,
    /// Lines in both.
    waiting: u64,
    lost: u64,
    /// Why the last connection ended, or none came about.
    why: Option<String>,
}

/// Messages that nobody has, where they should have gone, and why they did not.
pub(super) struct LostMessages {
    pub(super) count: u64,
    pub(super) path: PathBuf,
    pub(super) why: String,
}

impl Bus {
    pub(super) fn new(path: PathBuf, clock: Clock) -> Bus {
        Bus {
            path,
            clock,
            to: None,
            tried: None,
            spoke: Duration::ZERO,
            lines: Vec::new(),
            chunks: Vec::new(),
            waiting: 0,
            lost: 0,
            why: None,
        }
    }

    /// Sends an event; `fields` is a map.
    pub(super) fn publish(&mut self, topic: &str, fields: &Value) {
        if !self.is_connected() {
            self.lost += 1;
            return;
        }
        if self.lines.len() + self.chunks.len() >= MAX_WAITING {
            self.why.get_or_insert_with(|| "the rules service reads too slowly".to_owned());
            self.lost += 1;
            return;
        }
        let at = self.clock.wall().as_secs_f64();
        let event = Value::from([("topic", topic.into()), ("at", at.into()), ("data", fields.clone())]);
        self.lines.extend_from_slice(event.to_json().to_string().as_bytes());
        self.lines.push(b'\n');
        self.waiting += 1;
        if self.lines.len() >= BATCH {
            self.flush();
        }
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) {
        if self.to.is_none() {
            return;
        }
        let now = self.clock.monotonic();
        if self.lines.is_empty() && self.chunks.is_empty() {
            if now.saturating_sub(self.spoke) < SILENCE {
                return;
            }
            self.lines.push(b'\n');
        }
        self.spoke = now;
        self.chunk();
        let mut done = 0;
        while let (Some(to), Some(rest)) =
            (&mut self.to, self.chunks.get(done..).filter(|rest| !rest.is_empty()))
        {
            match to.write(rest) {
                Ok(0) => break,
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return self.cut(&error),
            }
        }
        self.chunks.drain(..done);
        if self.chunks.is_empty() && self.lines.is_empty() {
            self.waiting = 0;
        }
    }

    /// Gives the last lines a moment, and hears what became of all of them.
    pub(super) fn end(mut self) -> Option<LostMessages> {
        if self.to.is_some() {
            self.chunk();
            self.chunks.extend_from_slice(b"0\r\n\r\n");
            match self.last_words() {
                Ok(refused) => self.lost += refused,
                Err(error) => self.cut(&error),
            }
        }
        let why = self.why.unwrap_or_else(|| "the rules service refused them".to_owned());
        (self.lost > 0).then_some(LostMessages { count: self.lost, path: self.path, why })
    }

    /// Sends what is left; gives how many events the service did not take.
    fn last_words(&mut self) -> io::Result<u64> {
        let Some(to) = &mut self.to else { return Ok(0) };
        to.set_nonblocking(false)?;
        to.set_write_timeout(Some(LAST))?;
        to.set_read_timeout(Some(LAST))?;
        to.write_all(&self.chunks)?;
        let mut answer = Vec::new();
        to.take(MAX_ANSWER).read_to_end(&mut answer)?;
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
        let answer: serde_json::Value = serde_json::from_slice(answer.get(body..).unwrap_or_default())?;
        Ok(answer.get("refused").and_then(serde_json::Value::as_u64).unwrap_or(0))
    }

    /// Makes the gathered lines a chunk of the request's body.
    fn chunk(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        self.chunks.extend_from_slice(format!("{:x}\r\n", self.lines.len()).as_bytes());
        self.chunks.append(&mut self.lines);
        self.chunks.extend_from_slice(b"\r\n");
    }

    fn is_connected(&mut self) -> bool {
        if self.to.is_none() {
            let now = self.clock.monotonic();
            if self.tried.is_some_and(|tried| now.saturating_sub(tried) < RETRY) {
                return false;
            }
            self.tried = Some(now);
            let stream = UnixStream::connect(&self.path).and_then(|to| to.set_nonblocking(true).map(|()| to));
            match stream {
                Ok(to) => {
                    self.chunks.extend_from_slice(HEAD);
                    self.spoke = now;
                    self.to = Some(to);
                }
                Err(error) => self.why = Some(super::carry::plain(&error)),
            }
        }
        self.to.is_some()
    }

    fn cut(&mut self, error: &io::Error) {
        // The first of them may have been read: which were, nobody can tell.
        self.lost += self.waiting;
        self.waiting = 0;
        self.lines.clear();
        self.chunks.clear();
        self.why = Some(super::carry::plain(error));
        self.to = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("edgekit-trace-bus-{name}-{}", std::process::id()))
    }

    #[test]
    fn without_a_service_messages_are_counted() {
        let (clock, hands) = Clock::fake(Duration::from_secs(1));
        let mut bus = Bus::new(scratch("nobody"), clock);
        bus.publish("a", &Value::Map(Vec::new()));
        hands.advance(RETRY);
        bus.publish("a", &Value::Map(Vec::new()));
        bus.flush();
        let lost = bus.end().unwrap();
        assert_eq!((lost.count, lost.why.as_str()), (2, "no such file or directory"));
    }

    #[test]
    fn one_request_carries_all_of_them() {
        let path = scratch("all");
        let listener = UnixListener::bind(&path).unwrap();
        let service = thread::spawn(move || {
            let (mut from, _) = listener.accept().unwrap();
            let mut text = Vec::new();
            let mut piece = [0; 4096];
            while !text.ends_with(b"\r\n0\r\n\r\n") {
                let read = from.read(&mut piece).unwrap();
                assert!(read > 0, "the request ended early");
                text.extend_from_slice(&piece[..read]);
            }
            from.write_all(b"HTTP/1.1 422 X\r\n\r\n{\"accepted\":1,\"refused\":1}").unwrap();
            String::from_utf8(text).unwrap()
        });
        let (clock, _hands) = Clock::fake(Duration::from_millis(1500));
        let mut bus = Bus::new(path.clone(), clock);
        bus.publish("one", &Value::from([("n", Value::UInt(u64::MAX))]));
        bus.flush();
        bus.publish("two", &Value::Map(Vec::new()));
        assert_eq!(bus.end().map(|lost| lost.count), Some(1));
        std::fs::remove_file(path).unwrap();
        let text = service.join().unwrap();
        let lines: Vec<&str> =
            text.split("\r\n").filter(|line| line.starts_with('{')).map(str::trim_end).collect();
        assert_eq!(lines.len(), 2, "{text}");
        let first: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(first, serde_json::json!({ "topic": "one", "at": 1.5, "data": { "n": u64::MAX } }));
    }
}
