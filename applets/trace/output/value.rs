//! One value: bytes and their type, to text or JSON.
//!
//! The layouts are those of `ty`; the texts are bpftrace's. What bytes alone do not tell (symbols, user names,
//! time zones) is asked of a [`Resolver`], which `symbols` implements and a test can fake. Bytes that are missing
//! at the end count as zero, because the tail of an event's record may be cut.

use std::ffi::CStr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use super::json;
use super::number::{UPPER, push_byte, push_hex, push_i64, push_u64};
use crate::ty::{Bits, Clock, EnumDef, Field, Int, Naming, Stack, StackStyle, Struct, Tuple, Ty};

/// What follows a string that did not fit its buffer (no NUL in it).
pub(super) const TRUNCATED: &[u8] = b"..";
/// Before each frame of a stack.
const FRAME_INDENT: &[u8] = b"        ";

/// A symbol: name, and how far behind its start the address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: Rc<str>,
    pub offset: u64,
    /// Of a user symbol: the file it is from.
    pub module: Option<Rc<str>>,
}

/// Knows what numbers mean on this machine. Every question may be answered with `None`: then the number is
/// printed.
pub trait Resolver {
    fn kernel_symbol(&self, address: u64) -> Option<Symbol>;
    fn user_symbol(&self, tgid: u32, address: u64) -> Option<Symbol>;
    /// Addresses of a kept stack, innermost first.
    fn frames(&self, stack: u32) -> Option<Vec<u64>>;
    fn user_name(&self, uid: u64) -> Option<Rc<str>>;
    fn cgroup_path(&self, id: u64) -> Option<Rc<str>>;
    /// strerror, signal and system call names.
    fn named(&self, naming: Naming, number: u64) -> Option<Rc<str>>;
    /// Members of a kernel type that [`Struct`] gives by its number only.
    fn members(&self, btf_id: u32) -> Option<Rc<[Field]>>;
    /// Time of a clock as text by a strftime format.
    fn time(&self, clock: Clock, ns: u64, format: &str, out: &mut Vec<u8>);
    /// Wall-clock nanoseconds of a reading of `clock`.
    fn wall_ns(&self, clock: Clock, ns: u64) -> i128;
}

/// A value as it lies in a map or an event.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub ty: &'a Ty,
    pub bytes: &'a [u8],
}

