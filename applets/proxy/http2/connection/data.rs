//! DATA that comes: counted against both windows, kept until somebody reads it, never more than the
//! windows allow.

use super::{Connection, End, Reading};
use crate::http2::abuse::Abuse;
use crate::http2::frame::{self, Code, Frame, Kind};
use crate::http2::streams::Past;

/// What is left of a DATA frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    /// Where it goes; it is thrown away where the stream is no more.
    to: Option<(u32, u32)>,
    pub(super) left: u32,
    padding: u32,
    /// The first byte says how much padding there is.
    is_padded: bool,
    ends: bool,
}

impl Connection {
    pub(super) fn begin_data(&mut self, frame: Frame) -> Result<Payload, End> {
        let Frame { length, stream: id, .. } = frame;
        let (ends, is_padded) = (frame.has(frame::END_STREAM), frame.has(frame::PADDED));
        if is_padded && length == 0 {
            return Err(Code::FrameSize.into());
        }
        if self.is_idle(id) {
            return Err(Code::Protocol.into());
        }
        self.receive_window = self.receive_window.checked_sub(length).ok_or(Code::FlowControl)?;
        if length == 0 && !ends {
            self.budget.spend(Abuse::Empty, self.now)?;
        }
        let mut payload = Payload { to: None, left: length, padding: 0, is_padded, ends };
        let Some(place) = self.streams.find(id) else {
            match self.streams.past(id) {
                Past::Skipped => return Err(Code::StreamClosed.into()),
                _ => self.after_the_end(id)?,
            }
            return Ok(payload);
        };
        let stream = self.streams.at(place);
        if !stream.receives {
            match stream.reset {
                None => self.break_off(id, Code::StreamClosed)?,
                Some(_) if stream.is_theirs => self.after_the_end(id)?,
                Some(_) => {}
            }
            return Ok(payload);
        }
        if !stream.heard {
            self.break_off(id, Code::Protocol)?;
            return Ok(payload);
        }
        match stream.receive_window.checked_sub(length) {
            Some(window) => stream.receive_window = window,
            None => {
                self.break_off(id, Code::FlowControl)?;
                return Ok(payload);
            }
        }
        payload.to = Some((place, id));
        Ok(payload)
    }

    /// Takes what is there of the frame; gives how many bytes.
    pub(super) fn data(&mut self, mut payload: Payload, rest: &[u8]) -> Result<usize, End> {
        let mut taken = 0;
        if payload.is_padded {
            let Some(padding) = rest.first() else { return Ok(0) };
            (payload.is_padded, payload.padding) = (false, u32::from(*padding));
            payload.left -= 1;
            taken = 1;
            if payload.padding > payload.left {
                return Err(Code::Protocol.into());
            }
            self.skipped(payload.to, 1);
        }
        let rest = &rest[taken..];
        let text = rest.len().min((payload.left - payload.padding) as usize);
        if text > 0 {
            self.keep(&mut payload, &rest[..text])?;
            payload.left -= text as u32;
        }
        let padding = (rest.len() - text).min((payload.left) as usize);
        if padding > 0 {
            payload.left -= padding as u32;
            payload.padding -= padding as u32;
            self.skipped(payload.to, padding as u32);
        }
        if payload.left > 0 {
            self.reading = Reading::Data(payload);
            return Ok(taken + text + padding);
        }
        self.reading = Reading::Head;
        if payload.ends
            && let Some((place, id)) = payload.to
            && self.streams.has(place, id)
            && self.streams.peek(place).receives
        {
            self.end_of_message(place)?;
        }
        Ok(taken + text + padding)
    }

    fn keep(&mut self, payload: &mut Payload, text: &[u8]) -> Result<(), End> {
        let place = payload
            .to
            .filter(|(place, id)| self.streams.has(*place, *id) && self.streams.peek(*place).receives);
        let Some((place, id)) = place else {
            payload.to = None;
            self.skipped(None, text.len() as u32);
            return Ok(());
        };
        let stream = self.streams.at(place);
        if let Some(left) = &mut stream.left {
            match left.checked_sub(text.len() as u64) {
                Some(less) => *left = less,
                // More than content-length says: a second reader would find a second message in it.
                None => {
                    payload.to = None;
                    self.skipped(None, text.len() as u32);
                    return self.break_off(id, Code::Protocol);
                }
            }
        }
        if stream.at * 2 >= stream.data.len() {
            // What was read goes before it is as much as what is left.
            stream.data.drain(..stream.at);
            stream.at = 0;
        }
        stream.data.extend_from_slice(text);
        stream.wake();
        Ok(())
    }

    /// The other side has said all.
    pub(super) fn end_of_message(&mut self, place: u32) -> Result<(), End> {
        let stream = self.streams.at(place);
        let id = stream.id;
        if stream.left.is_some_and(|left| left > 0) {
            return self.break_off(id, Code::Protocol);
        }
        stream.receives = false;
        stream.wake();
        self.settle(place);
        Ok(())
    }

    /// Bytes that nobody will read give their room back at once.
    pub(super) fn skipped(&mut self, to: Option<(u32, u32)>, bytes: u32) {
        if let Some((place, id)) = to
            && self.streams.has(place, id)
        {
            self.streams.at(place).consumed += bytes;
        }
        self.consumed += bytes;
        self.allow();
    }

    /// Reads DATA of a stream; none if there is none yet.
    ///
    /// # Errors
    /// The stream ended before its time.
    pub(in crate::http2) fn read(&mut self, place: u32, into: &mut [u8]) -> Result<Option<usize>, Code> {
        let stream = self.streams.at(place);
        let unread = stream.unread();
        if unread.is_empty() {
            return match stream.reset {
                Some(code) => Err(code),
                None if stream.receives => Ok(None),
                None => Ok(Some(0)),
            };
        }
        let bytes = unread.len().min(into.len());
        into[..bytes].copy_from_slice(&unread[..bytes]);
        stream.at += bytes;
        if stream.at == stream.data.len() {
            stream.data.clear();
            stream.at = 0;
        }
        stream.consumed += bytes as u32;
        self.consumed += bytes as u32;
        // Half of the window is still there: the other side need not stop for this.
        let stream = self.streams.at(place);
        if stream.consumed >= self.limits.window / 2 && stream.receives {
            let (id, more) = (stream.id, std::mem::take(&mut stream.consumed));
            stream.receive_window += more;
            frame::number(self.out.bytes(), Kind::Window, id, more);
            self.touch();
        }
        self.allow();
        Ok(Some(bytes))
    }

    fn allow(&mut self) {
        if self.consumed >= self.limits.window_of_all / 2 {
            let more = std::mem::take(&mut self.consumed);
            self.receive_window += more;
            frame::number(self.out.bytes(), Kind::Window, 0, more);
            self.touch();
        }
    }
}
