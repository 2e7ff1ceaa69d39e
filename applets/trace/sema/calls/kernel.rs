//! Functions about the kernel and its tasks: symbols, stacks, clocks, names of numbers, signals.

use std::rc::Rc;

use super::super::Sema;
use super::super::config::stack_style;
use super::super::consts::signal_number;
use super::super::value::{Value, cast, compare, const_u64, node, text};
use crate::diag::Span;
use crate::syntax::ast;
use crate::tree::{Builtin, CmpOp, ExprKind, Func};
use crate::ty::{Clock, Naming, Space, StackStyle, Ty};

/// Frames the kernel walks at most (perf_event_max_stack).
const MAX_DEPTH: i128 = 127;

pub(super) fn ksym(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let addr = sema.address(call, 0)?;
    let addr = cast(addr.expr, Ty::U64);
    Some(Value::new(ExprKind::Call(Func::KSym, vec![addr]), Ty::KSym, span))
}

pub(super) fn usym(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let addr = sema.address(call, 0)?;
    let addr = cast(addr.expr, Ty::U64);
    Some(Value::new(ExprKind::Call(Func::USym, vec![addr]), Ty::USym, span))
}

fn symbol(sema: &mut Sema<'_>, name: &str, span: Span) -> Option<u64> {
    match sema.world.kernel_symbol(name) {
        Some(address) => Some(address),
        None => sema.fail(span, format!("Failed to resolve kernel symbol: {name}")),
    }
}

pub(super) fn kaddr(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let name = sema.literal_text(call, 0)?;
    let address = symbol(sema, &name, span)?;
    Some(Value::of(const_u64(address, span)).in_space(Some(Space::Kernel)))
}

pub(super) fn percpu_kaddr(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let name = sema.literal_text(call, 0)?;
    let cpu = match call.args.get(1) {
        Some(_) => cast(sema.integer(call, 1)?.expr, Ty::U64),
        None => cast(node(ExprKind::Builtin(Builtin::Cpu), Ty::U32, span), Ty::U64),
    };
    let to = match sema.world.kernel_variable(&name) {
        Some(ty) => ty,
        None if sema.world.has_types() => {
            return sema.fail(span, format!("Could not resolve variable \"{name}\" from BTF"));
        }
        None => Ty::U64,
    };
    let base = symbol(sema, &name, span)?;
    let table = symbol(sema, "__per_cpu_offset", span)?;
    let args = vec![const_u64(base, span), cpu, const_u64(table, span)];
    let ty = Ty::Ptr(Rc::new(to), Space::Kernel);
    Some(Value::new(ExprKind::Call(Func::PerCpuPtr, args), ty, span))
}

pub(super) fn kptr(sema: &mut Sema<'_>, call: &ast::Call, _: Span) -> Option<Value> {
    let value = sema.address(call, 0)?;
    Some(sema.with_space(value, Space::Kernel))
}

pub(super) fn uptr(sema: &mut Sema<'_>, call: &ast::Call, _: Span) -> Option<Value> {
    let value = sema.address(call, 0)?;
    Some(sema.with_space(value, Space::User))
}

pub(super) fn cgroupid(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let path = sema.literal_text(call, 0)?;
    match sema.world.cgroup_id(&path) {
        Some(id) => {
            let mut value = Value::of(const_u64(id, span));
            value.literal = true;
            Some(value)
        }
        None => sema.fail_hint(
            span,
            format!("cgroupid(): no cgroup at {path}"),
            "give the path of a directory of cgroup v2, like /sys/fs/cgroup/system.slice",
        ),
    }
}

pub(super) fn cgroup_path(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let id = sema.integer(call, 0)?;
    if call.args.get(1).is_some() {
        return sema
            .fail(span, "cgroup_path() with a filter is not supported by this version of edgekit trace");
    }
    Some(Value::of(cast(cast(id.expr, Ty::U64), Ty::CgroupPath)).at(span))
}

fn named(sema: &mut Sema<'_>, call: &ast::Call, naming: Naming, span: Span) -> Option<Value> {
    let number = sema.integer(call, 0)?;
    let wide = if number.ty().is_signed() { Ty::I64 } else { Ty::U64 };
    Some(Value::of(cast(cast(number.expr, wide), Ty::Named(naming))).at(span))
}

