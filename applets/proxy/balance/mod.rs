//! Which endpoint of a cluster is next. One chooser a cluster and worker: nothing is shared.

mod dice;

use std::cell::Cell;

pub use dice::Dice;

use crate::config;

/// Chooses among endpoints.
pub trait Balance {
    /// A position below `count`, which is at least 1.
    fn pick(&self, count: usize) -> usize;
}

/// The chooser of a cluster. `seed` differs from worker to worker, so that they do not all begin
/// with the same endpoint.
pub(crate) fn chooser(kind: config::Balance, seed: u64) -> Box<dyn Balance> {
    let dice = Dice::new(seed);
    match kind {
        config::Balance::Random => Box::new(dice),
        config::Balance::RoundRobin => Box::new(RoundRobin { next: Cell::new(dice.below(usize::MAX)) }),
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

impl Balance for Dice {
    fn pick(&self, count: usize) -> usize {
        self.below(count)
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
