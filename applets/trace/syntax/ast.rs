//! The tree of a trace program, as written (after `parse`) and with macros
//! gone (after `expand`).
//!
//! Nothing here knows types or the kernel: names are only names. Every
//! expression carries a [`NodeId`], unique in its [`Script`] even after
//! expansion, so that later phases keep what they learn in tables beside the
//! tree; every span says which macro calls it came through.
//! Neighbours: `parse` and `expand` build it, `cdef` lays out its C
//! definitions, the semantic analyser walks it.

use crate::diag::Span;

/// Index of an expression; below [`Script::node_count`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    pub name: String,
    pub span: Span,
}

/// A whole program: one script, or a script with what it imports.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub config: Vec<ConfigItem>,
    pub imports: Vec<Import>,
    pub cdefs: Vec<CDef>,
    pub map_decls: Vec<MapDecl>,
    /// Empty once `expand` has run.
    pub macros: Vec<Macro>,
    pub functions: Vec<Function>,
    pub probes: Vec<Probe>,
    /// One more than the biggest [`NodeId`] in use.
    pub node_count: u32,
}

#[derive(Clone, Debug)]
pub struct ConfigItem {
    /// As written, e.g. `max_strlen` or `BPFTRACE_MAX_STRLEN`.
    pub key: Ident,
    pub value: ConfigValue,
    pub value_span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigValue {
    Int(u64),
    Bool(bool),
    Str(String),
    /// A bare word, e.g. `stack_mode=perf`.
    Word(String),
}

/// `import "path";` at the root of a script.
#[derive(Clone, Debug)]
pub struct Import {
    pub path: String,
    pub span: Span,
}

/// `let @name = kind(max_entries);`
#[derive(Clone, Debug)]
pub struct MapDecl {
    /// Without the `@`.
    pub name: Ident,
    pub kind: Ident,
    pub max_entries: u64,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Macro {
    pub name: Ident,
    pub params: Vec<MacroParam>,
    pub body: Block,
    /// Name and parameters.
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct MacroParam {
    pub kind: ParamKind,
    /// Without `$` or `@`.
    pub name: Ident,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// `$x`: takes a scratch variable, which the body may change.
    Var,
    /// `@x`: takes a map, which the body may change.
    Map,
    /// `x`: takes any expression or type, put in wherever `x` stands.
    Expr,
}

/// `fn name($a: type): type { … }`
#[derive(Clone, Debug)]
pub struct Function {
    pub name: Ident,
    /// Names without the `$`.
    pub params: Vec<(Ident, TypeExpr)>,
    pub result: TypeExpr,
    pub body: Block,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Probe {
    pub attach_points: Vec<AttachPoint>,
    pub predicate: Option<Expr>,
    pub body: Block,
    pub span: Span,
}

/// One `provider:argument:…`, positional parameters already put in.
#[derive(Clone, Debug)]
pub struct AttachPoint {
    /// The `name` of `name=provider:…`.
    pub label: Option<Ident>,
    pub provider: Provider,
    pub args: Vec<AttachArg>,
    pub span: Span,
}

impl AttachPoint {
    /// The canonical spelling, e.g. `tracepoint:sched:sched_switch`.
    pub fn canonical(&self) -> String {
        let mut text = self.provider.name().to_owned();
        for arg in &self.args {
            text.push(':');
            text.push_str(&arg.text);
        }
        text
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachArg {
    /// Quotes removed, wildcards kept.
    pub text: String,
    /// Some part of it was quoted.
    pub quoted: bool,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    Begin,
    End,
    Bench,
    Test,
    SelfProbe,
    Hardware,
    Interval,
    Iter,
    Fentry,
    Fexit,
    Kprobe,
    Kretprobe,
    Profile,
    RawTracepoint,
    Software,
    Tracepoint,
    Uprobe,
    Uretprobe,
    Usdt,
    Watchpoint,
}

/// An expression. Made by `Expr::new` (in `height`), which keeps trees flat
/// enough to be walked by recursion.
#[derive(Clone, Debug)]
pub struct Expr {
    pub id: NodeId,
    pub(super) height: u16,
    pub span: Span,
    pub kind: ExprKind,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// The value of a literal; a minus sign is a [`UnaryOp::Neg`] around it.
    Int(IntLit),
    /// Escapes resolved; `\xff` makes this any bytes, not only UTF-8.
    Str(Vec<u8>),
    Bool(bool),
    /// A builtin (`pid`), an enum constant, a macro without arguments or a
    /// macro's parameter; after `expand` only the first two are left.
    Ident(String),
    /// `$1`, counted from 1.
    Positional(u64),
    /// `$#`
    PositionalCount,
    /// `$name`, without the `$`.
    Var(String),
    /// `@name` or `@name[key, …]`, name without the `@` (empty for `@`).
    Map(MapRef),
    Call(Call),
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    /// Operand is a variable or a map.
    IncDec {
        op: IncDecOp,
        prefix: bool,
        operand: Box<Expr>,
    },
    /// Also `&&` and `||`.
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `c ? a : b`; `then` is `None` in `c ?: b`.
    Ternary {
        condition: Box<Expr>,
        then: Option<Box<Expr>>,
        otherwise: Box<Expr>,
    },
    Cast {
        ty: TypeExpr,
        operand: Box<Expr>,
    },
    Sizeof(Box<TypeArg>),
    /// Path of field names, `offsetof(struct a, b.c)`.
    Offsetof {
        of: Box<TypeArg>,
        path: Vec<Ident>,
    },
    Typeinfo(Box<TypeArg>),
    /// `typeof(…)` as an argument of a call: hands a type to a macro.
    Typeof(Box<TypeArg>),
    /// `a.b`, or `a->b` with `arrow`.
    Field {
        base: Box<Expr>,
        field: Ident,
        arrow: bool,
    },
    /// `a.0`
    TupleIndex {
        base: Box<Expr>,
        index: u64,
    },
    /// `a[i]`
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Tuple(Vec<Expr>),
    Record(Vec<(Ident, Expr)>),
    /// `{ …; value }`
    Block(Box<Block>),
    If(Box<If>),
    /// Must be known while compiling.
    Comptime(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntLit {
    pub value: u64,
    pub suffix: IntSuffix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntSuffix {
    None,
    /// `u`, `ul`, `ull`
    Unsigned,
    /// `l`, `ll`
    Long,
    /// `5ms`: the value is in nanoseconds.
    Duration,
}

#[derive(Clone, Debug)]
pub struct MapRef {
    pub name: String,
    /// `None` for `@name`; `@name[a, b]` has two, which mean one tuple.
    pub key: Option<Vec<Expr>>,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub name: Ident,
    pub args: Vec<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
    BitNot,
    Deref,
    /// Operand is a variable or a map.
    AddrOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncDecOp {
    Inc,
    Dec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Shl,
    Shr,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

impl BinaryOp {
    /// As it is written in a script.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "||",
            BinaryOp::And => "&&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::BitAnd => "&",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
        }
    }
}

/// What stands between the parentheses of `sizeof`, `typeof`, `offsetof`.
#[derive(Clone, Debug)]
pub enum TypeArg {
    Type(TypeExpr),
    Expr(Expr),
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct TypeExpr {
    pub kind: TypeKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `int32`, `uint64_t`, `string`, `void`, a typedef; C's spellings come as
    /// one canonical name (`unsigned long`), see `cdef::builtin_int`.
    Named(String),
    Struct(String),
    Union(String),
    Enum(String),
    Pointer(Box<TypeExpr>),
    /// `int8[4]`; without a length `int8[]`.
    Array {
        element: Box<TypeExpr>,
        length: Option<u64>,
    },
    /// `string[64]`, `buffer[16]`, `inet[4]`: a size, not an array.
    Sized {
        name: String,
        size: u64,
    },
    /// `typeof(expression)`
    Typeof(Box<Expr>),
}

#[derive(Clone, Debug)]
pub struct Block {
    pub stmts: Vec<Stmt>,
    /// The block's value: a last expression without `;`. Bodies of probes,
    /// functions and loops have no value, there it is a statement like others.
    pub tail: Option<Expr>,
    pub span: Span,
    pub(super) height: u16,
}

#[derive(Clone, Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum StmtKind {
    Expr(Expr),
    /// `target = value`, or `target op= value`. Target is a variable or a map.
    Assign {
        target: Expr,
        op: Option<BinaryOp>,
        value: Expr,
    },
    /// `let $name: type = value;`
    Let {
        name: Ident,
        ty: Option<TypeExpr>,
        value: Option<Expr>,
    },
    If(Box<If>),
    While {
        condition: Expr,
        body: Block,
    },
    Unroll {
        count: Expr,
        body: Block,
    },
    For {
        var: Ident,
        iter: ForIter,
        body: Block,
    },
    Break,
    Continue,
    Return(Option<Expr>),
    /// `_ = value;`
    Discard(Expr),
    Block(Block),
    /// `import "path";` in a body: allowed in a macro of the library only.
    Import(String),
}

#[derive(Clone, Debug)]
pub struct If {
    pub condition: Expr,
    pub then: Block,
    pub otherwise: Option<Else>,
    pub span: Span,
    pub(super) height: u16,
}

#[derive(Clone, Debug)]
pub enum Else {
    If(Box<If>),
    Block(Block),
}

#[derive(Clone, Debug)]
pub enum ForIter {
    /// `@name`; its kind is [`ExprKind::Map`] without a key after `expand`.
    Map(Expr),
    /// `start..end`
    Range { start: Expr, end: Expr },
}

/// A C definition before the probes. Nested and anonymous definitions come
/// before the one they stand in, anonymous ones under a made-up name.
#[derive(Clone, Debug)]
pub enum CDef {
    Aggregate(CAggregate),
    Enum(CEnum),
    Typedef(CTypedef),
    /// `#define NAME body`, used where an expression names it.
    Define(CDefine),
    /// `#include <path>`: recorded, nothing is read.
    Include(CInclude),
}

#[derive(Clone, Debug)]
pub struct CAggregate {
    pub is_union: bool,
    pub name: String,
    pub fields: Vec<CField>,
    pub packed: bool,
    /// From `__attribute__((aligned(n)))`.
    pub align: Option<u64>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct CField {
    /// `None` for an anonymous struct or union, whose fields belong to us.
    pub name: Option<Ident>,
    pub ty: TypeExpr,
    pub bits: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct CEnum {
    pub name: Option<String>,
    pub constants: Vec<(Ident, i64)>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct CTypedef {
    pub name: Ident,
    pub ty: TypeExpr,
}

#[derive(Clone, Debug)]
pub struct CDefine {
    pub name: Ident,
    /// `#define F(x) …`: kept to say so where it is used.
    pub function_like: bool,
    /// The text behind the name.
    pub body: Span,
}

#[derive(Clone, Debug)]
pub struct CInclude {
    pub path: String,
    pub span: Span,
}
