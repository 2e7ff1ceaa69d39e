//! One process a store.
//!
//! `flock` on a file of its own, which holds the owner's process id for the message of whoever comes second. The
//! kernel frees it however the holder ends, so a left-over file means nothing. The file is never removed: a
//! second opener could otherwise lock a file that has no name any more.

use std::path::Path;

use rustix::{
    fd::OwnedFd,
    fs::{self, FlockOperation, Mode, OFlags},
    io::Errno,
};

use crate::{Error, error::Result};

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct Lock {
    /// `None` where there is no other process to keep out, as on the recording disk.
    _held: Option<OwnedFd>,
}

impl Lock {
    /// Takes the lock at `path` without waiting.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder's process id (exit 75), or [`Error::Io`].
    pub fn acquire(path: &Path) -> Result<Lock> {
        take(path)
    }

    /// A lock that keeps nobody out.
    #[cfg(any(test, feature = "proof"))]
    pub(crate) fn nobody() -> Lock {
        Lock { _held: None }
    }
}

pub(crate) fn take(path: &Path) -> Result<Lock> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = fs::open(path, flags, Mode::from_raw_mode(0o644))
        .map_err(|errno| Error::io("open the lock", path)(errno.into()))?;
    match fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            return Err(Error::Locked { path: path.to_path_buf(), holder: holder(&fd) });
        }
        Err(errno) => return Err(Error::io("lock", path)(errno.into())),
    }
    // Only for the message of others: on a full disk the lock holds all the same.
    let pid = format!("{}\n", std::process::id());
    if holder(&fd) != Some(std::process::id()) && fs::ftruncate(&fd, 0).is_ok() {
        let _written = rustix::io::pwrite(&fd, pid.as_bytes(), 0);
    }
    Ok(Lock { _held: Some(fd) })
}

fn holder(fd: &OwnedFd) -> Option<u32> {
    let mut text = [0; 16];
    let len = rustix::io::pread(fd, &mut text, 0).ok()?;
    std::str::from_utf8(&text[..len]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Scratch;

    #[test]
    fn the_second_is_told_who_has_it() {
        let scratch = Scratch::new();
        let path = scratch.path("shadow.lock");
        let first = Lock::acquire(&path).unwrap();
        let second = Lock::acquire(&path).unwrap_err();
        let pid = std::process::id();
        assert_eq!(second.to_string(), format!("'{}' is in use by process {pid}", path.display()));
        assert_eq!(second.exit(), edgekit_core::Exit::TEMPORARY);
        drop(first);
        Lock::acquire(&path).unwrap();
    }
}
