//! The types of a trace program and how their values lie in memory.
//!
//! One definition for three rooms: `sema` gives every expression a [`Ty`], `lower` turns the layout into loads
//! and stores, `output` reads the same bytes back from maps and events. A value is laid out like a C value of
//! the target: natural alignment, padding zeroed, strings zero-filled to their full size (so that equal strings
//! are equal bytes and can be map keys).

use std::rc::Rc;

/// Where a pointer points, which decides the helper that reads through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    Kernel,
    User,
    /// Memory of the program itself: a map value, a stack slot.
    Bpf,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ty {
    /// No value: a call made for its effect.
    Void,
    Bool,
    Int(Int),
    Enum(Rc<EnumDef>),
    /// Text of at most `n - 1` bytes and a NUL.
    Str(u32),
    /// A byte buffer: a 32-bit length, then up to `n` bytes.
    Buf(u32),
    Ptr(Rc<Ty>, Space),
    Array(Rc<Ty>, u32),
    Struct(Rc<Struct>),
    /// A tuple, or a record when its fields have names.
    Tuple(Rc<Tuple>),
    /// A kernel address printed as symbol+offset.
    KSym,
    /// A user address and the process it belongs to: u64 address, u32 tgid, u32 zero.
    USym,
    /// A stack trace: i32 id in the stack map (negative errno when it could not be taken), u32 tgid.
    Stack(Stack),
    /// u32 family (2 or 10), 16 bytes of address in network order.
    Inet,
    /// Six bytes.
    Mac,
    /// u64 nanoseconds since boot, printed through strftime with this format.
    Timestamp {
        format: Rc<str>,
        clock: Clock,
    },
    /// u64 user id printed as a name.
    Username,
    /// u64 cgroup id printed as paths.
    CgroupPath,
    /// A number printed as text by user space: strerror(n), signal_name(n) …; 8 bytes.
    Named(Naming),
    /// What a map holds when it is fed by count(), hist() and their like; never the type of a variable.
    Agg(Agg),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Int {
    /// 1, 2, 4 or 8.
    pub bytes: u8,
    pub signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    Boot,
    Monotonic,
    Tai,
    /// Wall-clock nanoseconds already.
    Wall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Naming {
    Errno,
    Signal,
    Syscall,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumDef {
    /// Empty for an anonymous enum.
    pub name: String,
    pub int: Int,
    pub variants: Vec<(String, u64)>,
}

impl EnumDef {
    pub fn name_of(&self, value: u64) -> Option<&str> {
        self.variants.iter().find(|(_, v)| *v == value).map(|(n, _)| n.as_str())
    }
}

/// A C struct or union, from the script or from the kernel's BTF.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Struct {
    /// With its keyword: `struct task_struct`.
    pub name: String,
    pub size: u32,
    pub align: u32,
    /// Empty for a kernel type: its members are looked up in the BTF index by `btf_id` when they are asked for.
    pub fields: Vec<Field>,
    pub btf_id: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    pub name: String,
    pub ty: Ty,
    /// In bytes from the start; of a bitfield, of the storage unit.
    pub offset: u32,
    pub bits: Option<Bits>,
}

/// A bitfield: `width` bits from bit `shift` of a little-endian storage unit of the field's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits {
    pub shift: u8,
    pub width: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub fields: Vec<TupleField>,
    pub size: u32,
    pub align: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TupleField {
    /// Set for all fields (a record) or for none (a tuple).
    pub name: Option<String>,
    pub ty: Ty,
    pub offset: u32,
}

impl Tuple {
    /// Lays the fields out in order.
    pub fn new(fields: impl IntoIterator<Item = (Option<String>, Ty)>) -> Tuple {
        let (mut size, mut align) = (0u32, 1u32);
        let fields = fields
            .into_iter()
            .map(|(name, ty)| {
                let offset = size.next_multiple_of(ty.align());
                size = offset + ty.size();
                align = align.max(ty.align());
                TupleField { name, ty, offset }
            })
            .collect();
        Tuple { fields, size: size.next_multiple_of(align), align }
    }

    pub fn of(types: impl IntoIterator<Item = Ty>) -> Tuple {
        Tuple::new(types.into_iter().map(|t| (None, t)))
    }

    pub fn is_record(&self) -> bool {
        self.fields.first().is_some_and(|f| f.name.is_some())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stack {
    pub user: bool,
    pub style: StackStyle,
    /// Frames at most.
    pub depth: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackStyle {
    /// Symbol+offset a line.
    Bpftrace,
    Perf,
    Raw,
    BuildId,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Agg {
    /// Value layout per CPU: u64.
    Count,
    /// i64 or u64 total.
    Sum {
        signed: bool,
    },
    /// u64 value, u64 set-flag.
    Min {
        signed: bool,
    },
    Max {
        signed: bool,
    },
    /// i64 total, u64 count.
    Avg {
        signed: bool,
    },
    Stats {
        signed: bool,
    },
    /// Buckets of powers of two, each cut in 2^bits; see `output::hist` for the bounds. One u64 a bucket.
    Hist {
        bits: u32,
    },
    LHist {
        min: i64,
        max: i64,
        step: i64,
    },
    /// A ring of intervals of `interval_ns`, `buckets` long, each folded by `fold`.
    TSeries {
        interval_ns: u64,
        buckets: u32,
        fold: Fold,
        signed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fold {
    Last,
    Avg,
    Max,
    Min,
    Sum,
}

impl Int {
    pub const I8: Int = Int { bytes: 1, signed: true };
    pub const U8: Int = Int { bytes: 1, signed: false };
    pub const I16: Int = Int { bytes: 2, signed: true };
    pub const U16: Int = Int { bytes: 2, signed: false };
    pub const I32: Int = Int { bytes: 4, signed: true };
    pub const U32: Int = Int { bytes: 4, signed: false };
    pub const I64: Int = Int { bytes: 8, signed: true };
    pub const U64: Int = Int { bytes: 8, signed: false };
}

impl Ty {
    pub const I64: Ty = Ty::Int(Int::I64);
    pub const U64: Ty = Ty::Int(Int::U64);
    pub const U32: Ty = Ty::Int(Int::U32);
    pub const I32: Ty = Ty::Int(Int::I32);

    /// Bytes of a value in memory. An aggregation has the size of one CPU's value of one key; a histogram, of
    /// one bucket.
    pub fn size(&self) -> u32 {
        match self {
            Ty::Void => 0,
            Ty::Bool => 1,
            Ty::Int(i) => i.bytes.into(),
            Ty::Enum(e) => e.int.bytes.into(),
            Ty::Str(n) => *n,
            Ty::Buf(n) => 4 + n,
            Ty::Ptr(..) | Ty::KSym | Ty::Timestamp { .. } | Ty::Username | Ty::CgroupPath | Ty::Named(_) => 8,
            Ty::Array(t, n) => t.size() * n,
            Ty::Struct(s) => s.size,
            Ty::Tuple(t) => t.size,
            Ty::USym => 16,
            Ty::Stack(_) => 8,
            Ty::Inet => 20,
            Ty::Mac => 6,
            Ty::Agg(a) => match a {
                Agg::Count | Agg::Sum { .. } | Agg::Hist { .. } | Agg::LHist { .. } => 8,
                Agg::Min { .. } | Agg::Max { .. } | Agg::Avg { .. } | Agg::Stats { .. } => 16,
                Agg::TSeries { buckets, .. } => buckets * TSERIES_BUCKET,
            },
        }
    }

    pub fn align(&self) -> u32 {
        match self {
            Ty::Void | Ty::Bool | Ty::Str(_) | Ty::Mac => 1,
            Ty::Int(i) => i.bytes.into(),
            Ty::Enum(e) => e.int.bytes.into(),
            Ty::Buf(_) | Ty::Inet | Ty::Stack(_) => 4,
            Ty::Array(t, _) => t.align(),
            Ty::Struct(s) => s.align.max(1),
            Ty::Tuple(t) => t.align,
            _ => 8,
        }
    }

    /// True for values that live in one register.
    pub fn is_scalar(&self) -> bool {
        matches!(
            self,
            Ty::Bool
                | Ty::Int(_)
                | Ty::Enum(_)
                | Ty::Ptr(..)
                | Ty::KSym
                | Ty::Timestamp { .. }
                | Ty::Username
                | Ty::CgroupPath
                | Ty::Named(_)
        )
    }

    /// The machine integer a scalar is stored as.
    pub fn as_int(&self) -> Option<Int> {
        match self {
            Ty::Bool => Some(Int::U8),
            Ty::Int(i) => Some(*i),
            Ty::Enum(e) => Some(e.int),
            t if t.is_scalar() => Some(Int::U64),
            _ => None,
        }
    }

    pub fn is_signed(&self) -> bool {
        self.as_int().is_some_and(|i| i.signed)
    }
}

/// One interval of a time series: u64 epoch (interval number + 1, 0 = empty), i64 value, u64 count, u64 last
/// update in ns.
pub const TSERIES_BUCKET: u32 = 32;
