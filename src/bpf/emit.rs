//! From a program in the low-level form to the words the kernel loads.
//!
//! It exists as the one door to everything behind it: `opt` folds, `regalloc` places, and here each instruction
//! is printed with its moves, its loads from stack homes and its jumps. Map descriptors are not known yet when a
//! program is compiled; [`Code::link`] fills them in. Neighbours: `insn` encodes, `prog` loads the result,
//! `disasm` shows it.
//!
//! Stack frame: the slots the function really uses, largest addresses first, then the homes of registers. The
//! kernel allows 512 bytes to the entry and the callbacks it leads to, together.

use std::collections::VecDeque;
use std::os::fd::RawFd;

use crate::insn::{Insn, Operand, R, Wide, with_imm, with_off};
use crate::ir::{Alu, Cond, Func, FuncRef, MapRef, Origin, Program, Width};
use crate::opt;
use crate::regalloc::allocate;
use crate::regalloc::assign::Placed;
use crate::regalloc::mir::{Dst, Inst, Kind, Val};

/// Bytes of stack a chain of functions may use.
pub const STACK_LIMIT: u32 = 512;

/// Why a program has no bytecode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    #[error("stack of {needed} bytes needed in \"{func}\" and the functions it leads to, {limit} allowed")]
    Stack { func: String, needed: u32, limit: u32 },
    /// A front end's slip: on some path to `origin` nothing was written to `reg` yet.
    #[error("register {reg} of \"{func}\" may be read before it is written")]
    Undefined { func: String, reg: u32, origin: Origin },
    #[error("\"{func}\" is too long: a jump over more than 32767 instructions")]
    TooFar { func: String, origin: Origin },
    #[error("malformed function \"{func}\": {what}")]
    Malformed { func: String, what: String },
}

/// A place where a map is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapReloc {
    /// Index of the first of the two words.
    pub word: usize,
    pub map: MapRef,
    /// For the address of a value: byte in the first value of the map.
    pub value_off: Option<u32>,
}

/// Compiled functions, the entry first, each reachable from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Code {
    /// Instruction words; maps are not filled in.
    pub insns: Vec<u64>,
    /// Name and first word of each function.
    pub funcs: Vec<(String, usize)>,
    pub map_relocs: Vec<MapReloc>,
    /// Where each word came from.
    pub origins: Vec<Origin>,
    /// Bytes of stack of each function.
    pub stack: Vec<u32>,
}

impl Code {
    /// The words with the descriptors of the maps in them.
    pub fn link(&self, map_fds: impl Fn(MapRef) -> RawFd) -> Vec<u64> {
        let mut insns = self.insns.clone();
        for reloc in &self.map_relocs {
            insns[reloc.word] = with_imm(insns[reloc.word], map_fds(reloc.map));
        }
        insns
    }
}

/// Compiles `program`.
pub fn emit(program: &Program) -> Result<Code, EmitError> {
    let mut code = Code::default();
    let mut graph: Vec<Vec<usize>> = Vec::new();
    // Number of each function in `code`, given when it is first named.
    let mut number: Vec<Option<usize>> = vec![None; program.funcs.len()];
    let mut queue = VecDeque::new();
    if let Some(entry) = number.first_mut() {
        *entry = Some(0);
        queue.push_back(0);
    }
    let mut named = 1;
    let mut func_relocs = Vec::new();
    while let Some(f) = queue.pop_front() {
        let func: &Func = &program.funcs[f];
        let start = code.insns.len();
        let mut printer = Printer::new(func, &mut code)?;
        printer.print()?;
        let stack = printer.frame;
        let mut leads_to = Vec::new();
        for (word, FuncRef(callee)) in printer.func_relocs {
            let Some(slot) = number.get_mut(callee as usize) else {
                let what = format!("it names function {callee}, there are {}", program.funcs.len());
                return Err(EmitError::Malformed { func: func.name.clone(), what });
            };
            let n = *slot.get_or_insert_with(|| {
                queue.push_back(callee as usize);
                named += 1;
                named - 1
            });
            func_relocs.push((word, n));
            leads_to.push(n);
        }
        code.funcs.push((func.name.clone(), start));
        code.stack.push(stack);
        graph.push(leads_to);
    }
    for (word, n) in func_relocs {
        let rel = code.funcs[n].1 as i64 - word as i64 - 1;
        code.insns[word] = with_imm(code.insns[word], rel as i32);
    }
    check_stack(&code, &graph)?;
    Ok(code)
}

