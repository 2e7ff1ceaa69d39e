//! Functions on text, bytes and addresses of machines.

use std::net::IpAddr;
use std::rc::Rc;

use super::super::Sema;
use super::super::ops::bytes_equal;
use super::super::value::{Value, binary, cast, const_u64, node};
use crate::diag::Span;
use crate::syntax::ast::{self, BinaryOp};
use crate::tree::{BinOp, Expr, ExprKind, Func};
use crate::ty::{Int, Ty};

const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;

/// A positional parameter as it was given, and how many of its bytes to skip: `str($1)`, `str($1 + 1)`.
fn parameter(arg: &ast::Expr) -> Option<(u64, u64)> {
    match &arg.kind {
        ast::ExprKind::Positional(n) => Some((*n, 0)),
        ast::ExprKind::Binary { op: BinaryOp::Add, left, right } => match (&left.kind, &right.kind) {
            (ast::ExprKind::Positional(n), ast::ExprKind::Int(skip)) => Some((*n, skip.value)),
            (ast::ExprKind::Int(skip), ast::ExprKind::Positional(n)) => Some((*n, skip.value)),
            _ => None,
        },
        _ => None,
    }
}

fn parameter_text(sema: &mut Sema<'_>, n: u64, skip: u64, span: Span) -> Option<Value> {
    let at = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
    let text = at.and_then(|at| sema.options.params.get(at)).cloned().unwrap_or_default();
    let rest = usize::try_from(skip).ok().and_then(|skip| text.as_bytes().get(skip..));
    match rest {
        Some(rest) => Some(Value::str(rest, span)),
        None => {
            sema.fail(span, format!("cannot use offset that exceeds string size ({skip} > {})", text.len()))
        }
    }
}

/// How far a text read with a given length goes: known at once, or when the probe runs.
enum Limit {
    Default,
    Bytes(u32),
    Computed(Expr),
}

fn limit(sema: &mut Sema<'_>, call: &ast::Call, extra: u64) -> Option<Limit> {
    if call.args.len() < 2 {
        return Some(Limit::Default);
    }
    let max = u64::from(sema.config.max_strlen);
    let length = sema.integer(call, 1)?;
    let Some(number) = length.literal_number() else {
        let wide = cast(length.expr, Ty::U64);
        let span = wide.span;
        let more = if extra == 0 { wide } else { binary(BinOp::Add, wide, const_u64(extra, span), span) };
        return Some(Limit::Computed(more));
    };
    match u64::try_from(number) {
        Ok(bytes) if bytes + extra <= max => Some(Limit::Bytes((bytes + extra) as u32)),
        Ok(bytes) => {
            let name = &call.name.name;
            sema.warn(
                length.span(),
                format!(
                    "{name}(): length param ({bytes}) is too long and will be shortened to {max} bytes (see \
                     max_strlen)"
                ),
            );
            Some(Limit::Bytes(max as u32))
        }
        Err(_) => {
            let name = &call.name.name;
            sema.fail(length.span(), format!("{name}() cannot use negative length ({number})"))
        }
    }
}

pub(super) fn str(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = match parameter(&call.args[0]) {
        Some((n, skip)) => parameter_text(sema, n, skip, span),
        None => sema.arg(call, 0),
    };
    // The NUL comes on top of the length.
    let limit = limit(sema, call, 1);
    let (value, limit) = (value?, limit?);
    let max = sema.config.max_strlen;
    match value.ty().clone() {
        Ty::Str(size) => Some(cut(sema, value, size, limit, span)),
        Ty::Array(of, n) if of.size() == 1 => {
            let text = Value::new(ExprKind::Cast(Box::new(value.expr)), Ty::Str(n), span);
            Some(cut(sema, text, n, limit, span))
        }
        Ty::Int(_) | Ty::Ptr(..) => Some(match limit {
            Limit::Default => sema.read_str(value, max, None, span),
            Limit::Bytes(bytes) => sema.read_str(value, bytes, None, span),
            Limit::Computed(bytes) => sema.read_str(value, max, Some(bytes), span),
        }),
        _ => {
            let ty = sema.describe(&value);
            sema.fail(
                value.span(),
                format!(
                    "str() expects a string, integer or a pointer type as first argument ({ty} provided)"
                ),
            )
        }
    }
}

