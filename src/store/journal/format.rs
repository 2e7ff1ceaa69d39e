//! The bytes of a journal: what is written where, and how it is known to be whole.
//!
//! ```text
//! 0      header: magic, format, its checksum; epoch, groups of the snapshot, checksum
//! 4096   group 1, group 2, …  each from a multiple of 512: mark, then a frame a record, then zeros to its span
//! ```
//! A file is written again and again, so what an earlier use left lies behind the end. The *epoch* tells it apart:
//! its high half counts rewrites, its low half is random, and every mark carries it. The *salt* is of one opening,
//! so that a group cut short by a power cut never mixes with the one written over it. A mark fits in a sector and
//! is therefore there or not; its checksum seeds those of its frames.
//!
//! All numbers are little-endian; checksums are CRC-32C. Reading a whole file is `scan.rs`.

use std::ops::Range;

use crate::{block::round_up, crc::crc32c};

/// The format written here, and the newest one read.
pub(crate) const FORMAT: u32 = 1;
/// Where groups begin: the header has the largest block for itself.
pub(crate) const START: u64 = 4096;
/// What storage writes whole, and where groups may begin.
pub(crate) const SECTOR: usize = 512;
/// Bytes of a header in use.
pub(crate) const HEADER: usize = 32;
/// Bytes of a mark.
pub(crate) const MARK: usize = 48;
/// Bytes of a frame before its record.
pub(crate) const FRAME: usize = 12;

const MAGIC: [u8; 8] = *b"EKSTORE\n";
const MARK_MAGIC: u32 = u32::from_le_bytes(*b"EKgr");

/// The header of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) epoch: u64,
    /// Groups that were there before the file came into use: all of them are whole, or the file is damaged.
    pub(crate) snapshot: u32,
}

/// Why there is no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoHeader {
    /// It is one, of a format from the future.
    Unknown(u32),
    /// Its bytes are not what was written.
    Damaged,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        let sum = crc32c(0, &out[..12]);
        out[12..16].copy_from_slice(&sum.to_le_bytes());
        out[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        out[24..28].copy_from_slice(&self.snapshot.to_le_bytes());
        let sum = crc32c(0, &out[..28]);
        out[28..32].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads a header. Magic, format and their checksum stay where they are in every format to come.
    pub(crate) fn parse(bytes: &[u8; HEADER]) -> Result<Header, NoHeader> {
        if bytes[..8] != MAGIC || u32_at(bytes, 12) != crc32c(0, &bytes[..12]) {
            return Err(NoHeader::Damaged);
        }
        match u32_at(bytes, 8) {
            FORMAT if u32_at(bytes, 28) == crc32c(0, &bytes[..28]) => {
                Ok(Header { epoch: u64_at(bytes, 16), snapshot: u32_at(bytes, 24) })
            }
            FORMAT | 0 => Err(NoHeader::Damaged),
            unknown => Err(NoHeader::Unknown(unknown)),
        }
    }
}

/// What begins a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) epoch: u64,
    /// Counts from 1 in each epoch.
    pub(crate) seq: u64,
    pub(crate) salt: u64,
    /// Records.
    pub(crate) count: u32,
    /// Bytes of mark and frames.
    pub(crate) used: u32,
    /// Bytes up to the next group.
    pub(crate) span: u32,
}