/// The verifier adds up the frames along each chain of calls, each rounded up to 32 bytes.
fn check_stack(code: &Code, graph: &[Vec<usize>]) -> Result<(), EmitError> {
    let Some((name, _)) = code.funcs.first() else { return Ok(()) };
    let own = |f: usize| code.stack[f].max(1).next_multiple_of(32);
    // Longest chain by relaxation; a cycle would go on growing and is refused when it passes the limit.
    let mut sum: Vec<u32> = (0..graph.len()).map(own).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for f in (0..graph.len()).rev() {
            let deep = graph[f].iter().map(|c| sum[*c]).max().unwrap_or(0).saturating_add(own(f));
            if deep > sum[f] {
                sum[f] = deep;
                changed = true;
            }
            if sum[f] > STACK_LIMIT {
                return Err(EmitError::Stack { func: name.clone(), needed: sum[f], limit: STACK_LIMIT });
            }
        }
    }
    Ok(())
}

/// A jump whose target has no address yet.
struct Fixup {
    word: usize,
    block: u32,
}

struct Printer<'a> {
    func: &'a Func,
    code: &'a mut Code,
    placed: Placed,
    frame: u32,
    /// Offset from the frame pointer of each slot in use.
    slots: Vec<i32>,
    homes_at: i32,
    fixups: Vec<Fixup>,
    func_relocs: Vec<(usize, FuncRef)>,
    origin: Origin,
}

impl<'a> Printer<'a> {
    fn new(func: &'a Func, code: &'a mut Code) -> Result<Self, EmitError> {
        let body = opt::lower(func)?;
        let placed = allocate(body).map_err(|u| EmitError::Undefined {
            func: func.name.clone(),
            reg: u.reg,
            origin: u.origin,
        })?;
        let mut used = vec![false; func.slots.len()];
        let insts = placed.flat.insts.iter().flat_map(|i| [&i.a, &i.b]);
        for val in insts.chain(&placed.flat.args) {
            if let Val::Slot(s, _) = val {
                used[*s as usize] = true;
            }
        }
        let mut frame = 0u32;
        let mut slots = vec![0; func.slots.len()];
        for (i, _) in used.iter().enumerate().filter(|(_, used)| **used) {
            let size = func.slots[i].checked_next_multiple_of(8).unwrap_or(u32::MAX);
            frame = frame.saturating_add(size);
            slots[i] = -i32::try_from(frame).unwrap_or(i32::MAX);
        }
        let homes_at = slots.iter().copied().min().unwrap_or(0);
        frame = frame.saturating_add(placed.homes.saturating_mul(8));
        if frame > STACK_LIMIT {
            return Err(EmitError::Stack { func: func.name.clone(), needed: frame, limit: STACK_LIMIT });
        }
        Ok(Printer {
            func,
            code,
            placed,
            frame,
            slots,
            homes_at,
            fixups: Vec::new(),
            func_relocs: Vec::new(),
            origin: 0,
        })
    }

