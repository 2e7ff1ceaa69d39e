//! Blocks of the old image, found at any place of the new one.
//!
//! The old image is cut into short blocks of one length, remembered by a hash that can be rolled on byte by byte (A.
//! Tridgell, "Efficient Algorithms for Sorting and Synchronization", 1999, chapter 3); the new one is read once, and
//! wherever a block of the old may begin the bytes are compared. Nearly as cheap as equal blocks of a file system, and
//! what has moved by a few bytes is found as well. Neighbours: `plan` chooses, `stretch` makes the covers longer.

use std::collections::HashMap;

use super::found::Found;
use super::matcher::Cover;
use crate::bundle::tree::PAGE;
use crate::fault::Fault;
use crate::image::{Image, is_zero};

/// Old images up to this size are cut into short blocks: above, four times as long, so that memory stays the same.
const SHORT_UP_TO: u64 = 4 << 30;
const SHORT: usize = 1 << 10;
const LONG: usize = 4 << 10;
/// What each byte is multiplied with: odd, with bits everywhere.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The covers of `new`, in order and apart from each other.
pub(crate) fn covers(
    old: &dyn Image,
    new: &dyn Image,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Cover>, Fault> {
    let len = if old.size() <= SHORT_UP_TO { SHORT } else { LONG };
    let known = Known::of(old, len)?;
    let mut window = Window::new(new, len);
    let mut found = Found::new(old, len);
    // What falls out of the hash when it is rolled on.
    let last = (0..len).fold(1_u64, |power, _| power.wrapping_mul(FACTOR));
    let mut at = 0;
    while let Some(block) = window.block(at, progress)? {
        if found.goes_on(at, block)? {
            at += len as u64;
            continue;
        }
        let mut hash = hash(block);
        // Rolls through what the window holds.
        loop {
            if known.may_hold(hash)
                && let Some(block) = window.held(at)
                && let Some(&from) = known.places.get(&hash)
                && found.begins(at, from, block)?
            {
                at += len as u64;
                break;
            }
            let Some((out, into)) = window.edges(at) else {
                at += 1;
                break;
            };
            hash = hash.wrapping_mul(FACTOR).wrapping_add(into + 1).wrapping_sub(last.wrapping_mul(out + 1));
            at += 1;
        }
    }
    progress(new.size() - window.told);
    Ok(found.covers)
}

fn hash(block: &[u8]) -> u64 {
    block.iter().fold(0, |hash: u64, byte| hash.wrapping_mul(FACTOR).wrapping_add(u64::from(*byte) + 1))
}

/// The blocks of the old image.
struct Known {
    /// By their hash; the first of equals, as files lie in order.
    places: HashMap<u64, u64>,
    /// A bit for each hash that is there, and few others: nearly all places of the new image end here, in the cache.
    bits: Vec<u64>,
    shift: u32,
}

impl Known {
    fn of(old: &dyn Image, len: usize) -> Result<Known, Fault> {
        let count = old.size() / len as u64;
        // Eight bits a block, as a power of two.
        let bits = (count * 8).next_power_of_two().max(64);
        let words = usize::try_from(bits / 64).unwrap_or(1);
        let mut known =
            Known { places: HashMap::new(), bits: vec![0; words], shift: 64 - bits.trailing_zeros() };
        let mut page = vec![0; PAGE];
        let mut at = 0;
        while at + len as u64 <= old.size() {
            let more = usize::try_from(old.size() - at).unwrap_or(PAGE).min(PAGE);
            let page = &mut page[..more];
            old.read(at, page)?;
            for (block, at) in
                page.chunks_exact(len).zip((at..).step_by(len)).filter(|(block, _)| !is_zero(block))
            {
                let hash = hash(block);
                let bit = known.bit(hash);
                known.bits[bit / 64] |= 1 << (bit % 64);
                known.places.entry(hash).or_insert(at);
            }
            at += more as u64;
        }
        Ok(known)
    }

    fn bit(&self, hash: u64) -> usize {
        // Its high bits: the low ones say little of the first bytes.
        usize::try_from(hash.wrapping_mul(FACTOR) >> self.shift).unwrap_or(0)
    }

    fn may_hold(&self, hash: u64) -> bool {
        let bit = self.bit(hash);
        self.bits[bit / 64] >> (bit % 64) & 1 == 1
    }
}

/// What is in memory of the new image.
struct Window<'a> {
    image: &'a dyn Image,
    len: usize,
    bytes: Vec<u8>,
    /// Where it begins.
    at: u64,
    /// What progress has heard of.
    told: u64,
}

impl<'a> Window<'a> {
    fn new(image: &'a dyn Image, len: usize) -> Window<'a> {
        Window { image, len, bytes: Vec::new(), at: 0, told: 0 }
    }

    /// The block at a place, read if it is not there; none where less than a block is left.
    fn block(&mut self, at: u64, progress: &mut dyn FnMut(u64)) -> Result<Option<&[u8]>, Fault> {
        if at + self.len as u64 > self.image.size() {
            return Ok(None);
        }
        if self.held(at).is_none() {
            let more = usize::try_from(self.image.size() - at).unwrap_or(PAGE).min(PAGE);
            self.bytes.resize(more, 0);
            self.image.read(at, &mut self.bytes)?;
            self.at = at;
            progress(at - self.told);
            self.told = at;
        }
        Ok(self.held(at))
    }

    /// The block at a place, if all of it is there.
    fn held(&self, at: u64) -> Option<&[u8]> {
        let start = usize::try_from(at - self.at).ok()?;
        self.bytes.get(start..start + self.len)
    }

    /// The first byte of the block at a place, and the one after it.
    fn edges(&self, at: u64) -> Option<(u64, u64)> {
        let start = usize::try_from(at - self.at).ok()?;
        let next = *self.bytes.get(start + self.len)?;
        Some((u64::from(self.bytes[start]), u64::from(next)))
    }
}
