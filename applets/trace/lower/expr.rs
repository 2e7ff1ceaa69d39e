//! Scalar expressions: everything that lives in one register.
//!
//! A scalar in a register is always normal: extended to 64 bits by the sign of its type, so that comparisons and
//! conversions to wider types cost nothing and only arithmetic on narrow types is followed by an extension.

use edgekit_bpf::ir::{Alu, Block, Cond, Inst, Reg, Src, Width};

use super::r#gen::{Gen, Place};
use super::memory::Mem;
use super::{Error, Result, helper};
use crate::tree::{BinOp, Expr, ExprKind, Func, Target};
use crate::ty::{Bits, Int, Space, Ty};

impl Gen<'_> {
    /// Value of a scalar expression. Of a Void one, some register with no meaning.
    pub(super) fn scalar(&mut self, e: &Expr) -> Result<Reg> {
        match &e.kind {
            ExprKind::Const(v) => Ok(self.f.b.imm(*v as i64)),
            ExprKind::Var(v) => {
                match self.vars.get(v).copied() {
                    // A copy, because the variable may change while the value is still wanted.
                    Some(Place::Reg(r)) => Ok(self.f.b.copy(r)),
                    Some(Place::Mem(m)) => Ok(self.load_scalar(m, &e.ty)),
                    // Declared but never set on any path before this: zero.
                    None => Ok(self.f.b.imm(0)),
                }
            }
            ExprKind::Builtin(b) => self.builtin(*b),
            ExprKind::Ctx => Ok(self.f.ctx),
            ExprKind::CtxLoad { offset } => {
                let ctx = self.f.ctx;
                Ok(self.load_scalar(Mem::at(ctx).plus(*offset), &e.ty))
            }
            ExprKind::CtxDataLoc { offset } => {
                let ctx = self.f.ctx;
                let loc = self.load_at(Mem::at(ctx).plus(*offset), Width::B4);
                let loc = self.f.b.alu(Alu::And, loc, 0xffff);
                Ok(self.f.b.alu(Alu::Add, ctx, loc))
            }
            ExprKind::MapGet { map, key } => {
                self.at_lookup(e.span);
                self.map_scalar(*map, key.as_deref(), &e.ty)
            }
            ExprKind::HasKey { map, key } => {
                let p = self.lookup(*map, Some(key))?;
                Ok(self.is_not_zero(p))
            }
            ExprKind::Delete { map, key } => self.delete(*map, key.as_deref()),
            ExprKind::Len { map } => self.map_len(*map),
            ExprKind::Neg(x) => {
                let src = self.scalar(x)?;
                let dst = self.f.b.reg();
                self.f.b.push(Inst::Neg { dst, src });
                Ok(self.normal(dst, &e.ty))
            }
            ExprKind::BitNot(x) => {
                let x = self.scalar(x)?;
                let r = self.f.b.alu(Alu::Xor, x, -1);
                Ok(self.normal(r, &e.ty))
            }
            ExprKind::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs, &e.ty),
            ExprKind::Not(_)
            | ExprKind::Compare { .. }
            | ExprKind::BytesEq { .. }
            | ExprKind::And(..)
            | ExprKind::Or(..) => self.bool_value(e),
            ExprKind::If { cond, then, els } => {
                let dst = self.f.b.copy(0);
                self.either(cond, |g| g.scalar_into(then, dst), |g| g.scalar_into(els, dst))?;
                Ok(dst)
            }
            ExprKind::Cast(x) => self.cast(x, &e.ty),
            ExprKind::Read { addr, offset, space, bits } => {
                let mark = self.mark();
                let m = self.alloc(8);
                self.store_imm(m, 0, Width::B8);
                let addr = self.scalar(addr)?;
                let addr = if *offset == 0 { addr } else { self.f.b.alu(Alu::Add, addr, *offset as i32) };
                self.probe_read(read_helper(*space), m, e.ty.size(), addr);
                let v = self.load_bits(m, &e.ty, *bits);
                self.release(mark);
                Ok(v)
            }
            ExprKind::Part { base, offset, bits } => {
                let m = self.mem(base)?;
                Ok(self.load_bits(m.plus(*offset), &e.ty, *bits))
            }
            ExprKind::Element { base, index } => {
                let dst = self.f.b.copy(0);
                let done = self.f.b.block();
                let m = self.element(base, index, done)?;
                let v = self.load_scalar(m, &e.ty);
                self.f.b.mov(dst, v);
                self.f.b.jump(done);
                self.f.b.switch(done);
                Ok(dst)
            }
            ExprKind::AddrOfVar(v) => match self.vars.get(v).copied() {
                Some(Place::Mem(m)) => Ok(self.addr(m)),
                _ => Err(Error::Unsupported { what: "the address of this variable", span: e.span }),
            },
            ExprKind::AddrOfMap { map, key } => self.lookup(*map, key.as_deref()),
            ExprKind::Block { stmts, value } => {
                self.stmts(stmts)?;
                match value {
                    Some(v) => self.scalar(v),
                    None => Ok(self.f.b.imm(0)),
                }
            }
            ExprKind::Bump { target, delta, post } => self.bump(target, *delta, *post, &e.ty),
            ExprKind::Call(f, args) => self.call_scalar(*f, args, e),
            ExprKind::Emit { event, args } => {
                self.at(e.span);
                self.emit(*event, args)?;
                Ok(self.f.b.imm(0))
            }
            ExprKind::Str(_) | ExprKind::Tuple(_) | ExprKind::CtxBytes { .. } => {
                // Evaluated for its effects only.
                self.mem(e)?;
                Ok(self.f.b.imm(0))
            }
        }
    }

    /// Evaluates into a register that several paths write.
    pub(super) fn scalar_into(&mut self, e: &Expr, dst: Reg) -> Result<()> {
        let v = self.scalar_or_effect(e)?;
        self.f.b.mov(dst, v);
        Ok(())
    }

    /// Like `scalar`, for values of any type whose result may be unwanted.
    pub(super) fn scalar_or_effect(&mut self, e: &Expr) -> Result<Reg> {
        if e.ty.is_scalar() || e.ty == Ty::Void {
            return self.scalar(e);
        }
        self.mem(e)?;
        Ok(self.f.b.imm(0))
    }

    fn bool_value(&mut self, e: &Expr) -> Result<Reg> {
        let dst = self.f.b.copy(1);
        let (yes, no) = (self.f.b.block(), self.f.b.block());
        self.cond(e, yes, no)?;
        self.f.b.switch(no);
        self.f.b.mov(dst, 0);
        self.f.b.jump(yes);
        self.f.b.switch(yes);
        Ok(dst)
    }

    pub(super) fn is_not_zero(&mut self, r: Reg) -> Reg {
        let dst = self.f.b.copy(1);
        let (zero, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Eq, r, 0, zero, out);
        self.f.b.switch(zero);
        self.f.b.mov(dst, 0);
        self.f.b.jump(out);
        self.f.b.switch(out);
        dst
    }

    pub(super) fn load_scalar(&mut self, m: Mem, ty: &Ty) -> Reg {
        let v = self.load_at(m, width(ty));
        match ty.as_int() {
            Some(i) if i.signed => self.extend(v, i),
            _ => v,
        }
    }

    fn load_bits(&mut self, m: Mem, ty: &Ty, bits: Option<Bits>) -> Reg {
        let Some(Bits { shift, width }) = bits else {
            return self.load_scalar(m, ty);
        };
        let v = self.load_at(m, self::width(ty));
        // Up to the top, then down again, filling with the sign when there is one.
        let up = self.f.b.alu(Alu::Lsh, v, 64 - i32::from(shift) - i32::from(width));
        let op = if ty.is_signed() { Alu::Arsh } else { Alu::Rsh };
        self.f.b.alu(op, up, 64 - i32::from(width))
    }

    /// Extends the low bytes of `r` to 64 bits by the sign of `int`.
    pub(super) fn extend(&mut self, r: Reg, int: Int) -> Reg {
        let shift = 64 - 8 * i32::from(int.bytes);
        if shift == 0 {
            return r;
        }
        let up = self.f.b.alu(Alu::Lsh, r, shift);
        self.f.b.alu(if int.signed { Alu::Arsh } else { Alu::Rsh }, up, shift)
    }

    fn normal(&mut self, r: Reg, ty: &Ty) -> Reg {
        match ty.as_int() {
            Some(i) => self.extend(r, i),
            None => r,
        }
    }

    fn binary(&mut self, op: BinOp, lhs: &Expr, rhs: &Expr, ty: &Ty) -> Result<Reg> {
        let a = self.scalar(lhs)?;
        let b = match rhs.kind {
            ExprKind::Const(v)
                if i32::try_from(v as i64).is_ok() && !matches!(op, BinOp::Div | BinOp::Mod) =>
            {
                Src::Imm(v as i64 as i32)
            }
            _ => Src::Reg(self.scalar(rhs)?),
        };
        let signed = ty.is_signed();
        let alu = match op {
            BinOp::Add => Alu::Add,
            BinOp::Sub => Alu::Sub,
            BinOp::Mul => Alu::Mul,
            BinOp::And => Alu::And,
            BinOp::Or => Alu::Or,
            BinOp::Xor => Alu::Xor,
            BinOp::Shl => Alu::Lsh,
            BinOp::Shr if signed => Alu::Arsh,
            BinOp::Shr => Alu::Rsh,
            BinOp::Div | BinOp::Mod => {
                let Src::Reg(b) = b else {
                    return Ok(a);
                };
                let r = if signed { self.signed_div(op, a, b) } else { self.unsigned_div(op, a, b) };
                return Ok(self.normal(r, ty));
            }
        };
        let b = match (op, b) {
            // The machine masks a shift by a register; by a constant it refuses what does not fit.
            (BinOp::Shl | BinOp::Shr, Src::Imm(n)) => Src::Imm(n & 63),
            (_, b) => b,
        };
        let r = self.f.b.alu(alu, a, b);
        Ok(match op {
            BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Shr => r,
            _ => self.normal(r, ty),
        })
    }

    fn unsigned_div(&mut self, op: BinOp, a: Reg, b: Reg) -> Reg {
        self.f.b.alu(if op == BinOp::Div { Alu::Div } else { Alu::Mod }, a, b)
    }

    /// Truncating signed division from the unsigned one: the instruction for it needs kernel 6.6.
    pub(super) fn signed_div(&mut self, op: BinOp, a: Reg, b: Reg) -> Reg {
        let (ua, ub) = (self.magnitude(a), self.magnitude(b));
        let q = self.unsigned_div(op, ua, ub);
        // The quotient is negative when the signs differ; the remainder when the dividend is.
        let sign = if op == BinOp::Div { self.f.b.alu(Alu::Xor, a, b) } else { a };
        let dst = self.f.b.copy(q);
        let (neg, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Slt, sign, 0, neg, out);
        self.f.b.switch(neg);
        self.f.b.push(Inst::Neg { dst, src: q });
        self.f.b.jump(out);
        self.f.b.switch(out);
        dst
    }

    fn magnitude(&mut self, r: Reg) -> Reg {
        let dst = self.f.b.copy(r);
        let (neg, out) = (self.f.b.block(), self.f.b.block());
        self.f.b.branch(Cond::Slt, r, 0, neg, out);
        self.f.b.switch(neg);
        self.f.b.push(Inst::Neg { dst, src: r });
        self.f.b.jump(out);
        self.f.b.switch(out);
        dst
    }

    fn cast(&mut self, from: &Expr, to: &Ty) -> Result<Reg> {
        if !from.ty.is_scalar() {
            return match &from.ty {
                // Little-endian bytes as a number.
                Ty::Array(..) | Ty::Str(_)
                    if to.as_int().is_some_and(|i| u32::from(i.bytes) <= from.ty.size()) =>
                {
                    let m = self.mem(from)?;
                    Ok(self.load_scalar(m, to))
                }
                Ty::KSym | Ty::USym | Ty::Stack(_) | Ty::Buf(_) => {
                    let m = self.mem(from)?;
                    Ok(self.load_at(m, Width::B8))
                }
                _ => self.scalar_or_effect(from),
            };
        }
        let v = self.scalar(from)?;
        let (Some(a), Some(b)) = (from.ty.as_int(), to.as_int()) else {
            return Ok(v);
        };
        if *to == Ty::Bool && from.ty != Ty::Bool {
            return Ok(self.is_not_zero(v));
        }
        // Widening keeps the value: it is extended already. -1i32 as u64 keeps its sign bits, as C does.
        let keeps = b.bytes > a.bytes && (b.signed || !a.signed) || (a == b) || b.bytes == 8;
        Ok(if keeps { v } else { self.extend(v, b) })
    }

    fn call_scalar(&mut self, f: Func, args: &[Expr], e: &Expr) -> Result<Reg> {
        self.at(e.span);
        let arg = |g: &mut Self, i: usize| match args.get(i) {
            Some(a) => g.scalar(a),
            None => Ok(g.f.b.imm(0)),
        };
        match f {
            Func::KSym => arg(self, 0),
            Func::StrLen => match args.first() {
                Some(s) => self.strlen(s),
                None => Ok(self.f.b.imm(0)),
            },
            Func::StrContains => match args {
                [hay, needle] => self.str_contains(hay, needle),
                _ => Ok(self.f.b.imm(0)),
            },
            Func::Register { offset } => {
                let ctx = self.f.ctx;
                Ok(self.load_at(Mem::at(ctx).plus(offset), Width::B8))
            }
            Func::SendSignal => {
                self.needs_kernel("signal()", 5, 3)?;
                let n = arg(self, 0)?;
                Ok(self.call(helper::SEND_SIGNAL, &[n.into()]))
            }
            Func::Override => {
                let (ctx, v) = (self.f.ctx, arg(self, 0)?);
                Ok(self.call(helper::OVERRIDE_RETURN, &[ctx.into(), v.into()]))
            }
            Func::Bswap => {
                let src = arg(self, 0)?;
                let Some(width) = Width::of_bytes(e.ty.size()).filter(|w| *w != Width::B1) else {
                    return Ok(src);
                };
                let dst = self.f.b.reg();
                self.f.b.push(Inst::Bswap { dst, src, width });
                Ok(self.normal(dst, &e.ty))
            }
            Func::PerCpuPtr => {
                let (base, cpu) = (arg(self, 0)?, arg(self, 1)?);
                self.per_cpu_address(base, cpu, args.get(2))
            }
            Func::TracePrintk => self.trace_printk(args),
            Func::StrUser
            | Func::StrKernel
            | Func::BufUser
            | Func::BufKernel
            | Func::BufMem
            | Func::USym
            | Func::StackTrace
            | Func::Ntop
            | Func::MacAddr => {
                self.mem(e)?;
                Ok(self.f.b.imm(0))
            }
        }
    }

    /// base + __per_cpu_offset[cpu]; the table's address comes as a third argument.
    fn per_cpu_address(&mut self, base: Reg, cpu: Reg, table: Option<&Expr>) -> Result<Reg> {
        let Some(table) = table else {
            return Ok(base);
        };
        let table = self.scalar(table)?;
        let at = self.f.b.alu(Alu::Lsh, cpu, 3);
        let at = self.f.b.alu(Alu::Add, table, at);
        let mark = self.mark();
        let m = self.alloc(8);
        self.store_imm(m, 0, Width::B8);
        self.probe_read(helper::PROBE_READ_KERNEL, m, 8, at);
        let off = self.load_at(m, Width::B8);
        self.release(mark);
        Ok(self.f.b.alu(Alu::Add, base, off))
    }

    fn trace_printk(&mut self, args: &[Expr]) -> Result<Reg> {
        let Some((format, rest)) = args.split_first() else {
            return Ok(self.f.b.imm(0));
        };
        let m = self.mem(format)?;
        let mut call: Vec<Src> = Vec::with_capacity(5);
        for a in rest.iter().take(3) {
            let r = if a.ty.is_scalar() {
                self.scalar(a)?
            } else {
                let m = self.mem(a)?;
                self.addr(m)
            };
            call.push(r.into());
        }
        let f = self.addr(m);
        call.splice(0..0, [f.into(), (format.ty.size() as i32).into()]);
        Ok(self.call(helper::TRACE_PRINTK, &call))
    }

    fn bump(&mut self, target: &Target, delta: i64, post: bool, ty: &Ty) -> Result<Reg> {
        let old = match target {
            Target::Var(v) => match self.vars.get(v).copied() {
                Some(Place::Reg(r)) => {
                    let old = self.f.b.copy(r);
                    let new = self.add_const(r, delta);
                    let new = self.normal(new, ty);
                    self.f.b.mov(r, new);
                    old
                }
                Some(Place::Mem(m)) => {
                    let old = self.load_scalar(m, ty);
                    let new = self.add_const(old, delta);
                    self.store_at(m, new, width(ty));
                    old
                }
                None => self.f.b.imm(0),
            },
            Target::Map { map, key } => self.bump_map(*map, key.as_deref(), delta, ty)?,
        };
        if post {
            return Ok(old);
        }
        let new = self.add_const(old, delta);
        Ok(self.normal(new, ty))
    }

    pub(super) fn add_const(&mut self, r: Reg, delta: i64) -> Reg {
        match i32::try_from(delta) {
            Ok(d) => self.f.b.alu(Alu::Add, r, d),
            Err(_) => {
                let d = self.f.b.imm(delta);
                self.f.b.alu(Alu::Add, r, d)
            }
        }
    }

    /// Runs one of two bodies and goes on after both.
    pub(super) fn either(
        &mut self,
        cond: &Expr,
        then: impl FnOnce(&mut Self) -> Result<()>,
        els: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let (yes, no, out) = (self.f.b.block(), self.f.b.block(), self.f.b.block());
        self.cond(cond, yes, no)?;
        self.f.b.switch(yes);
        then(self)?;
        self.f.b.jump(out);
        self.f.b.switch(no);
        els(self)?;
        self.f.b.jump(out);
        self.f.b.switch(out);
        Ok(())
    }

    /// The element's place; jumps to `outside` when the index is past the end.
    pub(super) fn element(&mut self, base: &Expr, index: &Expr, outside: Block) -> Result<Mem> {
        let (elem, count) = match &base.ty {
            Ty::Array(t, n) => (t.size(), *n),
            Ty::Str(n) => (1, *n),
            _ => return Err(Error::Unsupported { what: "indexing this value", span: base.span }),
        };
        if let ExprKind::Const(i) = index.kind {
            let m = self.mem(base)?;
            if i >= u64::from(count) {
                self.f.b.jump(outside);
                let rest = self.f.b.block();
                self.f.b.switch(rest);
                return Ok(m);
            }
            return Ok(m.plus(i as u32 * elem));
        }
        // A variable offset into the stack costs the verifier its knowledge of the stack: use the frame.
        let m = self.frame_alloc(base.ty.size());
        self.store(base, m, &base.ty)?;
        let i = self.scalar(index)?;
        let inside = self.f.b.block();
        self.f.b.branch(Cond::Ge, i, count as i32, outside, inside);
        self.f.b.switch(inside);
        let off = self.f.b.alu(Alu::Mul, i, elem as i32);
        let p = self.addr(m);
        Ok(Mem::at(self.f.b.alu(Alu::Add, p, off)))
    }

    /// Evaluates for effects.
    pub(super) fn effect(&mut self, e: &Expr) -> Result<()> {
        self.scalar_or_effect(e).map(|_| ())
    }

    pub(super) fn set_returned(&mut self) {
        self.f.uses_return = true;
        if let Some(m) = self.f.returned {
            self.store_imm(m, 1, Width::B8);
        }
    }
}

/// Access width of a scalar type.
pub(super) fn width(ty: &Ty) -> Width {
    ty.as_int().and_then(|i| Width::of_bytes(i.bytes.into())).unwrap_or(Width::B8)
}

pub(super) fn read_helper(space: Space) -> u32 {
    match space {
        Space::User => helper::PROBE_READ_USER,
        Space::Kernel | Space::Bpf => helper::PROBE_READ_KERNEL,
    }
}
