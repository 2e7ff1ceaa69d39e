//! Operators: folding of literals, promotion of integers, scaling of pointers, comparison of what has bytes.
//!
//! Arithmetic is done in 64 bits; it is signed when an operand is, or when it subtracts. Neighbours: `exprs` hands
//! the operands over, `infer` says what a literal's sign may still become.

use super::Sema;
use super::infer::{Flex, type_name};
use super::value::{Value, binary, block, cast, compare, const_u64, node, not};
use crate::diag::Span;
use crate::syntax::ast::{self, BinaryOp, UnaryOp};
use crate::tree::{BinOp, CmpOp, EventKind, Expr, ExprKind, PrintLevel};
use crate::ty::{Int, Space, Ty};

impl Sema<'_> {
    /// `place` is an address that no other operation of the program shares.
    pub(super) fn binary_values(
        &mut self,
        op: BinaryOp,
        left: Value,
        right: Value,
        span: Span,
        place: usize,
    ) -> Option<Value> {
        if let Some(folded) = self.fold(op, &left, &right, span) {
            return folded;
        }
        if matches!(op, BinaryOp::And | BinaryOp::Or) {
            return self.logical(op, left, right, span);
        }
        match (left.ty(), right.ty()) {
            (Ty::Ptr(..), _) | (_, Ty::Ptr(..)) => self.pointer_op(op, left, right, span),
            (a, b) if is_number(a) && is_number(b) => match comparison(op) {
                Some(cmp) => Some(compare_numbers(cmp, left, right, span)),
                None => Some(self.arithmetic(op, left, right, span, place)),
            },
            _ => match comparison(op) {
                Some(cmp) => self.compare_bytes(cmp, op, left, right, span, place),
                None => self.invalid(op, &left, &right, span),
            },
        }
    }

    fn invalid<T>(&mut self, op: BinaryOp, left: &Value, right: &Value, span: Span) -> Option<T> {
        let (a, b) = (type_name(left.ty()), type_name(right.ty()));
        let op = op.symbol();
        self.fail(span, format!("The {op} operator can not be used on expressions of types {a}, {b}"))
    }

    /// Both sides known while compiling. The outer `None`: they are not.
    fn fold(&mut self, op: BinaryOp, left: &Value, right: &Value, span: Span) -> Option<Option<Value>> {
        if let (Some(a), Some(b)) = (left.literal_str(), right.literal_str()) {
            return match op {
                BinaryOp::Eq => Some(Some(Value::bool(a == b, span))),
                BinaryOp::Ne => Some(Some(Value::bool(a != b, span))),
                _ => None,
            };
        }
        let (a, b) = (left.literal_number()?, right.literal_number()?);
        let bools = *left.ty() == Ty::Bool && *right.ty() == Ty::Bool;
        // A known size or cast keeps its type; only bare literals are folded to the smallest one.
        if !bools && (is_wide_constant(left) || is_wide_constant(right)) && comparison(op).is_none() {
            return None;
        }
        let truth = |value: bool| Some(Some(Value::bool(value, span)));
        let number = match op {
            BinaryOp::Or => return truth(a != 0 || b != 0),
            BinaryOp::And => return truth(a != 0 && b != 0),
            BinaryOp::Eq => return truth(a == b),
            BinaryOp::Ne => return truth(a != b),
            BinaryOp::Lt => return truth(a < b),
            BinaryOp::Le => return truth(a <= b),
            BinaryOp::Gt => return truth(a > b),
            BinaryOp::Ge => return truth(a >= b),
            BinaryOp::BitOr => a | b,
            BinaryOp::BitXor => a ^ b,
            BinaryOp::BitAnd => a & b,
            BinaryOp::Shl | BinaryOp::Shr if !(0..64).contains(&b) => {
                return Some(
                    self.fail(span, format!("cannot shift by {b}: only 0 to 63 bits can be shifted")),
                );
            }
            BinaryOp::Shl => a << b,
            BinaryOp::Shr => a >> b,
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => a.checked_mul(b)?,
            BinaryOp::Div | BinaryOp::Mod if b == 0 => return None,
            BinaryOp::Div => a / b,
            BinaryOp::Mod => a % b,
        };
        if bools {
            return truth(number != 0);
        }
        Some(match (i64::try_from(number), u64::try_from(number)) {
            (Ok(small), _) => Some(Value::int(small, span)),
            (_, Ok(large)) => Some(Value::uint(large, span)),
            _ => self.fail(span, format!("the value of this expression does not fit in 64 bits: {number}")),
        })
    }

    fn logical(&mut self, op: BinaryOp, left: Value, right: Value, span: Span) -> Option<Value> {
        let (a, b) = (type_name(left.ty()), type_name(right.ty()));
        let (left, right) = (self.truth(left), self.truth(right));
        let (Some(left), Some(right)) = (left, right) else {
            let op = op.symbol();
            return self
                .fail(span, format!("The {op} operator can not be used on expressions of types {a}, {b}"));
        };
        let kind = match op {
            BinaryOp::And => ExprKind::And(Box::new(left), Box::new(right)),
            _ => ExprKind::Or(Box::new(left), Box::new(right)),
        };
        Some(Value::new(kind, Ty::Bool, span))
    }

    /// As a condition; `None` for what is neither true nor false.
    pub(super) fn truth(&mut self, value: Value) -> Option<Expr> {
        match value.ty() {
            Ty::Bool => Some(value.expr),
            ty if ty.is_scalar() => Some(cast(value.expr, Ty::Bool)),
            _ => None,
        }
    }

    fn arithmetic(&mut self, op: BinaryOp, left: Value, right: Value, span: Span, place: usize) -> Value {
        let bools = *left.ty() == Ty::Bool && *right.ty() == Ty::Bool;
        let (left_signed, right_signed) = signs(&left, &right);
        // The right side of a shift says only how far.
        let signed = match op {
            BinaryOp::Shl | BinaryOp::Shr => left_signed,
            _ => left_signed || right_signed || op == BinaryOp::Sub,
        };
        let ty = if signed { Ty::I64 } else { Ty::U64 };
        let space = match op {
            BinaryOp::Add | BinaryOp::Sub => left.space.or(right.space),
            _ => None,
        };
        let (lhs, rhs) = (cast(left.expr, ty.clone()), cast(right.expr, ty.clone()));
        let expr = match op {
            BinaryOp::Div | BinaryOp::Mod => self.divide(op, lhs, rhs, span, place),
            _ => binary(machine_op(op), lhs, rhs, span),
        };
        Value::of(if bools { cast(expr, Ty::Bool) } else { expr }).in_space(space)
    }

    /// Division by nought is a warning and gives 1, as users of the language know it.
    fn divide(&mut self, op: BinaryOp, lhs: Expr, rhs: Expr, span: Span, place: usize) -> Expr {
        let op = machine_op(op);
        if matches!(rhs.kind, ExprKind::Const(n) if n != 0) {
            return binary(op, lhs, rhs, span);
        }
        let ty = lhs.ty.clone();
        let mut stmts = Vec::new();
        let lhs = self.keep(place, "dividend", lhs, &mut stmts);
        let rhs = self.keep(place, "divisor", rhs, &mut stmts);
        let format = "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as \
                      the result.";
        let warning = EventKind::Printf { format: format.into(), level: PrintLevel::Warn };
        let event = self.event(warning, Vec::new(), span);
        let warn = node(ExprKind::Emit { event, args: Vec::new() }, Ty::Void, span);
        let one = node(ExprKind::Const(1), ty.clone(), span);
        let zero = node(ExprKind::Const(0), ty.clone(), span);
        let is_zero = compare(CmpOp::Eq, rhs.clone(), zero, span);
        let then = Box::new(block(vec![crate::tree::Stmt::Expr(warn)], Some(one), span));
        let els = Box::new(binary(op, lhs, rhs, span));
        let result = node(ExprKind::If { cond: Box::new(is_zero), then, els }, ty, span);
        block(stmts, Some(result), span)
    }

    fn pointer_op(&mut self, op: BinaryOp, left: Value, right: Value, span: Span) -> Option<Value> {
        if let Some(cmp) = comparison(op) {
            let comparable = |ty: &Ty| matches!(ty, Ty::Ptr(..) | Ty::Int(_) | Ty::Bool | Ty::Enum(_));
            if !comparable(left.ty()) || !comparable(right.ty()) {
                return self.invalid(op, &left, &right, span);
            }
            let (lhs, rhs) = (cast(left.expr, Ty::U64), cast(right.expr, Ty::U64));
            return Some(Value::of(compare(cmp, lhs, rhs, span)));
        }
        let pointer_left = matches!(left.ty(), Ty::Ptr(..));
        let fits = match op {
            BinaryOp::Add => is_number(left.ty()) || is_number(right.ty()),
            BinaryOp::Sub => pointer_left && is_number(right.ty()),
            _ => false,
        };
        if !fits {
            return self.invalid(op, &left, &right, span);
        }
        let (pointer, number) = if pointer_left { (left, right) } else { (right, left) };
        let Ty::Ptr(to, _) = pointer.ty().clone() else { return None };
        let ty = pointer.ty().clone();
        let size = self.size_of(&to, span)?.max(1);
        // Sign-extended, so that a negative step goes back.
        let wide = if number.ty().is_signed() { Ty::I64 } else { Ty::U64 };
        let step = cast(cast(number.expr, wide), Ty::U64);
        let step = match step.kind {
            ExprKind::Const(n) => const_u64(n.wrapping_mul(size.into()), span),
            _ if size == 1 => step,
            _ => binary(BinOp::Mul, step, const_u64(size.into(), span), span),
        };
        let moved = binary(machine_op(op), cast(pointer.expr, Ty::U64), step, span);
        Some(Value::of(cast(moved, ty)))
    }

    /// `==` and `!=` of strings, buffers, arrays, tuples and other values wider than a register.
    fn compare_bytes(
        &mut self,
        cmp: CmpOp,
        op: BinaryOp,
        left: Value,
        right: Value,
        span: Span,
        place: usize,
    ) -> Option<Value> {
        let negate = match cmp {
            CmpOp::Eq => false,
            CmpOp::Ne => true,
            _ => return self.invalid(op, &left, &right, span),
        };
        match (left.ty().clone(), right.ty().clone()) {
            (Ty::Str(a), Ty::Str(b)) => Some(bytes_equal(left.expr, right.expr, a.max(b), negate, span)),
            (Ty::Buf(a), Ty::Buf(b)) => Some(bytes_equal(left.expr, right.expr, a.max(b), negate, span)),
            (Ty::Array(x, n), Ty::Array(y, m)) if x == y && n == m => {
                Some(bytes_equal(left.expr, right.expr, n * x.size(), negate, span))
            }
            (Ty::Array(of, n), b) if is_number(&b) && of.size() * n == b.size() => {
                let number = cast(left.expr, Ty::Int(Int { bytes: b.size() as u8, signed: false }));
                Some(compare_numbers(cmp, Value::of(number), right, span))
            }
            (a, Ty::Array(of, n)) if is_number(&a) && of.size() * n == a.size() => {
                let number = cast(right.expr, Ty::Int(Int { bytes: a.size() as u8, signed: false }));
                Some(compare_numbers(cmp, left, Value::of(number), span))
            }
            (Ty::Tuple(_), Ty::Tuple(_)) => {
                let equal = self.compare_tuples(op, left, right, "", span, place)?;
                Some(if negate { Value::of(not(equal.expr)) } else { equal })
            }
            (a, b) if a == b && a.is_scalar() => {
                Some(Value::of(compare(cmp, cast(left.expr, Ty::U64), cast(right.expr, Ty::U64), span)))
            }
            (a, b) => {
                let (a, b, op) = (type_name(&a), type_name(&b), op.symbol());
                self.fail(span, format!("Type mismatch for '{op}': comparing {a} with {b}"))
            }
        }
    }

    /// `path` tells the temporaries of nested tuples apart.
    fn compare_tuples(
        &mut self,
        op: BinaryOp,
        left: Value,
        right: Value,
        path: &str,
        span: Span,
        place: usize,
    ) -> Option<Value> {
        let Some(joined) = super::infer::join(&left.typed(), &right.typed()) else {
            let (a, b, op) = (type_name(left.ty()), type_name(right.ty()), op.symbol());
            return self.fail(span, format!("Type mismatch for '{op}': comparing {a} with {b}"));
        };
        let Ty::Tuple(tuple) = &joined.ty else { return None };
        let mut stmts = Vec::new();
        let left = self.convert(left.expr, &joined.ty)?;
        let right = self.convert(right.expr, &joined.ty)?;
        let left = Value::of(self.keep(place, &format!("left{path}"), left, &mut stmts));
        let right = Value::of(self.keep(place, &format!("right{path}"), right, &mut stmts));
        let mut equal = Value::bool(true, span);
        for (i, field) in tuple.fields.iter().enumerate().rev() {
            let a = self.tuple_field(left.clone(), i as u64, span)?;
            let b = self.tuple_field(right.clone(), i as u64, span)?;
            let same = match &field.ty {
                Ty::Tuple(_) => {
                    self.compare_tuples(BinaryOp::Eq, a, b, &format!("{path}.{i}"), span, place)?
                }
                _ => self.binary_values(BinaryOp::Eq, a, b, span, place)?,
            };
            equal = match equal.constant() {
                Some(_) => same,
                None => self.binary_values(BinaryOp::And, same, equal, span, place)?,
            };
        }
        Some(Value::of(block(stmts, Some(equal.expr), span)))
    }

    pub(super) fn unary(&mut self, op: UnaryOp, operand: &ast::Expr, span: Span) -> Option<Value> {
        match op {
            UnaryOp::AddrOf => return self.address_of(operand, span),
            UnaryOp::Deref => {
                let value = self.expr(operand)?;
                return self.deref(value, span);
            }
            _ => {}
        }
        let value = self.expr(operand)?;
        if op == UnaryOp::Not {
            if let Some(n) = value.literal_number() {
                return Some(Value::bool(n == 0, span));
            }
            let ty = type_name(value.ty());
            return match self.truth(value) {
                Some(truth) => Some(Value::of(not(truth))),
                None => {
                    self.fail(span, format!("The ! operator can not be used on expressions of type '{ty}'"))
                }
            };
        }
        if !matches!(value.ty(), Ty::Int(_) | Ty::Enum(_)) {
            let (ty, op) = (type_name(value.ty()), if op == UnaryOp::Neg { "-" } else { "~" });
            return self
                .fail(span, format!("The {op} operator can not be used on expressions of type '{ty}'"));
        }
        if let (Some(n), false) = (value.literal_number(), is_wide_constant(&value)) {
            let result = if op == UnaryOp::Neg { -n } else { !n };
            return match i64::try_from(result) {
                Ok(result) => Some(Value::int(result, span)),
                Err(_) if op == UnaryOp::BitNot => Some(Value::uint(!(n as u64), span)),
                Err(_) => self.fail(span, format!("{result} does not fit in 64 signed bits")),
            };
        }
        let signed = value.ty().is_signed() || op == UnaryOp::Neg;
        let ty = if signed { Ty::I64 } else { Ty::U64 };
        let wide = Box::new(cast(value.expr, ty.clone()));
        let kind = if op == UnaryOp::Neg { ExprKind::Neg(wide) } else { ExprKind::BitNot(wide) };
        Some(Value::new(kind, ty, span))
    }

    /// Where a value points when it is used as an address.
    pub(super) fn space_of(&self, value: &Value) -> Space {
        match value.ty() {
            Ty::Ptr(_, space) => *space,
            _ => value.space.unwrap_or_else(|| self.default_space()),
        }
    }
}

