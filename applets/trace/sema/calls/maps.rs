//! Functions that take a whole map.

use super::super::Sema;
use super::super::value::{Value, block, node};
use super::emit;
use super::output::{is_bucketed, known_map};
use crate::diag::Span;
use crate::syntax::ast;
use crate::tree::{EventKind, Expr, ExprKind, MapId, Stmt};
use crate::ty::Ty;

/// A map named as the first argument.
fn map_arg(sema: &mut Sema<'_>, call: &ast::Call) -> Option<MapId> {
    let (name, arg) = (&call.name.name, &call.args[0]);
    match &arg.kind {
        ast::ExprKind::Map(map) => {
            let id = sema.whole_map(map, arg.span, &format!("{name}()"))?;
            known_map(sema, id, arg.span)?;
            Some(id)
        }
        _ => sema.fail(arg.span, format!("{name}() expects a map to be provided")),
    }
}

/// Also that the map has keys.
fn keyed_map(sema: &mut Sema<'_>, call: &ast::Call, of: &str, span: Span) -> Option<MapId> {
    let id = map_arg(sema, call)?;
    if let Some((false, _)) = sema.env.entry(id).keyed {
        return sema.fail(span, format!("call to {of} expects a map with explicit keys (non-scalar map)"));
    }
    Some(id)
}

pub(super) fn clear(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let map = map_arg(sema, call)?;
    Some(emit(sema, EventKind::Clear { map }, Vec::new(), span))
}

pub(super) fn zero(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let map = map_arg(sema, call)?;
    Some(emit(sema, EventKind::Zero { map }, Vec::new(), span))
}

/// `delete(@a)`, `delete(@a, k)` and the older `delete(@a[k])`.
pub(super) fn delete(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (id, key) = match (call.args.get(1), &call.args[0].kind) {
        (Some(key), _) => {
            let key = sema.expr(key);
            let id = keyed_map(sema, call, "delete() with two arguments", span)?;
            (id, Some(sema.key_value(id, key?, span)?))
        }
        (None, ast::ExprKind::Map(map)) if map.key.is_some() => {
            let (id, key) = sema.map_place(map, call.args[0].span)?;
            known_map(sema, id, call.args[0].span)?;
            (id, key)
        }
        (None, _) => {
            let id = map_arg(sema, call)?;
            if let Some((true, _)) = sema.env.entry(id).keyed {
                return sema.fail(
                    span,
                    "call to delete() with a single argument expects a map without explicit keys (scalar map)",
                );
            }
            (id, None)
        }
    };
    let kind = match &key {
        None if sema.env.entry(id).agg.is_some() => EventKind::Clear { map: id },
        Some(_) if is_bucketed(sema, id) => EventKind::DeleteKey { map: id },
        _ => {
            let kind = ExprKind::Delete { map: id, key: key.map(Box::new) };
            return Some(Value::new(kind, Ty::Bool, span));
        }
    };
    // Many entries go at once, which user space does.
    let sent = emit(sema, kind, key.into_iter().collect(), span);
    let done = node(ExprKind::Const(1), Ty::Bool, span);
    Some(Value::of(block(vec![Stmt::Expr(sent.expr)], Some(done), span)))
}

fn key_of(sema: &mut Sema<'_>, call: &ast::Call, of: &str, span: Span) -> Option<(MapId, Expr)> {
    let key = call.args.get(1).map(|key| sema.expr(key));
    let id = keyed_map(sema, call, of, span)?;
    let Some(key) = key else {
        return sema.fail(span, format!("{of} requires 2 arguments (1 provided)"));
    };
    let key = sema.key_value(id, key?, span)?;
    if is_bucketed(sema, id) {
        return sema.fail(span, format!("{of} can not be used with a map of histograms"));
    }
    Some((id, key))
}

pub(super) fn has_key(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let (map, key) = key_of(sema, call, "has_key()", span)?;
    Some(Value::new(ExprKind::HasKey { map, key: Box::new(key) }, Ty::Bool, span))
}

/// `find(@map, key, $var)`: one answer, and the value when there is one.
pub(super) fn find(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let ast::ExprKind::Var(name) = &call.args[2].kind else {
        return sema.fail(call.args[2].span, "find() expects a variable as argument 3");
    };
    let (map, key) = key_of(sema, call, "find()", span)?;
    let typed = sema.map_value_type(map, span)?;
    let mut stmts = Vec::new();
    let key = sema.keep(std::ptr::from_ref(call).addr(), "key", key, &mut stmts);
    let get = ExprKind::MapGet { map, key: Some(Box::new(key.clone())) };
    let mut value = Value::new(get, typed.ty, span);
    value.flex = typed.flex;
    let var = match sema.lookup_var(name) {
        Some(var) => var,
        None => sema.declare_var(name),
    };
    let value = sema.assign_var(var, value, span)?;
    let truth = |b: u64| node(ExprKind::Const(b), Ty::Bool, span);
    let cond = Box::new(node(ExprKind::HasKey { map, key: Box::new(key) }, Ty::Bool, span));
    let then = Box::new(block(vec![Stmt::SetVar { var, value }], Some(truth(1)), span));
    let found = node(ExprKind::If { cond, then, els: Box::new(truth(0)) }, Ty::Bool, span);
    Some(Value::of(block(stmts, Some(found), span)))
}

pub(super) fn len(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    if !matches!(call.args[0].kind, ast::ExprKind::Map(_)) {
        let value = sema.arg(call, 0)?;
        let ty = sema.describe(&value);
        let hint = "strlen() is for strings; frames of a stack cannot be counted by this version";
        return sema.fail_hint(value.span(), format!("len() expects a map to be provided, not {ty}"), hint);
    }
    let map = keyed_map(sema, call, "len()", span)?;
    if is_bucketed(sema, map) {
        return sema.fail(span, "len() can not be used with a map of histograms");
    }
    Some(Value::new(ExprKind::Len { map }, Ty::I64, span))
}

pub(super) fn is_scalar(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let map = map_arg(sema, call)?;
    let scalar = sema.env.entry(map).keyed.is_some_and(|(keyed, _)| !keyed);
    Some(Value::bool(scalar, span))
}
