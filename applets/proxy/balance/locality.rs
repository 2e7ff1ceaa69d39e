//! How much of the work stays in the proxy's own zone.
//!
//! All of it, while enough of the zone's endpoints are well; what they cannot carry goes to those of the
//! other zones, among whom it is spread as within one. `health` counts who is well.

/// What a zone can carry beside what it is there for: 1.4 is what Envoy takes for it, so that requests
/// leave a zone once more than two in seven of its endpoints are ill.
const RESERVE: f64 = 1.4;

/// The share of requests that stays, of endpoints that weigh `all` and of which `well` is well.
pub fn share(well: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { (well as f64 / all as f64 * RESERVE).min(1.0) }
}

/// The number up to which numbers drawn by chance stay.
pub(super) fn threshold(share: f64) -> u64 {
    // A float too large becomes the largest number.
    (share * u64::MAX as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_keeps_what_it_can_carry() {
        let cases = [(0, 4, 0.0), (1, 4, 0.35), (2, 4, 0.7), (3, 4, 1.0), (4, 4, 1.0), (0, 0, 0.0)];
        for (well, all, wanted) in cases {
            assert!((share(well, all) - wanted).abs() < 1e-9, "{well} of {all}");
        }
        // Two in seven may be ill.
        assert!((share(5, 7) - 1.0).abs() < 1e-9 && share(4, 7) < 1.0);
        assert_eq!((threshold(0.0), threshold(1.0)), (0, u64::MAX));
        assert_eq!(threshold(0.5), 1 << 63);
    }
}