impl Mark {
    /// The bytes, and the checksum that its frames begin from.
    pub(crate) fn encode(&self) -> ([u8; MARK], u32) {
        let mut out = [0; MARK];
        out[..4].copy_from_slice(&MARK_MAGIC.to_le_bytes());
        out[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        out[16..24].copy_from_slice(&self.seq.to_le_bytes());
        out[24..32].copy_from_slice(&self.salt.to_le_bytes());
        out[32..36].copy_from_slice(&self.count.to_le_bytes());
        out[36..40].copy_from_slice(&self.used.to_le_bytes());
        out[40..44].copy_from_slice(&self.span.to_le_bytes());
        let sum = crc32c(0, &out[8..]);
        out[4..8].copy_from_slice(&sum.to_le_bytes());
        (out, sum)
    }

    pub(crate) fn parse(bytes: &[u8; MARK]) -> Option<Mark> {
        if u32_at(bytes, 0) != MARK_MAGIC || u32_at(bytes, 4) != crc32c(0, &bytes[8..]) {
            return None;
        }
        let mark = Mark {
            epoch: u64_at(bytes, 8),
            seq: u64_at(bytes, 16),
            salt: u64_at(bytes, 24),
            count: u32_at(bytes, 32),
            used: u32_at(bytes, 36),
            span: u32_at(bytes, 40),
        };
        let fits = mark.used as usize >= MARK
            && mark.used <= mark.span
            && (mark.span as usize).is_multiple_of(SECTOR);
        fits.then_some(mark)
    }

    /// True if these bytes may be a mark with a bit or so wrong, so that it is worth a closer look.
    pub(crate) fn resembles(bytes: &[u8; MARK]) -> bool {
        (u32_at(bytes, 0) ^ MARK_MAGIC).count_ones() <= 1
    }

    /// The mark at a place of a file.
    pub(crate) fn at(file: &[u8], offset: usize) -> Option<Mark> {
        Mark::parse(file.get(offset..offset.checked_add(MARK)?)?.as_array()?)
    }
}

/// The bytes with the one bit put right that makes `whole` accept them. At these lengths CRC-32C tells any two
/// such repairs apart.
pub(crate) fn repair<const N: usize, T>(bytes: &[u8; N], whole: impl Fn(&[u8; N]) -> Option<T>) -> Option<T> {
    let mut bytes = *bytes;
    for bit in 0..N * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Some(found) = whole(&bytes) {
            return Some(found);
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    None
}

/// Records on their way into a group.
#[derive(Debug, Default)]
pub(crate) struct Body {
    lens: Vec<u32>,
    bytes: Vec<u8>,
}

impl Body {
    pub(crate) fn push(&mut self, record: &[u8]) {
        // No record is longer than `LARGEST_RECORD`, which the journal sees to.
        self.lens.push(record.len() as u32);
        self.bytes.extend_from_slice(record);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lens.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.lens.clear();
        self.bytes.clear();
    }

    /// The records, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.lens.iter().scan(0, |at, len| {
            let from = *at;
            *at += *len as usize;
            Some(&self.bytes[from..*at])
        })
    }

    /// Bytes of the group these records make, without what fills its last block.
    pub(crate) fn used(&self) -> usize {
        MARK + self.lens.len() * FRAME + self.bytes.len()
    }

    /// The same, with it.
    pub(crate) fn span(&self, block: usize) -> usize {
        round_up(self.used() as u64, block as u64) as usize
    }

    /// Writes the group into zeros of its span.
    pub(crate) fn encode(&self, epoch: u64, seq: u64, salt: u64, out: &mut [u8]) {
        let (count, used, span) = (self.lens.len() as u32, self.used() as u32, out.len() as u32);
        let (mark, seed) = Mark { epoch, seq, salt, count, used, span }.encode();
        out[..MARK].copy_from_slice(&mark);
        let mut at = MARK;
        for record in self.records() {
            let len = (record.len() as u32).to_le_bytes();
            let head = crc32c(seed, &len);
            out[at..at + 4].copy_from_slice(&len);
            out[at + 4..at + 8].copy_from_slice(&head.to_le_bytes());
            out[at + 8..at + 12].copy_from_slice(&crc32c(head, record).to_le_bytes());
            out[at + FRAME..at + FRAME + record.len()].copy_from_slice(record);
            at += FRAME + record.len();
        }
    }
}

/// What is readable of a group.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Readable {
    /// Where the records lie, from the group's begin.
    pub(crate) records: Vec<Range<usize>>,
    /// Those before the first that is not readable.
    pub(crate) prefix: usize,
    /// Nothing is missing.
    pub(crate) whole: bool,
}

/// Finds the records of a group; `bytes` are its span, or what the file has of it.
pub(crate) fn readable(mark: &Mark, bytes: &[u8]) -> Readable {
    let (_, seed) = mark.encode();
    let end = bytes.len().min(mark.used as usize);
    let mut out = Readable::default();
    let (mut at, mut gap) = (MARK, false);
    while at < end {
        let body = frame_at(seed, &bytes[..end], at);
        match body {
            Some((body, true)) => {
                at = body.end;
                out.records.push(body);
                out.prefix += usize::from(!gap);
            }
            // Its length is right, its record is not: the next one begins behind it.
            Some((body, false)) => (at, gap) = (body.end, true),
            None => (at, gap) = (at + 1, true),
        }
    }
    out.whole = !gap && out.records.len() == mark.count as usize && end == mark.used as usize;
    out
}

/// Where the record of the frame at a place lies, and whether it is whole; `None` where no frame begins.
fn frame_at(seed: u32, group: &[u8], at: usize) -> Option<(Range<usize>, bool)> {
    let head = group.get(at..at + FRAME)?;
    let sum = crc32c(seed, &head[..4]);
    if u32_at(head, 4) != sum {
        return None;
    }
    let from = at + FRAME;
    let body = group.get(from..from.checked_add(u32_at(head, 0) as usize)?)?;
    Some((from..from + body.len(), u32_at(head, 8) == crc32c(sum, body)))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    out.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(out)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}
