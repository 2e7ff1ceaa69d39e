//! The typed tree: a program whose every name, type, conversion and offset has been decided.
//!
//! It stands between `sema`, which makes it from the syntax tree and explains to the user what is wrong, and
//! `lower`, which turns it into the low-level form and can no longer fail for a reason of the user's (but for
//! sizes). The run-time rooms read its tables: maps, events, probes.
//!
//! Rules that `sema` keeps and `lower` relies on:
//! * operands of arithmetic and comparison have the same scalar type; every conversion is a [`ExprKind::Cast`];
//! * an assigned, stored or emitted value has the target's type, save that a shorter `Str` or `Buf` may go where
//!   a longer one is wanted;
//! * `Agg` types occur only as map values, fed by [`Stmt::Feed`] and read by [`ExprKind::MapGet`], whose type is
//!   then an integer;
//! * macros, constants, positional parameters, sizeof and the like are gone.

use std::rc::Rc;

use crate::diag::Span;
use crate::ty::{Bits, Clock, Ty};

#[derive(Debug, Default)]
pub struct Tree {
    pub probes: Vec<Probe>,
    pub maps: Vec<MapDef>,
    pub events: Vec<EventDef>,
    /// Script variables of all probes.
    pub vars: Vec<VarDef>,
    pub config: Config,
}

/// Index into [`Tree::vars`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VarId(pub u32);
/// Index into [`Tree::maps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapId(pub u32);
/// Index into [`Tree::events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId(pub u32);

/// What `config = { … }` and the command line decide for compiler and run time.
#[derive(Clone, Debug)]
pub struct Config {
    pub max_strlen: u32,
    pub max_map_keys: u32,
    pub print_maps_on_exit: bool,
    /// Bytes of the event ring.
    pub ring_bytes: u32,
    pub license: String,
    /// Warn when a helper fails or a key is missing (`-k`).
    pub check_helpers: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_strlen: 1024,
            max_map_keys: 4096,
            print_maps_on_exit: true,
            ring_bytes: 256 * 1024,
            license: "GPL".to_string(),
            check_helpers: false,
        }
    }
}

/// One program: a probe, or one attach point of it where the body depends on which (arguments, `probe`).
#[derive(Debug)]
pub struct Probe {
    /// As the user named it: `tracepoint:syscalls:sys_enter_openat`.
    pub name: String,
    pub attach: Vec<Attach>,
    pub predicate: Option<Expr>,
    pub body: Vec<Stmt>,
    pub span: Span,
}

/// Where a program is hung.
#[derive(Clone, Debug, PartialEq)]
pub enum Attach {
    Begin,
    End,
    /// Tracepoint through perf, context = the record of its format file.
    Tracepoint {
        category: String,
        event: String,
    },
    /// Context = u64 arguments.
    RawTracepoint {
        event: String,
    },
    /// On every CPU, so many times a second, or each so many ns.
    Profile(Rate),
    /// On one CPU.
    Interval(Rate),
    /// Software perf event by its number in perf_event.h, every `count` of them.
    Software {
        config: u64,
        count: u64,
        name: String,
    },
    Hardware {
        config: u64,
        count: u64,
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    Hz(u64),
    Ns(u64),
}

#[derive(Debug)]
pub struct MapDef {
    /// Without the `@`; empty for the nameless map.
    pub name: String,
    /// None: a scalar map with one value.
    pub key: Option<Ty>,
    pub value: Ty,
    pub kind: MapKind,
    pub max_entries: u32,
    pub span: Span,
}

/// What the script asked for by `let @a = lruhash(10)`, or what the compiler chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    Hash,
    LruHash,
    PerCpuHash,
    LruPerCpuHash,
    /// Scalar maps: one value shared.
    Array,
    /// Scalar aggregations.
    PerCpuArray,
}

#[derive(Debug)]
pub struct VarDef {
    /// With the `$`.
    pub name: String,
    pub ty: Ty,
    /// Used inside a `for` body and outside it, or its address is taken: lives in memory, not in a register.
    pub in_memory: bool,
}

