//! Registers that are copies of each other and never alive together become one.
//!
//! It exists because the front end writes `t = v + 1; v = t` and the machine wants `v += 1`. Neighbours: `live`
//! gives the ranges, `assign` places what is left.

use super::flow::Flat;
use super::live::Range;
use super::mir::{Dst, Inst, Kind, Val};

/// Merges registers and renames them in `flat`; the ranges of those merged away are left empty.
/// `across` tells whether a range lives across a call.
pub(crate) fn coalesce(flat: &mut Flat, ranges: &mut [Range], across: impl Fn(&Range) -> bool) {
    let mut across: Vec<bool> = ranges.iter().map(across).collect();
    let mut ties: Vec<(u8, bool, u32, u32)> = Vec::new();
    for span in &flat.spans {
        for inst in &flat.insts[span.start as usize..span.end as usize] {
            if let Some((d, a)) = inst.tie() {
                ties.push((span.depth, inst.kind == Kind::Mov, d, a));
            }
        }
    }
    // Inner loops first, there copies before operations.
    edgekit_core::sort::by_key(&mut ties, |(depth, copy, ..)| std::cmp::Reverse((*depth, *copy)));
    let mut names: Vec<u32> = (0..flat.regs).collect();
    for (_, copy, d, a) in ties {
        let (d, a) = (find(&mut names, d), find(&mut names, a));
        if d == a {
            continue;
        }
        let (rd, ra) = (&ranges[d as usize], &ranges[a as usize]);
        // Operands of an operation are only kept together when they compete for the same registers.
        if (!copy && across[d as usize] != across[a as usize]) || rd.overlaps(ra) {
            continue;
        }
        let (keep, gone) = if rd.segs.len() >= ra.segs.len() { (d, a) } else { (a, d) };
        let gone_range = std::mem::take(&mut ranges[gone as usize]);
        ranges[keep as usize].absorb(gone_range);
        across[keep as usize] |= across[gone as usize];
        names[gone as usize] = keep;
    }
    let mut name = |r: &mut u32| *r = find(&mut names, *r);
    for inst in &mut flat.insts {
        rename(inst, &mut name);
    }
    for arg in &mut flat.args {
        if let Val::Reg(r) = arg {
            name(r);
        }
    }
    for param in &mut flat.params {
        if let Dst::Reg(r) = param {
            name(r);
        }
    }
}

fn rename(inst: &mut Inst, name: &mut impl FnMut(&mut u32)) {
    if let Dst::Reg(r) = &mut inst.dst {
        name(r);
    }
    for val in [&mut inst.a, &mut inst.b] {
        if let Val::Reg(r) = val {
            name(r);
        }
    }
    if inst.kind == Kind::Mov && inst.tie().is_some_and(|(d, a)| d == a) {
        inst.kind = Kind::Nop;
        (inst.dst, inst.a) = (Dst::None, Val::None);
    }
}

fn find(names: &mut [u32], mut r: u32) -> u32 {
    while names[r as usize] != r {
        let up = names[names[r as usize] as usize];
        names[r as usize] = up;
        r = up;
    }
    r
}
