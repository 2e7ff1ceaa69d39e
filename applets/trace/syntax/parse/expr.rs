//! Expressions.
//!
//! Binary operators are parsed with a stack of our own instead of a function
//! per level, so that a nested parenthesis costs few frames of the real stack.

use super::super::ast::*;
use super::super::lexer::{Punct, Tok};
use super::{Parsed, Parser};
use crate::diag::{Diagnostic, Span};

/// Words that begin something else than an expression.
const KEYWORDS: &[&str] = &[
    "break", "continue", "else", "for", "import", "let", "macro", "return", "unroll", "while", "struct",
    "union",
];

/// Operator and precedence; more binds tighter.
fn binary_op(punct: Punct) -> Option<(BinaryOp, u8)> {
    Some(match punct {
        Punct::OrOr => (BinaryOp::Or, 1),
        Punct::AndAnd => (BinaryOp::And, 2),
        Punct::Or => (BinaryOp::BitOr, 3),
        Punct::Caret => (BinaryOp::BitXor, 4),
        Punct::And => (BinaryOp::BitAnd, 5),
        Punct::EqEq => (BinaryOp::Eq, 6),
        Punct::Ne => (BinaryOp::Ne, 6),
        Punct::Lt => (BinaryOp::Lt, 7),
        Punct::Le => (BinaryOp::Le, 7),
        Punct::Gt => (BinaryOp::Gt, 7),
        Punct::Ge => (BinaryOp::Ge, 7),
        Punct::Shl => (BinaryOp::Shl, 8),
        Punct::Shr => (BinaryOp::Shr, 8),
        Punct::Plus => (BinaryOp::Add, 9),
        Punct::Minus => (BinaryOp::Sub, 9),
        Punct::Star => (BinaryOp::Mul, 10),
        Punct::Slash => (BinaryOp::Div, 10),
        Punct::Percent => (BinaryOp::Mod, 10),
        _ => return None,
    })
}

/// A variable, a map, or a macro's parameter that may stand for one.
pub(super) fn is_place(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Var(_) | ExprKind::Map(_) | ExprKind::Ident(_))
}

