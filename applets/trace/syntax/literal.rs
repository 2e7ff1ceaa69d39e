//! What number and string tokens mean.
//!
//! Neighbours: `lexer` finds their ranges, `parse` reports the errors with the
//! place inside the token that each error names. `number` also reads
//! positional parameters and probe arguments, which follow the same rules.

use std::ops::Range;

use super::ast::{IntLit, IntSuffix};

/// What is wrong with a literal, and where in its text.
#[derive(Debug, PartialEq, Eq)]
pub struct LiteralError {
    pub message: String,
    pub at: Range<usize>,
}

fn error<T>(message: impl Into<String>, at: Range<usize>) -> Result<T, LiteralError> {
    Err(LiteralError { message: message.into(), at })
}

/// `12`, `0x1f`, `017`, `1_000`, `5e9`, `10ul`, `3ms`.
pub fn number(text: &str) -> Result<IntLit, LiteralError> {
    let whole = 0..text.len();
    let overflow = || error(format!("overflow error, maximum value is {}: {text}", u64::MAX), whole.clone());
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return error(format!("invalid integer: {text}"), whole);
    }
    let hex = text.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("0x"));
    let body = if hex { 2 } else { 0 };
    let is_digit = |c: char| c == '_' || if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
    let end = text[body..].find(|c| !is_digit(c)).map_or(text.len(), |i| body + i);
    let (digits, tail) = (&text[body..end], &text[end..]);
    if digits.ends_with('_') {
        return error("trailing underscore in integer literal", end - 1..end);
    }
    if digits.is_empty() || (hex && digits.starts_with('_')) {
        return error(format!("hexadecimal literal without digits: {text}"), whole);
    }
    let clean: String = digits.chars().filter(|&c| c != '_').collect();
    if !hex && tail.starts_with(['e', 'E']) && tail.len() > 1 {
        return scientific(text, &clean, &tail[1..], end + 1);
    }
    let radix = if hex {
        16
    } else if clean.len() > 1 && clean.starts_with('0') {
        8
    } else {
        10
    };
    if radix == 8 && clean.contains(['8', '9']) {
        return error(format!("octal literal with a digit above 7: {text}"), whole);
    }
    let Ok(value) = u64::from_str_radix(&clean, radix) else { return overflow() };
    let Some((suffix, scale)) = suffix(tail) else { return bad_suffix(text, end) };
    match value.checked_mul(scale) {
        Some(value) => Ok(IntLit { value, suffix }),
        None => overflow(),
    }
}

fn scientific(text: &str, coefficient: &str, exponent: &str, at: usize) -> Result<IntLit, LiteralError> {
    let whole = 0..text.len();
    if exponent.ends_with('_') {
        return error("trailing underscore in integer literal", text.len() - 1..text.len());
    }
    if !exponent.chars().all(|c| c.is_ascii_digit() || c == '_') || exponent.starts_with('_') {
        return error(format!("invalid exponent of scientific literal: {text}"), at..text.len());
    }
    if coefficient.len() != 1 || coefficient == "0" {
        return error(format!("coefficient part of scientific literal must be 1-9: {text}"), whole);
    }
    let clean: String = exponent.chars().filter(|&c| c != '_').collect();
    let power = clean.parse::<u32>().ok().and_then(|e| 10u64.checked_pow(e));
    let value = power.and_then(|p| p.checked_mul(coefficient.parse().ok()?));
    match value {
        Some(value) => Ok(IntLit { value, suffix: IntSuffix::None }),
        None => error(format!("overflow error, maximum value is {}: {text}", u64::MAX), whole),
    }
}

fn suffix(tail: &str) -> Option<(IntSuffix, u64)> {
    const SECOND: u64 = 1_000_000_000;
    let duration = |scale| Some((IntSuffix::Duration, scale));
    match tail {
        "" => Some((IntSuffix::None, 1)),
        "ns" => duration(1),
        "us" => duration(1_000),
        "ms" => duration(1_000_000),
        "s" => duration(SECOND),
        "m" => duration(60 * SECOND),
        "h" => duration(3_600 * SECOND),
        "d" => duration(86_400 * SECOND),
        _ => match tail.to_ascii_lowercase().as_str() {
            "u" | "ul" | "ull" | "lu" | "llu" => Some((IntSuffix::Unsigned, 1)),
            "l" | "ll" => Some((IntSuffix::Long, 1)),
            _ => None,
        },
    }
}

fn bad_suffix(text: &str, end: usize) -> Result<IntLit, LiteralError> {
    let tail = &text[end..];
    // Blame what stands behind the longest suffix that would have been right.
    let good = (1..tail.len()).rev().find(|&n| suffix(&tail[..n]).is_some());
    match good {
        Some(n) if tail.to_ascii_lowercase().starts_with(['u', 'l']) => {
            error(format!("invalid integer suffix '{}'", &tail[n..]), end + n..text.len())
        }
        _ => error(format!("invalid trailing bytes: {text}"), 0..text.len()),
    }
}

