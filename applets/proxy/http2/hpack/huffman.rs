//! The Huffman code of RFC 7541, Appendix B.
//!
//! The code is canonical: symbols of one length have consecutive codes in the order of their values.
//! So the lengths are all that is written down; codes and the tables that decode are worked out by
//! the compiler. Codes of up to eight bits, nearly all text, cost one look-up.

/// Bits of each byte's code, and of the end that never comes.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
/// The longest code.
const LONGEST: usize = 30;
/// The symbol that must not be sent.
const END: u16 = 256;

/// The code of each byte, without leading bits.
const CODES: [u32; 256] = codes();
/// Symbols in the order of their codes.
const ORDER: [u16; 257] = order();
/// By length: the first code, and where its symbol is in [`ORDER`].
const FIRST: [(u32, u16); LONGEST + 1] = first();
/// By the next eight bits: length and symbol, 0 where the code is longer.
const SHORT: [u16; 256] = short();

const fn order() -> [u16; 257] {
    let (mut order, mut next, mut length) = ([0; 257], 0, 1);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == length {
                order[next] = symbol as u16;
                next += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    order
}

const fn first() -> [(u32, u16); LONGEST + 1] {
    let (mut first, mut code, mut at, mut length) = ([(0, 0); LONGEST + 1], 0, 0, 1);
    while length <= LONGEST {
        code <<= 1;
        first[length] = (code, at as u16);
        while at < 257 && LENGTHS[ORDER[at] as usize] as usize == length {
            code += 1;
            at += 1;
        }
        length += 1;
    }
    first
}

const fn codes() -> [u32; 256] {
    let (mut codes, mut at) = ([0; 256], 0);
    while at < 257 {
        let symbol = ORDER[at];
        if symbol != END {
            let (code, from) = FIRST[LENGTHS[symbol as usize] as usize];
            codes[symbol as usize] = code + at as u32 - from as u32;
        }
        at += 1;
    }
    codes
}

const fn short() -> [u16; 256] {
    let (mut short, mut symbol) = ([0; 256], 0);
    while symbol < 256 {
        let length = LENGTHS[symbol];
        if length <= 8 {
            let (spare, mut filler) = (8 - length, 0);
            while filler < 1 << spare {
                short[(CODES[symbol] << spare) as usize | filler] = (length as u16) << 8 | symbol as u16;
                filler += 1;
            }
        }
        symbol += 1;
    }
    short
}

/// Appends what `coded` says to `out`; false if it is no code.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> bool {
    // The next bits, the first one on top.
    let (mut window, mut bits, mut rest) = (0_u64, 0_usize, coded.iter());
    loop {
        while bits <= 56 {
            let Some(byte) = rest.next() else { break };
            window |= u64::from(*byte) << (56 - bits);
            bits += 8;
        }
        let found = SHORT[(window >> 56) as usize];
        let (length, symbol) = match found {
            0 => long(window),
            found => (usize::from(found >> 8), found & 0xff),
        };
        if length > bits {
            // What is left must be the beginning of the end's code, less than a byte of it.
            return bits < 8 && window.leading_ones() as usize >= bits;
        }
        let Ok(byte) = u8::try_from(symbol) else { return false };
        out.push(byte);
        window <<= length;
        bits -= length;
    }
}

/// Length and symbol of a code of more than eight bits.
fn long(window: u64) -> (usize, u16) {
    for (length, (first, from)) in FIRST.into_iter().enumerate().skip(9) {
        let code = (window >> (64 - length)) as u32;
        let following = FIRST.get(length + 1).map_or(257, |(_, at)| *at);
        if code < first + u32::from(following - from) {
            return (length, ORDER[usize::from(from) + (code - first) as usize]);
        }
    }
    (LONGEST, END)
}

/// Bytes that `text` takes as code.
pub(super) fn length(text: &[u8]) -> usize {
    text.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum::<usize>().div_ceil(8)
}

/// Appends the code of `text`.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut window, mut bits) = (0_u64, 0);
    for byte in text {
        let length = u32::from(LENGTHS[usize::from(*byte)]);
        window = window << length | u64::from(CODES[usize::from(*byte)]);
        bits += length;
        while bits >= 8 {
            bits -= 8;
            out.push((window >> bits) as u8);
        }
    }
    if bits > 0 {
        out.push((window << (8 - bits)) as u8 | 0xff >> bits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_those_of_the_appendix() {
        for (symbol, code, length) in [
            (b'0', 0, 5),
            (b' ', 0x14, 6),
            (b'z', 0x7b, 7),
            (b'&', 0xf8, 8),
            (0, 0x1ff8, 13),
            (255, 0x03ff_ffee, 26),
        ] {
            let at = usize::from(symbol);
            assert_eq!((CODES[at], LENGTHS[at]), (code, length), "{symbol}");
        }
        assert_eq!((ORDER[256], FIRST[LONGEST].0), (END, 0x3fff_fffc));
    }

    #[test]
    fn padding_is_checked() {
        for wrong in [&b"\xff"[..], b"\xff\xff\xff\xff", b"\x00"] {
            assert!(!decode(wrong, &mut Vec::new()), "{wrong:?}");
        }
        let mut out = Vec::new();
        assert!(decode(b"\x07", &mut out) && out == b"0");
    }

    proptest! {
        #[test]
        fn there_and_back(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut coded, mut again) = (Vec::new(), Vec::new());
            encode(&text, &mut coded);
            prop_assert_eq!(coded.len(), length(&text));
            prop_assert!(decode(&coded, &mut again));
            prop_assert_eq!(again, text);
        }

        #[test]
        fn there_is_one_way_to_write(coded in proptest::collection::vec(any::<u8>(), 0..60)) {
            let (mut text, mut again) = (Vec::new(), Vec::new());
            if decode(&coded, &mut text) {
                encode(&text, &mut again);
                prop_assert_eq!(again, coded);
            }
        }
    }
}
