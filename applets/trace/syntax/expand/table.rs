//! Macros by name, and which definition a call means.
//!
//! A name can have several definitions with different parameters. A variable
//! parameter takes only a variable and a map parameter only a map; where
//! several definitions fit, the one with the most of these is meant.

use std::collections::HashMap;

use super::super::ast::*;
use crate::diag::{Diagnostic, Diagnostics, Span};

pub(super) struct Table<'a> {
    by_name: HashMap<&'a str, Vec<&'a Macro>>,
}

fn kind_of(arg: &Expr) -> ParamKind {
    match &arg.kind {
        ExprKind::Var(_) => ParamKind::Var,
        ExprKind::Map(MapRef { key: None, .. }) => ParamKind::Map,
        _ => ParamKind::Expr,
    }
}

fn accepts(param: ParamKind, arg: &Expr) -> bool {
    param == ParamKind::Expr || param == kind_of(arg)
}

fn same_parameters(a: &Macro, b: &Macro) -> bool {
    a.params.len() == b.params.len() && a.params.iter().zip(&b.params).all(|(a, b)| a.kind == b.kind)
}

impl<'a> Table<'a> {
    pub(super) fn new(macros: &'a [Macro], diags: &mut Diagnostics) -> Table<'a> {
        let mut by_name: HashMap<&str, Vec<&Macro>> = HashMap::new();
        for new in macros {
            let known = by_name.entry(&new.name.name).or_default();
            match known.iter().find(|known| same_parameters(known, new)) {
                Some(first) => {
                    let message = format!("Redefinition of macro: {}", new.name.name);
                    diags.push(
                        Diagnostic::error(new.span, message).with_note(first.span, "first defined here"),
                    );
                }
                None => known.push(new),
            }
        }
        Table { by_name }
    }

    fn named(&self, name: &str) -> &[&'a Macro] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The definition that fits best.
    pub(super) fn find(&self, name: &str, args: &[Expr]) -> Option<&'a Macro> {
        let fits = |m: &&&Macro| {
            m.params.len() == args.len() && m.params.iter().zip(args).all(|(p, arg)| accepts(p.kind, arg))
        };
        let exact = |m: &Macro| m.params.iter().filter(|p| p.kind != ParamKind::Expr).count();
        let candidates = self.named(name).iter().filter(fits);
        // The first of equals, as scripts are read.
        candidates.copied().reduce(|best, m| if exact(m) > exact(best) { m } else { best })
    }

    /// The definition that was probably meant: as many arguments, or nearly.
    pub(super) fn closest(&self, name: &str, args: &[Expr]) -> Option<&'a Macro> {
        self.named(name).iter().copied().min_by_key(|m| m.params.len().abs_diff(args.len()))
    }
}

/// Why a call does not fit the definition closest to it.
pub(super) fn mismatch(closest: &Macro, args: &[Expr], call: Span) -> Diagnostic {
    let name = &closest.name.name;
    let expected = closest.params.len();
    if expected != args.len() {
        let message = format!(
            "The closest definition of {name}() has a different number of arguments. Expected: {expected} but got {}",
            args.len()
        );
        return Diagnostic::error(
            call,
            format!("Call to {name}() has arguments that do not match any definition."),
        )
        .with_note(closest.span, message);
    }
    let mut diagnostic =
        Diagnostic::error(call, format!("Call to {name}() has arguments that do not match any definition."));
    let wrong = closest.params.iter().zip(args).find(|(param, arg)| !accepts(param.kind, arg));
    if let Some((param, arg)) = wrong {
        let (wanted, sigil) = match param.kind {
            ParamKind::Var => ("a variable", "$"),
            ParamKind::Map => ("a map", "@"),
            ParamKind::Expr => ("an expression", ""),
        };
        let got = match kind_of(arg) {
            ParamKind::Var => "a variable",
            ParamKind::Map => "a map",
            ParamKind::Expr => "an expression",
        };
        let param_name = &param.name.name;
        let message =
            format!("Mismatched arg. {name}() expects {wanted} for arg {sigil}{param_name} but got {got}.");
        diagnostic = diagnostic
            .with_note(arg.span, message)
            .with_note(param.name.span, "This is the argument in the closest definition.");
    }
    diagnostic
}
