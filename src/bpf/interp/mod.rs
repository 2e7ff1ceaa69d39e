//! Test only: what a program of the low-level form means, computed without compiling it.
//!
//! It exists to be compared with: the same random program is run here, as bytecode in [`vm`], and in the kernel
//! (`tests`). Neighbours: `ir` is the language, `random` writes programs in it.

mod random;
mod tests;
mod vm;

use crate::ir::{Alu, Block, Cond, Func, Inst, Reg, Src, Term, Width};

/// Where the context lies, in both machines.
pub(crate) const CTX: u64 = 0x1000_0000;
/// A helper that does not exist: mixes its five arguments.
pub(crate) const MIX: u32 = 9000;
/// A real one with an unpredictable result, which the programs mask away.
pub(crate) const GET_CPU: u32 = 8;
/// The real copy within kernel memory: `(to, size, from)`.
pub(crate) const READ_KERNEL: u32 = 113;

/// Memory as areas at fixed addresses.
pub(crate) struct Memory {
    areas: Vec<(u64, Vec<u8>)>,
}

impl Memory {
    pub(crate) fn new(ctx: &[u64]) -> Memory {
        Memory { areas: vec![(CTX, ctx.iter().flat_map(|w| w.to_le_bytes()).collect())] }
    }

    pub(crate) fn add(&mut self, at: u64, bytes: usize) {
        self.areas.push((at, vec![0xa5; bytes]));
    }

    fn find(&mut self, at: u64, n: u32) -> &mut [u8] {
        for (start, bytes) in &mut self.areas {
            if at >= *start && at + u64::from(n) <= *start + bytes.len() as u64 {
                let from = (at - *start) as usize;
                return &mut bytes[from..from + n as usize];
            }
        }
        panic!("access to {n} bytes at {at:#x}");
    }

    pub(crate) fn load(&mut self, at: u64, width: Width) -> u64 {
        let mut word = [0; 8];
        let bytes = self.find(at, width.bytes());
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    }

    pub(crate) fn store(&mut self, at: u64, value: u64, width: Width) {
        let bytes = self.find(at, width.bytes());
        let n = bytes.len();
        bytes.copy_from_slice(&value.to_le_bytes()[..n]);
    }

    pub(crate) fn add_to(&mut self, at: u64, value: u64, width: Width) {
        let sum = self.load(at, width).wrapping_add(value);
        self.store(at, sum, width);
    }

    /// The helpers the programs may call.
    pub(crate) fn call(&mut self, helper: u32, args: &[u64]) -> u64 {
        match helper {
            MIX => {
                args.iter().fold(17, |h: u64, a| (h ^ a).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23))
            }
            GET_CPU => 1,
            READ_KERNEL => {
                let from = self.find(args[2], args[1] as u32).to_vec();
                self.find(args[0], args[1] as u32).copy_from_slice(&from);
                0
            }
            _ => panic!("no helper {helper}"),
        }
    }
}

/// Arithmetic as the instruction set defines it.
pub(crate) fn alu(op: Alu, w32: bool, x: u64, y: u64) -> u64 {
    if w32 {
        let (x, y) = (x as u32, y as u32);
        return u64::from(match op {
            Alu::Add => x.wrapping_add(y),
            Alu::Sub => x.wrapping_sub(y),
            Alu::Mul => x.wrapping_mul(y),
            Alu::Div => x.checked_div(y).unwrap_or(0),
            Alu::Mod => x.checked_rem(y).unwrap_or(x),
            Alu::And => x & y,
            Alu::Or => x | y,
            Alu::Xor => x ^ y,
            Alu::Lsh => x << (y & 31),
            Alu::Rsh => x >> (y & 31),
            Alu::Arsh => (x as i32 >> (y & 31)) as u32,
        });
    }
    match op {
        Alu::Add => x.wrapping_add(y),
        Alu::Sub => x.wrapping_sub(y),
        Alu::Mul => x.wrapping_mul(y),
        Alu::Div => x.checked_div(y).unwrap_or(0),
        Alu::Mod => x.checked_rem(y).unwrap_or(x),
        Alu::And => x & y,
        Alu::Or => x | y,
        Alu::Xor => x ^ y,
        Alu::Lsh => x << (y & 63),
        Alu::Rsh => x >> (y & 63),
        Alu::Arsh => (x as i64 >> (y & 63)) as u64,
    }
}

