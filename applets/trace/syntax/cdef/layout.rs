//! Where the fields of a struct or union lie.

use super::*;

/// Deepest nesting of structs by value; more is a definition that holds itself.
const MAX_DEPTH: usize = 64;

/// A struct or union with every field placed. Fields of anonymous members are
/// listed as our own, which is how C names them.
#[derive(Clone, Debug)]
pub struct Layout<'s> {
    pub size: u64,
    pub align: u64,
    pub fields: Vec<FieldLayout<'s>>,
}

#[derive(Clone, Debug)]
pub struct FieldLayout<'s> {
    pub name: &'s str,
    pub ty: &'s TypeExpr,
    /// Bytes from the start; of a bit-field, of the bytes it is loaded from.
    pub offset: u64,
    pub bits: Option<BitRange>,
}

/// A bit-field inside of a little-endian integer of `bytes` bytes at the
/// field's offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    pub shift: u32,
    pub width: u32,
    pub bytes: u8,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error("unknown type '{0}'")]
    Unknown(String),
    #[error("'{0}' contains itself")]
    Endless(String),
    #[error("'{0}' is too big")]
    TooBig(String),
    #[error("'{0}' has no size")]
    NoSize(String),
}

impl<'s> CTypes<'s> {
    /// The layout of a struct or union defined in the script.
    pub fn layout(&self, of: &'s CAggregate, kernel: &dyn KernelTypes) -> Result<Layout<'s>, LayoutError> {
        Layouter { types: self, kernel, known: HashMap::new(), depth: 0 }.layout(of)
    }

    /// Size and alignment of any type.
    pub fn size_align(&self, ty: &TypeExpr, kernel: &dyn KernelTypes) -> Result<(u64, u64), LayoutError> {
        Layouter { types: self, kernel, known: HashMap::new(), depth: 0 }.size_align(ty)
    }
}

/// One question about layouts, which asks the same of what it is made of.
struct Layouter<'t, 's> {
    types: &'t CTypes<'s>,
    kernel: &'t dyn KernelTypes,
    /// Structs and unions met before: a type used many times is laid out once.
    known: HashMap<(bool, &'s str), (u64, u64)>,
    depth: usize,
}

impl<'s> Layouter<'_, 's> {
    fn size_align(&mut self, ty: &TypeExpr) -> Result<(u64, u64), LayoutError> {
        let unknown = || LayoutError::Unknown(describe(&ty.kind));
        match &ty.kind {
            TypeKind::Named(name) if name == "bool" || name == "_Bool" => Ok((1, 1)),
            TypeKind::Named(name) if name == "void" => Err(LayoutError::NoSize(name.clone())),
            TypeKind::Named(name) => {
                if let Some(target) = self.types.typedef(name) {
                    return self.deeper(name, |l| l.size_align(target));
                }
                if let Some(int) = builtin_int(name) {
                    return Ok((u64::from(int.size), u64::from(int.size)));
                }
                self.kernel.size_align(KernelKind::Typedef, name).ok_or_else(unknown)
            }
            TypeKind::Struct(name) | TypeKind::Union(name) => {
                let is_union = matches!(ty.kind, TypeKind::Union(_));
                let Some(def) = self.types.aggregate(is_union, name) else {
                    let kind = if is_union { KernelKind::Union } else { KernelKind::Struct };
                    return self.kernel.size_align(kind, name).ok_or_else(unknown);
                };
                if let Some(known) = self.known.get(&(is_union, name.as_str())) {
                    return Ok(*known);
                }
                let layout = self.layout(def)?;
                self.known.insert((is_union, &def.name), (layout.size, layout.align));
                Ok((layout.size, layout.align))
            }
            TypeKind::Enum(name) => match self.types.enumeration(name) {
                Some(def) => Ok((u64::from(def.int_type().size), u64::from(def.int_type().size))),
                // An enum that is only named is as good as an int.
                None => Ok(self.kernel.size_align(KernelKind::Enum, name).unwrap_or((4, 4))),
            },
            TypeKind::Pointer(_) => Ok((8, 8)),
            TypeKind::Array { element, length } => {
                let (size, align) = self.size_align(element)?;
                let whole = size.checked_mul(length.unwrap_or(0));
                Ok((whole.ok_or_else(|| LayoutError::TooBig(describe(&ty.kind)))?, align))
            }
            TypeKind::Sized { size, .. } => Ok((*size, 1)),
            TypeKind::Typeof(_) => Err(unknown()),
        }
    }

