//! Which search is used for a pair of images.
//!
//! The best one holds both images in memory, so it is for images that fit; the others take any size. The choice
//! depends on the sizes alone, never on the machine: the same input makes the same bundle wherever it is made.
//! Whether a delta is worth its place beside the full image is seen when both are written (`bundle::write`).

use super::matcher::{self, Cover};
use super::seeds::Seeds;
use super::{blocks, chunks, stretch};
use crate::fault::Fault;
use crate::image::Image;

/// How to look for what two images share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// Nearly equal stretches anywhere, both images in memory.
    Binary,
    /// Equal pieces, cut by content.
    Chunks,
    /// Blocks of the old image, anywhere in the new one.
    Blocks,
}

impl Method {
    /// All of them, the best first.
    pub(crate) const ALL: [Method; 3] = [Method::Binary, Method::Chunks, Method::Blocks];

    /// As it is named to users.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Method::Binary => "binary",
            Method::Chunks => "chunks",
            Method::Blocks => "blocks",
        }
    }

    /// The best one that images of these sizes allow.
    pub(crate) fn for_sizes(old: u64, new: u64) -> Method {
        if Method::Binary.takes(old, new) { Method::Binary } else { Method::Chunks }
    }

    /// True if images of these sizes can be searched like this.
    pub(crate) fn takes(self, old: u64, new: u64) -> bool {
        self != Method::Binary || old.saturating_add(new) <= IN_MEMORY
    }
}

/// Both images together, where they are held in memory; the index takes half of that again at most.
const IN_MEMORY: u64 = 2 << 30;
/// Places of the old image that are indexed, at most: 1 GiB of links.
const PLACES: usize = 1 << 28;

/// What of `new` is in `old`.
///
/// # Errors
/// Those of reading.
pub(crate) fn covers(
    method: Method,
    old: &dyn Image,
    new: &dyn Image,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Cover>, Fault> {
    let mut covers = match method {
        Method::Blocks => blocks::covers(old, new, progress)?,
        Method::Chunks => chunks::covers(old, new, progress)?,
        Method::Binary => {
            let (old, new) = (whole(old)?, whole(new)?);
            let seeds = Seeds::new(&old, old.len().div_ceil(PLACES).max(1));
            return Ok(matcher::covers(&old, &new, &seeds, progress));
        }
    };
    stretch::all(old, new, &mut covers)?;
    Ok(covers)
}

fn whole(image: &dyn Image) -> Result<Vec<u8>, Fault> {
    let size = usize::try_from(image.size()).ok().filter(|size| *size as u64 <= IN_MEMORY);
    let size = size.ok_or_else(|| Fault::Machine("the image does not fit into memory".to_owned()))?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(size)
        .map_err(|_| Fault::Machine(format!("no memory for an image of {size} bytes")))?;
    bytes.resize(size, 0);
    image.read(0, &mut bytes)?;
    Ok(bytes)
}
