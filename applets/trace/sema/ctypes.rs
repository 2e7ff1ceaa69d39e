//! Types by name: the script's C definitions, the kernel's own, and how members of both are found.
//!
//! A pointer to a struct holds only the struct's name and size, so that a list may point to itself; a struct by
//! value is complete, because it is printed from its fields. The script's definition of a name comes before the
//! kernel's. Neighbours: `syntax::cdef` lays the script's structs out, `world` knows the kernel's.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Member, Sema, World};
use crate::diag::Span;
use crate::syntax::ast::{self, TypeKind};
use crate::syntax::cdef::{self, BitRange, KernelKind, KernelTypes};
use crate::ty::{Bits, EnumDef, Field, Int, Space, Struct, Ty};

/// Bytes of a type that a script may name; what a program can hold is far less.
pub(super) const MAX_VALUE: u32 = 1 << 20;

/// Structs already laid out; `None` while that is going on, or when it failed.
#[derive(Default)]
pub(super) struct CTypes<'a> {
    defs: cdef::CTypes<'a>,
    structs: HashMap<String, Option<Rc<Struct>>>,
    enums: HashMap<String, Rc<EnumDef>>,
    /// Definitions being laid out.
    defining: usize,
}

struct ForLayout<'w>(&'w dyn World);

impl KernelTypes for ForLayout<'_> {
    fn size_align(&self, kind: KernelKind, name: &str) -> Option<(u64, u64)> {
        let (size, align) = match kind {
            KernelKind::Struct | KernelKind::Union => {
                let word = if kind == KernelKind::Union { "union" } else { "struct" };
                let found = self.0.kernel_struct(&format!("{word} {name}"))?;
                (found.size, found.align)
            }
            KernelKind::Enum => {
                let bytes = u32::from(self.0.kernel_enum(name)?.int.bytes);
                (bytes, bytes)
            }
            KernelKind::Typedef => {
                let ty = self.0.kernel_typedef(name)?;
                (ty.size(), ty.align())
            }
        };
        Some((size.into(), align.into()))
    }
}

impl<'a> Sema<'a> {
    pub(super) fn declare_types(&mut self) {
        self.ctypes.defs = cdef::CTypes::new(&self.script.cdefs);
        for def in &self.script.cdefs {
            if let ast::CDef::Aggregate(def) = def {
                self.script_struct(def);
            }
        }
    }

    /// A type as written; a reported error is `None`.
    pub(super) fn resolve_type(&mut self, ty: &ast::TypeExpr) -> Option<Ty> {
        let named = self.type_named(ty)?;
        Some(self.complete(named))
    }

    fn type_named(&mut self, ty: &ast::TypeExpr) -> Option<Ty> {
        match &ty.kind {
            TypeKind::Named(name) => match self.named_type(name) {
                Some(ty) => Some(ty),
                None => self.unknown_type(name, ty.span),
            },
            TypeKind::Struct(name) => self.struct_type(false, name, ty.span),
            TypeKind::Union(name) => self.struct_type(true, name, ty.span),
            TypeKind::Enum(name) => match self.enum_named(name) {
                Some(def) => Some(Ty::Enum(def)),
                None => self.unknown_type(&format!("enum {name}"), ty.span),
            },
            TypeKind::Pointer(to) => {
                let to = match &to.kind {
                    // What a definition only points to may be unknown, and so may all without kernel types.
                    TypeKind::Struct(name) if self.may_be_unknown() => self.struct_stub(false, name),
                    TypeKind::Union(name) if self.may_be_unknown() => self.struct_stub(true, name),
                    _ => self.type_named(to)?,
                };
                Some(Ty::Ptr(Rc::new(to), self.default_space()))
            }
            TypeKind::Array { element, length } => {
                let element = self.type_named(element)?;
                if element.size() == 0 {
                    return self.fail(ty.span, "an array needs elements with a size");
                }
                let length = length.unwrap_or(0);
                let fits = |n: &u32| n.checked_mul(element.size()).is_some_and(|bytes| bytes <= MAX_VALUE);
                match u32::try_from(length).ok().filter(fits) {
                    Some(length) => Some(Ty::Array(Rc::new(element), length)),
                    None => self.fail(ty.span, format!("an array of {length} elements is too big")),
                }
            }
            TypeKind::Sized { name, size } => {
                let Some(size) = u32::try_from(*size).ok().filter(|n| *n <= MAX_VALUE) else {
                    return self
                        .fail(ty.span, format!("{name}[{size}] is too big, the limit is {MAX_VALUE}"));
                };
                Some(match name.as_str() {
                    "buffer" => Ty::Buf(size),
                    "inet" => Ty::Inet,
                    _ => Ty::Str(size),
                })
            }
            TypeKind::Typeof(expr) => {
                if let ast::ExprKind::Ident(name) = &expr.kind
                    && !super::is_builtin(name)
                    && let Some(ty) = self.named_type(name)
                {
                    return Some(ty);
                }
                self.type_of(expr)
            }
        }
    }