fn is_number(ty: &Ty) -> bool {
    matches!(ty, Ty::Int(_) | Ty::Enum(_) | Ty::Bool)
}

/// A constant that came with a type of its own, like a size.
fn is_wide_constant(value: &Value) -> bool {
    *value.ty() == Ty::U64
        && value.flex == Flex::No
        && value.constant().is_some_and(|n| i64::try_from(n).is_ok())
}

/// Signs of two integers, an open one following the other.
fn signs(left: &Value, right: &Value) -> (bool, bool) {
    let (a, b) = (left.ty().is_signed(), right.ty().is_signed());
    match (left.flex == Flex::Yes, right.flex == Flex::Yes) {
        (true, false) => (b, b),
        (false, true) => (a, a),
        _ => (a, b),
    }
}

fn compare_numbers(cmp: CmpOp, left: Value, right: Value, span: Span) -> Value {
    let (a, b) = signs(&left, &right);
    // A narrower unsigned number is a signed 64-bit one too; only u64 itself forces an unsigned comparison.
    let full = |value: &Value, signed: bool| !signed && value.ty().size() == 8;
    let signed = (a || b) && !full(&left, a) && !full(&right, b);
    let ty = if signed { Ty::I64 } else { Ty::U64 };
    Value::of(compare(cmp, cast(left.expr, ty.clone()), cast(right.expr, ty), span))
}