/// A record that programs send to user space: what to do there, and the types of the values it carries.
#[derive(Clone, Debug)]
pub struct EventDef {
    pub kind: EventKind,
    pub args: Vec<Ty>,
    /// What the script calls each argument, where it has a plain name: `pid`, `filename` of `str(args.filename)`.
    /// Empty for what the compiler sends by itself.
    pub names: Vec<Option<Rc<str>>>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// printf, errorf, warnf; the format is checked against `args` already.
    Printf {
        format: Rc<str>,
        level: PrintLevel,
    },
    /// print(value).
    PrintValue,
    /// print(@m, top, div).
    PrintMap {
        map: MapId,
        top: u64,
        div: u64,
    },
    /// print(@m[key]) of an aggregation: args = [key].
    PrintMapEntry {
        map: MapId,
        top: u64,
        div: u64,
    },
    Clear {
        map: MapId,
    },
    Zero {
        map: MapId,
    },
    /// delete of one key of a keyed histogram, whose buckets are many entries: args = [key].
    DeleteKey {
        map: MapId,
    },
    /// time("%H:%M:%S\n")
    Time {
        format: Rc<str>,
    },
    /// join(argv, delim): the statement's only argument is the address of the array; the record carries
    /// args = [U64 count, Str(n), Str(n) …], one string an element, at most as many as there are types.
    Join {
        delim: Rc<str>,
    },
    Cat {
        format: Rc<str>,
    },
    System {
        format: Rc<str>,
    },
    /// args = [] or [I32 code].
    Exit,
    /// A helper failed or a key was missing, under `-k`: args = [I32 errno].
    HelperError {
        what: Rc<str>,
    },
}

