//! Covers as they are found, piece by piece, each compared with the old image before it counts.
//!
//! Neighbours: `blocks` and `chunks` say where a piece may be, `stretch` makes the covers longer.

use super::matcher::Cover;
use crate::fault::Fault;
use crate::image::Image;

/// The covers so far, in order and apart from each other.
pub(super) struct Found<'a> {
    old: &'a dyn Image,
    same: Vec<u8>,
    pub(super) covers: Vec<Cover>,
}

impl<'a> Found<'a> {
    /// None yet; no piece is longer than `most`.
    pub(super) fn new(old: &'a dyn Image, most: usize) -> Found<'a> {
        Found { old, same: vec![0; most], covers: Vec::new() }
    }

    /// True if the piece goes on where the last cover ended, which costs nothing to say.
    pub(super) fn goes_on(&mut self, at: u64, piece: &[u8]) -> Result<bool, Fault> {
        let Some(last) = self.covers.last().copied().filter(|last| last.new + last.len == at) else {
            return Ok(false);
        };
        let is_equal = self.equals(last.old + last.len, piece)?;
        if let Some(last) = self.covers.last_mut().filter(|_| is_equal) {
            last.len += piece.len() as u64;
        }
        Ok(is_equal)
    }

    /// True if the piece is at this place of the old image.
    pub(super) fn begins(&mut self, at: u64, from: u64, piece: &[u8]) -> Result<bool, Fault> {
        let is_equal = self.equals(from, piece)?;
        if is_equal {
            self.covers.push(Cover { new: at, old: from, len: piece.len() as u64 });
        }
        Ok(is_equal)
    }

    fn equals(&mut self, from: u64, piece: &[u8]) -> Result<bool, Fault> {
        if from + piece.len() as u64 > self.old.size() {
            return Ok(false);
        }
        let same = &mut self.same[..piece.len()];
        self.old.read(from, same)?;
        Ok(same == piece)
    }
}
