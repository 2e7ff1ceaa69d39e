//! What a block holds before it is compressed: five streams, so that like lies beside like.
//!
//! | stream | holds |
//! |---|---|
//! | operations | length and kind of each |
//! | seeks | for each copy, how far its place in the old image is from where the last one ended |
//! | runs | of each near copy: so many bytes are equal, so many are not |
//! | differences | new minus old, modulo 256, of the bytes that are not |
//! | literals | bytes that are in no old image |
//!
//! Their lengths stand before them. Neighbours: `encode` fills them, `decode` empties them.

use super::varint;
use crate::bundle::tree::PAGE;

/// Bytes of a block before it is compressed, at most: what unpacking one takes.
pub const MAX_RAW: usize = 8 * PAGE;
/// Bytes of a block as it is stored, at most.
pub const MAX_STORED: usize = 2 * PAGE;

/// Streams of a block.
pub(crate) const STREAMS: usize = 5;

/// Kinds of operations; an operation is `length * 4 + kind`.
pub(crate) mod kind {
    pub(crate) const LITERAL: u64 = 0;
    pub(crate) const NEAR: u64 = 1;
    pub(crate) const EXACT: u64 = 2;
    pub(crate) const ZEROS: u64 = 3;
}

/// The streams of a page or a block.
#[derive(Default)]
pub(crate) struct Streams {
    pub(crate) operations: Vec<u8>,
    pub(crate) seeks: Vec<u8>,
    pub(crate) runs: Vec<u8>,
    pub(crate) differences: Vec<u8>,
    pub(crate) literals: Vec<u8>,
}

impl Streams {
    pub(crate) fn clear(&mut self) {
        self.each_mut().into_iter().for_each(Vec::clear);
    }

    /// Bytes in all of them.
    pub(crate) fn len(&self) -> usize {
        self.each().iter().map(|stream| stream.len()).sum()
    }

    /// Adds those of another page at the end.
    pub(crate) fn append(&mut self, other: &Streams) {
        for (ours, theirs) in self.each_mut().into_iter().zip(other.each()) {
            ours.extend_from_slice(theirs);
        }
    }

    /// All of it as it is compressed.
    pub(crate) fn join(&self, into: &mut Vec<u8>) {
        into.clear();
        for stream in self.each() {
            varint::put(into, stream.len() as u64);
        }
        for stream in self.each() {
            into.extend_from_slice(stream);
        }
    }

    fn each(&self) -> [&Vec<u8>; STREAMS] {
        [&self.operations, &self.seeks, &self.runs, &self.differences, &self.literals]
    }

    fn each_mut(&mut self) -> [&mut Vec<u8>; STREAMS] {
        [&mut self.operations, &mut self.seeks, &mut self.runs, &mut self.differences, &mut self.literals]
    }
}

/// Where the streams of a joined block lie; none if their lengths do not fit it exactly.
pub(crate) fn split(raw: &[u8]) -> Option<[(usize, usize); STREAMS]> {
    let mut rest = raw;
    let mut lengths = [0; STREAMS];
    for length in &mut lengths {
        *length = usize::try_from(varint::take(&mut rest)?).ok()?;
    }
    let mut at = raw.len() - rest.len();
    let mut places = [(0, 0); STREAMS];
    for (place, length) in places.iter_mut().zip(lengths) {
        let end = at.checked_add(length)?;
        *place = (at, end);
        at = end;
    }
    (at == raw.len()).then_some(places)
}
