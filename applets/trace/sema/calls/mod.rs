//! Functions: one row a name, with how many arguments it takes and who gives it meaning.
//!
//! Rooms: `output` (what reaches the user), `maps` (whole maps), `text` (strings and bytes), `kernel` (symbols,
//! stacks, clocks, signals), `meta` (answers while compiling). Neighbours: `exprs` hands calls over, `builtins`
//! answers for names that may be written with or without `()`.

mod kernel;
mod maps;
mod meta;
mod output;
mod text;

use std::rc::Rc;

use super::Sema;
use super::infer::type_name;
use super::maps::is_feed;
use super::value::{Value, node};
use crate::diag::Span;
use crate::syntax::ast;
use crate::tree::{EventKind, Expr, ExprKind};
use crate::ty::Ty;

type Run = fn(&mut Sema<'_>, &ast::Call, Span) -> Option<Value>;

struct Function {
    name: &'static str,
    min: usize,
    max: usize,
    /// Changes the system, so it needs `--unsafe`.
    is_unsafe: bool,
    run: Run,
}

const fn function(name: &'static str, min: usize, max: usize, run: Run) -> Function {
    Function { name, min, max, is_unsafe: false, run }
}

const fn dangerous(name: &'static str, min: usize, max: usize, run: Run) -> Function {
    Function { name, min, max, is_unsafe: true, run }
}

const ANY: usize = usize::MAX;

const FUNCTIONS: &[Function] = &[
    function("printf", 1, ANY, output::printf),
    function("errorf", 1, ANY, output::errorf),
    function("warnf", 1, ANY, output::warnf),
    function("debugf", 1, ANY, output::debugf),
    function("print", 1, 3, output::print),
    function("cat", 1, ANY, output::cat),
    dangerous("system", 1, ANY, output::system),
    function("time", 0, 1, output::time),
    function("exit", 0, 1, output::exit),
    function("join", 1, 2, output::join),
    function("fail", 1, ANY, meta::fail),
    function("clear", 1, 1, maps::clear),
    function("zero", 1, 1, maps::zero),
    function("delete", 1, 2, maps::delete),
    function("has_key", 1, 2, maps::has_key),
    function("find", 3, 3, maps::find),
    function("len", 1, 1, maps::len),
    function("is_scalar", 1, 1, maps::is_scalar),
    function("str", 1, 2, text::str),
    function("buf", 1, 2, text::buf),
    function("strncmp", 3, 3, text::strncmp),
    function("strcontains", 2, 2, text::strcontains),
    function("strlen", 1, 1, text::strlen),
    function("strcap", 1, 1, text::strcap),
    function("bswap", 1, 1, text::bswap),
    function("ntop", 1, 2, text::ntop),
    function("pton", 1, 1, text::pton),
    function("macaddr", 1, 1, text::macaddr),
    function("ksym", 1, 1, kernel::ksym),
    function("usym", 1, 1, kernel::usym),
    function("kaddr", 1, 1, kernel::kaddr),
    function("percpu_kaddr", 1, 2, kernel::percpu_kaddr),
    function("kptr", 1, 1, kernel::kptr),
    function("uptr", 1, 1, kernel::uptr),
    function("cgroupid", 1, 1, kernel::cgroupid),
    function("cgroup_path", 1, 2, kernel::cgroup_path),
    function("strerror", 1, 1, kernel::strerror),
    function("signal_name", 1, 1, kernel::signal_name),
    function("syscall_name", 1, 1, kernel::syscall_name),
    function("strftime", 2, 2, kernel::strftime),
    function("nsecs", 0, 1, kernel::nsecs),
    function("pid", 0, 1, kernel::pid),
    function("tid", 0, 1, kernel::tid),
    function("ppid", 0, 1, kernel::ppid),
    function("pcomm", 0, 1, kernel::pcomm),
    function("leader_comm", 0, 1, kernel::leader_comm),
    function("leader_tid", 0, 1, kernel::leader_tid),
    function("kstack", 0, 2, kernel::kstack),
    function("ustack", 0, 2, kernel::ustack),
    function("reg", 1, 1, kernel::reg),
    function("is_err", 1, 1, kernel::is_err),
    dangerous("signal", 1, 1, kernel::signal),
    function("getopt", 1, 3, meta::getopt),
    function("static_assert", 2, 2, meta::static_assert),
    function("is_literal", 1, 1, meta::is_literal),
    function("is_str", 1, 1, meta::is_str),
    function("is_ptr", 1, 1, meta::is_ptr),
    function("is_array", 1, 1, meta::is_array),
    function("is_integer", 1, 1, meta::is_integer),
    function("is_unsigned_integer", 1, 1, meta::is_unsigned_integer),
    function("default_str_length", 0, 0, meta::default_str_length),
];

/// Known, but not in this version; with what to use instead where there is something.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("dw_ustack", "ustack follows frame pointers"),
    ("kfunc_allowed", ""),
    ("kfunc_exist", ""),
    ("memcmp", "== compares strings, buffers and arrays"),
    ("override", "it changes what a kprobe returns, and kprobes are not attached"),
    ("path", ""),
    ("signal_thread", "signal() sends to the process"),
    ("skboutput", ""),
    ("socket_cookie", ""),
    ("str_concat", "printf and print take several values"),
    ("strstr", "strcontains tells whether a text is in another"),
    ("uaddr", ""),
    ("unwatch", ""),
    ("write_user", ""),
];

