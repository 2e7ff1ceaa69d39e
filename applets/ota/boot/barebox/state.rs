//! The state of barebox as bytes: one copy of it, sealed, and where its variables lie.
//!
//! ```text
//! bucket:  magic 2354fdf3 │ length │ raw:  magic │ reserved 16 │ length 16 │ crc of data │ crc of this head │ data
//! ```
//! All numbers are in the machine's order, as barebox writes them on it. Where a variable lies, how large the copies
//! are and what the raw magic is stand in the device tree, in the node of the state: `reg`, `type`,
//! `backend-stridesize`, `magic`. Sources: barebox `common/state/backend_format_raw.c`,
//! `backend_bucket_direct.c`, `Documentation/devicetree/bindings/barebox/barebox,state.rst`.
//! Neighbours: `super` reads the tree and writes the copies.

use crate::boot::crc::crc32;

/// In front of a bucket.
const BUCKET: u32 = 0x2354_fdf3;
/// Bytes in front of what a bucket holds.
const BUCKET_HEAD: usize = 8;
/// Bytes in front of the variables.
const RAW_HEAD: usize = 16;

/// The data of one copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Of the kind of device, from its tree.
    magic: u32,
    data: Vec<u8>,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl State {
    /// Reads a bucket; `None` if it is not whole, or of another magic than this, which is 0 for any.
    pub fn open(bucket: &[u8], magic: u32) -> Option<State> {
        let raw = match word(bucket, 0)? {
            // Older ones have no head.
            BUCKET => {
                let length = usize::try_from(word(bucket, 4)?).ok()?;
                bucket.get(BUCKET_HEAD..)?.get(..length)?
            }
            _ => bucket,
        };
        let head = raw.get(..RAW_HEAD)?;
        let found = word(head, 0)?;
        let length = usize::from(u16::from_ne_bytes(*head[6..].first_chunk()?));
        let data = raw.get(RAW_HEAD..)?.get(..length)?;
        let whole = word(head, 12)? == crc32(&head[..12]) && word(head, 8)? == crc32(data);
        (whole && (magic == 0 || magic == found)).then(|| State { magic: found, data: data.to_vec() })
    }

    /// The bytes of a bucket, to be written at its begin.
    pub fn seal(&self) -> Vec<u8> {
        let length = RAW_HEAD + self.data.len();
        let mut raw = self.magic.to_ne_bytes().to_vec();
        raw.extend([0; 2]);
        raw.extend((self.data.len() as u16).to_ne_bytes());
        raw.extend(crc32(&self.data).to_ne_bytes());
        raw.extend(crc32(&raw).to_ne_bytes());
        [&BUCKET.to_ne_bytes()[..], &(length as u32).to_ne_bytes(), &raw, &self.data].concat()
    }

    /// A number of four bytes.
    pub fn get(&self, at: usize) -> Option<u32> {
        word(&self.data, at)
    }

    /// Sets it; false if it does not lie inside.
    pub fn set(&mut self, at: usize, value: u32) -> bool {
        match self.data.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            Some(bytes) => {
                *bytes = value.to_ne_bytes();
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_bit_is_enough_to_refuse_a_copy() {
        let state = State { magic: 0x1234_5678, data: (0..20).collect() };
        let sealed = state.seal();
        assert_eq!((sealed.len(), State::open(&sealed, 0)), (44, Some(state.clone())));
        assert_eq!(State::open(&sealed, 1), None, "of another kind of device");
        // The head of the bucket is not sealed: without it the rest is read as barebox once wrote it.
        assert_eq!(State::open(&sealed[8..], 0x1234_5678), Some(state));
        for bit in 64..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let refused = State::open(&bad, 0x1234_5678).is_none();
            // The two reserved bytes are under the checksum of the head too.
            assert!(refused, "{bit}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0_usize..40) {
            if let Some(mut state) = State::open(&bytes, 0) {
                state.set(at, 7);
                prop_assert_eq!(State::open(&state.seal(), 0), Some(state));
            }
        }

        #[test]
        fn what_is_set_reads_back(data in proptest::collection::vec(any::<u8>(), 4..60), at in 0_usize..64, value: u32) {
            let mut state = State { magic: 7, data };
            let fits = state.set(at, value);
            prop_assert_eq!(fits, state.get(at).is_some());
            let again = State::open(&state.seal(), 7).expect("ours");
            prop_assert_eq!(again.get(at), fits.then_some(value));
        }
    }
}
