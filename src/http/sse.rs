//! Server-sent events: a hub that many clients listen to, and the parser of the stream.
//!
//! A client that does not keep up never holds the others back: its queue is bounded, and when it is
//! full the client is dropped and counted; it comes back with `Last-Event-ID` and is given what it
//! missed, as far as that is kept. Format: WHATWG HTML §9.2. Neighbour: `server.rs` sends the stream.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Frame};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::reply::{Reply, with_body};

mod parse;
pub use parse::EventParser;

/// Silence after which a comment is sent, so that proxies and clients see the stream alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// Where to go on after it.
    pub id: String,
    /// Its type; empty is `message`.
    pub name: String,
    /// Any text.
    pub data: String,
}

/// A hub of events; cloning it gives another handle of the same.
#[derive(Clone)]
pub struct Events {
    hub: Arc<Mutex<Hub>>,
}

struct Hub {
    run: u64,
    next: u64,
    queue: usize,
    keep: usize,
    kept: VecDeque<(u64, Bytes)>,
    clients: Vec<mpsc::Sender<Bytes>>,
    dropped: u64,
    is_closed: bool,
}

impl Events {
    /// A hub whose clients may lag `queue` events behind and which keeps `keep` events for those that
    /// come back. `run` tells this process's numbering from an earlier one's, such as its start time.
    pub fn new(run: u64, queue: usize, keep: usize) -> Events {
        let queue = queue.max(1);
        let (kept, clients) = (VecDeque::new(), Vec::new());
        let hub = Hub { run, next: 1, queue, keep, kept, clients, dropped: 0, is_closed: false };
        Events { hub: Arc::new(Mutex::new(hub)) }
    }

    /// Sends to all that listen. Line breaks in `name` are left out; `data` may hold any text.
    pub fn send(&self, name: &str, data: &str) {
        let mut hub = self.lock();
        let number = hub.next;
        hub.next += 1;
        let frame = write(&format!("{:x}-{number}", hub.run), name, data);
        let mut slow = 0;
        hub.clients.retain(|client| match client.try_send(frame.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                slow += 1;
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
        hub.dropped += slow;
        hub.kept.push_back((number, frame));
        while hub.kept.len() > hub.keep {
            hub.kept.pop_front();
        }
    }

    /// The stream for a client. With its `Last-Event-ID` it is first given what it missed; if not all
    /// of that is kept, an event `lost` comes before, its data the number of lost events or `unknown`.
    pub fn subscribe(&self, last_event_id: Option<&str>) -> Reply {
        let mut hub = self.lock();
        let (sender, queue) = mpsc::channel(hub.queue);
        let backlog = last_event_id.map(|id| hub.missed(id)).unwrap_or_default();
        if !hub.is_closed {
            hub.clients.retain(|client| !client.is_closed());
            hub.clients.push(sender);
        }
        let stream = Stream { backlog, queue, silence: Box::pin(tokio::time::sleep(KEEP_ALIVE)) };
        let mut reply = with_body(StatusCode::OK, stream.boxed_unsync());
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply
    }

    /// Ends all streams, now and later: before a drain, which would wait for them.
    pub fn close(&self) {
        let mut hub = self.lock();
        hub.is_closed = true;
        hub.clients.clear();
    }

    /// Clients dropped because they were too slow.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Clients that listen, those that went away without our noticing included.
    pub fn clients(&self) -> usize {
        self.lock().clients.len()
    }

    /// A panic elsewhere leaves the hub whole: each of its changes is complete in itself.
    fn lock(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// What was sent after the event `id`.
    fn missed(&self, id: &str) -> VecDeque<Bytes> {
        let known = id.split_once('-').and_then(|(run, number)| {
            let run = u64::from_str_radix(run, 16).ok()?;
            number.parse::<u64>().ok().filter(|number| run == self.run && *number < self.next)
        });
        let oldest = self.kept.front().map_or(self.next, |(number, _)| *number);
        let after = known.unwrap_or(0);
        let lost = match known {
            Some(known) => oldest.saturating_sub(known + 1),
            None => u64::MAX,
        };
        let mut frames = VecDeque::new();
        if lost > 0 {
            let count = if known.is_some() { lost.to_string() } else { "unknown".to_owned() };
            frames.push_back(write("", "lost", &count));
        }
        frames.extend(self.kept.iter().filter(|(number, _)| *number > after).map(|(_, frame)| frame.clone()));
        frames
    }
}

/// One event in the stream's format.
fn write(id: &str, name: &str, data: &str) -> Bytes {
    let mut out = String::with_capacity(data.len() + 64);
    if !id.is_empty() {
        out.push_str(&format!("id: {id}\n"));
    }
    if !name.is_empty() {
        out.push_str(&format!("event: {}\n", name.replace(['\r', '\n'], "")));
    }
    for line in data.replace("\r\n", "\n").split(['\n', '\r']) {
        out.push_str(&format!("data: {line}\n"));
    }
    out.push('\n');
    out.into()
}

/// The body a client receives.
struct Stream {
    backlog: VecDeque<Bytes>,
    queue: mpsc::Receiver<Bytes>,
    silence: Pin<Box<Sleep>>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let next = match this.backlog.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => this.queue.poll_recv(cx),
        };
        let frame = match next {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(frame)) => frame,
            Poll::Pending => match this.silence.as_mut().poll(cx) {
                Poll::Ready(()) => Bytes::from_static(b":\n\n"),
                Poll::Pending => return Poll::Pending,
            },
        };
        this.silence.as_mut().reset(tokio::time::Instant::now() + KEEP_ALIVE);
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }
}

#[cfg(test)]
mod tests;
