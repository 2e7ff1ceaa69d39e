//! The only way to make a node of the tree that has children.
//!
//! Each node knows the height of the tree below it, so that the parser and the
//! macro expander can refuse a tree too high for the phases that walk it by
//! recursion (a chain of ten thousand `+` is a tree ten thousand high although
//! nothing in it is nested). Neighbours: `parse`, `expand`.

use super::ast::*;
use crate::diag::Span;

/// Highest tree a later phase has to walk.
pub(super) const MAX_HEIGHT: u16 = 256;

impl Expr {
    pub(super) fn new(id: NodeId, span: Span, kind: ExprKind) -> Expr {
        let height = kind.children_height().saturating_add(1);
        Expr { id, height, span, kind }
    }
}

impl ExprKind {
    fn children_height(&self) -> u16 {
        match self {
            ExprKind::Int(_)
            | ExprKind::Str(_)
            | ExprKind::Bool(_)
            | ExprKind::Ident(_)
            | ExprKind::Positional(_)
            | ExprKind::PositionalCount
            | ExprKind::Var(_) => 0,
            ExprKind::Map(map) => map.key.as_deref().map_or(0, highest),
            ExprKind::Call(call) => highest(&call.args),
            ExprKind::Tuple(items) => highest(items),
            ExprKind::Record(items) => items.iter().map(|(_, e)| e.height).max().unwrap_or(0),
            ExprKind::Unary { operand, .. }
            | ExprKind::IncDec { operand, .. }
            | ExprKind::Comptime(operand) => operand.height,
            ExprKind::Cast { ty, operand } => operand.height.max(ty.height()),
            ExprKind::Binary { left, right, .. } => left.height.max(right.height),
            ExprKind::Index { base, index } => base.height.max(index.height),
            ExprKind::Ternary { condition, then, otherwise } => {
                let then = then.as_ref().map_or(0, |e| e.height);
                condition.height.max(then).max(otherwise.height)
            }
            ExprKind::Sizeof(arg) | ExprKind::Typeinfo(arg) | ExprKind::Typeof(arg) => arg.height(),
            ExprKind::Offsetof { of, .. } => of.height(),
            ExprKind::Field { base, .. } | ExprKind::TupleIndex { base, .. } => base.height,
            ExprKind::Block(block) => block.height,
            ExprKind::If(branch) => branch.height,
        }
    }
}

fn highest(exprs: &[Expr]) -> u16 {
    exprs.iter().map(|e| e.height).max().unwrap_or(0)
}

impl TypeArg {
    fn height(&self) -> u16 {
        match self {
            TypeArg::Type(ty) => ty.height(),
            TypeArg::Expr(expr) => expr.height,
        }
    }
}

impl TypeExpr {
    fn height(&self) -> u16 {
        match &self.kind {
            TypeKind::Pointer(inner) | TypeKind::Array { element: inner, .. } => {
                inner.height().saturating_add(1)
            }
            TypeKind::Typeof(expr) => expr.height.saturating_add(1),
            TypeKind::Named(_)
            | TypeKind::Struct(_)
            | TypeKind::Union(_)
            | TypeKind::Enum(_)
            | TypeKind::Sized { .. } => 0,
        }
    }
}

impl Block {
    pub(super) fn new(stmts: Vec<Stmt>, tail: Option<Expr>, span: Span) -> Block {
        let stmts_height = stmts.iter().map(|s| s.kind.height()).max().unwrap_or(0);
        let height = stmts_height.max(tail.as_ref().map_or(0, |e| e.height)).saturating_add(1);
        Block { stmts, tail, span, height }
    }
}

impl If {
    pub(super) fn new(condition: Expr, then: Block, otherwise: Option<Else>, span: Span) -> If {
        let below = match &otherwise {
            Some(Else::If(branch)) => branch.height,
            Some(Else::Block(block)) => block.height,
            None => 0,
        };
        let height = condition.height.max(then.height).max(below).saturating_add(1);
        If { condition, then, otherwise, span, height }
    }
}

impl StmtKind {
    pub(super) fn height(&self) -> u16 {
        match self {
            StmtKind::Expr(expr) | StmtKind::Discard(expr) => expr.height,
            StmtKind::Assign { target, value, .. } => target.height.max(value.height),
            StmtKind::Let { ty, value, .. } => {
                let ty = ty.as_ref().map_or(0, TypeExpr::height);
                ty.max(value.as_ref().map_or(0, |e| e.height))
            }
            StmtKind::If(branch) => branch.height,
            StmtKind::While { condition: e, body } | StmtKind::Unroll { count: e, body } => {
                e.height.max(body.height)
            }
            StmtKind::For { iter, body, .. } => body.height.max(match iter {
                ForIter::Map(map) => map.height,
                ForIter::Range { start, end } => start.height.max(end.height),
            }),
            StmtKind::Return(value) => value.as_ref().map_or(0, |e| e.height),
            StmtKind::Block(block) => block.height,
            StmtKind::Break | StmtKind::Continue | StmtKind::Import(_) => 0,
        }
    }
}