pub(super) fn bytes_equal(lhs: Expr, rhs: Expr, max: u32, negate: bool, span: Span) -> Value {
    let kind = ExprKind::BytesEq { lhs: Box::new(lhs), rhs: Box::new(rhs), max, negate };
    Value::new(kind, Ty::Bool, span)
}

fn comparison(op: BinaryOp) -> Option<CmpOp> {
    Some(match op {
        BinaryOp::Eq => CmpOp::Eq,
        BinaryOp::Ne => CmpOp::Ne,
        BinaryOp::Lt => CmpOp::Lt,
        BinaryOp::Le => CmpOp::Le,
        BinaryOp::Gt => CmpOp::Gt,
        BinaryOp::Ge => CmpOp::Ge,
        _ => return None,
    })
}

/// Of an arithmetic operator; the others are handled before.
fn machine_op(op: BinaryOp) -> BinOp {
    match op {
        BinaryOp::Sub => BinOp::Sub,
        BinaryOp::Mul => BinOp::Mul,
        BinaryOp::Div => BinOp::Div,
        BinaryOp::Mod => BinOp::Mod,
        BinaryOp::BitAnd => BinOp::And,
        BinaryOp::BitOr => BinOp::Or,
        BinaryOp::BitXor => BinOp::Xor,
        BinaryOp::Shl => BinOp::Shl,
        BinaryOp::Shr => BinOp::Shr,
        _ => BinOp::Add,
    }
}
