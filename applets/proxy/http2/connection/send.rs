//! What we send: heads, DATA as far as the windows and the outbox allow, ends and resets.

use std::io::IoSlice;
use std::task::Waker;
use std::time::Duration;

use super::{Connection, Role};
use crate::http1::Lines;
use crate::http2::abuse::Abuse;
use crate::http2::frame::{self, Code, END_HEADERS, END_STREAM, HEAD, Kind, LARGEST_WINDOW};
use crate::http2::hpack::Encoder;
use crate::http2::streams::Past;

/// DATA frames are no longer: others want their turn.
const PIECE: usize = 16 * 1024;

impl Connection {
    /// Sends a head, whose fields `write` gives to the encoder.
    pub(in crate::http2) fn send_head(&mut self, place: u32, write: impl FnOnce(&mut Encoder, &mut Vec<u8>)) {
        let mark = self.out.mark();
        let stream = self.streams.at(place);
        if !stream.sends {
            return;
        }
        let id = stream.id;
        stream.frame = Some(mark);
        let out = self.out.bytes();
        let start = out.len();
        frame::head(out, 0, Kind::Headers, END_HEADERS, id);
        self.encoder.begin(out);
        write(&mut self.encoder, out);
        let length = out.len() - start - HEAD;
        let longest = self.told.frame as usize;
        if length <= longest {
            out[start..start + 3].copy_from_slice(&(length as u32).to_be_bytes()[1..]);
        } else {
            let block = out.split_off(start + HEAD);
            out.truncate(start);
            let mut pieces = block.chunks(longest).peekable();
            let mut kind = Kind::Headers;
            while let Some(piece) = pieces.next() {
                let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
                frame::head(out, piece.len(), kind, flags, id);
                out.extend_from_slice(piece);
                kind = Kind::Continuation;
            }
        }
        self.touch();
    }

