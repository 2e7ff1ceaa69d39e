//! Bucket arithmetic of `hist` and `lhist`: the one definition that the kernel side (`lower`) and the printing
//! side (`map`) share.
//!
//! # `hist(n, k)`
//! Powers of two, each cut into 2^k equal parts (k = `bits`, 0 to 5). The bucket of a value n is
//!
//! ```text
//! n < 0     → 0
//! n < 2^k   → 1 + n                                                   (k = 0: only n = 0, bucket 1)
//! otherwise → 1 + 2^k + ((l - k) << k) + ((n >> (l - k)) & (2^k - 1))   with l = floor(log2 n)
//! ```
//!
//! so that for k = 0 bucket 2 + l holds [2^l, 2^(l+1)). An unsigned value is never negative: u64 values of 2^63
//! and more go to the last 2^k buckets.
//!
//! # `lhist(n, min, max, step)`
//! ```text
//! n < min   → 0
//! n >= max  → last = 1 + (max - min) / step
//! otherwise → 1 + (n - min) / step
//! ```
//! When step does not divide max - min, the last bucket begins at its multiple of step below max, open above.

/// Most sub-bucket bits that `hist` takes.
pub const MAX_BITS: u32 = 5;

/// The values of one bucket: from `lo` on, below `hi`; `None` is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub lo: Option<i128>,
    pub hi: Option<i128>,
}

/// Bucket of a signed value.
pub fn bucket_signed(value: i64, bits: u32) -> u32 {
    u64::try_from(value).map_or(0, |v| bucket(v, bits))
}

/// Bucket of an unsigned value.
pub fn bucket(value: u64, bits: u32) -> u32 {
    let parts = 1u64 << bits;
    if value < parts {
        return 1 + value as u32;
    }
    let shift = value.ilog2() - bits;
    let part = ((value >> shift) & (parts - 1)) as u32;
    1 + parts as u32 + (shift << bits) + part
}

/// Number of buckets, the one for negative values included.
pub fn bucket_count(bits: u32) -> u32 {
    let parts = 1 << bits;
    1 + parts + (64 - bits) * parts
}

pub fn bounds(bucket: u32, bits: u32) -> Bounds {
    let parts = 1u32 << bits;
    let Some(number) = bucket.checked_sub(1) else {
        return Bounds { lo: None, hi: Some(0) };
    };
    if number < parts {
        let lo = i128::from(number);
        return Bounds { lo: Some(lo), hi: Some(lo + 1) };
    }
    let shift = ((number - parts) >> bits).min(63);
    let part = (number - parts) & (parts - 1);
    let lo = i128::from(parts + part) << shift;
    Bounds { lo: Some(lo), hi: Some(lo + (1 << shift)) }
}

/// `lhist`.
pub mod linear {
    use super::Bounds;

    pub fn bucket(value: i64, min: i64, max: i64, step: i64) -> u32 {
        let (value, min, max, step) = widen(value, min, max, step);
        let number = if value < min {
            0
        } else if value >= max {
            1 + (max - min) / step
        } else {
            1 + (value - min) / step
        };
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// Number of buckets, those below `min` and above `max` included.
    pub fn count(min: i64, max: i64, step: i64) -> u32 {
        let (_, min, max, step) = widen(0, min, max, step);
        u32::try_from(2 + (max - min) / step).unwrap_or(u32::MAX)
    }

    pub fn bounds(bucket: u32, min: i64, max: i64, step: i64) -> Bounds {
        let last = count(min, max, step) - 1;
        let (number, min, _, step) = widen(bucket.into(), min, max, step);
        Bounds {
            lo: (bucket > 0).then(|| min + (number - 1) * step),
            hi: (bucket < last).then(|| min + number * step),
        }
    }

    /// Differences of i64 do not fit i64; a step of zero or less and an empty range are refused by `sema`, and
    /// only kept from dividing by zero here.
    fn widen(value: i64, min: i64, max: i64, step: i64) -> (i128, i128, i128, i128) {
        (value.into(), min.into(), max.max(min).into(), step.max(1).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two() {
        let numbers: Vec<u32> = [0, 1, 2, 3, 4, 7, 8, 1023, 1024, u64::MAX].map(|v| bucket(v, 0)).to_vec();
        assert_eq!(numbers, [1, 2, 3, 3, 4, 4, 5, 11, 12, 65]);
        assert_eq!(bucket_count(0), 66);
        assert_eq!(bucket_signed(-1, 0), 0);
        assert_eq!(bucket_signed(i64::MIN, 3), 0);
        assert_eq!(bucket_signed(5, 0), 4);
    }

    #[test]
    fn parts_of_powers() {
        assert_eq!(bounds(bucket(16, 3), 3), Bounds { lo: Some(16), hi: Some(18) });
        assert_eq!(bounds(bucket(1023, 3), 3), Bounds { lo: Some(960), hi: Some(1024) });
        assert_eq!(bounds(bucket(7, 3), 3), Bounds { lo: Some(7), hi: Some(8) });
    }

    /// Buckets tile the numbers without gap or overlap, and `bucket` finds the one whose bounds hold the value.
    #[test]
    fn bounds_are_the_inverse_of_bucket() {
        for bits in 0..=MAX_BITS {
            assert_eq!(bounds(0, bits).hi, bounds(1, bits).lo);
            for number in 1..bucket_count(bits) {
                let Bounds { lo: Some(lo), hi: Some(hi) } = bounds(number, bits) else { panic!("{number}") };
                assert_eq!(bucket(lo as u64, bits), number, "bits {bits} lo {lo}");
                assert_eq!(bucket((hi - 1) as u64, bits), number, "bits {bits} hi {hi}");
                if number + 1 < bucket_count(bits) {
                    assert_eq!(bounds(number + 1, bits).lo, Some(hi));
                } else {
                    assert_eq!(hi, 1 << 64);
                }
            }
        }
    }

    #[test]
    fn linear_buckets() {
        use linear::{bounds, bucket, count};
        let numbers = [-1, 0, 9, 10, 99, 100, 5000].map(|v| bucket(v, 0, 100, 10));
        assert_eq!(numbers, [0, 1, 1, 2, 10, 11, 11]);
        assert_eq!(count(0, 100, 10), 12);
        assert_eq!(bounds(0, 0, 100, 10), Bounds { lo: None, hi: Some(0) });
        assert_eq!(bounds(1, 0, 100, 10), Bounds { lo: Some(0), hi: Some(10) });
        assert_eq!(bounds(11, 0, 100, 10), Bounds { lo: Some(100), hi: None });
        // A step that does not divide the range.
        assert_eq!([89, 90, 100].map(|v| bucket(v, 0, 100, 30)), [3, 4, 4]);
        assert_eq!(bounds(4, 0, 100, 30), Bounds { lo: Some(90), hi: None });
        assert_eq!(bucket(i64::MAX, i64::MIN, i64::MAX, i64::MAX), 3);
    }
}
