//! As much of protobuf's wire format as telemetry needs: fields appended to bytes.
//!
//! Numbers of fields are those of opentelemetry-proto 1.x. Text is sent as UTF-8, whatever it came as.

/// A value of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Text.
    Text(&'a [u8]),
    /// A number.
    Int(u64),
}

/// Where a nested message began.
#[derive(Debug)]
#[must_use]
pub struct Mark(usize);

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn tag(out: &mut Vec<u8>, field: u32, kind: u32) {
    varint(out, u64::from(field << 3 | kind));
}

/// A number (varint).
pub fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, 0);
    varint(out, value);
}

/// A number of eight bytes.
pub fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A number of four bytes.
pub fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, 5);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Bytes.
pub fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Text.
pub fn text(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    bytes(out, field, String::from_utf8_lossy(value).as_bytes());
}

/// Begins a nested message; [`end`] ends it.
pub fn begin(out: &mut Vec<u8>, field: u32) -> Mark {
    tag(out, field, 2);
    Mark(out.len())
}

/// Ends a nested message: puts its length before it.
pub fn end(out: &mut Vec<u8>, Mark(start): Mark) {
    let whole = out.len();
    varint(out, (whole - start) as u64);
    let length = out.len() - whole;
    out[start..].rotate_right(length);
}

/// An attribute, `KeyValue` as an element of `field`.
pub fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: Value<'_>) {
    let pair = begin(out, field);
    text(out, 1, key.as_bytes());
    let any = begin(out, 2);
    match value {
        Value::Text(value) => text(out, 1, value),
        Value::Int(value) => number(out, 3, value),
    }
    end(out, any);
    end(out, pair);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_protobuf_says() {
        let mut out = Vec::new();
        number(&mut out, 1, 150);
        bytes(&mut out, 2, b"testing");
        fixed32(&mut out, 16, 1);
        assert_eq!(out, b"\x08\x96\x01\x12\x07testing\x85\x01\x01\0\0\0");
        let mut out = Vec::new();
        attribute(&mut out, 9, "k", Value::Int(300));
        assert_eq!(out, b"\x4a\x08\x0a\x01k\x12\x03\x18\xac\x02");
    }

    #[test]
    fn lengths_of_any_size_come_before_what_they_are_of() {
        for size in [0, 1, 127, 128, 16_383, 16_384, 100_000] {
            let mut out = b"before".to_vec();
            let mark = begin(&mut out, 1);
            out.extend(std::iter::repeat_n(b'x', size));
            end(&mut out, mark);
            let mut wanted = b"before".to_vec();
            bytes(&mut wanted, 1, &vec![b'x'; size]);
            assert!(out == wanted, "{size}");
        }
    }

    #[test]
    fn text_is_always_utf8() {
        let mut out = Vec::new();
        text(&mut out, 1, b"a\xff");
        assert_eq!(out, "\x0a\x04a\u{fffd}".as_bytes());
    }
}
