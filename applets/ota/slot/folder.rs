//! A folder of one slot: `ROOT/b/NAME`, unpacked from its archive as the pages of it come in.
//!
//! Nobody uses it before the link `ROOT/current` leads to its slot, so it is made where it will be. A flush is one for
//! all of the file system: thousands of small files, their names and what is beside them, for the price of one wait.
//! Neighbours: `archive` packs and unpacks, `apply::settle` moves the link.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Fs, Kind};

use super::archive::unpack::{self, Unpacker};
use super::archive::walk::Archive;
use super::plain::{folder_of, make_folders};
use super::{Durable, Slot, machine};
use crate::fault::Fault;
use crate::image::Image;

/// A folder in a slot.
#[derive(Debug)]
pub(crate) struct Folder {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    unpacker: Option<Unpacker>,
}

impl Folder {
    pub(crate) fn new(fs: Arc<dyn Fs>, path: &Path) -> Folder {
        Folder { fs, path: path.to_owned(), unpacker: None }
    }

    fn unpacker(&mut self) -> Result<&mut Unpacker, Fault> {
        let place = self.place();
        self.unpacker.as_mut().ok_or_else(|| Fault::Machine(format!("'{place}' was not begun")))
    }

    fn flush_all(&self) -> Result<(), Fault> {
        let folder = folder_of(&self.path);
        self.fs.sync_all(folder).map_err(Fault::io("flush", folder))
    }
}

impl Slot for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self, size: u64) -> Result<(), Fault> {
        let there = match self.fs.stat(&self.path).map_err(Fault::io("look at", &self.path))? {
            None => 0,
            // What cannot be measured is removed all the same, and counts as nothing.
            Some(stat) if stat.kind == Kind::Folder => {
                Archive::of(self.fs.clone(), &self.path).map_or(0, |archive| archive.size())
            }
            Some(_) => {
                return Err(Fault::Target(
                    format!("'{}' is no folder", self.place()),
                    "move it away: what is below the root of sets belongs to edgekit".to_owned(),
                ));
            }
        };
        machine::has_space(&*self.fs, &self.path, size.saturating_sub(there))
    }

    fn begin(&mut self, _size: u64, resume: Option<&Durable>) -> Result<(), Fault> {
        self.unpacker = Some(match resume {
            Some(durable) => Unpacker::resume(self.fs.clone(), &self.path, &durable.memo)?,
            None => {
                unpack::remove(&*self.fs, &self.path)?;
                make_folders(&*self.fs, folder_of(&self.path))?;
                Unpacker::new(self.fs.clone(), &self.path)
            }
        });
        Ok(())
    }

    fn write(&mut self, _page: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.unpacker()?.feed(bytes)
    }

    fn memo(&self) -> Option<Vec<u8>> {
        self.unpacker.as_ref().map(Unpacker::memo)
    }

    fn flush(&mut self) -> Result<Vec<u8>, Fault> {
        self.flush_all()?;
        Ok(self.unpacker()?.memo())
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.unpacker()?.finish()?;
        self.unpacker = None;
        self.flush_all()
    }

    fn image(&self) -> Result<Box<dyn Image>, Fault> {
        if self.fs.stat(&self.path).map_err(Fault::io("look at", &self.path))?.is_none() {
            return Err(Fault::Absent(
                format!("there is nothing at '{}'", self.place()),
                "install something there first, with 'edgekit ota apply'".to_owned(),
            ));
        }
        Ok(Box::new(Archive::of(self.fs.clone(), &self.path)?))
    }
}