impl<'a> Value<'a> {
    pub fn new(ty: &'a Ty, bytes: &'a [u8]) -> Value<'a> {
        Value { ty, bytes }
    }

    /// A scalar as 64 bits, sign-extended when its type is signed.
    pub fn as_bits(&self) -> Option<u64> {
        self.ty.as_int().map(|int| load(self.bytes, 0, int))
    }

    pub fn write_text(&self, out: &mut Vec<u8>, resolver: &dyn Resolver) {
        match self.ty {
            // Aggregations are folded by `map` before they are printed; what is left of one is a number.
            Ty::Void => out.extend_from_slice(b"null"),
            Ty::Bool => out.extend_from_slice(if self.bits() != 0 { b"true" } else { b"false" }),
            Ty::Int(int) if int.signed => push_i64(out, self.bits() as i64),
            Ty::Int(_) => push_u64(out, self.bits()),
            Ty::Enum(def) => write_enum(def, self.bits(), out),
            Ty::Str(size) => write_str(self.bytes, *size, out),
            Ty::Buf(_) => write_buf(buf_bytes(self.bytes), BufStyle::Printable, out),
            Ty::Ptr(..) => {
                out.extend_from_slice(b"0x");
                push_hex(out, self.bits());
            }
            Ty::Array(element, count) => {
                let parts = array_parts(element, *count, self.bytes);
                write_list(parts, b"[", b",", b"]", out, |part, out| part.write_text(out, resolver));
            }
            Ty::Struct(def) => self.write_struct(def, out, resolver),
            Ty::Tuple(tuple) if tuple.is_record() => {
                let parts = tuple_parts(tuple, self.bytes);
                let named = tuple.fields.iter().map(|f| f.name.as_deref().unwrap_or("")).zip(parts);
                write_members(named, out, resolver);
            }
            Ty::Tuple(tuple) => {
                let parts = tuple_parts(tuple, self.bytes);
                write_list(parts, b"(", b", ", b")", out, |part, out| part.write_text(out, resolver));
            }
            Ty::KSym => match resolver.kernel_symbol(self.bits()) {
                Some(symbol) => out.extend_from_slice(symbol.name.as_bytes()),
                None => write_address(self.bits(), out),
            },
            Ty::USym => match resolver.user_symbol(u32_at(self.bytes, 8), u64_at(self.bytes, 0)) {
                Some(symbol) => out.extend_from_slice(symbol.name.as_bytes()),
                None => write_address(u64_at(self.bytes, 0), out),
            },
            Ty::Stack(stack) => self.write_stack(stack, out, resolver),
            Ty::Inet => write_inet(self.bytes, out),
            Ty::Mac => {
                for at in 0..6 {
                    if at > 0 {
                        out.push(b':');
                    }
                    let byte = self.bytes.get(at).copied().unwrap_or(0);
                    out.extend_from_slice(&[UPPER[usize::from(byte >> 4)], UPPER[usize::from(byte & 15)]]);
                }
            }
            Ty::Timestamp { format, clock } => resolver.time(*clock, self.bits(), format, out),
            Ty::Username => write_or_number(resolver.user_name(self.bits()), self.bits(), out),
            Ty::CgroupPath => write_or_number(resolver.cgroup_path(self.bits()), self.bits(), out),
            Ty::Named(naming) => write_or_number(resolver.named(*naming, self.bits()), self.bits(), out),
            Ty::Agg(_) => push_u64(out, u64_at(self.bytes, 0)),
        }
    }

    /// As bpftrace's `-f json` writes it; see [`json::Numbers`] for what the style decides.
    pub fn write_json(&self, out: &mut Vec<u8>, resolver: &dyn Resolver, numbers: json::Numbers) {
        match self.ty {
            Ty::Void => out.extend_from_slice(b"null"),
            Ty::Int(int) if int.signed => json::push_int(out, i128::from(self.bits() as i64), numbers),
            Ty::Int(_) | Ty::Ptr(..) | Ty::Agg(_) => json::push_int(out, self.bits().into(), numbers),
            // Numbers, because a consumer that computes with them was there first; %s gives the name.
            Ty::Enum(def) => json::push_int(out, truncate(self.bits(), def.int).into(), numbers),
            Ty::Bool => out.extend_from_slice(if self.bits() != 0 { b"true" } else { b"false" }),
            Ty::Buf(_) => {
                let bytes = buf_bytes(self.bytes).iter();
                write_list(bytes, b"[", b",", b"]", out, |byte, out| push_u64(out, (*byte).into()));
            }
            Ty::Array(element, count) => {
                let parts = array_parts(element, *count, self.bytes);
                write_list(parts, b"[", b",", b"]", out, |part, out| part.write_json(out, resolver, numbers));
            }
            Ty::Struct(def) => {
                let fields = struct_fields(def, resolver);
                let write = |field: &Field, out: &mut Vec<u8>| {
                    json::push_str(out, field.name.as_bytes());
                    out.extend_from_slice(b": ");
                    with_member(field, self.bytes, |value| value.write_json(out, resolver, numbers));
                };
                write_list(fields.iter(), b"{", b", ", b"}", out, write);
            }
            Ty::Tuple(tuple) if tuple.is_record() => {
                let parts = tuple.fields.iter().zip(tuple_parts(tuple, self.bytes));
                write_list(parts, b"{", b", ", b"}", out, |(field, part), out| {
                    json::push_str(out, field.name.as_deref().unwrap_or("").as_bytes());
                    out.extend_from_slice(b": ");
                    part.write_json(out, resolver, numbers);
                });
            }
            Ty::Tuple(tuple) => {
                let parts = tuple_parts(tuple, self.bytes);
                write_list(parts, b"[", b",", b"]", out, |part, out| part.write_json(out, resolver, numbers));
            }
            Ty::Str(_)
            | Ty::KSym
            | Ty::USym
            | Ty::Stack(_)
            | Ty::Inet
            | Ty::Mac
            | Ty::Timestamp { .. }
            | Ty::Username
            | Ty::CgroupPath
            | Ty::Named(_) => json::push_text(out, |out| self.write_text(out, resolver)),
        }
    }

    /// As a map key: a tuple without its parentheses.
    pub fn write_key(&self, out: &mut Vec<u8>, resolver: &dyn Resolver) {
        match self.ty {
            Ty::Tuple(tuple) if !tuple.is_record() => {
                let parts = tuple_parts(tuple, self.bytes);
                write_list(parts, b"", b", ", b"", out, |part, out| part.write_text(out, resolver));
            }
            _ => self.write_text(out, resolver),
        }
    }

    /// As a map key in JSON, where it must be a string: as [`Self::write_key`], without the spaces between.
    pub fn write_json_key(&self, out: &mut Vec<u8>, resolver: &dyn Resolver) {
        json::push_text(out, |out| match self.ty {
            Ty::Tuple(tuple) if !tuple.is_record() => {
                let parts = tuple_parts(tuple, self.bytes);
                write_list(parts, b"", b",", b"", out, |part, out| part.write_tight(out, resolver));
            }
            _ => self.write_tight(out, resolver),
        });
    }

    /// Text with no space after the commas of tuples.
    fn write_tight(&self, out: &mut Vec<u8>, resolver: &dyn Resolver) {
        match self.ty {
            Ty::Tuple(tuple) if !tuple.is_record() => {
                let parts = tuple_parts(tuple, self.bytes);
                write_list(parts, b"(", b",", b")", out, |part, out| part.write_tight(out, resolver));
            }
            _ => self.write_text(out, resolver),
        }
    }

    fn bits(&self) -> u64 {
        self.as_bits().unwrap_or_else(|| u64_at(self.bytes, 0))
    }

    fn write_struct(&self, def: &Struct, out: &mut Vec<u8>, resolver: &dyn Resolver) {
        let fields = struct_fields(def, resolver);
        if fields.is_empty() {
            return out.extend_from_slice(b"{}");
        }
        write_list(fields.iter(), b"{ ", b", ", b" }", out, |field, out| {
            write_member_name(&field.name, out);
            with_member(field, self.bytes, |value| value.write_text(out, resolver));
        });
    }

    fn write_stack(&self, stack: &Stack, out: &mut Vec<u8>, resolver: &dyn Resolver) {
        let (id, tgid) = (u32_at(self.bytes, 0), u32_at(self.bytes, 4));
        out.push(b'\n');
        // A negative id is the errno of a stack that could not be taken.
        let frames = if (id as i32) < 0 { None } else { resolver.frames(id) };
        for address in frames.unwrap_or_default() {
            let symbol = || match stack.user {
                true => resolver.user_symbol(tgid, address),
                false => resolver.kernel_symbol(address),
            };
            match stack.style {
                StackStyle::Raw | StackStyle::BuildId => push_hex(out, address),
                StackStyle::Bpftrace => {
                    out.extend_from_slice(FRAME_INDENT);
                    match symbol() {
                        Some(symbol) => write_symbol(&symbol, out),
                        None => write_address(address, out),
                    }
                }
                StackStyle::Perf => {
                    out.push(b'\t');
                    push_hex(out, address);
                    out.push(b' ');
                    let symbol = symbol();
                    match &symbol {
                        Some(symbol) => write_symbol(symbol, out),
                        None => write_address(address, out),
                    }
                    if stack.user {
                        let module = symbol.and_then(|s| s.module);
                        out.extend_from_slice(b" (");
                        out.extend_from_slice(module.as_deref().unwrap_or("[unknown]").as_bytes());
                        out.push(b')');
                    }
                }
            }
            out.push(b'\n');
        }
    }
}

