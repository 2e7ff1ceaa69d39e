//! Types, and the question that bpftrace's grammar leaves open: is what stands
//! in these parentheses a type or an expression?
//!
//! `(x)`, `sizeof(x)` and `typeof(x)` look alike for both. The rules are those
//! of the language reference: in a type context a bare name is a type, unless
//! it is a builtin value like `pid`; in parentheses a bare name is a cast only
//! when something follows that an expression begins with.

use super::super::ast::*;
use super::super::cdef;
use super::super::lexer::{Punct, Tok};
use super::{Parsed, Parser};

/// More `*` or `[]` than any real type has.
const MAX_SUFFIXES: usize = 16;

/// Builtins that are values wherever they stand, never the name of a type.
fn is_value_name(name: &str) -> bool {
    const VALUES: &[&str] = &[
        "args",
        "comm",
        "cgroup",
        "cpid",
        "cpu",
        "ctx",
        "curtask",
        "elapsed",
        "func",
        "gid",
        "jiffies",
        "kstack",
        "ncpus",
        "nsecs",
        "numaid",
        "pid",
        "ppid",
        "probe",
        "probetype",
        "rand",
        "retval",
        "tid",
        "uid",
        "usermode",
        "username",
        "ustack",
    ];
    let numbered = |prefix: &str| {
        let digits = name.strip_prefix(prefix);
        digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    VALUES.contains(&name) || name.starts_with("__builtin_") || numbered("arg") || numbered("sarg")
}

enum Suffix {
    Pointer,
    Array(Option<u64>),
}

impl Suffix {
    fn apply(self, inner: TypeExpr) -> TypeKind {
        match (self, inner) {
            (Suffix::Pointer, inner) => TypeKind::Pointer(Box::new(inner)),
            (Suffix::Array(Some(size)), TypeExpr { kind: TypeKind::Named(name), .. })
                if super::super::is_sized_type(&name) =>
            {
                TypeKind::Sized { name, size }
            }
            (Suffix::Array(length), inner) => TypeKind::Array { element: Box::new(inner), length },
        }
    }
}

/// The builtins a macro's parameter cannot be called after: those that are not
/// macros themselves.
pub(super) fn is_reserved_value(name: &str) -> bool {
    const WRAPPED: &[&str] = &[
        "comm",
        "cgroup",
        "cpid",
        "cpu",
        "curtask",
        "elapsed",
        "func",
        "gid",
        "jiffies",
        "ncpus",
        "numaid",
        "ppid",
        "probe",
        "probetype",
        "rand",
        "retval",
        "uid",
        "usermode",
        "username",
    ];
    is_value_name(name) && !WRAPPED.contains(&name)
}

impl Parser<'_> {
    /// A type where only a type can stand.
    pub(super) fn ty(&mut self, what: &str) -> Parsed<TypeExpr> {
        match self.try_type()? {
            Some(ty) => Ok(ty),
            None => Err(self.expected(what)),
        }
    }

    /// A type, or nothing taken.
    pub(super) fn try_type(&mut self) -> Parsed<Option<TypeExpr>> {
        if self.tok.kind != Tok::Ident {
            return Ok(None);
        }
        let mark = self.mark();
        let start = self.tok.start;
        while self.at_word("const") || self.at_word("volatile") {
            self.bump();
        }
        let Some(kind) = self.type_base()? else {
            self.rewind(mark);
            return Ok(None);
        };
        let mut ty = TypeExpr { kind, span: self.since(start) };
        for _ in 0..MAX_SUFFIXES {
            let Some(suffix) = self.type_suffix() else { break };
            ty = TypeExpr { kind: suffix.apply(ty), span: self.since(start) };
        }
        Ok(Some(ty))
    }

    fn type_base(&mut self) -> Parsed<Option<TypeKind>> {
        let word = self.text_of(self.tok);
        let make: fn(String) -> TypeKind = match word {
            "struct" => TypeKind::Struct,
            "union" => TypeKind::Union,
            "enum" => TypeKind::Enum,
            "typeof" => return self.typeof_base(),
            _ if cdef::is_c_int_word(word) => return Ok(Some(TypeKind::Named(self.c_int_words()))),
            _ if self.tok.kind == Tok::Ident => TypeKind::Named,
            _ => return Ok(None),
        };
        if matches!(word, "struct" | "union" | "enum") {
            self.bump();
            if self.tok.kind != Tok::Ident {
                return Ok(None);
            }
        }
        let name = self.bump();
        Ok(Some(make(self.text_of(name).to_owned())))
    }

    fn typeof_base(&mut self) -> Parsed<Option<TypeKind>> {
        self.bump();
        if !self.at(Punct::LParen) {
            return Ok(None);
        }
        Ok(Some(match self.type_arg()? {
            TypeArg::Type(ty) => ty.kind,
            TypeArg::Expr(expr) => TypeKind::Typeof(Box::new(expr)),
        }))
    }

    /// `unsigned long int` and the like as one canonical name.
    pub(super) fn c_int_words(&mut self) -> String {
        let mut words = Vec::new();
        while self.tok.kind == Tok::Ident {
            let word = self.text_of(self.tok);
            if !cdef::is_c_int_word(word) {
                if !matches!(word, "const" | "volatile") {
                    break;
                }
            } else {
                words.push(word);
            }
            self.bump();
        }
        cdef::canonical_int(&words)
    }

    fn type_suffix(&mut self) -> Option<Suffix> {
        if self.eat(Punct::Star) {
            return Some(Suffix::Pointer);
        }
        if !self.at(Punct::LBracket) {
            return None;
        }
        let mark = self.mark();
        self.bump();
        let length = (self.tok.kind == Tok::Int).then(|| self.take_int().value);
        if !self.eat(Punct::RBracket) {
            self.rewind(mark);
            return None;
        }
        Some(Suffix::Array(length))
    }

    /// `( type or expression )`, for `sizeof` and its kin.
    pub(super) fn type_arg(&mut self) -> Parsed<TypeArg> {
        self.expect(Punct::LParen)?;
        let arg = self.type_or_expr()?;
        self.expect(Punct::RParen)?;
        Ok(arg)
    }

    /// A type or an expression, up to `)` or `,`.
    pub(super) fn type_or_expr(&mut self) -> Parsed<TypeArg> {
        self.nested(|p| {
            p.bracketed(|p| {
                let mark = p.mark();
                // Nothing but a type begins with this, and to parse it twice at
                // each level would take exponential time.
                if p.at_typeof() {
                    return Ok(TypeArg::Type(p.ty("a type")?));
                }
                let value = p.tok.kind == Tok::Ident && is_value_name(p.text_of(p.tok));
                if !value
                    && let Some(ty) = p.try_type()?
                    && (p.at(Punct::RParen) || p.at(Punct::Comma))
                {
                    return Ok(TypeArg::Type(ty));
                }
                p.rewind(mark);
                Ok(TypeArg::Expr(p.expr()?))
            })
        })
    }

    /// Behind a `(`: the type of a cast and its `)`, or nothing taken.
    pub(super) fn try_cast(&mut self) -> Parsed<Option<TypeExpr>> {
        if self.tok.kind != Tok::Ident || is_value_name(self.text_of(self.tok)) {
            return Ok(None);
        }
        if self.at_typeof() {
            let ty = self.nested(|p| p.ty("a type"))?;
            self.expect(Punct::RParen)?;
            return Ok(Some(ty));
        }
        let mark = self.mark();
        let Some(ty) = self.try_type()? else { return Ok(None) };
        if self.eat(Punct::RParen) {
            let certain = match &ty.kind {
                TypeKind::Struct(_)
                | TypeKind::Union(_)
                | TypeKind::Enum(_)
                | TypeKind::Pointer(_)
                | TypeKind::Sized { .. } => true,
                TypeKind::Named(_) | TypeKind::Array { .. } | TypeKind::Typeof(_) => false,
            };
            if certain || self.at_cast_operand() {
                return Ok(Some(ty));
            }
        }
        self.rewind(mark);
        Ok(None)
    }

    fn at_typeof(&self) -> bool {
        self.at_word("typeof") && self.peek().kind == Tok::Punct(Punct::LParen)
    }

    /// What can follow a cast to a type that might as well be a value.
    fn at_cast_operand(&self) -> bool {
        match self.tok.kind {
            Tok::Ident => !matches!(self.text_of(self.tok), "if" | "else"),
            Tok::Int | Tok::Str | Tok::Var | Tok::Positional | Tok::PositionalCount | Tok::Map => true,
            Tok::Punct(p) => matches!(
                p,
                Punct::LParen
                    | Punct::Minus
                    | Punct::Not
                    | Punct::Tilde
                    | Punct::Star
                    | Punct::And
                    | Punct::Dec
            ),
            _ => false,
        }
    }
}