pub(super) fn strerror(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    named(sema, call, Naming::Errno, span)
}

pub(super) fn signal_name(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    named(sema, call, Naming::Signal, span)
}

pub(super) fn syscall_name(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    named(sema, call, Naming::Syscall, span)
}

pub(super) fn strftime(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let format = sema.literal_text(call, 0);
    let when = sema.integer(call, 1);
    let (format, when) = (format?, when?);
    if when.literal_number().is_some_and(|n| n < 0) {
        return sema.fail(when.span(), "strftime() expects a timestamp that is not negative");
    }
    let clock = match when.expr.kind {
        ExprKind::Builtin(Builtin::Nsecs(clock)) => clock,
        _ => Clock::Boot,
    };
    let ty = Ty::Timestamp { format: text(format.as_bytes()), clock };
    Some(Value::of(cast(cast(when.expr, Ty::U64), ty)).at(span))
}

/// A bare word that selects a mode.
fn mode(call: &ast::Call, at: usize) -> Option<&str> {
    match call.args.get(at).map(|a| &a.kind) {
        Some(ast::ExprKind::Ident(word)) => Some(word),
        _ => None,
    }
}

pub(super) fn nsecs(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let clock = match (call.args.first(), mode(call, 0)) {
        (None, _) | (_, Some("boot")) => Clock::Boot,
        (_, Some("monotonic")) => Clock::Monotonic,
        (_, Some("tai" | "sw_tai")) => Clock::Tai,
        (Some(arg), _) => {
            return sema.fail_hint(arg.span, "Invalid timestamp mode", "one of boot, monotonic, tai, sw_tai");
        }
    };
    Some(Value::new(ExprKind::Builtin(Builtin::Nsecs(clock)), Ty::U64, span))
}

fn namespaced(sema: &mut Sema<'_>, call: &ast::Call, builtin: Builtin, span: Span) -> Option<Value> {
    match (call.args.first(), mode(call, 0)) {
        (None, _) | (_, Some("curr_ns" | "init")) => {
            Some(Value::new(ExprKind::Builtin(builtin), Ty::U32, span))
        }
        (Some(arg), _) => {
            let name = &call.name.name;
            let message = format!("Invalid PID namespace mode for {name}()");
            sema.fail_hint(arg.span, message, "one of curr_ns, init")
        }
    }
}

pub(super) fn pid(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    namespaced(sema, call, Builtin::Pid, span)
}

pub(super) fn tid(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    namespaced(sema, call, Builtin::Tid, span)
}

/// A member behind the current or a given task: `task.real_parent.tgid`.
fn of_task(sema: &mut Sema<'_>, call: &ast::Call, path: &[&str], span: Span) -> Option<Value> {
    let mut value = match call.args.first() {
        Some(_) => sema.arg(call, 0)?,
        None => {
            let ty = sema.pointer_to("struct task_struct", Space::Kernel);
            Value::new(ExprKind::Builtin(Builtin::Curtask), ty, span)
        }
    };
    for name in path {
        let name = ast::Ident { name: (*name).to_owned(), span };
        value = sema.value_field(value, &name, span)?;
    }
    Some(value)
}

pub(super) fn ppid(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = of_task(sema, call, &["real_parent", "tgid"], span)?;
    Some(Value::of(cast(value.expr, Ty::U32)))
}

pub(super) fn pcomm(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    of_task(sema, call, &["real_parent", "comm"], span)
}

pub(super) fn leader_comm(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    of_task(sema, call, &["group_leader", "comm"], span)
}

pub(super) fn leader_tid(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = of_task(sema, call, &["group_leader", "pid"], span)?;
    Some(Value::of(cast(value.expr, Ty::U32)))
}

pub(super) fn kstack(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    stack(sema, call, false, span)
}

pub(super) fn ustack(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    stack(sema, call, true, span)
}

