//! Conditions as branches: a comparison never becomes 0 or 1 first when only the jump is wanted.

use edgekit_bpf::ir::{Block, Cond, Src, Width};

use super::Result;
use super::r#gen::Gen;
use super::memory::Mem;
use crate::tree::{CmpOp, Expr, ExprKind};
use crate::ty::Ty;

/// A literal longer than this is compared from memory.
const LITERAL: usize = 128;

impl Gen<'_> {
    /// Jumps to `yes` when `e` is true (not zero, not empty), else to `no`.
    pub(super) fn cond(&mut self, e: &Expr, yes: Block, no: Block) -> Result<()> {
        match &e.kind {
            ExprKind::Const(v) => {
                self.f.b.jump(if *v != 0 { yes } else { no });
                Ok(())
            }
            ExprKind::Not(x) => self.cond(x, no, yes),
            ExprKind::And(a, b) => {
                let next = self.f.b.block();
                self.cond(a, next, no)?;
                self.f.b.switch(next);
                self.cond(b, yes, no)
            }
            ExprKind::Or(a, b) => {
                let next = self.f.b.block();
                self.cond(a, yes, next)?;
                self.f.b.switch(next);
                self.cond(b, yes, no)
            }
            ExprKind::Compare { op, lhs, rhs } => {
                let a = self.scalar(lhs)?;
                let b = match rhs.kind {
                    ExprKind::Const(v) => match i32::try_from(v as i64) {
                        Ok(i) => Src::Imm(i),
                        Err(_) => self.scalar(rhs)?.into(),
                    },
                    _ => self.scalar(rhs)?.into(),
                };
                self.f.b.branch(condition(*op, lhs.ty.is_signed()), a, b, yes, no);
                Ok(())
            }
            ExprKind::BytesEq { lhs, rhs, max, negate } => {
                let (same, differ) = if *negate { (no, yes) } else { (yes, no) };
                self.bytes_eq(lhs, rhs, *max, differ)?;
                self.f.b.jump(same);
                Ok(())
            }
            _ if matches!(e.ty, Ty::Str(_)) => {
                let m = self.mem(e)?;
                let first = self.load_at(m, Width::B1);
                self.f.b.branch(Cond::Ne, first, 0, yes, no);
                Ok(())
            }
            _ => {
                let v = self.scalar_or_effect(e)?;
                self.f.b.branch(Cond::Ne, v, 0, yes, no);
                Ok(())
            }
        }
    }

    /// Jumps to `differ` unless both are equal; strings are zero-filled, so bytes past a NUL are equal too and
    /// comparing the shorter one's size decides.
    fn bytes_eq(&mut self, lhs: &Expr, rhs: &Expr, max: u32, differ: Block) -> Result<()> {
        let bytes = max.min(lhs.ty.size()).min(rhs.ty.size());
        let (value, literal) = match (&lhs.kind, &rhs.kind) {
            (_, ExprKind::Str(s)) => (lhs, Some(s)),
            (ExprKind::Str(s), _) => (rhs, Some(s)),
            _ => (lhs, None),
        };
        match literal {
            Some(text) if bytes as usize <= LITERAL => {
                let m = self.mem(value)?;
                let mut want = text.to_vec();
                want.resize(bytes as usize, 0);
                self.compare_literal(m, &want, differ);
            }
            _ => {
                let (a, b) = (self.mem(lhs)?, self.mem(rhs)?);
                self.compare_bytes(a, b, bytes, differ);
            }
        }
        Ok(())
    }

    fn compare_literal(&mut self, m: Mem, want: &[u8], differ: Block) {
        for (at, w) in Self::pieces(m, m, want.len() as u32) {
            let mut word = [0u8; 8];
            let n = w.bytes() as usize;
            word[..n].copy_from_slice(&want[at as usize..at as usize + n]);
            let want = u64::from_le_bytes(word) as i64;
            let have = self.load_at(m.plus(at), w);
            let same = self.f.b.block();
            match i32::try_from(want) {
                Ok(i) => self.f.b.branch(Cond::Ne, have, i, differ, same),
                Err(_) => {
                    let want = self.f.b.imm(want);
                    self.f.b.branch(Cond::Ne, have, want, differ, same);
                }
            }
            self.f.b.switch(same);
        }
    }
}

fn condition(op: CmpOp, signed: bool) -> Cond {
    match (op, signed) {
        (CmpOp::Eq, _) => Cond::Eq,
        (CmpOp::Ne, _) => Cond::Ne,
        (CmpOp::Lt, false) => Cond::Lt,
        (CmpOp::Le, false) => Cond::Le,
        (CmpOp::Gt, false) => Cond::Gt,
        (CmpOp::Ge, false) => Cond::Ge,
        (CmpOp::Lt, true) => Cond::Slt,
        (CmpOp::Le, true) => Cond::Sle,
        (CmpOp::Gt, true) => Cond::Sgt,
        (CmpOp::Ge, true) => Cond::Sge,
    }
}
