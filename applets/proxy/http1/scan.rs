//! Where a piece of a head ends: eight bytes at a time, in plain arithmetic.
//!
//! Each function gives the length of what is at the front. A mark is the high bit of a byte; of several
//! only the first is looked at, as a borrow may mark bytes behind a true one. `line.rs` asks.

/// A byte in each place of a word.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

const HIGH: u64 = each(0x80);

/// Marks bytes below `limit`, which is at most 0x80.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(each(limit)) & !word & HIGH
}

/// Marks bytes that are `byte`.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ each(byte), 1)
}

/// Marks all but letters and `-`, exactly: what is taken back must have been marked for itself.
const fn odd(word: u64) -> u64 {
    const LOW: u64 = each(0x7f);
    let low = word & LOW;
    let lower = low | each(0x20);
    // No sum of seven bits and a small number reaches the next byte.
    let letter = lower.wrapping_add(each(0x80 - b'a')) & !lower.wrapping_add(each(0x7f - b'z'));
    let dash = !(low ^ each(b'-')).wrapping_add(LOW);
    (!(letter | dash) | word) & HIGH
}

/// The bytes before the first that `marks` marks; zero must be one of them.
fn until(bytes: &[u8], marks: impl Fn(u64) -> u64) -> usize {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let found = marks(u64::from_le_bytes(*chunk));
        if found != 0 {
            return bytes.len() - rest.len() + (found.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    // Fewer than eight are left: zeros behind them end the search where they end.
    let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    bytes.len() - rest.len() + (marks(last).trailing_zeros() / 8) as usize
}

/// True for letters, digits and `others`.
const fn table(others: &[u8]) -> [bool; 256] {
    let (mut table, mut at) = ([false; 256], 0);
    while at < 256 {
        table[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

static TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
static HOST: [bool; 256] = table(b"-._~:[]!$&'()*+;=%");

/// Whether names and methods may hold it (RFC 9110 §5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// Whether a host and its port may hold it: no user, no path, no list (RFC 3986 §3.2.2).
pub(super) fn is_of_host(byte: u8) -> bool {
    HOST[usize::from(byte)]
}

/// Letters of a name or a method.
pub(super) fn token(bytes: &[u8]) -> usize {
    let mut length = until(bytes, odd);
    // What is neither a letter nor `-` is rare in names.
    while bytes.get(length).is_some_and(|byte| is_token(*byte)) {
        length += 1;
        length += until(&bytes[length..], odd);
    }
    length
}

/// What a value may hold: all but controls, of which only a tab is allowed (RFC 9110 §5.5).
pub(super) fn value(bytes: &[u8]) -> usize {
    let controls = |word| below(word, b' ') | equal(word, 0x7f);
    let mut length = until(bytes, controls);
    while bytes.get(length) == Some(&b'\t') {
        length += 1;
        length += until(&bytes[length..], controls);
    }
    length
}

/// What a target may hold, fragments left out: up to its query, or to the end of that.
pub(super) fn target(bytes: &[u8], is_query: bool) -> usize {
    let ends = |word| below(word, b'!') | equal(word, 0x7f) | equal(word, b'#') | word & HIGH;
    match is_query {
        true => until(bytes, ends),
        false => until(bytes, |word| ends(word) | equal(word, b'?')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place, behind others that could carry or borrow into it.
    #[test]
    fn every_byte_counts_for_itself() {
        let is_target = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        let is_value = |byte: u8| byte == b'\t' || byte >= b' ' && byte != 0x7f;
        let plain = |ok: &dyn Fn(u8) -> bool, bytes: &[u8]| {
            bytes.iter().position(|byte| !ok(*byte)).unwrap_or(bytes.len())
        };
        let mut bytes = [0; 19];
        for before in [b'a', b'z', b'A', b'-', b'.', b'~', b'0', 0x21, 0x22, 0x3e] {
            for place in 0..bytes.len() {
                for (byte, next) in (0..=255).flat_map(|byte| [(byte, b'a'), (byte, b','), (byte, byte ^ 1)])
                {
                    bytes.fill(before);
                    bytes[place] = byte;
                    if let Some(after) = bytes.get_mut(place + 1) {
                        *after = next;
                    }
                    assert_eq!(token(&bytes), plain(&is_token, &bytes), "{bytes:?}");
                    assert_eq!(value(&bytes), plain(&is_value, &bytes), "{bytes:?}");
                    assert_eq!(target(&bytes, true), plain(&is_target, &bytes), "{bytes:?}");
                    let is_path = |byte| is_target(byte) && byte != b'?';
                    assert_eq!(target(&bytes, false), plain(&is_path, &bytes), "{bytes:?}");
                    assert_eq!(value(&bytes[..place]), plain(&is_value, &bytes[..place]));
                }
            }
        }
    }

    #[test]
    fn tokens_are_those_of_the_standard() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert!((0..=255).all(|byte| is_token(byte) == plain(byte)));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]!$&'()*+;=%".contains(&byte);
        assert!((0..=255).all(|byte| is_of_host(byte) == plain(byte)));
    }
}