/// `kstack(perf, 3)`: a mode, a number of frames, either or both.
fn stack(sema: &mut Sema<'_>, call: &ast::Call, user: bool, span: Span) -> Option<Value> {
    let (mut style, mut depth) = (None, None);
    for (at, arg) in call.args.iter().enumerate() {
        if let Some(word) = mode(call, at)
            && at == 0
        {
            let Some(found) = stack_style(word) else {
                return sema.fail_hint(
                    arg.span,
                    format!("Invalid stack mode: {word}"),
                    "one of bpftrace, perf, raw, build_id",
                );
            };
            style = Some(found);
            continue;
        }
        let frames = sema.literal_number(call, at)?;
        if !(1..=MAX_DEPTH).contains(&frames) {
            let name = &call.name.name;
            return sema.fail(
                arg.span,
                format!("{name}([int limit]): limit must be between 1 and {MAX_DEPTH}, not {frames}"),
            );
        }
        depth = Some(frames as u32);
    }
    if !user && style == Some(StackStyle::BuildId) {
        sema.warn(span, "'build_id' stack mode can only be used for ustack. Falling back to 'raw' mode.");
        style = Some(StackStyle::Raw);
    }
    sema.stack(user, style, depth, span)
}

/// Registers saved when a timer or counter fired, by their offset in the context of a perf program.
#[cfg(target_arch = "x86_64")]
const REGISTERS: &[(&str, u32)] = &[
    ("r15", 0),
    ("r14", 8),
    ("r13", 16),
    ("r12", 24),
    ("bp", 32),
    ("bx", 40),
    ("r11", 48),
    ("r10", 56),
    ("r9", 64),
    ("r8", 72),
    ("ax", 80),
    ("cx", 88),
    ("dx", 96),
    ("si", 104),
    ("di", 112),
    ("orig_ax", 120),
    ("ip", 128),
    ("cs", 136),
    ("flags", 144),
    ("sp", 152),
    ("ss", 160),
];
#[cfg(target_arch = "aarch64")]
const REGISTERS: &[(&str, u32)] = &[
    ("r0", 0),
    ("r1", 8),
    ("r2", 16),
    ("r3", 24),
    ("r4", 32),
    ("r5", 40),
    ("r6", 48),
    ("r7", 56),
    ("r8", 64),
    ("r29", 232),
    ("r30", 240),
    ("sp", 248),
    ("pc", 256),
    ("pstate", 264),
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const REGISTERS: &[(&str, u32)] = &[];

pub(super) fn reg(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let name = sema.literal_text(call, 0)?;
    if !sema.probe.has_registers() {
        let kind = sema.probe.kind();
        return sema.fail(span, format!("reg() can not be used with '{kind}' probes"));
    }
    let Some((_, offset)) = REGISTERS.iter().find(|(known, _)| *known == name) else {
        let message = format!("'{name}' is not a valid register on this architecture");
        let known: Vec<&str> = REGISTERS.iter().map(|(name, _)| *name).collect();
        return sema.fail_hint(span, message, format!("there are {}", known.join(", ")));
    };
    let kind = ExprKind::Call(Func::Register { offset: *offset }, Vec::new());
    Some(Value::new(kind, Ty::U64, span))
}

/// The last page of addresses stands for error numbers.
pub(super) fn is_err(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    const MAX_ERRNO: i64 = 4095;
    let value = sema.address(call, 0)?;
    let first = const_u64((-MAX_ERRNO) as u64, span);
    Some(Value::of(compare(CmpOp::Ge, cast(value.expr, Ty::U64), first, span)))
}

pub(super) fn signal(sema: &mut Sema<'_>, call: &ast::Call, span: Span) -> Option<Value> {
    let value = sema.arg(call, 0)?;
    let number = match (value.literal_text(), value.literal_number()) {
        (Some(name), _) => match signal_number(name) {
            Some(number) => const_u64(number, span),
            None => {
                let message = format!("{name} is not a valid signal");
                return sema.fail(value.span(), message);
            }
        },
        (None, Some(number)) if !(1..65).contains(&number) => {
            return sema.fail(value.span(), format!("{number} is not a valid signal, allowed range: [1,64]"));
        }
        _ if matches!(value.ty(), Ty::Int(_) | Ty::Enum(_)) => cast(value.expr, Ty::U64),
        _ => {
            let ty = sema.describe(&value);
            return sema
                .fail(value.span(), format!("signal() only accepts string literals or integers, not {ty}"));
        }
    };
    Some(Value::new(ExprKind::Call(Func::SendSignal, vec![number]), Ty::Void, span))
}