    fn print(&mut self) -> Result<(), EmitError> {
        let mut starts = Vec::with_capacity(self.placed.flat.spans.len());
        for b in 0..self.placed.flat.spans.len() {
            starts.push(self.code.insns.len());
            let span = self.placed.flat.spans[b];
            for i in span.start..span.end {
                let inst = self.placed.flat.insts[i as usize];
                self.origin = inst.origin;
                self.load_pieces(i, &inst);
                self.inst(&inst, b as u32 + 1)?;
                self.store_pieces(&inst);
            }
        }
        for fixup in &self.fixups {
            let off = starts[fixup.block as usize] as i64 - fixup.word as i64 - 1;
            let off = i16::try_from(off).map_err(|_| EmitError::TooFar {
                func: self.func.name.clone(),
                origin: self.code.origins[fixup.word],
            })?;
            self.code.insns[fixup.word] = with_off(self.code.insns[fixup.word], off);
        }
        Ok(())
    }

    fn out(&mut self, insn: Insn) {
        insn.encode(&mut self.code.insns);
        self.code.origins.resize(self.code.insns.len(), self.origin);
    }

    /// Loads the pieces that start with instruction `i`.
    fn load_pieces(&mut self, i: u32, inst: &Inst) {
        let mut loads: [Option<(u8, Val)>; 7] = [None; 7];
        let mut n = 0;
        inst.each_use(&self.placed.flat.args, |r, _| {
            if let Some((at, from)) = self.placed.load(r)
                && at == i
            {
                let load = Some((self.placed.place(r), from));
                if !loads.contains(&load) {
                    loads[n] = load;
                    n += 1;
                }
            }
        });
        for (place, from) in loads.into_iter().flatten() {
            self.bring(R(place), from);
        }
    }

    /// Writes the pieces the instruction has written back to their homes.
    fn store_pieces(&mut self, inst: &Inst) {
        let single = [inst.dst];
        let written =
            if inst.kind == Kind::Entry { self.placed.flat.params.clone() } else { single.to_vec() };
        for dst in written {
            if let Dst::Reg(r) = dst
                && let Some(home) = self.placed.write_back(r)
            {
                self.store_home(home, R(self.placed.place(r)));
            }
        }
    }

    fn home_off(&self, home: u32) -> i16 {
        // The frame was found to fit, so this is a small number.
        (self.homes_at - 8 * (self.placed.home(home) as i32 + 1)) as i16
    }

    fn store_home(&mut self, home: u32, src: R) {
        let off = self.home_off(home);
        self.out(Insn::Store { base: R::FP, off, src: Operand::Reg(src), width: Width::B8 });
    }

    fn place(&self, r: u32) -> R {
        R(self.placed.place(r))
    }

    fn mov(&mut self, dst: R, src: R) {
        if dst != src {
            self.out(Insn::Mov { w32: false, dst, src: Operand::Reg(src) });
        }
    }

    /// Brings any value into `dst`.
    fn bring(&mut self, dst: R, val: Val) {
        match val {
            Val::None => {}
            Val::Reg(r) => self.mov(dst, self.place(r)),
            Val::Imm(imm) => self.out(Insn::Mov { w32: false, dst, src: Operand::Imm(imm) }),
            // A 32-bit move clears the upper half: one word instead of two.
            Val::Imm64(imm) => match u32::try_from(imm) {
                Ok(low) => self.out(Insn::Mov { w32: true, dst, src: Operand::Imm(low as i32) }),
                Err(_) => self.out(Insn::LoadWide { dst, value: Wide::Const(imm) }),
            },
            Val::Slot(s, off) => {
                let off = self.slots[s as usize].saturating_add(off);
                self.mov(dst, R::FP);
                if off != 0 {
                    self.out(Insn::Alu { op: Alu::Add, w32: false, dst, src: Operand::Imm(off) });
                }
            }
            Val::Map(map) => {
                self.code.map_relocs.push(MapReloc { word: self.code.insns.len(), map, value_off: None });
                self.out(Insn::LoadWide { dst, value: Wide::MapFd(0) });
            }
            Val::MapValue(map, off) => {
                self.code.map_relocs.push(MapReloc {
                    word: self.code.insns.len(),
                    map,
                    value_off: Some(off),
                });
                self.out(Insn::LoadWide { dst, value: Wide::MapValue { fd: 0, off } });
            }
            Val::Func(func) => {
                self.func_relocs.push((self.code.insns.len(), func));
                self.out(Insn::LoadWide { dst, value: Wide::Func(0) });
            }
            Val::Spill(home) => {
                let off = self.home_off(home);
                self.out(Insn::Load { dst, base: R::FP, off, width: Width::B8 });
            }
        }
    }

