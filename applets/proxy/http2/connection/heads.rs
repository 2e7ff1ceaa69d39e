//! HEADERS and CONTINUATION: heads that are put together within bounds, and what they begin or end.

use super::{Connection, End, Event, Role};
use crate::http1::Lines;
use crate::http2::abuse::Abuse;
use crate::http2::frame::{self, Code, Frame, Kind as FrameKind, LARGEST_WINDOW};
use crate::http2::message::{Answer, Collector, Kind, Refusal};
use crate::http2::streams::Past;
use crate::http2::websocket;

/// A head may come in so many pieces, and in as many bytes as four times the longest one we take:
/// longer ones are told that they are too long, others are not meant to be read.
const PIECES: u32 = 16;
const TIMES: usize = 4;

/// A head of which more is to come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    ends: bool,
    depends_on_itself: bool,
    bytes: Vec<u8>,
    pieces: u32,
}

impl Connection {
    pub(super) fn headers(&mut self, frame: Frame, payload: &[u8]) -> Result<Option<Event>, End> {
        let mut fragment = payload;
        if frame.has(frame::PADDED) {
            let (padding, rest) = payload.split_first().ok_or(Code::FrameSize)?;
            fragment =
                rest.len().checked_sub((*padding).into()).map(|end| &rest[..end]).ok_or(Code::Protocol)?;
        }
        let mut depends_on_itself = false;
        if frame.has(frame::PRIORITY) {
            let (priority, rest) = fragment.split_first_chunk::<5>().ok_or(Code::FrameSize)?;
            let [a, b, c, d, _] = *priority;
            depends_on_itself = u32::from_be_bytes([a, b, c, d]) & LARGEST_WINDOW == frame.stream;
            fragment = rest;
        }
        let ends = frame.has(frame::END_STREAM);
        if frame.has(frame::END_HEADERS) {
            return self.head(frame.stream, ends, depends_on_itself, fragment);
        }
        let bytes = fragment.to_vec();
        self.block = Some(Block { stream: frame.stream, ends, depends_on_itself, bytes, pieces: 0 });
        Ok(None)
    }

    pub(super) fn continuation(&mut self, frame: Frame, payload: &[u8]) -> Result<Option<Event>, End> {
        let Some(block) = &mut self.block else { return Err(Code::Protocol.into()) };
        block.pieces += 1;
        if block.pieces > PIECES || block.bytes.len() + payload.len() > TIMES * self.limits.head as usize {
            return Err(Abuse::Continuation.into());
        }
        block.bytes.extend_from_slice(payload);
        if !frame.has(frame::END_HEADERS) {
            return Ok(None);
        }
        match self.block.take() {
            Some(block) => self.head(block.stream, block.ends, block.depends_on_itself, &block.bytes),
            None => Ok(None),
        }
    }

    /// A whole head. It is decoded whatever becomes of it: the next one builds on it.
    fn head(
        &mut self,
        id: u32,
        ends: bool,
        depends_on_itself: bool,
        block: &[u8],
    ) -> Result<Option<Event>, End> {
        let place = self.streams.find(id);
        let kind = match (self.role, place) {
            (Role::Server, None) => Kind::Request,
            (Role::Client, Some(place)) if !self.streams.peek(place).heard => Kind::Answer,
            _ => Kind::Trailers,
        };
        let lines = std::mem::take(&mut self.lines);
        let mut collector = Collector::new(kind, lines, self.limits.head as usize);
        let mut scratch = std::mem::take(&mut self.scratch);
        let decoded = self.decoder.decode(block, &mut scratch, |name, value| collector.add(name, value));
        self.scratch = scratch;
        decoded.map_err(|_| Code::Compression)?;
        let event = match (place, self.role) {
            (Some(_), _) if depends_on_itself => self.break_off(id, Code::Protocol).map(|()| None),
            (Some(place), _) if !self.streams.peek(place).receives => {
                let stream = self.streams.peek(place);
                match stream.reset {
                    None => self.break_off(id, Code::StreamClosed).map(|()| None),
                    Some(_) if stream.is_theirs => self.after_the_end(id).map(|()| None),
                    Some(_) => Ok(None),
                }
            }
            (Some(place), Role::Client) if kind == Kind::Answer => {
                self.answer(place, ends, &mut collector).map(|()| None)
            }
            (Some(place), _) => self.trailers(place, ends, &mut collector).map(|()| None),
            (None, Role::Server) if self.is_idle(id) && id % 2 == 1 => {
                self.request(id, ends, depends_on_itself, &mut collector)
            }
            (None, _) if self.is_idle(id) => Err(Code::Protocol.into()),
            (None, _) => self.after_the_end(id).map(|()| None),
        };
        if self.lines.bytes.capacity() == 0 {
            self.lines = collector.lines;
        }
        event
    }