/// How `%r` and its relatives show the bytes of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufStyle {
    /// Printable ASCII as it is, the rest as `\xNN`.
    Printable,
    /// `\xNN` for all.
    Escaped,
    /// `NN NN`.
    Plain,
}

pub fn write_buf(bytes: &[u8], style: BufStyle, out: &mut Vec<u8>) {
    for (at, byte) in bytes.iter().enumerate() {
        match style {
            BufStyle::Printable if (32..=126).contains(byte) => out.push(*byte),
            BufStyle::Printable | BufStyle::Escaped => {
                out.extend_from_slice(b"\\x");
                push_byte(out, *byte);
            }
            BufStyle::Plain => {
                if at > 0 {
                    out.push(b' ');
                }
                push_byte(out, *byte);
            }
        }
    }
}

/// The bytes that a `Buf` holds.
pub fn buf_bytes(bytes: &[u8]) -> &[u8] {
    let length = u32_at(bytes, 0) as usize;
    let content = bytes.get(4..).unwrap_or(&[]);
    &content[..length.min(content.len())]
}

/// The text that a `Str` of `size` bytes holds, and whether it was cut.
#[inline]
pub fn str_bytes(bytes: &[u8], size: usize) -> (&[u8], bool) {
    let whole = &bytes[..size.min(bytes.len())];
    match CStr::from_bytes_until_nul(whole) {
        Ok(text) => (text.to_bytes(), false),
        Err(_) => (whole, whole.len() == size && size > 0),
    }
}

#[inline]
pub fn write_str(bytes: &[u8], size: u32, out: &mut Vec<u8>) {
    let (text, cut) = str_bytes(bytes, size as usize);
    out.extend_from_slice(text);
    if cut {
        out.extend_from_slice(TRUNCATED);
    }
}

/// The integer of type `int` at offset `at`, extended to 64 bits by its sign.
#[inline]
pub fn load(bytes: &[u8], at: usize, int: Int) -> u64 {
    match (int.bytes, int.signed) {
        (1, false) => u8::from_ne_bytes(take(bytes, at)).into(),
        (2, false) => u16::from_ne_bytes(take(bytes, at)).into(),
        (4, false) => u32::from_ne_bytes(take(bytes, at)).into(),
        (1, true) => i64::from(i8::from_ne_bytes(take(bytes, at))) as u64,
        (2, true) => i64::from(i16::from_ne_bytes(take(bytes, at))) as u64,
        (4, true) => i64::from(i32::from_ne_bytes(take(bytes, at))) as u64,
        _ => u64_at(bytes, at),
    }
}

