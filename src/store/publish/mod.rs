//! Whole files, replaced atomically for others to read: a reader sees the old bytes or the new.
//!
//! A [`Draft`] is written beside its target under a name of its own, flushed, moved over it, and the folder is
//! flushed: when [`Draft::commit`] returns, the new file survives a power cut. Permissions, owner and group of the
//! file that was there are kept. [`rename`] is that last step alone, and knows what FAT, where boot loaders look for
//! their files, needs beside. [`Folder`] does the same for a set of files that belong together (`folder.rs`).

mod folder;

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

pub use folder::{Folder, Generation, Stage};

use crate::{Access, Error, File, Fs, Kind, error::Result, fs::folder_of};

/// Links that are followed to the file that is replaced.
const LINKS: usize = 8;

/// Replaces a file, or makes it with these permission bits.
///
/// A link is kept: the file it leads to is replaced.
///
/// # Errors
/// [`Error::Io`] when the disk is full or read-only, [`Error::Foreign`] when the owner of the file that is there
/// cannot be kept. The old file is then untouched.
pub fn file(fs: &dyn Fs, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut draft = Draft::new(fs, path, mode)?;
    draft.append(bytes)?;
    draft.commit()
}

/// Gives a file that is flushed another name in its folder, durably; what has that name is replaced.
///
/// On FAT a file is where its name is. A new name comes without place and size, and one that is taken over keeps those
/// of the file it had, until the moved file itself is flushed (Linux `vfat_rename`, `fat_write_inode`): a folder that is
/// flushed before holds an empty file for good if the power fails then. So the file is flushed first. The room of the
/// one that is replaced is free once nobody has it open, and may be free on the disk before the name changed, so it is
/// held open until that is durable. Where old and new name are in two sectors, a cut leaves both.
///
/// # Errors
/// [`Error::Io`]; the file has its old name then, or, when flushing failed, one of them.
pub fn rename(fs: &dyn Fs, from: &Path, to: &Path) -> Result<()> {
    let folder = folder_of(to);
    let mut fat = None;
    if fs.is_fat(folder).map_err(Error::io("look at", folder))? {
        let replaced = match fs.stat(to).map_err(Error::io("look at", to))? {
            Some(_) => Some(fs.open(to, Access::Read).map_err(Error::io("open", to))?),
            None => None,
        };
        fat = Some((fs.open(from, Access::Change).map_err(Error::io("open", from))?, replaced));
    }
    fs.rename(from, to).map_err(Error::io("replace", to))?;
    if let Some((moved, _)) = &fat {
        moved.sync().map_err(Error::io("flush", to))?;
    }
    fs.sync_folder(folder).map_err(Error::io("flush the folder", folder))
}

/// A file in the making. Dropped without [`Draft::commit`], it is gone and its target untouched.
#[derive(Debug)]
pub struct Draft<'a> {
    fs: &'a dyn Fs,
    file: Box<dyn File>,
    temp: PathBuf,
    target: PathBuf,
    len: u64,
    /// True if it ends with bytes that were passed over.
    hole: bool,
    committed: bool,
}

impl<'a> Draft<'a> {
    /// Begins a file that will replace `path`, or be made with these permission bits.
    ///
    /// # Errors
    /// As [`file`].
    pub fn new(fs: &'a dyn Fs, path: &Path, mode: u32) -> Result<Draft<'a>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let target = follow(fs, path)?;
        let (folder, name) = (folder_of(&target), name_of(&target)?);
        let number = if fs.is_fat(folder).map_err(Error::io("look at", folder))? {
            // What a cut left over may be the file itself under both names: to remove it would free the file's room.
            // So it stays, and is in nobody's way.
            fs.random().map_err(Error::io("name a file in", folder))? >> 32
        } else {
            remove_left_over(fs, folder, &name, &COUNT)?;
            COUNT.fetch_add(1, Ordering::Relaxed)
        };
        let temp = folder.join(format!(".{name}.{}-{number}.new", fs.process()));
        // Nobody else reads it before it has its owner and its bits.
        let file = fs.open(&temp, Access::New(0o600)).map_err(Error::io("create", &temp))?;
        let draft = Draft { fs, file, temp, target, len: 0, hole: false, committed: false };
        let old = fs.stat(&draft.target).map_err(Error::io("look at", &draft.target))?;
        if let Some(old) = old {
            draft.file.set_owner(old.uid, old.gid).map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    Error::Foreign { path: draft.target.clone(), owner: old.uid, user: fs.user() }
                }
                _ => Error::io("give to its owner", &draft.temp)(error),
            })?;
        }
        let mode = old.map_or(mode, |old| old.mode);
        draft.file.set_mode(mode).map_err(Error::io("set the permissions of", &draft.temp))?;
        Ok(draft)
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_at(self.len, bytes).map_err(Error::io("write", &self.temp))?;
        self.len += bytes.len() as u64;
        self.hole &= bytes.is_empty();
        Ok(())
    }

    /// Passes over bytes, which read as zeros and take no space where the file system can leave them out.
    pub fn skip(&mut self, bytes: u64) {
        self.len += bytes;
        self.hole |= bytes > 0;
    }

    /// Puts the file in its place; durable when this returns.
    ///
    /// # Errors
    /// [`Error::Io`]; the old file is there then, or, when flushing the folder failed, the new one.
    pub fn commit(mut self) -> Result<()> {
        if self.hole {
            self.file.write_at(self.len - 1, &[0]).map_err(Error::io("write", &self.temp))?;
        }
        self.file.sync().map_err(Error::io("flush", &self.temp))?;
        let renamed = rename(self.fs, &self.temp, &self.target);
        self.committed = renamed.is_ok();
        renamed
    }
}

impl io::Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    /// Nothing is held back; durable is what [`Draft::commit`] makes it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // What cannot be removed now is removed by the next draft of this name.
            let _left = self.fs.remove(&self.temp);
        }
    }
}

/// The last component, which must be a name.
fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Error::Name { name: path.display().to_string() })
}

/// The file that is meant: where links lead, whether it is there or not.
fn follow(fs: &dyn Fs, path: &Path) -> Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        match fs.stat(&path).map_err(Error::io("look at", &path))? {
            Some(stat) if stat.kind == Kind::Link => {
                let target = fs.read_link(&path).map_err(Error::io("read the link", &path))?;
                path = folder_of(&path).join(target);
            }
            Some(stat) if stat.kind != Kind::File => {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
                return Err(Error::io("replace", &path)(error));
            }
            _ => return Ok(path),
        }
    }
    Err(Error::io("follow the links of", &path)(io::Error::other("there are too many")))
}

/// Removes drafts of processes that are no more, also of one that had the id of this one: in a container all have the
/// same. This one's own numbers are below `count`.
fn remove_left_over(fs: &dyn Fs, folder: &Path, name: &str, count: &AtomicU64) -> Result<()> {
    let prefix = format!(".{name}.");
    let entries = fs.list(folder).map_err(Error::io("list", folder))?;
    let own = count.load(Ordering::Relaxed);
    for entry in entries {
        let maker = entry.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".new")?.split_once('-'));
        let Some((Ok(process), Ok(n))) = maker.map(|(pid, n)| (pid.parse::<u32>(), n.parse::<u64>())) else {
            continue;
        };
        let is_left = if process == fs.process() { n >= own } else { !fs.is_alive(process) };
        if is_left {
            let path = folder.join(entry);
            match fs.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path)(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