    fn may_be_unknown(&self) -> bool {
        self.ctypes.defining > 0 || !self.world.has_types()
    }

    fn named_type(&mut self, name: &str) -> Option<Ty> {
        match name {
            "bool" | "_Bool" => return Some(Ty::Bool),
            "void" => return Some(Ty::Void),
            "string" => return Some(Ty::Str(0)),
            "buffer" => return Some(Ty::Buf(self.config.max_strlen)),
            "username_t" => return Some(Ty::Username),
            "ksym_t" => return Some(Ty::KSym),
            "usym_t" => return Some(Ty::USym),
            "inet" => return Some(Ty::Inet),
            "macaddr_t" => return Some(Ty::Mac),
            _ => {}
        }
        if let Some(target) = self.ctypes.defs.typedef(name) {
            return self.type_named(target);
        }
        if let Some(int) = cdef::builtin_int(name) {
            return Some(Ty::Int(Int { bytes: int.size, signed: int.signed }));
        }
        self.world.kernel_typedef(name)
    }

    fn unknown_type<T>(&mut self, name: &str, span: Span) -> Option<T> {
        let message = format!("Cannot resolve unknown type \"{name}\"");
        let known =
            ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "string"];
        if let Some(near) = edgekit_core::text::nearest(name, known) {
            return self.fail_hint(span, message, format!("did you mean {near}?"));
        }
        if !self.world.has_types() {
            return self.fail_hint(
                span,
                message,
                "this kernel has no BTF: define the type at the top of the script",
            );
        }
        self.fail(span, message)
    }

    fn struct_type(&mut self, is_union: bool, name: &str, span: Span) -> Option<Ty> {
        let stub = self.struct_stub(is_union, name);
        match &stub {
            Ty::Struct(s) if s.size == 0 && self.ctypes.defs.aggregate(is_union, name).is_none() => {
                let full = s.name.clone();
                self.unknown_type(&full, span)
            }
            _ => Some(stub),
        }
    }

    /// A struct by name and size only.
    fn struct_stub(&mut self, is_union: bool, name: &str) -> Ty {
        let full = format!("{} {name}", if is_union { "union" } else { "struct" });
        let found = match self.ctypes.defs.aggregate(is_union, name) {
            Some(def) => {
                let placed = self.ctypes.defs.layout(def, &ForLayout(self.world));
                let (size, align) = placed.map_or((0, 1), |l| (l.size, l.align));
                let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
                Struct {
                    name: full,
                    size: narrow(size),
                    align: narrow(align),
                    fields: Vec::new(),
                    btf_id: None,
                }
            }
            None => self.world.kernel_struct(&full).unwrap_or(Struct {
                name: full,
                size: 0,
                align: 1,
                fields: Vec::new(),
                btf_id: None,
            }),
        };
        Ty::Struct(Rc::new(found))
    }

    /// A script struct with its fields.
    fn script_struct(&mut self, def: &'a ast::CAggregate) -> Option<Rc<Struct>> {
        let name = format!("{} {}", if def.is_union { "union" } else { "struct" }, def.name);
        if let Some(known) = self.ctypes.structs.get(&name) {
            return known.clone();
        }
        self.ctypes.structs.insert(name.clone(), None);
        let layout = match self.ctypes.defs.layout(def, &ForLayout(self.world)) {
            Ok(layout) => layout,
            Err(error) => return self.fail(def.span, format!("in the definition of '{name}': {error}")),
        };
        let mut fields = Vec::with_capacity(layout.fields.len());
        for placed in &layout.fields {
            self.ctypes.defining += 1;
            let resolved = self.resolve_type(placed.ty);
            self.ctypes.defining -= 1;
            let mut ty = resolved?;
            if let (Some(BitRange { bytes, .. }), Some(int)) = (placed.bits, ty.as_int()) {
                ty = Ty::Int(Int { bytes, signed: int.signed });
            }
            let bits = placed.bits.map(|b| Bits { shift: b.shift as u8, width: b.width as u8 });
            let offset = u32::try_from(placed.offset).ok()?;
            fields.push(Field { name: placed.name.to_owned(), ty, offset, bits });
        }
        let size = u32::try_from(layout.size).ok().filter(|n| *n <= i32::MAX as u32);
        let Some(size) = size else { return self.fail(def.span, format!("'{name}' is too big")) };
        let full =
            Rc::new(Struct { name: name.clone(), size, align: layout.align as u32, fields, btf_id: None });
        self.ctypes.structs.insert(name, Some(Rc::clone(&full)));
        Some(full)
    }

    /// A type whose value is wanted: structs with their fields.
    pub(super) fn complete(&mut self, ty: Ty) -> Ty {
        match ty {
            Ty::Struct(s) if s.fields.is_empty() && s.btf_id.is_none() => {
                Ty::Struct(self.script_def(&s.name).and_then(|def| self.script_struct(def)).unwrap_or(s))
            }
            Ty::Array(of, n) => {
                let of = self.complete(Ty::clone(&of));
                Ty::Array(Rc::new(of), n)
            }
            other => other,
        }
    }

    fn script_def(&self, full: &str) -> Option<&'a ast::CAggregate> {
        let (word, name) = full.split_once(' ')?;
        self.ctypes.defs.aggregate(word == "union", name)
    }

    pub(super) fn find_member(&mut self, of: &Rc<Struct>, name: &str) -> Option<Member> {
        if let Some(def) = self.script_def(&of.name) {
            let full = self.script_struct(def)?;
            let field = full.fields.iter().find(|f| f.name == name)?;
            return Some(Member { ty: field.ty.clone(), offset: field.offset, bits: field.bits });
        }
        self.world.kernel_member(of, name)
    }

    pub(super) fn member_names(&mut self, of: &Rc<Struct>) -> Vec<String> {
        match self.script_def(&of.name) {
            Some(def) => self
                .script_struct(def)
                .map_or_else(Vec::new, |full| full.fields.iter().map(|f| f.name.clone()).collect()),
            None => self.world.kernel_member_names(of),
        }
    }

    /// Bytes of a value, for sizeof and for steps of pointers.
    pub(super) fn size_of(&mut self, ty: &Ty, span: Span) -> Option<u32> {
        match ty {
            Ty::Struct(s) if s.size == 0 && s.btf_id.is_none() && self.script_def(&s.name).is_none() => {
                let name = s.name.clone();
                self.unknown_type(&name, span)
            }
            other => Some(other.size()),
        }
    }

    /// The type between the parentheses of sizeof and its like.
    pub(super) fn type_arg(&mut self, arg: &ast::TypeArg) -> Option<Ty> {
        match arg {
            ast::TypeArg::Expr(expr) => self.type_of(expr),
            ast::TypeArg::Type(ty) => {
                // A bare name may be a constant, which is a 64-bit number.
                if let TypeKind::Named(name) = &ty.kind
                    && self.named_type(name).is_none()
                    && let Some(value) = self.constant(name, ty.span)
                {
                    return Some(if matches!(value.ty(), Ty::Enum(_)) { Ty::U64 } else { value.expr.ty });
                }
                self.resolve_type(ty)
            }
        }
    }

    pub(super) fn enum_named(&mut self, name: &str) -> Option<Rc<EnumDef>> {
        if let Some(known) = self.ctypes.enums.get(name) {
            return Some(Rc::clone(known));
        }
        let def = match self.ctypes.defs.enumeration(name) {
            Some(def) => Rc::new(enum_def(def)),
            None => self.world.kernel_enum(name)?,
        };
        self.ctypes.enums.insert(name.to_owned(), Rc::clone(&def));
        Some(def)
    }

    /// The enum of the script that a constant belongs to, and its value.
    pub(super) fn script_constant(&mut self, name: &str) -> Option<(Rc<EnumDef>, u64)> {
        let found = self.ctypes.defs.constant(name)?;
        let value = found.value as u64;
        if let Some(of) = found.of {
            return Some((self.enum_named(of)?, value));
        }
        let anonymous = self.script.cdefs.iter().find_map(|def| match def {
            ast::CDef::Enum(e) if e.name.is_none() && e.constants.iter().any(|(c, _)| c.name == name) => {
                Some(e)
            }
            _ => None,
        })?;
        Some((Rc::new(enum_def(anonymous)), value))
    }

    pub(super) fn pointer_to(&mut self, full: &str, space: Space) -> Ty {
        let (word, name) = full.split_once(' ').unwrap_or(("struct", full));
        let stub = self.struct_stub(word == "union", name);
        Ty::Ptr(Rc::new(stub), space)
    }
}

fn enum_def(def: &ast::CEnum) -> EnumDef {
    let int = def.int_type();
    EnumDef {
        name: def.name.clone().unwrap_or_default(),
        int: Int { bytes: int.size, signed: int.signed },
        variants: def.constants.iter().map(|(name, value)| (name.name.clone(), *value as u64)).collect(),
    }
}
