//! Writes an image down as blocks: each page as operations, pages together until a block is worth its place.
//!
//! A block stands for itself: it can be checked, unpacked and applied without the ones before it, so that whoever
//! was interrupted goes on at a block. It ends between pages, where about a megabyte is to be stored or six to be
//! unpacked. How large it will be is asked of the compressor's quickest level.
//!
//! Neighbours: `matcher` and `chunks` made the covers, `streams` is what a block holds, `decode` reads it back.

use super::matcher::Cover;
use super::streams::{MAX_RAW, MAX_STORED, Streams, kind};
use super::varint;
use super::zstd::{BEST, Packer, QUICK};
use crate::bundle::tree::{self, PAGE};
use crate::fault::Fault;
use crate::image::{Image, is_zero};

/// A block ends before it would take more than about this to store,
const STORED: usize = PAGE - (64 << 10);
/// or more than this to unpack.
const RAW: usize = 6 * PAGE;
/// A stretch of zeros this long is said, not written.
const ZEROS: usize = 1 << 10;
/// A copy this long is looked at whether it is exact.
const EXACT: usize = 1 << 12;

/// A block as it is stored.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its bytes, compressed.
    pub(crate) stored: Vec<u8>,
    /// Pages it makes.
    pub(crate) pages: u64,
}

/// Writes `new` as blocks, in order, to `sink`. The covers are in order, apart from each other, and inside both
/// images.
///
/// # Errors
/// Those of reading and of the sink.
pub(crate) fn encode(
    new: &dyn Image,
    old: &dyn Image,
    covers: &[Cover],
    sink: &mut dyn FnMut(Block) -> Result<(), Fault>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Fault> {
    let mut encoder = Encoder::new(old, covers)?;
    let size = new.size();
    let mut page = vec![0; PAGE];
    for number in 0..tree::pages_of(size) {
        let at = number * PAGE as u64;
        let bytes = &mut page[..tree::page_len(size, number)];
        new.read(at, bytes)?;
        let before = encoder.cursor;
        encoder.page(at, bytes)?;
        let guess = encoder.guess()?;
        let is_full = encoder.guessed + guess > STORED || encoder.block.len() + encoder.this.len() > RAW;
        if encoder.pages > 0 && is_full {
            sink(encoder.finish()?)?;
            // The first page of a block names its places anew.
            encoder.cursor = Cursor { expected: at, ..before };
            encoder.page(at, bytes)?;
        }
        encoder.block.append(&encoder.this);
        encoder.guessed += guess;
        encoder.pages += 1;
        progress(bytes.len() as u64);
    }
    if encoder.pages > 0 {
        sink(encoder.finish()?)?;
    }
    Ok(())
}

/// Where the writing is.
#[derive(Clone, Copy)]
struct Cursor {
    /// The cover that is next, or in progress.
    cover: usize,
    /// Where in the old image the last copy ended; at the start of a block, its place in the new one.
    expected: u64,
}

struct Encoder<'a> {
    old: &'a dyn Image,
    covers: &'a [Cover],
    cursor: Cursor,
    /// The block so far.
    block: Streams,
    pages: u64,
    guessed: usize,
    /// The page at hand.
    this: Streams,
    /// Equal and other bytes of near copies that are not written down yet.
    run: (u64, u64),
    window: Vec<u8>,
    joined: Vec<u8>,
    packed: Vec<u8>,
    quick: Packer,
    best: Packer,
}

