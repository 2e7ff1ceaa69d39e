//! Memory for records: taken while some are on their way, given back when none are.
//!
//! A connection that is idle holds none of it. What a worker keeps is what its last second needed.

use crate::worker::Free;

/// The longest record, of TLS 1.2 (RFC 5246 §6.2.3), with its header.
pub(crate) const RECORD: usize = 5 + 16 * 1024 + 2048;
/// A handshake's messages may need more: a chain of certificates, at most so much (rustls' own bound).
const MOST: usize = 5 + 64 * 1024 + RECORD;

/// Bytes that came and were not taken yet; a fixed piece of memory unless a handshake needs more.
#[derive(Debug)]
pub(crate) struct Bytes {
    /// All of it is initialised.
    all: Vec<u8>,
    start: usize,
    end: usize,
}

impl Bytes {
    /// With room for one record.
    pub(crate) fn new() -> Bytes {
        Bytes { all: vec![0; RECORD], start: 0, end: 0 }
    }

    pub(crate) fn filled(&self) -> &[u8] {
        &self.all[self.start..self.end]
    }

    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.all[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Room behind what is there, at least `wanted` bytes of it; less if that would be too much.
    pub(crate) fn room(&mut self, wanted: usize) -> &mut [u8] {
        if self.all.len() - self.end < wanted && self.start > 0 {
            self.all.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.all.len() - self.end < wanted {
            self.all.resize((self.end + wanted).min(MOST.max(self.all.len())), 0);
        }
        &mut self.all[self.end..]
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.all.len());
    }
}

/// What nobody uses now, of one worker.
#[derive(Default, Debug)]
pub(crate) struct Spares {
    free: Free<Bytes>,
}

impl Spares {
    pub(crate) fn take(&self) -> Bytes {
        self.free.take().unwrap_or_else(Bytes::new)
    }

    /// What a handshake made grow is not kept.
    pub(crate) fn put(&self, mut bytes: Bytes) {
        if bytes.all.len() == RECORD {
            (bytes.start, bytes.end) = (0, 0);
            self.free.put(bytes);
        }
    }

    /// Lets go of those that were not needed since the last call. Gives how many.
    pub(crate) fn shrink(&self) -> usize {
        self.free.shrink(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_moves_first_and_grows_last() {
        let mut bytes = Bytes::new();
        assert_eq!(bytes.room(1).len(), RECORD);
        bytes.add(RECORD);
        bytes.consume(RECORD - 2);
        assert_eq!(bytes.room(RECORD - 2).len(), RECORD - 2);
        assert_eq!(bytes.room(RECORD).len(), RECORD);
        bytes.add(RECORD);
        assert_eq!(bytes.room(MOST).len(), MOST - RECORD - 2);
        let spares = Spares::default();
        spares.put(bytes);
        assert_eq!(spares.free.len(), 0);
        spares.put(Bytes::new());
        spares.shrink();
        spares.shrink();
        assert_eq!(spares.free.len(), 0);
    }
}
