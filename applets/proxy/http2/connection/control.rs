//! Frames that are about streams and connections rather than messages.

use super::{Connection, End, Role};
use crate::http2::abuse::Abuse;
use crate::http2::frame::{self, Code, Frame, Kind, LARGEST_WINDOW, Setting};
use crate::http2::streams::Past;

impl Connection {
    /// PRIORITY: read, checked and forgotten (RFC 9113 §5.3.2).
    pub(super) fn priority(&mut self, frame: Frame, payload: &[u8]) -> Result<(), End> {
        self.budget.spend(Abuse::Empty, self.now)?;
        let Some(dependency) = payload.first_chunk().filter(|_| payload.len() == 5) else {
            return self.break_off(frame.stream, Code::FrameSize);
        };
        if u32::from_be_bytes(*dependency) & LARGEST_WINDOW == frame.stream {
            return self.break_off(frame.stream, Code::Protocol);
        }
        Ok(())
    }

    /// RST_STREAM.
    pub(super) fn was_reset(&mut self, frame: Frame, payload: &[u8]) -> Result<(), End> {
        let code = number(payload)?;
        if self.is_idle(frame.stream) {
            return Err(Code::Protocol.into());
        }
        let Some(place) = self.streams.find(frame.stream) else {
            self.streams.reset_too(frame.stream);
            return Ok(self.budget.spend(Abuse::Empty, self.now)?);
        };
        let stream = self.streams.at(place);
        let is_early = stream.sends && stream.reset.is_none();
        self.end(place, Code::of(code), Past::Theirs);
        if is_early && self.role == Role::Server {
            self.budget.spend(Abuse::RapidReset, self.now)?;
        }
        Ok(())
    }

    /// SETTINGS (§6.5).
    pub(super) fn settings(&mut self, frame: Frame, payload: &[u8]) -> Result<(), End> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() || frame.has(frame::ACK) && !payload.is_empty() {
            return Err(Code::FrameSize.into());
        }
        if frame.has(frame::ACK) {
            return Ok(());
        }
        self.budget.spend(Abuse::Settings, self.now)?;
        let is_first = !std::mem::replace(&mut self.is_greeted, true);
        for [a, b, value @ ..] in settings {
            let value = u32::from_be_bytes(*value);
            match Setting::of(u16::from_be_bytes([*a, *b])) {
                Some(Setting::TableSize) => self.encoder.allow(value as usize),
                Some(Setting::Push) if value == 0 || value == 1 && self.role == Role::Server => {}
                Some(Setting::Push) => return Err(Code::Protocol.into()),
                Some(Setting::Streams) => self.told.streams = value,
                Some(Setting::Window) => self.first_window(value)?,
                Some(Setting::FrameSize) if (frame::LONGEST..1 << 24).contains(&value) => {
                    self.told.frame = value;
                }
                Some(Setting::FrameSize) => return Err(Code::Protocol.into()),
                Some(Setting::Connect) if value <= 1 => self.told.connect = value == 1,
                Some(Setting::Connect) => return Err(Code::Protocol.into()),
                Some(Setting::ListSize) | None => {}
            }
        }
        frame::head(self.out.bytes(), 0, Kind::Settings, frame::ACK, 0);
        if is_first {
            // Some wait to hear what may be asked.
            self.streams.each().for_each(|stream| stream.wake());
        }
        Ok(())
    }

    /// The window of every stream changes by as much as the first one does (§6.9.2).
    fn first_window(&mut self, window: u32) -> Result<(), End> {
        if window > LARGEST_WINDOW {
            return Err(Code::FlowControl.into());
        }
        let change = i64::from(window) - i64::from(self.told.window);
        self.told.window = window;
        let mut has_overflown = false;
        for stream in self.streams.each() {
            stream.send_window += change;
            stream.widened();
            has_overflown |= stream.send_window > i64::from(LARGEST_WINDOW);
        }
        if has_overflown { Err(Code::FlowControl.into()) } else { Ok(()) }
    }

    /// PING (§6.7).
    pub(super) fn ping(&mut self, frame: Frame, payload: &[u8]) -> Result<(), End> {
        let payload = <[u8; 8]>::try_from(payload).map_err(|_| Code::FrameSize)?;
        self.budget.spend(Abuse::Ping, self.now)?;
        if !frame.has(frame::ACK) {
            frame::ping(self.out.bytes(), frame::ACK, payload);
        }
        Ok(())
    }

    /// GOAWAY (§6.8): what the other side will not look at may be sent again elsewhere.
    pub(super) fn go_away(&mut self, payload: &[u8]) -> Result<(), End> {
        let (last, rest) = payload.split_first_chunk().ok_or(Code::FrameSize)?;
        if rest.len() < 4 {
            return Err(Code::FrameSize.into());
        }
        self.is_leaving = true;
        if self.role == Role::Client {
            let last = u32::from_be_bytes(*last) & LARGEST_WINDOW;
            for place in self.streams.after(last) {
                self.end(place, Code::Refused, Past::Theirs);
            }
        }
        Ok(())
    }

    /// WINDOW_UPDATE (§6.9).
    pub(super) fn window(&mut self, frame: Frame, payload: &[u8]) -> Result<(), End> {
        let more = number(payload)? & LARGEST_WINDOW;
        self.budget.spend(Abuse::Window, self.now)?;
        let fits = |window: i64| window + i64::from(more) <= i64::from(LARGEST_WINDOW);
        if frame.stream == 0 {
            match more {
                0 => return Err(Code::Protocol.into()),
                _ if !fits(self.send_window) => return Err(Code::FlowControl.into()),
                _ => {}
            }
            self.send_window += i64::from(more);
            self.unblock();
            return Ok(());
        }
        if self.is_idle(frame.stream) {
            return Err(Code::Protocol.into());
        }
        let Some(place) = self.streams.find(frame.stream) else { return Ok(()) };
        let stream = self.streams.at(place);
        match more {
            0 => return self.break_off(frame.stream, Code::Protocol),
            _ if !fits(stream.send_window) => return self.break_off(frame.stream, Code::FlowControl),
            _ => {}
        }
        stream.send_window += i64::from(more);
        stream.widened();
        Ok(())
    }

    /// Ends a stream because of what the other side has done to it.
    pub(super) fn break_off(&mut self, id: u32, code: Code) -> Result<(), End> {
        match self.streams.find(id) {
            Some(place) => self.reset(place, code),
            // A number that was never used stays unused; one that is over is over.
            None => {
                frame::number(self.out.bytes(), Kind::Reset, id, code as u32);
                if !self.is_idle(id) {
                    self.streams.remember(id, Past::Ours);
                }
            }
        }
        // Who opens more than it may pays as if it had reset them.
        let abuse = if code == Code::Refused { Abuse::RapidReset } else { Abuse::MadeReset };
        Ok(self.budget.spend(abuse, self.now)?)
    }
}

fn number(payload: &[u8]) -> Result<u32, End> {
    let bytes = <[u8; 4]>::try_from(payload).map_err(|_| Code::FrameSize)?;
    Ok(u32::from_be_bytes(bytes))
}
