//! Pieces of JSON: strings and numbers, written straight into the output buffer.

use super::number::{push_byte, push_i64, push_u64};

/// What becomes of an integer that a double cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// A string, as bpftrace writes it, for consumers that read every number as a double.
    Doubles,
    /// The number with all its digits.
    Exact,
}

pub fn push_int(out: &mut Vec<u8>, value: i128, numbers: Numbers) {
    let quoted = numbers == Numbers::Doubles && (value as f64) as i128 != value;
    if quoted {
        out.push(b'"');
    }
    match i64::try_from(value) {
        Ok(small) => push_i64(out, small),
        Err(_) => push_u64(out, value as u64),
    }
    if quoted {
        out.push(b'"');
    }
}

/// A string with its quotes. Bytes that are not UTF-8 become the four characters `\xNN`.
pub fn push_str(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// A string whose text `write` appends.
pub fn push_text(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    let start = out.len();
    write(out);
    if !is_plain(&out[start..]) {
        let text = out.split_off(start);
        push_escaped(out, &text);
    }
    out.push(b'"');
}

fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|b| matches!(b, b' '..=b'~') && *b != b'"' && *b != b'\\')
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..=0x1f => {
                    out.extend_from_slice(b"\\u00");
                    push_byte(out, byte);
                }
                _ => out.push(byte),
            }
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(b"\\\\x");
            push_byte(out, *byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(written(|o| push_str(o, b"a\"b\\\n\x01\xc3\xa9")), "\"a\\\"b\\\\\\n\\u0001é\"");
        assert_eq!(written(|o| push_str(o, b"\xff!")), "\"\\\\xff!\"");
        assert_eq!(written(|o| push_text(o, |o| o.extend_from_slice(b"\tx"))), "\"\\tx\"");
    }

    #[test]
    fn numbers_beyond_a_double_are_quoted_on_request() {
        let big = (1i128 << 53) + 1;
        assert_eq!(written(|o| push_int(o, big, Numbers::Doubles)), "\"9007199254740993\"");
        assert_eq!(written(|o| push_int(o, big, Numbers::Exact)), "9007199254740993");
        assert_eq!(written(|o| push_int(o, -5, Numbers::Doubles)), "-5");
        assert_eq!(written(|o| push_int(o, u64::MAX.into(), Numbers::Doubles)), "\"18446744073709551615\"");
        assert_eq!(written(|o| push_int(o, i64::MAX.into(), Numbers::Doubles)), "\"9223372036854775807\"");
        assert_eq!(written(|o| push_int(o, 1 << 60, Numbers::Doubles)), "1152921504606846976");
    }
}
