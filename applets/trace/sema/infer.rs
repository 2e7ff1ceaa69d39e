//! How types of several uses become one: the rules of promotion, and type names in messages.
//!
//! A literal that is not negative has a flexible sign: `$a = 1; $a = (uint64)2` makes `$a` unsigned, because the
//! `1` would have fitted as well. [`Flex`] carries that beside the [`Ty`], through variables and tuples.
//! Neighbours: `env` joins what maps and variables are given, `ops` and `convert` use the same rules for operands.

use std::rc::Rc;

use crate::ty::{Agg, Int, Tuple, Ty};

/// Whether the sign of an integer type is still open.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Flex {
    No,
    Yes,
    /// Of a tuple: one a field.
    Fields(Rc<[Flex]>),
}

impl Flex {
    fn field(&self, index: usize) -> Flex {
        match self {
            Flex::Fields(fields) => fields.get(index).cloned().unwrap_or(Flex::No),
            _ => Flex::No,
        }
    }

    fn is_open(&self) -> bool {
        *self == Flex::Yes
    }
}

/// A type as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Typed {
    pub(super) ty: Ty,
    pub(super) flex: Flex,
}

impl Typed {
    pub(super) fn new(ty: Ty, flex: Flex) -> Typed {
        Typed { ty, flex }
    }

    pub(super) fn fixed(ty: Ty) -> Typed {
        Typed { ty, flex: Flex::No }
    }

    /// Of field `index` of a tuple.
    pub(super) fn field(&self, index: usize) -> Option<Typed> {
        match &self.ty {
            Ty::Tuple(tuple) => {
                let field = tuple.fields.get(index)?;
                Some(Typed::new(field.ty.clone(), self.flex.field(index)))
            }
            _ => None,
        }
    }
}

/// The smallest signed type that holds a literal, or u64.
pub(super) fn literal_int(value: u64) -> (Int, Flex) {
    let int = match value {
        0..=0x7f => Int::I8,
        0x80..=0x7fff => Int::I16,
        0x8000..=0x7fff_ffff => Int::I32,
        0x8000_0000..=0x7fff_ffff_ffff_ffff => Int::I64,
        _ => return (Int::U64, Flex::No),
    };
    (int, Flex::Yes)
}

/// The smallest signed type of a negative literal.
pub(super) fn negative_int(value: i64) -> Int {
    if i8::try_from(value).is_ok() {
        Int::I8
    } else if i16::try_from(value).is_ok() {
        Int::I16
    } else if i32::try_from(value).is_ok() {
        Int::I32
    } else {
        Int::I64
    }
}

/// The type that holds values of both, or `None` when they do not mix.
pub(super) fn join(a: &Typed, b: &Typed) -> Option<Typed> {
    let flex = if a.flex.is_open() && b.flex.is_open() { Flex::Yes } else { Flex::No };
    if a.ty == b.ty && !matches!(a.ty, Ty::Tuple(_)) {
        return Some(Typed::new(a.ty.clone(), flex));
    }
    let ty = match (&a.ty, &b.ty) {
        (Ty::Int(_) | Ty::Enum(_), Ty::Int(_) | Ty::Enum(_)) => {
            let (x, y) = (a.ty.as_int()?, b.ty.as_int()?);
            Ty::Int(join_ints(x, a.flex.is_open(), y, b.flex.is_open()))
        }
        (Ty::Str(x), Ty::Str(y)) => Ty::Str(*x.max(y)),
        (Ty::Buf(x), Ty::Buf(y)) => Ty::Buf(*x.max(y)),
        (Ty::Ptr(x, space), Ty::Ptr(y, _)) => {
            let pointee = join(&Typed::fixed(Ty::clone(x)), &Typed::fixed(Ty::clone(y)))?;
            Ty::Ptr(Rc::new(pointee.ty), *space)
        }
        (Ty::Tuple(x), Ty::Tuple(y)) => return join_tuples(a, x, b, y),
        (Ty::Timestamp { format: x, .. }, Ty::Timestamp { format: y, .. }) if x == y => a.ty.clone(),
        _ => return None,
    };
    Some(Typed::new(ty, flex))
}

