//! The bundle: one file that can be read from front to back, and proves itself as it goes.
//!
//! ```text
//! head (56 bytes) │ manifest, signed │ lists of keys │ component by component:
//!                                                       pages │ payload by payload: blocks' hashes │ blocks
//! ```
//! What is signed is small and comes first; it proves the digest of each image and of each list of hashes, a list
//! proves each block before it is unpacked, and the image's own tree proves each page before it is written. Places
//! are not stored but follow from the sizes in the manifest, so nothing can overlap, be left out or be moved.
//! `man 5 edgekit-bundle` is the format for others.
//!
//! | room | knows |
//! |---|---|
//! | `manifest` | what a bundle says of itself, as text |
//! | `head` | the fixed bytes in front, and what is in memory before anything is believed |
//! | `layout` | where each part lies |
//! | `tree` | pages and the digest they make |
//! | `read` | a bundle that is trusted: its parts, checked |
//! | `write` | a bundle from images; the same with other signatures |
//! | `seal` | blocks that only some devices can read |
//! | `shelf` | what was fetched and not used up, for the next process |
//! | `source` | where the bytes come from: files, servers |

pub(crate) mod head;
pub(crate) mod layout;
pub(crate) mod manifest;
pub mod read;
pub(crate) mod seal;
pub mod shelf;
pub mod source;
#[cfg(test)]
mod tests;
pub mod tree;
pub(crate) mod write;

pub use head::Head;
pub(crate) use layout::ENTRY;
pub(crate) use manifest::MAX_SIZE;
pub use manifest::{Component, Manifest, Payload};
