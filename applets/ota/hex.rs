//! Hashes and keys as people see them: 64 hexadecimal digits, lower case.
//!
//! Neighbours: `keys`, `bundle::manifest`.

use edgekit_core::config::{Format, Reading};

use crate::bundle::tree::{HASH, Hash};

/// A hash or a public key in a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Hex(pub Hash);

/// How one looks, for manifests.
pub(crate) static FORMAT: Format = Format {
    name: "a hash or a public key",
    shape: "64 hexadecimal digits, lower case",
    pattern: "^[0-9a-f]{64}$",
    numbers: false,
    read: |text| match decode::<HASH>(text) {
        Some(_) => Ok(Reading { canonical: text.to_owned(), measure: None }),
        None => Err("it is not 64 hexadecimal digits, lower case".to_owned()),
    },
};

edgekit_core::text_type!(Hex, &FORMAT, |text| decode(text).map(Hex));

impl std::str::FromStr for Hex {
    type Err = String;

    fn from_str(text: &str) -> Result<Hex, String> {
        decode(text).map(Hex).ok_or_else(|| format!("'{text}' is not 64 hexadecimal digits, lower case"))
    }
}

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

/// Lower-case digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let digit = |bits: u8| char::from(b"0123456789abcdef"[usize::from(bits & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Exactly `N` bytes, written in the one way there is.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_bytes() {
        assert_eq!(encode(&[0, 0x9a, 0xff]), "009aff");
        assert_eq!(decode::<3>("009aff"), Some([0, 0x9a, 0xff]));
        for wrong in ["009AFF", "009af", "009aff0", "00 aff", "009afg", ""] {
            assert_eq!(decode::<3>(wrong), None, "{wrong}");
        }
    }
}
