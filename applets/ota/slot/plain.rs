//! A place that is bytes from its beginning to its end: a block device, an image file, or a file of its own.
//!
//! A device and an image file are written where they are, and may be larger than the image. A file of its own (`file`,
//! `self`) is made anew and ends where its image does. Written pages start on their way to the disk at once, so that a
//! flush waits only for the last of them, and leave the page cache, so that they are read back from the disk.
//! Neighbours: `machine` knows who else has the place, `super` the trait.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Access, Dress, File, Fs, Kind};

use super::{Durable, Slot, machine};
use crate::bundle::tree::PAGE;
use crate::fault::Fault;
use crate::image::Image;

/// How a place comes to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Nature {
    /// It is there, or is made as an image file; it stays as long as it is.
    Area,
    /// It is made anew, like this file if that is there, else with these permission bits.
    Anew(PathBuf, u32),
}

/// A place of bytes.
#[derive(Debug)]
pub(crate) struct Plain {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    nature: Nature,
    file: Option<Box<dyn File>>,
    /// What was written since the last flush.
    dirty: std::ops::Range<u64>,
    /// True if its name is not durable yet.
    is_new: bool,
}

impl Plain {
    pub(crate) fn new(fs: Arc<dyn Fs>, path: &Path, nature: Nature) -> Plain {
        Plain { fs, path: path.to_owned(), nature, file: None, dirty: 0..0, is_new: false }
    }

    fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    fn file(&self) -> Result<&dyn File, Fault> {
        self.file.as_deref().ok_or_else(|| Fault::Machine(format!("'{}' was not begun", self.place())))
    }

    /// Permission bits and owner: those of the file it replaces.
    fn dress(&self, like: &Path, mode: u32) -> Result<Dress, Fault> {
        let old = self.fs.stat(like).map_err(Fault::io("look at", like))?;
        Ok(match old.filter(|old| old.kind == Kind::File) {
            Some(old) => Dress { mode: old.mode, uid: old.uid, gid: old.gid, mtime: None },
            None => {
                let own = self.fs.stat(&self.path).map_err(Fault::io("look at", &self.path))?;
                let (uid, gid) = own.map_or((self.fs.user(), 0), |own| (own.uid, own.gid));
                Dress { mode, uid, gid, mtime: None }
            }
        })
    }

    fn make(&mut self) -> Result<Box<dyn File>, Fault> {
        self.is_new = true;
        if self.nature != Nature::Area {
            make_folders(&*self.fs, self.folder())?;
        }
        let mode = if self.nature == Nature::Area { 0o600 } else { 0o644 };
        self.fs.open(&self.path, Access::New(mode)).map_err(Fault::io("create", &self.path))
    }
}

