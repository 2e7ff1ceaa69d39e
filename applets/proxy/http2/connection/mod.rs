//! One connection as a machine without I/O: bytes in, events and bytes out.
//!
//! [`Connection::receive`] takes whatever was read, in any pieces; what is to be written lies in
//! [`Connection::out`]. `heads.rs` reads HEADERS and CONTINUATION, `data.rs` DATA and what readers take
//! of it, `control.rs` all other frames, `send.rs` writes. Whoever drives it (`io.rs`) is woken when
//! there is something to write, tasks of streams when theirs has moved.

mod control;
mod data;
mod heads;
mod outbox;
mod send;
#[cfg(test)]
mod tests;

use std::task::Waker;
use std::time::Duration;

use super::abuse::{Abuse, Budget};
use super::frame::{self, Code, Frame, Kind, Setting};
use super::hpack::{Decoder, Encoder};
use super::message::Request;
use super::streams::Streams;
use crate::http1::{Fault, Lines};
use data::Payload;
use heads::Block;
pub(super) use outbox::Outbox;

/// Which end we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// We answer.
    Server,
    /// We ask.
    Client,
}

/// What we allow the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Streams at a time.
    pub(in crate::http2) streams: u32,
    /// Bytes of a head, as RFC 9113 §10.5.1 counts them.
    pub(in crate::http2) head: u32,
    /// Bytes of DATA of a stream that nobody has read yet.
    pub(in crate::http2) window: u32,
    /// The same of all streams together.
    pub(in crate::http2) window_of_all: u32,
}

/// The window everybody begins with (RFC 9113 §6.9.2).
pub(super) const FIRST_WINDOW: u32 = 65_535;
/// The table of the decoder, as everybody begins with.
const TABLE: usize = 4096;
/// Pieces of frames up to this long keep their memory.
const KEPT: usize = 1024;

/// What whoever drives the connection has to do something about.
#[derive(Debug)]
pub(super) enum Event {
    /// A request, whose lines are in [`Connection::lines`].
    Request { place: u32, request: Request },
    /// A request that we answer ourselves.
    Refused { place: u32, fault: Fault },
}

/// Why a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// What the other side is told.
    pub(in crate::http2) code: Code,
    /// What it did too much of.
    pub(in crate::http2) abuse: Option<Abuse>,
}

impl From<Code> for End {
    fn from(code: Code) -> End {
        End { code, abuse: None }
    }
}

impl From<Abuse> for End {
    fn from(abuse: Abuse) -> End {
        End { code: Code::Calm, abuse: Some(abuse) }
    }
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// What is left of the preface.
    Preface(usize),
    Head,
    Payload(Frame),
    Data(Payload),
    Skip(u32),
}

/// What the other side has told of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) streams: u32,
    pub(super) window: u32,
    pub(super) frame: u32,
    pub(super) connect: bool,
}

/// The machine.
pub(super) struct Connection {
    role: Role,
    limits: Limits,
    told: Told,
    /// Frames so far; what belongs to one head counts as one.
    begun: u32,
    reading: Reading,
    /// A frame's head or payload of which not all has come.
    partial: Vec<u8>,
    /// The other side has sent its settings.
    is_greeted: bool,
    block: Option<Block>,
    decoder: Decoder,
    encoder: Encoder,
    scratch: Vec<u8>,
    /// Of the head that was read last.
    pub(super) lines: Lines,
    pub(super) streams: Streams,
    pub(super) out: Outbox,
    budget: Budget,
    now: Duration,
    send_window: i64,
    receive_window: u32,
    consumed: u32,
    /// The highest stream the other side has opened.
    newest: u32,
    /// The next one that we open.
    next: u32,
    /// Streams up to this one are served: we said so in GOAWAY.
    last_served: Option<u32>,
    /// The other side serves no new streams.
    is_leaving: bool,
    /// A stream was given up without a word about it: the other side may be gone.
    is_doubted: bool,
    /// Streams that wait for room, in the order they came.
    blocked: Vec<(u32, u32)>,
    /// Whoever drives.
    driver: Option<Waker>,
    /// It was woken and has not come yet.
    is_called: bool,
    /// Nothing is read or written any more.
    is_dead: bool,
}

