//! Strings and buffers: reading them from processes and the kernel, measuring, searching.

use edgekit_bpf::ir::{Alu, Cond, Reg, Src, Width};

use super::r#gen::Gen;
use super::memory::Mem;
use super::{Result, helper};
use crate::plan::Loss;
use crate::tree::{Expr, ExprKind};
use crate::ty::{Space, Ty};

pub(super) fn str_helper(space: Space) -> u32 {
    match space {
        Space::User => helper::PROBE_READ_USER_STR,
        Space::Kernel | Space::Bpf => helper::PROBE_READ_KERNEL_STR,
    }
}

impl Gen<'_> {
    /// `bpf_probe_read_*_str` into `dst`; gives its result: bytes with the NUL, or a negative errno. `clear` fills
    /// the rest with zeros first.
    pub(super) fn read_str(
        &mut self,
        user: bool,
        addr: &Expr,
        limit: Option<&Expr>,
        dst: Mem,
        size: u32,
        clear: bool,
    ) -> Result<Reg> {
        let a = self.scalar(addr)?;
        let n: Src = match limit {
            None => Src::Imm(size as i32),
            Some(l) => match l.kind {
                // The limit counts characters; the NUL comes on top.
                ExprKind::Const(v) => Src::Imm(v.saturating_add(1).min(u64::from(size)) as i32),
                _ => {
                    let v = self.scalar(l)?;
                    let v = self.f.b.alu(Alu::Add, v, 1);
                    self.at_most(v, size).into()
                }
            },
        };
        if clear {
            self.zero(dst, size);
        }
        let to = self.addr(dst);
        let h = if user { helper::PROBE_READ_USER_STR } else { helper::PROBE_READ_KERNEL_STR };
        let ret = self.call(h, &[to.into(), n, a.into()]);
        self.check(ret, h, Loss::Fault);
        Ok(ret)
    }

    /// The smaller of a number and a constant, in a form the verifier can follow.
    fn at_most(&mut self, v: Reg, max: u32) -> Reg {
        let dst = self.f.b.copy(v);
        let (big, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Gt, dst, max as i32, big, out);
        self.f.b.switch(big);
        self.f.b.mov(dst, max as i32);
        self.f.b.jump(out);
        self.f.b.switch(out);
        dst
    }

    pub(super) fn read_buf(&mut self, helper: u32, addr: Reg, len: &Expr, dst: Mem, ty: &Ty) -> Result<()> {
        let cap = ty.size() - 4;
        let n = self.scalar(len)?;
        let n = self.at_most(n, cap);
        self.zero(dst, ty.size());
        self.store_at(dst, n, Width::B4);
        let to = self.addr(dst.plus(4));
        let ret = self.call(helper, &[to.into(), n.into(), addr.into()]);
        self.check(ret, helper, Loss::Fault);
        Ok(())
    }

    /// A buffer of bytes that are in memory already.
    pub(super) fn buf_of(&mut self, src: Mem, have: u32, len: &Expr, dst: Mem, ty: &Ty) -> Result<()> {
        let cap = (ty.size() - 4).min(have);
        let n = self.scalar(len)?;
        let n = self.at_most(n, cap);
        self.zero(dst, ty.size());
        self.store_at(dst, n, Width::B4);
        let (to, from) = (self.addr(dst.plus(4)), self.addr(src));
        self.f.b.call_void(helper::PROBE_READ_KERNEL, &[to.into(), n.into(), from.into()]);
        Ok(())
    }

    /// Characters before the NUL: what copying the string says about it.
    pub(super) fn strlen(&mut self, s: &Expr) -> Result<Reg> {
        let mark = self.mark();
        let src = self.mem(s)?;
        let size = s.ty.size();
        let tmp = self.frame_alloc(size);
        let (to, from) = (self.addr(tmp), self.addr(src));
        let ret = self.call(helper::PROBE_READ_KERNEL_STR, &[to.into(), (size as i32).into(), from.into()]);
        self.release(mark);
        Ok(self.f.b.alu(Alu::Sub, ret, 1))
    }

    /// Whether `needle` occurs in `hay`: a callback for each start, a loop over the needle inside.
    pub(super) fn str_contains(&mut self, hay: &Expr, needle: &Expr) -> Result<Reg> {
        self.needs_kernel("strcontains()", 5, 17)?;
        let mark = self.mark();
        let (hay_size, needle_size) = (hay.ty.size(), needle.ty.size());
        let h = self.frame_alloc(hay_size);
        self.store(hay, h, &hay.ty)?;
        let n = self.frame_alloc(needle_size);
        self.store(needle, n, &needle.ty)?;
        let found = self.frame_alloc(8);
        self.store_imm(found, 0, Width::B8);
        let arg = self.context_arg();
        let (func, _) = self.callback(2, 1, |g| {
            g.contains_at(h, hay_size, n, needle_size, found);
            Ok(())
        })?;
        let addr = self.func_addr(func);
        self.f.b.call_void(helper::LOOP, &[(hay_size as i32).into(), addr.into(), arg.into(), 0.into()]);
        let v = self.load_at(found, Width::B8);
        self.release(mark);
        Ok(v)
    }

    /// Body of the callback: does the needle start at this index?
    fn contains_at(&mut self, hay: Mem, hay_size: u32, needle: Mem, needle_size: u32, found: Mem) {
        let (hit, miss, end) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        let start = self.f.b.param(0);
        let start = self.f.b.copy(start);
        let (hay, needle) = (self.addr(hay), self.addr(needle));
        let j = self.f.b.copy(0);
        let head = self.f.b.block();
        self.f.b.jump(head);
        self.f.b.switch(head);
        let want = self.f.b.alu(Alu::Add, needle, j);
        let want = self.f.b.load(want, 0, Width::B1);
        let (more, inside) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, want, 0, hit, more);
        self.f.b.switch(more);
        let at = self.f.b.alu(Alu::Add, start, j);
        self.f.b.branch(Cond::Ge, at, hay_size as i32, miss, inside);
        self.f.b.switch(inside);
        let have = self.f.b.alu(Alu::Add, hay, at);
        let have = self.f.b.load(have, 0, Width::B1);
        // The end of the haystack: no later start can match either.
        let (text, same) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, have, 0, end, text);
        self.f.b.switch(text);
        self.f.b.branch(Cond::Ne, have, want, miss, same);
        self.f.b.switch(same);
        self.add_in_place(j, 1);
        self.f.b.branch(Cond::Lt, j, needle_size as i32, head, hit);
        self.f.b.switch(hit);
        self.store_imm(found, 1, Width::B8);
        self.f.b.jump(end);
        self.f.b.switch(end);
        self.f.b.ret(1);
        self.f.b.switch(miss);
        self.f.b.ret(0);
        let after = self.f.b.block();
        self.f.b.switch(after);
    }

    pub(super) fn func_addr(&mut self, func: edgekit_bpf::ir::FuncRef) -> Reg {
        let dst = self.f.b.reg();
        self.f.b.push(edgekit_bpf::ir::Inst::FuncAddr { dst, func });
        dst
    }
}
