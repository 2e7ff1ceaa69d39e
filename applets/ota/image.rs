//! An image to read from, at any place: what is packed, and what a delta is applied to.
//!
//! Read in pieces, never as a whole, so that memory does not follow the size of the image. Neighbours: `delta` and
//! `bundle::write` read, `verbs` open.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use edgekit_store::{BlockBuf, Disk};

use crate::bundle::manifest::MAX_SIZE;
use crate::bundle::tree::{self, Hash, PAGE};
use crate::fault::Fault;
use crate::slot::archive::walk;

/// Bytes with a size, that do not change while they are read; several threads may.
pub trait Image: Sync {
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

/// The hashes of all pages of an image, read once; `progress` may end it.
///
/// Two threads take every second page each, so that storage does not stand still while a page is hashed.
///
/// # Errors
/// Those of reading, and of `progress`; [`Fault::Machine`] where no thread can be had.
pub fn pages(
    image: &dyn Image,
    progress: &mut dyn FnMut(u64) -> Result<(), Fault>,
) -> Result<Vec<Hash>, Fault> {
    let (size, count) = (image.size(), tree::pages_of(image.size()));
    // Bytes of the other thread that nobody was told of yet; and whether one of the two gave up.
    let (other, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let every_second = |first: u64, told: &mut dyn FnMut(u64) -> Result<(), Fault>| {
        let (mut hashes, mut page) = (Vec::new(), BlockBuf::default());
        for number in (first..count).step_by(2) {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let bytes = page.sized(tree::page_len(size, number));
            let outcome = image.read(number * PAGE as u64, bytes).and_then(|()| {
                hashes.push(tree::page_hash(bytes, number, count));
                told(bytes.len() as u64)
            });
            if let Err(fault) = outcome {
                is_over.store(true, Ordering::Relaxed);
                return Err(fault);
            }
        }
        Ok(hashes)
    };
    let (even, odd) = thread::scope(|scope| -> Result<_, Fault> {
        let second = || {
            every_second(1, &mut |bytes| {
                other.fetch_add(bytes, Ordering::Relaxed);
                Ok(())
            })
        };
        let odd = thread::Builder::new()
            .name("hash".to_owned())
            .spawn_scoped(scope, second)
            .map_err(|error| Fault::Machine(format!("cannot start a thread that hashes: {error}")))?;
        let even = every_second(0, &mut |bytes| progress(bytes + other.swap(0, Ordering::Relaxed)));
        let odd = odd.join().map_err(|_| Fault::Machine("a thread that hashes ended early".to_owned()))?;
        Ok((even?, odd?))
    })?;
    progress(other.into_inner())?;
    let mut odd = odd.into_iter();
    Ok(even.into_iter().flat_map(|hash| [Some(hash), odd.next()]).flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_make_the_digest_of_the_whole() {
        for size in [0, 1, PAGE, PAGE + 1, 5 * PAGE - 7] {
            let image: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
            let mut read = 0;
            let hashes = pages(&&*image, &mut |bytes| {
                read += bytes;
                Ok(())
            });
            let hashes = hashes.expect("bytes can be read");
            assert_eq!(tree::digest(&hashes), *blake3::hash(&image).as_bytes(), "{size}");
            assert_eq!(read, size as u64);
        }
    }

    /// Cannot be read any more from its third page on.
    struct Torn;

    impl Image for Torn {
        fn size(&self) -> u64 {
            8 * PAGE as u64
        }

        fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Fault> {
            if at >= 2 * PAGE as u64 {
                return Err(Fault::Machine(format!("torn at {at}")));
            }
            into.fill(1);
            Ok(())
        }
    }

    #[test]
    fn what_ends_the_reading_is_what_is_told() {
        let told = |outcome: Result<Vec<Hash>, Fault>| outcome.expect_err("it was ended").to_string();
        let torn = told(pages(&Torn, &mut |_| Ok(())));
        assert!(torn.starts_with("torn at "), "{torn}");
        let mut asked = 0;
        let stop = &mut |_| {
            asked += 1;
            Err(Fault::Machine("enough".to_owned()))
        };
        assert_eq!(told(pages(&&*vec![0; 64 * PAGE], stop)), "enough");
        assert_eq!(asked, 1);
    }
}
