//! Equal pieces of two images of any size, cut where the content says so.
//!
//! The old image is read once and remembered as one short hash a piece; the new one is read once and each of its
//! pieces looked up, and compared byte by byte before it counts. A piece is found again when what comes before it has
//! grown.
//!
//! The cut by content is that of gear hashing with a stricter mask before the wanted length and a looser one after it
//! (W. Xia et al., "FastCDC", USENIX ATC 2016). Neighbours: `plan` chooses, `stretch` makes the covers longer.

use std::collections::HashMap;

use super::found::Found;
use super::matcher::Cover;
use crate::bundle::tree::PAGE;
use crate::fault::Fault;
use crate::image::{Image, is_zero};

/// The shortest piece,
const LEAST: usize = 2 << 10;
/// the wanted one,
const WANTED: usize = 8 << 10;
/// and the longest, the last of an image aside.
const MOST: usize = 64 << 10;
/// Bits of the gear hash that must be zero before the wanted length, and after it.
const STRICT: u64 = 0xfffe_0000_0000_0000 >> 1;
const LOOSE: u64 = 0xffc0_0000_0000_0000;

/// The covers of `new`, in order and apart from each other.
pub(crate) fn covers(
    old: &dyn Image,
    new: &dyn Image,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Cover>, Fault> {
    let mut places: HashMap<u64, u64> = HashMap::new();
    each(old, &mut |at, piece| {
        if !is_zero(piece) {
            // The first of equals stays: files lie in order.
            places.entry(short(piece)).or_insert(at);
        }
        Ok(())
    })?;
    let mut found = Found::new(old, MOST);
    each(new, &mut |at, piece| {
        progress(piece.len() as u64);
        if !is_zero(piece)
            && !found.goes_on(at, piece)?
            && let Some(&from) = places.get(&short(piece))
        {
            found.begins(at, from, piece)?;
        }
        Ok(())
    })?;
    Ok(found.covers)
}

/// What is done with a piece and its place.
type Look<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), Fault>;

/// Every piece of an image, with its place.
fn each(image: &dyn Image, look: Look<'_>) -> Result<(), Fault> {
    let mut window = vec![0; PAGE];
    let (mut at, mut start, mut filled) = (0_u64, 0, 0);
    let size = image.size();
    while at < size {
        if filled - start < MOST && at + ((filled - start) as u64) < size {
            window.copy_within(start..filled, 0);
            (filled, start) = (filled - start, 0);
            let from = at + filled as u64;
            let more = usize::try_from(size - from).unwrap_or(PAGE).min(PAGE - filled);
            image.read(from, &mut window[filled..filled + more])?;
            filled += more;
        }
        let ahead = &window[start..filled];
        let len = piece(ahead);
        look(at, &ahead[..len])?;
        at += len as u64;
        start += len;
    }
    Ok(())
}

/// The length of the piece at the front.
fn piece(bytes: &[u8]) -> usize {
    let end = bytes.len().min(MOST);
    let mut hash = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(end).skip(LEAST) {
        hash = (hash << 1).wrapping_add(gear(*byte));
        let mask = if at < WANTED { STRICT } else { LOOSE };
        if hash & mask == 0 {
            return at + 1;
        }
    }
    end
}

/// A number that looks like chance for each byte.
fn gear(byte: u8) -> u64 {
    let mixed = (u64::from(byte) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Enough of a hash to look a piece up by; it is compared afterwards.
fn short(piece: &[u8]) -> u64 {
    let hash = blake3::hash(piece);
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
