//! The walk: copies a tree, with parameters, variables and calls replaced.

use super::super::ast::*;
use super::{Expander, Folded, Scope};
use crate::diag::Span;

const STRAY_TYPE: &str = "When used as a call argument, `typeof` builtin only valid for macro calls \
                          that are expecting a type parameter";

/// A span of a macro's body belongs to the call being expanded.
pub(super) fn place(span: Span, scope: Scope) -> Span {
    match scope {
        Scope::Body(body) => span.in_expansion(body.expansion),
        Scope::Root | Scope::Done => span,
    }
}

impl Expander<'_> {
    /// An expression that has a value.
    pub(super) fn expr(&mut self, expr: &Expr, scope: Scope) -> Folded<Expr> {
        let folded = self.argument(expr, scope)?;
        match folded.kind {
            // An argument keeps its type until it gets where a type belongs.
            ExprKind::Typeof(_) if !matches!(scope, Scope::Done) => Err(self.error(folded.span, STRAY_TYPE)),
            _ => Ok(folded),
        }
    }

    fn boxed(&mut self, expr: &Expr, scope: Scope) -> Folded<Box<Expr>> {
        Ok(Box::new(self.expr(expr, scope)?))
    }

    /// An expression, or a type on its way to a macro.
    fn argument(&mut self, expr: &Expr, scope: Scope) -> Folded<Expr> {
        self.deeper(expr.span, |e| e.argument_inner(expr, scope))
    }

    fn arguments(&mut self, args: &[Expr], scope: Scope) -> Folded<Vec<Expr>> {
        args.iter().map(|arg| self.argument(arg, scope)).collect()
    }

    fn exprs(&mut self, exprs: &[Expr], scope: Scope) -> Folded<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr, scope)).collect()
    }

    fn argument_inner(&mut self, expr: &Expr, scope: Scope) -> Folded<Expr> {
        let span = place(expr.span, scope);
        let kind = match &expr.kind {
            ExprKind::Ident(name) => return self.name(name, span, scope),
            ExprKind::Call(call) => return self.call_or_macro(call, span, scope),
            ExprKind::Index { base, index } => return self.index(base, index, span, scope),
            ExprKind::Binary { .. } => return self.binary(expr, scope),
            ExprKind::Var(name) => ExprKind::Var(self.variable(name, scope)),
            ExprKind::Map(map) => ExprKind::Map(self.map(map, span, scope)?),
            ExprKind::Unary { op, operand } => {
                let operand = self.boxed(operand, scope)?;
                if *op == UnaryOp::AddrOf {
                    self.must_be_place(
                        &operand,
                        "address-of operator (&) can only be used on a map or variable",
                    )?;
                }
                ExprKind::Unary { op: *op, operand }
            }
            ExprKind::IncDec { op, prefix, operand } => {
                let operand = self.boxed(operand, scope)?;
                self.must_be_place(&operand, "increment/decrement requires a variable or map")?;
                ExprKind::IncDec { op: *op, prefix: *prefix, operand }
            }
            _ => self.plain(expr, scope)?,
        };
        self.node(span, kind, scope)
    }

    /// The kinds that are only copied. Apart from the others to keep the frames
    /// of the recursion small.
    fn plain(&mut self, expr: &Expr, scope: Scope) -> Folded<ExprKind> {
        Ok(match &expr.kind {
            ExprKind::Ternary { condition, then, otherwise } => ExprKind::Ternary {
                condition: self.boxed(condition, scope)?,
                then: then.as_ref().map(|e| self.boxed(e, scope)).transpose()?,
                otherwise: self.boxed(otherwise, scope)?,
            },
            ExprKind::Cast { ty, operand } => {
                ExprKind::Cast { ty: self.ty(ty, scope)?, operand: self.boxed(operand, scope)? }
            }
            ExprKind::Sizeof(arg) => ExprKind::Sizeof(Box::new(self.type_arg(arg, scope)?)),
            ExprKind::Typeinfo(arg) => ExprKind::Typeinfo(Box::new(self.type_arg(arg, scope)?)),
            ExprKind::Typeof(arg) => ExprKind::Typeof(Box::new(self.type_arg(arg, scope)?)),
            ExprKind::Offsetof { of, path } => {
                ExprKind::Offsetof { of: Box::new(self.type_arg(of, scope)?), path: self.path(path, scope)? }
            }
            ExprKind::Field { base, field, arrow } => {
                ExprKind::Field { base: self.boxed(base, scope)?, field: field.clone(), arrow: *arrow }
            }
            ExprKind::TupleIndex { base, index } => {
                ExprKind::TupleIndex { base: self.boxed(base, scope)?, index: *index }
            }
            ExprKind::Tuple(items) => ExprKind::Tuple(self.exprs(items, scope)?),
            ExprKind::Record(items) => {
                let folded = items.iter().map(|(name, e)| Ok((name.clone(), self.expr(e, scope)?)));
                ExprKind::Record(folded.collect::<Folded<_>>()?)
            }
            ExprKind::Block(block) => ExprKind::Block(Box::new(self.block(block, scope)?)),
            ExprKind::If(branch) => ExprKind::If(Box::new(self.branch(branch, scope)?)),
            ExprKind::Comptime(operand) => ExprKind::Comptime(self.boxed(operand, scope)?),
            other => other.clone(),
        })
    }

    /// A chain of operators leans to the left; it is walked in a loop.
    fn binary(&mut self, expr: &Expr, scope: Scope) -> Folded<Expr> {
        let mut chain = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary { op, left, right } = &first.kind {
            chain.push((first.span, *op, right));
            first = left;
        }
        let mut folded = self.expr(first, scope)?;
        for (span, op, right) in chain.into_iter().rev() {
            let right = self.boxed(right, scope)?;
            let kind = ExprKind::Binary { op, left: Box::new(folded), right };
            folded = self.node(place(span, scope), kind, scope)?;
        }
        Ok(folded)
    }

    fn must_be_place(&mut self, expr: &Expr, message: &str) -> Folded<()> {
        match expr.kind {
            ExprKind::Var(_) | ExprKind::Map(_) => Ok(()),
            _ => Err(self.error(expr.span, message)),
        }
    }

    /// A bare name: a parameter, a macro or constant without arguments, or
    /// something for the analyser.
    fn name(&mut self, name: &str, span: Span, scope: Scope) -> Folded<Expr> {
        if let Scope::Body(body) = scope
            && let Some(arg) = body.arg(ParamKind::Expr, name)
        {
            return self.argument(arg, Scope::Done);
        }
        if !matches!(scope, Scope::Done) {
            if let Ok(value) = self.call(name, Vec::new(), span, scope)? {
                return Ok(value);
            }
            if let Some(value) = self.define(name, span)? {
                return Ok(value);
            }
        }
        self.node(span, ExprKind::Ident(name.to_owned()), scope)
    }

    fn call_or_macro(&mut self, call: &Call, span: Span, scope: Scope) -> Folded<Expr> {
        let args = self.arguments(&call.args, scope)?;
        let name = Ident { name: call.name.name.clone(), span: place(call.name.span, scope) };
        if matches!(scope, Scope::Done) {
            return self.node(span, ExprKind::Call(Call { name, args }), scope);
        }
        let args = match self.call(&name.name, args, span, scope)? {
            Ok(value) => return Ok(value),
            Err(args) => args,
        };
        if let Some(stray) = args.iter().find(|arg| matches!(arg.kind, ExprKind::Typeof(_))) {
            return Err(self.error(stray.span, STRAY_TYPE));
        }
        self.node(span, ExprKind::Call(Call { name, args }), scope)
    }

    /// `x[1]` with a map for the parameter `x` is an element of the map.
    fn index(&mut self, base: &Expr, index: &Expr, span: Span, scope: Scope) -> Folded<Expr> {
        let folded = self.boxed(base, scope)?;
        let index = self.boxed(index, scope)?;
        let kind = match folded.kind {
            ExprKind::Map(MapRef { name, key: None }) if matches!(base.kind, ExprKind::Ident(_)) => {
                ExprKind::Map(MapRef { name, key: Some(vec![*index]) })
            }
            _ => ExprKind::Index { base: folded, index },
        };
        self.node(span, kind, scope)
    }

    fn variable(&self, name: &str, scope: Scope) -> String {
        let Scope::Body(body) = scope else { return name.to_owned() };
        match body.arg(ParamKind::Var, name).map(|arg| &arg.kind) {
            Some(ExprKind::Var(callers)) => callers.clone(),
            _ => format!("{name}#{}", body.number),
        }
    }

    fn map(&mut self, map: &MapRef, span: Span, scope: Scope) -> Folded<MapRef> {
        let key = match &map.key {
            Some(key) => Some(self.exprs(key, scope)?),
            None => None,
        };
        let Scope::Body(body) = scope else { return Ok(MapRef { name: map.name.clone(), key }) };
        match body.arg(ParamKind::Map, &map.name).map(|arg| &arg.kind) {
            Some(ExprKind::Map(callers)) => Ok(MapRef { name: callers.name.clone(), key }),
            _ => {
                let name = &map.name;
                let message = format!(
                    "Unhygienic access to map: @{name}. Maps must be passed into the macro as arguments"
                );
                Err(self.error(span, message))
            }
        }
    }

    // ---- statements ----

    pub(super) fn block(&mut self, block: &Block, scope: Scope) -> Folded<Block> {
        self.deeper(block.span, |e| e.block_inner(block, scope))
    }

    fn block_inner(&mut self, block: &Block, scope: Scope) -> Folded<Block> {
        let mut stmts = Vec::with_capacity(block.stmts.len());
        for stmt in &block.stmts {
            // What failed was reported; the rest may have more to report.
            if let Ok(kind) = self.stmt(&stmt.kind, scope) {
                stmts.push(Stmt { kind, span: place(stmt.span, scope) });
            }
        }
        let tail = match &block.tail {
            Some(expr) => Some(self.expr(expr, scope)?),
            None => None,
        };
        Ok(Block::new(stmts, tail, place(block.span, scope)))
    }

    fn stmt(&mut self, stmt: &StmtKind, scope: Scope) -> Folded<StmtKind> {
        Ok(match stmt {
            StmtKind::Expr(expr) => match self.expr(expr, scope)? {
                // A macro without a value is a block like any other.
                Expr { kind: ExprKind::Block(block), .. } if block.tail.is_none() => StmtKind::Block(*block),
                expr => StmtKind::Expr(expr),
            },
            StmtKind::Assign { target, op, value } => {
                let target = self.expr(target, scope)?;
                self.must_be_place(&target, "only a variable or a map can be assigned to")?;
                StmtKind::Assign { target, op: *op, value: self.expr(value, scope)? }
            }
            StmtKind::Let { name, ty, value } => StmtKind::Let {
                name: self.declared(name, scope)?,
                ty: ty.as_ref().map(|ty| self.ty(ty, scope)).transpose()?,
                value: value.as_ref().map(|e| self.expr(e, scope)).transpose()?,
            },
            StmtKind::If(branch) => StmtKind::If(Box::new(self.branch(branch, scope)?)),
            StmtKind::While { condition, body } => {
                StmtKind::While { condition: self.expr(condition, scope)?, body: self.block(body, scope)? }
            }
            StmtKind::Unroll { count, body } => {
                StmtKind::Unroll { count: self.expr(count, scope)?, body: self.block(body, scope)? }
            }
            StmtKind::For { var, iter, body } => {
                let var = Ident { name: self.variable(&var.name, scope), span: place(var.span, scope) };
                StmtKind::For { var, iter: self.iter(iter, scope)?, body: self.block(body, scope)? }
            }
            StmtKind::Return(value) => {
                StmtKind::Return(value.as_ref().map(|e| self.expr(e, scope)).transpose()?)
            }
            StmtKind::Discard(expr) => StmtKind::Discard(self.expr(expr, scope)?),
            StmtKind::Block(block) => StmtKind::Block(self.block(block, scope)?),
            StmtKind::Break => StmtKind::Break,
            StmtKind::Continue => StmtKind::Continue,
            StmtKind::Import(path) => StmtKind::Import(path.clone()),
        })
    }

    /// A variable that a macro's body declares must be its own.
    fn declared(&mut self, name: &Ident, scope: Scope) -> Folded<Ident> {
        let span = place(name.span, scope);
        if let Scope::Body(body) = scope
            && body.arg(ParamKind::Var, &name.name).is_some()
        {
            return Err(self.error(span, format!("Variable declaration shadows macro arg ${}", name.name)));
        }
        Ok(Ident { name: self.variable(&name.name, scope), span })
    }

    fn iter(&mut self, iter: &ForIter, scope: Scope) -> Folded<ForIter> {
        match iter {
            ForIter::Range { start, end } => {
                Ok(ForIter::Range { start: self.expr(start, scope)?, end: self.expr(end, scope)? })
            }
            ForIter::Map(map) => {
                let map = self.expr(map, scope)?;
                match map.kind {
                    ExprKind::Map(MapRef { key: None, .. }) => Ok(ForIter::Map(map)),
                    _ => Err(self.error(map.span, "expected a map or a range (start..end) in for loop")),
                }
            }
        }
    }

    fn branch(&mut self, branch: &If, scope: Scope) -> Folded<If> {
        let condition = self.expr(&branch.condition, scope)?;
        let then = self.block(&branch.then, scope)?;
        let otherwise = match &branch.otherwise {
            Some(Else::If(next)) => {
                let next = self.deeper(next.span, |e| e.branch(next, scope))?;
                Some(Else::If(Box::new(next)))
            }
            Some(Else::Block(block)) => Some(Else::Block(self.block(block, scope)?)),
            None => None,
        };
        Ok(If::new(condition, then, otherwise, place(branch.span, scope)))
    }
}