impl Connection {
    /// A new one; its preface and settings are in [`Connection::out`].
    pub(in crate::http2) fn new(role: Role, limits: Limits, now: Duration) -> Connection {
        let mut connection = Connection {
            role,
            limits,
            told: Told { streams: u32::MAX, window: FIRST_WINDOW, frame: frame::LONGEST, connect: false },
            reading: match role {
                Role::Server => Reading::Preface(frame::PREFACE.len()),
                Role::Client => Reading::Head,
            },
            begun: 0,
            partial: Vec::new(),
            is_greeted: false,
            block: None,
            decoder: Decoder::new(TABLE),
            encoder: Encoder::default(),
            scratch: Vec::new(),
            lines: Lines::default(),
            streams: Streams::default(),
            out: Outbox::default(),
            budget: Budget::new(now),
            now,
            send_window: i64::from(FIRST_WINDOW),
            receive_window: limits.window_of_all.max(FIRST_WINDOW),
            consumed: 0,
            newest: 0,
            next: 1,
            last_served: None,
            is_leaving: false,
            is_doubted: false,
            blocked: Vec::new(),
            driver: None,
            is_called: false,
            is_dead: false,
        };
        connection.greet();
        connection
    }

    fn greet(&mut self) {
        let Limits { streams, head, window, .. } = self.limits;
        let out = self.out.bytes();
        match self.role {
            Role::Server => frame::settings(
                out,
                &[
                    (Setting::Streams, streams),
                    (Setting::Window, window),
                    (Setting::ListSize, head),
                    (Setting::Connect, 1),
                ],
            ),
            Role::Client => {
                out.extend_from_slice(frame::PREFACE);
                let settings = [(Setting::Push, 0), (Setting::Window, window), (Setting::ListSize, head)];
                frame::settings(out, &settings);
            }
        }
        if self.receive_window > FIRST_WINDOW {
            frame::number(out, Kind::Window, 0, self.receive_window - FIRST_WINDOW);
        }
    }

