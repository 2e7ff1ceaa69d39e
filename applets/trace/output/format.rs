//! printf formats: parsed once, checked against the arguments' types, applied to values.
//!
//! `sema` parses and checks a format when it compiles the call; [`super::event`] binds it to the layout of an
//! event, so that nothing is parsed while events stream. The conversions are C's for integers and text plus
//! bpftrace's `%r %rx %rh` for buffers and `%gr` for allocation flags. As in C an integer without a length
//! modifier is an `int`, 32 bits; a `%` that starts no conversion is a plain character.

use super::gfp;
use super::number::{Digits, LOWER, UPPER, decimal, power_of_two};
use super::value::{BufStyle, Resolver, Value, buf_bytes, write_buf};
use crate::ty::{Int, Ty};

/// A width or precision beyond this is a slip, and would only be a way to fill the output.
const MAX_WIDTH: u32 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `%d %i`
    Signed,
    /// `%u`
    Unsigned,
    /// `%o`
    Octal,
    /// `%x`
    Hex,
    /// `%X`
    HexUpper,
    /// `%c`
    Char,
    /// `%s`: any value as `print` would show it.
    Text,
    /// `%p`
    Pointer,
    /// `%r %rx %rh`
    Buf(BufStyle),
    /// `%gr`
    Gfp,
    /// C has it, eBPF has no use for it: floating point and `%n`.
    Unsupported(char),
}

/// Size modifiers, by the bytes of the C type they name on a 64-bit target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// `hh`
    Char,
    /// `h`
    Short,
    /// none
    Int,
    /// `l ll j z t`
    Long,
}

/// One conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    pub kind: Kind,
    pub length: Length,
    /// `-`
    pub left: bool,
    /// `+`
    pub plus: bool,
    /// space
    pub space: bool,
    /// `#`
    pub alternate: bool,
    /// `0`
    pub zero: bool,
    pub width: u32,
    pub precision: Option<u32>,
    /// Where in the format the conversion stands, in bytes.
    pub start: u32,
    pub end: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text as it is: a range of [`Format::literals`].
    Literal(std::ops::Range<usize>),
    /// The next argument.
    Spec(Spec),
}

/// A parsed format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    literals: Vec<u8>,
    segments: Vec<Segment>,
}

/// Why a format cannot be used with its arguments; the texts are bpftrace's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("not enough arguments for format string ({supplied} supplied, {expected} expected)")]
    TooFew { supplied: usize, expected: usize },
    #[error("too many arguments for format string ({supplied} supplied, {expected} expected)")]
    TooMany { supplied: usize, expected: usize },
    #[error("unsupported format specifier: {specifier}")]
    Unsupported { specifier: String, at: u32 },
    #[error("unable to print none type for specifier: {specifier}")]
    NoValue { argument: usize, specifier: String },
    /// The caller names the type: `sema` knows how the user wrote it.
    #[error("unsupported format specifier for type '{ty}': {specifier}")]
    WrongType { argument: usize, specifier: String, ty: String },
    #[error("width {width} is too big: the limit is {MAX_WIDTH}")]
    TooWide { width: u64, at: u32 },
}

impl Format {
    /// Splits a format whose escapes (`\n`) have been replaced already.
    pub fn parse(text: &str) -> Result<Format, FormatError> {
        let bytes = text.as_bytes();
        let mut format = Format { literals: Vec::with_capacity(bytes.len()), segments: Vec::new() };
        let mut at = 0;
        let mut literal = 0;
        while at < bytes.len() {
            if bytes[at] != b'%' {
                format.literals.push(bytes[at]);
                at += 1;
                continue;
            }
            match parse_spec(bytes, at)? {
                Found::Percent(end) => {
                    format.literals.push(b'%');
                    at = end;
                }
                Found::Spec(spec) => {
                    format.end_literal(literal);
                    literal = format.literals.len();
                    at = spec.end as usize;
                    format.segments.push(Segment::Spec(spec));
                }
                Found::Nothing => {
                    format.literals.push(b'%');
                    at += 1;
                }
            }
        }
        format.end_literal(literal);
        Ok(format)
    }

    fn end_literal(&mut self, start: usize) {
        if start < self.literals.len() {
            self.segments.push(Segment::Literal(start..self.literals.len()));
        }
    }

    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The bytes that literal segments are ranges of.
    pub fn literals(&self) -> &[u8] {
        &self.literals
    }

