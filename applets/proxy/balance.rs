//! Which endpoint of a cluster is next. One chooser a cluster and worker: nothing is shared.

use std::cell::Cell;

use crate::config;

/// Chooses among endpoints.
pub trait Balance {
    /// A position below `count`, which is at least 1.
    fn pick(&self, count: usize) -> usize;
}

/// The chooser of a cluster. `seed` differs from worker to worker, so that they do not all begin
/// with the same endpoint.
pub(crate) fn chooser(kind: config::Balance, seed: u64) -> Box<dyn Balance> {
    let random = Random { state: Cell::new(seed) };
    match kind {
        config::Balance::Random => Box::new(random),
        config::Balance::RoundRobin => Box::new(RoundRobin { next: Cell::new(random.pick(usize::MAX)) }),
    }
}

struct RoundRobin {
    next: Cell<usize>,
}

impl Balance for RoundRobin {
    fn pick(&self, count: usize) -> usize {
        let next = self.next.get();
        self.next.set(next.wrapping_add(1));
        next % count
    }
}

/// SplitMix64: fast, even, and nobody's secret depends on it.
struct Random {
    state: Cell<u64>,
}

impl Balance for Random {
    fn pick(&self, count: usize) -> usize {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The high half of the product is even over 0..count.
        ((u128::from(mixed) * count as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_in_turn() {
        let chooser = chooser(config::Balance::RoundRobin, 7);
        let first = chooser.pick(3);
        let next: Vec<usize> = (1..=6).map(|step| (first + step) % 3).collect();
        assert_eq!((0..6).map(|_| chooser.pick(3)).collect::<Vec<_>>(), next);
    }

    #[test]
    fn random_is_even() {
        let chooser = chooser(config::Balance::Random, 7);
        let mut counts = [0_u32; 8];
        for _ in 0..80_000 {
            counts[chooser.pick(8)] += 1;
        }
        let chi: f64 = counts.iter().map(|count| (f64::from(*count) - 10_000.0).powi(2) / 10_000.0).sum();
        // Seven degrees of freedom: above this in one case of a thousand.
        assert!(chi < 24.3, "{counts:?}");
    }
}
