//! Where values too large for a register lie, and how bytes are moved, cleared and compared there.
//!
//! Three kinds of memory: the function's stack (small, free), the program's per-CPU frame (anything, one map
//! lookup a run, shared by callbacks) and pointers handed out by helpers (map values, ring records). Temporaries
//! are bump-allocated and given back at the end of a statement; variables stay.

use edgekit_bpf::ir::{Alu, Cond, Inst, Reg, Src, Width};

use super::r#gen::Gen;
use super::helper;
use crate::plan::Loss;

/// Moves up to this many bytes are written out as loads and stores; longer ones call a helper.
const UNROLL: u32 = 128;
/// A value larger than this goes to the frame, not the stack.
const STACK_VALUE: u32 = 64;

/// A bump allocator.
pub(super) struct Area {
    top: u32,
    /// Nothing below is given back.
    kept: u32,
    pub(super) high: u32,
    limit: u32,
}

impl Area {
    pub(super) fn new(limit: u32) -> Area {
        Area { top: 0, kept: 0, high: 0, limit }
    }

    fn alloc(&mut self, bytes: u32) -> Option<u32> {
        let at = self.top;
        let end = at.checked_add(bytes.max(1).next_multiple_of(8))?;
        if end > self.limit {
            return None;
        }
        self.top = end;
        self.high = self.high.max(end);
        Some(at)
    }

    fn keep(&mut self) {
        self.kept = self.top;
    }

    fn release(&mut self, mark: u32) {
        self.top = mark.max(self.kept);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Stack,
    Frame,
    Reg(Reg),
}

/// A place in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mem {
    base: Base,
    off: u32,
}

impl Mem {
    pub(super) fn at(base: Reg) -> Mem {
        Mem { base: Base::Reg(base), off: 0 }
    }

    pub(super) fn plus(self, off: u32) -> Mem {
        Mem { off: self.off + off, ..self }
    }
}

/// State of both areas, to give temporaries back.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    stack: u32,
    frame: u32,
}