/// A text as a shorter one.
fn cut(sema: &mut Sema<'_>, value: Value, size: u32, limit: Limit, span: Span) -> Value {
    if let (ExprKind::Call(func @ (Func::StrUser | Func::StrKernel), args), false) =
        (&value.expr.kind, matches!(limit, Limit::Default))
        && let Some(addr) = args.first()
    {
        // Read no more than is wanted.
        let (func, addr) = (*func, addr.clone());
        let max = sema.config.max_strlen;
        let (size, bytes) = match limit {
            Limit::Bytes(bytes) => (bytes, const_u64(bytes.into(), span)),
            Limit::Computed(bytes) => (max, bytes),
            Limit::Default => (max, const_u64(max.into(), span)),
        };
        return Value::new(ExprKind::Call(func, vec![addr, bytes]), Ty::Str(size), span);
    }
    let bytes = match limit {
        Limit::Bytes(bytes) if bytes < size => bytes,
        Limit::Bytes(bytes) => {
            // A variable of this text may grow to the length that was asked for.
            if let Some(text) = value.literal_str().map(<[u8]>::to_vec) {
                let mut wide = Value::str(&text, span);
                wide.expr.ty = Ty::Str(bytes);
                return wide;
            }
            return value.at(span);
        }
        _ => return value.at(span),
    };
    match value.literal_str() {
        Some(text) => {
            let kept = (bytes as usize).saturating_sub(1).min(text.len());
            let text = text[..kept].to_vec();
            Value::str(&text, span)
        }
        None => Value::of(cast(value.expr, Ty::Str(bytes))).at(span),
    }
}

pub(super) fn buf(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = sema.arg(call, 0);
    let limit = limit(sema, call, 0);
    let (value, limit) = (value?, limit?);
    let max = sema.config.max_strlen;
    let own = match value.ty() {
        Ty::Array(..) => Some(value.ty().size().min(max)),
        _ => None,
    };
    let (size, length) = match limit {
        Limit::Bytes(bytes) => (bytes, const_u64(bytes.into(), span)),
        Limit::Computed(bytes) => (own.unwrap_or(max), bytes),
        Limit::Default => match own {
            Some(bytes) => (bytes, const_u64(bytes.into(), span)),
            None => {
                let ty = sema.describe(&value);
                return sema.fail(span, format!("buf() expects a length argument for non-array type {ty}"));
            }
        },
    };
    if let ExprKind::Call(Func::StrKernel, args) = &value.expr.kind
        && let [addr, ..] = args.as_slice()
        && matches!(addr.kind, ExprKind::CtxDataLoc { .. })
    {
        // Bytes of a located field may hold NULs, which reading it as text would stop at.
        let addr = Value::of(addr.clone());
        return Some(sema.read_buf(addr, size, length, span));
    }
    match value.ty() {
        Ty::Array(..) | Ty::Str(_) => {
            let call = ExprKind::Call(Func::BufMem, vec![value.expr, length]);
            Some(Value::new(call, Ty::Buf(size), span))
        }
        Ty::Int(_) | Ty::Ptr(..) => Some(sema.read_buf(value, size, length, span)),
        _ => {
            let ty = sema.describe(&value);
            sema.fail(
                value.span(),
                format!("buf() expects an integer, string, or array argument but saw {ty}"),
            )
        }
    }
}

/// Text as it is, or read through a pointer to it.
fn text_arg(sema: &mut Sema<'_>, call: &ast::Call, at: usize) -> Option<Value> {
    let value = sema.arg(call, at)?;
    let span = value.span();
    match value.ty().clone() {
        Ty::Str(_) => Some(value),
        Ty::Array(of, n) if of.size() == 1 => {
            Some(Value::new(ExprKind::Cast(Box::new(value.expr)), Ty::Str(n), span))
        }
        Ty::Ptr(to, _) if to.size() == 1 => {
            let max = sema.config.max_strlen;
            Some(sema.read_str(value, max, None, span))
        }
        _ => {
            let (name, ty) = (&call.name.name, sema.describe(&value));
            sema.fail(span, format!("{name}() expects a string as argument {} ({ty} provided)", at + 1))
        }
    }
}

