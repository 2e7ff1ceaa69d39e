//! Carries one message from one side to the other: its head, then its body as it comes.
//!
//! A piece is read only when the one before it is written: whoever reads slowly slows the sender, and
//! one buffer is all there ever is. The body is framed anew on its way.

use std::task::{Context, Poll, ready};

use super::chunked::Chunked;
use super::fault::Fault;
use super::field::Lines;
use super::outgoing::{self, Outgoing};
use super::request::BodyKind;
use super::trailers;
use crate::buffer::Buffer;
use crate::wire::Wire;

/// What is left of a body.
#[derive(Clone, Copy, Debug)]
enum Body {
    Over,
    Length(u64),
    Chunked(Chunked),
    UntilEnd,
    /// All is here, and what it ends with waits to be written.
    Trailers,
}

/// Why a message did not arrive whole.
#[derive(Debug)]
pub enum Broken {
    /// The side it came from ended or failed.
    Source,
    /// The side it goes to failed.
    Sink,
    /// Its framing is wrong, or it is too long.
    Framing(Fault),
}

/// One message on its way.
#[derive(Debug)]
pub struct Pump {
    /// What is to be written next.
    pub out: Outgoing,
    body: Body,
    chunked_out: bool,
    /// Whoever takes the chunks wants the trailers as well.
    trails: bool,
    /// Lines that followed a chunked body.
    trailers: Vec<u8>,
    /// Bytes of the buffer that are done with once [`Pump::out`] is written.
    holds: usize,
    /// Payload that came so far.
    carried: u64,
    limit: u64,
    /// Something moved since it was last asked.
    moved: bool,
}

impl Default for Pump {
    fn default() -> Pump {
        Pump {
            out: Outgoing::default(),
            body: Body::Over,
            chunked_out: false,
            trails: false,
            trailers: Vec::new(),
            holds: 0,
            carried: 0,
            limit: u64::MAX,
            moved: false,
        }
    }
}

impl Pump {
    /// Forgets the message before.
    pub fn clear(&mut self) {
        self.out.clear();
        self.body = Body::Over;
        self.trailers = Vec::new();
        (self.holds, self.carried, self.moved) = (0, 0, false);
    }

    /// Begins a message whose head was written into [`Pump::out`]. `limit` bounds its body.
    pub fn start(&mut self, body: BodyKind, chunked_out: bool, limit: u64) {
        self.out.start();
        self.body = match body {
            BodyKind::Empty => Body::Over,
            BodyKind::Length(length) => Body::Length(length),
            BodyKind::Chunked => Body::Chunked(Chunked::default()),
            BodyKind::UntilEnd => Body::UntilEnd,
        };
        (self.chunked_out, self.limit, self.carried, self.holds) = (chunked_out, limit, 0, 0);
        self.trails = false;
    }

    /// Sends what is to come of the body in chunks, or as it is.
    pub fn send_in_chunks(&mut self, chunked_out: bool) {
        self.chunked_out = chunked_out;
    }

    /// Lets trailers follow, should the message go out in chunks.
    pub fn let_trail(&mut self, trails: bool) {
        self.trails = trails && self.chunked_out;
    }

    /// Puts a body that is all here behind the head in [`Pump::out`]: both can be sent again. Trailers do not follow
    /// chunks: there are servers that take them for the next request.
    pub fn keep(&mut self, payload: &[u8], trailers: Vec<u8>, chunked: bool) {
        self.trailers = trailers;
        if !chunked {
            self.out.head.extend_from_slice(payload);
            return;
        }
        outgoing::chunk(&mut self.out.head, payload);
        self.out.head.extend_from_slice(b"0\r\n\r\n");
    }

    /// True once all has come and all is written.
    pub fn is_done(&self) -> bool {
        matches!(self.body, Body::Over) && self.out.is_empty()
    }

    /// True while none of the body has been looked at.
    pub fn is_fresh(&self) -> bool {
        self.carried == 0 && self.holds == 0
    }

    /// Payload that came so far.
    pub fn carried(&self) -> u64 {
        self.carried
    }

    /// Whether something moved since the last call.
    pub fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Carries what can be carried now; ready when the message has arrived.
    ///
    /// # Errors
    /// Which side broke it.
    pub fn poll<S: Wire, K: Wire>(
        &mut self,
        context: &mut Context<'_>,
        source: &mut S,
        sink: &mut K,
        buffer: &mut Buffer,
    ) -> Poll<Result<(), Broken>> {
        loop {
            // Before the head goes out: a small body that is there already goes with it.
            if self.holds == 0 && !buffer.is_empty() && !matches!(self.body, Body::Over | Body::Trailers) {
                self.frame(buffer, source.frames()).map_err(Broken::Framing)?;
            }
            if !self.out.is_empty() {
                let before = self.out.has_begun();
                let sent = self.out.poll_send(context, sink, buffer);
                self.moved |= !before && self.out.has_begun() || sent.is_ready();
                ready!(sent).map_err(|_| Broken::Sink)?;
            }
            buffer.consume(std::mem::take(&mut self.holds));
            match self.body {
                Body::Over => {
                    let lines = self.told(source);
                    sink.finish(lines).map_err(|_| Broken::Sink)?;
                    return Poll::Ready(Ok(()));
                }
                Body::Trailers => {
                    let lines = self.told(source).unwrap_or_default();
                    self.out.end(&lines);
                    self.body = Body::Over;
                    continue;
                }
                _ => {}
            }
            if !buffer.is_empty() {
                continue;
            }
            let read = ready!(source.poll_read(context, buffer.spare()));
            self.moved = true;
            match (read, self.body) {
                (Ok(0), Body::UntilEnd) if self.trails => self.body = Body::Trailers,
                (Ok(0), Body::UntilEnd) => {
                    self.body = Body::Over;
                    self.out.add(buffer, 0..0, self.chunked_out, true);
                }
                (Ok(0) | Err(_), _) => return Poll::Ready(Err(Broken::Source)),
                (Ok(bytes), _) => buffer.add(bytes),
            }
        }
    }

    /// What followed the body, as far as it may go on.
    fn told<S: Wire>(&mut self, source: &mut S) -> Option<Box<Lines>> {
        match self.trailers.is_empty() {
            true => source.trailers().and_then(trailers::allowed),
            // They stay: what is kept may be sent again.
            false => trailers::read(&self.trailers),
        }
    }

    /// Takes the next piece of the body from the buffer. `is_framed` says that the source tells the end.
    fn frame(&mut self, buffer: &mut Buffer, is_framed: bool) -> Result<(), Fault> {
        let there = buffer.filled().len();
        let (read, payload, end) = match &mut self.body {
            Body::Over | Body::Trailers => return Ok(()),
            Body::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(there);
                *left -= here as u64;
                (here, here, *left == 0)
            }
            Body::Chunked(chunked) => {
                let decoded = chunked.decode_with(buffer.filled_mut(), &mut self.trailers)?;
                (decoded.read, decoded.payload, decoded.end)
            }
            Body::UntilEnd => (there, there, false),
        };
        self.carried += payload as u64;
        if self.carried > self.limit {
            return Err(Fault::BodyTooLong);
        }
        if end {
            // What follows the body comes with the end.
            self.body = match is_framed {
                true => Body::UntilEnd,
                false if self.trails && !self.trailers.is_empty() => Body::Trailers,
                false => Body::Over,
            };
        }
        let last = matches!(self.body, Body::Over);
        self.out.add(buffer, 0..payload, self.chunked_out, last);
        self.holds = read;
        Ok(())
    }
}