impl Gen<'_> {
    pub(super) fn mark(&self) -> Mark {
        Mark { stack: self.f.stack.top, frame: self.frame.top }
    }

    pub(super) fn release(&mut self, mark: Mark) {
        self.f.stack.release(mark.stack);
        self.frame.release(mark.frame);
    }

    /// Room for a temporary.
    pub(super) fn alloc(&mut self, bytes: u32) -> Mem {
        if bytes <= STACK_VALUE
            && let Some(off) = self.f.stack.alloc(bytes)
        {
            return Mem { base: Base::Stack, off };
        }
        self.frame_alloc(bytes)
    }

    /// Room in the frame, where callbacks and variable offsets can reach it.
    pub(super) fn frame_alloc(&mut self, bytes: u32) -> Mem {
        // The frame is bounded by the size of a per-CPU value, which the kernel checks at creation.
        let off = self.frame.alloc(bytes).unwrap_or(0);
        Mem { base: Base::Frame, off }
    }

    /// Room in the frame for as long as the program runs.
    pub(super) fn keep_alloc(&mut self, bytes: u32) -> Mem {
        let m = self.frame_alloc(bytes);
        self.frame.keep();
        m
    }

    /// A register and offset that reach `mem`.
    fn reach(&mut self, mem: Mem) -> (Reg, i16) {
        let (base, off) = match mem.base {
            Base::Stack => {
                let slot = self.f.slot;
                return (self.f.b.slot_addr(slot, mem.off as i32), 0);
            }
            Base::Frame => (self.frame_reg(), mem.off),
            Base::Reg(r) => (r, mem.off),
        };
        match i16::try_from(off) {
            Ok(off) => (base, off),
            Err(_) => (self.f.b.alu(Alu::Add, base, off as i32), 0),
        }
    }

    pub(super) fn addr(&mut self, mem: Mem) -> Reg {
        match self.reach(mem) {
            (r, 0) => r,
            (r, off) => self.f.b.alu(Alu::Add, r, i32::from(off)),
        }
    }

    pub(super) fn load_at(&mut self, mem: Mem, width: Width) -> Reg {
        let (base, off) = self.reach(mem);
        self.f.b.load(base, off, width)
    }

    pub(super) fn store_at(&mut self, mem: Mem, src: impl Into<Src>, width: Width) {
        let (base, off) = self.reach(mem);
        self.f.b.store(base, off, src, width);
    }

    pub(super) fn store_imm(&mut self, mem: Mem, value: u64, width: Width) {
        let signed = value as i64;
        let fits = match width {
            Width::B8 => i32::try_from(signed).ok(),
            _ => Some(value as u32 as i32),
        };
        match fits {
            Some(i) => self.store_at(mem, i, width),
            None => {
                let r = self.f.b.imm(signed);
                self.store_at(mem, r, width);
            }
        }
    }

    pub(super) fn atomic_add(&mut self, mem: Mem, src: Reg, width: Width) {
        let (base, off) = self.reach(mem);
        self.f.b.push(Inst::AtomicAdd { base, off, src, width });
    }

    /// Widest access that keeps the stack's alignment rule at both places and does not pass `left`.
    fn step(a: Mem, b: Mem, at: u32, left: u32) -> Width {
        let aligned = |m: Mem| match m.base {
            Base::Stack => m.off + at,
            _ => 0,
        };
        let off = aligned(a) | aligned(b);
        [Width::B8, Width::B4, Width::B2]
            .into_iter()
            .find(|w| w.bytes() <= left && off % w.bytes() == 0)
            .unwrap_or(Width::B1)
    }

    /// Offset and width of each access that together cover `bytes` at both places.
    pub(super) fn pieces(a: Mem, b: Mem, bytes: u32) -> Vec<(u32, Width)> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes {
            let w = Self::step(a, b, at, bytes - at);
            out.push((at, w));
            at += w.bytes();
        }
        out
    }

    pub(super) fn copy(&mut self, dst: Mem, src: Mem, bytes: u32) {
        if dst == src || bytes == 0 {
            return;
        }
        if bytes > UNROLL {
            let (d, s) = (self.addr(dst), self.addr(src));
            self.f.b.call_void(helper::PROBE_READ_KERNEL, &[d.into(), (bytes as i32).into(), s.into()]);
            return;
        }
        for (at, w) in Self::pieces(dst, src, bytes) {
            let v = self.load_at(src.plus(at), w);
            self.store_at(dst.plus(at), v, w);
        }
    }

    pub(super) fn zero(&mut self, dst: Mem, bytes: u32) {
        if bytes > UNROLL {
            let zeros = self.zeros(bytes);
            self.copy(dst, zeros, bytes);
            return;
        }
        for (at, w) in Self::pieces(dst, dst, bytes) {
            self.store_at(dst.plus(at), 0, w);
        }
    }

    /// Memory holding at least `bytes` zeros; never written.
    pub(super) fn zeros(&mut self, bytes: u32) -> Mem {
        let map = self.tables.zeros(bytes);
        Mem::at(self.array_value(map, 0))
    }

    /// Address inside the value of a one-element array map.
    pub(super) fn array_value(&mut self, map: edgekit_bpf::ir::MapRef, off: u32) -> Reg {
        let dst = self.f.b.reg();
        self.f.b.push(Inst::MapValue { dst, map, off });
        dst
    }

    /// Writes constant bytes.
    pub(super) fn store_bytes(&mut self, dst: Mem, bytes: &[u8]) {
        for (at, w) in Self::pieces(dst, dst, bytes.len() as u32) {
            let mut word = [0u8; 8];
            let n = w.bytes() as usize;
            word[..n].copy_from_slice(&bytes[at as usize..at as usize + n]);
            self.store_imm(dst.plus(at), u64::from_le_bytes(word), w);
        }
    }

    /// Reads `bytes` at an address into `dst` through the helper of its space; a fault leaves zeros and is
    /// counted.
    pub(super) fn probe_read(&mut self, helper: u32, dst: Mem, bytes: u32, addr: Reg) {
        let d = self.addr(dst);
        let ret = self.call(helper, &[d.into(), (bytes as i32).into(), addr.into()]);
        self.check(ret, helper, Loss::Fault);
    }

    /// Jumps to `differ` unless the first `bytes` of both places are equal; goes on in a new block.
    pub(super) fn compare_bytes(&mut self, a: Mem, b: Mem, bytes: u32, differ: edgekit_bpf::ir::Block) {
        let words = if bytes > UNROLL { bytes / 8 } else { 0 };
        if words > 0 {
            // A loop in the program: the verifier walks it word by word, so both sides stay in bounds.
            let (pa, pb) = (self.addr(a), self.addr(b));
            let i = self.f.b.copy(0);
            let head = self.f.b.block();
            self.f.b.jump(head);
            self.f.b.switch(head);
            let (qa, qb) = (self.f.b.alu(Alu::Add, pa, i), self.f.b.alu(Alu::Add, pb, i));
            let (wa, wb) = (self.f.b.load(qa, 0, Width::B8), self.f.b.load(qb, 0, Width::B8));
            let (same, done) = (self.f.b.block(), self.f.b.block());
            self.f.b.branch(Cond::Ne, wa, wb, differ, same);
            self.f.b.switch(same);
            self.add_in_place(i, 8);
            self.f.b.branch(Cond::Lt, i, (words * 8) as i32, head, done);
            self.f.b.switch(done);
        }
        let done = words * 8;
        let (ra, rb) = (a.plus(done), b.plus(done));
        for (at, w) in Self::pieces(ra, rb, bytes - done) {
            let (wa, wb) = (self.load_at(ra.plus(at), w), self.load_at(rb.plus(at), w));
            let same = self.f.b.block();
            self.f.b.branch(Cond::Ne, wa, wb, differ, same);
            self.f.b.switch(same);
        }
    }
}
