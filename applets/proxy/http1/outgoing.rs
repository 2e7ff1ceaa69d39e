//! Bytes on their way to one side: a head, the framing of a chunk, a piece of a buffer, an end.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::task::{Context, Poll, ready};

use super::field::Lines;
use super::trailers;
use super::write::parts;
use crate::buffer::Buffer;
use crate::wire::Wire;

/// A payload up to this long is copied behind the head: one plain write costs less than two parts.
const COPIED: usize = 4096;
/// A head that grew longer is not kept for the next exchange.
const KEPT: usize = 8192;

/// What is to be written next. Empty when all of it is.
#[derive(Default, Debug)]
pub struct Outgoing {
    /// The head, and small payloads behind it.
    pub head: Vec<u8>,
    chunk: [u8; 18],
    chunk_length: usize,
    payload: Range<usize>,
    end: &'static [u8],
    sent: usize,
    total: usize,
    /// A byte of the message has gone out.
    begun: bool,
}

impl Outgoing {
    /// Forgets what was there, and too much memory with it.
    pub fn clear(&mut self) {
        self.reset();
        self.begun = false;
        if self.head.capacity() > KEPT {
            self.head = Vec::new();
        }
    }

    /// Counts the head that was written into [`Outgoing::head`].
    pub fn start(&mut self) {
        self.total = self.head.len();
        self.rewind();
    }

    /// True if nothing is left to write.
    pub fn is_empty(&self) -> bool {
        self.sent == self.total
    }

    /// True if a byte has gone out.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Begins again at the first byte, for another connection; only while no body was added.
    pub fn rewind(&mut self) {
        (self.sent, self.begun) = (0, false);
    }

    /// Adds a piece of `buffer`, in a chunk of its own or as it is, and what ends the body.
    pub fn add(&mut self, buffer: &Buffer, payload: Range<usize>, chunked: bool, last: bool) {
        let length = payload.len();
        if self.is_empty() {
            self.reset();
        }
        self.end = match (chunked, length, last) {
            (false, ..) | (true, 0, false) => b"",
            (true, 0, true) => b"0\r\n\r\n",
            (true, _, false) => b"\r\n",
            (true, _, true) => b"\r\n0\r\n\r\n",
        };
        self.chunk_length = 0;
        if chunked && length > 0 {
            self.chunk_length = hex(length, &mut self.chunk);
        }
        if !self.head.is_empty() && length <= COPIED {
            self.head.extend_from_slice(&self.chunk[..self.chunk_length]);
            self.head.extend_from_slice(buffer.piece(&payload));
            self.head.extend_from_slice(self.end);
            (self.chunk_length, self.payload, self.end) = (0, 0..0, b"");
        } else {
            self.payload = payload;
        }
        self.total = self.head.len() + self.chunk_length + self.payload.len() + self.end.len();
    }

    /// Adds what ends a chunked body that trailers follow. Only when all before it is written.
    pub fn end(&mut self, trailers: &Lines) {
        self.reset();
        trailers::end(&mut self.head, trailers);
        self.total = self.head.len();
    }

    /// Writes until nothing is left. `buffer` is the one the payload was added from.
    ///
    /// # Errors
    /// Those of the write; a peer that takes nothing is one.
    pub fn poll_send<W: Wire>(
        &mut self,
        context: &mut Context<'_>,
        wire: &mut W,
        buffer: &Buffer,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let all =
                [&self.head[..], &self.chunk[..self.chunk_length], buffer.piece(&self.payload), self.end];
            let (mut parts, mut count, mut skip) = ([IoSlice::new(&[]); 4], 0, self.sent);
            for part in all {
                let gone = skip.min(part.len());
                skip -= gone;
                if gone < part.len() {
                    parts[count] = IoSlice::new(&part[gone..]);
                    count += 1;
                }
            }
            match ready!(wire.poll_write(context, &parts[..count]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => {
                    self.sent += written;
                    self.begun = true;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {
        self.head.clear();
        (self.chunk_length, self.payload, self.end) = (0, 0..0, b"");
        (self.sent, self.total) = (0, 0);
    }
}

/// Appends a chunk; no payload is none, as an empty one would be the last.
pub(super) fn chunk(out: &mut Vec<u8>, payload: &[u8]) {
    if payload.is_empty() {
        return;
    }
    let mut line = [0; 18];
    let length = hex(payload.len(), &mut line);
    parts(out, &[&line[..length], payload, b"\r\n"]);
}

/// `length` as the line before a chunk; gives the line's length.
fn hex(length: usize, into: &mut [u8; 18]) -> usize {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let count = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1) as usize;
    for (position, place) in into[..count].iter_mut().enumerate() {
        *place = DIGITS[length >> (4 * (count - 1 - position)) & 15];
    }
    into[count..count + 2].copy_from_slice(b"\r\n");
    count + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_lines() {
        for length in [0, 1, 15, 16, 255, 4096, 16_384, usize::MAX] {
            let mut line = [0; 18];
            let end = hex(length, &mut line);
            assert_eq!(std::str::from_utf8(&line[..end]).unwrap(), format!("{length:x}\r\n"));
        }
    }
}