    fn confused(&self, what: &str) -> EmitError {
        EmitError::Malformed { func: self.func.name.clone(), what: what.to_string() }
    }

    /// An operand that the allocator has brought into a register, or an immediate.
    fn operand(&self, val: Val) -> Result<Operand, EmitError> {
        match val {
            Val::Reg(r) => Ok(Operand::Reg(self.place(r))),
            Val::Imm(i) => Ok(Operand::Imm(i)),
            _ => Err(self.confused("an operand has no register")),
        }
    }

    fn reg(&self, val: Val) -> Result<R, EmitError> {
        match val {
            Val::Reg(r) => Ok(self.place(r)),
            _ => Err(self.confused("an operand has no register")),
        }
    }

    /// Base register and offset of a memory access.
    fn address(&self, val: Val, off: i16) -> Result<(R, i16), EmitError> {
        match val {
            Val::Slot(s, at) => {
                let off = i32::from(off) + at + self.slots[s as usize];
                let off = i16::try_from(off).map_err(|_| self.confused("an access far outside its slot"))?;
                Ok((R::FP, off))
            }
            _ => Ok((self.reg(val)?, off)),
        }
    }

    /// The register a result is computed in.
    fn dst(&self, dst: Dst) -> Result<R, EmitError> {
        match dst {
            Dst::Reg(r) => Ok(self.place(r)),
            _ => Err(self.confused("a result has no register")),
        }
    }

    fn inst(&mut self, inst: &Inst, next: u32) -> Result<(), EmitError> {
        match inst.kind {
            Kind::Nop => {}
            Kind::Entry => self.entry(),
            Kind::Mov => match inst.dst {
                Dst::Spill(home) => {
                    let src = self.reg(inst.a)?;
                    self.store_home(home, src);
                }
                _ => {
                    let dst = self.dst(inst.dst)?;
                    self.bring(dst, inst.a);
                }
            },
            Kind::Alu { op, w32 } => {
                let dst = self.dst(inst.dst)?;
                let mut src = self.operand(inst.b)?;
                if inst.a == inst.b {
                    self.bring(dst, inst.a);
                    src = Operand::Reg(dst);
                } else if src == Operand::Reg(dst) {
                    // Only a commuting operation on two registers is placed like this.
                    src = self.operand(inst.a)?;
                } else {
                    self.bring(dst, inst.a);
                }
                self.out(Insn::Alu { op, w32, dst, src });
            }
            Kind::Neg => {
                let dst = self.dst(inst.dst)?;
                self.bring(dst, inst.a);
                self.out(Insn::Neg { w32: false, dst });
            }
            Kind::Swap(width) => {
                let dst = self.dst(inst.dst)?;
                self.bring(dst, inst.a);
                self.out(Insn::Swap { dst, width });
            }
            Kind::Load { off, width } => {
                let dst = self.dst(inst.dst)?;
                let (base, off) = self.address(inst.a, off)?;
                self.out(Insn::Load { dst, base, off, width });
            }
            Kind::Store { off, width } => {
                let (base, off) = self.address(inst.a, off)?;
                let src = self.operand(inst.b)?;
                self.out(Insn::Store { base, off, src, width });
            }
            Kind::AtomicAdd { off, width } => {
                let (base, off) = self.address(inst.a, off)?;
                let src = self.reg(inst.b)?;
                self.out(Insn::AtomicAdd { base, off, src, width });
            }
            Kind::Call { helper } => self.call(inst, helper),
            Kind::Jump { to } => {
                if to != next {
                    self.jump(to);
                }
            }
            Kind::Branch { cond, w32, then, els } => {
                let lhs = self.reg(inst.a)?;
                let rhs = self.operand(inst.b)?;
                let (cond, then, els) = match inverse(cond) {
                    Some(inverse) if then == next => (inverse, els, then),
                    _ => (cond, then, els),
                };
                self.fixups.push(Fixup { word: self.code.insns.len(), block: then });
                self.out(Insn::Branch { cond, w32, lhs, rhs, off: 0 });
                if els != next {
                    self.jump(els);
                }
            }
            Kind::Return => {
                self.bring(R(0), inst.a);
                self.out(Insn::Exit);
            }
        }
        Ok(())
    }

