//! Which parts of the new image are in the old one, exactly or nearly: the covers.
//!
//! A cover is a stretch of the new image and a place of the old one that most of its bytes equal; what differs is
//! stored as a difference, which is mostly zeros. Programs that were built again are like that: the code is the
//! same, the addresses in it have moved.
//!
//! The search goes through the new image once. While the bytes equal those at the alignment of the last cover
//! nothing else is looked at, so long runs cost what comparing them costs. Where they stop being equal, the seeds
//! name other places; one is taken if it is better than going on as before by more than a cover costs. Two
//! neighbouring covers are then grown towards each other as long as more than half of the bytes are equal
//! (as in C. Percival, "Naive differences of executable code", 2003), and meet where that is best.
//!
//! Neighbours: `seeds` finds places, `encode` writes covers down.

use super::seeds::{SEED, Seeds};

/// A stretch of the new image that is like one of the old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cover {
    /// Where in the new image.
    pub(crate) new: u64,
    /// Where in the old one.
    pub(crate) old: u64,
    /// Bytes.
    pub(crate) len: u64,
}

/// Equal bytes that a new alignment must bring beyond the old one.
const GAIN: usize = 10;
/// Equal bytes after which the alignment of the last cover is followed without a search.
const FOLLOW: usize = 8;
/// Bytes compared of a candidate: enough to choose by.
const LOOK: usize = 1 << 16;
/// Growing ends when this many more bytes differ than at the best place.
const PATIENCE: usize = 1 << 12;

/// An exact match, the kernel of a cover.
#[derive(Clone, Copy)]
struct Kernel {
    new: usize,
    old: usize,
    len: usize,
}

/// The covers of `new`, in order and apart from each other.
///
/// `progress` is told how many bytes of `new` were gone through.
pub(crate) fn covers(old: &[u8], new: &[u8], seeds: &Seeds, progress: &mut dyn FnMut(u64)) -> Vec<Cover> {
    let mut covers = Covers { old, new, done: 0, open: None, list: Vec::new() };
    let mut at = 0;
    let mut told = 0;
    while at < new.len() {
        if at - told >= 1 << 20 {
            progress((at - told) as u64);
            told = at;
        }
        if let Some(open) = covers.open {
            let same = equal(&new[at..], tail(old, open.old + (at - open.new)));
            if same >= FOLLOW {
                covers.follow(at, same);
                at += same;
                continue;
            }
        }
        match covers.better(seeds, at) {
            Some(kernel) => {
                at = kernel.new + kernel.len;
                covers.begin(kernel);
            }
            None => at += 1,
        }
    }
    covers.end(new.len());
    progress((new.len() - told) as u64);
    covers.list
}

struct Covers<'a> {
    old: &'a [u8],
    new: &'a [u8],
    /// Up to here the covers are fixed.
    done: usize,
    /// The last one, which may still grow: its `len` ends at the last stretch of equal bytes.
    open: Option<Kernel>,
    list: Vec<Cover>,
}

