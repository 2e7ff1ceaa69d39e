//! Where the parts of a bundle lie: they stand one after the other, in the order of the manifest.
//!
//! Neighbours: `read` walks along it, `write` fills it.

use super::manifest::Manifest;
use super::tree::HASH;

/// Bytes of an entry in the list of a payload's blocks: length, pages, hash.
pub(crate) const ENTRY: usize = 4 + 4 + HASH;

/// What a part is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind<'a> {
    /// The hashes of an image's pages.
    Pages,
    /// The list of a payload's blocks.
    Index(&'a str),
    /// The blocks of a payload.
    Blocks(&'a str),
}

/// A part of the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) component: &'a str,
    pub(crate) kind: Kind<'a>,
    /// Where it begins, from the first byte of the bundle.
    pub(crate) at: u64,
    /// Bytes.
    pub(crate) len: u64,
}

/// The parts of a body that begins at `body`. The manifest was checked: the sums stay far below 2^64.
pub(crate) fn parts(manifest: &Manifest, body: u64) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut at = body;
    let mut add = |component, kind, len| {
        parts.push(Part { component, kind, at, len });
        at += len;
    };
    for (name, component) in &manifest.component {
        add(name.as_str(), Kind::Pages, component.pages() * HASH as u64);
        for (payload_name, payload) in &component.payload {
            add(name, Kind::Index(payload_name), payload.blocks * ENTRY as u64);
            add(name, Kind::Blocks(payload_name), payload.stored);
        }
    }
    parts
}