    fn deeper<T>(
        &mut self,
        name: &str,
        step: impl FnOnce(&mut Self) -> Result<T, LayoutError>,
    ) -> Result<T, LayoutError> {
        if self.depth >= MAX_DEPTH {
            return Err(LayoutError::Endless(name.to_owned()));
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    fn layout(&mut self, def: &'s CAggregate) -> Result<Layout<'s>, LayoutError> {
        self.deeper(&def.name, |l| l.layout_inner(def))
    }

    fn layout_inner(&mut self, def: &'s CAggregate) -> Result<Layout<'s>, LayoutError> {
        let too_big = || LayoutError::TooBig(def.name.clone());
        let mut place = Place { bits: 0, end: 0, align: 1, packed: def.packed, is_union: def.is_union };
        let mut fields = Vec::new();
        for field in &def.fields {
            let (size, align) = self.size_align(&field.ty)?;
            if let Some(width) = field.bits {
                let placed = place.bit_field(size, align, width).ok_or_else(too_big)?;
                if let (Some(name), Some((offset, bits))) = (&field.name, placed) {
                    fields.push(FieldLayout { name: &name.name, ty: &field.ty, offset, bits: Some(bits) });
                }
                continue;
            }
            let offset = place.field(size, align).ok_or_else(too_big)?;
            match &field.name {
                Some(name) => {
                    fields.push(FieldLayout { name: &name.name, ty: &field.ty, offset, bits: None })
                }
                None => fields.extend(self.members_of_anonymous(field, offset)?),
            }
        }
        let align = place.align.max(def.align.unwrap_or(1));
        let bytes = place.end.checked_add(7).ok_or_else(too_big)? / 8;
        let size = bytes.checked_next_multiple_of(align).ok_or_else(too_big)?;
        Ok(Layout { size, align, fields })
    }

    fn members_of_anonymous(
        &mut self,
        field: &'s CField,
        offset: u64,
    ) -> Result<Vec<FieldLayout<'s>>, LayoutError> {
        let def = match &field.ty.kind {
            TypeKind::Struct(name) => self.types.aggregate(false, name),
            TypeKind::Union(name) => self.types.aggregate(true, name),
            _ => None,
        };
        let Some(def) = def else { return Ok(Vec::new()) };
        let mut inner = self.layout(def)?;
        for field in &mut inner.fields {
            field.offset += offset;
        }
        Ok(inner.fields)
    }
}

/// Where the next field goes, in bits.
struct Place {
    bits: u64,
    end: u64,
    align: u64,
    packed: bool,
    is_union: bool,
}

impl Place {
    fn take(&mut self, start: u64, bits: u64) -> Option<()> {
        let end = start.checked_add(bits)?;
        self.end = self.end.max(end);
        self.bits = if self.is_union { 0 } else { end };
        Some(())
    }

    fn field(&mut self, size: u64, align: u64) -> Option<u64> {
        let align = if self.packed { 1 } else { align };
        self.align = self.align.max(align);
        let start = self.bits.checked_next_multiple_of(align.checked_mul(8)?)?;
        self.take(start, size.checked_mul(8)?)?;
        Some(start / 8)
    }

    /// `Some(None)` for the nameless field of width 0, which only aligns.
    #[expect(clippy::option_option, reason = "outer: fits in 64 bits; inner: there is a field")]
    fn bit_field(&mut self, size: u64, align: u64, width: u32) -> Option<Option<(u64, BitRange)>> {
        let unit = size * 8;
        if width == 0 {
            self.bits = self.bits.checked_next_multiple_of(unit)?;
            return Some(None);
        }
        let mut start = self.bits;
        if !self.packed {
            self.align = self.align.max(align);
            let last = start.checked_add(u64::from(width) - 1)?;
            if start / unit != last / unit {
                start = start.checked_next_multiple_of(unit)?;
            }
        }
        self.take(start, u64::from(width))?;
        let straddles = start % unit + u64::from(width) > unit;
        if !self.packed || !straddles {
            let bits = BitRange { shift: (start % unit) as u32, width, bytes: size as u8 };
            return Some(Some((start / unit * size, bits)));
        }
        // Packed over the end of its unit: load the bytes it touches.
        let shift = (start % 8) as u32;
        let bytes = (shift + width).div_ceil(8).next_power_of_two() as u8;
        Some(Some((start / 8, BitRange { shift, width, bytes })))
    }
}

fn describe(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Named(name) | TypeKind::Sized { name, .. } => name.clone(),
        TypeKind::Struct(name) => format!("struct {name}"),
        TypeKind::Union(name) => format!("union {name}"),
        TypeKind::Enum(name) => format!("enum {name}"),
        TypeKind::Pointer(inner) => format!("{}*", describe(&inner.kind)),
        TypeKind::Array { element, .. } => format!("{}[]", describe(&element.kind)),
        TypeKind::Typeof(_) => "typeof(…)".to_owned(),
    }
}
