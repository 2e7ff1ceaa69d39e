//! The few operations of a file system that this crate stands on.
//!
//! Two things implement them: [`Disk`](crate::Disk), and the recording disk of the proof. Nothing here is wider
//! than its callers need; what an operation promises about power cuts is written at each.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{Error, Lock};

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Only to be read.
    Read,
    /// There already, a file or a block device; to be read and written at any place, through the page cache.
    Change,
    /// There already; to be written in whole blocks, past the page cache where the file system can.
    Blocks,
    /// Made now, with these permission bits; an error if there is one. Not durable before the folder is flushed.
    New(u32),
    /// [`Access::New`], to be written as [`Access::Blocks`].
    NewBlocks(u32),
    /// A file or a block device, only to be read; links are followed.
    Image,
    /// A file or a block device that is there, to be read and written at any place; links are followed. Nobody else
    /// has a block device then: it is `ResourceBusy` if it is mounted or part of another device.
    Target,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// What is known of a name without following it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// File, folder or link.
    pub kind: Kind,
    /// Bytes.
    pub len: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970 when its bytes were changed last.
    pub mtime: i64,
    /// Device and number: two names with the same are one file.
    pub id: (u64, u64),
}

/// What a file, folder or link has beside its bytes, and an archive keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dress {
    /// Permission bits; those of a link count for nothing.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970; not set for folders, which change with each name in them.
    pub mtime: Option<i64>,
}

/// A file system.
pub trait Fs: Send + Sync + fmt::Debug {
    /// Opens a file; never follows a link in the last component.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>>;
    /// What a name stands for, or `None` if it is not there.
    fn stat(&self, path: &Path) -> io::Result<Option<Stat>>;
    /// The names in a folder, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder with these permission bits. Durable once the parent is flushed.
    fn make_folder(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Makes a symbolic link. Durable once the parent is flushed.
    fn make_link(&self, target: &Path, link: &Path) -> io::Result<()>;
    /// Where a symbolic link points.
    fn read_link(&self, link: &Path) -> io::Result<PathBuf>;
    /// Moves a name over another in the same folder, atomically. Durable once the folder is flushed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Two names change places, atomically; `Unsupported` where the file system cannot.
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()>;
    /// Makes another name for a file, in the same folder. Durable once the folder is flushed.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Sets what a name has beside its bytes; never follows a link. Durable once [`Fs::sync_all`] returned.
    fn dress(&self, path: &Path, dress: &Dress) -> io::Result<()>;
    /// Flushes all of the file system that a folder is in: bytes, names, and what is beside them.
    fn sync_all(&self, folder: &Path) -> io::Result<()>;
    /// Bytes that this process may still take in the file system of a folder.
    fn space(&self, folder: &Path) -> io::Result<u64>;
    /// Removes a file or a link.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Whether a folder is on FAT, where names are kept otherwise: [`crate::publish::rename`].
    fn is_fat(&self, folder: &Path) -> io::Result<bool>;
    /// Flushes a folder: its names are durable when this returns.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes the lock that lies at a path, or says who has it.
    fn lock(&self, path: &Path) -> Result<Lock, Error>;
    /// The effective user.
    fn user(&self) -> u32;
    /// This process, and whether another one lives: what a half-made file is named after.
    fn process(&self) -> u32 {
        std::process::id()
    }
    /// A number nobody can foresee: marks what was written together.
    fn random(&self) -> io::Result<u64>;
    /// True if a process of this id may be alive.
    fn is_alive(&self, process: u32) -> bool;
}

/// An open file. Dropping it closes it.
pub trait File: Send + Sync + fmt::Debug {
    /// Bytes.
    fn size(&self) -> io::Result<u64>;
    /// Reads up to a buffer's length from a place; 0 at the end. Files opened for blocks are not read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of it. On a file opened for blocks, place, length and address are multiples of
    /// [`File::block`]. Durable once flushed.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes the file at least this long, its space taken and reading as zeros, or fails and changes nothing.
    fn reserve(&self, len: u64) -> io::Result<()>;
    /// Flushes the bytes, and of the rest what is needed to read them back.
    fn sync(&self) -> io::Result<()>;
    /// Bytes in this range are not needed in memory: what was written starts on its way to the disk, and what is there
    /// already is read from it the next time. A hint, and no promise.
    fn forget(&self, offset: u64, len: u64);
    /// Gives the file to an owner and a group.
    fn set_owner(&self, uid: u32, gid: u32) -> io::Result<()>;
    /// Sets the permission bits, whatever the process's mask is.
    fn set_mode(&self, mode: u32) -> io::Result<()>;
    /// The unit of writes in bytes, a power of two of at least 512.
    fn block(&self) -> usize;
}

/// The folder a path lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The path with a suffix on its last component: `a/shadow` + `.spare` is `a/shadow.spare`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// All of a file, at most `limit` bytes of it.
pub(crate) fn read_all(file: &dyn File, limit: u64) -> io::Result<Vec<u8>> {
    let len = file.size()?.min(limit);
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?];
    let mut at = 0;
    while at < bytes.len() {
        match file.read_at(at as u64, &mut bytes[at..])? {
            0 => break,
            n => at += n,
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}
