//! Functions whose effect is output: each becomes an event for user space.

use std::rc::Rc;

use super::super::Sema;
use super::super::infer::agg_int;
use super::super::value::{Value, cast, text};
use super::{emit, emit_named, nothing};
use crate::diag::Span;
use crate::output::format::Format;
use crate::syntax::ast;
use crate::tree::{EventKind, Expr, ExprKind, Func, MapId, PrintLevel};
use crate::ty::{Agg, Ty};

/// Arguments that join() shows at most, and how much of each.
const JOIN_ARGS: usize = 16;
const JOIN_TEXT: u32 = 512;
const PRINTK_ARGS: usize = 3;

/// The format and the values it takes, checked against each other.
fn formatted(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<(Rc<str>, Vec<Expr>)> {
    let format = sema.literal_text(call, 0);
    let values = sema.all(&call.args[1..]);
    let (format, values) = (format?, values?);
    let types: Vec<Ty> = values.iter().map(|v| v.ty().clone()).collect();
    let checked =
        Format::parse(&format).and_then(|parsed| parsed.check(&types, super::super::infer::type_name));
    if let Err(error) = checked {
        return sema.fail(span, format!("{}: {error}", call.name.name));
    }
    Some((text(format.as_bytes()), values.into_iter().map(|v| v.expr).collect()))
}

pub(super) fn printf(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (format, args) = formatted(sema, call, span)?;
    Some(emit_named(sema, EventKind::Printf { format, level: PrintLevel::Out }, args, &call.args[1..], span))
}

pub(super) fn errorf(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (format, args) = formatted(sema, call, span)?;
    Some(emit_named(
        sema,
        EventKind::Printf { format, level: PrintLevel::Error },
        args,
        &call.args[1..],
        span,
    ))
}

pub(super) fn warnf(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (format, args) = formatted(sema, call, span)?;
    if sema.options.no_warnings {
        return Some(nothing(span));
    }
    Some(emit_named(sema, EventKind::Printf { format, level: PrintLevel::Warn }, args, &call.args[1..], span))
}

/// Into the kernel's own trace pipe.
pub(super) fn debugf(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (format, values) = formatted(sema, call, span)?;
    if values.len() > PRINTK_ARGS {
        let given = values.len();
        return sema
            .fail(span, format!("debugf() can print at most {PRINTK_ARGS} values ({given} provided)"));
    }
    let mut args = vec![Value::str(format.as_bytes(), span).expr];
    for value in values {
        match &value.ty {
            Ty::Str(_) => args.push(value),
            ty if ty.is_scalar() => {
                let wide = if ty.is_signed() { Ty::I64 } else { Ty::U64 };
                args.push(cast(value, wide));
            }
            _ => return sema.fail(value.span, "debugf() can print only integers and strings"),
        }
    }
    Some(Value::new(ExprKind::Call(Func::TracePrintk, args), Ty::Void, span))
}

pub(super) fn cat(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (format, args) = formatted(sema, call, span)?;
    Some(emit_named(sema, EventKind::Cat { format }, args, &call.args[1..], span))
}

pub(super) fn system(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (format, args) = formatted(sema, call, span)?;
    Some(emit_named(sema, EventKind::System { format }, args, &call.args[1..], span))
}

pub(super) fn time(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let format = match call.args.first() {
        Some(_) => sema.literal_text(call, 0)?,
        None => "%H:%M:%S\n".to_owned(),
    };
    Some(emit(sema, EventKind::Time { format: text(format.as_bytes()) }, Vec::new(), span))
}

pub(super) fn exit(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let mut args = Vec::new();
    if !call.args.is_empty() {
        let code = sema.integer(call, 0)?;
        args.push(cast(code.expr, Ty::I32));
    }
    Some(emit(sema, EventKind::Exit, args, span))
}

pub(super) fn join(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let delim = match call.args.get(1) {
        Some(_) => sema.literal_text(call, 1)?,
        None => " ".to_owned(),
    };
    let array = sema.address(call, 0)?;
    let space = sema.space_of(&array);
    let strings = Ty::Ptr(Rc::new(Ty::Ptr(Rc::new(Ty::Int(crate::ty::Int::I8)), space)), space);
    let array = cast(array.expr, strings);
    let each = Ty::Str(JOIN_TEXT.min(sema.config.max_strlen));
    let types = std::iter::once(Ty::U64).chain(std::iter::repeat_n(each, JOIN_ARGS)).collect();
    let event = sema.event(EventKind::Join { delim: text(delim.as_bytes()) }, types, span);
    Some(Value::new(ExprKind::Emit { event, args: vec![array] }, Ty::Void, span))
}

pub(super) fn print(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    if let ast::ExprKind::Map(map) = &call.args[0].kind {
        let place = call.args[0].span;
        let (top, div) = (limit(sema, call, 1)?, limit(sema, call, 2)?);
        if map.key.is_none() {
            let id = sema.whole_map(map, place, "print()")?;
            known_map(sema, id, place)?;
            let kind = EventKind::PrintMap { map: id, top, div };
            return Some(emit(sema, kind, Vec::new(), span));
        }
        let (id, key) = sema.map_place(map, place)?;
        if many_numbers(sema, id) {
            let kind = EventKind::PrintMapEntry { map: id, top, div };
            return Some(emit(sema, kind, key.into_iter().collect(), span));
        }
    }
    if call.args.len() > 1 {
        return sema.fail(span, "print() takes top and div only for maps");
    }
    let value = sema.arg(call, 0)?;
    if matches!(value.ty(), Ty::Void | Ty::Agg(_)) {
        let ty = sema.describe(&value);
        return sema.fail(value.span(), format!("{ty} type passed to print() is not printable"));
    }
    Some(emit_named(sema, EventKind::PrintValue, vec![value.expr], &call.args, span))
}

/// `top` and `div`: nought when they are not given.
fn limit(sema: &mut Sema<'_>, call: &ast::Call, at: usize) -> Option<u64> {
    if call.args.len() <= at {
        return Some(0);
    }
    let number = sema.literal_number(call, at)?;
    match u64::try_from(number) {
        Ok(number) => Some(number),
        Err(_) => sema.fail(call.args[at].span, format!("print() expects a positive number, not {number}")),
    }
}

/// Something is stored in the map somewhere.
pub(super) fn known_map(sema: &mut Sema<'_>, id: MapId, span: Span) -> Option<()> {
    let entry = sema.env.entry(id);
    if entry.value.is_some() || entry.agg.is_some() {
        return Some(());
    }
    let name = entry.name.clone();
    let known: Vec<String> = sema
        .env
        .maps
        .iter()
        .filter(|m| m.value.is_some() || m.agg.is_some())
        .map(|m| m.name.clone())
        .collect();
    let message = format!("Undefined map: @{name}");
    match edgekit_core::text::nearest(&name, known.iter().map(String::as_str)) {
        Some(near) => sema.fail_hint(span, message, format!("did you mean @{near}?")),
        None => sema.fail(span, message),
    }
}

/// The map's values are more than one number each: only the map can print them.
fn many_numbers(sema: &Sema<'_>, id: MapId) -> bool {
    sema.env.entry(id).agg.as_ref().is_some_and(|agg| agg_int(agg).is_none())
}

/// Buckets of a keyed histogram are entries of their own.
pub(super) fn is_bucketed(sema: &Sema<'_>, id: MapId) -> bool {
    matches!(sema.env.entry(id).agg, Some(Agg::Hist { .. } | Agg::LHist { .. }))
}
