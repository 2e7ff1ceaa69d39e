//! Writing a line of known greatest length: the inside of printf's hot path.
//!
//! Appending to a vector piece by piece costs a check of its capacity and a call of memcpy for each piece, which
//! is most of what a short line costs. A [`Cursor`] stands in room that was made once a line; it copies in blocks
//! of fixed size, which are single moves of the machine, writes more than the piece and steps on by the piece's
//! length. No more than [`SLACK`] bytes behind the line are ever touched.

use super::format::{Kind, Spec};
use super::number::{LOWER, PAIRS, UPPER};

/// Bytes of room needed behind the longest line.
pub(super) const SLACK: usize = 64;
/// The widest field that is padded by one block.
pub(super) const MAX_PAD: usize = 32;

const BLOCK: usize = 16;
/// Digits and prefix of any number, ending in the middle, so that a block may be read from any of them.
type Room = [u8; 2 * MAX_PAD];

pub(super) struct Cursor<'b> {
    room: &'b mut [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    pub(super) fn new(room: &'b mut [u8]) -> Cursor<'b> {
        Cursor { room, at: 0 }
    }

    /// Length of the line so far.
    pub(super) fn len(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn block<const N: usize>(&mut self, block: &[u8; N], advance: usize) {
        if let Some(place) = self.room.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
            *place = *block;
            self.at += advance;
        }
    }

    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        self.block(&[byte], 1);
    }

    /// `length` bytes of `blocks`.
    #[inline(always)]
    pub(super) fn literal(&mut self, blocks: &[[u8; BLOCK]], length: usize) {
        let mut left = length;
        for block in blocks {
            self.block(block, left.min(BLOCK));
            left = left.saturating_sub(BLOCK);
        }
    }

    /// The string in `bytes[start..start + size]`, up to its NUL; false when there is none in a whole `size`.
    #[inline(always)]
    pub(super) fn text(&mut self, bytes: &[u8], start: usize, size: usize) -> bool {
        let rest = bytes.get(start..).unwrap_or(&[]);
        let limit = size.min(rest.len());
        let mut done = 0;
        while done < limit {
            let from = &rest[done..];
            let block = match from.first_chunk::<BLOCK>() {
                Some(block) => *block,
                None => {
                    let mut last = [0; BLOCK];
                    last[..from.len()].copy_from_slice(from);
                    last
                }
            };
            let length = length_before_nul(&block);
            let left = limit - done;
            self.block(&block, length.min(left));
            if length < left.min(BLOCK) {
                return true;
            }
            done += length;
        }
        limit < size
    }

    /// Pads what was written since `start` to `width`, at most [`MAX_PAD`] more.
    #[inline(always)]
    pub(super) fn pad(&mut self, start: usize, width: usize, left: bool) {
        let length = self.at - start;
        let Some(missing) = width.checked_sub(length).filter(|missing| *missing > 0) else { return };
        self.block(&[b' '; MAX_PAD], missing);
        if !left && let Some(field) = self.room.get_mut(start..self.at) {
            field.rotate_right(missing);
        }
    }

    /// A number of 64 bits as `spec` says; its width is at most [`MAX_PAD`] and it has no precision.
    #[inline(always)]
    pub(super) fn number(&mut self, spec: &Spec, bits: u64) {
        let mut room: Room = [0; 2 * MAX_PAD];
        let mut first;
        let mut prefix: &[u8] = b"";
        match spec.kind {
            Kind::Signed => {
                let value = spec.length.signed(bits);
                first = decimal(value.unsigned_abs(), &mut room);
                if value < 0 {
                    prefix = b"-";
                } else if spec.plus {
                    prefix = b"+";
                } else if spec.space {
                    prefix = b" ";
                }
            }
            Kind::Hex | Kind::HexUpper | Kind::Pointer => {
                let upper = spec.kind == Kind::HexUpper;
                let pointer = spec.kind == Kind::Pointer;
                let value = if pointer { bits } else { spec.length.unsigned(bits) };
                first = hexadecimal(value, if upper { UPPER } else { LOWER }, &mut room);
                if pointer || (spec.alternate && value != 0) {
                    prefix = if upper { b"0X" } else { b"0x" };
                }
            }
            _ => first = decimal(spec.length.unsigned(bits), &mut room),
        }
        let width = (spec.width as usize).min(MAX_PAD);
        if spec.zero && !spec.left {
            let zeros_from = (MAX_PAD + prefix.len() - width.max(prefix.len())).min(first);
            room[zeros_from..first].fill(b'0');
            first = zeros_from;
        }
        first = first.saturating_sub(prefix.len());
        room[first..first + prefix.len()].copy_from_slice(prefix);
        let length = MAX_PAD - first;
        let spaces = width.saturating_sub(length);
        if spaces > 0 && !spec.left {
            self.block(&[b' '; MAX_PAD], spaces);
        }
        if let Some(block) = room[first..].first_chunk::<MAX_PAD>() {
            self.block(block, length);
        }
        if spaces > 0 && spec.left {
            self.block(&[b' '; MAX_PAD], spaces);
        }
    }
}

/// Decimal digits that end at `MAX_PAD`; where they begin.
#[inline(always)]
fn decimal(mut value: u64, room: &mut Room) -> usize {
    let mut at = MAX_PAD;
    while value >= 10 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        room[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value > 0 || at == MAX_PAD {
        at -= 1;
        room[at] = b'0' + value as u8;
    }
    at
}

#[inline(always)]
fn hexadecimal(mut value: u64, alphabet: &[u8; 16], room: &mut Room) -> usize {
    let mut at = MAX_PAD;
    loop {
        at -= 1;
        room[at] = alphabet[(value & 15) as usize];
        value >>= 4;
        if value == 0 {
            return at;
        }
    }
}

/// Bytes before the first zero byte; the block's length when there is none.
#[inline(always)]
fn length_before_nul(block: &[u8; BLOCK]) -> usize {
    const ONES: u128 = u128::from_ne_bytes([1; BLOCK]);
    const TOPS: u128 = ONES << 7;
    // The lowest top bit that this leaves set is that of the first zero byte; above it there may be false ones.
    let word = u128::from_le_bytes(*block);
    let zeros = word.wrapping_sub(ONES) & !word & TOPS;
    (zeros.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_nul() {
        for at in 0..=BLOCK {
            let mut block = [b'x'; BLOCK];
            block[at..].fill(1);
            if let Some(byte) = block.get_mut(at) {
                *byte = 0;
            }
            assert_eq!(length_before_nul(&block), at);
        }
        assert_eq!(length_before_nul(&[0xff; BLOCK]), BLOCK);
    }

    #[test]
    fn strings_of_every_length_at_every_end() {
        let letters: Vec<u8> = (b'a'..=b'z').chain(b'A'..=b'Z').collect();
        for size in 0..letters.len() {
            for nul in 0..=size {
                for end in 0..=size {
                    let mut bytes = letters[..size].to_vec();
                    if let Some(byte) = bytes.get_mut(nul) {
                        *byte = 0;
                    }
                    bytes.truncate(end);
                    let mut room = [0; 128];
                    let mut cursor = Cursor::new(&mut room);
                    let whole = cursor.text(&bytes, 0, size);
                    let length = cursor.len();
                    assert_eq!(length, nul.min(end), "size {size} nul {nul} end {end}");
                    assert_eq!(room[..length], letters[..length]);
                    assert_eq!(whole, nul < end || end < size, "size {size} nul {nul} end {end}");
                }
            }
        }
    }
}
