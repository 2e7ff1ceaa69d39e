//! Where each register is alive: liveness over the blocks, then ranges of positions.
//!
//! It exists to give `assign` a picture it can ask "is this machine register free all the while?". Every
//! instruction has three positions: it reads at the first, a call destroys r0–r5 at the second, it writes at
//! the third. A value read last by an instruction may thus share its register with the result.
//!
//! Neighbours: `flow` numbers the instructions, `assign` and `emit` use what is found here.

use super::flow::Flat;
use super::mir::{Dst, Kind, Val};
use crate::ir::Origin;

/// Positions an instruction takes.
pub(crate) const STEP: u32 = 3;

/// The position where instruction `i` writes.
pub(crate) fn def_at(i: u32) -> u32 {
    i * STEP + 2
}

/// The position after the last one where instruction `i` reads.
pub(crate) fn use_end(i: u32, late: bool) -> u32 {
    i * STEP + if late { 3 } else { 1 }
}

/// Where one register is alive, and what it would cost not to keep it in a machine register.
#[derive(Clone, Debug, Default)]
pub(crate) struct Range {
    /// Half-open, ascending, disjoint, not touching.
    pub(crate) segs: Vec<(u32, u32)>,
    /// Reads and writes, weighted by how often they run.
    pub(crate) uses: u32,
}

impl Range {
    pub(crate) fn len(&self) -> u32 {
        self.segs.iter().map(|(s, e)| e - s).sum()
    }

    pub(crate) fn overlaps(&self, other: &Range) -> bool {
        let (small, big) = if self.segs.len() < other.segs.len() {
            (&self.segs, &other.segs)
        } else {
            (&other.segs, &self.segs)
        };
        small.iter().any(|(s, e)| {
            let i = big.partition_point(|(_, end)| end <= s);
            big.get(i).is_some_and(|(start, _)| start < e)
        })
    }

    /// Takes in a range that does not overlap.
    pub(crate) fn absorb(&mut self, other: Range) {
        self.uses = self.uses.saturating_add(other.uses);
        for (s, e) in other.segs {
            let i = self.segs.partition_point(|(start, _)| *start < s);
            let joins_left = i > 0 && self.segs[i - 1].1 == s;
            let joins_right = i < self.segs.len() && self.segs[i].0 == e;
            match (joins_left, joins_right) {
                (true, true) => {
                    self.segs[i - 1].1 = self.segs[i].1;
                    self.segs.remove(i);
                }
                (true, false) => self.segs[i - 1].1 = e,
                (false, true) => self.segs[i].0 = s,
                (false, false) => self.segs.insert(i, (s, e)),
            }
        }
    }
}

/// A register that may be read before it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Undefined {
    pub(crate) reg: u32,
    pub(crate) origin: Origin,
}

/// How often a block runs, as a guess from its loops.
pub(crate) fn frequency(depth: u8) -> u32 {
    8u32.pow(u32::from(depth.min(5)))
}

/// Ranges of all registers. Instructions whose result turns out to be unused become `Nop`.
pub(crate) fn ranges(flat: &mut Flat) -> Result<Vec<Range>, Undefined> {
    let sets = Sets::solve(flat);
    if let Some(reg) = sets.live_in(0).next() {
        let reads = |r: u32, i: &&super::mir::Inst| {
            let mut found = false;
            i.each_use(&flat.args, |u, _| found |= u == r);
            found
        };
        let origin = flat.insts.iter().find(|i| reads(reg, i)).map_or(0, |i| i.origin);
        return Err(Undefined { reg, origin });
    }
    let mut ranges = vec![Range::default(); flat.regs as usize];
    // End of the segment being built, 0 when the register is dead at this point of the walk.
    let mut end = vec![0u32; flat.regs as usize];
    let mut open: Vec<u32> = Vec::new();
    for b in (0..flat.spans.len()).rev() {
        let span = flat.spans[b];
        let freq = frequency(span.depth);
        for s in flat.successors(b) {
            for r in sets.live_in(s) {
                if end[r as usize] == 0 {
                    end[r as usize] = span.end * STEP;
                    open.push(r);
                }
            }
        }
        for i in (span.start..span.end).rev() {
            let inst = &mut flat.insts[i as usize];
            let mut define = |dst: &mut Dst| {
                let Dst::Reg(r) = *dst else { return };
                match std::mem::take(&mut end[r as usize]) {
                    0 => *dst = Dst::None,
                    e => close(&mut ranges[r as usize], def_at(i), e, freq),
                }
            };
            if inst.kind == Kind::Entry {
                flat.params.iter_mut().for_each(define);
                continue;
            }
            define(&mut inst.dst);
            if inst.is_pure() && inst.dst == Dst::None {
                inst.kind = Kind::Nop;
                (inst.a, inst.b) = (Val::None, Val::None);
                continue;
            }
            inst.each_use(&flat.args, |r, late| {
                let e = &mut end[r as usize];
                if *e == 0 {
                    open.push(r);
                }
                *e = (*e).max(use_end(i, late));
                let uses = &mut ranges[r as usize].uses;
                *uses = uses.saturating_add(freq);
            });
        }
        for r in open.drain(..) {
            match std::mem::take(&mut end[r as usize]) {
                0 => {}
                e => close(&mut ranges[r as usize], span.start * STEP, e, 0),
            }
        }
    }
    for r in &mut ranges {
        r.segs.reverse();
    }
    Ok(ranges)
}