    /// The conversions in order: the n-th takes the n-th argument.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Spec(spec) => Some(spec),
            Segment::Literal(_) => None,
        })
    }

    /// Compares the conversions with the types of the arguments; `name` tells how to call a type in a message.
    pub fn check(&self, args: &[Ty], name: impl Fn(&Ty) -> String) -> Result<(), FormatError> {
        let (supplied, expected) = (args.len(), self.specs().count());
        if supplied < expected {
            return Err(FormatError::TooFew { supplied, expected });
        }
        if supplied > expected {
            return Err(FormatError::TooMany { supplied, expected });
        }
        for (argument, (spec, ty)) in self.specs().zip(args).enumerate() {
            let specifier = spec.kind.name();
            if *ty == Ty::Void {
                return Err(FormatError::NoValue { argument, specifier });
            }
            if let Kind::Unsupported(_) = spec.kind {
                return Err(FormatError::Unsupported { specifier, at: spec.start });
            }
            if !spec.kind.takes(ty) {
                return Err(FormatError::WrongType { argument, specifier, ty: name(ty) });
            }
        }
        Ok(())
    }

    /// Applies the format; a missing argument leaves its place empty.
    pub fn write(&self, out: &mut Vec<u8>, args: &[Value<'_>], resolver: &dyn Resolver) {
        let mut args = args.iter();
        for segment in &self.segments {
            match segment {
                Segment::Literal(range) => {
                    out.extend_from_slice(self.literals.get(range.clone()).unwrap_or(&[]))
                }
                Segment::Spec(spec) => {
                    if let Some(value) = args.next() {
                        spec.write(out, value, resolver);
                    }
                }
            }
        }
    }
}

impl Kind {
    /// The letters of the conversion, as messages name it.
    pub fn name(self) -> String {
        match self {
            Kind::Signed => "d",
            Kind::Unsigned => "u",
            Kind::Octal => "o",
            Kind::Hex => "x",
            Kind::HexUpper => "X",
            Kind::Char => "c",
            Kind::Text => "s",
            Kind::Pointer => "p",
            Kind::Buf(BufStyle::Printable) => "r",
            Kind::Buf(BufStyle::Escaped) => "rx",
            Kind::Buf(BufStyle::Plain) => "rh",
            Kind::Gfp => "gr",
            Kind::Unsupported(letter) => return letter.to_string(),
        }
        .to_owned()
    }

    fn takes(self, ty: &Ty) -> bool {
        match self {
            Kind::Text => true,
            Kind::Buf(_) => matches!(ty, Ty::Buf(_)),
            Kind::Unsupported(_) => false,
            _ => matches!(ty, Ty::Int(_) | Ty::Enum(_) | Ty::Bool | Ty::Ptr(..)),
        }
    }
}

impl Spec {
    /// True when the text needs neither padding nor clipping.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.width == 0 && self.precision.is_none()
    }

    /// Converts one value.
    pub fn write(&self, out: &mut Vec<u8>, value: &Value<'_>, resolver: &dyn Resolver) {
        match (self.kind, value.as_bits()) {
            (Kind::Text, _) | (Kind::Unsupported(_), _) | (_, None) => {
                self.pad(out, |out| match (self.kind, value.ty) {
                    (Kind::Buf(style), Ty::Buf(_)) => write_buf(buf_bytes(value.bytes), style, out),
                    _ => value.write_text(out, resolver),
                });
            }
            (_, Some(bits)) => self.write_int(out, bits),
        }
    }

    /// Converts an integer, given as 64 bits extended by its own sign.
    #[inline]
    pub fn write_int(&self, out: &mut Vec<u8>, bits: u64) {
        let mut room: Digits = [0; 24];
        let (sign, digits): (&[u8], &[u8]) = match self.kind {
            Kind::Signed => {
                let value = self.length.signed(bits);
                let sign: &[u8] = match (value < 0, self.plus, self.space) {
                    (true, ..) => b"-",
                    (_, true, _) => b"+",
                    (_, _, true) => b" ",
                    _ => b"",
                };
                (sign, decimal(value.unsigned_abs(), &mut room))
            }
            Kind::Octal => {
                let value = self.length.unsigned(bits);
                let prefix: &[u8] = if self.alternate && value != 0 { b"0" } else { b"" };
                (prefix, power_of_two(value, 3, LOWER, &mut room))
            }
            Kind::Hex | Kind::HexUpper => {
                let value = self.length.unsigned(bits);
                let upper = self.kind == Kind::HexUpper;
                let prefix: &[u8] = match (self.alternate && value != 0, upper) {
                    (false, _) => b"",
                    (true, false) => b"0x",
                    (true, true) => b"0X",
                };
                (prefix, power_of_two(value, 4, if upper { UPPER } else { LOWER }, &mut room))
            }
            Kind::Pointer => (b"0x", power_of_two(bits, 4, LOWER, &mut room)),
            Kind::Char => return self.pad(out, |out| out.push(bits as u8)),
            Kind::Gfp => return self.pad(out, |out| gfp::write(bits, out)),
            Kind::Unsigned | Kind::Text | Kind::Buf(_) | Kind::Unsupported(_) => {
                (b"", decimal(self.length.unsigned(bits), &mut room))
            }
        };
        if self.is_plain() {
            out.extend_from_slice(sign);
            out.extend_from_slice(digits);
            return;
        }
        let wanted = self.precision.unwrap_or(0) as usize;
        let mut zeros = wanted.saturating_sub(digits.len());
        let width = self.width as usize;
        let length = sign.len() + zeros + digits.len();
        let mut spaces = width.saturating_sub(length);
        // As in C, a precision or `-` turns the zero flag off.
        if self.zero && !self.left && self.precision.is_none() {
            zeros += std::mem::take(&mut spaces);
        }
        if !self.left {
            fill(out, b' ', spaces);
        }
        out.extend_from_slice(sign);
        fill(out, b'0', zeros);
        out.extend_from_slice(digits);
        if self.left {
            fill(out, b' ', spaces);
        }
    }

    /// Appends text, clipped to the precision and padded to the width.
    #[inline]
    pub fn pad(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        write(out);
        if self.is_plain() {
            return;
        }
        if let (Some(most), Kind::Text) = (self.precision, self.kind) {
            out.truncate(start.saturating_add(most as usize).min(out.len()));
        }
        let length = out.len() - start;
        let spaces = (self.width as usize).saturating_sub(length);
        fill(out, b' ', spaces);
        if !self.left {
            out[start..].rotate_right(spaces);
        }
    }
}