pub(crate) fn swap(x: u64, width: Width) -> u64 {
    match width {
        Width::B1 => x & 0xff,
        Width::B2 => u64::from((x as u16).swap_bytes()),
        Width::B4 => u64::from((x as u32).swap_bytes()),
        Width::B8 => x.swap_bytes(),
    }
}

pub(crate) fn holds(cond: Cond, w32: bool, x: u64, y: u64) -> bool {
    let (x, y) = if w32 { (u64::from(x as u32), u64::from(y as u32)) } else { (x, y) };
    let (sx, sy) =
        if w32 { (i64::from(x as u32 as i32), i64::from(y as u32 as i32)) } else { (x as i64, y as i64) };
    match cond {
        Cond::Eq => x == y,
        Cond::Ne => x != y,
        Cond::Lt => x < y,
        Cond::Le => x <= y,
        Cond::Gt => x > y,
        Cond::Ge => x >= y,
        Cond::Slt => sx < sy,
        Cond::Sle => sx <= sy,
        Cond::Sgt => sx > sy,
        Cond::Sge => sx >= sy,
        Cond::Set => x & y != 0,
    }
}

/// What `func` returns for this context.
pub(crate) fn run(func: &Func, ctx: &[u64]) -> u64 {
    let mut memory = Memory::new(ctx);
    let mut slots = Vec::new();
    for (i, size) in (1u64..).zip(&func.slots) {
        // Far apart, so that an access outside a slot is noticed.
        slots.push(0x7000_0000 + i * 0x1_0000);
        memory.add(slots[slots.len() - 1], *size as usize);
    }
    let mut regs: Vec<Option<u64>> = vec![None; func.regs as usize];
    for p in &func.params {
        regs[p.0 as usize] = Some(CTX);
    }
    let mut block = Block(0);
    for _ in 0..100_000 {
        let data = &func.blocks[block.0 as usize];
        for (inst, _) in &data.insts {
            step(inst, &mut regs, &mut memory, &slots);
        }
        let get = |r: &Reg| regs[r.0 as usize].unwrap();
        let src = |s: &Src| match s {
            Src::Reg(r) => get(r),
            Src::Imm(i) => *i as i64 as u64,
        };
        match &data.term.as_ref().unwrap().0 {
            Term::Jump(to) => block = *to,
            Term::Branch { cond, w32, lhs, rhs, then, els } => {
                block = if holds(*cond, *w32, get(lhs), src(rhs)) { *then } else { *els };
            }
            Term::Return(v) => return src(v),
        }
    }
    panic!("endless program");
}

fn step(inst: &Inst, regs: &mut [Option<u64>], memory: &mut Memory, slots: &[u64]) {
    let get = |r: &Reg| regs[r.0 as usize].unwrap();
    let src = |s: &Src| match s {
        Src::Reg(r) => get(r),
        Src::Imm(i) => *i as i64 as u64,
    };
    let at = |r: &Reg, off: i16| get(r).wrapping_add(off as i64 as u64);
    let (dst, value) = match inst {
        Inst::Mov { dst, src: s } => (dst, src(s)),
        Inst::Imm64 { dst, imm } => (dst, *imm),
        Inst::Alu { op, w32, dst, lhs, rhs } => (dst, alu(*op, *w32, get(lhs), src(rhs))),
        Inst::Neg { dst, src } => (dst, get(src).wrapping_neg()),
        Inst::Bswap { dst, src, width } => (dst, swap(get(src), *width)),
        Inst::Load { dst, base, off, width } => (dst, memory.load(at(base, *off), *width)),
        Inst::SlotAddr { dst, slot, off } => (dst, slots[slot.0 as usize].wrapping_add(*off as i64 as u64)),
        Inst::Store { base, off, src: s, width } => return memory.store(at(base, *off), src(s), *width),
        Inst::AtomicAdd { base, off, src, width } => return memory.add_to(at(base, *off), get(src), *width),
        Inst::Call { helper, args, dst } => {
            let args: Vec<u64> = args.iter().map(src).collect();
            let result = memory.call(*helper, &args);
            match dst {
                Some(dst) => (dst, result),
                None => return,
            }
        }
        Inst::MapPtr { .. } | Inst::MapValue { .. } | Inst::FuncAddr { .. } => panic!("no maps here"),
    };
    regs[dst.0 as usize] = Some(value);
}
