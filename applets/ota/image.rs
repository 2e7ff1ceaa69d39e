//! An image to read from, at any place: what is packed, and what a delta is applied to.
//!
//! Read in pieces, never as a whole, so that memory does not follow the size of the image. Neighbours: `delta` and
//! `bundle::write` read, `verbs` open.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use edgekit_store::Disk;

use crate::bundle::manifest::MAX_SIZE;
use crate::bundle::tree::{self, Hash, PAGE};
use crate::fault::Fault;
use crate::slot::archive::walk;

/// Bytes with a size, that do not change while they are read.
pub trait Image {
    /// Bytes.
    fn size(&self) -> u64;
    /// Fills `into` from a place; all of it lies inside.
    ///
    /// # Errors
    /// [`Fault::Io`], and where the end came early.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Fault>;
}

/// Opens what a bundle is made of: a file, a block device, or a folder as its archive.
///
/// # Errors
/// Those of [`FileImage::open`]; for a folder, what an archive cannot hold.
pub fn open(path: &Path) -> Result<Box<dyn Image>, Fault> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.is_dir()) {
        walk::is_text(path)?;
        return Ok(Box::new(walk::Archive::of(Arc::new(Disk), path)?));
    }
    Ok(Box::new(FileImage::open(path)?))
}

/// A file or a block device.
#[derive(Debug)]
pub struct FileImage {
    file: File,
    place: String,
    size: u64,
}

impl FileImage {
    /// Opens it to be read.
    ///
    /// # Errors
    /// [`Fault::Io`]; [`Fault::Input`] for what has no size, such as a folder or a pipe.
    pub fn open(path: &Path) -> Result<FileImage, Fault> {
        let place = path.display().to_string();
        let mut file = File::open(path).map_err(Fault::io("open", path))?;
        let kind = file.metadata().map_err(Fault::io("look at", path))?.file_type();
        use std::os::unix::fs::FileTypeExt;
        if !kind.is_file() && !kind.is_block_device() {
            return Err(Fault::Input {
                place,
                what: "is no file and no block device".to_owned(),
                hint: "an image is a file of its bytes, a block device or a folder",
            });
        }
        let size = file.seek(SeekFrom::End(0)).map_err(Fault::io("measure", path))?;
        if size > MAX_SIZE {
            return Err(Fault::Input {
                place,
                what: format!("has {size} bytes, and an image may have {MAX_SIZE}"),
                hint: "split it into several components",
            });
        }
        Ok(FileImage { file, place, size })
    }

    /// The path it was opened by.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl Image for FileImage {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Fault> {
        self.file.read_exact_at(into, at).map_err(Fault::io("read", &self.place))
    }
}

impl Image for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Fault> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        match start.checked_add(into.len()).and_then(|end| self.get(start..end)) {
            Some(bytes) => into.copy_from_slice(bytes),
            None => return Err(Fault::Machine(format!("read past the end of an image, at byte {at}"))),
        }
        Ok(())
    }
}

/// The beginning of an image: of a partition that is larger than what was written to it.
pub struct Prefix<'a> {
    image: &'a dyn Image,
    size: u64,
}

impl<'a> Prefix<'a> {
    /// The first `size` bytes; `None` if there are not so many.
    pub fn of(image: &'a dyn Image, size: u64) -> Option<Prefix<'a>> {
        (image.size() >= size).then_some(Prefix { image, size })
    }
}

impl Image for Prefix<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Fault> {
        self.image.read(at, into)
    }
}

/// True if there is nothing but zeros: as fast as memory, since most of many images is.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|piece| *piece == ZEROS[..piece.len()])
}

/// The strictest address that storage asks for.
const ALIGNED: usize = 4096;

/// The hashes of all pages of an image, read once from front to back; `progress` may end it.
///
/// # Errors
/// Those of reading, and of `progress`.
pub fn pages(
    image: &dyn Image,
    progress: &mut dyn FnMut(u64) -> Result<(), Fault>,
) -> Result<Vec<Hash>, Fault> {
    let (size, count) = (image.size(), tree::pages_of(image.size()));
    let mut hashes = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    // Begins where a read past the page cache may put its bytes.
    let mut room = vec![0; PAGE + ALIGNED];
    let start = room.as_ptr().align_offset(ALIGNED).min(ALIGNED);
    for number in 0..count {
        let bytes = &mut room[start..start + tree::page_len(size, number)];
        image.read(number * PAGE as u64, bytes)?;
        hashes.push(tree::page_hash(bytes, number, count));
        progress(bytes.len() as u64)?;
    }
    Ok(hashes)
}
