//! Tokens → tree, by recursive descent.
//!
//! This file has the machinery every part of the grammar uses: the current
//! token, looking ahead, spans, errors and getting going again after one; and
//! the root of the grammar. `probe`, `stmt`, `expr`, `ty`, `cdef` and
//! `directive` have the rest.
//!
//! Hostile input: nesting is counted ([`MAX_NESTING`]) so that the parser's own
//! recursion is bounded, heights of trees are checked where they are built, and
//! once the collector of diagnostics is full, parsing stops.

mod cdef;
mod directive;
mod expr;
mod probe;
mod root;
mod stmt;
mod ty;

#[cfg(test)]
mod tests;

use super::ast::*;
use super::height::MAX_HEIGHT;
use super::lexer::{Lexer, Punct, Tok, Token};
use super::literal;
use crate::diag::{Diagnostic, Diagnostics, Source, Span};

/// Deepest nesting of parentheses and prefix operators. A block counts twice,
/// since it takes that much more of the stack.
pub(super) const MAX_NESTING: usize = 100;

/// An error was reported; the caller finds a place to go on.
#[derive(Debug)]
pub(super) struct Failed;

pub(super) type Parsed<T> = Result<T, Failed>;

/// A position to return to.
#[derive(Clone, Copy)]
struct Mark {
    tok: Token,
    prev_end: usize,
}

pub(super) struct Parser<'a> {
    text: &'a str,
    base: u32,
    lexer: Lexer<'a>,
    tok: Token,
    prev_end: usize,
    diags: &'a mut Diagnostics,
    /// Positional parameters, for attach points.
    params: &'a [String],
    next_id: u32,
    depth: usize,
    /// A `/` before a `{` ends the predicate being parsed.
    in_predicate: bool,
    /// Token start of the last error: one error a place is enough.
    last_error: Option<usize>,
    stopped: bool,
    script: Script,
    /// What the C definitions so far have named, for constant expressions.
    consts: super::cdef::Constants,
    /// Open `#if` groups.
    conditions: Vec<directive::Condition>,
    anonymous: usize,
}

/// Parses a whole script.
pub(super) fn script(source: &Source, params: &[String], diags: &mut Diagnostics) -> Script {
    let lexer = Lexer::new(&source.text);
    let mut parser = Parser::new(&source.text, source.base(), lexer, 0, params, diags);
    parser.root();
    parser.script.node_count = parser.next_id;
    parser.script
}

/// Parses the body of a `#define` as an expression. `None` if it is not one;
/// why not is of no interest to a user of the macro, so nothing is reported.
pub(super) fn define_body(source: &Source, body: Span) -> Option<Expr> {
    let start = (body.start - source.base()) as usize;
    let end = (body.end - source.base()) as usize;
    let mut diags = Diagnostics::default();
    let lexer = Lexer::within(&source.text, start, end);
    let mut parser = Parser::new(&source.text, source.base(), lexer, 0, &[], &mut diags);
    let expr = parser.expr().ok()?;
    let whole = parser.at_end();
    (whole && !diags.has_errors()).then_some(expr)
}

