//! Where short runs of bytes of the old image are: what the search for matches starts from.
//!
//! One table of heads by hash and one link for every `stride`-th place, so memory is about
//! `8 / stride` bytes a byte of the old image, known beforehand, whatever is in it. Runs that repeat with a short
//! period (zeros, filled areas) are left out: they would make one endless chain, and are found by going on along
//! the match before them. Neighbours: `matcher` asks.

/// Bytes that are hashed together. A run of `SEED + stride - 1` equal bytes is always found.
pub(crate) const SEED: usize = 12;
/// Places that are looked at for one hash, the newest first.
const DEPTH: usize = 24;
/// No link.
const NONE: u32 = u32::MAX;
/// Periods up to this are left out.
const PERIOD: usize = 8;

/// The places of the old image by the hash of what is there.
pub(crate) struct Seeds {
    heads: Vec<u32>,
    links: Vec<u32>,
    stride: usize,
    shift: u32,
}

impl Seeds {
    /// Looks at `old` once.
    pub(crate) fn new(old: &[u8], stride: usize) -> Seeds {
        let places = old.len() / stride;
        let bits = (usize::BITS - places.leading_zeros()).clamp(12, 26);
        let mut seeds = Seeds {
            heads: vec![NONE; 1 << bits],
            links: vec![NONE; places],
            stride,
            shift: u64::BITS - bits,
        };
        // From the end, so that the lowest place of equals is looked at first: neighbours of one match stay together.
        for slot in (0..places).rev() {
            let at = slot * stride;
            let Some(run) = run(old, at) else { continue };
            if periodic(run) {
                continue;
            }
            let head = seeds.bucket(run);
            let before = std::mem::replace(&mut seeds.heads[head], u32::try_from(slot).unwrap_or(NONE));
            seeds.links[slot] = before;
        }
        seeds
    }

    /// Calls `look` with places of the old image where the run at `at` of `new` may be too.
    pub(crate) fn each(&self, new: &[u8], at: usize, mut look: impl FnMut(usize)) {
        let Some(run) = run(new, at) else { return };
        let mut slot = self.heads[self.bucket(run)];
        for _ in 0..DEPTH {
            if slot == NONE {
                return;
            }
            look(slot as usize * self.stride);
            slot = self.links[slot as usize];
        }
    }

    fn bucket(&self, run: &[u8; SEED]) -> usize {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *run;
        let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let rest = u64::from(u32::from_le_bytes([i, j, k, l]));
        let mixed = (first ^ rest.rotate_left(29).wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_mul(0xD6E8_FEB8_6659_FD93);
        ((mixed ^ (mixed >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}

fn run(bytes: &[u8], at: usize) -> Option<&[u8; SEED]> {
    bytes.get(at..at + SEED)?.try_into().ok()
}

/// True if the run repeats with a period of 1, 2, 4 or 8 bytes.
fn periodic(run: &[u8; SEED]) -> bool {
    [1, 2, 4, PERIOD].iter().any(|&period| run[period..] == run[..SEED - period])
}
