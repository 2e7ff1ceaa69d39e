//! Reads header blocks (RFC 7541 §6). What is wrong with one ends the connection: its two ends would
//! not agree on the table any more.

use super::table::Table;
use super::{fixed, huffman};

/// The block is no HPACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// Names and values are at most 2²⁸ bytes long; no index is larger.
const LARGEST: usize = 1 << 28;

/// One direction of a connection.
pub struct Decoder {
    table: Table,
    /// What we have told the other side the table may grow to.
    limit: usize,
}

impl Decoder {
    /// With a table of at most `limit` bytes.
    pub fn new(limit: usize) -> Decoder {
        Decoder { table: Table::new(limit), limit }
    }

    /// Reads a whole block and hands each field to `each`. `scratch` is memory to work in.
    ///
    /// # Errors
    /// It is no HPACK.
    pub fn decode(
        &mut self,
        block: &[u8],
        scratch: &mut Vec<u8>,
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Malformed> {
        let mut rest = block;
        let mut is_first = true;
        while let Some(kind) = rest.first().copied() {
            match kind {
                0x80.. => {
                    let (name, value) = self.entry(integer(&mut rest, 7)?)?;
                    each(name, value);
                }
                0x20..=0x3f => {
                    // Only before the first field (§4.2).
                    let size = integer(&mut rest, 5)?;
                    if !is_first || size > self.limit {
                        return Err(Malformed);
                    }
                    self.table.resize(size);
                    continue;
                }
                _ => {
                    let is_kept = kind >= 0x40;
                    let index = integer(&mut rest, if is_kept { 6 } else { 4 })?;
                    scratch.clear();
                    match index {
                        0 => string(&mut rest, scratch)?,
                        index => {
                            let (name, _) = self.entry(index)?;
                            scratch.extend_from_slice(name);
                        }
                    }
                    let name = scratch.len();
                    string(&mut rest, scratch)?;
                    let (name, value) = scratch.split_at(name);
                    each(name, value);
                    if is_kept {
                        self.table.insert(name, value);
                    }
                }
            }
            is_first = false;
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), Malformed> {
        let fixed = index.checked_sub(1).and_then(|at| fixed::TABLE.get(at));
        match fixed {
            Some((name, value)) => Ok((name.as_bytes(), value.as_bytes())),
            None if index == 0 => Err(Malformed),
            None => self.table.get(index - fixed::TABLE.len() - 1).ok_or(Malformed),
        }
    }
}

/// A number that begins in the low `bits` of the first byte (§5.1).
fn integer(rest: &mut &[u8], bits: u32) -> Result<usize, Malformed> {
    let (first, mut after) = rest.split_first().ok_or(Malformed)?;
    let most = (1_usize << bits) - 1;
    let mut number = usize::from(*first) & most;
    if number == most {
        let mut shift = 0;
        loop {
            let (byte, next) = after.split_first().ok_or(Malformed)?;
            after = next;
            number += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if number > LARGEST || shift > 35 {
                return Err(Malformed);
            }
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = after;
    Ok(number)
}

/// A text, as it is or in Huffman code (§5.2).
fn string(rest: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let is_coded = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(rest, 7)?;
    let (text, after) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = after;
    match is_coded {
        false => out.extend_from_slice(text),
        true if huffman::decode(text, out) => {}
        true => return Err(Malformed),
    }
    Ok(())
}
