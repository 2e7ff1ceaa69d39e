//! A folder as one image: an archive that any tar reads, of which there is exactly one for each folder.
//!
//! POSIX.1-2017 pax, section "pax Interchange Format", in its simplest form: a header of 512 bytes in the ustar layout
//! for each name, with an extended header before it only where a value does not fit, the bytes in blocks of 512, two
//! blocks of zeros at the end. The folder itself comes first, as `./`; names stand in the order of their bytes, a
//! folder before what is in it. Kept are mode, owner numbers, and for files and links the second of the last change;
//! not kept are names of users, times of folders, extended attributes (and so file capabilities), and that two names
//! are one file.
//!
//! Because there is one way to write each entry, a reader decodes it, encodes it again and compares: what would read
//! back otherwise once it is unpacked is refused when it comes in. The same archive is what a delta is made against and
//! what is proven after it was written.
//!
//! | room | knows |
//! |---|---|
//! | `entry` | one name: what it may be, and its header |
//! | `unpack` | an archive that comes in pieces becomes a folder, to be gone on with at any byte |
//! | `walk` | a folder read as its archive, at any place |
//!
//! Neighbours: `super::folder` is the slot of it; `bundle create` takes folders through `walk`.

pub(crate) mod entry;
#[cfg(test)]
mod tests;
pub mod unpack;
pub mod walk;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 512;
/// Blocks of zeros at the end.
pub(crate) const END: usize = 2 * BLOCK;

/// Bytes with those that fill up the last block.
pub(crate) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK as u64)
}