fn join_tuples(a: &Typed, x: &Tuple, b: &Typed, y: &Tuple) -> Option<Typed> {
    if x.fields.len() != y.fields.len() || x.is_record() != y.is_record() {
        return None;
    }
    let mut fields = Vec::with_capacity(x.fields.len());
    let mut flexes = Vec::with_capacity(x.fields.len());
    for (i, field) in x.fields.iter().enumerate() {
        // A record keeps the order it was first seen with.
        let j = if field.name.is_some() { y.fields.iter().position(|f| f.name == field.name)? } else { i };
        let joined = join(&a.field(i)?, &b.field(j)?)?;
        fields.push((field.name.clone(), joined.ty));
        flexes.push(joined.flex);
    }
    Some(Typed::new(Ty::Tuple(Rc::new(Tuple::new(fields))), Flex::Fields(flexes.into())))
}

fn join_ints(a: Int, a_open: bool, b: Int, b_open: bool) -> Int {
    let bytes = a.bytes.max(b.bytes);
    if a.signed == b.signed {
        return Int { bytes, signed: a.signed };
    }
    if a_open || b_open {
        let signed = (!a_open && a.signed) || (!b_open && b.signed);
        return Int { bytes, signed };
    }
    let (signed, unsigned) = if a.signed { (a, b) } else { (b, a) };
    if signed.bytes > unsigned.bytes {
        return signed;
    }
    Int { bytes: (bytes * 2).min(8), signed: true }
}

/// As messages name it: `int8`, `string[3]`, `(int8,int8)`.
pub(super) fn type_name(ty: &Ty) -> String {
    let list = |types: &mut dyn Iterator<Item = String>| types.collect::<Vec<_>>().join(",");
    match ty {
        Ty::Void => "void".to_owned(),
        Ty::Bool => "bool".to_owned(),
        Ty::Int(int) => int_name(*int),
        Ty::Enum(e) if e.name.is_empty() => int_name(e.int),
        Ty::Enum(e) => format!("enum {}", e.name.trim_start_matches("enum ")),
        Ty::Str(n) => format!("string[{n}]"),
        Ty::Buf(n) => format!("buffer[{n}]"),
        Ty::Ptr(to, _) => format!("{} *", type_name(to)),
        Ty::Array(of, n) => format!("{}[{n}]", type_name(of)),
        Ty::Struct(s) => s.name.clone(),
        Ty::Tuple(t) if t.is_record() => {
            let mut fields =
                t.fields.iter().map(|f| format!(".{}={}", f.name.as_deref().unwrap_or(""), type_name(&f.ty)));
            format!("record{{{}}}", list(&mut fields))
        }
        Ty::Tuple(t) => format!("({})", list(&mut t.fields.iter().map(|f| type_name(&f.ty)))),
        Ty::KSym => "ksym_t".to_owned(),
        Ty::USym => "usym_t".to_owned(),
        Ty::Stack(s) => if s.user { "ustack_t" } else { "kstack_t" }.to_owned(),
        Ty::Inet => "inet".to_owned(),
        Ty::Mac => "macaddr_t".to_owned(),
        Ty::Timestamp { .. } => "timestamp".to_owned(),
        Ty::Username => "username_t".to_owned(),
        Ty::CgroupPath => "cgroup_path_t".to_owned(),
        Ty::Named(_) => "string".to_owned(),
        Ty::Agg(agg) => format!("{}_t", agg_name(agg)),
    }
}

fn int_name(int: Int) -> String {
    format!("{}int{}", if int.signed { "" } else { "u" }, u32::from(int.bytes) * 8)
}

/// The function that feeds this aggregation.
pub(super) fn agg_name(agg: &Agg) -> &'static str {
    match agg {
        Agg::Count => "count",
        Agg::Sum { .. } => "sum",
        Agg::Min { .. } => "min",
        Agg::Max { .. } => "max",
        Agg::Avg { .. } => "avg",
        Agg::Stats { .. } => "stats",
        Agg::Hist { .. } => "hist",
        Agg::LHist { .. } => "lhist",
        Agg::TSeries { .. } => "tseries",
    }
}

/// The integer an aggregation reads as; `None` when it is more than one number.
pub(super) fn agg_int(agg: &Agg) -> Option<Int> {
    let signed = match agg {
        Agg::Count => false,
        Agg::Sum { signed } | Agg::Min { signed } | Agg::Max { signed } | Agg::Avg { signed } => *signed,
        Agg::Stats { .. } | Agg::Hist { .. } | Agg::LHist { .. } | Agg::TSeries { .. } => return None,
    };
    Some(if signed { Int::I64 } else { Int::U64 })
}
