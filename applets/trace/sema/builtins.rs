//! Names without parentheses: what the kernel knows of the moment, the probe, and the fields of `args`.
//!
//! Neighbours: `exprs` asks for every bare name, `calls` for the same names with `()`, `probes` says which probe
//! it is.

use std::rc::Rc;

use super::Sema;
use super::infer::type_name;
use super::probes::Args;
use super::value::{Value, binary, cast, const_u64, node};
use crate::diag::Span;
use crate::probes::{FormatField, Loc};
use crate::syntax::{ast, cdef};
use crate::tree::{BinOp, Builtin, Expr, ExprKind, Func};
use crate::ty::{Clock, Int, Space, Tuple, Ty};

/// Every name [`Sema::builtin`] answers, `argN` aside.
pub(super) const NAMES: &[&str] = &[
    "args",
    "cgroup",
    "comm",
    "config",
    "cpid",
    "cpu",
    "ctx",
    "curtask",
    "elapsed",
    "func",
    "gid",
    "has_cpid",
    "jiffies",
    "kstack",
    "ncpus",
    "nsecs",
    "numaid",
    "pid",
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
const COMM: u32 = 16;
const LONGEST_STACK: u32 = 127;

impl Sema<'_> {
    pub(super) fn ident(&mut self, name: &str, span: Span) -> Option<Value> {
        if let Some(value) = self.builtin(name, span) {
            return value;
        }
        if super::calls::is_bare(name) {
            let call = ast::Call { name: ast::Ident { name: name.to_owned(), span }, args: Vec::new() };
            return self.call(&call, span);
        }
        if let Some(value) = self.constant(name, span) {
            return Some(value);
        }
        if super::calls::is_function(name) {
            return self.fail_hint(span, format!("{name} is a function"), format!("call it: {name}(…)"));
        }
        let message = format!("Unknown identifier: '{name}'");
        match edgekit_core::text::nearest(name, NAMES.iter().copied().chain(super::calls::names())) {
            Some(near) => self.fail_hint(span, message, format!("did you mean {near}?")),
            None => self.fail(span, message),
        }
    }

    /// The outer `None`: there is no builtin of this name.
    #[expect(clippy::option_option, reason = "outer: it is a builtin; inner: it can be used here")]
    pub(super) fn builtin(&mut self, name: &str, span: Span) -> Option<Option<Value>> {
        let name = name.strip_prefix("__builtin_").unwrap_or(name);
        let plain = |builtin, ty| Some(Some(Value::new(ExprKind::Builtin(builtin), ty, span)));
        match name {
            "pid" => plain(Builtin::Pid, Ty::U32),
            "tid" => plain(Builtin::Tid, Ty::U32),
            "uid" => plain(Builtin::Uid, Ty::U64),
            "gid" => plain(Builtin::Gid, Ty::U64),
            "nsecs" => plain(Builtin::Nsecs(Clock::Boot), Ty::U64),
            "elapsed" => plain(Builtin::Elapsed, Ty::U64),
            "cpu" => plain(Builtin::Cpu, Ty::U32),
            "cgroup" => plain(Builtin::Cgroup, Ty::U64),
            "comm" => plain(Builtin::Comm, Ty::Str(COMM)),
            "rand" => plain(Builtin::Rand, Ty::U32),
            "numaid" => plain(Builtin::NumaId, Ty::U32),
            "jiffies" => plain(Builtin::Jiffies, Ty::U64),
            "cpid" => Some(self.cpid(span)),
            "has_cpid" => Some(Some(Value::bool(self.options.has_child, span))),
            "username" => {
                let uid = node(ExprKind::Builtin(Builtin::Uid), Ty::U64, span);
                Some(Some(Value::of(cast(uid, Ty::Username))))
            }
            "curtask" => {
                let ty = self.pointer_to("struct task_struct", Space::Kernel);
                plain(Builtin::Curtask, ty)
            }
            "ncpus" => {
                let mut value = Value::of(const_u64(self.world.possible_cpus().into(), span));
                value.literal = true;
                Some(Some(value))
            }
            "usermode" => plain(Builtin::Usermode, Ty::Int(Int::U8)),
            "probe" => {
                self.probe.dependent = true;
                let name = self.probe.name.clone();
                Some(Some(Value::str(name.as_bytes(), span)))
            }
            "probetype" => {
                self.probe.dependent = true;
                Some(Some(Value::str(self.probe.kind().as_bytes(), span)))
            }
            "kstack" => Some(self.stack(false, None, None, span)),
            "ustack" => Some(self.stack(true, None, None, span)),
            "ctx" => {
                let space = Space::Kernel;
                Some(Some(Value::new(ExprKind::Ctx, Ty::Ptr(Rc::new(Ty::Void), space), span)))
            }
            "config" => Some(Some(self.config_record(span))),
            "args" => Some(self.no_args(span)),
            "func" => Some(self.only_in(name, "kprobe, uprobe, fentry and fexit", span)),
            "retval" => Some(self.only_in(name, "kretprobe, uretprobe and fexit", span)),
            _ => {
                let n = name.strip_prefix("arg")?;
                let n: u32 = n.parse().ok().filter(|_| n.len() <= 2)?;
                Some(self.argument(n, name, span))
            }
        }
    }

    fn cpid(&mut self, span: Span) -> Option<Value> {
        if !self.options.has_child {
            self.warn(span, "No child command (`-c`); cpid is zero");
        }
        Some(Value::new(ExprKind::Builtin(Builtin::Cpid), Ty::U32, span))
    }

    fn only_in<T>(&mut self, name: &str, probes: &str, span: Span) -> Option<T> {
        let kind = self.probe.kind();
        self.fail_hint(
            span,
            format!("The {name} builtin can not be used with '{kind}' probes"),
            format!("it belongs to {probes} probes, which this version of edgekit trace does not attach"),
        )
    }

    /// `arg0` … of a raw tracepoint.
    fn argument(&mut self, n: u32, name: &str, span: Span) -> Option<Value> {
        if !self.probe.is_raw() {
            let kind = self.probe.kind();
            return self.fail_hint(
                span,
                format!("The {name} builtin can not be used with '{kind}' probes"),
                "argN belongs to rawtracepoint; a tracepoint's fields are args.NAME",
            );
        }
        if n >= 12 {
            return self.fail(span, format!("{name}: a raw tracepoint has at most 12 arguments"));
        }
        Some(Value::new(ExprKind::CtxLoad { offset: n * 8 }, Ty::U64, span).in_space(Some(Space::Kernel)))
    }

    pub(super) fn stack(
        &mut self,
        user: bool,
        style: Option<crate::ty::StackStyle>,
        depth: Option<u32>,
        span: Span,
    ) -> Option<Value> {
        let style = style.unwrap_or(self.settings.stack_style);
        let stack = crate::ty::Stack { user, style, depth: depth.unwrap_or(LONGEST_STACK) };
        Some(Value::new(ExprKind::Call(Func::StackTrace, Vec::new()), Ty::Stack(stack), span))
    }

    fn no_args<T>(&mut self, span: Span) -> Option<T> {
        let kind = self.probe.kind();
        match self.probe.args {
            Args::None => self.fail_hint(
                span,
                format!("The args builtin can not be used with '{kind}' probes"),
                "args belongs to tracepoint and rawtracepoint probes",
            ),
            _ => self.fail_hint(
                span,
                "args as a whole is not supported by this version of edgekit trace",
                "name a field: args.NAME; edgekit trace -lv PROBE lists them",
            ),
        }
    }

    /// `args.name`; the outer `None`: the base is something else.
    #[expect(clippy::option_option, reason = "outer: it is about args; inner: the field was found")]
    pub(super) fn args_field(
        &mut self,
        base: &ast::Expr,
        name: &ast::Ident,
        span: Span,
    ) -> Option<Option<Value>> {
        // `(*args).x` of old scripts means the same.
        let base = match &base.kind {
            ast::ExprKind::Unary { op: ast::UnaryOp::Deref, operand } => operand,
            _ => base,
        };
        if !matches!(&base.kind, ast::ExprKind::Ident(n) if n == "args") {
            return None;
        }
        self.probe.dependent = true;
        Some(match self.args(base.span) {
            Args::Missing => None,
            Args::Record(format) => match format.field(&name.name) {
                Some(field) => self.record_field(field, span),
                None => {
                    let names: Vec<&str> = format.arguments().map(|f| f.name.as_str()).collect();
                    self.no_args_field(&names, name)
                }
            },
            Args::Raw(args) => match args.iter().position(|(n, _)| *n == name.name) {
                Some(at) => Some(raw_argument(at as u32, &args[at].1, span)),
                None => {
                    let names: Vec<&str> = args.iter().map(|(n, _)| n.as_str()).collect();
                    self.no_args_field(&names, name)
                }
            },
            Args::RawUnknown => self.fail_hint(
                base.span,
                "the arguments of a raw tracepoint are known only with BTF, which this kernel lacks",
                "use arg0, arg1 …, or the tracepoint of the same name",
            ),
            Args::None | Args::Tracepoint { .. } | Args::RawTracepoint { .. } => self.no_args(base.span),
        })
    }

    fn no_args_field<T>(&mut self, names: &[&str], name: &ast::Ident) -> Option<T> {
        let of = format!("the arguments of {}", self.probe.name);
        let hint = match edgekit_core::text::nearest(&name.name, names.iter().copied()) {
            Some(near) => Some(format!("did you mean args.{near}?")),
            None if names.is_empty() => None,
            None => Some(format!("it has {}", names.join(", "))),
        };
        self.no_field(&of, name, hint)
    }

    fn record_field(&mut self, field: &FormatField, span: Span) -> Option<Value> {
        let offset = field.offset;
        let element = self.field_type(&field.c_type);
        if let Some(loc) = field.data_loc {
            let element = element.unwrap_or(Ty::Int(Int::I8));
            let text = is_char(&field.c_type);
            let ty = Ty::Ptr(Rc::new(element), Space::Kernel);
            let at = node(ExprKind::CtxDataLoc { offset }, ty.clone(), span);
            let at = match loc {
                Loc::Record => at,
                Loc::Field => {
                    let from = const_u64(u64::from(offset) + 4, span);
                    cast(binary(BinOp::Add, cast(at, Ty::U64), from, span), ty)
                }
            };
            if !text {
                return Some(Value::of(at));
            }
            let limit = self.config.max_strlen;
            return Some(self.read_str(Value::of(at), limit, None, span));
        }
        if let Some(n) = field.array_len {
            let each = field.size.checked_div(n).unwrap_or(0);
            if each == 0 {
                return self
                    .fail(span, format!("args.{} has no fixed length and cannot be read", field.name));
            }
            let element = element.filter(|t| t.size() == each).or_else(|| int_of(each, field.signed));
            let ty = match element {
                Some(Ty::Int(int)) if int.bytes == 1 && is_char(&field.c_type) => Ty::Str(field.size),
                Some(element) => Ty::Array(Rc::new(element), n),
                None => {
                    return self.fail(span, format!("args.{} is of a type that cannot be read", field.name));
                }
            };
            return Some(Value::new(ExprKind::CtxBytes { offset }, ty, span));
        }
        // The syscall records keep an `int` in eight bytes; the type says how many count.
        let ty = element
            .filter(|t| t.is_scalar() && t.size() <= field.size)
            .or_else(|| int_of(field.size, field.signed));
        let space = if self.probe.user_pointers { Space::User } else { Space::Kernel };
        match ty {
            Some(ty) => Some(Value::new(ExprKind::CtxLoad { offset }, ty, span).in_space(Some(space))),
            None => self.fail(
                span,
                format!("args.{} has {} bytes and cannot be read as a number", field.name, field.size),
            ),
        }
    }

    /// A type as a format file writes it.
    fn field_type(&mut self, c_type: &str) -> Option<Ty> {
        let words: Vec<&str> =
            c_type.split_whitespace().filter(|w| *w != "const" && *w != "volatile").collect();
        let text = words.join(" ");
        if let Some(to) = text.strip_suffix('*') {
            let space = if self.probe.user_pointers { Space::User } else { Space::Kernel };
            let to = self.field_type(to.trim()).unwrap_or(Ty::Void);
            return Some(Ty::Ptr(Rc::new(to), space));
        }
        if text.starts_with("struct ") || text.starts_with("union ") {
            return match self.pointer_to(&text, Space::Kernel) {
                Ty::Ptr(to, _) => Some(Ty::clone(&to)),
                _ => None,
            };
        }
        if let Some(name) = text.strip_prefix("enum ") {
            return self.enum_named(name).map(Ty::Enum);
        }
        match text.as_str() {
            "bool" | "_Bool" => Some(Ty::Bool),
            "void" => Some(Ty::Void),
            _ => {
                let plain =
                    cdef::builtin_int(&text).map(|int| Ty::Int(Int { bytes: int.size, signed: int.signed }));
                plain.or_else(|| self.world.kernel_typedef(&text))
            }
        }
    }

    /// `config()`: a record of settings.
    fn config_record(&mut self, span: Span) -> Value {
        let fields = self.settings_record(span);
        let ty = Tuple::new(fields.iter().map(|(name, v)| (Some((*name).to_owned()), v.ty().clone())));
        let exprs: Vec<Expr> = fields.into_iter().map(|(_, v)| v.expr).collect();
        Value::new(ExprKind::Tuple(exprs), Ty::Tuple(Rc::new(ty)), span)
    }

    /// Text at an address, at most `limit` bytes with its NUL; `length` cuts it further at run time.
    pub(super) fn read_str(&mut self, addr: Value, limit: u32, length: Option<Expr>, span: Span) -> Value {
        let func = if self.space_of(&addr) == Space::User { Func::StrUser } else { Func::StrKernel };
        let limit_expr = length.unwrap_or_else(|| const_u64(limit.into(), span));
        let call = ExprKind::Call(func, vec![addr.expr, limit_expr]);
        Value::new(call, Ty::Str(limit), span)
    }

    pub(super) fn read_buf(&mut self, addr: Value, size: u32, length: Expr, span: Span) -> Value {
        let func = if self.space_of(&addr) == Space::User { Func::BufUser } else { Func::BufKernel };
        Value::new(ExprKind::Call(func, vec![addr.expr, length]), Ty::Buf(size), span)
    }

    pub(super) fn describe(&self, value: &Value) -> String {
        type_name(value.ty())
    }
}

fn int_of(size: u32, signed: bool) -> Option<Ty> {
    let bytes = u8::try_from(size).ok().filter(|b| matches!(b, 1 | 2 | 4 | 8))?;
    Some(Ty::Int(Int { bytes, signed }))
}

fn is_char(c_type: &str) -> bool {
    c_type.split_whitespace().any(|word| word == "char") && !c_type.contains("unsigned")
}

/// Raw arguments are words; a narrower one is the low part.
fn raw_argument(n: u32, ty: &Ty, span: Span) -> Value {
    let word = node(ExprKind::CtxLoad { offset: n * 8 }, Ty::U64, span);
    let ty = if ty.is_scalar() { ty.clone() } else { Ty::U64 };
    Value::of(cast(word, ty)).in_space(Some(Space::Kernel))
}