/// The bytes of a string token, quotes included in `text` (the closing one may
/// be missing). Bad escapes are kept as they stand and listed.
pub(super) fn string(text: &str) -> (Vec<u8>, Vec<LiteralError>) {
    let inner = text.strip_prefix('"').unwrap_or(text);
    let offset = text.len() - inner.len();
    let inner = inner.strip_suffix('"').unwrap_or(inner).as_bytes();
    let mut out = Vec::with_capacity(inner.len());
    let mut errors = Vec::new();
    let mut i = 0;
    while i < inner.len() {
        let Some(&escape) = inner.get(i + 1).filter(|_| inner[i] == b'\\') else {
            out.push(inner[i]);
            i += 1;
            continue;
        };
        let (byte, length) = match escape {
            b'n' => (Some(b'\n'), 2),
            b't' => (Some(b'\t'), 2),
            b'r' => (Some(b'\r'), 2),
            b'a' => (Some(0x07), 2),
            b'b' => (Some(0x08), 2),
            b'f' => (Some(0x0c), 2),
            b'v' => (Some(0x0b), 2),
            b'e' => (Some(0x1b), 2),
            b'\\' | b'"' | b'\'' | b'?' => (Some(escape), 2),
            b'x' => digits(&inner[i + 2..], 16, 2).map_or((None, 2), |(v, n)| (u8::try_from(v).ok(), n + 2)),
            b'0'..=b'7' => {
                digits(&inner[i + 1..], 8, 3).map_or((None, 2), |(v, n)| (u8::try_from(v).ok(), n + 1))
            }
            // A line continued inside a string.
            b'\n' => {
                i += 2;
                continue;
            }
            _ => (None, 2),
        };
        // An unknown escape may be the first byte of a longer character.
        let length =
            length + inner[i + length..].iter().take_while(|&&b| byte.is_none() && b & 0xC0 == 0x80).count();
        let written = &inner[i..i + length];
        match byte {
            Some(byte) => out.push(byte),
            None => {
                out.extend_from_slice(written);
                let shown = String::from_utf8_lossy(written);
                let message = match escape {
                    b'0'..=b'7' => format!("octal escape sequence out of range '{shown}'"),
                    b'x' => format!("hexadecimal escape sequence without digits '{shown}'"),
                    _ => format!("invalid escape sequence '{shown}'"),
                };
                errors.push(LiteralError { message, at: offset + i..offset + i + length });
            }
        }
        i += length;
    }
    (out, errors)
}

/// Up to `max` digits: value and how many.
fn digits(bytes: &[u8], radix: u32, max: usize) -> Option<(u32, usize)> {
    let count = bytes.iter().take(max).take_while(|&&b| char::from(b).is_digit(radix)).count();
    let text = std::str::from_utf8(&bytes[..count]).ok()?;
    Some((u32::from_str_radix(text, radix).ok()?, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases: &[(&str, u64, IntSuffix)] = &[
            ("0", 0, IntSuffix::None),
            ("1e6", 1_000_000, IntSuffix::None),
            ("1e1_0", 10_000_000_000, IntSuffix::None),
            ("1_0_00", 1000, IntSuffix::None),
            ("0x5e5", 1509, IntSuffix::None),
            ("0XFFFFFFFFFFFFFFFF", u64::MAX, IntSuffix::None),
            ("0777", 511, IntSuffix::None),
            ("1_000ull", 1000, IntSuffix::Unsigned),
            ("7LL", 7, IntSuffix::Long),
            ("1us", 1000, IntSuffix::Duration),
            ("1d", 86_400_000_000_000, IntSuffix::Duration),
        ];
        for (text, value, suffix) in cases {
            assert_eq!(number(text), Ok(IntLit { value: *value, suffix: *suffix }), "{text}");
        }
    }

    #[test]
    fn bad_numbers() {
        let cases = [
            ("5e", "invalid trailing bytes: 5e", 0..2),
            ("1e21", "overflow error, maximum value is 18446744073709551615: 1e21", 0..4),
            ("10000000000m", "overflow error, maximum value is 18446744073709551615: 10000000000m", 0..12),
            ("12e4", "coefficient part of scientific literal must be 1-9: 12e4", 0..4),
            ("1e1_1_", "trailing underscore in integer literal", 5..6),
            ("1_1_", "trailing underscore in integer literal", 3..4),
            ("1ulll", "invalid integer suffix 'l'", 4..5),
            ("1b", "invalid trailing bytes: 1b", 0..2),
            ("nan", "invalid integer: nan", 0..3),
            ("0x", "hexadecimal literal without digits: 0x", 0..2),
            ("099", "octal literal with a digit above 7: 099", 0..3),
        ];
        for (text, message, at) in cases {
            assert_eq!(number(text), Err(LiteralError { message: message.into(), at }), "{text}");
        }
    }

    #[test]
    fn strings() {
        let text = r#""newline\nand tab\tcr\rbackslash\\quote\"here oct\1009hex\x309""#;
        assert_eq!(string(text).0, b"newline\nand tab\tcr\rbackslash\\quote\"here oct@9hex09");
        assert_eq!(string(r#""\xff\0""#).0, [0xff, 0]);
        let (_, errors) = string(r#""\777""#);
        assert_eq!(
            errors[0],
            LiteralError { message: r"octal escape sequence out of range '\777'".into(), at: 1..5 }
        );
        assert_eq!(string(r#""\é""#).1[0].message, "invalid escape sequence '\\é'");
    }
}
