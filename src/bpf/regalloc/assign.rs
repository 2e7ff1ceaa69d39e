//! Places: a machine register for each register, or a home on the stack.
//!
//! The hottest ranges choose first. A range that finds no register free all the while takes one from colder
//! ranges, or is cut: its home moves to the stack and each stretch of a block between two calls gets a piece of
//! its own, loaded once and kept in a register; a piece that still finds none is cut down to single
//! instructions, which always fit. Values that can be remade (map pointers, large constants) are remade instead
//! of being stored. Neighbours: `live` and `coalesce` before, `split` does the cutting, `emit` after.

use std::collections::BinaryHeap;

use super::flow::Flat;
use super::live::{Range, STEP, frequency};
use super::mir::{Dst, Kind, Val};

/// r0–r9.
const ALL: u16 = 0x3ff;
/// What a call destroys: r0–r5.
const CALL_CLOBBERED: u16 = 0x3f;
/// First choice when nothing is preferred: away from the argument registers, then the preserved ones.
const ORDER: [u8; 10] = [0, 5, 4, 3, 2, 1, 6, 7, 8, 9];
const NOWHERE: u8 = u8::MAX;
pub(crate) const NEVER: u32 = u32::MAX;
/// Positions to a bucket of the index of who holds what.
const BUCKET: u32 = 128;

/// A register with its range and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) range: Range,
    pub(crate) weight: f32,
    /// Machine registers no call destroys meanwhile.
    allowed: u16,
    /// Worth of being in r0–r5, from calls and returns.
    prefer: [u32; 6],
    place: u8,
    /// How to get the value back without having stored it.
    pub(crate) remade: Option<Val>,
    /// Instructions that name it: a stretch of the allocator's pool.
    pub(crate) sites: (u32, u32),
    /// The register this is a piece of.
    pub(crate) piece_of: Option<u32>,
    /// The instruction before which a piece is loaded.
    pub(crate) load_at: u32,
}

pub(crate) struct Allocator {
    pub(crate) flat: Flat,
    pub(crate) nodes: Vec<Node>,
    pub(crate) sites: Vec<u32>,
    /// Registers taken, by position.
    taken: Vec<u16>,
    /// By machine register, by bucket of positions: the nodes placed there.
    holders: Vec<Vec<u32>>,
    buckets: usize,
    queue: BinaryHeap<Ticket>,
    /// Block of each instruction and calls before it, made at the first cut.
    pub(crate) regions: Vec<(u32, u32)>,
    /// Registers with a home on the stack.
    pub(crate) homes: Vec<u32>,
}

/// What remains for `emit` to print.
pub(crate) struct Placed {
    pub(crate) flat: Flat,
    nodes: Vec<Node>,
    home_slot: Vec<u32>,
    /// 8-byte homes on the stack.
    pub(crate) homes: u32,
}

impl Placed {
    /// The machine register of `r`.
    pub(crate) fn place(&self, r: u32) -> u8 {
        self.nodes[r as usize].place
    }

    /// Where a piece comes from: the value to load and the instruction before which to load it.
    pub(crate) fn load(&self, r: u32) -> Option<(u32, Val)> {
        let node = &self.nodes[r as usize];
        let parent = node.piece_of?;
        let from = self.nodes[parent as usize].remade.unwrap_or(Val::Spill(parent));
        (node.load_at != NEVER).then_some((node.load_at, from))
    }

    /// The home a piece must be written back to when it is written.
    pub(crate) fn write_back(&self, r: u32) -> Option<u32> {
        self.nodes[r as usize].piece_of
    }

    /// Number of the stack home of `r`.
    pub(crate) fn home(&self, r: u32) -> u32 {
        self.home_slot[r as usize]
    }
}

#[derive(PartialEq)]
struct Ticket {
    weight: f32,
    node: u32,
}

impl Eq for Ticket {}

