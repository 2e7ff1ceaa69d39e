//! The proof of the store, and what other crates need for theirs.

mod scratch;

pub use scratch::Scratch;