impl<'a> Parser<'a> {
    fn new(
        text: &'a str,
        base: u32,
        mut lexer: Lexer<'a>,
        next_id: u32,
        params: &'a [String],
        diags: &'a mut Diagnostics,
    ) -> Parser<'a> {
        let tok = lexer.next();
        Parser {
            text,
            base,
            lexer,
            tok,
            prev_end: tok.start,
            diags,
            params,
            next_id,
            depth: 0,
            in_predicate: false,
            last_error: None,
            stopped: false,
            script: Script::default(),
            consts: super::cdef::Constants::default(),
            conditions: Vec::new(),
            anonymous: 0,
        }
    }

    // ---- tokens ----

    fn bump(&mut self) -> Token {
        let tok = self.tok;
        self.prev_end = tok.end;
        self.tok = self.lexer.next();
        tok
    }

    fn mark(&self) -> Mark {
        Mark { tok: self.tok, prev_end: self.prev_end }
    }

    fn rewind(&mut self, mark: Mark) {
        self.lexer.seek(mark.tok.end);
        self.tok = mark.tok;
        self.prev_end = mark.prev_end;
    }

    /// Goes on at a byte of the text, after raw text was taken.
    fn resume_at(&mut self, pos: usize) {
        self.prev_end = pos;
        self.lexer.seek(pos);
        self.tok = self.lexer.next();
    }

    fn peek(&self) -> Token {
        let mut lexer = self.lexer.clone();
        lexer.seek(self.tok.end);
        lexer.next()
    }

    fn text_of(&self, tok: Token) -> &'a str {
        self.text.get(tok.start..tok.end).unwrap_or("")
    }

    fn at_end(&self) -> bool {
        self.tok.kind == Tok::Eof
    }

    fn at(&self, punct: Punct) -> bool {
        self.tok.kind == Tok::Punct(punct)
    }

    fn at_word(&self, word: &str) -> bool {
        self.tok.kind == Tok::Ident && self.text_of(self.tok) == word
    }

    fn eat(&mut self, punct: Punct) -> bool {
        let found = self.at(punct);
        if found {
            self.bump();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, punct: Punct) -> Parsed<Token> {
        if self.at(punct) {
            return Ok(self.bump());
        }
        Err(self.expected(&format!("'{}'", punct.text())))
    }

    fn expect_ident(&mut self, what: &str) -> Parsed<Ident> {
        if self.tok.kind != Tok::Ident {
            return Err(self.expected(what));
        }
        let tok = self.bump();
        Ok(Ident { name: self.text_of(tok).to_owned(), span: self.span(tok) })
    }

    /// `$name`, without its `$`.
    fn expect_var(&mut self, what: &str) -> Parsed<Ident> {
        if self.tok.kind != Tok::Var {
            return Err(self.expected(what));
        }
        Ok(self.take_sigiled())
    }

    /// The name behind the first character of the current token.
    fn take_sigiled(&mut self) -> Ident {
        let tok = self.bump();
        Ident { name: self.text_of(tok).get(1..).unwrap_or("").to_owned(), span: self.span(tok) }
    }

    // ---- spans and nodes ----

    fn span(&self, tok: Token) -> Span {
        self.range(tok.start, tok.end)
    }

    fn range(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + start as u32, self.base + end as u32)
    }

    /// From a token's start to the end of the last token taken.
    fn since(&self, start: usize) -> Span {
        self.range(start, self.prev_end.max(start))
    }

    fn start_of(&self, span: Span) -> usize {
        (span.start - self.base) as usize
    }

    fn node(&mut self, span: Span, kind: ExprKind) -> Parsed<Expr> {
        let id = NodeId(self.next_id);
        self.next_id += 1;
        let expr = Expr::new(id, span, kind);
        if expr.height > MAX_HEIGHT { Err(self.too_complex(span)) } else { Ok(expr) }
    }

    fn check_block(&mut self, block: Block) -> Parsed<Block> {
        if block.height > MAX_HEIGHT { Err(self.too_complex(block.span)) } else { Ok(block) }
    }

    /// Runs a rule that can contain itself.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.deeper(1, rule)
    }

    fn deeper<T>(&mut self, levels: usize, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth + levels > MAX_NESTING {
            let span = self.span(self.tok);
            let message = format!("syntax: nested too deeply, the limit is {MAX_NESTING} levels");
            return Err(self.stop(Diagnostic::error(span, message)));
        }
        self.depth += levels;
        let result = rule(self);
        self.depth -= levels;
        result
    }

    /// Runs a rule inside brackets, where a `/` is a division again.
    fn bracketed<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outside = std::mem::replace(&mut self.in_predicate, false);
        let result = rule(self);
        self.in_predicate = outside;
        result
    }

    // ---- errors ----

    fn too_complex(&mut self, span: Span) -> Failed {
        let message =
            format!("syntax: expression is too long, the limit is {MAX_HEIGHT} operators in a chain");
        self.stop(Diagnostic::error(span, message).with_hint("split it with variables or blocks"))
    }

    /// Reports and gives the rest of the text up.
    fn stop(&mut self, diagnostic: Diagnostic) -> Failed {
        if !self.stopped {
            self.diags.push(diagnostic);
        }
        self.stopped = true;
        let end = self.text.len();
        self.lexer.seek(end);
        self.tok = self.lexer.next();
        self.prev_end = self.tok.end;
        Failed
    }

    fn report(&mut self, diagnostic: Diagnostic) -> Failed {
        let place = self.start_of(diagnostic.span);
        if self.stopped || self.last_error == Some(place) {
            return Failed;
        }
        self.last_error = Some(place);
        if self.diags.is_full() {
            return self.stop(diagnostic);
        }
        self.diags.push(diagnostic);
        Failed
    }

    fn error(&mut self, span: Span, message: impl Into<String>) -> Failed {
        self.report(Diagnostic::error(span, format!("syntax: {}", message.into())))
    }

    /// "expected X, found Y" at the current token; what the lexer could not
    /// read is reported as that instead.
    fn expected(&mut self, what: &str) -> Failed {
        self.expected_with_hint(what, None)
    }

    fn expected_with_hint(&mut self, what: &str, hint: Option<&str>) -> Failed {
        let span = self.span(self.tok);
        let message = match self.tok.kind {
            Tok::OpenStr => {
                let line = self.text_of(self.tok).lines().next().unwrap_or("").len();
                let span = self.range(self.tok.start, self.tok.start + line.max(1));
                return self.stop(Diagnostic::error(span, "syntax: unterminated string"));
            }
            Tok::OpenComment => {
                return self.stop(Diagnostic::error(span, "syntax: unterminated comment"));
            }
            Tok::Unknown => {
                let found = self.text_of(self.tok).escape_debug().to_string();
                format!("syntax: unexpected character '{found}', expected {what}")
            }
            Tok::Eof => format!("syntax: expected {what}, found the end of the program"),
            _ => {
                let found: String = self.text_of(self.tok).chars().take(40).collect();
                format!("syntax: expected {what}, found '{}'", found.escape_debug())
            }
        };
        let mut diagnostic = Diagnostic::error(span, message);
        diagnostic.hint = hint.map(str::to_owned);
        self.report(diagnostic)
    }

    // ---- literals ----

    /// The current integer token; an error in it is reported and counts as 0.
    fn take_int(&mut self) -> IntLit {
        let tok = self.bump();
        match literal::number(self.text_of(tok)) {
            Ok(value) => value,
            Err(bad) => {
                let span = self.range(tok.start + bad.at.start, tok.start + bad.at.end);
                self.error(span, bad.message);
                IntLit { value: 0, suffix: IntSuffix::None }
            }
        }
    }

    /// The current string token.
    fn take_str(&mut self) -> Vec<u8> {
        let tok = self.bump();
        let (bytes, errors) = literal::string(self.text_of(tok));
        for bad in errors {
            let span = self.range(tok.start + bad.at.start, tok.start + bad.at.end);
            self.error(span, bad.message);
        }
        bytes
    }

    fn take_text(&mut self) -> String {
        String::from_utf8_lossy(&self.take_str()).into_owned()
    }

    // ---- recovery ----

    /// Skips to behind the next `;` of this block or to its `}`.
    fn skip_statement(&mut self) {
        let mut open = 0usize;
        loop {
            match self.tok.kind {
                Tok::Eof => return,
                Tok::OpenStr | Tok::OpenComment => {
                    self.expected("a statement");
                    return;
                }
                Tok::Punct(Punct::LBrace) => open += 1,
                Tok::Punct(Punct::RBrace) if open == 0 => return,
                Tok::Punct(Punct::RBrace) => {
                    open -= 1;
                    if open == 0 {
                        self.bump();
                        return;
                    }
                }
                Tok::Punct(Punct::Semi) if open == 0 => {
                    self.bump();
                    return;
                }
                _ => {}
            }
            self.bump();
        }
    }

    /// Skips to behind the next whole `{ … }`, the end of the broken item.
    fn skip_item(&mut self) {
        let mut open = 0usize;
        while !self.at_end() {
            match self.tok.kind {
                Tok::OpenStr | Tok::OpenComment => {
                    self.expected("a probe");
                    return;
                }
                Tok::Punct(Punct::LBrace) => open += 1,
                Tok::Punct(Punct::RBrace) => {
                    open = open.saturating_sub(1);
                    if open == 0 {
                        self.bump();
                        return;
                    }
                }
                _ => {}
            }
            self.bump();
        }
    }
}
