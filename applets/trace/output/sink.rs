//! The buffer between the events and the file they are written to.
//!
//! Everything is formatted into one buffer of 64 KiB that is written out when it is full and when the run loop
//! has drained the ring ([`Sink::flush`]): a quiet trace is seen at once, a busy one costs few writes. On a
//! terminal each event is written out by itself.

use std::io::{self, Write};

const LIMIT: usize = 64 * 1024;
/// Room for the event that crosses the limit, so that the buffer is not grown for it.
const SLACK: usize = 4 * 1024;

pub struct Sink<'w> {
    buffer: Vec<u8>,
    to: Box<dyn Write + 'w>,
    eager: bool,
}

impl<'w> Sink<'w> {
    /// `eager`: write after each event (a terminal).
    pub fn new(to: impl Write + 'w, eager: bool) -> Sink<'w> {
        Sink { buffer: Vec::with_capacity(LIMIT + SLACK), to: Box::new(to), eager }
    }

    /// Where the next event is formatted; call [`Self::settle`] behind it.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Ends an event.
    #[inline]
    pub fn settle(&mut self) -> io::Result<()> {
        if self.eager || self.buffer.len() >= LIMIT { self.flush() } else { Ok(()) }
    }

    /// Hands everything to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            let written = self.to.write_all(&self.buffer);
            // What could not be written is gone: keeping it would grow the buffer without end.
            self.buffer.clear();
            if self.buffer.capacity() > 4 * LIMIT {
                self.buffer = Vec::with_capacity(LIMIT + SLACK);
            }
            written?;
            self.to.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_when_full_when_asked_and_on_a_terminal() {
        let mut file = Vec::new();
        let mut sink = Sink::new(&mut file, false);
        sink.buffer().extend_from_slice(b"quiet");
        sink.settle().unwrap();
        assert_eq!(sink.buffer, b"quiet");
        sink.flush().unwrap();
        assert!(sink.buffer.is_empty());
        sink.buffer().resize(LIMIT, b'x');
        sink.settle().unwrap();
        assert!(sink.buffer.is_empty());
        drop(sink);
        assert_eq!(file.len(), 5 + LIMIT);

        let mut file = Vec::new();
        let mut sink = Sink::new(&mut file, true);
        sink.buffer().push(b'1');
        sink.settle().unwrap();
        drop(sink);
        assert_eq!(file, b"1");
    }
}
