//! Test only: random programs that end, read nothing before it is written, and whose result depends on
//! everything they did.

use super::{GET_CPU, MIX, READ_KERNEL};
use crate::ir::{Alu, Builder, Cond, Func, Inst, Reg, Slot, Src, Width};

const OPS: [Alu; 11] = [
    Alu::Add,
    Alu::Sub,
    Alu::Mul,
    Alu::Div,
    Alu::Mod,
    Alu::And,
    Alu::Or,
    Alu::Xor,
    Alu::Lsh,
    Alu::Rsh,
    Alu::Arsh,
];
const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Lt,
    Cond::Le,
    Cond::Gt,
    Cond::Ge,
    Cond::Slt,
    Cond::Sle,
    Cond::Sgt,
    Cond::Sge,
    Cond::Set,
];
const WIDTHS: [Width; 4] = [Width::B1, Width::B2, Width::B4, Width::B8];
pub(crate) const CTX_WORDS: usize = 8;

/// Xorshift: the same seed is the same program, on any machine.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Constants at the edges more often than in between.
    fn word(&mut self) -> u64 {
        let n = self.next();
        match self.below(6) {
            0 => n % 4,
            1 => (n % 64).wrapping_neg(),
            2 => 1 << (n % 64),
            3 => n as i32 as i64 as u64,
            4 => u64::from(n as u32),
            _ => n,
        }
    }
}

/// What shape the programs have.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) vars: usize,
    pub(crate) statements: usize,
    /// Only helpers the kernel has, and little branching inside loops.
    pub(crate) real: bool,
}

struct Gen {
    b: Builder,
    rng: Rng,
    vars: Vec<Reg>,
    slots: Vec<Slot>,
    /// A register with the address of some slot, written on several paths.
    pointer: Reg,
    left: usize,
    shape: Shape,
}

pub(crate) fn program(seed: u64, shape: Shape) -> Func {
    let mut rng = Rng::new(seed);
    let mut b = Builder::new("random", 1);
    let ctx = b.param(0);
    let slots: Vec<Slot> = (0..3).map(|_| b.slot(16)).collect();
    for slot in &slots {
        for off in [0, 8] {
            let at = b.slot_addr(*slot, off);
            b.store(at, 0, rng.next() as i32, Width::B8);
        }
    }
    let mut vars = Vec::new();
    for i in 0..shape.vars {
        let var = b.reg();
        if rng.one_in(4) {
            let imm = rng.word();
            b.push(Inst::Imm64 { dst: var, imm });
        } else {
            b.push(Inst::Load { dst: var, base: ctx, off: (i % CTX_WORDS * 8) as i16, width: Width::B8 });
        }
        vars.push(var);
    }
    let (pointer, first) = (b.reg(), b.slot_addr(slots[0], 0));
    b.mov(pointer, first);
    let mut g = Gen { b, rng, vars, slots, pointer, left: shape.statements, shape };
    while g.left > 0 {
        g.statement(0);
    }
    g.finish()
}

impl Gen {
    fn var(&mut self) -> Reg {
        self.rng.pick(&self.vars)
    }

    fn src(&mut self) -> Src {
        if self.rng.one_in(3) { Src::Imm(self.rng.word() as i32) } else { Src::Reg(self.var()) }
    }

    /// A copy, now and then of a copy, as front ends make them.
    fn copied(&mut self) -> Reg {
        let mut r = self.var();
        while self.rng.one_in(3) {
            r = self.b.copy(r);
        }
        r
    }

    fn address(&mut self) -> (Reg, i16) {
        let off = 8 * self.rng.below(2) as i16;
        if self.rng.one_in(3) {
            return (self.pointer, off);
        }
        let slot = self.rng.pick(&self.slots);
        let base = self.b.slot_addr(slot, 0);
        match self.rng.below(4) {
            0 => {
                self.b.mov(self.pointer, base);
                (base, off)
            }
            1 => (self.b.alu(Alu::Add, base, i32::from(off)), 0),
            _ => (base, off),
        }
    }