impl Slot for Plain {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self, size: u64) -> Result<(), Fault> {
        if let Some(device) = machine::Device::of(&self.path)? {
            return device.check(&self.path, size);
        }
        machine::is_free_file(&self.path)?;
        let stat = self.fs.stat(&self.path).map_err(Fault::io("look at", &self.path))?;
        if stat.is_some_and(|stat| !matches!(stat.kind, Kind::File | Kind::Link)) {
            return Err(Fault::Target(
                format!("'{}' is no file and no block device", self.place()),
                "name a block device or a file in the configuration".to_owned(),
            ));
        }
        let there = match self.fs.open(&self.path, Access::Image) {
            Ok(file) => file.size().map_err(Fault::io("measure", &self.path))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(Fault::io("open", &self.path)(error)),
        };
        if stat.is_none()
            && self.nature == Nature::Area
            && self.fs.stat(self.folder()).map_err(Fault::io("look at", self.folder()))?.is_none()
        {
            return Err(Fault::Target(
                format!(
                    "'{}' cannot be made: there is no folder '{}'",
                    self.place(),
                    self.folder().display()
                ),
                "make the folder, or name another place in the configuration".to_owned(),
            ));
        }
        if stat.is_some() && self.nature == Nature::Area {
            // Opened as it will be: a disk that is read-only says so now, and nothing is changed by it.
            self.fs.open(&self.path, Access::Target).map_err(Fault::io("write to", &self.path))?;
        }
        machine::has_space(&*self.fs, &self.path, size.saturating_sub(there))
    }

    fn begin(&mut self, size: u64, resume: Option<&Durable>) -> Result<(), Fault> {
        let file = match (self.fs.open(&self.path, Access::Target), &self.nature, resume) {
            (Ok(_), Nature::Anew(..), None) => {
                self.fs.remove(&self.path).map_err(Fault::io("remove", &self.path))?;
                self.make()?
            }
            (Ok(file), nature, _) => {
                // Its name may be as young as what is written to it.
                self.is_new = *nature != Nature::Area;
                file
            }
            (Err(error), _, None) if error.kind() == std::io::ErrorKind::NotFound => self.make()?,
            (Err(error), _, _) => return Err(Fault::io("write to", &self.path)(error)),
        };
        if file.size().map_err(Fault::io("measure", &self.path))? < size {
            file.reserve(size).map_err(Fault::io("take space for", &self.path))?;
        }
        (self.file, self.dirty) = (Some(file), 0..0);
        Ok(())
    }

    fn write(&mut self, page: u64, bytes: &[u8]) -> Result<(), Fault> {
        let (at, len) = (page * PAGE as u64, bytes.len() as u64);
        let file = self.file()?;
        file.write_at(at, bytes).map_err(Fault::io("write to", &self.path))?;
        file.forget(at, len);
        let start = if self.dirty.is_empty() { at } else { self.dirty.start };
        self.dirty = start..at + len;
        Ok(())
    }

    fn flush(&mut self) -> Result<Vec<u8>, Fault> {
        let file = self.file()?;
        if self.is_new && self.nature != Nature::Area {
            // Its folder may be new as well, and those above it.
            self.fs.sync_all(self.folder()).map_err(Fault::io("flush", &self.path))?;
        } else {
            file.sync().map_err(Fault::io("flush", &self.path))?;
            if self.is_new {
                self.fs.sync_folder(self.folder()).map_err(Fault::io("flush the folder of", &self.path))?;
            }
        }
        file.forget(self.dirty.start, self.dirty.end - self.dirty.start);
        self.is_new = false;
        self.dirty = 0..0;
        Ok(Vec::new())
    }

    fn finish(&mut self) -> Result<(), Fault> {
        if let Nature::Anew(like, mode) = &self.nature {
            let dress = self.dress(like, *mode)?;
            self.fs.dress(&self.path, &dress).map_err(Fault::io("set the permissions of", &self.path))?;
            self.fs.sync_all(self.folder()).map_err(Fault::io("flush", &self.path))?;
        } else {
            self.flush()?;
        }
        self.file = None;
        Ok(())
    }

    fn memo(&self) -> Option<Vec<u8>> {
        // That the file is the one that was begun, and none from before, is all there is to know.
        (self.nature != Nature::Area).then(Vec::new)
    }

    fn left(&self) -> Result<Option<Box<dyn Image>>, Fault> {
        self.image().map(Some)
    }

    fn image(&self) -> Result<Box<dyn Image>, Fault> {
        let file = self.fs.open(&self.path, Access::Image).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Fault::Absent(
                format!("there is nothing at '{}'", self.place()),
                "install something there first, with 'edgekit ota apply'".to_owned(),
            ),
            _ => Fault::io("open", &self.path)(error),
        })?;
        let size = file.size().map_err(Fault::io("measure", &self.path))?;
        file.forget(0, size);
        Ok(Box::new(Stored { file, place: self.path.clone(), size }))
    }
}

/// The folder a path lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a folder and those above it; durable once all of the file system was flushed.
pub(super) fn make_folders(fs: &dyn Fs, folder: &Path) -> Result<(), Fault> {
    if fs.stat(folder).map_err(Fault::io("look at", folder))?.is_some() {
        return Ok(());
    }
    make_folders(fs, folder_of(folder))?;
    fs.make_folder(folder, 0o755).map_err(Fault::io("create", folder))
}

/// What is stored at a place.
#[derive(Debug)]
struct Stored {
    file: Box<dyn File>,
    place: PathBuf,
    size: u64,
}

impl Image for Stored {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Fault> {
        fill(&*self.file, &self.place, at, into)
    }
}

/// Fills a buffer from a place of a file.
pub(super) fn fill(file: &dyn File, place: &Path, mut at: u64, mut into: &mut [u8]) -> Result<(), Fault> {
    while !into.is_empty() {
        match file.read_at(at, into).map_err(Fault::io("read", place))? {
            0 => return Err(Fault::io("read", place)(std::io::ErrorKind::UnexpectedEof.into())),
            read => {
                into = &mut into[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}