impl Ord for Ticket {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.weight.total_cmp(&other.weight).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Ticket {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Which positions lie between the reads and the write of a call.
pub(crate) fn clobbers(flat: &Flat) -> Vec<u16> {
    let mut taken = vec![0u16; flat.insts.len() * STEP as usize];
    for (i, inst) in flat.insts.iter().enumerate() {
        if inst.is_call() {
            taken[i * STEP as usize + 1] = CALL_CLOBBERED;
        }
    }
    taken
}

/// Registers taken at some position of `range`.
pub(crate) fn taken_in(taken: &[u16], range: &Range) -> u16 {
    range.segs.iter().flat_map(|(s, e)| &taken[*s as usize..*e as usize]).fold(0, |all, t| all | t)
}

/// Gives every register of `flat` a place.
pub(crate) fn assign(flat: Flat, ranges: Vec<Range>, taken: Vec<u16>) -> Placed {
    let buckets = taken.len().div_ceil(BUCKET as usize);
    let mut nodes: Vec<Node> = ranges
        .into_iter()
        .map(|range| {
            let allowed = ALL & !taken_in(&taken, &range);
            let weight = weight(&range);
            Node { weight, ..Node::new(range, allowed) }
        })
        .collect();
    preferences(&flat, &mut nodes);
    let sites = index_sites(&flat, &mut nodes);
    find_remade(&flat, &mut nodes);
    let queue = (0u32..)
        .zip(&nodes)
        .filter(|(_, n)| !n.range.segs.is_empty())
        .map(|(node, n)| Ticket { weight: n.weight, node })
        .collect();
    let mut a = Allocator {
        flat,
        nodes,
        sites,
        taken,
        holders: vec![Vec::new(); buckets * 10],
        buckets,
        queue,
        regions: Vec::new(),
        homes: Vec::new(),
    };
    while let Some(Ticket { node, .. }) = a.queue.pop() {
        if !a.place(node) && !a.evict_for(node) {
            a.split(node);
        }
    }
    let (home_slot, homes) = a.colour_homes();
    Placed { flat: a.flat, nodes: a.nodes, home_slot, homes }
}

/// The cost of not being in a register, per position held. What is too short to cut must have one.
pub(crate) fn weight(range: &Range) -> f32 {
    match range.len() {
        0..=4 => f32::INFINITY,
        len => range.uses as f32 / len as f32,
    }
}

impl Node {
    pub(crate) fn new(range: Range, allowed: u16) -> Node {
        Node {
            range,
            weight: 0.0,
            allowed,
            prefer: [0; 6],
            place: NOWHERE,
            remade: None,
            sites: (0, 0),
            piece_of: None,
            load_at: NEVER,
        }
    }