    /// Takes bytes from `input`, from `at` on, up to the end or to the next event.
    ///
    /// # Errors
    /// The connection ends; [`Connection::fail`] says so to the other side.
    pub(super) fn receive(
        &mut self,
        input: &[u8],
        at: &mut usize,
        now: Duration,
    ) -> Result<Option<Event>, End> {
        self.now = now;
        self.is_doubted = false;
        loop {
            let rest = input.get(*at..).unwrap_or_default();
            match self.reading {
                Reading::Preface(left) => {
                    let wanted = &frame::PREFACE[frame::PREFACE.len() - left..];
                    let here = left.min(rest.len());
                    if rest[..here] != wanted[..here] {
                        return Err(Code::Protocol.into());
                    }
                    *at += here;
                    self.reading = if here == left { Reading::Head } else { Reading::Preface(left - here) };
                    if here < left {
                        return Ok(None);
                    }
                }
                Reading::Head => {
                    if rest.is_empty() {
                        return Ok(None);
                    }
                    let mut head = [0; frame::HEAD];
                    match rest.first_chunk() {
                        Some(whole) if self.partial.is_empty() => {
                            head = *whole;
                            *at += frame::HEAD;
                        }
                        _ => {
                            if !self.gather(rest, at, frame::HEAD) {
                                return Ok(None);
                            }
                            head.copy_from_slice(&self.partial);
                            self.partial.clear();
                        }
                    }
                    if self.block.is_none() {
                        self.begun = self.begun.wrapping_add(1);
                    }
                    self.reading = self.begin(Frame::read(&head))?;
                }
                Reading::Payload(frame) => {
                    let length = frame.length as usize;
                    if self.partial.is_empty() && rest.len() >= length {
                        *at += length;
                        self.reading = Reading::Head;
                        if let Some(event) = self.take(frame, &rest[..length])? {
                            return Ok(Some(event));
                        }
                        continue;
                    }
                    if !self.gather(rest, at, length) {
                        return Ok(None);
                    }
                    let mut whole = std::mem::take(&mut self.partial);
                    self.reading = Reading::Head;
                    let event = self.take(frame, &whole)?;
                    if whole.capacity() <= KEPT {
                        whole.clear();
                        self.partial = whole;
                    }
                    if let Some(event) = event {
                        return Ok(Some(event));
                    }
                }
                Reading::Data(payload) => {
                    if rest.is_empty() && payload.left > 0 {
                        return Ok(None);
                    }
                    *at += self.data(payload, rest)?;
                }
                Reading::Skip(left) => {
                    let here = rest.len().min(left as usize);
                    *at += here;
                    let left = left - here as u32;
                    self.reading = if left == 0 { Reading::Head } else { Reading::Skip(left) };
                    if left > 0 {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Puts bytes aside until there are `wanted`; true if there are.
    fn gather(&mut self, rest: &[u8], at: &mut usize, wanted: usize) -> bool {
        let here = rest.len().min(wanted - self.partial.len());
        self.partial.extend_from_slice(&rest[..here]);
        *at += here;
        self.partial.len() == wanted
    }

    /// Looks at the head of a frame.
    fn begin(&mut self, frame: Frame) -> Result<Reading, End> {
        let Frame { length, kind, stream, .. } = frame;
        if length > frame::LONGEST {
            return Err(Code::FrameSize.into());
        }
        let is_next = match &self.block {
            Some(block) => kind == Kind::Continuation && block.stream == stream,
            None => kind != Kind::Continuation,
        };
        let is_first = self.is_greeted || kind == Kind::Settings && !frame.has(frame::ACK);
        let is_placed = match kind {
            Kind::Settings | Kind::Ping | Kind::GoAway => stream == 0,
            Kind::Window | Kind::Unknown => true,
            _ => stream != 0,
        };
        if !is_next || !is_first || !is_placed || kind == Kind::Promise {
            return Err(Code::Protocol.into());
        }
        Ok(match kind {
            Kind::Data => Reading::Data(self.begin_data(frame)?),
            Kind::Unknown => {
                self.budget.spend(Abuse::Empty, self.now)?;
                Reading::Skip(length)
            }
            _ => Reading::Payload(frame),
        })
    }

    fn take(&mut self, frame: Frame, payload: &[u8]) -> Result<Option<Event>, End> {
        match frame.kind {
            Kind::Headers => return self.headers(frame, payload),
            Kind::Continuation => return self.continuation(frame, payload),
            Kind::Priority => self.priority(frame, payload)?,
            Kind::Reset => self.was_reset(frame, payload)?,
            Kind::Settings => self.settings(frame, payload)?,
            Kind::Ping => self.ping(frame, payload)?,
            Kind::GoAway => self.go_away(payload)?,
            Kind::Window => self.window(frame, payload)?,
            Kind::Data | Kind::Promise | Kind::Unknown => {}
        }
        Ok(None)
    }

    /// True if a stream of this number was never opened.
    fn is_idle(&self, stream: u32) -> bool {
        match (self.role, stream % 2) {
            (Role::Server, 1) => stream > self.newest,
            (Role::Client, 1) => stream >= self.next,
            _ => true,
        }
    }

    /// Whoever drives the connection is woken by `waker`.
    pub(super) fn drive(&mut self, waker: &Waker) {
        self.is_called = false;
        if self.driver.as_ref().is_none_or(|driver| !driver.will_wake(waker)) {
            self.driver = Some(waker.clone());
        }
    }

    /// Wakes whoever drives the connection.
    pub(super) fn touch(&mut self) {
        if let Some(driver) = self.driver.as_ref().filter(|_| !self.is_called) {
            driver.wake_by_ref();
            self.is_called = true;
        }
    }

    /// True while a head, or a frame that is taken in whole, has begun and is not: its sender has a
    /// deadline.
    pub(super) fn is_in_head(&self) -> bool {
        let is_in_frame = matches!(self.reading, Reading::Payload(_)) || !self.partial.is_empty();
        self.block.is_some() || is_in_frame || !self.is_greeted
    }

    /// Tells one such from the next.
    pub(super) fn begun(&self) -> u32 {
        self.begun
    }

    /// Lets go of memory that is needed only while there are streams.
    pub(super) fn rest(&mut self) {
        self.out.rest();
        (self.scratch, self.lines) = (Vec::new(), Lines::default());
        self.blocked = Vec::new();
    }
}
