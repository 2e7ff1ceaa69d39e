//! A set of files that belong together (a key and its certificate), replaced as one.
//!
//! ```text
//! ROOT/current -> gen-7      what readers open: ROOT/current/cert.pem
//! ROOT/gen-6  ROOT/gen-7     generations, never changed once they have their name
//! ```
//! A generation is written and flushed, its name with it, and only then does `current` change; one that is newer
//! than `current` is what an interrupted publish left. A reader that wants two files of one generation resolves `current` once ([`Folder::current`]).

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{Access, Error, Fs, Kind, error::Result};

/// The link to the generation in use.
const CURRENT: &str = "current";
/// The same, in the making.
const CURRENT_NEW: &str = ".current.new";

/// A published folder.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    fs: &'a dyn Fs,
    root: &'a Path,
    keep: usize,
}

/// One state of the folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generation {
    /// Counts from 1 and never goes back.
    pub number: u64,
    /// Its own folder, which stays the same for as long as it is kept.
    pub path: PathBuf,
}

/// A generation in the making.
#[derive(Debug)]
pub struct Stage<'a> {
    fs: &'a dyn Fs,
    path: PathBuf,
}

impl<'a> Folder<'a> {
    /// A folder that keeps `keep` generations, at least the one in use. One process publishes at a time: hold a
    /// [`crate::Lock`].
    pub fn new(fs: &'a dyn Fs, root: &'a Path, keep: usize) -> Folder<'a> {
        Folder { fs, root, keep: keep.max(1) }
    }

    /// The generation in use, or `None` before the first.
    ///
    /// # Errors
    /// [`Error::Io`], also when `current` leads to nothing that [`Folder::publish`] made.
    pub fn current(&self) -> Result<Option<Generation>> {
        let link = self.root.join(CURRENT);
        let Some(stat) = self.fs.stat(&link).map_err(Error::io("look at", &link))? else { return Ok(None) };
        let foreign =
            |why: &str| Error::io("use", &link)(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
        if stat.kind != Kind::Link {
            return Err(foreign("not a symbolic link"));
        }
        let target = self.fs.read_link(&link).map_err(Error::io("read the link", &link))?;
        let number =
            target.to_str().and_then(number_of).ok_or_else(|| foreign("it leads to no generation"))?;
        let path = self.root.join(target);
        match self.fs.stat(&path).map_err(Error::io("look at", &path))? {
            Some(stat) if stat.kind == Kind::Folder => Ok(Some(Generation { number, path })),
            _ => Err(foreign("the generation it leads to is gone")),
        }
    }

    /// Makes the next generation of what `fill` writes, and puts it in use; durable when this returns.
    ///
    /// # Errors
    /// What `fill` gives back, [`Error::Io`]. The generation in use stays, unless only flushing the last step
    /// failed; then it is the old one or the new.
    pub fn publish(&self, fill: impl FnOnce(&mut Stage<'_>) -> Result<()>) -> Result<Generation> {
        let number = self.clean()? + 1;
        let name = format!("gen-{number}");
        let path = self.root.join(&name);
        let root = self.fs.stat(self.root).map_err(Error::io("look at", self.root))?;
        // What root made in a daemon's folder, the daemon could not remove.
        if let Some(root) = root.filter(|root| root.uid != self.fs.user()) {
            return Err(Error::Foreign { path: self.root.into(), owner: root.uid, user: self.fs.user() });
        }
        self.fs
            .make_folder(&path, root.map_or(0o755, |root| root.mode))
            .map_err(Error::io("create", &path))?;
        let mut stage = Stage { fs: self.fs, path: path.clone() };
        if let Err(error) = fill(&mut stage) {
            // The error is what matters; the next publish cleans up what is left.
            let _left = self.remove_generation(&path);
            return Err(error);
        }
        self.fs.sync_folder(&path).map_err(Error::io("flush the folder", &path))?;
        self.sync()?;
        self.switch(&name)?;
        self.prune(number)?;
        Ok(Generation { number, path })
    }

    /// Puts a generation in use: a link beside, moved over the old one.
    fn switch(&self, name: &str) -> Result<()> {
        let (new, link) = (self.root.join(CURRENT_NEW), self.root.join(CURRENT));
        self.fs.make_link(Path::new(name), &new).map_err(Error::io("create", &new))?;
        self.fs.rename(&new, &link).map_err(Error::io("replace", &link))?;
        self.sync()
    }

    fn sync(&self) -> Result<()> {
        self.fs.sync_folder(self.root).map_err(Error::io("flush the folder", self.root))
    }

    /// Removes what an interrupted publish left; gives the number that was in use last.
    fn clean(&self) -> Result<u64> {
        let link = self.root.join(CURRENT);
        // What it names counts, even should its folder have been removed by hand.
        let in_use =
            self.fs.read_link(&link).ok().and_then(|target| number_of(target.to_str()?)).unwrap_or(0);
        for name in self.fs.list(self.root).map_err(Error::io("list", self.root))? {
            let path = self.root.join(&name);
            if name == CURRENT_NEW {
                self.fs.remove(&path).map_err(Error::io("remove", &path))?;
            } else if number_of(&name).is_some_and(|number| number > in_use) {
                self.remove_generation(&path)?;
            }
        }
        Ok(in_use)
    }

    /// Removes generations until `keep` are left; never the one in use.
    fn prune(&self, in_use: u64) -> Result<()> {
        let names = self.fs.list(self.root).map_err(Error::io("list", self.root))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
        edgekit_core::sort::by(&mut numbers, |a, b| b.cmp(a));
        for number in numbers.into_iter().filter(|number| *number != in_use).skip(self.keep - 1) {
            self.remove_generation(&self.root.join(format!("gen-{number}")))?;
        }
        Ok(())
    }

    fn remove_generation(&self, path: &Path) -> Result<()> {
        for name in self.fs.list(path).map_err(Error::io("list", path))? {
            let file = path.join(name);
            self.fs.remove(&file).map_err(Error::io("remove", &file))?;
        }
        self.fs.remove_folder(path).map_err(Error::io("remove", path))
    }
}

impl Stage<'_> {
    /// Writes a file of the generation with these permission bits.
    ///
    /// # Errors
    /// [`Error::Name`] for what is not a plain name, [`Error::Io`].
    pub fn write(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::Name { name: name.to_owned() });
        }
        let path = self.path.join(name);
        let file = self.fs.open(&path, Access::New(0o600)).map_err(Error::io("create", &path))?;
        // The process's mask has no say in what others may read.
        file.set_mode(mode).map_err(Error::io("set the permissions of", &path))?;
        file.write_at(0, bytes).map_err(Error::io("write", &path))?;
        file.sync().map_err(Error::io("flush", &path))
    }
}

/// The number in `gen-N`, in the only way it is written.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("gen-")?;
    let number: u64 = digits.parse().ok()?;
    (number > 0 && number.to_string() == digits).then_some(number)
}