impl Parser<'_> {
    /// Nesting is counted in `unary`, which everything inside of brackets goes
    /// through, and where an expression continues without brackets.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        let condition = self.binary()?;
        if !self.eat(Punct::Question) {
            return Ok(condition);
        }
        let then = if self.at(Punct::Colon) { None } else { Some(Box::new(self.nested(Self::expr)?)) };
        self.expect(Punct::Colon)?;
        let otherwise = Box::new(self.nested(Self::expr)?);
        let span = condition.span.to(otherwise.span);
        self.node(span, ExprKind::Ternary { condition: Box::new(condition), then, otherwise })
    }

    fn binary(&mut self) -> Parsed<Expr> {
        let mut done: Vec<(Expr, BinaryOp, u8)> = Vec::new();
        let mut right = self.unary()?;
        loop {
            let next = self.at_binary_op();
            let precedence = next.map_or(0, |(_, precedence)| precedence);
            while let Some((left, op, _)) = done.pop_if(|(_, _, waiting)| *waiting >= precedence) {
                let span = left.span.to(right.span);
                right =
                    self.node(span, ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) })?;
            }
            let Some((op, precedence)) = next else { return Ok(right) };
            self.bump();
            done.push((right, op, precedence));
            right = self.unary()?;
        }
    }

    fn at_binary_op(&self) -> Option<(BinaryOp, u8)> {
        let Tok::Punct(punct) = self.tok.kind else { return None };
        if punct == Punct::Slash && self.in_predicate && self.peek().kind == Tok::Punct(Punct::LBrace) {
            return None;
        }
        binary_op(punct)
    }

    /// One operand: prefix operators, a primary, what follows it.
    pub(super) fn unary(&mut self) -> Parsed<Expr> {
        self.nested(Self::unary_inner)
    }

    fn unary_inner(&mut self) -> Parsed<Expr> {
        let start = self.tok.start;
        let Tok::Punct(punct) = self.tok.kind else {
            if self.at_word("comptime") && self.peek_starts_operand() {
                self.bump();
                let operand = Box::new(self.unary()?);
                let span = self.since(start);
                return self.node(span, ExprKind::Comptime(operand));
            }
            let primary = self.primary()?;
            return self.postfix(primary);
        };
        let op = match punct {
            Punct::Minus => UnaryOp::Neg,
            Punct::Not => UnaryOp::Not,
            Punct::Tilde => UnaryOp::BitNot,
            Punct::Star => UnaryOp::Deref,
            Punct::And => UnaryOp::AddrOf,
            Punct::Inc | Punct::Dec => return self.prefix_inc_dec(punct),
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary);
            }
        };
        self.bump();
        let operand = self.unary()?;
        if op == UnaryOp::AddrOf && !is_place(&operand) {
            return Err(
                self.error(operand.span, "address-of operator (&) can only be used on a map or variable")
            );
        }
        let span = self.since(start);
        self.node(span, ExprKind::Unary { op, operand: Box::new(operand) })
    }

    /// `comptime` is a name like any other unless an operand follows.
    fn peek_starts_operand(&self) -> bool {
        match self.peek().kind {
            Tok::Ident
            | Tok::Int
            | Tok::Str
            | Tok::Var
            | Tok::Positional
            | Tok::PositionalCount
            | Tok::Map => true,
            Tok::Punct(p) => matches!(p, Punct::LParen | Punct::Not | Punct::Tilde | Punct::LBrace),
            _ => false,
        }
    }

    fn prefix_inc_dec(&mut self, punct: Punct) -> Parsed<Expr> {
        let start = self.bump().start;
        let operand = self.unary()?;
        if !is_place(&operand) {
            return Err(self.error(operand.span, "increment/decrement requires a variable or map"));
        }
        let span = self.since(start);
        let op = if punct == Punct::Inc { IncDecOp::Inc } else { IncDecOp::Dec };
        self.node(span, ExprKind::IncDec { op, prefix: true, operand: Box::new(operand) })
    }

    fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            let Tok::Punct(punct) = self.tok.kind else { return Ok(expr) };
            let start = self.start_of(expr.span);
            let kind = match punct {
                Punct::Dot | Punct::Arrow => self.member(expr, punct == Punct::Arrow)?,
                Punct::LBracket => {
                    self.bump();
                    let index = Box::new(self.bracketed(Self::expr)?);
                    self.expect(Punct::RBracket)?;
                    ExprKind::Index { base: Box::new(expr), index }
                }
                Punct::Inc | Punct::Dec => {
                    if !is_place(&expr) {
                        let span = self.span(self.tok);
                        return Err(self.error(span, "increment/decrement requires a variable or map"));
                    }
                    self.bump();
                    let op = if punct == Punct::Inc { IncDecOp::Inc } else { IncDecOp::Dec };
                    ExprKind::IncDec { op, prefix: false, operand: Box::new(expr) }
                }
                _ => return Ok(expr),
            };
            let span = self.since(start);
            expr = self.node(span, kind)?;
        }
    }

    fn member(&mut self, base: Expr, arrow: bool) -> Parsed<ExprKind> {
        self.bump();
        let base = Box::new(base);
        if self.tok.kind == Tok::Int && !arrow {
            return Ok(ExprKind::TupleIndex { base, index: self.take_int().value });
        }
        let what = if arrow { "a field name" } else { "a field name or a tuple index" };
        let field = self.expect_ident(what)?;
        Ok(ExprKind::Field { base, field, arrow })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let tok = self.tok;
        let span = self.span(tok);
        let kind = match tok.kind {
            Tok::Int => ExprKind::Int(self.take_int()),
            Tok::Str => ExprKind::Str(self.take_str()),
            Tok::Var => ExprKind::Var(self.take_sigiled().name),
            Tok::Positional => self.positional()?,
            Tok::PositionalCount => {
                self.bump();
                ExprKind::PositionalCount
            }
            Tok::Map => return self.map(),
            Tok::Ident => return self.word(),
            Tok::Punct(Punct::LParen) => return self.paren(),
            Tok::Punct(Punct::LBrace) => {
                let block = self.block()?;
                let span = block.span;
                return self.node(span, ExprKind::Block(Box::new(block)));
            }
            _ => return Err(self.expected("an expression")),
        };
        self.node(span, kind)
    }

    fn positional(&mut self) -> Parsed<ExprKind> {
        let tok = self.bump();
        let digits = self.text_of(tok).get(1..).unwrap_or("");
        match digits.parse::<u64>() {
            Ok(n) if n >= 1 && i64::try_from(n).is_ok() => Ok(ExprKind::Positional(n)),
            _ => {
                let message = format!("param ${digits} is out of integer range [1, {}]", i64::MAX);
                Err(self.error(self.span(tok), message))
            }
        }
    }

    pub(super) fn map(&mut self) -> Parsed<Expr> {
        let start = self.tok.start;
        let name = self.take_sigiled().name;
        let key = if self.eat(Punct::LBracket) {
            let key = self.bracketed(|p| p.list(Punct::RBracket))?;
            self.expect(Punct::RBracket)?;
            Some(key)
        } else {
            None
        };
        let span = self.since(start);
        self.node(span, ExprKind::Map(MapRef { name, key }))
    }

    /// One or more expressions, then (not taken) `end`.
    fn list(&mut self, end: Punct) -> Parsed<Vec<Expr>> {
        let mut items = vec![self.expr()?];
        while self.eat(Punct::Comma) {
            items.push(self.expr()?);
        }
        if !self.at(end) {
            return Err(self.expected(&format!("',' or '{}'", end.text())));
        }
        Ok(items)
    }

    fn word(&mut self) -> Parsed<Expr> {
        let tok = self.tok;
        let span = self.span(tok);
        let word = self.text_of(tok);
        let called = self.peek().kind == Tok::Punct(Punct::LParen);
        match word {
            "true" | "false" if !called => {
                self.bump();
                return self.node(span, ExprKind::Bool(word == "true"));
            }
            "if" => {
                let branch = self.if_expr()?;
                let span = branch.span;
                return self.node(span, ExprKind::If(Box::new(branch)));
            }
            "sizeof" | "typeinfo" | "typeof" | "offsetof" if called => return self.type_builtin(word),
            _ if called || self.at_bang_call() => return self.call(),
            _ if KEYWORDS.contains(&word) => return Err(self.expected("an expression")),
            _ => {}
        }
        self.bump();
        self.node(span, ExprKind::Ident(word.to_owned()))
    }

    /// `name!(`: a macro called so that it looks like one.
    fn at_bang_call(&self) -> bool {
        self.text.get(self.tok.end..).is_some_and(|rest| rest.starts_with("!("))
    }

    fn type_builtin(&mut self, word: &str) -> Parsed<Expr> {
        let start = self.bump().start;
        let kind = if word == "offsetof" {
            self.expect(Punct::LParen)?;
            let of = Box::new(self.type_or_expr()?);
            self.expect(Punct::Comma)?;
            let mut path = vec![self.expect_ident("a field name")?];
            while self.eat(Punct::Dot) {
                path.push(self.expect_ident("a field name")?);
            }
            self.expect(Punct::RParen)?;
            ExprKind::Offsetof { of, path }
        } else {
            let arg = Box::new(self.type_arg()?);
            match word {
                "sizeof" => ExprKind::Sizeof(arg),
                "typeinfo" => ExprKind::Typeinfo(arg),
                _ => ExprKind::Typeof(arg),
            }
        };
        let span = self.since(start);
        self.node(span, kind)
    }

    fn call(&mut self) -> Parsed<Expr> {
        let start = self.tok.start;
        let name = self.expect_ident("a name")?;
        self.eat(Punct::Not);
        self.expect(Punct::LParen)?;
        let args =
            if self.at(Punct::RParen) { Vec::new() } else { self.bracketed(|p| p.list(Punct::RParen))? };
        self.expect(Punct::RParen)?;
        let span = self.since(start);
        self.node(span, ExprKind::Call(Call { name, args }))
    }

    /// A cast, a tuple, a record, or just parentheses.
    fn paren(&mut self) -> Parsed<Expr> {
        let start = self.bump().start;
        if let Some(ty) = self.try_cast()? {
            let operand = Box::new(self.unary()?);
            let span = self.since(start);
            return self.node(span, ExprKind::Cast { ty, operand });
        }
        self.bracketed(|p| p.paren_inner(start))
    }

    fn paren_inner(&mut self, start: usize) -> Parsed<Expr> {
        if self.eat(Punct::RParen) {
            let span = self.since(start);
            return self.node(span, ExprKind::Tuple(Vec::new()));
        }
        if self.tok.kind == Tok::Ident && self.peek().kind == Tok::Punct(Punct::Eq) {
            return self.record(start);
        }
        let first = self.expr()?;
        if self.eat(Punct::RParen) {
            return Ok(first);
        }
        let mut items = vec![first];
        if !self.at(Punct::Comma) {
            return Err(self.expected("')' or ','"));
        }
        while self.eat(Punct::Comma) {
            if self.at(Punct::RParen) {
                break;
            }
            items.push(self.expr()?);
        }
        self.expect(Punct::RParen)?;
        let span = self.since(start);
        self.node(span, ExprKind::Tuple(items))
    }

    fn record(&mut self, start: usize) -> Parsed<Expr> {
        let mut items: Vec<(Ident, Expr)> = Vec::new();
        let mut seen = std::collections::HashMap::<String, Span>::new();
        loop {
            let name = self.expect_ident("identifier")?;
            self.expect(Punct::Eq)?;
            let value = self.expr()?;
            if let Some(first) = seen.insert(name.name.clone(), name.span) {
                let message = format!("syntax: Named argument list already contains name: {}", name.name);
                let span = name.span.to(value.span);
                self.report(Diagnostic::error(span, message).with_note(first, "first used here"));
            }
            items.push((name, value));
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        self.expect(Punct::RParen)?;
        let span = self.since(start);
        self.node(span, ExprKind::Record(items))
    }

    /// The condition of `if` and `while`. In its own parentheses neither a
    /// tuple nor a record makes sense, and `=` is a slip for `==`.
    pub(super) fn condition(&mut self) -> Parsed<Expr> {
        if self.at(Punct::LParen) && self.record_ahead() {
            self.bump();
            self.bump();
            return Err(self.expected_with_hint("')'", Some("did you mean '=='?")));
        }
        let condition = self.expr()?;
        if matches!(condition.kind, ExprKind::Tuple(_)) {
            return Err(self.error(condition.span, "expected a condition, found a tuple"));
        }
        Ok(condition)
    }

    fn record_ahead(&self) -> bool {
        let mut ahead = self.lexer.clone();
        ahead.seek(self.tok.end);
        ahead.next().kind == Tok::Ident && ahead.next().kind == Tok::Punct(Punct::Eq)
    }
}
