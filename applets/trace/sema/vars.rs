//! Script variables: scopes, identity over walks, and where each has to live.
//!
//! A variable belongs to the block that first gives it a value. A `for` body becomes a function of its own, so a
//! variable from outside it that is used inside has to live in memory. Neighbours: `stmts` opens scopes, `exprs`
//! reads variables, `env` keeps what is known of each.

use std::collections::HashMap;

use super::Sema;
use super::infer::{Typed, type_name};
use super::value::{Value, node};
use crate::diag::Span;
use crate::tree::{Expr, ExprKind, Stmt, VarId};
use crate::ty::Ty;

#[derive(Debug)]
pub(super) struct Scope {
    /// Address of the block in the syntax tree: the same on every walk.
    place: usize,
    for_depth: usize,
    vars: HashMap<String, VarId>,
}

impl Sema<'_> {
    pub(super) fn push_scope(&mut self, place: usize) {
        self.scopes.push(Scope { place, for_depth: self.for_depth, vars: HashMap::new() });
    }

    pub(super) fn pop_scope(&mut self) {
        self.scopes.pop();
    }

    /// The variable a name means here, noting when it is reached from inside a `for` body.
    pub(super) fn lookup_var(&mut self, name: &str) -> Option<VarId> {
        let (id, outside) = self.scopes.iter().rev().find_map(|scope| {
            let id = *scope.vars.get(name)?;
            Some((id, scope.for_depth < self.for_depth))
        })?;
        if outside && self.type_only == 0 {
            self.env.set_in_memory(id);
        }
        Some(id)
    }

    /// A variable of this name is visible.
    pub(super) fn is_visible(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.vars.contains_key(name))
    }

    /// Makes a variable of the innermost scope.
    pub(super) fn declare_var(&mut self, name: &str) -> VarId {
        let program = self.probe.index;
        let Some(scope) = self.scopes.last_mut() else {
            return self.env.var((program, 0, name.to_owned()));
        };
        let id = self.env.var((program, scope.place, name.to_owned()));
        scope.vars.insert(name.to_owned(), id);
        id
    }

    /// A variable of the compiler's own, one for each place that asks.
    pub(super) fn temp(&mut self, place: usize, what: &str, ty: &Ty) -> VarId {
        let id = self.env.var((self.probe.index, place, format!(".{what}")));
        let typed = Typed::fixed(ty.clone());
        if self.env.grow_var(id, &typed).is_err() {
            // The place's type changed kind between walks, which ends in an error of its own.
            self.env.var_entry_mut(id).typed = Some(typed);
        }
        id
    }

    /// Evaluates once: a statement that keeps the value in a temporary, and the temporary.
    pub(super) fn keep(&mut self, place: usize, what: &str, expr: Expr, stmts: &mut Vec<Stmt>) -> Expr {
        if is_constant(&expr) || matches!(expr.kind, ExprKind::Var(_)) {
            return expr;
        }
        let var = self.temp(place, what, &expr.ty);
        let (ty, span) = (expr.ty.clone(), expr.span);
        stmts.push(Stmt::SetVar { var, value: expr });
        node(ExprKind::Var(var), ty, span)
    }

    pub(super) fn read_var(&mut self, name: &str, span: Span) -> Option<Value> {
        let Some(id) = self.lookup_var(name) else {
            let known: Vec<String> =
                self.scopes.iter().flat_map(|s| s.vars.keys().cloned()).collect::<Vec<_>>();
            let near = edgekit_core::text::nearest(name, known.iter().map(String::as_str));
            let message = format!("Undefined or undeclared variable: ${}", shown(name));
            return match near {
                Some(near) => self.fail_hint(span, message, format!("did you mean ${}?", shown(near))),
                None => self.fail(span, message),
            };
        };
        let entry = self.env.var_entry(id);
        let Some(typed) = entry.typed.clone() else {
            let name = shown(name);
            return self
                .fail(span, format!("Could not resolve the type of variable ${name}: it gets no value"));
        };
        let mut value = Value::new(ExprKind::Var(id), typed.ty, span);
        value.flex = typed.flex;
        Some(value)
    }

    /// Learns from and checks an assignment; the value as it is to be stored.
    pub(super) fn assign_var(&mut self, id: VarId, value: Value, span: Span) -> Option<Expr> {
        let name = self.env.var_entry(id).name.clone();
        if matches!(value.ty(), Ty::Void | Ty::Agg(_)) {
            let ty = type_name(value.ty());
            return self.fail(span, format!("Value '{ty}' cannot be assigned to a scratch variable."));
        }
        let fixed = self.env.var_entry(id).fixed;
        if let (true, Some(declared)) = (fixed, self.env.var_entry(id).typed.clone()) {
            return self.fit_declared(value, &declared.ty, &name, span);
        }
        if let Err(have) = self.env.grow_var(id, &value.typed()) {
            let (new, have) = (type_name(value.ty()), type_name(&have));
            return self.fail(
                span,
                format!(
                    "Type mismatch for {name}: trying to assign value of type '{new}' when variable already has \
                     a type '{have}'"
                ),
            );
        }
        let target = self.env.var_entry(id).typed.clone()?;
        self.convert(value.expr, &target.ty)
    }

    /// A value for a variable whose declaration names its type.
    fn fit_declared(&mut self, value: Value, declared: &Ty, name: &str, span: Span) -> Option<Expr> {
        if let (Some(literal), Ty::Int(int)) = (value.literal_number(), declared) {
            let bits = u32::from(int.bytes) * 8;
            let (low, high) = if int.signed {
                (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
            } else {
                (0, (1i128 << bits) - 1)
            };
            if literal < low || literal > high {
                let ty = type_name(declared);
                return self.fail_hint(
                    span,
                    format!("Type mismatch for {name}: the value {literal} does not fit its type '{ty}'"),
                    format!("say that it is meant: ({ty}){literal}"),
                );
            }
        }
        let fits = match (value.ty(), declared) {
            (Ty::Int(_) | Ty::Enum(_), Ty::Int(_)) => true,
            (Ty::Str(have), Ty::Str(want)) | (Ty::Buf(have), Ty::Buf(want)) => have <= want,
            (Ty::Ptr(..), Ty::Ptr(to, _)) if **to == Ty::Void => true,
            (have, want) => super::infer::join(&Typed::fixed(want.clone()), &Typed::fixed(have.clone()))
                .is_some_and(|joined| joined.ty == *want),
        };
        if !fits {
            let (new, have) = (type_name(value.ty()), type_name(declared));
            return self.fail(
                span,
                format!(
                    "Type mismatch for {name}: trying to assign value of type '{new}' when variable already has \
                     a type '{have}'"
                ),
            );
        }
        self.convert(value.expr, declared)
    }
}

/// A name without the mark that macros give their own variables.
pub(super) fn shown(name: &str) -> &str {
    name.split('#').next().unwrap_or(name)
}

fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Str(_) => true,
        ExprKind::Tuple(items) => items.iter().all(is_constant),
        _ => false,
    }
}