/// Adds a segment in front of those found so far, which are kept last first while the walk goes backward.
fn close(range: &mut Range, start: u32, end: u32, freq: u32) {
    range.uses = range.uses.saturating_add(freq);
    match range.segs.last_mut() {
        Some(last) if last.0 == end => last.0 = start,
        _ => range.segs.push((start, end)),
    }
}

/// Registers alive where each block starts. Only those that live across blocks take part.
struct Sets {
    words: usize,
    /// Register of each bit.
    names: Vec<u32>,
    ins: Vec<u64>,
}

impl Sets {
    fn live_in(&self, block: usize) -> impl Iterator<Item = u32> {
        let set = &self.ins[block * self.words..(block + 1) * self.words];
        set.iter().enumerate().flat_map(move |(w, bits)| {
            let mut bits = *bits;
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                (bits != 0).then(|| {
                    bits &= bits - 1;
                    self.names[w * 64 + bit]
                })
            })
        })
    }

    fn solve(flat: &Flat) -> Sets {
        let blocks = flat.spans.len();
        let mut bit = vec![u32::MAX; flat.regs as usize];
        let mut names = Vec::new();
        let mut reads: Vec<(usize, u32)> = Vec::new();
        let mut writes: Vec<(usize, u32)> = Vec::new();
        let mut written = vec![usize::MAX; flat.regs as usize];
        for (b, span) in flat.spans.iter().enumerate() {
            for inst in &flat.insts[span.start as usize..span.end as usize] {
                inst.each_use(&flat.args, |r, _| {
                    if written[r as usize] != b {
                        if bit[r as usize] == u32::MAX {
                            bit[r as usize] = names.len() as u32;
                            names.push(r);
                        }
                        reads.push((b, bit[r as usize]));
                    }
                });
                let params = if inst.kind == Kind::Entry { &flat.params[..] } else { &[] };
                for dst in params.iter().chain([&inst.dst]) {
                    if let Dst::Reg(r) = dst {
                        written[*r as usize] = b;
                        writes.push((b, *r));
                    }
                }
            }
        }
        let words = names.len().div_ceil(64);
        let mut ins = vec![0u64; words * blocks];
        let mut kill = vec![0u64; words * blocks];
        for (b, bit) in reads {
            ins[b * words + bit as usize / 64] |= 1 << (bit % 64);
        }
        for (b, r) in writes {
            let bit = bit[r as usize];
            if bit != u32::MAX {
                kill[b * words + bit as usize / 64] |= 1 << (bit % 64);
            }
        }
        let mut changed = words > 0;
        while changed {
            changed = false;
            for b in (0..blocks).rev() {
                for s in flat.successors(b) {
                    for w in 0..words {
                        let at = b * words + w;
                        let new = ins[at] | (ins[s * words + w] & !kill[at]);
                        changed |= new != ins[at];
                        ins[at] = new;
                    }
                }
            }
        }
        Sets { words, names, ins }
    }
}
