//! Macros: puts the body of a macro where it is called.
//!
//! A macro is hygienic. Its own variables get a name no script can write
//! (`$x` becomes `$x#3`), and it reaches maps and variables of the caller only
//! through its parameters. Arguments are expanded where they are written, then
//! put in as finished trees. Every node that comes from a body says so in its
//! span, so that messages can show the call.
//!
//! `table` finds the definition a call means, `fold` walks the tree, `types`
//! does the same for types. Constants of `#define` are expanded here as well.
//! Hostile input: the number of nodes made and the depth of the walk are
//! bounded; a macro that calls itself is refused with the chain of calls.

mod fold;
mod table;
mod types;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::ast::*;
use super::height::MAX_HEIGHT;
use super::parse;
use crate::diag::{Diagnostic, Diagnostics, ExpansionId, SourceMap, Span};

use table::Table;

/// Expressions that all macro calls of a program may make together.
const MAX_EXPANDED_NODES: u32 = 1 << 18;

/// An error was reported; the statement it stands in is left out.
struct Failed;

type Folded<T> = Result<T, Failed>;

/// Expands every macro of `script`. `library` holds the macros every program
/// may call; a macro of the script with the same name and parameters comes
/// before one of the library. `is_builtin` tells the names that mean something
/// without a macro.
pub fn expand(
    script: Script,
    library: &[Macro],
    is_builtin: &dyn Fn(&str) -> bool,
    sources: &mut SourceMap,
    diags: &mut Diagnostics,
) -> Script {
    let Script { config, imports, cdefs, map_decls, macros, functions, probes, node_count: _ } = script;
    let defines = cdefs.iter().filter_map(|def| match def {
        CDef::Define(define) => Some((define.name.name.as_str(), define)),
        _ => None,
    });
    let mut expander = Expander {
        user: Table::new(&macros, diags),
        library: Table::new(library, diags),
        defines: defines.collect(),
        is_builtin,
        sources,
        diags,
        next_id: 0,
        in_macros: 0,
        depth: 0,
        calls: Vec::new(),
        locals: 0,
    };
    let functions = functions.iter().filter_map(|f| expander.function(f).ok()).collect();
    let probes = probes.iter().filter_map(|p| expander.probe(p).ok()).collect();
    let node_count = expander.next_id;
    Script { config, imports, cdefs, map_decls, macros: Vec::new(), functions, probes, node_count }
}

struct Expander<'a> {
    user: Table<'a>,
    library: Table<'a>,
    defines: HashMap<&'a str, &'a CDefine>,
    is_builtin: &'a dyn Fn(&str) -> bool,
    sources: &'a mut SourceMap,
    diags: &'a mut Diagnostics,
    next_id: u32,
    /// Nodes made inside of macros so far.
    in_macros: u32,
    depth: usize,
    /// Macros being expanded, outermost first: place of definition and name.
    calls: Vec<(Span, String)>,
    /// How many bodies were given names of their own.
    locals: u32,
}

/// Where the tree being walked comes from.
#[derive(Clone, Copy)]
enum Scope<'s> {
    /// The script itself.
    Root,
    /// The body of a macro.
    Body(&'s Body<'s>),
    /// An expanded argument: nothing in it is looked up again.
    Done,
}

struct Body<'s> {
    of: &'s Macro,
    library: bool,
    expansion: ExpansionId,
    /// What makes this body's variables its own.
    number: u32,
    /// In the order of the parameters.
    args: Vec<Expr>,
}

impl Body<'_> {
    fn arg(&self, kind: ParamKind, name: &str) -> Option<&Expr> {
        let index = self.of.params.iter().position(|p| p.kind == kind && p.name.name == name)?;
        self.args.get(index)
    }
}

impl<'a> Expander<'a> {
    fn function(&mut self, function: &Function) -> Folded<Function> {
        let mut params = Vec::new();
        for (name, ty) in &function.params {
            params.push((name.clone(), self.ty(ty, Scope::Root)?));
        }
        Ok(Function {
            name: function.name.clone(),
            params,
            result: self.ty(&function.result, Scope::Root)?,
            body: self.block(&function.body, Scope::Root)?,
            span: function.span,
        })
    }

    fn probe(&mut self, probe: &Probe) -> Folded<Probe> {
        let predicate = match &probe.predicate {
            Some(expr) => Some(self.expr(expr, Scope::Root)?),
            None => None,
        };
        Ok(Probe {
            attach_points: probe.attach_points.clone(),
            predicate,
            body: self.block(&probe.body, Scope::Root)?,
            span: probe.span,
        })
    }

    fn error(&mut self, span: Span, message: impl Into<String>) -> Failed {
        self.report(Diagnostic::error(span, message))
    }

    fn report(&mut self, diagnostic: Diagnostic) -> Failed {
        self.diags.push(diagnostic);
        Failed
    }

