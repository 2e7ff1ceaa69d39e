//! Statements: assignments, branches, loops, and what can never be reached.
//!
//! Neighbours: `exprs` for what they hold, `vars` and `maps` for what they change.

use super::Sema;
use super::infer::{Typed, join, type_name};
use super::value::{Value, cast, node};
use super::vars::shown;
use crate::diag::Span;
use crate::syntax::ast;
use crate::tree::{Expr, ExprKind, Feed, Stmt};
use crate::ty::{Int, Space, Tuple, Ty};
use std::rc::Rc;

const MAX_UNROLL: i128 = 100;

impl Sema<'_> {
    /// The outermost block of a program: its tail, if any, is a statement.
    pub(super) fn probe_body(&mut self, block: &ast::Block, out: &mut Vec<Stmt>) {
        self.block_stmts(block, out);
        if let Some(tail) = &block.tail {
            self.expr_stmt(tail, tail.span, out);
        }
    }

    /// A block in its own scope, its tail evaluated for effect.
    pub(super) fn scoped_block(&mut self, block: &ast::Block) -> Vec<Stmt> {
        let mut out = Vec::new();
        self.push_scope(std::ptr::from_ref(block).addr());
        self.probe_body(block, &mut out);
        self.pop_scope();
        out
    }

    pub(super) fn block_stmts(&mut self, block: &ast::Block, out: &mut Vec<Stmt>) {
        let mut ended = false;
        for stmt in &block.stmts {
            if ended {
                self.warn(stmt.span, "Unreachable statement");
                ended = false;
            }
            self.stmt(stmt, out);
            ended |= ends_flow(&stmt.kind);
        }
        if let (true, Some(tail)) = (ended, &block.tail) {
            self.warn(tail.span, "Unreachable statement");
        }
    }

    fn stmt(&mut self, stmt: &ast::Stmt, out: &mut Vec<Stmt>) {
        let span = stmt.span;
        match &stmt.kind {
            ast::StmtKind::Expr(expr) => self.expr_stmt(expr, span, out),
            ast::StmtKind::Discard(expr) => {
                if let Some(value) = self.expr(expr) {
                    push_effect(value.expr, out);
                }
            }
            ast::StmtKind::Assign { target, op, value } => {
                self.assign(target, *op, value, target.span.to(value.span), out);
            }
            ast::StmtKind::Let { name, ty, value } => {
                self.let_stmt(name, ty.as_ref(), value.as_ref(), span, out);
            }
            ast::StmtKind::If(branch) => {
                if let Some(stmt) = self.if_stmt(branch) {
                    out.extend(stmt);
                }
            }
            ast::StmtKind::While { condition, body } => {
                let condition = self.condition(condition, "while()");
                self.loop_depth += 1;
                let body = self.scoped_block(body);
                self.loop_depth -= 1;
                if let Some(cond) = condition {
                    out.push(Stmt::While { cond, body });
                }
            }
            ast::StmtKind::Unroll { count, body } => self.unroll(count, body, out),
            ast::StmtKind::For { var, iter, body } => {
                self.for_stmt(var, iter, body, out);
            }
            ast::StmtKind::Break => self.jump(Stmt::Break, "break", span, out),
            ast::StmtKind::Continue => self.jump(Stmt::Continue, "continue", span, out),
            ast::StmtKind::Return(value) => {
                if let Some(value) = value.as_ref().and_then(|v| self.expr(v)) {
                    push_effect(value.expr, out);
                }
                out.push(Stmt::Return);
            }
            ast::StmtKind::Block(block) => {
                let inner = self.scoped_block(block);
                out.extend(inner);
            }
            ast::StmtKind::Import(_) => {
                self.error(span, "import statements can only be used at the root of a script");
            }
        }
    }

    fn jump(&mut self, stmt: Stmt, word: &str, span: Span, out: &mut Vec<Stmt>) {
        if self.loop_depth == 0 {
            let span = Span { end: span.start + word.len() as u32, ..span };
            self.error(span, format!("{word} is not within a loop"));
        }
        out.push(stmt);
    }

    fn expr_stmt(&mut self, expr: &ast::Expr, span: Span, out: &mut Vec<Stmt>) {
        let Some(value) = self.expr(expr) else { return };
        if *value.ty() != Ty::Void && !has_effect(&value.expr) {
            self.warn(span, "Return value discarded.");
        }
        let exits = is_exit(expr);
        push_effect(value.expr, out);
        if exits {
            out.push(Stmt::Return);
        }
    }

    fn assign(
        &mut self,
        target: &ast::Expr,
        op: Option<ast::BinaryOp>,
        value: &ast::Expr,
        span: Span,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        match &target.kind {
            ast::ExprKind::Var(name) => {
                let value = match op {
                    None => self.expr(value),
                    Some(op) => {
                        let current = self.read_var(name, target.span);
                        let by = self.expr(value);
                        self.binary_values(op, current?, by?, span, std::ptr::from_ref(target).addr())
                    }
                };
                let id = match self.lookup_var(name) {
                    Some(id) => id,
                    None => self.declare_var(name),
                };
                let value = self.assign_var(id, value?, span)?;
                out.push(Stmt::SetVar { var: id, value });
            }
            ast::ExprKind::Map(map) => {
                if op.is_none() && self.feed(map, value, target.span, span, out) {
                    return Some(());
                }
                self.assign_map(map, op, value, target.span, span, out)?;
            }
            _ => self.error(target.span, "only a variable or a map can be assigned to"),
        }
        Some(())
    }

    fn let_stmt(
        &mut self,
        name: &ast::Ident,
        ty: Option<&ast::TypeExpr>,
        value: Option<&ast::Expr>,
        span: Span,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        let span = value.map_or(span, |value| Span { end: value.span.end, ..span });
        let value = value.map(|v| self.expr(v));
        let declared = ty.map(|t| self.resolve_type(t));
        if self.is_visible(&name.name) {
            let name_of = shown(&name.name);
            let place = Span { end: name.span.end, ..span };
            return self.fail(
                place,
                format!("Variable ${name_of} was already declared. Variable shadowing is not allowed."),
            );
        }
        let id = self.declare_var(&name.name);
        if let Some(ty) = declared {
            let ty = ty?;
            if matches!(ty, Ty::Void | Ty::Agg(_)) {
                let ty = type_name(&ty);
                return self.fail(span, format!("Invalid variable declaration type: {ty}"));
            }
            // A string without a size grows with what it is given.
            let open = ty == Ty::Str(0) || matches!(&ty, Ty::Array(_, 0));
            if !open {
                let grown = self.env.grow_var(id, &Typed::fixed(ty.clone()));
                self.env.var_entry_mut(id).fixed = true;
                if grown.is_err() {
                    self.env.var_entry_mut(id).typed = Some(Typed::fixed(ty));
                }
            }
        }
        match value {
            Some(value) => {
                let value = self.assign_var(id, value?, span)?;
                out.push(Stmt::SetVar { var: id, value });
            }
            None => out.push(Stmt::ZeroVar { var: id }),
        }
        Some(())
    }

    /// An `if` statement; only the branch that is taken when the condition is known already.
    fn if_stmt(&mut self, branch: &ast::If) -> Option<Vec<Stmt>> {
        let cond = self.condition(&branch.condition, "if()");
        if let Some(ExprKind::Const(known)) = cond.as_ref().map(|c| &c.kind) {
            return Some(match (*known != 0, &branch.otherwise) {
                (true, _) => self.scoped_block(&branch.then),
                (false, Some(other)) => self.else_stmts(other),
                (false, None) => Vec::new(),
            });
        }
        let then = self.scoped_block(&branch.then);
        let els = branch.otherwise.as_ref().map_or_else(Vec::new, |other| self.else_stmts(other));
        Some(vec![Stmt::If { cond: cond?, then, els }])
    }

    fn else_stmts(&mut self, other: &ast::Else) -> Vec<Stmt> {
        match other {
            ast::Else::Block(block) => self.scoped_block(block),
            ast::Else::If(branch) => self.if_stmt(branch).unwrap_or_default(),
        }
    }

    fn unroll(&mut self, count: &ast::Expr, body: &ast::Block, out: &mut Vec<Stmt>) {
        let times = self.expr(count).and_then(|count| match count.literal_number() {
            Some(n) if n > MAX_UNROLL => self.fail(count.span(), "unroll maximum value is 100"),
            Some(n) if n < 1 => self.fail(count.span(), "unroll minimum value is 1"),
            Some(n) => u32::try_from(n).ok(),
            None => self.fail_hint(
                count.span(),
                "invalid unroll value: it must be a literal",
                "use a for loop over a range for a number that is known only when the probe runs",
            ),
        });
        self.loop_depth += 1;
        let body = self.scoped_block(body);
        self.loop_depth -= 1;
        if let Some(times) = times {
            out.push(Stmt::Unroll { times, body });
        }
    }

    fn for_stmt(
        &mut self,
        var: &ast::Ident,
        iter: &ast::ForIter,
        body: &ast::Block,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        match iter {
            ast::ForIter::Range { start, end } => {
                let first = self.range_bound(start);
                let last = self.range_bound(end);
                let typed = match (&first, &last) {
                    (Some(a), Some(b)) => join(&a.typed(), &b.typed()),
                    _ => None,
                };
                let signed = typed.as_ref().is_none_or(|t| t.ty.is_signed());
                let ty = if signed { Ty::I64 } else { Ty::U64 };
                let (id, body) = self.loop_body(var, Some(&ty), body);
                let (start, end) = (cast(first?.expr, ty.clone()), cast(last?.expr, ty));
                out.push(Stmt::ForRange { var: id, start, end, body });
            }
            ast::ForIter::Map(expr) => {
                let ast::ExprKind::Map(map) = &expr.kind else {
                    return self.fail(expr.span, "a for loop runs over a map or a range");
                };
                let id = self.whole_map(map, expr.span, "for()")?;
                let pair = self.map_pair(id, expr.span);
                let (var, body) = self.loop_body(var, pair.as_ref(), body);
                pair?;
                out.push(Stmt::ForMap { var, map: id, body });
            }
        }
        Some(())
    }

    fn range_bound(&mut self, bound: &ast::Expr) -> Option<Value> {
        let value = self.expr(bound)?;
        match value.ty() {
            Ty::Int(_) | Ty::Enum(_) => Some(value),
            other => {
                let ty = type_name(other);
                self.fail(bound.span, format!("Loop range requires an integer for its bounds, got '{ty}'"))
            }
        }
    }

    /// (key, value) of a map that a loop runs over.
    fn map_pair(&mut self, id: crate::tree::MapId, span: Span) -> Option<Ty> {
        let entry = self.env.entry(id);
        let (name, keyed) = (entry.name.clone(), entry.keyed);
        if let Some((false, _)) = keyed {
            return self.fail(
                span,
                format!("@{name} has no explicit keys (scalar map), and cannot be used for iteration"),
            );
        }
        let Some(key) = entry.key.clone() else {
            return self.fail(span, format!("Undefined map: @{name}"));
        };
        let value = self.map_value_type(id, span)?;
        Some(Ty::Tuple(Rc::new(Tuple::of([key.ty, value.ty]))))
    }

    fn loop_body(
        &mut self,
        var: &ast::Ident,
        ty: Option<&Ty>,
        body: &ast::Block,
    ) -> (crate::tree::VarId, Vec<Stmt>) {
        if self.is_visible(&var.name) {
            self.error(
                var.span,
                format!("Loop declaration shadows existing variable: ${}", shown(&var.name)),
            );
        }
        self.for_depth += 1;
        self.loop_depth += 1;
        self.push_scope(std::ptr::from_ref(var).addr());
        let id = self.declare_var(&var.name);
        if let Some(ty) = ty {
            let typed = Typed::fixed(ty.clone());
            if self.env.var_entry(id).typed.as_ref() != Some(&typed) {
                self.env.var_entry_mut(id).typed = Some(typed);
                self.env.touch();
            }
        }
        let body = self.scoped_block(body);
        self.pop_scope();
        self.loop_depth -= 1;
        self.for_depth -= 1;
        (id, body)
    }

    /// An expression as a condition.
    pub(super) fn condition(&mut self, expr: &ast::Expr, of: &str) -> Option<Expr> {
        let value = self.expr(expr)?;
        if let Some(text) = value.literal_str() {
            return Some(Value::bool(!text.is_empty(), expr.span).expr);
        }
        let ty = type_name(value.ty());
        match self.truth(value) {
            Some(cond) => Some(cond),
            None => {
                self.fail(expr.span, format!("Invalid condition in {of}: '{ty}' is neither true nor false"))
            }
        }
    }

    /// `-p`: the user's condition behind one on the process.
    pub(super) fn with_pid_filter(&mut self, predicate: Option<Expr>, span: Span) -> Option<Expr> {
        let Some(pid) = self.options.pid.filter(|_| self.probe.filtered_by_pid()) else { return predicate };
        let current = node(ExprKind::Builtin(crate::tree::Builtin::Pid), Ty::Int(Int::U32), span);
        let wanted = node(ExprKind::Const(pid.into()), Ty::Int(Int::U32), span);
        let same = super::value::compare(crate::tree::CmpOp::Eq, current, wanted, span);
        Some(match predicate {
            Some(predicate) => node(ExprKind::And(Box::new(same), Box::new(predicate)), Ty::Bool, span),
            None => same,
        })
    }

    /// Where integers point when a program uses them as addresses.
    pub(super) fn default_space(&self) -> Space {
        if self.probe.user_pointers { Space::User } else { Space::Kernel }
    }
}

