//! Numbers to text without `core::fmt`: the inner loop of every event that is printed.

pub(super) const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// Room for the digits of any u64 in any of the bases used here.
pub type Digits = [u8; 24];

/// Decimal digits of `value`, written to the end of `room`.
#[inline]
pub fn decimal(mut value: u64, room: &mut Digits) -> &[u8] {
    let mut at = room.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        room[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        room[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        room[at] = b'0' + value as u8;
    }
    &room[at..]
}

/// Digits in base 2^`bits` (1 to 4) from `alphabet`.
#[inline]
pub fn power_of_two<'a>(mut value: u64, bits: u32, alphabet: &[u8; 16], room: &'a mut Digits) -> &'a [u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = alphabet[(value & ((1 << bits) - 1)) as usize];
        value >>= bits;
        if value == 0 || at == 0 {
            return &room[at..];
        }
    }
}

pub const LOWER: &[u8; 16] = b"0123456789abcdef";
pub const UPPER: &[u8; 16] = b"0123456789ABCDEF";

#[inline]
pub fn push_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(decimal(value, &mut [0; 24]));
}

#[inline]
pub fn push_i64(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_u64(out, value.unsigned_abs());
}

/// Without `0x`.
#[inline]
pub fn push_hex(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(power_of_two(value, 4, LOWER, &mut [0; 24]));
}

/// At least `width` digits.
pub fn push_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut room = [0; 24];
    let digits = decimal(value, &mut room);
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(digits.len())));
    out.extend_from_slice(digits);
}

/// Two hexadecimal digits.
#[inline]
pub fn push_byte(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(&[LOWER[usize::from(byte >> 4)], LOWER[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        let mut values = vec![0, 9, 10, 99, 100, 101, 12345, u64::MAX];
        values.extend((0..64).map(|shift| 1u64 << shift));
        for value in values {
            let mut out = Vec::new();
            push_u64(&mut out, value);
            out.push(b' ');
            push_i64(&mut out, value as i64);
            out.push(b' ');
            push_hex(&mut out, value);
            out.push(b' ');
            out.extend_from_slice(power_of_two(value, 3, LOWER, &mut [0; 24]));
            let expected = format!("{value} {} {value:x} {value:o}", value as i64);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn padding() {
        let mut out = Vec::new();
        push_padded(&mut out, 7, 3);
        push_padded(&mut out, 1234, 3);
        push_byte(&mut out, 0xa0);
        assert_eq!(out, b"0071234a0");
    }
}
