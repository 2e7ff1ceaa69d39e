//! The real file system: [`Fs`] on system calls.
//!
//! Blocks are written with `O_DIRECT` where the file system takes it, in the unit it names (`statx`, Linux 6.1) or
//! its device has: a record then costs its own sectors and one flush, not a page and a walk of the page cache.
//! Where it does not, the same bytes go through the page cache.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{self, AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, RenameFlags, StatxFlags},
    io::Errno,
    process,
};

use crate::{Access, Dress, Error, File, Fs, Kind, Lock, Stat, lock};

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

/// A file of the machine.
#[derive(Debug)]
struct DiskFile {
    fd: OwnedFd,
    /// The same past the page cache, for reads that fit: a copy of every byte less.
    past: Option<OwnedFd>,
    block: usize,
}

/// The largest unit that is written directly; [`crate::block`] aligns to it.
const LARGEST_BLOCK: usize = 4096;
/// The unit through the page cache: what storage writes whole.
const SECTOR: usize = 512;
/// `MSDOS_SUPER_MAGIC` of `<linux/magic.h>`, with long names and without.
const FAT: u64 = 0x4d44;

impl Fs for Disk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        if matches!(access, Access::Image | Access::Target) {
            return open_image(path, access);
        }
        let common = OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let (flags, mode) = match access {
            Access::Read | Access::Image => (OFlags::RDONLY | OFlags::NONBLOCK, 0),
            Access::Change => (OFlags::RDWR | OFlags::NONBLOCK, 0),
            Access::Blocks | Access::Target => (OFlags::RDWR, 0),
            Access::New(mode) | Access::NewBlocks(mode) => {
                (OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, mode)
            }
        };
        let fd = fs::open(path, flags | common, Mode::from_raw_mode(mode))?;
        let kind = FileType::from_raw_mode(fs::fstat(&fd)?.st_mode);
        let device = kind == FileType::BlockDevice && matches!(access, Access::Read | Access::Change);
        if kind != FileType::RegularFile && !device {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let block = match access {
            Access::Blocks | Access::NewBlocks(_) => direct(&fd)?,
            _ => SECTOR,
        };
        Ok(Box::new(DiskFile { fd, past: None, block }))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let meta = match std::fs::symlink_metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = match meta.file_type() {
            ty if ty.is_file() => Kind::File,
            ty if ty.is_dir() => Kind::Folder,
            ty if ty.is_symlink() => Kind::Link,
            _ => Kind::Other,
        };
        Ok(Some(Stat {
            kind,
            len: meta.len(),
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            mtime: meta.mtime(),
            id: (meta.dev(), meta.ino()),
        }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        // A name that is not UTF-8 is none of ours.
        std::fs::read_dir(folder)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn make_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(mode).create(path)
    }

    fn make_link(&self, target: &Path, link: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, link)
    }

    fn read_link(&self, link: &Path) -> io::Result<PathBuf> {
        std::fs::read_link(link)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        match fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            result => Ok(result?),
        }
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn dress(&self, path: &Path, dress: &Dress) -> io::Result<()> {
        let stat = fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
        if (stat.st_uid, stat.st_gid) != (dress.uid, dress.gid) {
            let (uid, gid) = (fs::Uid::from_raw(dress.uid), fs::Gid::from_raw(dress.gid));
            fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            // After the owner, whose change takes away set-user-id bits. It is no link, and nobody else writes here.
            fs::chmodat(CWD, path, Mode::from_raw_mode(dress.mode), AtFlags::empty())?;
        }
        if let Some(seconds) = dress.mtime {
            let time = fs::Timespec { tv_sec: seconds, tv_nsec: 0 };
            let times = fs::Timestamps { last_access: time, last_modification: time };
            fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    fn sync_all(&self, folder: &Path) -> io::Result<()> {
        Ok(fs::syncfs(fs::open(
            folder,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?)?)
    }

    fn space(&self, folder: &Path) -> io::Result<u64> {
        let stat = fs::statvfs(folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn is_fat(&self, folder: &Path) -> io::Result<bool> {
        Ok(fs::statfs(folder)?.f_type as u64 == FAT)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let fd = fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        match fs::fsync(&fd) {
            // Some network and FUSE file systems cannot flush a folder; their renames are as durable as they get.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            result => Ok(result?),
        }
    }

    fn lock(&self, path: &Path) -> Result<Lock, Error> {
        lock::take(path)
    }

    fn user(&self) -> u32 {
        process::geteuid().as_raw()
    }

    fn random(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        rustix::io::retry_on_intr(|| {
            rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        })?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn is_alive(&self, id: u32) -> bool {
        let pid = i32::try_from(id).ok().and_then(process::Pid::from_raw);
        pid.is_some_and(|pid| process::test_kill_process(pid) != Err(Errno::SRCH))
    }
}

impl File for DiskFile {
    fn size(&self) -> io::Result<u64> {
        let stat = fs::fstat(&self.fd)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice {
            // Places are given with each read and write, so nobody minds where the descriptor stands.
            return Ok(fs::seek(&self.fd, fs::SeekFrom::End(0))?);
        }
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let whole = into.len() - into.len() % LARGEST_BLOCK;
        let fits =
            offset.is_multiple_of(LARGEST_BLOCK as u64) && into.as_ptr().addr().is_multiple_of(LARGEST_BLOCK);
        if let Some(past) = self.past.as_ref().filter(|_| fits && whole > 0) {
            match rustix::io::retry_on_intr(|| rustix::io::pread(past, &mut into[..whole], offset)) {
                // Its blocks are larger than we know of any.
                Err(Errno::INVAL) => {}
                result => return Ok(result?),
            }
        }
        Ok(rustix::io::retry_on_intr(|| rustix::io::pread(&self.fd, &mut *into, offset))?)
    }

    fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::retry_on_intr(|| rustix::io::pwrite(&self.fd, bytes, offset)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                // The unit was not what the file system or its device had named: through the page cache, then.
                Err(Errno::INVAL) if self.is_direct()? => self.set_direct(false)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let have = self.size()?;
        if have >= len {
            return Ok(());
        }
        match fs::fallocate(&self.fd, FallocateFlags::empty(), have, len - have) {
            Err(Errno::NOTSUP | Errno::NOSYS) => Ok(fs::ftruncate(&self.fd, len)?),
            result => Ok(result?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(fs::fdatasync(&self.fd)?)
    }

    fn forget(&self, offset: u64, len: u64) {
        if let Some(len) = std::num::NonZeroU64::new(len) {
            let _hint = fs::fadvise(&self.fd, offset, Some(len), fs::Advice::DontNeed);
        }
    }

    fn set_owner(&self, uid: u32, gid: u32) -> io::Result<()> {
        let stat = fs::fstat(&self.fd)?;
        if (stat.st_uid, stat.st_gid) != (uid, gid) {
            fs::fchown(&self.fd, Some(fs::Uid::from_raw(uid)), Some(fs::Gid::from_raw(gid)))?;
        }
        Ok(())
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(fs::fchmod(&self.fd, Mode::from_raw_mode(mode))?)
    }

    fn block(&self) -> usize {
        self.block
    }
}

impl DiskFile {
    fn is_direct(&self) -> io::Result<bool> {
        Ok(fs::fcntl_getfl(&self.fd)?.contains(OFlags::DIRECT))
    }

    fn set_direct(&self, on: bool) -> io::Result<()> {
        set_direct(&self.fd, on)
    }
}

/// A file or block device as a whole: images are read and written in large pieces, written ones through the page cache.
fn open_image(path: &Path, access: Access) -> io::Result<Box<dyn File>> {
    let flags = match access {
        Access::Target => OFlags::RDWR,
        _ => OFlags::RDONLY,
    };
    // A pipe under this name must not hold the process.
    let mut fd = fs::open(path, flags | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    match FileType::from_raw_mode(fs::fstat(&fd)?.st_mode) {
        FileType::RegularFile => {}
        FileType::BlockDevice if access == Access::Target => {
            // Alone: the kernel gives it to nobody who mounts it, and refuses it if somebody has.
            fd = fs::open(path, flags | OFlags::CLOEXEC | OFlags::EXCL, Mode::empty())?;
        }
        FileType::BlockDevice => {}
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "no file and no block device")),
    }
    let past = match access {
        // Not every file system can.
        Access::Image => {
            fs::open(path, flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::DIRECT, Mode::empty()).ok()
        }
        _ => None,
    };
    Ok(Box::new(DiskFile { fd, past, block: SECTOR }))
}

fn set_direct(fd: impl AsFd, on: bool) -> io::Result<()> {
    let mut flags = fs::fcntl_getfl(&fd)?;
    flags.set(OFlags::DIRECT, on);
    Ok(fs::fcntl_setfl(&fd, flags)?)
}

/// Switches a file to direct writes if it can; gives the unit to write in.
fn direct(fd: &OwnedFd) -> io::Result<usize> {
    let Some(unit) = direct_unit(fd) else { return Ok(SECTOR) };
    if !unit.is_power_of_two() || unit > LARGEST_BLOCK || set_direct(fd, true).is_err() {
        return Ok(SECTOR);
    }
    Ok(unit.max(SECTOR))
}

/// The unit of direct writes: what the file system says, else what its device has.
fn direct_unit(fd: &OwnedFd) -> Option<usize> {
    let asked = StatxFlags::from_bits_retain(rustix_dioalign()) | StatxFlags::BASIC_STATS;
    let stat = fs::statx(fd, "", AtFlags::EMPTY_PATH, asked).ok()?;
    if stat.stx_mask & rustix_dioalign() != 0 {
        // Zero: this file takes no direct writes.
        return Some(stat.stx_dio_offset_align.max(stat.stx_dio_mem_align) as usize).filter(|unit| *unit > 0);
    }
    let device = format!("/sys/dev/block/{}:{}", stat.stx_dev_major, stat.stx_dev_minor);
    ["queue", "../queue"].iter().find_map(|queue| {
        let text = std::fs::read_to_string(format!("{device}/{queue}/logical_block_size")).ok()?;
        text.trim().parse().ok()
    })
}

/// `STATX_DIOALIGN` of `<linux/stat.h>`, which rustix has the fields but no name for.
const fn rustix_dioalign() -> u32 {
    0x2000
}

#[cfg(test)]
mod tests;
