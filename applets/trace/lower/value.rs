//! Values larger than a register: finding them where they lie ([`Gen::mem`]) or making them where they are
//! wanted ([`Gen::store`]).

use edgekit_bpf::ir::{Alu, Cond, Width};

use super::expr::{read_helper, width};
use super::r#gen::{Gen, Place};
use super::memory::Mem;
use super::{Error, Result, helper};
use crate::plan::Loss;
use crate::tree::{Builtin, Expr, ExprKind, Func};
use crate::ty::{Agg, Int, StackStyle, Tuple, Ty};

/// Kernel limit of frames in a stack trace (`sysctl kernel.perf_event_max_stack`).
const MAX_DEPTH: u32 = 127;
const TASK_COMM_LEN: u32 = 16;

impl Gen<'_> {
    /// Where the value of `e` lies; made in a temporary when it lies nowhere yet. Borrowed memory (a variable, a
    /// map value) must be used before anything else runs that could change it.
    pub(super) fn mem(&mut self, e: &Expr) -> Result<Mem> {
        match &e.kind {
            ExprKind::Var(v) => {
                if let Some(Place::Mem(m)) = self.vars.get(v) {
                    return Ok(*m);
                }
                if !e.ty.is_scalar() {
                    return Ok(self.zeros(e.ty.size()));
                }
            }
            ExprKind::MapGet { map, key } if !e.ty.is_scalar() && !self.is_agg(*map) => {
                self.at_lookup(e.span);
                let p = self.lookup(*map, key.as_deref())?;
                return Ok(self.or_zeros(p, e.ty.size()));
            }
            ExprKind::Part { base, offset, bits: None } => return Ok(self.mem(base)?.plus(*offset)),
            ExprKind::Block { stmts, value: Some(v) } => {
                self.stmts(stmts)?;
                return self.mem(v);
            }
            ExprKind::Cast(inner) if same_bytes(&inner.ty, &e.ty) => return self.mem(inner),
            _ => {}
        }
        let m = self.alloc(e.ty.size());
        self.store(e, m, &e.ty)?;
        Ok(m)
    }

    pub(super) fn is_agg(&self, map: crate::tree::MapId) -> bool {
        matches!(self.map_def(map).value, Ty::Agg(_))
    }

    /// The pointer, or zeros when it is null.
    fn or_zeros(&mut self, p: edgekit_bpf::ir::Reg, bytes: u32) -> Mem {
        let dst = self.f.b.copy(p);
        let (null, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, p, 0, null, out);
        self.f.b.switch(null);
        self.report_failure(helper::MAP_LOOKUP_ELEM, p);
        let zeros = self.zeros(bytes);
        let zeros = self.addr(zeros);
        self.f.b.mov(dst, zeros);
        self.f.b.jump(out);
        self.f.b.switch(out);
        Mem::at(dst)
    }

    /// Makes the value of `e` at `dst` as a value of type `ty`.
    pub(super) fn store(&mut self, e: &Expr, dst: Mem, ty: &Ty) -> Result<()> {
        if e.ty.is_scalar() {
            if let (ExprKind::Const(v), Some(i)) = (&e.kind, ty.as_int()) {
                if let Some(w) = Width::of_bytes(i.bytes.into()) {
                    self.store_imm(dst, *v, w);
                }
                return Ok(());
            }
            let v = self.scalar(e)?;
            return match ty {
                // A number's bytes, little-endian, as an array.
                Ty::Array(..) | Ty::Str(_) | Ty::Buf(_) => {
                    self.store_number(v, &e.ty, dst, ty.size());
                    Ok(())
                }
                _ => {
                    self.store_at(dst, v, width(ty));
                    Ok(())
                }
            };
        }
        match &e.kind {
            ExprKind::Str(text) => {
                let size = ty.size();
                let n = text.len().min(size as usize);
                let mut head = text[..n].to_vec();
                head.resize(n.next_multiple_of(8).min(size as usize), 0);
                self.store_bytes(dst, &head);
                let done = head.len() as u32;
                self.zero(dst.plus(done), size - done);
            }
            ExprKind::Builtin(Builtin::Comm) => {
                let p = self.addr(dst);
                let n = ty.size().min(TASK_COMM_LEN);
                self.f.b.call_void(helper::GET_CURRENT_COMM, &[p.into(), (n as i32).into()]);
                self.zero(dst.plus(n), ty.size() - n);
            }
            ExprKind::Tuple(parts) => match ty {
                Ty::Tuple(t) => self.store_tuple(parts, dst, t)?,
                _ => return Err(Error::Unsupported { what: "a tuple as this type", span: e.span }),
            },
            ExprKind::Cast(inner) => self.store(inner, dst, ty)?,
            ExprKind::If { cond, then, els } => {
                self.either(cond, |g| g.store(then, dst, ty), |g| g.store(els, dst, ty))?;
            }
            ExprKind::Block { stmts, value: Some(v) } => {
                self.stmts(stmts)?;
                self.store(v, dst, ty)?;
            }
            ExprKind::CtxBytes { offset } => {
                self.zero(dst, ty.size());
                let n = ty.size().min(e.ty.size());
                let ctx = self.f.ctx;
                let from = self.addr(Mem::at(ctx).plus(*offset));
                // Text in a record may have anything after its NUL.
                let h = if matches!(ty, Ty::Str(_)) {
                    helper::PROBE_READ_KERNEL_STR
                } else {
                    helper::PROBE_READ_KERNEL
                };
                let to = self.addr(dst);
                self.f.b.call_void(h, &[to.into(), (n as i32).into(), from.into()]);
            }
            ExprKind::Read { addr, offset, space, bits: _ } => {
                let a = self.scalar(addr)?;
                let a = if *offset == 0 { a } else { self.f.b.alu(Alu::Add, a, *offset as i32) };
                self.zero(dst, ty.size());
                if matches!(e.ty, Ty::Str(_)) {
                    let n = e.ty.size().min(ty.size());
                    let h = super::strings::str_helper(*space);
                    let to = self.addr(dst);
                    let r = self.call(h, &[to.into(), (n as i32).into(), a.into()]);
                    self.check(r, h, Loss::Fault);
                } else {
                    self.probe_read(read_helper(*space), dst, e.ty.size().min(ty.size()), a);
                }
            }
            ExprKind::Element { base, index } => {
                self.zero(dst, ty.size());
                let done = self.f.b.block();
                let m = self.element(base, index, done)?;
                self.copy(dst, m, e.ty.size().min(ty.size()));
                self.f.b.jump(done);
                self.f.b.switch(done);
            }
            ExprKind::Call(f, args) => self.store_call(*f, args, e, dst, ty)?,
            _ => {
                let m = self.mem_borrowed(e)?;
                self.convert(m, &e.ty, dst, ty);
            }
        }
        Ok(())
    }

    /// The kinds `mem` finds without making; anything else would recurse between `mem` and `store`.
    fn mem_borrowed(&mut self, e: &Expr) -> Result<Mem> {
        match &e.kind {
            ExprKind::Var(_) | ExprKind::MapGet { .. } | ExprKind::Part { .. } if !self.reads_agg(e) => {
                self.mem(e)
            }
            _ => Err(Error::Unsupported { what: "this value here", span: e.span }),
        }
    }

    fn reads_agg(&self, e: &Expr) -> bool {
        matches!(&e.kind, ExprKind::MapGet { map, .. }
            if matches!(self.map_def(*map).value, Ty::Agg(Agg::Stats { .. } | Agg::Hist { .. } | Agg::LHist { .. } | Agg::TSeries { .. })))
    }

    fn store_number(&mut self, v: edgekit_bpf::ir::Reg, from: &Ty, dst: Mem, size: u32) {
        let n = from.size().min(size);
        self.zero(dst, size);
        if let Some(w) = Width::of_bytes(n) {
            self.store_at(dst, v, w);
            return;
        }
        // An odd count: byte by byte.
        let mut v = v;
        for i in 0..n {
            self.store_at(dst.plus(i), v, Width::B1);
            v = self.f.b.alu(Alu::Rsh, v, 8);
        }
    }

    fn store_tuple(&mut self, parts: &[Expr], dst: Mem, t: &Tuple) -> Result<()> {
        let filled: u32 = t.fields.iter().map(|f| f.ty.size()).sum();
        if filled != t.size {
            self.zero(dst, t.size);
        }
        for (part, field) in parts.iter().zip(&t.fields) {
            self.store(part, dst.plus(field.offset), &field.ty)?;
        }
        Ok(())
    }

    /// Copies a value of one type to where another is wanted.
    pub(super) fn convert(&mut self, src: Mem, from: &Ty, dst: Mem, to: &Ty) {
        match (from, to) {
            (Ty::Tuple(a), Ty::Tuple(b)) if a != b => {
                let filled: u32 = b.fields.iter().map(|f| f.ty.size()).sum();
                if filled != b.size {
                    self.zero(dst, b.size);
                }
                for (x, y) in a.fields.iter().zip(&b.fields) {
                    self.convert(src.plus(x.offset), &x.ty, dst.plus(y.offset), &y.ty);
                }
            }
            _ if from.is_scalar() && to.is_scalar() => {
                let v = self.load_scalar(src, from);
                self.store_at(dst, v, width(to));
            }
            _ => {
                let n = from.size().min(to.size());
                self.copy(dst, src, n);
                self.zero(dst.plus(n), to.size() - n);
                if let (Ty::Str(a), Ty::Str(b)) = (from, to)
                    && b < a
                    && *b > 0
                {
                    self.store_at(dst.plus(b - 1), 0, Width::B1);
                }
            }
        }
    }

    fn store_call(&mut self, f: Func, args: &[Expr], e: &Expr, dst: Mem, ty: &Ty) -> Result<()> {
        self.at(e.span);
        match (f, args) {
            (Func::StrUser | Func::StrKernel, [addr, rest @ ..]) => {
                let user = f == Func::StrUser;
                self.read_str(user, addr, rest.first(), dst, ty.size(), true)?;
            }
            (Func::BufUser | Func::BufKernel, [addr, len]) => {
                let h = if f == Func::BufUser { helper::PROBE_READ_USER } else { helper::PROBE_READ_KERNEL };
                let a = self.scalar(addr)?;
                self.read_buf(h, a, len, dst, ty)?;
            }
            (Func::BufMem, [value, len]) => {
                let m = self.mem(value)?;
                self.buf_of(m, value.ty.size(), len, dst, ty)?;
            }
            (Func::USym, [addr]) => {
                let a = self.scalar(addr)?;
                self.store_at(dst, a, Width::B8);
                let id = self.call(helper::GET_CURRENT_PID_TGID, &[]);
                let tgid = self.f.b.alu(Alu::Rsh, id, 32);
                self.store_at(dst.plus(8), tgid, Width::B8);
            }
            (Func::StackTrace, _) => self.stack_trace(dst, ty)?,
            (Func::Ntop, [family, addr]) => {
                self.zero(dst, ty.size());
                let family = self.scalar(family)?;
                self.store_at(dst, family, Width::B4);
                if addr.ty.is_scalar() {
                    let v = self.scalar(addr)?;
                    self.store_at(dst.plus(4), v, Width::B4);
                } else {
                    let m = self.mem(addr)?;
                    self.copy(dst.plus(4), m, addr.ty.size().min(16));
                }
            }
            (Func::MacAddr, [addr]) => {
                self.zero(dst, ty.size());
                if addr.ty.is_scalar() {
                    let a = self.scalar(addr)?;
                    self.probe_read(helper::PROBE_READ_KERNEL, dst, 6, a);
                } else {
                    let m = self.mem(addr)?;
                    self.copy(dst, m, addr.ty.size().min(6));
                }
            }
            _ => return Err(Error::Unsupported { what: "this call as a value", span: e.span }),
        }
        Ok(())
    }

    fn stack_trace(&mut self, dst: Mem, ty: &Ty) -> Result<()> {
        let Ty::Stack(stack) = ty else {
            return Err(Error::Unsupported { what: "a stack as this type", span: self.span });
        };
        if stack.style == StackStyle::BuildId {
            return Err(Error::Unsupported { what: "ustack(build_id)", span: self.span });
        }
        let map = self.tables.stacks(MAX_DEPTH.min(stack.depth.max(1)));
        let mut flags = helper::BPF_F_FAST_STACK_CMP;
        if stack.user {
            flags |= helper::BPF_F_USER_STACK;
        }
        let (ctx, map) = (self.f.ctx, self.f.b.map_ptr(map));
        let id = self.call(helper::GET_STACKID, &[ctx.into(), map.into(), flags.into()]);
        self.store_at(dst, id, Width::B4);
        self.count_stack_loss(id);
        let tgid = self.call(helper::GET_CURRENT_PID_TGID, &[]);
        let tgid = self.f.b.alu(Alu::Rsh, tgid, 32);
        let keep = if stack.user { tgid } else { self.f.b.imm(0) };
        self.store_at(dst.plus(4), keep, Width::B4);
        Ok(())
    }
}

impl Gen<'_> {
    /// A stack that is not there (a kernel thread has no user frames, a CPU in user mode no kernel ones: -EFAULT)
    /// is an answer; one that hashed like another (-EEXIST) or found no room (-ENOMEM) is lost.
    fn count_stack_loss(&mut self, id: edgekit_bpf::ir::Reg) {
        let id = self.extend(id, Int::I32);
        let (next, lost, out) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, id, -helper::EEXIST, lost, next);
        self.f.b.switch(next);
        self.f.b.branch(Cond::Eq, id, -helper::ENOMEM, lost, out);
        self.f.b.switch(lost);
        self.count_loss(Loss::Stack);
        self.f.b.jump(out);
        self.f.b.switch(out);
    }
}

/// True when a value of one type is, byte for byte, one of the other.
fn same_bytes(a: &Ty, b: &Ty) -> bool {
    !a.is_scalar()
        && !b.is_scalar()
        && a.size() == b.size()
        && !matches!((a, b), (Ty::Tuple(x), Ty::Tuple(y)) if x != y)
}
