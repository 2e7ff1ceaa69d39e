//! Typed trees as short text, for the tables of the tests.

use super::super::infer::type_name;
use crate::tree::*;

pub(super) fn map(map: &MapDef) -> String {
    let key = map.key.as_ref().map(|k| format!("[{}]", type_name(k))).unwrap_or_default();
    format!("@{}{key}: {} {:?} {}", map.name, type_name(&map.value), map.kind, map.max_entries)
}

pub(super) fn stmts(tree: &Tree, list: &[Stmt]) -> String {
    list.iter().map(|s| stmt(tree, s)).collect::<Vec<_>>().join("; ")
}

fn var(tree: &Tree, id: VarId) -> &str {
    &tree.vars[id.0 as usize].name
}

fn place(tree: &Tree, id: MapId, key: Option<&Expr>) -> String {
    let name = &tree.maps[id.0 as usize].name;
    key.map_or_else(|| format!("@{name}"), |key| format!("@{name}[{}]", expr(tree, key)))
}

fn stmt(tree: &Tree, s: &Stmt) -> String {
    match s {
        Stmt::Expr(e) => expr(tree, e),
        Stmt::SetVar { var: id, value } => format!("{} = {}", var(tree, *id), expr(tree, value)),
        Stmt::ZeroVar { var: id } => format!("{} = zero", var(tree, *id)),
        Stmt::SetMap { map, key, value } => {
            format!("{} = {}", place(tree, *map, key.as_ref()), expr(tree, value))
        }
        Stmt::Feed { map, key, value } => {
            let value = match value {
                Feed::Count => "count".to_owned(),
                Feed::Value(v) | Feed::TSeries(v) => expr(tree, v),
            };
            format!("{} <- {value}", place(tree, *map, key.as_ref()))
        }
        Stmt::If { cond, then, els } => {
            format!("if {} {{ {} }} else {{ {} }}", expr(tree, cond), stmts(tree, then), stmts(tree, els))
        }
        Stmt::While { cond, body } => format!("while {} {{ {} }}", expr(tree, cond), stmts(tree, body)),
        Stmt::Unroll { times, body } => format!("{times} times {{ {} }}", stmts(tree, body)),
        Stmt::ForRange { var: id, start, end, body } => {
            let (start, end) = (expr(tree, start), expr(tree, end));
            format!("for {} in {start}..{end} {{ {} }}", var(tree, *id), stmts(tree, body))
        }
        Stmt::ForMap { var: id, map, body } => {
            format!("for {} in {} {{ {} }}", var(tree, *id), place(tree, *map, None), stmts(tree, body))
        }
        Stmt::Break => "break".to_owned(),
        Stmt::Continue => "continue".to_owned(),
        Stmt::Return => "return".to_owned(),
    }
}

pub(super) fn expr(tree: &Tree, e: &Expr) -> String {
    let ty = type_name(&e.ty);
    let go = |e: &Expr| expr(tree, e);
    let list = |all: &[Expr]| all.iter().map(go).collect::<Vec<_>>().join(", ");
    match &e.kind {
        ExprKind::Const(n) if e.ty.is_signed() => format!("{}:{ty}", *n as i64),
        ExprKind::Const(n) => format!("{n}:{ty}"),
        ExprKind::Str(s) => format!("{:?}", String::from_utf8_lossy(s)),
        ExprKind::Var(id) => format!("{}:{ty}", var(tree, *id)),
        ExprKind::Builtin(b) => format!("{}:{ty}", format!("{b:?}").to_lowercase()),
        ExprKind::Ctx => "ctx".to_owned(),
        ExprKind::CtxLoad { offset } => format!("ctx+{offset}:{ty}"),
        ExprKind::CtxBytes { offset } => format!("bytes+{offset}:{ty}"),
        ExprKind::CtxDataLoc { offset } => format!("loc+{offset}:{ty}"),
        ExprKind::MapGet { map, key } => format!("{}:{ty}", place(tree, *map, key.as_deref())),
        ExprKind::Neg(x) => format!("-{}", go(x)),
        ExprKind::BitNot(x) => format!("~{}", go(x)),
        ExprKind::Not(x) => format!("!{}", go(x)),
        ExprKind::Binary { op, lhs, rhs } => {
            let op = match op {
                BinOp::Add => "+",
                BinOp::Sub => "-",
                BinOp::Mul => "*",
                BinOp::Div => "/",
                _ => "?",
            };
            format!("({} {op} {})", go(lhs), go(rhs))
        }
        ExprKind::Compare { op, lhs, rhs } => {
            let op = match op {
                CmpOp::Eq => "==",
                CmpOp::Gt => ">",
                _ => "?",
            };
            format!("({} {op} {})", go(lhs), go(rhs))
        }
        ExprKind::Cast(x) => format!("({} as {ty})", go(x)),
        ExprKind::Read { addr, offset, .. } => format!("*({}+{offset}:{ty})", go(addr)),
        ExprKind::Part { base, offset, .. } => {
            let base = go(base);
            format!("{}.+{offset}:{ty}", base.split(':').next().unwrap_or(&base))
        }
        ExprKind::Tuple(items) => format!("({})", list(items)),
        ExprKind::Bump { target, delta, post } => {
            let target = match target {
                Target::Var(id) => var(tree, *id).to_owned(),
                Target::Map { map, key } => place(tree, *map, key.as_deref()),
            };
            format!("{}({target}{delta:+})", if *post { "post" } else { "pre" })
        }
        ExprKind::Call(f, args) => format!("{}({})", format!("{f:?}").to_lowercase(), list(args)),
        ExprKind::Emit { event, args } => format!("emit#{}({})", event.0, list(args)),
        other => format!("{other:?}"),
    }
}