/// Behind such a statement nothing of its block runs.
fn ends_flow(kind: &ast::StmtKind) -> bool {
    match kind {
        ast::StmtKind::Return(_) | ast::StmtKind::Break | ast::StmtKind::Continue => true,
        ast::StmtKind::Expr(expr) => is_exit(expr),
        _ => false,
    }
}

fn is_exit(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Call(call) => call.name.name == "exit",
        ast::ExprKind::Ident(name) => name == "exit",
        _ => false,
    }
}

/// Keeps a value's side effects and drops the value when it has none.
pub(super) fn push_effect(expr: Expr, out: &mut Vec<Stmt>) {
    if matches!(expr.kind, ExprKind::Const(_) | ExprKind::Str(_) | ExprKind::Var(_)) {
        return;
    }
    if let ExprKind::Block { stmts, value: None } = expr.kind {
        out.extend(stmts);
        return;
    }
    out.push(Stmt::Expr(expr));
}

/// Worth evaluating although nobody wants the value.
fn has_effect(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Bump { .. }
        | ExprKind::Delete { .. }
        | ExprKind::Emit { .. }
        | ExprKind::Call(..)
        | ExprKind::If { .. } => true,
        ExprKind::Block { stmts, .. } => !stmts.is_empty(),
        ExprKind::Cast(inner) | ExprKind::Not(inner) => has_effect(inner),
        _ => false,
    }
}

/// A feed or a plain store, for `maps`.
pub(super) fn feed_stmt(map: crate::tree::MapId, key: Option<Expr>, value: Feed) -> Stmt {
    Stmt::Feed { map, key, value }
}
