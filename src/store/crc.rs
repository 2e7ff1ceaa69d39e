//! CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes a step by table.
//!
//! Its own thirty lines, because the journal needs a seed to begin from and nothing else of a crate.

/// The polynomial, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut step = 1;
    while step < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[step - 1][byte];
            tables[step][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        step += 1;
    }
    tables
}

/// The checksum of `bytes` following what `seed` is the checksum of; 0 begins.
pub(crate) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    let mut crc = !seed;
    let (steps, rest) = bytes.as_chunks::<8>();
    for step in steps {
        let word = u64::from_le_bytes(*step) ^ u64::from(crc);
        crc = 0;
        let mut at = 0;
        while at < 8 {
            crc ^= TABLES[7 - at][(word >> (8 * at)) as usize & 0xff];
            at += 1;
        }
    }
    for byte in rest {
        crc = (crc >> 8) ^ TABLES[0][((crc ^ u32::from(*byte)) & 0xff) as usize];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_vectors() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(0, &[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn goes_on_from_a_seed() {
        let text = b"a text of some length, cut anywhere";
        for cut in 0..text.len() {
            assert_eq!(crc32c(crc32c(0, &text[..cut]), &text[cut..]), crc32c(0, text));
        }
    }
}
