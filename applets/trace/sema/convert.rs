//! Conversions: those the language makes by itself, and casts as written.
//!
//! Neighbours: `infer` decides the common type, this room gets a value there; `lower` knows every `Cast` it sees.

use std::rc::Rc;

use super::Sema;
use super::infer::type_name;
use super::value::{Value, block, cast, fit, node, not};
use crate::diag::Span;
use crate::tree::{Expr, ExprKind, Stmt};
use crate::ty::{Int, Space, Tuple, Ty};

impl Sema<'_> {
    /// Gets a value into a type that [`super::infer::join`] made of its own and others.
    pub(super) fn convert(&mut self, expr: Expr, to: &Ty) -> Option<Expr> {
        if expr.ty == *to {
            return Some(expr);
        }
        let span = expr.span;
        match (&expr.ty, to) {
            // A shorter text may stand where a longer one is wanted.
            (Ty::Str(have), Ty::Str(want)) | (Ty::Buf(have), Ty::Buf(want)) if have <= want => Some(expr),
            (Ty::Str(_), Ty::Str(_)) => Some(cast(expr, to.clone())),
            (Ty::Tuple(_), Ty::Tuple(want)) => self.convert_tuple(expr, &want.clone()),
            (have, want) if have.is_scalar() && want.is_scalar() => Some(cast(expr, want.clone())),
            (have, want) => {
                let (have, want) = (type_name(have), type_name(want));
                self.fail(span, format!("Type mismatch: '{have}' cannot become '{want}'"))
            }
        }
    }

    fn convert_tuple(&mut self, expr: Expr, want: &Rc<Tuple>) -> Option<Expr> {
        let Ty::Tuple(have) = expr.ty.clone() else { return Some(expr) };
        let span = expr.span;
        let order: Option<Vec<usize>> = want
            .fields
            .iter()
            .enumerate()
            .map(|(i, field)| match &field.name {
                Some(_) => have.fields.iter().position(|f| f.name == field.name),
                None => Some(i),
            })
            .collect();
        let order = order?;
        let in_order = order.iter().enumerate().all(|(i, at)| i == *at);
        let ty = Ty::Tuple(Rc::clone(want));
        match expr.kind {
            ExprKind::Tuple(items) if in_order => {
                let items = items
                    .into_iter()
                    .zip(&want.fields)
                    .map(|(item, field)| self.convert(item, &field.ty))
                    .collect::<Option<Vec<_>>>()?;
                Some(node(ExprKind::Tuple(items), ty, span))
            }
            _ if in_order => Some(node(ExprKind::Cast(Box::new(expr)), ty, span)),
            _ => {
                // Evaluated in the order written, stored in the order of the type.
                let mut stmts = Vec::new();
                let place = order.iter().fold(span.start as usize, |place, at| place * 31 + at);
                let kept = self.keep_wide(place, expr, &mut stmts);
                let items = order
                    .iter()
                    .zip(&want.fields)
                    .map(|(at, field)| {
                        let from = &have.fields[*at];
                        let kind =
                            ExprKind::Part { base: Box::new(kept.clone()), offset: from.offset, bits: None };
                        self.convert(node(kind, from.ty.clone(), span), &field.ty)
                    })
                    .collect::<Option<Vec<_>>>()?;
                Some(block(stmts, Some(node(ExprKind::Tuple(items), ty, span)), span))
            }
        }
    }

    /// Like `keep`, for a value found by where it is written rather than by its node.
    fn keep_wide(&mut self, place: usize, expr: Expr, stmts: &mut Vec<Stmt>) -> Expr {
        let what = format!("reorder{}:{}", expr.span.end, type_name(&expr.ty));
        self.keep(place, &what, expr, stmts)
    }

    /// `(type)value` as written.
    pub(super) fn cast_value(&mut self, value: Value, to: Ty, span: Span) -> Option<Value> {
        let from = value.ty().clone();
        let bad = |sema: &mut Self| {
            let (from, to) = (type_name(&from), type_name(&to));
            sema.fail(span, format!("Cannot cast from \"{from}\" to \"{to}\""))
        };
        match (&from, &to) {
            (Ty::Void | Ty::Agg(_), _) | (_, Ty::Void | Ty::Agg(_)) => bad(self),
            (Ty::Str(_), Ty::Bool) => match value.literal_str() {
                Some(text) => Some(Value::bool(!text.is_empty(), span)),
                None => Some(Value::of(not(not(value.expr))).at(span)),
            },
            (_, Ty::Bool) => match self.truth(value) {
                Some(truth) => Some(Value::of(truth).at(span)),
                None => bad(self),
            },
            (Ty::Array(of, n), Ty::Int(int)) if is_plain(of) && of.size() * n == u32::from(int.bytes) => {
                Some(Value::new(ExprKind::Cast(Box::new(value.expr)), to, span))
            }
            (_, Ty::Enum(def))
                if value.literal && value.constant().is_some_and(|n| def.name_of(n).is_none()) =>
            {
                let (name, n) = (def.name.clone(), value.literal_number().unwrap_or_default());
                self.fail(span, format!("Enum: {name} doesn't contain a variant value of {n}"))
            }
            (have, Ty::Int(_) | Ty::Enum(_)) if have.is_scalar() => {
                let space = value.space.or(match have {
                    Ty::Ptr(_, space) => Some(*space),
                    _ => None,
                });
                Some(Value::of(cast(value.expr, to)).at(span).in_space(space))
            }
            (have, Ty::Ptr(pointee, _)) if have.is_scalar() => {
                let space = self.space_of(&value);
                let ty = Ty::Ptr(Rc::clone(pointee), space);
                // An address is not negative: a narrow number keeps its bits, without its sign.
                let bytes = have.size() as u8;
                let plain = cast(value.expr, Ty::Int(Int { bytes, signed: false }));
                Some(Value::of(cast(cast(plain, Ty::U64), ty)).at(span))
            }
            (have, Ty::Array(of, n)) => match self.cast_to_array(value, have, of, *n, span) {
                Some(value) => Some(value),
                None => bad(self),
            },
            (Ty::Array(of, n), Ty::Str(want)) if of.size() == 1 => {
                let size = if *want == 0 { *n } else { *want };
                Some(Value::new(ExprKind::Cast(Box::new(value.expr)), Ty::Str(size), span))
            }
            (Ty::Str(_), Ty::Str(want)) => {
                if *want == 0 {
                    return Some(value.at(span));
                }
                Some(Value::of(cast(value.expr, Ty::Str(*want))).at(span))
            }
            (have, Ty::Str(want)) if have.is_scalar() => {
                let limit = if *want == 0 { self.config.max_strlen } else { *want };
                Some(self.read_str(value, limit, None, span))
            }
            (have, Ty::Buf(want)) if have.is_scalar() => {
                let limit = super::value::const_u64((*want).into(), span);
                Some(self.read_buf(value, *want, limit, span))
            }
            (have, Ty::Username | Ty::KSym) if have.is_scalar() => {
                Some(Value::of(cast(cast(value.expr, Ty::U64), to)).at(span))
            }
            (Ty::Tuple(_), Ty::Tuple(_)) => {
                let expr = self.convert(value.expr, &to)?;
                Some(Value::of(expr).at(span))
            }
            (have, want) if have == want => Some(value.at(span)),
            _ => bad(self),
        }
    }

    fn cast_to_array(&mut self, value: Value, have: &Ty, of: &Rc<Ty>, n: u32, span: Span) -> Option<Value> {
        if !is_plain(of) {
            return if *have == Ty::Array(Rc::clone(of), n) { Some(value) } else { None };
        }
        let size = match have {
            Ty::Str(len) => {
                // An array may be longer than the text, not shorter.
                if n != 0 && n * of.size() < *len {
                    return None;
                }
                let len = if n == 0 { len / of.size() } else { n };
                let ty = Ty::Array(Rc::clone(of), len);
                return Some(Value::new(ExprKind::Cast(Box::new(value.expr)), ty, span));
            }
            Ty::Array(..) | Ty::Buf(_) => have.size(),
            scalar if scalar.is_scalar() => scalar.size(),
            _ => return None,
        };
        let count = if n == 0 { size / of.size() } else { n };
        let bytes = count * of.size();
        let mut expr = value.expr;
        if bytes != size {
            // A literal has the width that is asked of it.
            let int = match bytes {
                1 | 2 | 4 | 8 if value.literal => Int { bytes: bytes as u8, signed: have.is_signed() },
                _ => return None,
            };
            expr = match expr.kind {
                ExprKind::Const(n) => node(ExprKind::Const(fit(n, int)), Ty::Int(int), span),
                _ => return None,
            };
        }
        Some(Value::new(ExprKind::Cast(Box::new(expr)), Ty::Array(Rc::clone(of), count), span))
    }

    /// `kptr(p)` and `uptr(p)`: the same value, pointing elsewhere.
    pub(super) fn with_space(&mut self, mut value: Value, space: Space) -> Value {
        if let Ty::Ptr(to, _) = value.ty().clone() {
            value.expr = cast(value.expr, Ty::Ptr(to, space));
        }
        value.in_space(Some(space))
    }
}

fn is_plain(ty: &Ty) -> bool {
    matches!(ty, Ty::Int(_) | Ty::Bool)
}