    fn request(
        &mut self,
        id: u32,
        ends: bool,
        depends_on_itself: bool,
        collector: &mut Collector,
    ) -> Result<Option<Event>, End> {
        self.newest = id;
        if self.last_served.is_some_and(|last| id > last) {
            // Too late: GOAWAY is on its way, and says that this one is not served.
            self.streams.remember(id, Past::Ours);
            return Ok(None);
        }
        if depends_on_itself {
            return self.break_off(id, Code::Protocol).map(|()| None);
        }
        if self.streams.len() >= self.limits.streams as usize {
            return self.break_off(id, Code::Refused).map(|()| None);
        }
        let read = collector.request(ends, websocket::key);
        if matches!(read, Err(Refusal::Malformed)) {
            return self.break_off(id, Code::Protocol).map(|()| None);
        }
        let place = self.streams.open(id, self.limits.window, i64::from(self.told.window));
        let stream = self.streams.at(place);
        stream.receives = !ends;
        stream.left = collector.length();
        match read {
            Ok(request) => {
                stream.is_grpc = request.is_grpc;
                stream.tunnels = request.tunnels;
                self.lines = std::mem::take(&mut collector.lines);
                Ok(Some(Event::Request { place, request }))
            }
            Err(Refusal::Fault(fault)) => {
                stream.is_grpc = collector.is_grpc();
                Ok(Some(Event::Refused { place, fault }))
            }
            Err(Refusal::Malformed) => Ok(None),
        }
    }

    fn answer(&mut self, place: u32, ends: bool, collector: &mut Collector) -> Result<(), End> {
        let stream = self.streams.at(place);
        let id = stream.id;
        let Ok(status) = collector.status() else {
            return self.break_off(id, Code::Protocol);
        };
        let is_last = status >= 200;
        if ends && !is_last {
            return self.break_off(id, Code::Protocol);
        }
        stream.heard = is_last;
        // HEAD and 304 tell the length of what they leave out.
        let has_body = is_last && !ends && !stream.to_head && !matches!(status, 204 | 304);
        stream.left = collector.length().filter(|_| has_body);
        stream.head = Some(Box::new(Answer { status, lines: std::mem::take(&mut collector.lines) }));
        if ends {
            stream.receives = false;
        }
        stream.wake();
        if ends {
            self.settle(place);
        }
        Ok(())
    }

    fn trailers(&mut self, place: u32, ends: bool, collector: &mut Collector) -> Result<(), End> {
        let id = self.streams.peek(place).id;
        if !ends || collector.trailers().is_err() {
            return self.break_off(id, Code::Protocol);
        }
        if !collector.lines.fields.is_empty() {
            let lines: Lines = std::mem::take(&mut collector.lines);
            self.streams.at(place).trailers = Some(Box::new(lines));
        }
        self.end_of_message(place)
    }

    /// A frame for a stream that is no more (RFC 9113 §5.1).
    pub(super) fn after_the_end(&mut self, id: u32) -> Result<(), End> {
        match self.streams.past(id) {
            Past::Ours => Ok(()),
            Past::Theirs => {
                frame::number(self.out.bytes(), FrameKind::Reset, id, Code::StreamClosed as u32);
                Ok(self.budget.spend(Abuse::MadeReset, self.now)?)
            }
            Past::Whole => Err(Code::StreamClosed.into()),
            Past::Skipped => Err(Code::Protocol.into()),
        }
    }
}