impl EventKind {
    /// The function of the language that sends it.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::Printf { level: PrintLevel::Out, .. } => "printf",
            EventKind::Printf { level: PrintLevel::Warn, .. } => "warnf",
            EventKind::Printf { level: PrintLevel::Error, .. } => "errorf",
            EventKind::PrintValue | EventKind::PrintMap { .. } | EventKind::PrintMapEntry { .. } => "print",
            EventKind::Clear { .. } => "clear",
            EventKind::Zero { .. } => "zero",
            EventKind::DeleteKey { .. } => "delete",
            EventKind::Time { .. } => "time",
            EventKind::Join { .. } => "join",
            EventKind::Cat { .. } => "cat",
            EventKind::System { .. } => "system",
            EventKind::Exit => "exit",
            EventKind::HelperError { .. } => "helper",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintLevel {
    Out,
    Warn,
    Error,
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Ty,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant of a scalar type; sign-extended to 64 bits when the type is signed.
    Const(u64),
    /// Text without the NUL; the type is Str(len + 1) or wider.
    Str(Rc<[u8]>),
    Var(VarId),
    Builtin(Builtin),
    /// The context pointer itself.
    Ctx,
    /// A scalar at a fixed offset of the context record.
    CtxLoad {
        offset: u32,
    },
    /// A byte array inside the context record, as text (type Str) or bytes (Array).
    CtxBytes {
        offset: u32,
    },
    /// Address of what a `__data_loc` word at this offset of the context record locates: offset in its low 16
    /// bits, from the record's start. Type: Ptr to kernel memory.
    CtxDataLoc {
        offset: u32,
    },
    /// The value of a map entry, zero when there is none. For an aggregation: its total over the CPUs
    /// (count, sum), its value (min, max) or quotient (avg).
    MapGet {
        map: MapId,
        key: Option<Box<Expr>>,
    },
    HasKey {
        map: MapId,
        key: Box<Expr>,
    },
    /// Removes an entry; true when it was there.
    Delete {
        map: MapId,
        key: Option<Box<Expr>>,
    },
    /// Number of entries.
    Len {
        map: MapId,
    },
    Neg(Box<Expr>),
    BitNot(Box<Expr>),
    /// Bool from any scalar or string (not empty).
    Not(Box<Expr>),
    Binary {
        op: BinOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    /// Comparison; operands scalar of one type.
    Compare {
        op: CmpOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    /// Equality of the first `max` bytes of two strings, buffers or arrays of bytes; for `Str` both stop at the NUL.
    BytesEq {
        lhs: Box<Expr>,
        rhs: Box<Expr>,
        max: u32,
        negate: bool,
    },
    /// Short-circuit; operands Bool.
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// Ternary and `if` expressions; branches may be Void.
    If {
        cond: Box<Expr>,
        then: Box<Expr>,
        els: Box<Expr>,
    },
    /// Scalar to scalar (truncate, sign- or zero-extend; to Bool: != 0), Str to longer or shorter Str, tuple to
    /// tuple field by field, integer to array of bytes and back (little-endian), Str to array.
    Cast(Box<Expr>),
    /// Reads a value of the expression's type at an address plus offset. `bits`: only these.
    Read {
        addr: Box<Expr>,
        offset: u32,
        space: crate::ty::Space,
        bits: Option<Bits>,
    },
    /// A part, at a fixed offset, of a value in memory (struct, tuple, array, USym …).
    Part {
        base: Box<Expr>,
        offset: u32,
        bits: Option<Bits>,
    },
    /// Element of an array value in memory; an index past the end gives zero.
    Element {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// Address of a variable that lives in memory, or of a map's value (0 when absent).
    AddrOfVar(VarId),
    AddrOfMap {
        map: MapId,
        key: Option<Box<Expr>>,
    },
    Tuple(Vec<Expr>),
    /// Statements, then a value.
    Block {
        stmts: Vec<Stmt>,
        value: Option<Box<Expr>>,
    },
    /// ++ and --: changes the target by `delta` (pointer-scaled already); the value before (`post`) or after.
    Bump {
        target: Target,
        delta: i64,
        post: bool,
    },
    Call(Func, Vec<Expr>),
    /// Sends an event. Type Void.
    Emit {
        event: EventId,
        args: Vec<Expr>,
    },
}

#[derive(Clone, Debug)]
pub enum Target {
    Var(VarId),
    Map { map: MapId, key: Option<Box<Expr>> },
}

/// Values the kernel gives with no argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Thread group id (what user space calls pid).
    Pid,
    Tid,
    Uid,
    Gid,
    /// Ns of a clock; `Wall` is computed by the run time's offset.
    Nsecs(Clock),
    Cpu,
    /// Address of the current task_struct.
    Curtask,
    Cgroup,
    /// Str(16).
    Comm,
    Rand,
    NumaId,
    Jiffies,
    /// Ns since the tracer started.
    Elapsed,
    /// Process id of the child started with -c, 0 when there is none.
    Cpid,
    /// 1 when the CPU ran user code when a profile or interval probe fired, from the saved registers.
    Usermode,
}

/// Functions that `lower` implements in the kernel program. Arguments as listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Func {
    /// (address: Ptr or u64, length limit: u64 scalar) → Str(n); reads user or kernel memory.
    StrUser,
    StrKernel,
    /// (address, length) → Buf(n).
    BufUser,
    BufKernel,
    /// (address in BPF memory as an expression in memory, length) → Buf(n): buf("text", 3), buf(array).
    BufMem,
    /// (haystack Str, needle Str) → Bool.
    StrContains,
    /// (s: Str) → u64 length.
    StrLen,
    /// (address) → KSym.
    KSym,
    /// (address) → USym.
    USym,
    /// () → Stack; the style and depth are in the expression's type.
    StackTrace,
    /// (n: u64) → u64: register n of the saved user registers, by its offset.
    Register {
        offset: u32,
    },
    /// (family, address u32 or u64 | Array of 4 or 16) → Inet.
    Ntop,
    /// (address) → Mac.
    MacAddr,
    /// (signal number) → Void; to the current process.
    SendSignal,
    /// bpf_override_return(ctx, value).
    Override,
    /// (value) of width 2, 4, 8.
    Bswap,
    /// (symbol address base: u64, cpu) → address of a per-CPU variable.
    PerCpuPtr,
    /// bpf_trace_printk(format, up to 3 scalars): the format is the first argument, a Str.
    TracePrintk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    /// By the sign of the type; truncates toward zero; x / 0 = 0.
    Div,
    /// x % 0 = x.
    Mod,
    And,
    Or,
    Xor,
    Shl,
    /// Arithmetic when the type is signed.
    Shr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmpOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Debug)]
pub enum Stmt {
    Expr(Expr),
    SetVar {
        var: VarId,
        value: Expr,
    },
    /// A `let` without a value: zero.
    ZeroVar {
        var: VarId,
    },
    SetMap {
        map: MapId,
        key: Option<Expr>,
        value: Expr,
    },
    /// `@x[k] = count()` and its like.
    Feed {
        map: MapId,
        key: Option<Expr>,
        value: Feed,
    },
    If {
        cond: Expr,
        then: Vec<Stmt>,
        els: Vec<Stmt>,
    },
    While {
        cond: Expr,
        body: Vec<Stmt>,
    },
    /// The body `times` over, straight.
    Unroll {
        times: u32,
        body: Vec<Stmt>,
    },
    /// for ($v : start..end), end excluded; I64 or U64 bounds evaluated once.
    ForRange {
        var: VarId,
        start: Expr,
        end: Expr,
        body: Vec<Stmt>,
    },
    /// for ($kv : @m); the variable is a tuple (key, value), the value of an aggregation being its total.
    ForMap {
        var: VarId,
        map: MapId,
        body: Vec<Stmt>,
    },
    Break,
    Continue,
    /// Ends the probe.
    Return,
}

#[derive(Clone, Debug)]
pub enum Feed {
    Count,
    /// sum, min, max, avg, stats, hist, lhist, by the map's type: an I64 or U64 value.
    Value(Expr),
    TSeries(Expr),
}
