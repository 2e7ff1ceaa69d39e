//! The parser of an event stream (WHATWG HTML §9.2.6), fed as bytes arrive.
//!
//! Neighbour: `sse.rs`, which writes such streams; tests read ours with it.

use super::Event;

/// Reads an event stream piece by piece.
#[derive(Clone, Debug)]
pub struct EventParser {
    line: Vec<u8>,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    is_first_line: bool,
    event: Event,
    has_data: bool,
    max: usize,
}

impl EventParser {
    /// A parser that refuses events of more than `max` bytes.
    pub fn new(max: usize) -> EventParser {
        EventParser {
            line: Vec::new(),
            after_cr: false,
            is_first_line: true,
            event: Event::default(),
            has_data: false,
            max,
        }
    }

    /// Takes the next bytes; the events they complete go to `out`. False if an event is too large:
    /// the stream cannot be followed any further.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> bool {
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    self.end_of_line(out);
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(*byte);
                }
            }
            if self.line.len() + self.event.data.len() > self.max {
                return false;
            }
        }
        true
    }

    fn end_of_line(&mut self, out: &mut Vec<Event>) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if std::mem::take(&mut self.is_first_line) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_of_event(out);
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(&value);
            }
            b"event" => self.event.name = value.into_owned(),
            b"id" if !value.contains('\0') => self.event.id = value.into_owned(),
            // Comments, `retry` (we have our own policy) and fields of the future.
            _ => {}
        }
    }

    /// The identifier stays until another one comes; the rest starts anew.
    fn end_of_event(&mut self, out: &mut Vec<Event>) {
        let next = Event { id: self.event.id.clone(), ..Event::default() };
        let event = std::mem::replace(&mut self.event, next);
        if std::mem::take(&mut self.has_data) {
            out.push(event);
        }
    }
}
