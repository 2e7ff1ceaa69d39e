//! Reads a whole journal: tells a clean end from a torn one, and a torn one from damage.
//!
//! A group is only written once the one before it is durable. So a group that is not whole, with a later one of
//! the same epoch behind it, was whole once: that is damage. Without one it is what a power cut left of a write
//! nobody was told of: it is cut. A mark whose checksum is off by one bit is read as what it was.

use std::{fmt, ops::Range};

use super::format::{HEADER, Header, MARK, Mark, NoHeader, SECTOR, START, readable, repair};

/// Something that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) epoch: u64,
    /// The number of the next group.
    pub(crate) seq: u64,
    /// Where it goes.
    pub(crate) end: u64,
    /// Where the records lie, in order.
    pub(crate) records: Vec<Range<usize>>,
    pub(crate) damage: Vec<Damage>,
    /// What a power cut left of the last write.
    pub(crate) cut: Option<Range<usize>>,
    /// Records of that write that were whole, and are among `records`: the file must be written anew.
    pub(crate) salvaged: usize,
}

/// Reads a file.
///
/// # Errors
/// The format number, if it is from the future.
pub(crate) fn scan(file: &[u8]) -> Result<Scan, u32> {
    let mut scan = Scan { end: START, seq: 1, ..Scan::default() };
    let header = match header(file, &mut scan.damage)? {
        Some(header) => header,
        None => Header { epoch: likely_epoch(file), snapshot: 0 },
    };
    scan.epoch = header.epoch;
    if !(file.len() as u64).is_multiple_of(START) {
        scan.damage.push(Damage { offset: file.len() as u64, what: "the file ends too early" });
    }
    while scan.group(file, header.snapshot.into()) {}
    if scan.seq <= header.snapshot.into() && scan.damage.is_empty() {
        scan.damage.push(Damage { offset: scan.end, what: "a group of the snapshot is missing" });
    }
    Ok(scan)
}

impl Scan {
    /// Reads the group at the end found so far; false if there is none, or none can follow it.
    fn group(&mut self, file: &[u8], snapshot: u64) -> bool {
        let at = self.end as usize;
        let Some((mark, repaired)) = self.mark(file, at) else {
            let Some((place, mark)) = self.later(file, at) else { return false };
            self.damage.push(Damage { offset: self.end, what: "groups are not readable" });
            (self.end, self.seq) = (place as u64, mark.seq);
            return true;
        };
        let next = at + mark.span as usize;
        let bytes = &file[at..next.min(file.len())];
        let found = readable(&mark, bytes);
        let records = found.records.iter().map(|range| range.start + at..range.end + at);
        if found.whole && next <= file.len() {
            self.records.extend(records);
            if repaired {
                self.damage.push(Damage { offset: self.end, what: "one bit of a mark was wrong" });
            }
        } else if next > file.len() || self.seq <= snapshot || self.later(file, next).is_some() {
            // No group is written past the end of the file: the end was elsewhere.
            self.records.extend(records);
            self.damage.push(Damage { offset: self.end, what: "records are not readable" });
        } else {
            // A mark that had to be put right may itself be torn: nothing of it counts.
            self.salvaged = if repaired { 0 } else { found.prefix };
            self.records.extend(records.take(self.salvaged));
            self.cut = Some(at..next);
            return false;
        }
        (self.end, self.seq) = (next as u64, self.seq + 1);
        next < file.len()
    }

    /// The mark expected at a place; true if one bit of it had to be put right.
    fn mark(&self, file: &[u8], at: usize) -> Option<(Mark, bool)> {
        let expected = |mark: &Mark| (mark.epoch, mark.seq) == (self.epoch, self.seq);
        if let Some(mark) = Mark::at(file, at) {
            return Some((mark, false)).filter(|(mark, _)| expected(mark));
        }
        let bytes = file.get(at..at + MARK)?.as_array().filter(|bytes| Mark::resembles(bytes))?;
        repair(bytes, |bytes| Mark::parse(bytes).filter(expected)).map(|mark| (mark, true))
    }

    /// The first group behind a place that was written after the one expected.
    fn later(&self, file: &[u8], from: usize) -> Option<(usize, Mark)> {
        marks(file, from).find(|(_, mark)| mark.epoch == self.epoch && mark.seq > self.seq)
    }
}

/// The header, with one bit of it put right if need be.
fn header(file: &[u8], damage: &mut Vec<Damage>) -> Result<Option<Header>, u32> {
    let Some(bytes) = file.first_chunk::<HEADER>() else {
        damage.push(Damage { offset: file.len() as u64, what: "the file ends before its header does" });
        return Ok(None);
    };
    match Header::parse(bytes) {
        Ok(header) => Ok(Some(header)),
        Err(NoHeader::Unknown(format)) => Err(format),
        Err(NoHeader::Damaged) => {
            damage.push(Damage { offset: 0, what: "the header is not readable" });
            Ok(repair(bytes, |bytes| Header::parse(bytes).ok()))
        }
    }
}

/// Without a header: the epoch of the first group, or else the latest of all.
fn likely_epoch(file: &[u8]) -> u64 {
    let first = Mark::at(file, START as usize).filter(|mark| mark.seq == 1);
    let latest = || marks(file, START as usize).map(|(_, mark)| mark.epoch).max();
    first.map(|mark| mark.epoch).or_else(latest).unwrap_or(0)
}

/// Every mark from a place on.
fn marks(file: &[u8], from: usize) -> impl Iterator<Item = (usize, Mark)> {
    (from..file.len()).step_by(SECTOR).filter_map(|at| Mark::at(file, at).map(|mark| (at, mark)))
}

/// Reads any bytes as a journal; gives records found and damage. For the fuzzer, and for whoever looks at a file.
///
/// # Errors
/// The format number, if it is from the future.
pub fn inspect(file: &[u8]) -> Result<(Vec<&[u8]>, Vec<Damage>), u32> {
    let scan = scan(file)?;
    Ok((scan.records.into_iter().map(|range| &file[range]).collect(), scan.damage))
}