/// Names of functions, for hints.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|f| f.name)
}

pub(super) fn is_function(name: &str) -> bool {
    is_feed(name) || names().any(|n| n == name) || UNSUPPORTED.iter().any(|(n, _)| *n == name)
}

/// A function that may be written without `()`.
pub(super) fn is_bare(name: &str) -> bool {
    FUNCTIONS.iter().any(|f| f.name == name && f.min == 0)
}

impl Sema<'_> {
    pub(super) fn call(&mut self, call: &ast::Call, span: Span) -> Option<Value> {
        let written = call.name.name.as_str();
        let name = written.strip_prefix("__builtin_").unwrap_or(written);
        if let Some(function) = FUNCTIONS.iter().find(|f| f.name == name) {
            if function.is_unsafe && !self.options.allow_unsafe {
                return self.fail(span, format!("{name}() is unsafe. To use you need the --unsafe flag"));
            }
            self.check_arity(name, call.args.len(), function.min, function.max, span)?;
            return (function.run)(self, call, span);
        }
        if call.args.is_empty()
            && let Some(value) = self.builtin(name, span)
        {
            return value;
        }
        if is_feed(name) {
            return self.fail_hint(
                span,
                format!("{name}() should be assigned to a map directly"),
                format!("write @name = {name}(…)"),
            );
        }
        if let Some((_, instead)) = UNSUPPORTED.iter().find(|(n, _)| *n == name) {
            let message = format!("{name}() is not supported by this version of edgekit trace");
            return if instead.is_empty() {
                self.fail(span, message)
            } else {
                self.fail_hint(span, message, *instead)
            };
        }
        // Its definition was refused already.
        if self.script.functions.iter().any(|f| f.name.name == name) {
            return None;
        }
        let message = format!("Unknown function: '{written}'");
        let near = names().chain(super::builtins::NAMES.iter().copied());
        match edgekit_core::text::nearest(name, near) {
            Some(near) => self.fail_hint(call.name.span, message, format!("did you mean {near}?")),
            None => self.fail(call.name.span, message),
        }
    }

    pub(super) fn check_arity(
        &mut self,
        name: &str,
        given: usize,
        min: usize,
        max: usize,
        span: Span,
    ) -> Option<()> {
        if (min..=max).contains(&given) {
            return Some(());
        }
        let plural = |n: usize| if n == 1 { "argument" } else { "arguments" };
        let wants = match (min, max) {
            (0, 0) => "no arguments".to_owned(),
            (_, ANY) => format!("at least {min} {}", plural(min)),
            _ if min == max => format!("{min} {}", plural(min)),
            _ => format!("{min} to {max} arguments"),
        };
        self.fail(span, format!("{name}() requires {wants} ({given} provided)"))
    }

    /// The value of argument `at`, wherever it is given.
    fn arg(&mut self, call: &ast::Call, at: usize) -> Option<Value> {
        let arg = call.args.get(at)?;
        self.expr(arg)
    }

    /// A text known while compiling.
    fn literal_text(&mut self, call: &ast::Call, at: usize) -> Option<String> {
        let value = self.arg(call, at)?;
        if let Some(text) = value.literal_text() {
            return Some(text.to_owned());
        }
        let (name, ty) = (&call.name.name, self.describe(&value));
        let message = format!("{name}() expects a string literal as argument {} ({ty} provided)", at + 1);
        self.fail(value.span(), message)
    }

    /// A number known while compiling.
    fn literal_number(&mut self, call: &ast::Call, at: usize) -> Option<i128> {
        let value = self.arg(call, at)?;
        if let Some(number) = value.literal_number() {
            return Some(number);
        }
        let (name, ty) = (&call.name.name, self.describe(&value));
        let message = format!("{name}() expects an integer literal as argument {} ({ty} provided)", at + 1);
        self.fail(value.span(), message)
    }

    /// An integer.
    fn integer(&mut self, call: &ast::Call, at: usize) -> Option<Value> {
        let value = self.arg(call, at)?;
        match value.ty() {
            Ty::Int(_) | Ty::Enum(_) | Ty::Bool => Some(value),
            other => {
                let (name, ty) = (&call.name.name, type_name(other));
                let message = format!("{name}() only supports integer arguments ({ty} provided)");
                self.fail(value.span(), message)
            }
        }
    }

    /// An integer or a pointer.
    fn address(&mut self, call: &ast::Call, at: usize) -> Option<Value> {
        let value = self.arg(call, at)?;
        match value.ty() {
            Ty::Int(_) | Ty::Ptr(..) => Some(value),
            other => {
                let (name, ty) = (&call.name.name, type_name(other));
                self.fail(value.span(), format!("{name}() expects an integer or pointer argument, got {ty}"))
            }
        }
    }
}

