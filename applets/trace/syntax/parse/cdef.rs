//! C definitions: `struct`, `union`, `enum`, `typedef`.
//!
//! The subset that describes data: nested and anonymous definitions, arrays,
//! bit-fields, pointers, function pointers (as plain pointers), `packed` and
//! `aligned`. What a definition contains is put before it in the script's list,
//! so that a reader of the list meets each name before its use.

use super::super::ast::*;
use super::super::cdef as c;
use super::super::lexer::{Punct, Tok};
use super::{Parsed, Parser};
use crate::diag::Span;

#[derive(Default)]
struct Attributes {
    packed: bool,
    align: Option<u64>,
}

impl Parser<'_> {
    pub(super) fn c_definition(&mut self) -> Parsed<()> {
        if self.at_word("typedef") {
            return self.c_typedef();
        }
        let start = self.tok.start;
        let forward = self.at_forward_declaration();
        self.c_tagged("")?;
        if !forward && !self.just_defined() {
            let span = self.since(start);
            return Err(self.error(span, "expected a definition: struct name { … }"));
        }
        self.eat(Punct::Semi);
        Ok(())
    }

    /// What was taken last ended a definition or its attributes.
    fn just_defined(&self) -> bool {
        self.text[..self.prev_end].ends_with(['}', ')'])
    }

    /// `struct name;`
    fn at_forward_declaration(&self) -> bool {
        let mut ahead = self.lexer.clone();
        ahead.seek(self.tok.end);
        ahead.next().kind == Tok::Ident && ahead.next().kind == Tok::Punct(Punct::Semi)
    }

    fn c_typedef(&mut self) -> Parsed<()> {
        self.bump();
        let base = self.c_specifier("")?;
        loop {
            let (name, ty) = self.c_declarator(base.clone())?;
            let Some(name) = name else { return Err(self.expected("a name for the type")) };
            self.script.cdefs.push(CDef::Typedef(CTypedef { name, ty }));
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        self.expect(Punct::Semi)?;
        Ok(())
    }

    /// The type that a declaration begins with. `inside` is the definition it
    /// stands in, for the made-up names of anonymous ones.
    fn c_specifier(&mut self, inside: &str) -> Parsed<TypeExpr> {
        let start = self.tok.start;
        while ["const", "volatile", "static", "extern", "register", "__extension__"]
            .iter()
            .any(|w| self.at_word(w))
        {
            self.bump();
        }
        let word = self.text_of(self.tok);
        let kind = match word {
            _ if self.tok.kind != Tok::Ident => return Err(self.expected("a type")),
            "struct" | "union" | "enum" => self.c_tagged(inside)?,
            _ if c::is_c_int_word(word) => TypeKind::Named(self.c_int_words()),
            _ => TypeKind::Named(self.expect_ident("a type")?.name),
        };
        while self.eat_word("const") || self.eat_word("volatile") {}
        Ok(TypeExpr { kind, span: self.since(start) })
    }

    /// `struct|union|enum [name] [{ … }]`: a definition is put into the script.
    fn c_tagged(&mut self, inside: &str) -> Parsed<TypeKind> {
        let keyword = self.text_of(self.tok);
        let start = self.bump().start;
        let mut attributes = Attributes::default();
        self.c_attributes(&mut attributes)?;
        let name = if self.tok.kind == Tok::Ident { Some(self.expect_ident("a name")?.name) } else { None };
        self.c_attributes(&mut attributes)?;
        let defines = self.at(Punct::LBrace);
        if !defines && name.is_none() {
            return Err(self.expected(&format!("a name or '{{' after '{keyword}'")));
        }
        let own_name = name.is_some();
        let name = name.unwrap_or_else(|| self.made_up_name(inside));
        if keyword == "enum" {
            if defines {
                let named = (own_name || !inside.is_empty()).then(|| name.clone());
                self.nested(|p| p.c_enum(named, start))?;
            }
            return Ok(TypeKind::Enum(name));
        }
        let is_union = keyword == "union";
        if defines {
            let fields = self.nested(|p| p.c_fields(&name))?;
            self.c_attributes(&mut attributes)?;
            let Attributes { packed, align } = attributes;
            let span = self.since(start);
            let aggregate = CAggregate { is_union, name: name.clone(), fields, packed, align, span };
            self.script.cdefs.push(CDef::Aggregate(aggregate));
        }
        Ok(if is_union { TypeKind::Union(name) } else { TypeKind::Struct(name) })
    }

    fn made_up_name(&mut self, inside: &str) -> String {
        self.anonymous += 1;
        let separator = if inside.is_empty() { "" } else { "::" };
        format!("{inside}{separator}(anonymous {})", self.anonymous)
    }

    fn c_fields(&mut self, inside: &str) -> Parsed<Vec<CField>> {
        let open = self.expect(Punct::LBrace)?;
        let mut fields = Vec::new();
        while !self.eat(Punct::RBrace) {
            if self.at_end() {
                let open = self.span(open);
                return Err(self.error(open, "expected '}' to close this definition"));
            }
            if self.eat(Punct::Semi) {
                continue;
            }
            self.c_field(inside, &mut fields)?;
        }
        Ok(fields)
    }

    fn c_field(&mut self, inside: &str, fields: &mut Vec<CField>) -> Parsed<()> {
        let base = self.c_specifier(inside)?;
        let defined = self.just_defined();
        loop {
            let (name, ty) = self.c_declarator(base.clone())?;
            let bits = if self.eat(Punct::Colon) { Some(self.c_bits(name.as_ref(), &ty)?) } else { None };
            if name.is_none() && bits.is_none() && !defined {
                return Err(self.expected("a field name"));
            }
            if self.at_word("__attribute__") {
                return Err(self.error(self.span(self.tok), "attributes of a single field are not supported"));
            }
            // `enum { A, B };` inside of a struct only names constants.
            if name.is_some() || bits.is_some() || !matches!(ty.kind, TypeKind::Enum(_)) {
                fields.push(CField { name, ty, bits });
            }
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        if self.eat(Punct::Semi) || self.at(Punct::RBrace) {
            return Ok(());
        }
        Err(self.expected("';'"))
    }

    fn c_bits(&mut self, name: Option<&Ident>, ty: &TypeExpr) -> Parsed<u32> {
        let width_start = self.tok.start;
        let width = self.c_constant("the width of a bit-field")?;
        let span = self.since(width_start);
        let room = match &ty.kind {
            TypeKind::Named(name) => c::builtin_int(name).map_or(64, |int| i64::from(int.size) * 8),
            TypeKind::Enum(_) => 32,
            _ => return Err(self.error(ty.span, "a bit-field needs an integer type")),
        };
        let least = i64::from(name.is_some());
        if !(least..=room).contains(&width) {
            return Err(
                self.error(span, format!("width of a bit-field must be {least} to {room}, found {width}"))
            );
        }
        Ok(width as u32)
    }

    /// `*name[n][m]`, `(*name)(…)`, or nothing.
    fn c_declarator(&mut self, base: TypeExpr) -> Parsed<(Option<Ident>, TypeExpr)> {
        let start = self.start_of(base.span);
        let mut ty = base;
        let mut stars = 0;
        while self.eat(Punct::Star) {
            while self.eat_word("const") || self.eat_word("volatile") {}
            stars += 1;
            if stars > 16 {
                return Err(self.error(ty.span, "more than 16 levels of pointers"));
            }
            ty = TypeExpr { kind: TypeKind::Pointer(Box::new(ty)), span: self.since(start) };
        }
        if self.at(Punct::LParen) {
            return self.c_function_pointer(start);
        }
        let name = if self.tok.kind == Tok::Ident && !self.at_word("__attribute__") {
            Some(self.expect_ident("a name")?)
        } else {
            None
        };
        let mut lengths = Vec::new();
        while self.eat(Punct::LBracket) {
            let flexible = self.at(Punct::RBracket);
            lengths.push(if flexible { None } else { Some(self.c_length()?) });
            self.expect(Punct::RBracket)?;
            if lengths.len() > 16 {
                return Err(self.error(ty.span, "more than 16 dimensions of an array"));
            }
        }
        let span = self.since(start);
        for length in lengths.into_iter().rev() {
            ty = TypeExpr { kind: TypeKind::Array { element: Box::new(ty), length }, span };
        }
        Ok((name, ty))
    }

    fn c_length(&mut self) -> Parsed<u64> {
        let start = self.tok.start;
        let length = self.c_constant("the length of an array")?;
        match u64::try_from(length) {
            Ok(length) if length <= u64::from(u32::MAX) => Ok(length),
            _ => Err(self.error(self.since(start), format!("length of an array out of range: {length}"))),
        }
    }

    /// `(*name)(int, char)` or `(*name)[4]`: a pointer, to what does not matter.
    fn c_function_pointer(&mut self, start: usize) -> Parsed<(Option<Ident>, TypeExpr)> {
        self.expect(Punct::LParen)?;
        self.expect(Punct::Star)?;
        let name = self.expect_ident("a name")?;
        self.expect(Punct::RParen)?;
        if self.eat(Punct::LBracket) {
            self.c_length()?;
            self.expect(Punct::RBracket)?;
        } else {
            self.expect(Punct::LParen)?;
            self.skip_parens()?;
        }
        let span = self.since(start);
        let target = TypeExpr { kind: TypeKind::Named("void".to_owned()), span };
        Ok((Some(name), TypeExpr { kind: TypeKind::Pointer(Box::new(target)), span }))
    }

    /// To behind the `)` of a `(` already taken.
    fn skip_parens(&mut self) -> Parsed<()> {
        let mut open = 1usize;
        while open > 0 {
            match self.tok.kind {
                Tok::Punct(Punct::LParen) => open += 1,
                Tok::Punct(Punct::RParen) => open -= 1,
                Tok::Eof | Tok::OpenComment | Tok::OpenStr => return Err(self.expected("')'")),
                _ => {}
            }
            self.bump();
        }
        Ok(())
    }

    fn c_enum(&mut self, name: Option<String>, start: usize) -> Parsed<()> {
        self.expect(Punct::LBrace)?;
        let mut constants = Vec::new();
        let mut next = 0i64;
        while !self.at(Punct::RBrace) {
            let constant = self.expect_ident("a constant's name")?;
            if self.eat(Punct::Eq) {
                next = self.c_constant("the value")?;
            }
            self.consts.define(&constant.name, Some(next));
            constants.push((constant, next));
            next = next.wrapping_add(1);
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        self.expect(Punct::RBrace)?;
        let span = self.since(start);
        self.script.cdefs.push(CDef::Enum(CEnum { name, constants, span }));
        Ok(())
    }

    fn c_constant(&mut self, what: &str) -> Parsed<i64> {
        let expr = self.expr()?;
        match self.consts.eval(&expr) {
            Some(value) => Ok(value),
            None => Err(self.error(expr.span, format!("{what} must be a constant expression of integers"))),
        }
    }

    fn c_attributes(&mut self, out: &mut Attributes) -> Parsed<()> {
        while self.at_word("__attribute__") {
            self.bump();
            let open = self.span(self.tok);
            if !self.eat(Punct::LParen) || !self.eat(Punct::LParen) {
                return Err(self.error(open, "__attribute__ syntax error, expected '(('"));
            }
            self.c_attribute_list(open, out)?;
        }
        Ok(())
    }

    fn c_attribute_list(&mut self, open: Span, out: &mut Attributes) -> Parsed<()> {
        const MISMATCHED: &str = "__attribute__ syntax error, mismatched '(' and ')'";
        while !self.at(Punct::RParen) {
            let name = self.expect_ident("an attribute")?;
            let argument = if self.eat(Punct::LParen) {
                let value = if self.tok.kind == Tok::Int { Some(self.take_int().value) } else { None };
                self.skip_parens()?;
                value
            } else {
                None
            };
            match name.name.trim_matches('_') {
                "packed" => out.packed = true,
                "aligned" => match argument.unwrap_or(16) {
                    n if n.is_power_of_two() && n <= 4096 => out.align = Some(n),
                    n => {
                        return Err(
                            self.error(name.span, format!("alignment must be a power of two, found {n}"))
                        );
                    }
                },
                // The others say nothing about where fields lie.
                _ => {}
            }
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        if !self.eat(Punct::RParen) || !self.eat(Punct::RParen) {
            return Err(self.error(open, MISMATCHED));
        }
        Ok(())
    }
}