impl<'a> Encoder<'a> {
    fn new(old: &'a dyn Image, covers: &'a [Cover]) -> Result<Encoder<'a>, Fault> {
        Ok(Encoder {
            old,
            covers,
            cursor: Cursor { cover: 0, expected: 0 },
            block: Streams::default(),
            pages: 0,
            guessed: 0,
            this: Streams::default(),
            run: (0, 0),
            window: vec![0; PAGE],
            joined: Vec::new(),
            packed: Vec::new(),
            quick: Packer::new(QUICK)?,
            best: Packer::new(BEST)?,
        })
    }

    /// About how much the page at hand adds to what is stored.
    fn guess(&mut self) -> Result<usize, Fault> {
        self.this.join(&mut self.joined);
        self.quick.pack(&self.joined, &mut self.packed)?;
        Ok(self.packed.len())
    }

    /// The block so far, compressed; the next one begins.
    fn finish(&mut self) -> Result<Block, Fault> {
        self.block.join(&mut self.joined);
        let mut stored = Vec::new();
        self.best.pack(&self.joined, &mut stored)?;
        stored.shrink_to_fit();
        let pages = std::mem::take(&mut self.pages);
        if self.joined.len() > MAX_RAW || stored.len() > MAX_STORED {
            let (raw, stored) = (self.joined.len(), stored.len());
            return Err(Fault::Machine(format!(
                "a block came out too large: {raw} bytes, {stored} compressed"
            )));
        }
        self.block.clear();
        self.guessed = 0;
        Ok(Block { stored, pages })
    }

    /// The operations of one page.
    fn page(&mut self, start: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.this.clear();
        let end = start + bytes.len() as u64;
        let mut at = start;
        while at < end {
            let next = self.covers.get(self.cursor.cover).filter(|cover| cover.new < end);
            let Some(&cover) = next else {
                self.literal(&bytes[(at - start) as usize..]);
                break;
            };
            if cover.new > at {
                self.literal(&bytes[(at - start) as usize..(cover.new - start) as usize]);
                at = cover.new;
            }
            let until = end.min(cover.new + cover.len);
            self.copy(cover.old + (at - cover.new), &bytes[(at - start) as usize..(until - start) as usize])?;
            at = until;
            if until == cover.new + cover.len {
                self.cursor.cover += 1;
            }
        }
        self.flush_run();
        Ok(())
    }

    /// Bytes that are new, long stretches of zeros among them.
    fn literal(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (plain, zeros) = before_zeros(bytes);
            if plain > 0 {
                self.operation(plain, kind::LITERAL);
                self.this.literals.extend_from_slice(&bytes[..plain]);
            }
            if zeros > 0 {
                self.operation(zeros, kind::ZEROS);
            }
            bytes = &bytes[plain + zeros..];
        }
    }

    fn copy(&mut self, from: u64, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let old = &mut self.window[..bytes.len()];
        self.old.read(from, old)?;
        let is_exact = bytes.len() >= EXACT && old == bytes;
        if !is_exact {
            for (new, old) in bytes.iter().zip(&*old) {
                let difference = new.wrapping_sub(*old);
                if difference == 0 {
                    if self.run.1 > 0 {
                        varint::put(&mut self.this.runs, self.run.0);
                        varint::put(&mut self.this.runs, self.run.1);
                        self.run = (0, 0);
                    }
                    self.run.0 += 1;
                } else {
                    self.this.differences.push(difference);
                    self.run.1 += 1;
                }
            }
        }
        self.operation(bytes.len(), if is_exact { kind::EXACT } else { kind::NEAR });
        // Places are below 2^37: the difference of two has a sign.
        varint::put_signed(&mut self.this.seeks, from as i64 - self.cursor.expected as i64);
        self.cursor.expected = from + bytes.len() as u64;
        Ok(())
    }

    fn operation(&mut self, len: usize, kind: u64) {
        varint::put(&mut self.this.operations, (len as u64) << 2 | kind);
    }

    /// Runs end with their page, so that pages can be put together.
    fn flush_run(&mut self) {
        if self.run != (0, 0) {
            varint::put(&mut self.this.runs, self.run.0);
            varint::put(&mut self.this.runs, self.run.1);
            self.run = (0, 0);
        }
    }
}

/// How many bytes come before a long stretch of zeros, and how long that is.
fn before_zeros(bytes: &[u8]) -> (usize, usize) {
    if bytes.len() >= ZEROS && is_zero(bytes) {
        return (0, bytes.len());
    }
    let mut at = 0;
    while at < bytes.len() {
        // Looking at every so manieth byte finds all stretches that are long enough.
        if bytes[at] != 0 {
            at += ZEROS / 2;
            continue;
        }
        let start = bytes[..at].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let end = bytes[at..].iter().position(|byte| *byte != 0).map_or(bytes.len(), |first| at + first);
        if end - start >= ZEROS {
            return (start, end - start);
        }
        at = end;
    }
    (bytes.len(), 0)
}
