//! Makes pages from blocks and the old image.
//!
//! The old image is read where an operation says, straight into the page at hand: memory is one block (at most
//! [`MAX_RAW`]) and what the caller holds, whatever the size of the images. Nothing here trusts a block: each length
//! and place is checked, and a page that does not come out exactly as long as it should is refused.
//!
//! Neighbours: `streams` and `encode` describe a block; `bundle::read` checks its hash before and each page's after.

use super::streams::{self, MAX_RAW, kind};
use super::varint;
use super::zstd::Unpacker;
use crate::fault::Fault;
use crate::image::Image;

/// What is wrong with a block; the caller knows where it lies.
#[derive(Debug)]
pub enum Wrong {
    /// It is no block.
    Block(&'static str),
    /// The old image could not be read.
    Fault(Fault),
}

impl From<&'static str> for Wrong {
    fn from(what: &'static str) -> Wrong {
        Wrong::Block(what)
    }
}

/// Reads blocks, one after the other.
pub struct Decoder {
    unpacker: Unpacker,
    raw: Vec<u8>,
    places: [(usize, usize); streams::STREAMS],
    expected: u64,
    run: (u64, u64),
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("places", &self.places).finish_non_exhaustive()
    }
}

impl Decoder {
    /// Ready for a first block.
    ///
    /// # Errors
    /// [`Fault::Machine`] without memory.
    pub fn new() -> Result<Decoder, Fault> {
        Ok(Decoder {
            unpacker: Unpacker::new()?,
            raw: Vec::new(),
            places: [(0, 0); streams::STREAMS],
            expected: 0,
            run: (0, 0),
        })
    }

    /// Unpacks a block whose first page lies at `start` of the new image.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn begin(&mut self, stored: &[u8], start: u64) -> Result<(), Wrong> {
        self.unpacker.unpack(stored, MAX_RAW, &mut self.raw)?;
        self.places = streams::split(&self.raw).ok_or("the streams of a block do not fit it")?;
        (self.expected, self.run) = (start, (0, 0));
        Ok(())
    }

    /// Fills the next page.
    ///
    /// # Errors
    /// What is wrong with the block, or with reading the old image.
    pub fn page(&mut self, old: &dyn Image, page: &mut [u8]) -> Result<(), Wrong> {
        let mut at = 0;
        while at < page.len() {
            let operation = self.number(0).ok_or("a block has too few operations")?;
            let len = usize::try_from(operation >> 2).unwrap_or(usize::MAX);
            let left = &mut page[at..];
            if len == 0 || len > left.len() {
                return Err("an operation does not fit its page".into());
            }
            let piece = &mut left[..len];
            match operation & 3 {
                kind::LITERAL => {
                    piece.copy_from_slice(self.bytes(4, len).ok_or("a block has too few bytes")?)
                }
                kind::ZEROS => piece.fill(0),
                kind => {
                    self.read_old(old, piece)?;
                    if kind == kind::NEAR {
                        self.add(piece)?;
                    }
                }
            }
            at += len;
        }
        if self.run != (0, 0) {
            return Err("a run goes past its page".into());
        }
        Ok(())
    }

    /// After the last page of a block: nothing may be left of it.
    ///
    /// # Errors
    /// If something is.
    pub fn end(&self) -> Result<(), Wrong> {
        match self.places.iter().all(|(at, end)| at == end) {
            true => Ok(()),
            false => Err("something is left of a block".into()),
        }
    }

    fn read_old(&mut self, old: &dyn Image, piece: &mut [u8]) -> Result<(), Wrong> {
        let outside = "a copy is from outside of the old image";
        let (at, end) = self.places[1];
        let mut rest = &self.raw[at..end];
        let seek = varint::take_signed(&mut rest).ok_or("a block has too few places")?;
        self.places[1].0 = end - rest.len();
        let from = self.expected.checked_add_signed(seek).ok_or(outside)?;
        let until =
            from.checked_add(piece.len() as u64).filter(|until| *until <= old.size()).ok_or(outside)?;
        old.read(from, piece).map_err(Wrong::Fault)?;
        self.expected = until;
        Ok(())
    }

    /// Adds the differences of a near copy.
    fn add(&mut self, mut piece: &mut [u8]) -> Result<(), Wrong> {
        let few = "a block has too few differences";
        while !piece.is_empty() {
            if self.run == (0, 0) {
                self.run = self.number(2).zip(self.number(2)).ok_or("a block has too few runs")?;
                if self.run == (0, 0) {
                    return Err("a run is empty".into());
                }
            }
            let equal = usize::try_from(self.run.0).unwrap_or(usize::MAX).min(piece.len());
            self.run.0 -= equal as u64;
            piece = &mut piece[equal..];
            if piece.is_empty() {
                break;
            }
            let other = usize::try_from(self.run.1).unwrap_or(usize::MAX).min(piece.len());
            self.run.1 -= other as u64;
            for (byte, difference) in piece[..other].iter_mut().zip(self.bytes(3, other).ok_or(few)?) {
                *byte = byte.wrapping_add(*difference);
            }
            piece = &mut piece[other..];
        }
        Ok(())
    }

    /// The next number of a stream.
    fn number(&mut self, stream: usize) -> Option<u64> {
        let (at, end) = self.places[stream];
        let mut rest = &self.raw[at..end];
        let number = varint::take(&mut rest)?;
        self.places[stream].0 = end - rest.len();
        Some(number)
    }

    /// The next bytes of a stream.
    fn bytes(&mut self, stream: usize, len: usize) -> Option<&[u8]> {
        let (at, end) = self.places[stream];
        if end - at < len {
            return None;
        }
        self.places[stream].0 = at + len;
        Some(&self.raw[at..at + len])
    }
}
