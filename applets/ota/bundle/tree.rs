//! The BLAKE3 tree of an image: pages that can be checked one by one against the one digest.
//!
//! BLAKE3 is a tree of its own: the digest of a whole image follows from the chaining values of its pages of 1 MiB.
//! So a list of those values is proven by the digest in the manifest, which is also what `b3sum` prints, and each
//! page is proven by the list before it is written.
//!
//! Neighbours: `read` checks lists and pages, `write` makes them.

use blake3::Hasher;
use blake3::hazmat::{self, HasherExt, Mode};

/// Bytes of a page; the last one of an image may be shorter. A power of two, as subtrees of BLAKE3 must be.
pub const PAGE: usize = 1 << 20;
/// Pages of the largest image: 128 GiB.
pub const MAX_PAGES: u64 = 1 << 17;
/// Bytes of a hash.
pub const HASH: usize = 32;

/// A BLAKE3 digest, or the chaining value of a page.
pub type Hash = [u8; HASH];

/// How many pages an image of `size` bytes has. An empty one has none.
pub fn pages_of(size: u64) -> u64 {
    size.div_ceil(PAGE as u64)
}

/// The length of a page.
pub fn page_len(size: u64, page: u64) -> usize {
    let start = page.saturating_mul(PAGE as u64);
    usize::try_from(size.saturating_sub(start)).map_or(PAGE, |left| left.min(PAGE))
}

/// What the list says of page `page` of `pages`: its chaining value, or, where it is the only one, its digest.
pub fn page_hash(bytes: &[u8], page: u64, pages: u64) -> Hash {
    let mut hasher = Hasher::new();
    if pages < 2 {
        return *hasher.update(bytes).finalize().as_bytes();
    }
    hasher.set_input_offset(page * PAGE as u64);
    hasher.update(bytes).finalize_non_root()
}

/// The digest of an image from the hashes of its pages.
pub fn digest(pages: &[Hash]) -> Hash {
    match pages {
        [] => *blake3::hash(&[]).as_bytes(),
        [only] => *only,
        _ => {
            let (left, right) = pages.split_at(left(pages.len()));
            *hazmat::merge_subtrees_root(&join(left), &join(right), Mode::Hash).as_bytes()
        }
    }
}

/// The chaining value of neighbouring pages. As deep as the tree: 17 levels at most.
fn join(pages: &[Hash]) -> Hash {
    match pages {
        // Not reached: a side of a split has a page.
        [] => [0; HASH],
        [only] => *only,
        _ => {
            let (left, right) = pages.split_at(left(pages.len()));
            hazmat::merge_subtrees_non_root(&join(left), &join(right), Mode::Hash)
        }
    }
}

/// The left side of a subtree is the largest power of two that leaves something to the right.
fn left(pages: usize) -> usize {
    (pages.div_ceil(2)).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[test]
    fn the_list_makes_the_digest_of_the_whole() {
        for len in [0, 1, 1024, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 3 * PAGE - 5, 5 * PAGE, 9 * PAGE + 77] {
            let image = image(len);
            let count = pages_of(len as u64);
            let pages: Vec<Hash> = image
                .chunks(PAGE)
                .enumerate()
                .map(|(page, bytes)| page_hash(bytes, page as u64, count))
                .collect();
            assert_eq!(pages.len() as u64, count);
            assert_eq!(digest(&pages), *blake3::hash(&image).as_bytes(), "{len}");
        }
    }

    #[test]
    fn a_page_elsewhere_is_another_page() {
        let page = image(PAGE);
        assert_ne!(page_hash(&page, 0, 3), page_hash(&page, 1, 3));
    }

    #[test]
    fn the_last_page_is_the_rest() {
        assert_eq!(page_len(PAGE as u64 + 5, 0), PAGE);
        assert_eq!(page_len(PAGE as u64 + 5, 1), 5);
        assert_eq!(page_len(PAGE as u64 + 5, 2), 0);
        assert_eq!(page_len(u64::MAX, u64::MAX), 0);
    }
}