    fn node(&mut self, span: Span, kind: ExprKind, scope: Scope) -> Folded<Expr> {
        let id = NodeId(self.next_id);
        self.next_id += 1;
        if !matches!(scope, Scope::Root) {
            self.in_macros += 1;
            if self.in_macros > MAX_EXPANDED_NODES {
                let message = format!("macros expand to more than {MAX_EXPANDED_NODES} expressions");
                // Said once: every later node would say it again.
                return Err(if self.in_macros == MAX_EXPANDED_NODES + 1 {
                    self.error(span, message)
                } else {
                    Failed
                });
            }
        }
        let expr = Expr::new(id, span, kind);
        if expr.height > MAX_HEIGHT { Err(self.too_high(span)) } else { Ok(expr) }
    }

    fn too_high(&mut self, span: Span) -> Failed {
        self.error(
            span,
            format!("expression is too complex once macros are expanded, the limit is {MAX_HEIGHT} levels"),
        )
    }

    /// Runs a step of the walk that can contain itself.
    fn deeper<T>(&mut self, span: Span, step: impl FnOnce(&mut Self) -> Folded<T>) -> Folded<T> {
        if self.depth > usize::from(MAX_HEIGHT) {
            return Err(self.too_high(span));
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    /// Enters a macro for the time of `step`, unless it is being expanded
    /// already.
    fn called<T>(
        &mut self,
        definition: Span,
        name: &str,
        call: Span,
        step: impl FnOnce(&mut Self) -> Folded<T>,
    ) -> Folded<T> {
        if self.calls.iter().any(|(place, _)| *place == definition) {
            let names: Vec<&str> = self.calls.iter().map(|(_, name)| name.as_str()).chain([name]).collect();
            let chain = names.join(" > ");
            return Err(self.error(call, format!("Recursive macro call detected. Call chain: {chain}")));
        }
        self.calls.push((definition, name.to_owned()));
        let result = step(self);
        self.calls.pop();
        result
    }

    /// The tree a call of `name` means, or the arguments back if it is no macro.
    fn call(
        &mut self,
        name: &str,
        args: Vec<Expr>,
        span: Span,
        scope: Scope,
    ) -> Folded<Result<Expr, Vec<Expr>>> {
        let from_library = matches!(scope, Scope::Body(body) if body.library);
        let user = if from_library { None } else { self.user.find(name, &args) };
        let found =
            user.map(|of| (of, false)).or_else(|| self.library.find(name, &args).map(|of| (of, true)));
        if let Some((of, library)) = found {
            return Ok(Ok(self.expand_macro(of, library, args, span)?));
        }
        if (self.is_builtin)(name) {
            return Ok(Err(args));
        }
        let user = if from_library { None } else { self.user.closest(name, &args) };
        match user.or_else(|| self.library.closest(name, &args)) {
            Some(closest) => Err(self.report(table::mismatch(closest, &args, span))),
            None => Ok(Err(args)),
        }
    }

    fn expand_macro(&mut self, of: &'a Macro, library: bool, args: Vec<Expr>, call: Span) -> Folded<Expr> {
        let expansion = self.sources.add_expansion(of.name.name.as_str(), call);
        self.locals += 1;
        let body = Body { of, library, expansion, number: self.locals, args };
        let scope = Scope::Body(&body);
        self.called(of.span, &of.name.name, call, |e| {
            e.deeper(call, |e| match (&of.body.stmts[..], &of.body.tail) {
                // Nothing but a value: the value itself, so that a literal stays one.
                ([], Some(value)) => e.expr(value, scope),
                _ => {
                    let block = e.block(&of.body, scope)?;
                    e.node(call, ExprKind::Block(Box::new(block)), scope)
                }
            })
        })
    }

    /// The value of a `#define`, if `name` is one.
    fn define(&mut self, name: &str, span: Span) -> Folded<Option<Expr>> {
        let Some(define) = self.defines.get(name).copied() else { return Ok(None) };
        if define.function_like {
            let hint = format!("write a macro instead: macro {name}(…) {{ … }}");
            let message = format!("C macro '{name}' takes arguments, which is not supported");
            return Err(self.report(Diagnostic::error(span, message).with_hint(hint)));
        }
        let body =
            self.sources.source_at(define.body).and_then(|source| parse::define_body(source, define.body));
        let Some(body) = body else {
            let text = self.sources.snippet(define.body).trim();
            let text: String = text.chars().take(60).collect();
            return Err(self.error(span, format!("unable to expand macro as an expression: {text}")));
        };
        let expansion = self.sources.add_expansion(name, span);
        if self.calls.iter().any(|(place, _)| *place == define.body) {
            let recursion = body.span.in_expansion(expansion);
            return Err(self.error(recursion, format!("Macro recursion: {name}")));
        }
        // A body without parameters: only its spans need to change.
        let of = Macro {
            name: define.name.clone(),
            params: Vec::new(),
            body: empty(define.body),
            span: define.body,
        };
        let frame = Body { of: &of, library: false, expansion, number: 0, args: Vec::new() };
        let value =
            self.called(define.body, name, span, |e| e.deeper(span, |e| e.expr(&body, Scope::Body(&frame))))?;
        Ok(Some(value))
    }
}

fn empty(span: Span) -> Block {
    Block::new(Vec::new(), None, span)
}