    /// A piece of `parent`; it lives between calls, so that any register will do.
    pub(crate) fn piece(range: Range, parent: u32) -> Node {
        Node { weight: weight(&range), piece_of: Some(parent), ..Node::new(range, ALL) }
    }
}

/// Notes which registers are passed, returned and received in r0–r5.
fn preferences(flat: &Flat, nodes: &mut [Node]) {
    let mut prefer = |r: u32, place: usize, freq: u32| {
        let p = &mut nodes[r as usize].prefer[place];
        *p = p.saturating_add(freq);
    };
    for span in &flat.spans {
        let freq = frequency(span.depth);
        for inst in &flat.insts[span.start as usize..span.end as usize] {
            match (inst.kind, inst.dst, inst.a) {
                (Kind::Call { .. }, dst, _) => {
                    for (i, arg) in flat.args[inst.arg_range()].iter().enumerate() {
                        if let Val::Reg(r) = arg {
                            prefer(*r, i + 1, freq);
                        }
                    }
                    if let Dst::Reg(d) = dst {
                        prefer(d, 0, freq);
                    }
                }
                (Kind::Return, _, Val::Reg(r)) => prefer(r, 0, freq),
                (Kind::Entry, ..) => {
                    for (i, param) in flat.params.iter().enumerate() {
                        if let Dst::Reg(r) = param {
                            prefer(*r, i + 1, freq);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// Calls `f` with the registers an instruction names, read or written.
fn each_name(flat: &Flat, i: usize, mut f: impl FnMut(u32)) {
    let inst = &flat.insts[i];
    inst.each_use(&flat.args, |r, _| f(r));
    let params = if inst.kind == Kind::Entry { &flat.params[..] } else { &[] };
    for dst in params.iter().chain([&inst.dst]) {
        if let Dst::Reg(r) = dst {
            f(*r);
        }
    }
}

/// The instructions that name each register, in order, one run after another.
fn index_sites(flat: &Flat, nodes: &mut [Node]) -> Vec<u32> {
    for i in 0..flat.insts.len() {
        each_name(flat, i, |r| nodes[r as usize].sites.1 += 1);
    }
    let mut total = 0;
    for node in nodes.iter_mut() {
        let count = std::mem::replace(&mut node.sites.1, total);
        node.sites.0 = total;
        total += count;
    }
    let mut sites = vec![0; total as usize];
    for i in 0..flat.insts.len() {
        each_name(flat, i, |r| {
            let end = &mut nodes[r as usize].sites.1;
            sites[*end as usize] = i as u32;
            *end += 1;
        });
    }
    sites
}

/// Finds registers whose only definition is a value that can be remade, and makes them cheaper to cut.
fn find_remade(flat: &Flat, nodes: &mut [Node]) {
    let mut defs = vec![0u8; nodes.len()];
    let written = flat.insts.iter().map(|i| &i.dst).chain(&flat.params);
    for dst in written {
        if let Dst::Reg(r) = dst {
            defs[*r as usize] = defs[*r as usize].saturating_add(1);
        }
    }
    for inst in &flat.insts {
        if let (Kind::Mov, Dst::Reg(r)) = (inst.kind, inst.dst)
            && defs[r as usize] == 1
            && !matches!(inst.a, Val::Reg(_))
        {
            let node = &mut nodes[r as usize];
            node.remade = Some(inst.a);
            node.weight /= 2.0;
        }
    }
}

impl Allocator {
    pub(crate) fn enqueue(&mut self, node: u32) {
        self.queue.push(Ticket { weight: self.nodes[node as usize].weight, node });
    }

    /// Takes the best machine register that is free for the whole range.
    fn place(&mut self, id: u32) -> bool {
        let node = &self.nodes[id as usize];
        let free = node.allowed & !taken_in(&self.taken, &node.range);
        if free == 0 {
            return false;
        }
        let liked = (0u8..6).filter(|r| free >> r & 1 == 1 && node.prefer[usize::from(*r)] > 0);
        let liked = liked.max_by_key(|r| node.prefer[usize::from(*r)]);
        match liked.or_else(|| ORDER.into_iter().find(|r| free >> r & 1 == 1)) {
            Some(r) => self.take(id, r),
            None => return false,
        }
        true
    }

    fn take(&mut self, id: u32, r: u8) {
        self.nodes[id as usize].place = r;
        for (s, e) in &self.nodes[id as usize].range.segs {
            self.taken[*s as usize..*e as usize].iter_mut().for_each(|t| *t |= 1 << r);
            for bucket in s / BUCKET..=(e - 1) / BUCKET {
                let holders = &mut self.holders[usize::from(r) * self.buckets + bucket as usize];
                if holders.last() != Some(&id) {
                    holders.push(id);
                }
            }
        }
    }

    fn release(&mut self, id: u32) {
        let r = std::mem::replace(&mut self.nodes[id as usize].place, NOWHERE);
        for (s, e) in &self.nodes[id as usize].range.segs {
            self.taken[*s as usize..*e as usize].iter_mut().for_each(|t| *t &= !(1 << r));
            for bucket in s / BUCKET..=(e - 1) / BUCKET {
                self.holders[usize::from(r) * self.buckets + bucket as usize].retain(|h| *h != id);
            }
        }
    }

    /// Makes room for a node where only colder ones are in the way, the least warm of such places.
    fn evict_for(&mut self, id: u32) -> bool {
        let node = &self.nodes[id as usize];
        let allowed = node.allowed;
        let mut best: Option<(f32, u8)> = None;
        for r in (0u8..10).filter(|r| allowed >> r & 1 == 1) {
            if let Some(heat) = self.heat(id, r)
                && best.is_none_or(|(h, _)| heat < h)
            {
                best = Some((heat, r));
            }
        }
        let Some((_, r)) = best else { return false };
        for other in self.in_the_way(id, r) {
            self.release(other);
            self.enqueue(other);
        }
        self.take(id, r);
        true
    }

    /// Weight of the warmest node that holds `r` meanwhile, if all are colder than `id`.
    fn heat(&self, id: u32, r: u8) -> Option<f32> {
        let node = &self.nodes[id as usize];
        let mut heat = 0.0f32;
        for (s, e) in &node.range.segs {
            for bucket in s / BUCKET..=(e - 1) / BUCKET {
                for h in &self.holders[usize::from(r) * self.buckets + bucket as usize] {
                    let other = &self.nodes[*h as usize];
                    if other.range.overlaps(&node.range) {
                        if other.weight >= node.weight {
                            return None;
                        }
                        heat = heat.max(other.weight);
                    }
                }
            }
        }
        Some(heat)
    }

    fn in_the_way(&self, id: u32, r: u8) -> Vec<u32> {
        let node = &self.nodes[id as usize];
        let mut found = Vec::new();
        for (s, e) in &node.range.segs {
            for bucket in s / BUCKET..=(e - 1) / BUCKET {
                found.extend(
                    self.holders[usize::from(r) * self.buckets + bucket as usize]
                        .iter()
                        .filter(|h| self.nodes[**h as usize].range.overlaps(&node.range)),
                );
            }
        }
        edgekit_core::sort::natural(&mut found);
        found.dedup();
        found
    }

    /// Gives homes that are never in use together the same eight bytes of stack.
    fn colour_homes(&mut self) -> (Vec<u32>, u32) {
        let mut slot = vec![0; self.nodes.len()];
        let mut total = 0;
        if self.homes.is_empty() {
            return (slot, total);
        }
        let mut used = vec![0u64; self.flat.insts.len() * STEP as usize];
        edgekit_core::sort::natural(&mut self.homes);
        self.homes.dedup();
        for &home in &self.homes {
            let segs = &self.nodes[home as usize].range.segs;
            let busy =
                segs.iter().flat_map(|(s, e)| &used[*s as usize..*e as usize]).fold(0, |all, u| all | u);
            let free = busy.trailing_ones();
            // A frame has 64 such places at most: what finds none only adds to the size that is refused.
            if free < 64 {
                for (s, e) in segs {
                    used[*s as usize..*e as usize].iter_mut().for_each(|u| *u |= 1 << free);
                }
                slot[home as usize] = free;
                total = total.max(free + 1);
            } else {
                slot[home as usize] = total.max(64);
                total = total.max(64) + 1;
            }
        }
        (slot, total)
    }

    /// The regions of all instructions, made on first need: cuts are rare.
    pub(crate) fn map_regions(&mut self) {
        if !self.regions.is_empty() {
            return;
        }
        self.regions.reserve(self.flat.insts.len());
        let mut calls = 0;
        for (b, span) in (0u32..).zip(&self.flat.spans) {
            for inst in &self.flat.insts[span.start as usize..span.end as usize] {
                self.regions.push((b, calls));
                calls += u32::from(inst.is_call());
            }
        }
    }
}
