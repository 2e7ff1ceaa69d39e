//! What the C definitions of a script mean: integer types, constants, and the
//! layout of structs and unions.
//!
//! Layout follows the System V ABI of 64-bit little-endian Linux, which is the
//! same on x86_64 and aarch64. Types of the kernel that a script's struct holds
//! by value are asked from [`KernelTypes`]. Neighbours: `parse` evaluates
//! constants while it reads; the semantic analyser asks for layouts.

use std::collections::HashMap;

use super::ast::*;

mod layout;

pub use layout::{BitRange, FieldLayout, Layout, LayoutError};

/// What a name outside of the script can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KernelKind {
    Struct,
    Union,
    Enum,
    Typedef,
}

/// The kernel's own types, as far as layouts need them.
pub trait KernelTypes {
    /// Size and alignment in bytes.
    fn size_align(&self, kind: KernelKind, name: &str) -> Option<(u64, u64)>;
}

/// For programs without kernel types.
pub struct NoKernelTypes;

impl KernelTypes for NoKernelTypes {
    fn size_align(&self, _: KernelKind, _: &str) -> Option<(u64, u64)> {
        None
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntType {
    pub signed: bool,
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
}

/// The integer types every script knows, in bpftrace's, C's and the kernel's
/// spelling. `bool` is not one of them.
pub fn builtin_int(name: &str) -> Option<IntType> {
    let int = |signed, size| Some(IntType { signed, size });
    match name {
        "int8" | "int8_t" | "char" | "signed char" | "s8" | "__s8" => int(true, 1),
        "int16" | "int16_t" | "short" | "s16" | "__s16" => int(true, 2),
        "int32" | "int32_t" | "int" | "s32" | "__s32" | "pid_t" => int(true, 4),
        "int64" | "int64_t" | "long" | "long long" | "s64" | "__s64" | "ssize_t" | "intptr_t"
        | "ptrdiff_t" | "off_t" | "loff_t" => int(true, 8),
        "uint8" | "uint8_t" | "unsigned char" | "u8" | "__u8" => int(false, 1),
        "uint16" | "uint16_t" | "unsigned short" | "u16" | "__u16" | "__be16" | "__le16" => int(false, 2),
        "uint32" | "uint32_t" | "unsigned int" | "u32" | "__u32" | "__be32" | "__le32" | "uid_t"
        | "gid_t" => int(false, 4),
        "uint64" | "uint64_t" | "unsigned long" | "unsigned long long" | "u64" | "__u64" | "__be64"
        | "__le64" | "size_t" | "uintptr_t" => int(false, 8),
        _ => None,
    }
}

/// The words that C's integer types are put together from.
pub(super) fn is_c_int_word(word: &str) -> bool {
    matches!(word, "unsigned" | "signed" | "char" | "short" | "int" | "long")
}

/// `long unsigned int` and its kin as the one name [`builtin_int`] knows.
pub(super) fn canonical_int(words: &[&str]) -> String {
    let count = |word| words.iter().filter(|w| **w == word).count();
    let unsigned = count("unsigned") > 0;
    let base = if count("char") > 0 {
        if count("signed") > 0 { "signed char" } else { "char" }
    } else if count("short") > 0 {
        "short"
    } else {
        match count("long") {
            0 => "int",
            1 => "long",
            _ => "long long",
        }
    };
    if unsigned { format!("unsigned {base}") } else { base.to_owned() }
}

/// Names with an integer value, and names that are only defined.
#[derive(Debug, Default)]
pub(super) struct Constants {
    values: HashMap<String, Option<i64>>,
}

impl Constants {
    pub(super) fn define(&mut self, name: &str, value: Option<i64>) {
        self.values.insert(name.to_owned(), value);
    }

    pub(super) fn undefine(&mut self, name: &str) {
        self.values.remove(name);
    }

    pub(super) fn is_defined(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value of a constant expression, in C's 64-bit arithmetic.
    pub(super) fn eval(&self, expr: &Expr) -> Option<i64> {
        self.walk(expr, None)
    }

    /// Of an `#if`: `defined(x)` works, and names that are not defined are 0.
    pub(super) fn eval_condition(&self, expr: &Expr, is_defined: &dyn Fn(&str) -> bool) -> Option<i64> {
        self.walk(expr, Some(is_defined))
    }

    fn walk(&self, expr: &Expr, condition: Option<&dyn Fn(&str) -> bool>) -> Option<i64> {
        let go = |e: &Expr| self.walk(e, condition);
        Some(match &expr.kind {
            ExprKind::Int(lit) => lit.value as i64,
            ExprKind::Bool(value) => i64::from(*value),
            ExprKind::Ident(name) => match (self.values.get(name), condition) {
                (Some(value), _) => (*value)?,
                (None, Some(_)) => 0,
                (None, None) => return None,
            },
            ExprKind::Call(call) if call.name.name == "defined" => match (condition, call.args.as_slice()) {
                (Some(is_defined), [Expr { kind: ExprKind::Ident(name), .. }]) => i64::from(is_defined(name)),
                _ => return None,
            },
            ExprKind::Unary { op, operand } => match op {
                UnaryOp::Neg => go(operand)?.wrapping_neg(),
                UnaryOp::Not => i64::from(go(operand)? == 0),
                UnaryOp::BitNot => !go(operand)?,
                UnaryOp::Deref | UnaryOp::AddrOf => return None,
            },
            ExprKind::Binary { op: BinaryOp::And, left, right } => {
                i64::from(go(left)? != 0 && go(right)? != 0)
            }
            ExprKind::Binary { op: BinaryOp::Or, left, right } => {
                i64::from(go(left)? != 0 || go(right)? != 0)
            }
            ExprKind::Binary { op, left, right } => arithmetic(*op, go(left)?, go(right)?)?,
            ExprKind::Ternary { condition: test, then, otherwise } => match (go(test)?, then) {
                (0, _) => go(otherwise)?,
                (_, Some(then)) => go(then)?,
                (value, None) => value,
            },
            ExprKind::Sizeof(arg) => match arg.as_ref() {
                TypeArg::Type(TypeExpr { kind: TypeKind::Named(name), .. }) => {
                    i64::from(builtin_int(name)?.size)
                }
                TypeArg::Type(TypeExpr { kind: TypeKind::Pointer(_), .. }) => 8,
                _ => return None,
            },
            ExprKind::Cast { ty: TypeExpr { kind: TypeKind::Named(name), .. }, operand } => {
                truncate(go(operand)?, builtin_int(name)?)
            }
            _ => return None,
        })
    }
}

fn arithmetic(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div => a.checked_div(b)?,
        BinaryOp::Mod => a.checked_rem(b)?,
        BinaryOp::Shl => a.checked_shl(u32::try_from(b).ok()?)?,
        BinaryOp::Shr => a.checked_shr(u32::try_from(b).ok()?)?,
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::Eq => i64::from(a == b),
        BinaryOp::Ne => i64::from(a != b),
        BinaryOp::Lt => i64::from(a < b),
        BinaryOp::Le => i64::from(a <= b),
        BinaryOp::Gt => i64::from(a > b),
        BinaryOp::Ge => i64::from(a >= b),
        BinaryOp::And | BinaryOp::Or => return None,
    })
}

fn truncate(value: i64, to: IntType) -> i64 {
    let unused = 64 - u32::from(to.size) * 8;
    if to.signed { (value << unused) >> unused } else { (((value as u64) << unused) >> unused) as i64 }
}

/// A constant of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnumConstant<'s> {
    pub value: i64,
    /// `None` for `enum { … }`.
    pub of: Option<&'s str>,
}

