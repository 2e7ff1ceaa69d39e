//! The proof: every state a power cut could leave is opened and looked at.
//!
//! [`Recorder`] is a disk in memory that writes down each operation and flush (`recorder.rs`). [`power`] walks that
//! record and, at every operation, makes the disks a power cut could leave: what was flushed is there, of the rest
//! any part, down to the sector and torn inside it; names that were not flushed may or may not have changed.
//! The proof proves itself by [`power::Fault`]: a record with one flush left out, or two operations swapped, must
//! turn it red. `table.rs`, `folder.rs` and `fat.rs` hold the store to it; with the feature `proof`, other crates do the same.

pub mod power;
mod recorder;
mod scratch;

pub use recorder::{Made, Op, Recorder, Step};
pub use scratch::Scratch;

#[cfg(test)]
mod fat;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod table;

/// Numbers that look random and are the same each time (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }
}