    /// Sends some of `parts`; none if it has to wait, and `waker` is told when it need not.
    ///
    /// # Errors
    /// The stream takes no more.
    pub(in crate::http2) fn send_data(
        &mut self,
        place: u32,
        parts: &[IoSlice<'_>],
        waker: &Waker,
    ) -> Result<Option<usize>, Code> {
        let room = self.out.room().min(PIECE).min(self.told.frame as usize);
        let window = self.send_window;
        let mark = self.out.mark();
        let stream = self.streams.at(place);
        if let Some(code) = stream.reset.or(if stream.sends { None } else { Some(Code::StreamClosed) }) {
            return Err(code);
        }
        let total: usize = parts.iter().map(|part| part.len()).sum();
        if total == 0 {
            return Ok(Some(0));
        }
        let window = usize::try_from(window.min(stream.send_window)).unwrap_or(0);
        let length = total.min(room).min(window);
        if length == 0 {
            stream.await_with(waker);
            if stream.send_window <= 0 {
                stream.blocked = true;
            } else if !stream.queued {
                stream.queued = true;
                let id = stream.id;
                self.blocked.push((place, id));
            }
            return Ok(None);
        }
        stream.send_window -= length as i64;
        self.send_window -= length as i64;
        let id = stream.id;
        stream.frame = Some(mark);
        let out = self.out.bytes();
        frame::head(out, length, Kind::Data, 0, id);
        let mut left = length;
        for part in parts {
            let here = part.len().min(left);
            out.extend_from_slice(&part[..here]);
            left -= here;
        }
        self.budget.credit(Abuse::Window, 4);
        self.budget.credit(Abuse::Ping, 1);
        self.touch();
        Ok(Some(length))
    }

    /// Says that the message is whole.
    ///
    /// # Errors
    /// The stream takes no more.
    pub(in crate::http2) fn send_end(
        &mut self,
        place: u32,
        trailers: Option<Box<Lines>>,
    ) -> Result<(), Code> {
        let stream = self.streams.at(place);
        if let Some(code) = stream.reset {
            return Err(code);
        }
        if !stream.sends {
            return Ok(());
        }
        if let Some(lines) = trailers {
            self.send_head(place, |encoder, out| {
                for field in &lines.fields {
                    encoder.field(out, field.name.of(&lines.bytes), field.value.of(&lines.bytes));
                }
            });
        }
        let stream = self.streams.at(place);
        let (id, mark) = (stream.id, stream.frame.take());
        stream.sends = false;
        // The last frame can still be told to be the last.
        match mark.and_then(|mark| self.out.frame(mark)) {
            Some(head) => head[4] |= END_STREAM,
            None => frame::head(self.out.bytes(), 0, Kind::Data, END_STREAM, id),
        }
        self.touch();
        self.settle(place);
        Ok(())
    }

    /// Resets a stream.
    pub(in crate::http2) fn reset(&mut self, place: u32, code: Code) {
        let id = self.streams.peek(place).id;
        frame::number(self.out.bytes(), Kind::Reset, id, code as u32);
        self.touch();
        self.end(place, code, Past::Ours);
    }

    /// A stream is over before its time.
    pub(super) fn end(&mut self, place: u32, code: Code, past: Past) {
        let stream = self.streams.at(place);
        let id = stream.id;
        stream.reset = Some(code);
        stream.is_theirs |= past == Past::Theirs;
        (stream.receives, stream.sends) = (false, false);
        let unread = stream.unread().len() as u32;
        stream.data = Vec::new();
        stream.at = 0;
        stream.wake();
        self.streams.remember(id, past);
        if unread > 0 {
            self.skipped(None, unread);
        }
        self.streams.close(place);
    }

    /// If both sides have said all, the stream is over.
    pub(super) fn settle(&mut self, place: u32) {
        let stream = self.streams.peek(place);
        if !stream.receives && !stream.sends && stream.reset.is_none() {
            let id = stream.id;
            self.streams.remember(id, Past::Whole);
            self.streams.close(place);
        }
    }

    /// Nobody works for the stream any more.
    pub(in crate::http2) fn release(&mut self, place: u32) {
        let stream = self.streams.at(place);
        stream.held = false;
        stream.waker = None;
        let (sends, receives) = (stream.sends, stream.receives);
        if stream.reset.is_none() && (sends || receives) {
            self.is_doubted |= self.role == Role::Client && !stream.heard;
            let code = match self.role {
                // The answer is out: whatever else comes is not needed (RFC 9113 §8.1).
                Role::Server if !sends => Code::None,
                Role::Server => Code::Internal,
                Role::Client => Code::Cancel,
            };
            return self.reset(place, code);
        }
        let stream = self.streams.at(place);
        let unread = stream.unread().len() as u32;
        if unread > 0 {
            (stream.data, stream.at) = (Vec::new(), 0);
            self.skipped(None, unread);
        }
        self.streams.close(place);
        if self.streams.len() == 0 {
            self.touch();
        }
    }

    /// Wakes those that wait for room, in the order they came.
    pub(in crate::http2) fn unblock(&mut self) {
        for (place, id) in std::mem::take(&mut self.blocked) {
            if self.streams.has(place, id) {
                let stream = self.streams.at(place);
                stream.queued = false;
                stream.wake();
            }
        }
    }

    /// Opens a stream of ours, if the other side takes one more.
    pub(in crate::http2) fn open(&mut self) -> Option<u32> {
        if !self.takes_more() {
            return None;
        }
        let id = self.next;
        self.next += 2;
        let place = self.streams.open(id, self.limits.window, i64::from(self.told.window));
        self.streams.at(place).heard = false;
        Some(place)
    }

    /// True if another stream may be opened.
    pub(in crate::http2) fn takes_more(&self) -> bool {
        let most = self.told.streams.min(self.limits.streams) as usize;
        !self.is_leaving
            && !self.is_doubted
            && !self.is_dead
            && self.next < LARGEST_WINDOW
            && self.streams.len() < most
    }

    /// Tells the other side that no new streams are served, first those it has not heard of yet.
    pub(in crate::http2) fn leave(&mut self, for_good: bool) {
        let last = if for_good { self.newest } else { LARGEST_WINDOW };
        if self.last_served.is_some_and(|served| served <= last) {
            return;
        }
        self.last_served = Some(last);
        frame::go_away(self.out.bytes(), last, Code::None);
        self.touch();
    }

    /// Ends the connection: every stream of it is over.
    pub(in crate::http2) fn fail(&mut self, code: Option<Code>) {
        if self.is_dead {
            return;
        }
        if let Some(code) = code {
            frame::go_away(self.out.bytes(), self.newest, code);
        }
        self.is_dead = true;
        for place in self.streams.after(0) {
            self.end(place, code.unwrap_or(Code::Cancel), Past::Theirs);
        }
        self.touch();
    }

    /// Whether the other side may be gone: a stream was given up, and nothing has come for `patience`.
    pub(in crate::http2) fn is_doubted(&mut self, now: Duration, patience: Duration) -> bool {
        self.is_doubted &= now.saturating_sub(self.now) >= patience;
        self.is_doubted
    }

    /// Asks the other side for a sign of life.
    pub(in crate::http2) fn ask_for_life(&mut self) {
        frame::ping(self.out.bytes(), 0, *b"alive ?\0");
        self.touch();
    }

    /// The other side serves no new streams.
    pub(in crate::http2) fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    /// Whether the other side lets streams become tunnels; none while it has not said so.
    pub(in crate::http2) fn connects(&self) -> Option<bool> {
        self.is_greeted.then_some(self.told.connect)
    }
}
