//! Blocks and statements.

use super::super::ast::*;
use super::super::lexer::{Punct, Tok};
use super::{Failed, Parsed, Parser};
use crate::diag::{Diagnostic, Span};

const IMMUTABLE: &str = "Tuples and records are immutable once created. \
                         Consider creating a new value and assigning it instead.";

/// `None` for a plain `=`.
fn assign_op(punct: Punct) -> Option<Option<BinaryOp>> {
    Some(match punct {
        Punct::Eq => None,
        Punct::PlusEq => Some(BinaryOp::Add),
        Punct::MinusEq => Some(BinaryOp::Sub),
        Punct::StarEq => Some(BinaryOp::Mul),
        Punct::SlashEq => Some(BinaryOp::Div),
        Punct::PercentEq => Some(BinaryOp::Mod),
        Punct::AndEq => Some(BinaryOp::BitAnd),
        Punct::OrEq => Some(BinaryOp::BitOr),
        Punct::CaretEq => Some(BinaryOp::BitXor),
        Punct::ShlEq => Some(BinaryOp::Shl),
        Punct::ShrEq => Some(BinaryOp::Shr),
        _ => return None,
    })
}

impl Parser<'_> {
    /// `{ … }` with its value, if it ends in one.
    pub(super) fn block(&mut self) -> Parsed<Block> {
        self.deeper(2, |p| p.bracketed(Self::block_inner))
    }

    /// `{ … }` whose value nobody takes.
    pub(super) fn body(&mut self) -> Parsed<Block> {
        Ok(without_value(self.block()?))
    }

    fn block_inner(&mut self) -> Parsed<Block> {
        let start = self.expect(Punct::LBrace)?.start;
        let mut stmts: Vec<Stmt> = Vec::new();
        let mut tail = None;
        while !self.at(Punct::RBrace) {
            if self.at_end() {
                let open = self.range(start, start + 1);
                let span = self.span(self.tok);
                let message = "syntax: expected '}', found the end of the program";
                return Err(
                    self.report(Diagnostic::error(span, message).with_note(open, "the block begins here"))
                );
            }
            if self.eat(Punct::Semi) {
                continue;
            }
            let from = self.tok.start;
            let Ok(kind) = self.statement() else {
                self.skip_statement();
                continue;
            };
            let span = self.since(from);
            match self.value_or_statement(kind, span)? {
                Ok(value) => tail = Some(value),
                Err(kind) => stmts.push(Stmt { kind, span }),
            }
        }
        self.bump();
        let block = Block::new(stmts, tail, self.since(start));
        self.check_block(block)
    }

    /// The value of the block, if this statement is the last one and has one.
    fn value_or_statement(&mut self, kind: StmtKind, span: Span) -> Parsed<Result<Expr, StmtKind>> {
        let last = self.at(Punct::RBrace) && !self.text[..self.prev_end].ends_with(';');
        Ok(match kind {
            StmtKind::Expr(expr) if last => Ok(expr),
            StmtKind::If(branch) if last && has_value(&branch) => Ok(self.node(span, ExprKind::If(branch))?),
            StmtKind::Block(block) if last && block.tail.is_some() => {
                Ok(self.node(span, ExprKind::Block(Box::new(block)))?)
            }
            StmtKind::If(branch) => Err(StmtKind::If(Box::new(branch_without_value(*branch)))),
            StmtKind::Block(block) => Err(StmtKind::Block(without_value(block))),
            kind => Err(kind),
        })
    }

    fn statement(&mut self) -> Parsed<StmtKind> {
        if self.tok.kind == Tok::Ident {
            let next = self.peek().kind;
            let kind = match self.text_of(self.tok) {
                "if" => return Ok(StmtKind::If(Box::new(self.if_expr()?))),
                "while" => return self.while_loop(),
                "unroll" if next != Tok::Punct(Punct::Eq) => return self.unroll(),
                "for" => return self.for_loop(),
                "let" => self.declaration()?,
                "break" => self.keyword(StmtKind::Break),
                "continue" => self.keyword(StmtKind::Continue),
                "return" => self.return_statement()?,
                "import" => self.import_statement()?,
                "_" if next == Tok::Punct(Punct::Eq) => {
                    self.bump();
                    self.bump();
                    StmtKind::Discard(self.expr()?)
                }
                _ => return self.expression_statement(),
            };
            self.end_of_statement()?;
            return Ok(kind);
        }
        if self.at(Punct::LBrace) {
            return Ok(StmtKind::Block(self.block()?));
        }
        self.expression_statement()
    }

    fn keyword(&mut self, kind: StmtKind) -> StmtKind {
        self.bump();
        kind
    }

    fn end_of_statement(&mut self) -> Parsed<()> {
        // That the block has no end is for the block to say.
        if self.eat(Punct::Semi) || self.at(Punct::RBrace) || self.at_end() {
            return Ok(());
        }
        Err(self.expected("';'"))
    }

    /// An expression, or an assignment once an `=` shows that it is one.
    fn expression_statement(&mut self) -> Parsed<StmtKind> {
        let expr = self.expr()?;
        let op = match self.tok.kind {
            Tok::Punct(punct) => assign_op(punct),
            _ => None,
        };
        let Some(op) = op else {
            self.end_of_statement()?;
            return Ok(StmtKind::Expr(expr));
        };
        if let ExprKind::Field { base, .. } | ExprKind::TupleIndex { base, .. } = &expr.kind
            && matches!(base.kind, ExprKind::Var(_) | ExprKind::Map(_) | ExprKind::Field { .. })
        {
            return Err(self.error(expr.span, IMMUTABLE));
        }
        if !super::expr::is_place(&expr) {
            return Err(self.expected_with_hint("';'", Some("only a variable or a map can be assigned to")));
        }
        self.bump();
        let value = self.expr()?;
        self.end_of_statement()?;
        Ok(StmtKind::Assign { target: expr, op, value })
    }

    fn declaration(&mut self) -> Parsed<StmtKind> {
        self.bump();
        if self.tok.kind == Tok::Map {
            let hint = "maps are declared outside of probes: let @name = hash(max_entries);";
            return Err(self.expected_with_hint("a variable", Some(hint)));
        }
        let name = self.expect_var("a variable")?;
        let ty = if self.eat(Punct::Colon) { Some(self.ty("a type")?) } else { None };
        let value = if self.eat(Punct::Eq) { Some(self.expr()?) } else { None };
        Ok(StmtKind::Let { name, ty, value })
    }

    fn return_statement(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let bare = self.at(Punct::Semi) || self.at(Punct::RBrace);
        Ok(StmtKind::Return(if bare { None } else { Some(self.expr()?) }))
    }

    fn import_statement(&mut self) -> Parsed<StmtKind> {
        self.bump();
        if self.tok.kind != Tok::Str {
            return Err(self.expected("string after 'import'"));
        }
        let path = self.take_text();
        if self.at(Punct::Semi) || self.at(Punct::RBrace) {
            return Ok(StmtKind::Import(path));
        }
        Err(self.expected("';' after import"))
    }

    pub(super) fn if_expr(&mut self) -> Parsed<If> {
        // A chain is read in a loop and put together from its end, so that its
        // length does not count as nesting.
        let mut chain = Vec::new();
        let mut otherwise = None;
        loop {
            let start = self.bump().start;
            let condition = self.condition()?;
            let then = self.block()?;
            chain.push((start, condition, then));
            if !self.eat_word("else") {
                break;
            }
            if !self.at_word("if") {
                otherwise = Some(Else::Block(self.block()?));
                break;
            }
        }
        let mut result = None;
        while let Some((start, condition, then)) = chain.pop() {
            let branch = If::new(condition, then, otherwise.take(), self.since(start));
            if branch.height > super::MAX_HEIGHT {
                return Err(self.too_complex(branch.span));
            }
            if chain.is_empty() {
                result = Some(branch);
            } else {
                otherwise = Some(Else::If(Box::new(branch)));
            }
        }
        result.ok_or(Failed)
    }

    fn while_loop(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let condition = self.condition()?;
        Ok(StmtKind::While { condition, body: self.body()? })
    }

    fn unroll(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let count = self.expr()?;
        Ok(StmtKind::Unroll { count, body: self.body()? })
    }

    fn for_loop(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let paren = self.eat(Punct::LParen);
        let var = self.expect_var("variable in for loop")?;
        self.expect(Punct::Colon)?;
        let first = self.unary()?;
        let iter = if self.eat(Punct::DotDot) {
            ForIter::Range { start: first, end: self.unary()? }
        } else {
            self.map_to_iterate(first)?
        };
        if paren && !self.at(Punct::RParen) {
            let hint = "put a bound that is not a single value in parentheses: (1 + 1)..10";
            return Err(self.expected_with_hint("')'", Some(hint)));
        }
        if paren {
            self.bump();
        }
        Ok(StmtKind::For { var, iter, body: self.body()? })
    }

    fn map_to_iterate(&mut self, expr: Expr) -> Parsed<ForIter> {
        match &expr.kind {
            ExprKind::Map(MapRef { key: None, .. }) | ExprKind::Ident(_) => Ok(ForIter::Map(expr)),
            ExprKind::Map(_) => Err(self.error(expr.span, "expected a map without a key in for loop")),
            _ if matches!(self.tok.kind, Tok::Punct(Punct::RParen | Punct::LBrace)) => {
                Err(self.error(expr.span, "expected a map or a range (start..end) in for loop"))
            }
            _ => {
                let hint = "put a bound that is not a single value in parentheses: (1 + 1)..10";
                Err(self.expected_with_hint("')'", Some(hint)))
            }
        }
    }
}

/// All ways through the `if` end in a value.
fn has_value(branch: &If) -> bool {
    let mut at = branch;
    while at.then.tail.is_some() {
        match &at.otherwise {
            Some(Else::If(next)) => at = next,
            Some(Else::Block(block)) => return block.tail.is_some(),
            None => return false,
        }
    }
    false
}

/// Makes the value of a block one more statement.
fn without_value(mut block: Block) -> Block {
    if let Some(expr) = block.tail.take() {
        let span = expr.span;
        let kind = match expr.kind {
            ExprKind::If(branch) => StmtKind::If(Box::new(branch_without_value(*branch))),
            ExprKind::Block(inner) => StmtKind::Block(without_value(*inner)),
            kind => StmtKind::Expr(Expr { kind, ..expr }),
        };
        block.stmts.push(Stmt { kind, span });
    }
    block
}

fn branch_without_value(branch: If) -> If {
    let otherwise = branch.otherwise.map(|other| match other {
        Else::If(next) => Else::If(Box::new(branch_without_value(*next))),
        Else::Block(block) => Else::Block(without_value(block)),
    });
    If { then: without_value(branch.then), otherwise, ..branch }
}
