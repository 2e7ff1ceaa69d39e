//! What was fetched and not used up yet, kept for the next process: lists of hashes, and the block at hand. Beside it,
//! how far each component is written.
//!
//! A process that is killed in the middle of a block would fetch its beginning again, and all lists with it: on a link
//! that fails once a minute that is most of what it fetches. So they lie in files as they arrive, named by their
//! hashes, in a folder that need not outlive a power cut (`/run`): nothing is flushed, and whoever takes something from
//! here proves it as if it had come from the server. A shelf that cannot be written keeps nothing, and all is fetched.
//! How far a component is written ([`Marks`]) counts only while the machine runs: what the page cache holds outlives a
//! process, and nothing else.
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

/// What names the time from one start of the machine to the next, and its bytes.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
const BOOT_LEN: usize = 36;

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
            // Nothing is touched that no shelf is called, whoever else has been given this folder.
            let is_shelf = entry.file_name().to_str().is_some_and(|other| other.parse::<Hex>().is_ok());
            if is_shelf && entry.file_name().to_str() != Some(name.as_str()) {
                // What cannot be removed takes room, and does no harm.
                let _left = fs::remove_dir_all(entry.path());
            }
        }
        let folder = folder.join(name);
        // What is fetched is its author's secret, perhaps.
        let _unkept = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        Shelf { folder, block: None }
    }

    /// How far its components are written.
    pub fn marks(&self) -> Marks {
        Marks { folder: self.folder.clone(), boot: fs::read(BOOT).unwrap_or_default() }
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

/// How far components are written, durable or not, for a process that takes over from one that was killed.
#[derive(Debug)]
pub struct Marks {
    folder: PathBuf,
    boot: Vec<u8>,
}

impl Marks {
    /// Pages of a component that were written since the machine was started, and what its slot asked to be reminded of.
    pub fn of(&self, component: &str) -> Option<(u64, Vec<u8>)> {
        let bytes = fs::read(self.path(component)).ok()?;
        let (pages, memo) = bytes.strip_prefix(&self.boot[..])?.split_first_chunk()?;
        Some((u64::from_le_bytes(*pages), memo.to_vec()))
    }

    /// Writes it down, after a page.
    pub fn put(&self, component: &str, pages: u64, memo: &[u8]) {
        // Without its name a start of the machine cannot be told from the one before.
        if self.boot.len() < BOOT_LEN {
            return;
        }
        let (path, bytes) = (self.path(component), [&self.boot[..], &pages.to_le_bytes(), memo].concat());
        let new = path.with_extension("new");
        // One that cannot be written leaves an older one, which is as true.
        let _unkept = fs::write(&new, bytes).and_then(|()| fs::rename(&new, &path));
    }

    /// The component is begun anew.
    pub fn forget(&self, component: &str) {
        let _left = fs::remove_file(self.path(component));
    }

    fn path(&self, component: &str) -> PathBuf {
        // Never a name of the others, which are digests and `block`.
        self.folder.join(format!("{component}.at"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_store::proof::Scratch;

    #[test]
    fn what_another_start_of_the_machine_has_left_says_nothing() {
        let scratch = Scratch::new();
        let shelf = Shelf::open(&scratch.path("ota"), &Hex([1; HASH]));
        let marks = shelf.marks();
        assert_eq!(marks.of("app"), None);
        marks.put("app", 3, b"memo");
        marks.put("model", 5, b"");
        let mut other = Shelf::open(&scratch.path("ota"), &Hex([1; HASH])).marks();
        assert_eq!(
            (other.of("app"), other.of("model")),
            (Some((3, b"memo".to_vec())), Some((5, Vec::new())))
        );
        other.forget("model");
        assert_eq!(marks.of("model"), None);
        other.boot.reverse();
        assert_eq!(other.of("app"), None);
        fs::write(other.path("app"), &marks.boot).expect("written");
        assert_eq!(marks.of("app"), None, "cut short");
        other.boot.clear();
        other.put("b", 1, b"");
        assert_eq!(other.of("b"), None, "there is nothing to tell starts by");
        fs::create_dir(scratch.path("ota/sets")).expect("made");
        drop(Shelf::open(&scratch.path("ota"), &Hex([2; HASH])));
        assert!(
            scratch.path("ota/sets").exists() && marks.of("app").is_none(),
            "another bundle's, and no more"
        );
        marks.put("app", 4, b"");
        assert_eq!(marks.of("app"), None, "it is over");
    }
}