pub(super) fn strncmp(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (a, b) = (text_arg(sema, call, 0), text_arg(sema, call, 1));
    let max = sema.literal_number(call, 2);
    let (a, b, max) = (a?, b?, max?);
    let Ok(max) = u64::try_from(max) else {
        return sema.fail(span, format!("strncmp() cannot use negative length ({max})"));
    };
    let longest = a.ty().size().max(b.ty().size());
    let max = u32::try_from(max).unwrap_or(u32::MAX).min(longest);
    let differ = bytes_equal(a.expr, b.expr, max, true, span);
    Some(Value::of(cast(differ.expr, Ty::I64)))
}

pub(super) fn strcontains(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (haystack, needle) = (text_arg(sema, call, 0), text_arg(sema, call, 1));
    let args = vec![haystack?.expr, needle?.expr];
    Some(Value::new(ExprKind::Call(Func::StrContains, args), Ty::Bool, span))
}

pub(super) fn strlen(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let text = text_arg(sema, call, 0)?;
    if let Some(known) = text.literal_str() {
        let bytes = known.iter().position(|b| *b == 0).unwrap_or(known.len());
        return Some(Value::uint(bytes as u64, span));
    }
    Some(Value::new(ExprKind::Call(Func::StrLen, vec![text.expr]), Ty::U64, span))
}

pub(super) fn strcap(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let text = text_arg(sema, call, 0)?;
    Some(Value::uint(text.ty().size().into(), span))
}

pub(super) fn bswap(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = sema.integer(call, 0)?;
    let bytes = value.ty().size() as u8;
    let ty = Ty::Int(Int { bytes, signed: false });
    let value = cast(value.expr, ty.clone());
    Some(Value::new(ExprKind::Call(Func::Bswap, vec![value]), ty, span))
}

pub(super) fn ntop(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let family = match call.args.len() {
        2 => Some(sema.integer(call, 0)?),
        _ => None,
    };
    let addr = sema.arg(call, call.args.len() - 1)?;
    let default = match addr.ty() {
        Ty::Int(_) => AF_INET,
        Ty::Array(..) | Ty::Str(_) if addr.ty().size() == 4 => AF_INET,
        Ty::Array(..) | Ty::Str(_) if addr.ty().size() == 16 => AF_INET6,
        Ty::Array(..) | Ty::Str(_) => {
            return sema.fail(addr.span(), "ntop() argument must be 4 or 16 bytes in size");
        }
        _ => {
            let ty = sema.describe(&addr);
            return sema.fail(addr.span(), format!("ntop() expects an integer or array argument, got {ty}"));
        }
    };
    let family = family.map_or_else(|| const_u64(default, span), |f| cast(f.expr, Ty::U64));
    let addr = if addr.ty().is_scalar() { cast(addr.expr, Ty::U32) } else { addr.expr };
    Some(Value::new(ExprKind::Call(Func::Ntop, vec![family, addr]), Ty::Inet, span))
}

pub(super) fn pton(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let text = sema.literal_text(call, 0)?;
    let Ok(addr) = text.parse::<IpAddr>() else {
        return sema.fail(span, format!("pton() expects a valid IPv4/IPv6 address, got {text}"));
    };
    let bytes: Rc<[u8]> = match addr {
        IpAddr::V4(v4) => Rc::from(v4.octets()),
        IpAddr::V6(v6) => Rc::from(v6.octets()),
    };
    let count = bytes.len() as u32;
    let raw = node(ExprKind::Str(bytes), Ty::Str(count + 1), span);
    let ty = Ty::Array(Rc::new(Ty::Int(Int::U8)), count);
    Some(Value::new(ExprKind::Cast(Box::new(raw)), ty, span))
}

pub(super) fn macaddr(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = sema.arg(call, 0)?;
    let fits = match value.ty() {
        Ty::Int(_) | Ty::Ptr(..) => true,
        Ty::Array(..) | Ty::Str(_) => value.ty().size() == 6,
        _ => false,
    };
    if !fits {
        let ty = sema.describe(&value);
        let message =
            format!("macaddr() only supports array or pointer arguments of 6 bytes ({ty} provided)");
        return sema.fail(value.span(), message);
    }
    Some(Value::new(ExprKind::Call(Func::MacAddr, vec![value.expr]), Ty::Mac, span))
}
