//! An expression under construction: the typed node, and what inference still needs to know of it.
//!
//! Neighbours: every room of `sema` makes and takes [`Value`]s; only their `expr` reaches the tree.

use std::rc::Rc;

use super::infer::{Flex, Typed, literal_int, negative_int};
use crate::diag::Span;
use crate::tree::{BinOp, CmpOp, Expr, ExprKind, Stmt};
use crate::ty::{Int, Space, Ty};

#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) expr: Expr,
    pub(super) flex: Flex,
    /// Written as a literal, or folded from literals.
    pub(super) literal: bool,
    /// Where an integer points when it is used as an address, if that is known.
    pub(super) space: Option<Space>,
}

impl Value {
    pub(super) fn new(kind: ExprKind, ty: Ty, span: Span) -> Value {
        Value { expr: Expr { kind, ty, span }, flex: Flex::No, literal: false, space: None }
    }

    pub(super) fn of(expr: Expr) -> Value {
        Value { expr, flex: Flex::No, literal: false, space: None }
    }

    /// A literal that is not negative.
    pub(super) fn uint(value: u64, span: Span) -> Value {
        let (int, flex) = literal_int(value);
        let expr = Expr { kind: ExprKind::Const(value), ty: Ty::Int(int), span };
        Value { expr, flex, literal: true, space: None }
    }

    pub(super) fn int(value: i64, span: Span) -> Value {
        match u64::try_from(value) {
            Ok(positive) => Value::uint(positive, span),
            Err(_) => {
                let ty = Ty::Int(negative_int(value));
                let expr = Expr { kind: ExprKind::Const(value as u64), ty, span };
                Value { expr, flex: Flex::No, literal: true, space: None }
            }
        }
    }

    pub(super) fn bool(value: bool, span: Span) -> Value {
        let expr = Expr { kind: ExprKind::Const(value.into()), ty: Ty::Bool, span };
        Value { expr, flex: Flex::No, literal: true, space: None }
    }

    pub(super) fn str(bytes: &[u8], span: Span) -> Value {
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1) + 1;
        let expr = Expr { kind: ExprKind::Str(bytes.into()), ty: Ty::Str(size), span };
        Value { expr, flex: Flex::No, literal: true, space: None }
    }

    pub(super) fn ty(&self) -> &Ty {
        &self.expr.ty
    }

    pub(super) fn span(&self) -> Span {
        self.expr.span
    }

    pub(super) fn typed(&self) -> Typed {
        Typed::new(self.expr.ty.clone(), self.flex.clone())
    }

    pub(super) fn in_space(mut self, space: Option<Space>) -> Value {
        self.space = space;
        self
    }

    pub(super) fn at(mut self, span: Span) -> Value {
        self.expr.span = span;
        self
    }

    /// The 64-bit pattern of a scalar constant.
    pub(super) fn constant(&self) -> Option<u64> {
        match self.expr.kind {
            ExprKind::Const(value) => Some(value),
            _ => None,
        }
    }

    /// An integer or boolean literal as a wide number, so that both ends of 64 bits fit.
    pub(super) fn literal_number(&self) -> Option<i128> {
        let value = self.constant().filter(|_| self.literal)?;
        Some(number(value, &self.expr.ty))
    }

    pub(super) fn literal_str(&self) -> Option<&[u8]> {
        match &self.expr.kind {
            ExprKind::Str(bytes) if self.literal => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn literal_text(&self) -> Option<&str> {
        std::str::from_utf8(self.literal_str()?).ok()
    }
}

/// The number a stored pattern stands for.
pub(super) fn number(pattern: u64, ty: &Ty) -> i128 {
    if ty.is_signed() { i128::from(pattern as i64) } else { i128::from(pattern) }
}

/// A pattern cut to the width of a type and extended again by its sign.
pub(super) fn fit(pattern: u64, int: Int) -> u64 {
    let unused = 64 - u32::from(int.bytes) * 8;
    if int.signed { (((pattern << unused) as i64) >> unused) as u64 } else { (pattern << unused) >> unused }
}

/// Short ways to make nodes.
pub(super) fn node(kind: ExprKind, ty: Ty, span: Span) -> Expr {
    Expr { kind, ty, span }
}

pub(super) fn const_u64(value: u64, span: Span) -> Expr {
    node(ExprKind::Const(value), Ty::U64, span)
}

pub(super) fn cast(expr: Expr, ty: Ty) -> Expr {
    let span = expr.span;
    if expr.ty == ty {
        return expr;
    }
    if let (ExprKind::Const(value), Some(int)) = (&expr.kind, ty.as_int()) {
        let value = if ty == Ty::Bool { u64::from(*value != 0) } else { fit(*value, int) };
        return node(ExprKind::Const(value), ty, span);
    }
    node(ExprKind::Cast(Box::new(expr)), ty, span)
}

pub(super) fn binary(op: BinOp, lhs: Expr, rhs: Expr, span: Span) -> Expr {
    let ty = lhs.ty.clone();
    node(ExprKind::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }, ty, span)
}

pub(super) fn compare(op: CmpOp, lhs: Expr, rhs: Expr, span: Span) -> Expr {
    node(ExprKind::Compare { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }, Ty::Bool, span)
}

pub(super) fn not(expr: Expr) -> Expr {
    let span = expr.span;
    node(ExprKind::Not(Box::new(expr)), Ty::Bool, span)
}

pub(super) fn block(stmts: Vec<Stmt>, value: Option<Expr>, span: Span) -> Expr {
    if stmts.is_empty()
        && let Some(value) = value
    {
        return value;
    }
    let ty = value.as_ref().map_or(Ty::Void, |v| v.ty.clone());
    node(ExprKind::Block { stmts, value: value.map(Box::new) }, ty, span)
}

pub(super) fn text(bytes: &[u8]) -> Rc<str> {
    String::from_utf8_lossy(bytes).into()
}