    fn jump(&mut self, to: u32) {
        self.fixups.push(Fixup { word: self.code.insns.len(), block: to });
        self.out(Insn::Jump { off: 0 });
    }

    /// Arguments into r1–r5, the call, the result to where it belongs.
    fn call(&mut self, inst: &Inst, helper: u32) {
        let args: Vec<Val> = self.placed.flat.args[inst.arg_range()].to_vec();
        let mut moves = Vec::with_capacity(args.len());
        for (i, arg) in (1u8..).zip(&args) {
            if let Val::Reg(r) = arg {
                moves.push((R(i), self.place(*r)));
            }
        }
        // r0 is about to be overwritten by the result, so it is free to break a cycle.
        self.parallel(moves, R(0));
        for (i, arg) in (1u8..).zip(args) {
            if !arg.is_reg() {
                self.bring(R(i), arg);
            }
        }
        self.out(Insn::Call { helper: helper as i32 });
        match inst.dst {
            Dst::None => {}
            Dst::Reg(r) => self.mov(self.place(r), R(0)),
            Dst::Spill(home) => self.store_home(home, R(0)),
        }
    }

    /// Parameters from r1–r5 to where they belong.
    fn entry(&mut self) {
        let params = self.placed.flat.params.clone();
        let mut moves = Vec::with_capacity(params.len());
        for (i, param) in (1u8..).zip(params) {
            match param {
                Dst::None => {}
                Dst::Reg(r) => moves.push((self.place(r), R(i))),
                Dst::Spill(home) => self.store_home(home, R(i)),
            }
        }
        // Nothing else is alive yet, and at most five registers are targets.
        let spare = (0..10).map(R).find(|r| moves.iter().all(|(d, s)| d != r && s != r)).unwrap_or(R(0));
        self.parallel(moves, spare);
    }

    /// Moves that happen at once: none overwrites a source another still needs. `spare` is neither needed
    /// nor a target when only cycles are left.
    fn parallel(&mut self, mut moves: Vec<(R, R)>, spare: R) {
        moves.retain(|(d, s)| d != s);
        while let Some(&(first, _)) = moves.first() {
            let ready = moves.iter().position(|(d, _)| moves.iter().all(|(_, s)| s != d));
            match ready {
                Some(i) => {
                    let (d, s) = moves.swap_remove(i);
                    self.mov(d, s);
                }
                None => {
                    self.mov(spare, first);
                    for (_, s) in moves.iter_mut().filter(|(_, s)| *s == first) {
                        *s = spare;
                    }
                }
            }
        }
    }
}

/// The condition that holds exactly when `cond` does not, where the machine has one.
fn inverse(cond: Cond) -> Option<Cond> {
    Some(match cond {
        Cond::Eq => Cond::Ne,
        Cond::Ne => Cond::Eq,
        Cond::Lt => Cond::Ge,
        Cond::Le => Cond::Gt,
        Cond::Gt => Cond::Le,
        Cond::Ge => Cond::Lt,
        Cond::Slt => Cond::Sge,
        Cond::Sle => Cond::Sgt,
        Cond::Sgt => Cond::Sle,
        Cond::Sge => Cond::Slt,
        Cond::Set => return None,
    })
}

#[cfg(test)]
mod tests;