impl Covers<'_> {
    /// The longest match at `at`, if it is worth more than the alignment there is.
    fn better(&self, seeds: &Seeds, at: usize) -> Option<Kernel> {
        let mut best = Kernel { new: at, old: 0, len: 0 };
        seeds.each(self.new, at, |old| {
            // Most candidates end where the best one goes on.
            if self.old.get(old + best.len) != self.new.get(at + best.len) {
                return;
            }
            let end = self.new.len().min(at + LOOK);
            let len = equal(&self.new[at..end], tail(self.old, old));
            if len > best.len {
                best = Kernel { new: at, old, len };
            }
        });
        if best.len < SEED {
            return None;
        }
        let before = self
            .open
            .map_or(0, |open| same(&self.new[at..at + best.len], tail(self.old, open.old + (at - open.new))));
        if best.len <= before + GAIN {
            return None;
        }
        best.len = equal(&self.new[at..], tail(self.old, best.old));
        Some(best)
    }

    /// The alignment goes on at `at`; where what lies between is too different, as a cover of its own.
    fn follow(&mut self, at: usize, len: usize) {
        let Some(open) = &mut self.open else { return };
        let end = open.new + open.len;
        let between = at - end;
        let there = open.old + (at - open.new);
        if between > 64 && 2 * same(&self.new[end..at], tail(self.old, open.old + open.len)) < between {
            self.begin(Kernel { new: at, old: there, len });
        } else {
            open.len = at + len - open.new;
        }
    }

    /// A new alignment begins: the covers before and after are grown until they meet.
    fn begin(&mut self, kernel: Kernel) {
        let ahead = match self.open {
            Some(open) => self.grow_on(open, kernel.new),
            None => 0,
        };
        let floor = self.open.map_or(self.done, |open| open.new + open.len);
        let back = self.grow_back(kernel, floor);
        let (mut ahead, mut back) = (ahead, back);
        if let Some(open) = self.open {
            let end = open.new + open.len;
            let over = (end + ahead).saturating_sub(kernel.new - back);
            if over > 0 {
                let cut = self.meet(open, kernel, kernel.new - back, over);
                ahead = ahead - over + cut;
                back -= cut;
            }
        }
        self.close(ahead);
        self.open = Some(Kernel { new: kernel.new - back, old: kernel.old - back, len: kernel.len + back });
    }

    fn end(&mut self, len: usize) {
        let ahead = self.open.map_or(0, |open| self.grow_on(open, len));
        self.close(ahead);
    }

    /// The open cover is written down, `ahead` bytes longer.
    fn close(&mut self, ahead: usize) {
        let Some(open) = self.open.take() else { return };
        let len = open.len + ahead;
        self.done = open.new + len;
        self.list.push(Cover { new: open.new as u64, old: open.old as u64, len: len as u64 });
    }

    /// How far the open cover goes on with more equal bytes than others, at most to `limit`.
    fn grow_on(&self, open: Kernel, limit: usize) -> usize {
        let new = &self.new[open.new + open.len..limit];
        let old = tail(self.old, open.old + open.len);
        longest(new.iter().zip(old))
    }

    /// The same backwards from a kernel, at most to `floor`.
    fn grow_back(&self, kernel: Kernel, floor: usize) -> usize {
        let new = &self.new[floor..kernel.new];
        let old = &self.old[..kernel.old];
        longest(new.iter().rev().zip(old.iter().rev()))
    }

    /// Where in `over` bytes from `from` on the first cover should end and the second begin.
    fn meet(&self, first: Kernel, second: Kernel, from: usize, over: usize) -> usize {
        let (mut score, mut best, mut cut) = (0_isize, 0, 0);
        for step in 0..over {
            let at = from + step;
            let byte = self.new[at];
            score += isize::from(self.old.get(first.old + (at - first.new)) == Some(&byte));
            score -= isize::from(self.old[second.old - (second.new - at)] == byte);
            if score > best {
                (best, cut) = (score, step + 1);
            }
        }
        cut
    }
}

/// The length at which equal bytes outnumber the others most.
fn longest<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    let (mut score, mut best, mut length) = (0_isize, 0, 0);
    for (step, (new, old)) in pairs.enumerate() {
        score += if new == old { 1 } else { -1 };
        if score > best {
            (best, length) = (score, step + 1);
        }
        if score + (PATIENCE as isize) < best {
            break;
        }
    }
    length
}

/// How many bytes are equal from the front.
fn equal(a: &[u8], b: &[u8]) -> usize {
    let (mut words, mut others) = (a.chunks_exact(16), b.chunks_exact(16));
    let mut len = 0;
    for (a, b) in words.by_ref().zip(others.by_ref()) {
        if a != b {
            break;
        }
        len += 16;
    }
    len + a[len..].iter().zip(&b[len..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes are equal in all.
fn same(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a == b).count()
}

fn tail(bytes: &[u8], from: usize) -> &[u8] {
    bytes.get(from..).unwrap_or_default()
}
