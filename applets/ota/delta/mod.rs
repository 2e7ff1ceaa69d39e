//! From an old image to a new one: what is alike, and how the rest is written down.
//!
//! ```text
//! old, new ─ seeds, matcher │ chunks │ blocks ─▶ covers ─ encode ─▶ blocks ─▶ (bundle) ─▶ blocks ─ decode ─▶ pages
//! ```
//! A full image is a delta that covers nothing, so there is one way to write a payload down and one to read it.
//!
//! | room | knows |
//! |---|---|
//! | `seeds`, `matcher` | stretches that are nearly equal, wherever they are; both images in memory |
//! | `chunks` | pieces that are equal, cut by content; images of any size |
//! | `blocks` | blocks of the old image, anywhere in the new one; images of any size |
//! | `found`, `stretch` | what these two found, compared; how far it goes on |
//! | `encode`, `streams` | pages as operations, several pages as one compressed block |
//! | `decode` | pages from a block and the old image, read in windows |
//! | `varint`, `zstd` | numbers; the compressor |

mod blocks;
mod chunks;
mod decode;
mod encode;
mod found;
mod matcher;
mod plan;
mod seeds;
mod streams;
mod stretch;
#[cfg(test)]
mod tests;
mod varint;
mod zstd;

pub use decode::{Decoder, Wrong};
pub(crate) use encode::{Block, encode};
pub(crate) use matcher::Cover;
pub(crate) use plan::{Method, covers};
pub use streams::{MAX_RAW, MAX_STORED};
