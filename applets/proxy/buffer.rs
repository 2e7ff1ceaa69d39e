//! A fixed piece of memory that bytes are read into and consumed from.

use std::ops::Range;

/// Bytes of one buffer: as long as a head may be.
pub(crate) const CAPACITY: usize = 16 * 1024;

/// Bytes that came and were not consumed yet.
#[derive(Debug)]
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer { bytes: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }
}

impl Buffer {
    /// One that nothing fits in, and that needs no memory.
    pub fn hollow() -> Buffer {
        Buffer { bytes: Box::default(), start: 0, end: 0 }
    }

    /// What is there.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The same, to be changed in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// True if nothing is there.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// True if nothing more fits, moved together or not.
    pub fn is_full(&self) -> bool {
        self.end - self.start == self.bytes.len()
    }

    /// Lets go of the first bytes.
    pub fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Room for more, all of it: what is there is moved to the front if need be.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.bytes[self.end..]
    }

    /// Counts what was read into [`Buffer::spare`].
    pub fn add(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.bytes.len());
    }

    /// Puts other bytes in the place of the first `length`; false, and nothing done, if they do not fit.
    pub fn replace(&mut self, length: usize, new: &[u8]) -> bool {
        let (rest, length) = (self.end - self.start, length.min(self.end - self.start));
        let after = rest - length + new.len();
        if after > self.bytes.len() {
            return false;
        }
        let tail = self.start + length..self.end;
        self.bytes.copy_within(self.start..self.end, 0);
        let tail = tail.start - self.start..tail.end - self.start;
        self.bytes.copy_within(tail, new.len());
        self.bytes[..new.len()].copy_from_slice(new);
        (self.start, self.end) = (0, after);
        true
    }

    /// A piece of what is there.
    pub fn piece(&self, range: &Range<usize>) -> &[u8] {
        self.filled().get(range.clone()).unwrap_or_default()
    }
}