#[inline]
fn fill(out: &mut Vec<u8>, byte: u8, count: usize) {
    out.resize(out.len() + count, byte);
}

impl Length {
    #[inline]
    fn int(self, signed: bool) -> Int {
        let bytes = match self {
            Length::Char => 1,
            Length::Short => 2,
            Length::Int => 4,
            Length::Long => 8,
        };
        Int { bytes, signed }
    }

    #[inline]
    pub fn signed(self, bits: u64) -> i64 {
        let unused = 64 - u32::from(self.int(true).bytes) * 8;
        ((bits << unused) as i64) >> unused
    }

    #[inline]
    pub fn unsigned(self, bits: u64) -> u64 {
        let unused = 64 - u32::from(self.int(false).bytes) * 8;
        (bits << unused) >> unused
    }
}

enum Found {
    Nothing,
    /// `%%`, ending here.
    Percent(usize),
    Spec(Spec),
}

/// The conversion that starts at `start`, if one does.
fn parse_spec(text: &[u8], start: usize) -> Result<Found, FormatError> {
    let mut spec = Spec {
        kind: Kind::Text,
        length: Length::Int,
        left: false,
        plus: false,
        space: false,
        alternate: false,
        zero: false,
        width: 0,
        precision: None,
        start: start as u32,
        end: 0,
    };
    let mut at = start + 1;
    let peek = |at: usize| text.get(at).copied().unwrap_or(0);
    loop {
        match peek(at) {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternate = true,
            b'0' => spec.zero = true,
            _ => break,
        }
        at += 1;
    }
    let (width, next) = parse_number(text, at, start)?;
    spec.width = width.unwrap_or(0);
    at = next;
    if peek(at) == b'.' {
        let (precision, next) = parse_number(text, at + 1, start)?;
        // As in C, a lone dot means none.
        spec.precision = Some(precision.unwrap_or(0));
        at = next;
    }
    (spec.length, at) = match (peek(at), peek(at + 1)) {
        (b'h', b'h') => (Length::Char, at + 2),
        (b'h', _) => (Length::Short, at + 1),
        (b'l', b'l') => (Length::Long, at + 2),
        (b'l' | b'L' | b'j' | b'z' | b't', _) => (Length::Long, at + 1),
        _ => (Length::Int, at),
    };
    let (kind, letters) = match (peek(at), peek(at + 1)) {
        (b'%', _) => return Ok(Found::Percent(at + 1)),
        (b'd' | b'i', _) => (Kind::Signed, 1),
        (b'u', _) => (Kind::Unsigned, 1),
        (b'o', _) => (Kind::Octal, 1),
        (b'x', _) => (Kind::Hex, 1),
        (b'X', _) => (Kind::HexUpper, 1),
        (b'c', _) => (Kind::Char, 1),
        (b's', _) => (Kind::Text, 1),
        (b'p', _) => (Kind::Pointer, 1),
        (b'r', b'x') => (Kind::Buf(BufStyle::Escaped), 2),
        (b'r', b'h') => (Kind::Buf(BufStyle::Plain), 2),
        (b'r', _) => (Kind::Buf(BufStyle::Printable), 1),
        (b'g', b'r') => (Kind::Gfp, 2),
        (letter @ (b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' | b'n'), _) => {
            (Kind::Unsupported(letter.into()), 1)
        }
        _ => return Ok(Found::Nothing),
    };
    spec.kind = kind;
    spec.end = (at + letters) as u32;
    Ok(Found::Spec(spec))
}

/// A number, or a `*`, which is let pass and means none: there is no argument for it.
fn parse_number(text: &[u8], mut at: usize, spec: usize) -> Result<(Option<u32>, usize), FormatError> {
    if text.get(at) == Some(&b'*') {
        return Ok((None, at + 1));
    }
    let mut number: Option<u64> = None;
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        at += 1;
    }
    match number {
        Some(width) if width > MAX_WIDTH.into() => Err(FormatError::TooWide { width, at: spec as u32 }),
        number => Ok((number.map(|n| n as u32), at)),
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