/// The definitions of one script, by name.
#[derive(Debug, Default)]
pub struct CTypes<'s> {
    structs: HashMap<&'s str, &'s CAggregate>,
    unions: HashMap<&'s str, &'s CAggregate>,
    enums: HashMap<&'s str, &'s CEnum>,
    constants: HashMap<&'s str, EnumConstant<'s>>,
    typedefs: HashMap<&'s str, &'s TypeExpr>,
}

impl<'s> CTypes<'s> {
    /// A later definition of a name takes the place of an earlier one.
    pub fn new(cdefs: &'s [CDef]) -> CTypes<'s> {
        let mut types = CTypes::default();
        for def in cdefs {
            match def {
                CDef::Aggregate(def) => {
                    let table = if def.is_union { &mut types.unions } else { &mut types.structs };
                    table.insert(&def.name, def);
                }
                CDef::Enum(def) => {
                    let of = def.name.as_deref();
                    for (name, value) in &def.constants {
                        types.constants.insert(&name.name, EnumConstant { value: *value, of });
                    }
                    if let Some(name) = of {
                        types.enums.insert(name, def);
                    }
                }
                CDef::Typedef(def) => {
                    types.typedefs.insert(&def.name.name, &def.ty);
                }
                CDef::Define(_) | CDef::Include(_) => {}
            }
        }
        types
    }

    pub fn aggregate(&self, is_union: bool, name: &str) -> Option<&'s CAggregate> {
        if is_union { self.unions.get(name).copied() } else { self.structs.get(name).copied() }
    }

    pub fn enumeration(&self, name: &str) -> Option<&'s CEnum> {
        self.enums.get(name).copied()
    }

    /// An enum constant by its name.
    pub fn constant(&self, name: &str) -> Option<EnumConstant<'s>> {
        self.constants.get(name).copied()
    }

    pub fn typedef(&self, name: &str) -> Option<&'s TypeExpr> {
        self.typedefs.get(name).copied()
    }
}

impl CEnum {
    /// The name of a value, for printing.
    pub fn name_of(&self, value: i64) -> Option<&str> {
        self.constants.iter().find(|(_, v)| *v == value).map(|(name, _)| name.name.as_str())
    }

    /// Unsigned unless a constant is negative; wider than 4 bytes if it must be.
    pub fn int_type(&self) -> IntType {
        let signed = self.constants.iter().any(|(_, v)| *v < 0);
        let fits = |v: i64| if signed { i32::try_from(v).is_ok() } else { u32::try_from(v).is_ok() };
        let size = if self.constants.iter().all(|(_, v)| fits(*v)) { 4 } else { 8 };
        IntType { signed, size }
    }
}

#[cfg(test)]
mod tests;
