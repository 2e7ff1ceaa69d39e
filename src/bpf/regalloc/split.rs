//! Cutting a register that found no place for its whole life.
//!
//! Neighbours: `assign` calls it and places the pieces, `mir` says which operands can do without a register.

use super::assign::{Allocator, NEVER, Node};
use super::live::{Range, STEP, def_at, frequency, use_end};
use super::mir::{Dst, Inst, Kind, Val};

/// One instruction's dealings with the register.
#[derive(Clone, Copy)]
struct Access {
    inst: u32,
    write: bool,
}

impl Allocator {
    /// Moves the home of `id` to the stack and queues pieces: one for each stretch without calls, or, when `id`
    /// is itself a piece, one for each instruction.
    pub(crate) fn split(&mut self, id: u32) {
        self.map_regions();
        let node = &self.nodes[id as usize];
        let parent = node.piece_of.unwrap_or(id);
        let whole = node.piece_of.is_none();
        let (from, to) = node.sites;
        let mut sites = self.sites[from as usize..to as usize].to_vec();
        sites.dedup();
        let mut group: Vec<Access> = Vec::new();
        let mut group_key = None;
        for inst in sites {
            let (reads, writes) = self.accesses(inst, id);
            let (block, calls) = self.regions[inst as usize];
            for (write, _) in [(false, reads), (true, writes)].into_iter().filter(|(_, there)| *there) {
                let is_call = self.flat.insts[inst as usize].is_call();
                let key = if whole { (block, calls + u32::from(write && is_call)) } else { (inst, 0) };
                if group_key != Some(key) {
                    self.piece(id, parent, &group);
                    group.clear();
                    group_key = Some(key);
                }
                group.push(Access { inst, write });
            }
        }
        self.piece(id, parent, &group);
    }

    /// Whether `inst` reads and writes `id`.
    fn accesses(&self, inst: u32, id: u32) -> (bool, bool) {
        let i = &self.flat.insts[inst as usize];
        let mut reads = false;
        i.each_use(&self.flat.args, |r, _| reads |= r == id);
        let writes =
            i.dst == Dst::Reg(id) || (i.kind == Kind::Entry && self.flat.params.contains(&Dst::Reg(id)));
        (reads, writes)
    }

    /// Makes one piece of `id` for a group of accesses that follow each other without a call in between.
    fn piece(&mut self, id: u32, parent: u32, group: &[Access]) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
        let remade = self.nodes[parent as usize].remade;
        if remade.is_none() {
            self.homes.push(parent);
        } else if first.write {
            // The one definition of a value that is remade where it is read.
            let inst = &mut self.flat.insts[first.inst as usize];
            *inst = Inst::new(Kind::Nop, Dst::None, Val::None, Val::None, inst.origin);
            return self.piece(id, parent, &group[1..]);
        }
        let home = remade.unwrap_or(Val::Spill(parent));
        if group.len() == 1 && self.fold(*first, id, home) {
            return;
        }
        let new = self.nodes.len() as u32;
        let start = if first.write { def_at(first.inst) } else { first.inst * STEP };
        let mut end = start;
        let mut uses = 0u32;
        for access in group {
            let (block, _) = self.regions[access.inst as usize];
            uses = uses.saturating_add(frequency(self.flat.spans[block as usize].depth));
            let access_end = if access.write {
                def_at(access.inst) + 1
            } else {
                let mut end = 0;
                self.flat.insts[access.inst as usize].each_use(&self.flat.args, |r, late| {
                    if r == id {
                        end = end.max(use_end(access.inst, late));
                    }
                });
                end
            };
            end = end.max(access_end);
        }
        for access in group {
            self.rename(*access, id, new);
        }
        let mut node = Node::piece(Range { segs: vec![(start, end)], uses }, parent);
        // What concerns one instruction only cannot be cut further.
        if first.inst == last.inst {
            node.weight = f32::INFINITY;
        }
        node.load_at = if first.write { NEVER } else { first.inst };
        let at = self.sites.len() as u32;
        self.sites.extend(group.iter().map(|a| a.inst));
        node.sites = (at, self.sites.len() as u32);
        self.nodes.push(node);
        self.enqueue(new);
    }

    /// Lets the instruction use the home itself, where it can.
    fn fold(&mut self, access: Access, id: u32, home: Val) -> bool {
        let inst = &mut self.flat.insts[access.inst as usize];
        if access.write {
            let Val::Spill(home) = home else { return false };
            let dst = if inst.kind == Kind::Entry {
                self.flat.params.iter_mut().find(|p| **p == Dst::Reg(id))
            } else {
                inst.dst_folds().then_some(&mut inst.dst)
            };
            return dst.map(|d| *d = Dst::Spill(home)).is_some();
        }
        let name = Val::Reg(id);
        if inst.b == name || (inst.a == name && !inst.a_folds()) {
            return false;
        }
        if inst.a == name {
            inst.a = home;
        }
        let range = inst.arg_range();
        self.flat.args[range].iter_mut().filter(|a| **a == name).for_each(|a| *a = home);
        true
    }

    fn rename(&mut self, access: Access, id: u32, new: u32) {
        let inst = &mut self.flat.insts[access.inst as usize];
        if access.write {
            if inst.kind == Kind::Entry {
                self.flat.params.iter_mut().filter(|p| **p == Dst::Reg(id)).for_each(|p| *p = Dst::Reg(new));
            } else {
                inst.dst = Dst::Reg(new);
            }
            return;
        }
        let range = inst.arg_range();
        for val in [&mut inst.a, &mut inst.b].into_iter().chain(&mut self.flat.args[range]) {
            if *val == Val::Reg(id) {
                *val = Val::Reg(new);
            }
        }
    }
}
