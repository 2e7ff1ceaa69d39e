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

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::bundle::source::{FileSource, Reader};

    /// A manifest whose payloads take 6 GiB each.
    fn manifest() -> Manifest {
        let hash = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        let component = |name: &str| {
            format!(
                "[component.{name}]\nsize = 6442450944\ndigest = '{hash}'\n[component.{name}.payload.full]\n\
                 blocks = 6144\nstored = 6442450944\nindex = '{hash}'\n"
            )
        };
        let text = format!("format = 1\nname = 'x'\nversion = '1'\n{}{}", component("a"), component("b"));
        Manifest::parse("x", &text).expect("it reads")
    }

    #[test]
    fn parts_past_four_gigabytes_lie_one_after_the_other() {
        let manifest = manifest();
        let parts = parts(&manifest, 100);
        let mut at = 100;
        for part in &parts {
            assert_eq!(part.at, at);
            at += part.len;
        }
        assert_eq!(parts.len(), 6);
        assert_eq!(at, 100 + 2 * (6144 * 32 + 6144 * 40 + 6_442_450_944));
    }

    #[test]
    fn a_reader_passes_over_gigabytes() {
        let path = std::env::temp_dir().join(format!("edgekit-ota-passed-{}", std::process::id()));
        let mut file = std::fs::File::create(&path).expect("made");
        let place = (9_u64 << 30) + 7;
        file.seek(SeekFrom::Start(place)).and_then(|_| file.write_all(b"here")).expect("written");
        let mut source = FileSource::open(&path).expect("opened");
        std::fs::remove_file(&path).expect("removed");
        let mut reader = Reader::new(&mut source);
        reader.go_to(place).expect("passed over");
        let mut bytes = [0; 4];
        reader.fill(&mut bytes, "a word").expect("read");
        assert_eq!((&bytes, reader.at()), (b"here", place + 4));
        reader.end().expect("nothing follows");
        reader.go_to(0).expect_err("never back");
    }
}
