//! Types in macros: a parameter can stand for a type, handed over as
//! `typeof(type)`.

use super::super::ast::*;
use super::{Body, Expander, Folded, Scope};
use crate::diag::Span;

/// A type that a macro was called with, as it stands in a type.
fn replacement(arg: &Expr) -> TypeKind {
    match &arg.kind {
        ExprKind::Typeof(arg) => match arg.as_ref() {
            TypeArg::Type(ty) => ty.kind.clone(),
            TypeArg::Expr(expr) => TypeKind::Typeof(Box::new(expr.clone())),
        },
        // A bare name in a type is a type's name.
        ExprKind::Ident(name) => TypeKind::Named(name.clone()),
        _ => TypeKind::Typeof(Box::new(arg.clone())),
    }
}

impl Expander<'_> {
    pub(super) fn ty(&mut self, ty: &TypeExpr, scope: Scope) -> Folded<TypeExpr> {
        let span = super::fold::place(ty.span, scope);
        let kind = match &ty.kind {
            TypeKind::Named(name) => match param(scope, name) {
                Some((_, arg)) => self.finished(replacement(arg), span)?,
                None => ty.kind.clone(),
            },
            TypeKind::Struct(name) => TypeKind::Struct(self.tag(name, "struct", span, scope)?),
            TypeKind::Union(name) => TypeKind::Union(self.tag(name, "union", span, scope)?),
            TypeKind::Enum(name) => TypeKind::Enum(self.tag(name, "enum", span, scope)?),
            TypeKind::Pointer(inner) => {
                TypeKind::Pointer(Box::new(self.deeper(span, |e| e.ty(inner, scope))?))
            }
            TypeKind::Array { element, length } => {
                let element = self.deeper(span, |e| e.ty(element, scope))?;
                match (element.kind, *length) {
                    (TypeKind::Named(name), Some(size)) if super::super::is_sized_type(&name) => {
                        TypeKind::Sized { name, size }
                    }
                    (kind, length) => {
                        TypeKind::Array { element: Box::new(TypeExpr { kind, ..element }), length }
                    }
                }
            }
            TypeKind::Sized { .. } => ty.kind.clone(),
            TypeKind::Typeof(expr) => TypeKind::Typeof(Box::new(self.expr(expr, scope)?)),
        };
        Ok(TypeExpr { kind, span })
    }

    /// A replacement is walked once more, for node numbers of its own.
    fn finished(&mut self, kind: TypeKind, span: Span) -> Folded<TypeKind> {
        Ok(self.deeper(span, |e| e.ty(&TypeExpr { kind, span }, Scope::Done))?.kind)
    }

    /// The name behind `struct`, which a parameter may stand for.
    fn tag(&mut self, name: &str, keyword: &str, span: Span, scope: Scope) -> Folded<String> {
        let Some((body, arg)) = param(scope, name) else { return Ok(name.to_owned()) };
        if let TypeKind::Named(replacement) = replacement(arg) {
            return Ok(replacement);
        }
        let message = format!(
            "Invalid replacement for macro '{}' type parameter '{name}' which makes up the type '{keyword} {name}'",
            body.of.name.name
        );
        Err(self.error(span, message))
    }

    pub(super) fn type_arg(&mut self, arg: &TypeArg, scope: Scope) -> Folded<TypeArg> {
        Ok(match arg {
            TypeArg::Expr(expr) => TypeArg::Expr(self.expr(expr, scope)?),
            TypeArg::Type(ty) => match self.ty(ty, scope)? {
                TypeExpr { kind: TypeKind::Typeof(expr), .. } => TypeArg::Expr(*expr),
                ty => TypeArg::Type(ty),
            },
        })
    }

    /// The path of `offsetof`, whose first name a parameter may stand for.
    pub(super) fn path(&mut self, path: &[Ident], scope: Scope) -> Folded<Vec<Ident>> {
        let Some((first, rest)) = path.split_first() else { return Ok(Vec::new()) };
        let Some((_, arg)) = param(scope, &first.name) else { return Ok(path.to_vec()) };
        let mut names = Vec::new();
        let mut at = arg;
        loop {
            match &at.kind {
                ExprKind::Field { base, field, .. } => {
                    names.push(field.clone());
                    at = base;
                }
                ExprKind::Ident(name) => {
                    names.push(Ident { name: name.clone(), span: at.span });
                    break;
                }
                _ => {
                    let message = "FieldAccess expressions must be made up entirely of idents (e.g. a.b.c) \
                                   to replace the second argument in `offsetof`";
                    return Err(self.error(arg.span, message));
                }
            }
        }
        names.reverse();
        names.extend_from_slice(rest);
        Ok(names)
    }
}

fn param<'s>(scope: Scope<'s>, name: &str) -> Option<(&'s Body<'s>, &'s Expr)> {
    let Scope::Body(body) = scope else { return None };
    Some((body, body.arg(ParamKind::Expr, name)?))
}
