//! HPACK (RFC 7541): fields of a head in few bytes, by two tables and a Huffman code.
//!
//! `fixed.rs` is the table everybody knows, `table.rs` the one a connection builds up, `huffman.rs`
//! the code; [`Decoder`] and [`Encoder`] are one direction of a connection each.

mod decoder;
mod encoder;
mod fixed;
mod huffman;
mod table;
#[cfg(test)]
mod tests;

pub use decoder::{Decoder, Malformed};
pub use encoder::Encoder;