#[inline]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(take(bytes, at))
}

#[inline]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(take(bytes, at))
}

/// `N` bytes from `at`; missing ones are zero.
#[inline]
fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    if let Some(Ok(exact)) = bytes.get(at..at.saturating_add(N)).map(<[u8; N]>::try_from) {
        return exact;
    }
    let mut filled = [0; N];
    let rest = bytes.get(at..).unwrap_or(&[]);
    let length = rest.len().min(N);
    filled[..length].copy_from_slice(&rest[..length]);
    filled
}

fn truncate(bits: u64, int: Int) -> u64 {
    match int.bytes {
        8.. => bits,
        bytes => bits & ((1 << (u32::from(bytes) * 8)) - 1),
    }
}

fn write_enum(def: &EnumDef, bits: u64, out: &mut Vec<u8>) {
    let short = truncate(bits, def.int);
    match def.name_of(bits).or_else(|| def.name_of(short)) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => push_u64(out, short),
    }
}

fn write_address(address: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0x");
    push_hex(out, address);
}

fn write_symbol(symbol: &Symbol, out: &mut Vec<u8>) {
    out.extend_from_slice(symbol.name.as_bytes());
    out.push(b'+');
    push_u64(out, symbol.offset);
}

fn write_or_number(name: Option<Rc<str>>, number: u64, out: &mut Vec<u8>) {
    match name {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => push_u64(out, number),
    }
}

fn write_inet(bytes: &[u8], out: &mut Vec<u8>) {
    const V4: u32 = 2;
    const V6: u32 = 10;
    let text = match u32_at(bytes, 0) {
        V4 => Ipv4Addr::from(take::<4>(bytes, 4)).to_string(),
        V6 => Ipv6Addr::from(take::<16>(bytes, 4)).to_string(),
        _ => return,
    };
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn array_parts<'a>(
    element: &'a Ty,
    count: u32,
    bytes: &'a [u8],
) -> impl Iterator<Item = Value<'a>> {
    let size = element.size() as usize;
    (0..count as usize).map(move |i| Value::new(element, slice(bytes, i.saturating_mul(size), size)))
}

pub(crate) fn tuple_parts<'a>(tuple: &'a Tuple, bytes: &'a [u8]) -> impl Iterator<Item = Value<'a>> {
    tuple.fields.iter().map(move |field| {
        Value::new(&field.ty, slice(bytes, field.offset as usize, field.ty.size() as usize))
    })
}

pub fn slice(bytes: &[u8], at: usize, size: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or(&[]);
    &rest[..size.min(rest.len())]
}

pub(crate) fn struct_fields(def: &Struct, resolver: &dyn Resolver) -> Rc<[Field]> {
    if def.fields.is_empty() {
        def.btf_id.and_then(|id| resolver.members(id)).unwrap_or_else(|| Rc::from([]))
    } else {
        def.fields.clone().into()
    }
}

/// Calls `then` with a member's value, a bitfield already cut out.
pub(crate) fn with_member(field: &Field, bytes: &[u8], then: impl FnOnce(Value<'_>)) {
    let size = field.ty.size() as usize;
    let part = slice(bytes, field.offset as usize, size);
    match (field.bits, field.ty.as_int()) {
        (Some(bits), Some(int)) => {
            let value = cut_bits(load(part, 0, Int { signed: false, ..int }), bits, int.signed);
            then(Value::new(&field.ty, &value.to_ne_bytes()[..size.min(8)]));
        }
        _ => then(Value::new(&field.ty, part)),
    }
}

fn cut_bits(unit: u64, bits: Bits, signed: bool) -> u64 {
    let width = u32::from(bits.width).clamp(1, 64);
    let top = unit.checked_shr(bits.shift.into()).unwrap_or(0) << (64 - width);
    match signed {
        true => ((top as i64) >> (64 - width)) as u64,
        false => top >> (64 - width),
    }
}

fn write_members<'a>(
    members: impl Iterator<Item = (&'a str, Value<'a>)>,
    out: &mut Vec<u8>,
    resolver: &dyn Resolver,
) {
    write_list(members, b"{ ", b", ", b" }", out, |(name, value), out| {
        write_member_name(name, out);
        value.write_text(out, resolver);
    });
}

fn write_member_name(name: &str, out: &mut Vec<u8>) {
    out.push(b'.');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b" = ");
}

fn write_list<T>(
    parts: impl Iterator<Item = T>,
    open: &[u8],
    between: &[u8],
    close: &[u8],
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    out.extend_from_slice(open);
    for (at, part) in parts.enumerate() {
        if at > 0 {
            out.extend_from_slice(between);
        }
        write(part, out);
    }
    out.extend_from_slice(close);
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
