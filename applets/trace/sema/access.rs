//! Getting at parts: members, elements, what a pointer points to, and the address of a variable.
//!
//! A part of something in kernel or user memory is read from its own address, so that `p.a.b` reads one number and
//! not two structs. Neighbours: `ctypes` finds members, `builtins` answers for `args`.

use std::rc::Rc;

use super::Sema;
use super::ctypes::MAX_VALUE;
use super::infer::type_name;
use super::value::{Value, binary, cast, const_u64, node};
use crate::diag::Span;
use crate::syntax::ast;
use crate::tree::{BinOp, Expr, ExprKind};
use crate::ty::{Bits, Int, Space, Struct, Ty};

impl Sema<'_> {
    /// `base.name` or `base->name`.
    pub(super) fn field(&mut self, base: &ast::Expr, name: &ast::Ident, span: Span) -> Option<Value> {
        if let Some(value) = self.args_field(base, name, span) {
            return value;
        }
        let base = self.expr(base)?;
        self.value_field(base, name, span)
    }

    pub(super) fn value_field(&mut self, base: Value, name: &ast::Ident, span: Span) -> Option<Value> {
        match base.ty().clone() {
            Ty::Struct(of) => {
                let member = self.member(&of, name)?;
                self.part(base, member.ty, member.offset, member.bits, span)
            }
            Ty::Ptr(to, space) => match &*to {
                Ty::Struct(of) => {
                    let member = self.member(of, name)?;
                    self.read(base.expr, member.ty, member.offset, space, member.bits, span)
                }
                _ => {
                    let ty = type_name(base.ty());
                    self.fail(
                        span,
                        format!(
                            "Can not access field '{}' on type '{ty}': it points to no struct",
                            name.name
                        ),
                    )
                }
            },
            Ty::Tuple(tuple) if tuple.is_record() => {
                let at = tuple.fields.iter().position(|f| f.name.as_deref() == Some(&name.name));
                match at {
                    Some(at) => self.tuple_field(base, at as u64, span),
                    None => {
                        let names = tuple.fields.iter().filter_map(|f| f.name.as_deref());
                        let hint = hint(&name.name, names);
                        self.no_field("record", name, hint)
                    }
                }
            }
            other => {
                let ty = type_name(&other);
                self.fail(span, format!("Can not access field '{}' on expression of type '{ty}'", name.name))
            }
        }
    }

    pub(super) fn no_field<T>(&mut self, of: &str, name: &ast::Ident, hint: Option<String>) -> Option<T> {
        let message = format!("{of} does not contain a field named '{}'", name.name);
        match hint {
            Some(hint) => self.fail_hint(name.span, message, hint),
            None => self.fail(name.span, message),
        }
    }

    fn member(&mut self, of: &Rc<Struct>, name: &ast::Ident) -> Option<super::Member> {
        match self.find_member(of, &name.name) {
            Some(member) => Some(member),
            None => {
                let names = self.member_names(of);
                if names.is_empty() {
                    return self.fail_hint(
                        name.span,
                        format!("the members of '{}' are not known", of.name),
                        "define it at the top of the script, or run on a kernel with BTF",
                    );
                }
                let hint = hint(&name.name, names.iter().map(String::as_str));
                let of = of.name.clone();
                self.no_field(&of, name, hint)
            }
        }
    }

    /// `t.0`, `t[0]`
    pub(super) fn tuple_field(&mut self, base: Value, index: u64, span: Span) -> Option<Value> {
        let Ty::Tuple(tuple) = base.ty().clone() else {
            let ty = type_name(base.ty());
            return self.fail(span, format!("Can not access index {index} on expression of type '{ty}'"));
        };
        let at = usize::try_from(index).ok();
        let Some((at, field)) = at.and_then(|at| Some((at, tuple.fields.get(at)?))) else {
            let ty = type_name(base.ty());
            return self.fail(
                span,
                format!(
                    "Invalid tuple index: {index}. Found {} elements in tuple '{ty}'.",
                    tuple.fields.len()
                ),
            );
        };
        let typed = base.typed().field(at)?;
        // A constant of a tuple made on the spot needs no tuple.
        if let ExprKind::Tuple(items) = &base.expr.kind
            && items.iter().all(|item| matches!(item.kind, ExprKind::Const(_) | ExprKind::Str(_)))
        {
            let expr = items.get(at)?.clone();
            let literal = true;
            return Some(Value { expr, flex: typed.flex, literal, space: None }.at(span));
        }
        let kind = ExprKind::Part { base: Box::new(base.expr), offset: field.offset, bits: None };
        let mut value = Value::new(kind, field.ty.clone(), span);
        value.flex = typed.flex;
        Some(value)
    }

    /// Part of a value: read on its own when the value is still where a pointer found it.
    fn part(&mut self, base: Value, ty: Ty, offset: u32, bits: Option<Bits>, span: Span) -> Option<Value> {
        match base.expr.kind {
            ExprKind::Read { addr, offset: from, space, bits: None } => {
                self.read(*addr, ty, from + offset, space, bits, span)
            }
            ExprKind::Part { base, offset: from, bits: None } => {
                let kind = ExprKind::Part { base, offset: from + offset, bits };
                Some(self.part_value(kind, ty, span))
            }
            kind => {
                let base = Box::new(Expr { kind, ..base.expr });
                Some(self.part_value(ExprKind::Part { base, offset, bits }, ty, span))
            }
        }
    }

    fn part_value(&mut self, kind: ExprKind, ty: Ty, span: Span) -> Value {
        let text = text_of(&ty);
        let part = Value::new(kind, ty, span);
        match text {
            Some(size) => Value::new(ExprKind::Cast(Box::new(part.expr)), Ty::Str(size), span),
            None => part,
        }
    }

    /// A value at an address; an array of characters is text.
    pub(super) fn read(
        &mut self,
        addr: Expr,
        ty: Ty,
        offset: u32,
        space: Space,
        bits: Option<Bits>,
        span: Span,
    ) -> Option<Value> {
        if ty == Ty::Void {
            return self.fail(span, "Can not dereference a void pointer: cast it to what it points to");
        }
        let ty = self.complete(ty);
        let ty = match text_of(&ty) {
            Some(size) => Ty::Str(size),
            None => match ty {
                // What a kernel or user struct points to lies in the same memory.
                Ty::Ptr(to, _) if space != Space::Bpf => Ty::Ptr(to, space),
                other => other,
            },
        };
        let kind = ExprKind::Read { addr: Box::new(addr), offset, space, bits };
        let space = (space != Space::Bpf).then_some(space);
        Some(Value::new(kind, ty, span).in_space(space))
    }

    /// `*p`
    pub(super) fn deref(&mut self, value: Value, span: Span) -> Option<Value> {
        match value.ty().clone() {
            Ty::Ptr(to, space) => self.read(value.expr, Ty::clone(&to), 0, space, None, span),
            Ty::Int(_) => {
                let space = self.space_of(&value);
                let addr = cast(cast(value.expr, Ty::U64), Ty::Ptr(Rc::new(Ty::U64), space));
                self.read(addr, Ty::U64, 0, space, None, span)
            }
            other => {
                let ty = type_name(&other);
                self.fail(span, format!("Can not dereference type '{ty}'. It is not a pointer."))
            }
        }
    }

    /// `base[index]`
    pub(super) fn index(&mut self, base: Value, index: Value, span: Span) -> Option<Value> {
        if !matches!(index.ty(), Ty::Int(_) | Ty::Enum(_)) {
            let ty = type_name(index.ty());
            return self.fail(
                index.span(),
                format!("The array index operator [] only accepts integer indices, got '{ty}'"),
            );
        }
        let at = index.literal_number().or(index.constant().map(i128::from));
        if at.is_some_and(|at| at < 0) {
            return self.fail(index.span(), "an array index cannot be negative");
        }
        match base.ty().clone() {
            Ty::Tuple(_) => match at.and_then(|at| u64::try_from(at).ok()) {
                Some(at) => self.tuple_field(base, at, span),
                None => self.fail(index.span(), "a tuple's index must be known while compiling"),
            },
            Ty::Str(n) => {
                if let Some(at) = at.filter(|at| *at >= i128::from(n)) {
                    return self.fail(span, format!("the index {at} is out of bounds for array of size {n}"));
                }
                let array = Ty::Array(Rc::new(Ty::Int(Int::I8)), n);
                let bytes = Value::new(ExprKind::Cast(Box::new(base.expr)), array, span);
                self.element(bytes, &Rc::new(Ty::Int(Int::I8)), index, None, span)
            }
            Ty::Array(of, n) => {
                if let Some(at) = at.filter(|at| n != 0 && *at >= i128::from(n)) {
                    return self.fail(span, format!("the index {at} is out of bounds for array of size {n}"));
                }
                self.element(base, &of, index, at, span)
            }
            Ty::Ptr(to, space) => {
                let size = self.size_of(&to, span)?;
                let addr = address_plus(base.expr, index.expr, size, span);
                self.read(addr, Ty::clone(&to), 0, space, None, span)
            }
            other => {
                let ty = type_name(&other);
                self.fail(
                    span,
                    format!(
                        "The array index operator [] can only be used on arrays and pointers, found '{ty}'."
                    ),
                )
            }
        }
    }

    fn element(
        &mut self,
        base: Value,
        of: &Rc<Ty>,
        index: Value,
        at: Option<i128>,
        span: Span,
    ) -> Option<Value> {
        let known = at.and_then(|at| u32::try_from(at).ok()).and_then(|at| at.checked_mul(of.size()));
        // Far behind an array of unknown length the sum of offsets would not fit.
        let known = known.filter(|offset| *offset <= MAX_VALUE);
        if let Some(offset) = known {
            return self.part(base, Ty::clone(of), offset, None, span);
        }
        if let ExprKind::Read { addr, offset, space, bits: None } = base.expr.kind {
            let addr = address_plus(*addr, index.expr, of.size(), span);
            return self.read(addr, Ty::clone(of), offset, space, None, span);
        }
        let index = Box::new(cast(index.expr, Ty::U64));
        let kind = ExprKind::Element { base: Box::new(base.expr), index };
        Some(self.part_value(kind, Ty::clone(of), span))
    }

    /// `&$a`, `&@a[k]`
    pub(super) fn address_of(&mut self, operand: &ast::Expr, span: Span) -> Option<Value> {
        match &operand.kind {
            ast::ExprKind::Var(name) => {
                let value = self.read_var(name, operand.span)?;
                let id = self.lookup_var(name)?;
                if self.type_only == 0 {
                    self.env.set_in_memory(id);
                }
                let ty = Ty::Ptr(Rc::new(value.expr.ty), Space::Bpf);
                Some(Value::new(ExprKind::AddrOfVar(id), ty, span))
            }
            ast::ExprKind::Map(map) => {
                let (id, key) = self.map_place(map, operand.span)?;
                let typed = self.map_value_type(id, operand.span)?;
                if self.env.entry(id).agg.is_some() {
                    return self.fail(span, "an aggregation has no address");
                }
                let ty = Ty::Ptr(Rc::new(typed.ty), Space::Bpf);
                Some(Value::new(ExprKind::AddrOfMap { map: id, key: key.map(Box::new) }, ty, span))
            }
            _ => self.fail(span, "only a variable or a map value has an address"),
        }
    }

    /// `offsetof(type, a.b)`
    pub(super) fn offset_of(&mut self, of: &ast::TypeArg, path: &[ast::Ident], span: Span) -> Option<Value> {
        let mut ty = self.type_arg(of)?;
        let mut total = 0u32;
        for name in path {
            let Ty::Struct(of) = &ty else {
                let ty = type_name(&ty);
                return self.fail(span, format!("'{ty}' is not a c_type."));
            };
            let member = self.member(of, name)?;
            total = total.saturating_add(member.offset);
            ty = member.ty;
        }
        Some(super::exprs::sized(total, span))
    }
}

/// Size of the text that an array of characters holds.
fn text_of(ty: &Ty) -> Option<u32> {
    match ty {
        Ty::Array(of, n) if **of == Ty::Int(Int::I8) && *n > 0 => Some(*n),
        _ => None,
    }
}

fn address_plus(addr: Expr, index: Expr, size: u32, span: Span) -> Expr {
    let ty = addr.ty.clone();
    let wide = if index.ty.is_signed() { Ty::I64 } else { Ty::U64 };
    let index = cast(cast(index, wide), Ty::U64);
    let step = match index.kind {
        ExprKind::Const(n) => const_u64(n.wrapping_mul(size.into()), span),
        _ if size == 1 => index,
        _ => binary(BinOp::Mul, index, const_u64(size.into(), span), span),
    };
    let moved = binary(BinOp::Add, node(ExprKind::Cast(Box::new(addr)), Ty::U64, span), step, span);
    node(ExprKind::Cast(Box::new(moved)), ty, span)
}

fn hint<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    edgekit_core::text::nearest(name, names).map(|near| format!("did you mean '{near}'?"))
}
