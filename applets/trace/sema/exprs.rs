//! Expressions: one typed value for each, or nothing when something was wrong with it.
//!
//! `None` means that an error was reported, or, on an early walk, that a type is not known yet. Neighbours: `ops`
//! (arithmetic), `convert` (casts), `access` (members, elements, pointers), `builtins`, `calls`.

use std::rc::Rc;

use super::Sema;
use super::ctypes::MAX_VALUE;
use super::infer::{Flex, join, type_name};
use super::value::{Value, block, node};
use crate::diag::Span;
use crate::syntax::ast;
use crate::tree::{Expr, ExprKind, Target};
use crate::ty::{Int, Tuple, Ty};

impl Sema<'_> {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Option<Value> {
        let span = expr.span;
        match &expr.kind {
            ast::ExprKind::Int(literal) => Some(Value::uint(literal.value, span)),
            ast::ExprKind::Str(bytes) => Some(Value::str(bytes, span)),
            ast::ExprKind::Bool(value) => Some(Value::bool(*value, span)),
            ast::ExprKind::Ident(name) => self.ident(name, span),
            ast::ExprKind::Positional(n) => Some(self.positional(*n, span)),
            ast::ExprKind::PositionalCount => Some(Value::uint(self.options.params.len() as u64, span)),
            ast::ExprKind::Var(name) => self.read_var(name, span),
            ast::ExprKind::Map(map) => self.read_map(map, span),
            ast::ExprKind::Call(call) => self.call(call, span),
            ast::ExprKind::Unary { op, operand } => self.unary(*op, operand, span),
            ast::ExprKind::IncDec { op, prefix, operand } => self.inc_dec(*op, *prefix, operand, span),
            ast::ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.expr(left), self.expr(right));
                self.binary_values(*op, left?, right?, span, std::ptr::from_ref(expr).addr())
            }
            ast::ExprKind::Ternary { condition, then, otherwise } => {
                self.ternary(condition, then.as_deref(), otherwise, span)
            }
            ast::ExprKind::Cast { ty, operand } => {
                let operand = self.expr(operand);
                let ty = self.resolve_type(ty);
                self.cast_value(operand?, ty?, span)
            }
            ast::ExprKind::Sizeof(arg) => {
                let ty = self.type_arg(arg)?;
                Some(sized(self.size_of(&ty, span)?, span))
            }
            ast::ExprKind::Offsetof { of, path } => self.offset_of(of, path, span),
            ast::ExprKind::Typeinfo(arg) => {
                let ty = self.type_arg(arg)?;
                Some(typeinfo(&ty, span))
            }
            ast::ExprKind::Typeof(_) => {
                self.fail(span, "typeof() is a type: it can stand in a cast, a declaration or a macro call")
            }
            ast::ExprKind::Field { base, field, .. } => self.field(base, field, span),
            ast::ExprKind::TupleIndex { base, index } => {
                let base = self.expr(base)?;
                self.tuple_field(base, *index, span)
            }
            ast::ExprKind::Index { base, index } => {
                let (base, index) = (self.expr(base), self.expr(index));
                self.index(base?, index?, span)
            }
            ast::ExprKind::Tuple(items) => self.tuple(items, span),
            ast::ExprKind::Record(items) => self.record(items, span),
            ast::ExprKind::Block(block) => self.block(block, span),
            ast::ExprKind::If(branch) => self.if_expr(branch, span),
            ast::ExprKind::Comptime(inner) => {
                let value = self.expr(inner)?;
                if value.constant().is_none() && value.literal_str().is_none() {
                    return self.fail(span, "Unable to evaluate at compile time.");
                }
                Some(Value { literal: true, ..value })
            }
        }
    }

    /// Evaluates all, so that each has its say, then gives up if one failed.
    pub(super) fn all(&mut self, exprs: &[ast::Expr]) -> Option<Vec<Value>> {
        let values: Vec<Option<Value>> = exprs.iter().map(|e| self.expr(e)).collect();
        values.into_iter().collect()
    }

    /// The type of an expression that is never evaluated; of a map with keys, its key's.
    pub(super) fn type_of(&mut self, expr: &ast::Expr) -> Option<Ty> {
        if let ast::ExprKind::Map(ast::MapRef { name, key: None }) = &expr.kind {
            let id = self.env.map(name, expr.span);
            if self.env.entry(id).keyed.is_some_and(|(keyed, _)| keyed) {
                return Some(self.env.entry(id).key.clone()?.ty);
            }
        }
        let events = self.events.len();
        self.type_only += 1;
        let value = self.expr(expr);
        self.type_only -= 1;
        self.events.truncate(events);
        Some(value?.expr.ty)
    }

    pub(super) fn positional(&mut self, n: u64, span: Span) -> Value {
        let param = usize::try_from(n).ok().and_then(|n| self.options.params.get(n.checked_sub(1)?));
        let Some(param) = param.filter(|p| !p.is_empty()) else {
            self.warn(span, format!("Positional parameter ${n} is empty or not provided."));
            return Value::uint(0, span);
        };
        match super::consts::parse_number(param) {
            Some(number) => number.value(span),
            None => Value::str(param.as_bytes(), span),
        }
    }

    pub(super) fn tuple(&mut self, items: &[ast::Expr], span: Span) -> Option<Value> {
        let values = self.all(items)?;
        self.make_tuple(values.into_iter().map(|v| (None, v)).collect(), span)
    }

    fn record(&mut self, items: &[(ast::Ident, ast::Expr)], span: Span) -> Option<Value> {
        for (i, (name, _)) in items.iter().enumerate() {
            if items[..i].iter().any(|(other, _)| other.name == name.name) {
                return self
                    .fail(name.span, format!("Named argument list already contains field: {}", name.name));
            }
        }
        let values: Vec<Option<Value>> = items.iter().map(|(_, e)| self.expr(e)).collect();
        let values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        let names = items.iter().map(|(name, _)| Some(name.name.clone()));
        self.make_tuple(names.zip(values).collect(), span)
    }

    pub(super) fn make_tuple(&mut self, items: Vec<(Option<String>, Value)>, span: Span) -> Option<Value> {
        for (_, value) in &items {
            if matches!(value.ty(), Ty::Void | Ty::Agg(_)) {
                let ty = type_name(value.ty());
                return self.fail(value.span(), format!("Tuple elements must not be of type '{ty}'"));
            }
        }
        let bytes: u64 = items.iter().map(|(_, v)| u64::from(v.ty().size()) + 8).sum();
        if bytes > u64::from(MAX_VALUE) {
            return self
                .fail(span, format!("this tuple is too big: {bytes} bytes, the limit is {MAX_VALUE}"));
        }
        let ty = Tuple::new(items.iter().map(|(name, v)| (name.clone(), v.ty().clone())));
        let flex: Rc<[Flex]> = items.iter().map(|(_, v)| v.flex.clone()).collect();
        let exprs = items.into_iter().map(|(_, v)| v.expr).collect();
        let mut value = Value::new(ExprKind::Tuple(exprs), Ty::Tuple(Rc::new(ty)), span);
        value.flex = Flex::Fields(flex);
        Some(value)
    }

    /// A block as an expression, in its own scope.
    fn block(&mut self, ast: &ast::Block, span: Span) -> Option<Value> {
        let mut stmts = Vec::new();
        self.push_scope(std::ptr::from_ref(ast).addr());
        self.block_stmts(ast, &mut stmts);
        let tail = ast.tail.as_ref().map(|tail| self.expr(tail));
        self.pop_scope();
        match tail {
            None => Some(Value::of(node(ExprKind::Block { stmts, value: None }, Ty::Void, span))),
            Some(value) => {
                let value = value?;
                if stmts.is_empty() {
                    return Some(value.at(span));
                }
                let (flex, space) = (value.flex, value.space);
                let mut whole = Value::of(block(stmts, Some(value.expr), span));
                (whole.flex, whole.space) = (flex, space);
                Some(whole)
            }
        }
    }

    fn ternary(
        &mut self,
        condition: &ast::Expr,
        then: Option<&ast::Expr>,
        otherwise: &ast::Expr,
        span: Span,
    ) -> Option<Value> {
        let Some(then) = then else { return self.elvis(condition, otherwise, span) };
        let cond = self.condition(condition, "ternary")?;
        if let ExprKind::Const(known) = cond.kind {
            return self.expr(if known != 0 { then } else { otherwise });
        }
        let (then, els) = (self.expr(then), self.expr(otherwise));
        self.choose(cond, then, els, span)
    }

    /// `c ?: b`: the condition is evaluated once.
    fn elvis(&mut self, condition: &ast::Expr, otherwise: &ast::Expr, span: Span) -> Option<Value> {
        let value = self.expr(condition)?;
        let mut stmts = Vec::new();
        let place = std::ptr::from_ref(condition).addr();
        let (flex, literal) = (value.flex.clone(), value.literal);
        let kept = self.keep(place, "elvis", value.expr, &mut stmts);
        let kept = Value { expr: kept, flex, literal, space: None };
        let Some(cond) = self.truth(kept.clone()) else {
            let ty = type_name(kept.ty());
            return self
                .fail(span, format!("Invalid condition in ternary: '{ty}' is neither true nor false"));
        };
        if let ExprKind::Const(known) = cond.kind {
            return if known != 0 { Some(kept) } else { self.expr(otherwise) };
        }
        let els = self.expr(otherwise);
        let chosen = self.choose(cond, Some(kept), els, span)?;
        let flex = chosen.flex.clone();
        Some(Value { flex, ..Value::of(block(stmts, Some(chosen.expr), span)) })
    }

    fn if_expr(&mut self, branch: &ast::If, span: Span) -> Option<Value> {
        let cond = self.condition(&branch.condition, "if()")?;
        if let ExprKind::Const(known) = cond.kind {
            if known != 0 {
                return self.block(&branch.then, span);
            }
            return self.else_value(branch.otherwise.as_ref(), span);
        }
        let then = self.block(&branch.then, span);
        let els = self.else_value(branch.otherwise.as_ref(), span);
        self.choose(cond, then, els, span)
    }

    fn else_value(&mut self, other: Option<&ast::Else>, span: Span) -> Option<Value> {
        match other {
            None => Some(Value::of(node(ExprKind::Block { stmts: Vec::new(), value: None }, Ty::Void, span))),
            Some(ast::Else::Block(block)) => self.block(block, span),
            Some(ast::Else::If(branch)) => self.if_expr(branch, span),
        }
    }

    /// One of two values. While the type of one is not known yet, the other's stands for both.
    fn choose(&mut self, cond: Expr, then: Option<Value>, els: Option<Value>, span: Span) -> Option<Value> {
        let (then, els) = match (then, els) {
            (Some(then), Some(els)) => (then, els),
            (one, None) | (None, one) => return one,
        };
        let Some(joined) = join(&then.typed(), &els.typed()) else {
            let (a, b) = (type_name(then.ty()), type_name(els.ty()));
            return self.fail(
                span,
                format!("Branches must return the same type or compatible types: have '{a}' and '{b}'"),
            );
        };
        let space = then.space;
        let then = Box::new(self.convert(then.expr, &joined.ty)?);
        let els = Box::new(self.convert(els.expr, &joined.ty)?);
        let mut value = Value::new(ExprKind::If { cond: Box::new(cond), then, els }, joined.ty, span);
        value.flex = joined.flex;
        Some(value.in_space(space))
    }

    fn inc_dec(&mut self, op: ast::IncDecOp, prefix: bool, operand: &ast::Expr, span: Span) -> Option<Value> {
        let down = op == ast::IncDecOp::Dec;
        let sign = if down { -1 } else { 1 };
        let wide = |ty: &Ty| if ty.is_signed() || down { Int::I64 } else { Int::U64 };
        match &operand.kind {
            ast::ExprKind::Var(name) => {
                let current = self.read_var(name, operand.span)?;
                let id = self.lookup_var(name)?;
                let size = self.step(current.ty(), op, span)?;
                if !self.env.var_entry(id).fixed && !matches!(current.ty(), Ty::Ptr(..)) {
                    let wide = Value::new(ExprKind::Var(id), Ty::Int(wide(current.ty())), span);
                    self.assign_var(id, wide, span)?;
                }
                let ty = self.env.var_entry(id).typed.clone()?.ty;
                let kind = ExprKind::Bump { target: Target::Var(id), delta: sign * size, post: !prefix };
                Some(Value::new(kind, ty, span))
            }
            ast::ExprKind::Map(map) => {
                let (id, key) = self.map_place(map, operand.span)?;
                self.env.set_assigned(id);
                let current = self.map_value_type(id, operand.span)?;
                let size = self.step(&current.ty, op, span)?;
                if !matches!(current.ty, Ty::Ptr(..)) {
                    let wide = Value::new(ExprKind::Ctx, Ty::Int(wide(&current.ty)), span);
                    self.store_value(id, wide, span)?;
                }
                let ty = self.env.entry(id).value.clone()?.ty;
                let target = Target::Map { map: id, key: key.map(Box::new) };
                Some(Value::new(ExprKind::Bump { target, delta: sign * size, post: !prefix }, ty, span))
            }
            _ => {
                let op = if down { "--" } else { "++" };
                self.fail(span, format!("The {op} operator must be applied to a map or variable"))
            }
        }
    }

    /// What one step of `++` adds: 1, or the size of what a pointer points to.
    fn step(&mut self, ty: &Ty, op: ast::IncDecOp, span: Span) -> Option<i64> {
        match ty {
            Ty::Int(_) => Some(1),
            Ty::Ptr(to, _) => Some(i64::from(self.size_of(to, span)?.max(1))),
            _ => {
                let op = if op == ast::IncDecOp::Dec { "--" } else { "++" };
                let ty = type_name(ty);
                self.fail(span, format!("The {op} operator can not be used on expressions of type '{ty}'"))
            }
        }
    }
}

