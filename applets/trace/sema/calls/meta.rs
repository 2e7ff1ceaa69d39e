//! Functions answered while compiling: program options, questions about types, assertions.

use super::super::Sema;
use super::super::consts::parse_number;
use super::super::value::Value;
use super::nothing;
use crate::diag::{Diagnostic, Span};
use crate::output::format::{Format, Segment};
use crate::syntax::ast;
use crate::ty::Ty;

/// `getopt(name, default, description)`: an option of the program behind `--`.
pub(super) fn getopt(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let name = sema.literal_text(call, 0)?;
    let default = call.args.get(1).map(|_| sema.arg(call, 1));
    let described = match call.args.get(2) {
        Some(_) => Some(sema.literal_text(call, 2)?),
        None => None,
    };
    let default = match default {
        Some(default) => default?,
        None => Value::bool(false, span),
    };
    match sema.getopts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, text)) => *text = text.take().or(described),
        None => sema.getopts.push((name.clone(), described)),
    }
    let given = sema.options.named.iter().rev().find(|(option, _)| *option == name).map(|(_, v)| v.clone());
    let bad = |sema: &mut Sema<'_>, what: &str, value: &str| {
        let message = format!("program command line option --{name} invalid {what} (value: {value})");
        sema.fail(Span::NOWHERE, message)
    };
    if *default.ty() == Ty::Bool && default.literal {
        return match given {
            None => Some(default.at(span)),
            Some(None) => Some(Value::bool(true, span)),
            Some(Some(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(Value::bool(true, span)),
                "false" | "0" => Some(Value::bool(false, span)),
                _ => bad(sema, "boolean", &text),
            },
        };
    }
    if default.literal_number().is_some() {
        return match given {
            None => Some(default.at(span)),
            Some(text) => {
                let text = text.unwrap_or_default();
                match parse_number(&text) {
                    Some(number) => Some(number.value(span)),
                    None => bad(sema, "integer", &text),
                }
            }
        };
    }
    if default.literal_str().is_some() {
        return match given {
            None => Some(default.at(span)),
            Some(Some(text)) => Some(Value::str(text.as_bytes(), span)),
            Some(None) => bad(sema, "string", ""),
        };
    }
    sema.fail(default.span(), "the default value of getopt() must be an integer, string or boolean literal")
}

impl Sema<'_> {
    /// Options given that no `getopt` asks for, `--help` among them.
    pub(in super::super) fn check_named_params(&mut self) {
        let known = |name: &str| self.getopts.iter().any(|(n, _)| n == name);
        let unknown: Vec<String> =
            self.options.named.iter().filter(|(n, _)| !known(n)).map(|(n, _)| format!("--{n}")).collect();
        if unknown.is_empty() {
            return;
        }
        let options = self.getopts.iter().map(|(name, text)| match text {
            Some(text) => format!("--{name}: {text}"),
            None => format!("--{name}"),
        });
        let options: Vec<String> = options.collect();
        let hint = if options.is_empty() {
            "the program takes no options".to_owned()
        } else if unknown.iter().any(|name| name == "--help") {
            format!("expected program options:\n{}", options.join("\n"))
        } else {
            format!("expected program options: {}", options.join(", "))
        };
        let message = format!("unexpected program command line options: {}", unknown.join(", "));
        self.report(Diagnostic::error(Span::NOWHERE, message).with_hint(hint));
    }
}

/// `fail(format, literals…)`: an error as soon as the compiler gets there.
pub(super) fn fail(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let format = sema.literal_text(call, 0);
    let values = sema.all(&call.args[1..]);
    let (format, values) = (format?, values?);
    let types: Vec<Ty> = values.iter().map(|v| v.ty().clone()).collect();
    let parsed = match Format::parse(&format) {
        Ok(parsed) => parsed,
        Err(error) => return sema.fail(span, format!("fail: {error}")),
    };
    if let Err(error) = parsed.check(&types, super::super::infer::type_name) {
        return sema.fail(span, format!("fail: {error}"));
    }
    let mut text = String::new();
    let mut values = values.iter();
    for segment in parsed.segments() {
        match segment {
            Segment::Literal(range) => {
                text.push_str(&String::from_utf8_lossy(&parsed.literals()[range.clone()]));
            }
            Segment::Spec(_) => {
                let Some(value) = values.next() else { continue };
                match (value.literal_str(), value.literal_number()) {
                    (Some(bytes), _) => text.push_str(&String::from_utf8_lossy(bytes)),
                    (None, Some(number)) => text.push_str(&number.to_string()),
                    _ => return sema.fail(value.span(), "fail() takes only literals"),
                }
            }
        }
    }
    sema.fail(span, text)
}

pub(super) fn static_assert(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let condition = sema.arg(call, 0)?;
    let message = sema.literal_text(call, 1)?;
    match condition.constant() {
        Some(0) => sema.fail(span, message),
        Some(_) => Some(nothing(span)),
        None => sema.fail(condition.span(), "Unable to evaluate at compile time."),
    }
}

pub(super) fn is_literal(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = sema.arg(call, 0)?;
    Some(Value::bool(value.literal, span))
}

fn type_is(sema: &mut Sema<'_>, call: &ast::Call, span: Span, is: fn(&Ty) -> bool) -> Option<Value> {
    let ty = sema.type_of(&call.args[0])?;
    Some(Value::bool(is(&ty), span))
}

pub(super) fn is_str(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    type_is(sema, call, span, |ty| matches!(ty, Ty::Str(_)))
}

pub(super) fn is_ptr(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    type_is(sema, call, span, |ty| matches!(ty, Ty::Ptr(..)))
}

pub(super) fn is_array(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    type_is(sema, call, span, |ty| matches!(ty, Ty::Array(..)))
}

pub(super) fn is_integer(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    type_is(sema, call, span, |ty| matches!(ty, Ty::Int(_) | Ty::Enum(_)))
}

pub(super) fn is_unsigned_integer(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    type_is(sema, call, span, |ty| matches!(ty, Ty::Int(_) | Ty::Enum(_)) && !ty.is_signed())
}

pub(super) fn default_str_length(sema: &mut Sema<'_>, _: &ast::Call, span: Span) -> Option<Value> {
    Some(Value::uint(sema.config.max_strlen.into(), span))
}
