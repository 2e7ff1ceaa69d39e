//! `#include`, `#define`, `#ifdef` … `#endif` before the probes.
//!
//! We read no headers: types come from BTF or from the script. An include is
//! recorded so that the analyser can say what it is not used for. Directives
//! are lines, so they are read from the text by line.

use super::super::ast::*;
use super::super::lexer::{Lexer, Tok, is_ident_byte};
use super::{Failed, Parsed, Parser};
use crate::diag::{Diagnostic, Diagnostics, Span};

/// Defined in every script, because our types always come from BTF.
const HAVE_BTF: &str = "BPFTRACE_HAVE_BTF";

/// An open `#if`.
pub(super) struct Condition {
    opened: Span,
    /// A branch of it was taken already.
    taken: bool,
}

/// A line's directive: its name, and where the rest of the line is.
struct Line<'a> {
    name: &'a str,
    rest: std::ops::Range<usize>,
}

impl Parser<'_> {
    pub(super) fn at_directive(&self) -> bool {
        self.tok.kind == Tok::Unknown && self.text_of(self.tok) == "#"
    }

    /// Takes the directive at the current `#`.
    pub(super) fn directive(&mut self) {
        let start = self.tok.start;
        let end = self.line_end(start);
        let line = directive_line(self.text, start, end);
        let span = self.range(start, end);
        self.resume_at(end);
        // Errors are reported; a directive ends with its line whatever it holds.
        let _ = self.run_directive(line, span);
    }

    fn run_directive(&mut self, line: Line, span: Span) -> Parsed<()> {
        match line.name {
            "include" => self.include(line, span),
            "define" => self.define(line, span),
            "undef" => {
                let name = self.text[line.rest].trim().to_owned();
                self.consts.undefine(&name);
                Ok(())
            }
            "ifdef" | "ifndef" | "if" => {
                // A condition with an error counts as met, so that its `#endif`
                // has something to close, but what it guards is left out.
                let test = self.test(&line, span);
                self.conditions
                    .push(Condition { opened: span, taken: test.as_ref().copied().unwrap_or(true) });
                if !matches!(test, Ok(true)) {
                    self.skip_branch();
                }
                test.map(|_| ())
            }
            // Met while a branch is being taken: the others are not.
            "elif" | "else" => {
                if self.conditions.is_empty() {
                    return Err(self.error(span, format!("#{} without #if", line.name)));
                }
                self.skip_branch();
                Ok(())
            }
            "endif" => match self.conditions.pop() {
                Some(_) => Ok(()),
                None => Err(self.error(span, "#endif without #if")),
            },
            "error" => {
                let text = self.text[line.rest].trim().to_owned();
                Err(self.report(Diagnostic::error(span, format!("#error {text}"))))
            }
            "pragma" | "warning" | "" => Ok(()),
            name => Err(self.error(span, format!("unknown directive '#{}'", name.escape_debug()))),
        }
    }

    fn include(&mut self, line: Line, span: Span) -> Parsed<()> {
        let text = self.text[line.rest].trim();
        let path = text
            .strip_prefix('<')
            .and_then(|t| t.split_once('>'))
            .or_else(|| text.strip_prefix('"').and_then(|t| t.split_once('"')));
        let Some((path, _)) = path else {
            return Err(self.error(span, "expected <file> or \"file\" after #include"));
        };
        self.script.cdefs.push(CDef::Include(CInclude { path: path.to_owned(), span }));
        Ok(())
    }

    fn define(&mut self, line: Line, span: Span) -> Parsed<()> {
        let mut lexer = Lexer::within(self.text, line.rest.start, line.rest.end);
        let name = lexer.next();
        if name.kind != Tok::Ident {
            return Err(self.error(span, "expected a name after #define"));
        }
        let ident = Ident { name: self.text_of(name).to_owned(), span: self.span(name) };
        let function_like = self.text.as_bytes().get(name.end) == Some(&b'(');
        let body = self.range(name.end, line.rest.end);
        let value = if function_like { None } else { self.define_value(name.end, line.rest.end) };
        self.consts.define(&ident.name, value);
        self.script.cdefs.push(CDef::Define(CDefine { name: ident, function_like, body }));
        Ok(())
    }

    /// The integer that a macro's body comes to, for array lengths and `#if`.
    fn define_value(&self, start: usize, end: usize) -> Option<i64> {
        let mut silent = Diagnostics::default();
        let lexer = Lexer::within(self.text, start, end);
        let mut parser = Parser::new(self.text, self.base, lexer, 0, &[], &mut silent);
        let expr = parser.expr().ok()?;
        if !parser.at_end() || silent.has_errors() {
            return None;
        }
        self.consts.eval(&expr)
    }

    fn test(&mut self, line: &Line, span: Span) -> Parsed<bool> {
        if line.name != "if" && line.name != "elif" {
            let name: &str = self.text[line.rest.clone()].trim();
            let name = &name[..name.bytes().take_while(|&b| is_ident_byte(b)).count()];
            return Ok(self.is_defined(name) == (line.name == "ifdef"));
        }
        let mut parser_diags = Diagnostics::default();
        let lexer = Lexer::within(self.text, line.rest.start, line.rest.end);
        let mut parser = Parser::new(self.text, self.base, lexer, 0, &[], &mut parser_diags);
        let expr = parser.expr().ok().filter(|_| parser.at_end());
        let value = expr.and_then(|e| self.consts.eval_condition(&e, &|name| self.is_defined(name)));
        match value {
            Some(value) => Ok(value != 0),
            None => Err(self.error(span, format!("cannot evaluate the condition of #{}", line.name))),
        }
    }

    fn is_defined(&self, name: &str) -> bool {
        name == HAVE_BTF || self.consts.is_defined(name)
    }

    /// Goes to the branch of the innermost `#if` that is to be taken, or behind
    /// its `#endif`.
    fn skip_branch(&mut self) {
        let mut depth = 0usize;
        let mut pos = self.prev_end;
        while pos < self.text.len() {
            let line_start = pos;
            let end = self.line_end(pos);
            pos = (end + 1).min(self.text.len());
            let trimmed = self.text[line_start..end].trim_start();
            if !trimmed.starts_with('#') {
                if end >= self.text.len() {
                    break;
                }
                continue;
            }
            let start = end - trimmed.len();
            let line = directive_line(self.text, start, end);
            match line.name {
                "if" | "ifdef" | "ifndef" => depth += 1,
                "endif" if depth > 0 => depth -= 1,
                "endif" => {
                    self.conditions.pop();
                    return self.resume_at(end);
                }
                "else" | "elif" if depth == 0 => {
                    let taken = self.conditions.last().is_none_or(|c| c.taken);
                    let span = self.range(start, end);
                    let take = !taken && (line.name == "else" || self.test(&line, span).unwrap_or(false));
                    if take {
                        if let Some(condition) = self.conditions.last_mut() {
                            condition.taken = true;
                        }
                        return self.resume_at(end);
                    }
                }
                _ => {}
            }
        }
        self.resume_at(self.text.len());
    }

    pub(super) fn check_conditions_closed(&mut self) {
        if let Some(condition) = self.conditions.pop() {
            let Failed = self.error(condition.opened, "#if without #endif");
        }
    }

    /// Leaves of each `#define` the last one, if it still holds at the end.
    pub(super) fn drop_stale_defines(&mut self) {
        let mut seen = std::collections::HashSet::new();
        let mut defs = std::mem::take(&mut self.script.cdefs);
        defs.reverse();
        defs.retain(|def| match def {
            CDef::Define(d) => self.consts.is_defined(&d.name.name) && seen.insert(d.name.name.clone()),
            _ => true,
        });
        defs.reverse();
        self.script.cdefs = defs;
    }

    /// End of the line that `pos` is on, over continued lines.
    fn line_end(&self, pos: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = pos;
        while at < bytes.len() {
            match bytes[at] {
                b'\n' => return at,
                b'\\' if bytes.get(at + 1) == Some(&b'\n') => at += 2,
                _ => at += 1,
            }
        }
        bytes.len()
    }
}

fn directive_line(text: &str, start: usize, end: usize) -> Line<'_> {
    let bytes = text.as_bytes();
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let name_start = start + 1 + bytes[start + 1..end].iter().take_while(|b| blank(b)).count();
    let name_end = name_start + bytes[name_start..end].iter().take_while(|&&b| is_ident_byte(b)).count();
    Line { name: &text[name_start..name_end], rest: name_end..end }
}