/// A number of bytes known while compiling: unsigned 64 bits, like C's size_t.
pub(super) fn sized(bytes: u32, span: Span) -> Value {
    let mut value = Value::new(ExprKind::Const(bytes.into()), Ty::U64, span);
    value.literal = true;
    value
}

/// What `typeinfo(x)` gives: a record of names.
fn typeinfo(ty: &Ty, span: Span) -> Value {
    let base = match ty {
        Ty::Int(_) | Ty::Enum(_) => "int",
        Ty::Str(_) => "string",
        Ty::Ptr(..) => "pointer",
        Ty::Array(..) => "array",
        Ty::Tuple(t) if t.is_record() => "record",
        Ty::Tuple(_) => "tuple",
        Ty::Buf(_) => "buffer",
        Ty::Struct(_) => "c_type",
        _ => return typeinfo_record(&type_name(ty), &type_name(ty), span),
    };
    typeinfo_record(base, &type_name(ty), span)
}

fn typeinfo_record(base: &str, full: &str, span: Span) -> Value {
    let (base, full) = (Value::str(base.as_bytes(), span), Value::str(full.as_bytes(), span));
    let fields = [
        (Some("base_type".to_owned()), base.ty().clone()),
        (Some("full_type".to_owned()), full.ty().clone()),
    ];
    let ty = Ty::Tuple(Rc::new(Tuple::new(fields)));
    Value::new(ExprKind::Tuple(vec![base.expr, full.expr]), ty, span)
}