/// Sends an event: the call has no value.
fn emit(sema: &mut Sema<'_>, kind: EventKind, args: Vec<Expr>, span: Span) -> Value {
    let types = args.iter().map(|a| a.ty.clone()).collect();
    let event = sema.event(kind, types, span);
    Value::new(ExprKind::Emit { event, args }, Ty::Void, span)
}

/// The same for what prints: the script's names of the values go along, for hooks.
fn emit_named(
    sema: &mut Sema<'_>,
    kind: EventKind,
    args: Vec<Expr>,
    said: &[ast::Expr],
    span: Span,
) -> Value {
    let names = said.iter().map(|e| plain_name(e).map(Rc::from)).collect();
    let types = args.iter().map(|a| a.ty.clone()).collect();
    let event = sema.event(kind, types, span);
    if let Some(def) = sema.events.get_mut(event.0 as usize) {
        def.names = names;
    }
    Value::new(ExprKind::Emit { event, args }, Ty::Void, span)
}

/// What a value is called: `pid` of `pid`, `fd` of `$fd`, `filename` of `str(args.filename)`, `path` of `@path[tid]`.
fn plain_name(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ast::ExprKind::Ident(name) | ast::ExprKind::Var(name) => Some(name),
        ast::ExprKind::Field { field, .. } => Some(&field.name),
        ast::ExprKind::Map(map) if !map.name.is_empty() => Some(&map.name),
        ast::ExprKind::Cast { operand, .. } => plain_name(operand),
        ast::ExprKind::Call(call) => plain_name(call.args.first()?),
        _ => None,
    }
}

/// A call that does nothing.
fn nothing(span: Span) -> Value {
    Value::of(node(ExprKind::Block { stmts: Vec::new(), value: None }, Ty::Void, span))
}
