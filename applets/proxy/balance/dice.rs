//! Numbers that nobody's secret depends on: fast, even, and repeatable from a seed.

use std::cell::Cell;

/// SplitMix64, one a worker or chooser.
#[derive(Debug)]
pub struct Dice {
    state: Cell<u64>,
}

impl Dice {
    /// Begins with `seed`; the same seed gives the same numbers.
    pub fn new(seed: u64) -> Dice {
        Dice { state: Cell::new(seed) }
    }

    /// Any number.
    pub fn roll(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        mixed(state)
    }

    /// A number below `count`, which is at least 1.
    pub fn below(&self, count: usize) -> usize {
        // The high half of the product is even over 0..count.
        ((u128::from(self.roll()) * count as u128) >> 64) as usize
    }
}

/// Spreads the bits of a number over all of them.
pub(crate) fn mixed(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