    fn statement(&mut self, depth: usize) {
        self.left = self.left.saturating_sub(1);
        match self.rng.below(if depth < 3 { 24 } else { 20 }) {
            0..=7 => {
                let (dst, lhs, rhs) = (self.var(), self.var(), self.src());
                let (op, w32) = (self.rng.pick(&OPS), self.rng.one_in(3));
                self.b.push(Inst::Alu { op, w32, dst, lhs, rhs });
            }
            8 | 9 => {
                let (dst, lhs, rhs) = (self.var(), self.copied(), self.src());
                let op = self.rng.pick(&OPS);
                let t = self.b.alu(op, lhs, rhs);
                self.b.mov(dst, t);
            }
            10 => {
                let (dst, src) = (self.var(), self.src());
                self.b.mov(dst, src);
            }
            11 => {
                let (dst, imm) = (self.var(), self.rng.word());
                self.b.push(Inst::Imm64 { dst, imm });
            }
            12 => {
                let (dst, src, width) = (self.var(), self.copied(), self.rng.pick(&WIDTHS));
                self.b.push(match self.rng.below(2) {
                    0 => Inst::Neg { dst, src },
                    _ => Inst::Bswap { dst, src, width },
                });
            }
            13 => {
                let ((base, off), width, src) = (self.address(), self.rng.pick(&WIDTHS), self.src());
                self.b.store(base, off, src, width);
            }
            14 => {
                let imm = self.rng.word() as i64;
                let (big, (base, off)) = (self.b.imm(imm), self.address());
                let width = self.rng.pick(&WIDTHS);
                self.b.store(base, off, big, width);
            }
            15 => {
                let ((base, off), width, dst) = (self.address(), self.rng.pick(&WIDTHS), self.var());
                self.b.push(Inst::Load { dst, base, off, width });
            }
            16 => {
                let ((base, off), src) = (self.address(), self.var());
                let width = self.rng.pick(&WIDTHS[2..]);
                self.b.push(Inst::AtomicAdd { base, off, src, width });
            }
            17..=19 => self.call(),
            20 | 21 => self.branch(depth),
            22 => self.repeat(depth),
            _ => {
                if self.rng.one_in(4) {
                    self.leave();
                }
            }
        }
    }

    fn call(&mut self) {
        if !self.shape.real && !self.rng.one_in(4) {
            let count = 5;
            let args: Vec<Src> = (0..count).map(|_| self.src()).collect();
            let r = self.b.call(MIX, &args);
            let dst = self.var();
            return self.b.mov(dst, r);
        }
        match self.rng.below(3) {
            0 => {
                let (to, from) = (self.rng.pick(&self.slots), self.rng.pick(&self.slots));
                let (to, from) = (self.b.slot_addr(to, 0), self.b.slot_addr(from, 8));
                self.b.call_void(READ_KERNEL, &[to.into(), Src::Imm(8), from.into()]);
            }
            1 => self.b.call_void(GET_CPU, &[]),
            _ => {
                let (dst, args) = (self.var(), [self.src(), self.src(), self.src(), self.src()]);
                self.b.push(Inst::Call { helper: GET_CPU, args: args.to_vec(), dst: Some(dst) });
                self.b.push(Inst::Alu { op: Alu::And, w32: false, dst, lhs: dst, rhs: Src::Imm(0) });
            }
        }
    }

    fn some(&mut self, depth: usize) {
        for _ in 0..=self.rng.below(4) {
            self.statement(depth + 1);
        }
    }

    fn branch(&mut self, depth: usize) {
        let (then, els, join) = (self.b.block(), self.b.block(), self.b.block());
        let (lhs, rhs, cond, w32) = (self.var(), self.src(), self.rng.pick(&CONDS), self.rng.one_in(4));
        self.b.branch_w(cond, w32, lhs, rhs, then, els);
        self.b.switch(then);
        self.some(depth);
        self.b.jump(join);
        self.b.switch(els);
        if self.rng.one_in(2) {
            self.some(depth);
        }
        self.b.jump(join);
        self.b.switch(join);
    }

    fn repeat(&mut self, depth: usize) {
        let (head, body, out) = (self.b.block(), self.b.block(), self.b.block());
        let i = self.b.copy(0);
        let times = 1 + self.rng.below(4) as i32;
        self.b.jump(head);
        self.b.switch(head);
        self.b.branch(Cond::Lt, i, times, body, out);
        self.b.switch(body);
        self.some(if self.shape.real { 9 } else { depth });
        let next = self.b.alu(Alu::Add, i, 1);
        self.b.mov(i, next);
        self.b.jump(head);
        self.b.switch(out);
    }

    /// An early way out.
    fn leave(&mut self) {
        let (out, on) = (self.b.block(), self.b.block());
        let (lhs, rhs, v) = (self.var(), self.src(), self.var());
        self.b.branch(Cond::Eq, lhs, rhs, out, on);
        self.b.switch(out);
        self.b.ret(v);
        self.b.switch(on);
    }

    /// Folds all variables and slots into 32 bits, which is what a test run gives back.
    fn finish(mut self) -> Func {
        let mut h = self.b.imm(0x1234_5678_9abc);
        let mut values = self.vars.clone();
        for slot in self.slots.clone() {
            for off in [0, 8] {
                let at = self.b.slot_addr(slot, off);
                values.push(self.b.load(at, 0, Width::B8));
            }
        }
        for v in values {
            let mixed = self.b.alu(Alu::Mul, h, 0x0101_6b35);
            h = self.b.alu(Alu::Xor, mixed, v);
        }
        let high = self.b.alu(Alu::Rsh, h, 32);
        let folded = self.b.alu(Alu::Xor, high, h);
        self.b.ret(folded);
        self.b.finish()
    }
}
