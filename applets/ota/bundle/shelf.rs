//! What was fetched and not used up yet, kept for the next process: lists of hashes, and the block at hand.
//!
//! A process that is killed in the middle of a block would fetch its beginning again, and all lists with it: on a link
//! that fails once a minute that is most of what it fetches. So they lie in files as they arrive, named by their
//! hashes, in a folder that need not outlive a power cut (`/run`): nothing is flushed, and whoever takes something from
//! here proves it as if it had come from the server. A shelf that cannot be written keeps nothing, and all is fetched.
//!
//! Neighbours: `read` puts and takes, `apply` says where and clears it at the end.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::tree::{HASH, Hash};
use crate::hex::Hex;

/// The file of the block at hand: its hash, and so much of it as there is.
const BLOCK: &str = "block";

/// A folder of what one bundle needs.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    /// The file of the block at hand, if there is one to write to.
    block: Option<File>,
}

impl Shelf {
    /// The shelf of this bundle below `folder`; what others left there is removed.
    pub fn open(folder: &Path, bundle: &Hex) -> Shelf {
        let name = bundle.to_string();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str() != Some(name.as_str()) {
                // What cannot be removed takes room, and does no harm.
                let _left = fs::remove_dir_all(entry.path());
            }
        }
        let folder = folder.join(name);
        // What is fetched is its author's secret, perhaps.
        let _unkept = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        Shelf { folder, block: None }
    }

    /// All is done: nothing is kept.
    pub fn clear(self) {
        let _left = fs::remove_dir_all(&self.folder);
    }

    /// The list of this digest and length, to be proven.
    pub(crate) fn list(&self, digest: &Hash, len: usize) -> Option<Vec<u8>> {
        let mut list = Vec::new();
        let file = File::open(self.folder.join(Hex(*digest).to_string())).ok()?;
        file.take(len as u64 + 1).read_to_end(&mut list).ok()?;
        (list.len() == len).then_some(list)
    }

    /// Keeps a list that was proven.
    pub(crate) fn keep(&self, digest: &Hash, list: &[u8]) {
        // One that is cut short has another length.
        let _unkept = fs::write(self.folder.join(Hex(*digest).to_string()), list);
    }

    /// Begins a block: fills in what is here of it, and says how much that is.
    pub(crate) fn begin(&mut self, hash: &Hash, into: &mut [u8]) -> usize {
        self.block = None;
        let path = self.folder.join(BLOCK);
        let mut options = OpenOptions::new();
        let Ok(mut file) = options.read(true).write(true).create(true).truncate(false).open(path) else {
            return 0;
        };
        let mut of = [0; HASH];
        let mut held = 0;
        if file.read_exact(&mut of).is_ok() && of == *hash {
            while let Ok(read @ 1..) = file.read(&mut into[held..]) {
                held += read;
            }
        } else if file.set_len(0).is_err() || self.rewrite(&mut file, hash).is_none() {
            return 0;
        }
        self.block = Some(file);
        held
    }

    /// The next bytes of the block.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if self.block.as_mut().is_some_and(|file| file.write_all(bytes).is_err()) {
            self.block = None;
        }
    }

    /// The block was not what it should be: nothing of it is kept.
    pub(crate) fn forget(&mut self) {
        self.block = None;
        let _left = fs::remove_file(self.folder.join(BLOCK));
    }

    fn rewrite(&self, file: &mut File, hash: &Hash) -> Option<()> {
        file.seek(SeekFrom::Start(0)).ok()?;
        file.write_all(hash).ok()
    }
}
