//! The root of a script: what stands outside of braces, and in which order.

use super::super::ast::*;
use super::super::lexer::{Punct, Tok};
use super::{Failed, Parsed, Parser};
use crate::diag::{Diagnostic, Span};

/// Sections of a script, in the order they must come in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    CDefinitions,
    ConfigAndImports,
    Body,
}

impl Parser<'_> {
    pub(super) fn root(&mut self) {
        self.skip_shebang();
        let mut section = Section::CDefinitions;
        loop {
            if self.at_directive() {
                if section > Section::CDefinitions {
                    let span = self.directive_span();
                    self.error(span, "C definitions must appear before probes and functions");
                }
                // The report may have been the one that ends the parse.
                if !self.stopped {
                    self.directive();
                }
                continue;
            }
            if self.at_end() || self.stopped {
                break;
            }
            if self.eat(Punct::Semi) {
                continue;
            }
            let start = self.tok.start;
            if let Err(Failed) = self.item(&mut section) {
                // An error at the very first token of an item must not be met again.
                if self.tok.start == start {
                    self.bump();
                }
                self.skip_item();
            }
        }
        self.check_conditions_closed();
        self.drop_stale_defines();
    }

    fn skip_shebang(&mut self) {
        if self.text.starts_with("#!") {
            self.resume_at(self.text.find('\n').unwrap_or(self.text.len()));
        }
    }

    fn item(&mut self, section: &mut Section) -> Parsed<()> {
        let start = self.tok.start;
        let next = self.peek();
        let (mine, what) = match self.tok.kind {
            Tok::Ident => match (self.text_of(self.tok), next.kind) {
                ("struct" | "union" | "enum" | "typedef", kind) if kind != Tok::Punct(Punct::Colon) => {
                    (Section::CDefinitions, "C definitions")
                }
                ("config", Tok::Punct(Punct::Eq | Punct::LBrace)) => (Section::ConfigAndImports, "config"),
                ("import", _) => (Section::ConfigAndImports, "import"),
                _ => (Section::Body, ""),
            },
            _ => (Section::Body, ""),
        };
        if *section > mine {
            let span = self.range(start, self.tok.end);
            self.error(span, format!("{what} must appear before probes and functions"));
        }
        *section = mine.max(*section);
        match mine {
            Section::CDefinitions => self.c_definition(),
            Section::ConfigAndImports if what == "config" => self.config(),
            Section::ConfigAndImports => self.root_import(),
            Section::Body => self.body_item(),
        }
    }

    fn body_item(&mut self) -> Parsed<()> {
        let next = self.peek().kind;
        match (self.tok.kind, self.text_of(self.tok)) {
            (Tok::Ident, "let") if next == Tok::Map => self.map_declaration(),
            (Tok::Ident, "let") => {
                self.bump();
                Err(self.expected("a map: let @name = hash(max_entries);"))
            }
            (Tok::Ident, "macro") if next == Tok::Ident => self.macro_definition(),
            (Tok::Ident, "fn") if next == Tok::Ident => self.function(),
            (Tok::Punct(Punct::LBrace | Punct::RBrace), _) => Err(self.expected("a probe")),
            (Tok::OpenComment, _) => Err(self.expected("a probe")),
            _ => self.probe(),
        }
    }

    fn root_import(&mut self) -> Parsed<()> {
        let start = self.bump().start;
        if self.tok.kind != Tok::Str {
            return Err(self.expected("string after 'import'"));
        }
        let path = self.take_text();
        let span = self.since(start);
        self.expect(Punct::Semi)?;
        self.script.imports.push(Import { path, span });
        Ok(())
    }

    fn config(&mut self) -> Parsed<()> {
        self.bump();
        self.expect(Punct::Eq)?;
        self.expect(Punct::LBrace)?;
        while !self.eat(Punct::RBrace) {
            let item = self.config_item()?;
            self.script.config.push(item);
            if !self.eat(Punct::Semi) && !self.at(Punct::RBrace) {
                return Err(self.expected("';' or '}'"));
            }
        }
        Ok(())
    }

    fn config_item(&mut self) -> Parsed<ConfigItem> {
        let key = self.expect_ident("config key")?;
        self.expect(Punct::Eq)?;
        let start = self.tok.start;
        let value = match self.tok.kind {
            Tok::Int => ConfigValue::Int(self.take_int().value),
            Tok::Str => ConfigValue::Str(self.take_text()),
            Tok::Ident => {
                let tok = self.bump();
                match self.text_of(tok) {
                    "true" => ConfigValue::Bool(true),
                    "false" => ConfigValue::Bool(false),
                    word => ConfigValue::Word(word.to_owned()),
                }
            }
            _ => return Err(self.expected("config value")),
        };
        Ok(ConfigItem { key, value, value_span: self.since(start) })
    }

    fn map_declaration(&mut self) -> Parsed<()> {
        let start = self.bump().start;
        let name = self.take_sigiled();
        self.expect(Punct::Eq)?;
        let kind = self.expect_ident("a map type, e.g. hash")?;
        self.expect(Punct::LParen)?;
        let number = self.tok;
        if number.kind != Tok::Int {
            return Err(self.expected("positive integer for map declaration max entries"));
        }
        let max_entries = self.take_int().value;
        if max_entries == 0 {
            self.error(self.span(number), "expected positive integer for map declaration max entries");
        }
        self.expect(Punct::RParen)?;
        let span = self.since(start);
        self.expect(Punct::Semi)?;
        self.script.map_decls.push(MapDecl { name, kind, max_entries, span });
        Ok(())
    }

    fn macro_definition(&mut self) -> Parsed<()> {
        self.bump();
        let start = self.tok.start;
        let name = self.expect_ident("a macro name")?;
        let mut params: Vec<MacroParam> = Vec::new();
        if self.eat(Punct::LParen) {
            while !self.at(Punct::RParen) {
                let param = self.macro_param(&params)?;
                params.push(param);
                if !self.eat(Punct::Comma) {
                    break;
                }
            }
            self.expect(Punct::RParen)?;
        }
        let head = self.since(start);
        let body = self.block()?;
        self.script.macros.push(Macro { name, params, body, span: head });
        Ok(())
    }

    fn macro_param(&mut self, before: &[MacroParam]) -> Parsed<MacroParam> {
        let (kind, what) = match self.tok.kind {
            Tok::Var => (ParamKind::Var, "Variable"),
            Tok::Map => (ParamKind::Map, "Map"),
            Tok::Ident => (ParamKind::Expr, "Ident"),
            _ => return Err(self.expected("a macro parameter: $variable, @map or name")),
        };
        let span = self.span(self.tok);
        let written = self.text_of(self.tok);
        if kind == ParamKind::Expr && super::ty::is_reserved_value(written) {
            return Err(self.error(span, format!("builtin '{written}' can't be used as a macro argument")));
        }
        let name = match kind {
            ParamKind::Expr => self.expect_ident("a name")?,
            ParamKind::Var | ParamKind::Map => self.take_sigiled(),
        };
        if before.iter().any(|p| p.kind == kind && p.name.name == name.name) {
            let message = format!("{what} for macro argument has already been used: {written}");
            self.report(Diagnostic::error(span, message));
        }
        Ok(MacroParam { kind, name })
    }

    /// `fn name($a: type, …): type { … }`
    fn function(&mut self) -> Parsed<()> {
        let start = self.bump().start;
        let name = self.expect_ident("a function name")?;
        self.expect(Punct::LParen)?;
        let mut params = Vec::new();
        while !self.at(Punct::RParen) {
            let param = self.expect_var("a parameter: $name: type")?;
            self.expect(Punct::Colon)?;
            params.push((param, self.ty("a type")?));
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        self.expect(Punct::RParen)?;
        self.expect(Punct::Colon)?;
        let result = self.ty("a type")?;
        let span = self.since(start);
        let body = self.body()?;
        self.script.functions.push(Function { name, params, result, body, span });
        Ok(())
    }

    /// From the `#` to the end of its line.
    fn directive_span(&self) -> Span {
        let start = self.tok.start;
        let end = self.text[start..].find('\n').map_or(self.text.len(), |n| start + n);
        self.range(start, end)
    }
}
