//! Writes header blocks.
//!
//! A field that is seen for the second time goes into the table of the other side, where it costs one
//! byte from then on: what changes with every message (a path, an id) is written plainly and pushes
//! nothing out. Only what goes into the table is Huffman coded: the work is done once.

use super::table::Table;
use super::{fixed, huffman};

/// The largest table we use, whatever the other side allows.
const MOST: usize = 4096;
/// Fields remembered as seen once, by their hash.
const SEEN: usize = 64;

/// One direction of a connection.
pub struct Encoder {
    table: Table,
    /// Hashes of the table's entries, the newest first at the end.
    hashes: Vec<u32>,
    seen: Option<Box<[u32; SEEN]>>,
    /// The smallest and the last size since the last block, to be told at the start of the next.
    resized: Option<(usize, usize)>,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder { table: Table::new(MOST), hashes: Vec::new(), seen: None, resized: None }
    }
}

impl Encoder {
    /// The other side allows a table of `size` bytes from now on.
    pub fn allow(&mut self, size: usize) {
        let size = size.min(MOST);
        if size != self.resized.map_or(self.table.max(), |(_, last)| last) {
            let smallest = self.resized.map_or(size, |(smallest, _)| smallest.min(size));
            self.resized = Some((smallest, size));
        }
    }

    /// Begins a block.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        let Some((smallest, last)) = self.resized.take() else { return };
        for size in [smallest, last] {
            self.table.resize(size);
            integer(out, 0x20, 5, size);
            if smallest == last {
                break;
            }
        }
        self.forget();
    }

    /// Writes a field. `name` is in lower case.
    pub fn field(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        let hash = hash(name, value);
        for (age, _) in self.hashes.iter().rev().enumerate().filter(|(_, one)| **one == hash) {
            if self.table.get(age) == Some((name, value)) {
                return integer(out, 0x80, 7, fixed::TABLE.len() + 1 + age);
            }
        }
        let index = fixed::name(name);
        if let Some(whole) = index.and_then(|index| fixed::value(index, value)) {
            return integer(out, 0x80, 7, whole);
        }
        // Nothing that is a secret by itself is ever put where guesses could be tried (§7.1).
        let is_secret = matches!(name, b"authorization" | b"proxy-authorization" | b"cookie" | b"set-cookie");
        let is_small = name.len() + value.len() + 32 <= self.table.max() / 4;
        let is_kept = !is_secret && is_small && self.was_seen(hash);
        let (first, bits) = match (is_kept, is_secret) {
            (true, _) => (0x40, 6),
            (false, true) => (0x10, 4),
            (false, false) => (0, 4),
        };
        integer(out, first, bits, index.unwrap_or(0));
        if index.is_none() {
            string(out, name, is_kept);
        }
        string(out, value, is_kept);
        if is_kept && self.table.insert(name, value) {
            self.hashes.push(hash);
        }
        self.forget();
    }

    /// Lets go of the hashes of entries that left the table.
    fn forget(&mut self) {
        let gone = self.hashes.len() - self.table.len().min(self.hashes.len());
        self.hashes.drain(..gone);
    }

    fn was_seen(&mut self, hash: u32) -> bool {
        let seen = self.seen.get_or_insert_with(|| Box::new([0; SEEN]));
        std::mem::replace(&mut seen[hash as usize % SEEN], hash) == hash
    }
}

/// A hash that only has to tell what repeats; equal text is compared before it is trusted.
fn hash(name: &[u8], value: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = (name.len() as u64) << 32 ^ value.len() as u64 ^ ODD;
    for text in [name, value] {
        let (words, rest) = text.as_chunks::<8>();
        for word in words {
            mixed = (mixed.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(ODD);
        }
        let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        mixed = (mixed.rotate_left(23) ^ rest).wrapping_mul(ODD);
    }
    // Zero stands for a place that is empty.
    (mixed >> 32) as u32 | 1
}

/// Writes a number whose first bits share a byte with `first` (§5.1).
fn integer(out: &mut Vec<u8>, first: u8, bits: u32, mut number: usize) {
    let most = (1 << bits) - 1;
    if number < most {
        out.push(first | number as u8);
        return;
    }
    out.push(first | most as u8);
    number -= most;
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a text, in Huffman code if that was asked for and is shorter (§5.2).
fn string(out: &mut Vec<u8>, text: &[u8], coded: bool) {
    if coded {
        let length = huffman::length(text);
        if length < text.len() {
            integer(out, 0x80, 7, length);
            return huffman::encode(text, out);
        }
    }
    integer(out, 0, 7, text.len());
    out.extend_from_slice(text);
}
