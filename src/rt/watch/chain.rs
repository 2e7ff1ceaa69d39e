//! Which inodes a path depends on: each directory it walks through, symbolic links followed one by
//! one, and the file at its end.
//!
//! `/etc/certs/tls.crt` → `..data/tls.crt`, `..data` → `..2026/` depends on the names `etc` in `/`,
//! `certs` in `/etc`, `..data` and `..2026` in `/etc/certs`, and `tls.crt` in both.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::inotify::WatchFlags;

/// As many links as the kernel follows.
const MAX_LINKS: usize = 40;

/// What is wanted of one inode.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Wanted {
    /// Names in a directory whose appearing, disappearing or writing counts.
    names: HashSet<OsString>,
    /// The inode is the end of a path: everything that happens to it counts.
    whole: bool,
}

impl Wanted {
    pub(super) fn merge(&mut self, other: Wanted) {
        self.names.extend(other.names);
        self.whole |= other.whole;
    }

    pub(super) fn flags(&self) -> WatchFlags {
        let mut flags = WatchFlags::empty();
        if !self.names.is_empty() {
            flags |= WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
        }
        if self.whole {
            flags |= WatchFlags::CLOSE_WRITE | WatchFlags::MODIFY | WatchFlags::ATTRIB;
            flags |= WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
            flags |= WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        }
        flags
    }

    /// True if an event about the entry `name` (`None`: about the inode itself) matters.
    pub(super) fn concerns(&self, name: Option<&CStr>) -> bool {
        match name {
            _ if self.whole => true,
            Some(name) => self.names.contains(OsStr::from_bytes(name.to_bytes())),
            // The watch itself went away.
            None => true,
        }
    }
}

/// The places to watch for `paths`, each once.
pub(super) fn places<'a>(paths: impl Iterator<Item = &'a Path>) -> HashMap<PathBuf, Wanted> {
    let mut places = HashMap::new();
    for path in paths {
        walk(path, &mut places);
    }
    places
}

fn walk(path: &Path, places: &mut HashMap<PathBuf, Wanted>) {
    // Components still to be walked, the next one last.
    let mut ahead = reversed(path);
    let mut at = if path.is_absolute() { PathBuf::from("/") } else { PathBuf::from(".") };
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        if name == ".." {
            at.push("..");
            continue;
        }
        places.entry(at.clone()).or_default().names.insert(name.clone());
        let step = at.join(&name);
        match fs::read_link(&step) {
            Ok(target) if links < MAX_LINKS => {
                links += 1;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                ahead.extend(reversed(&target));
            }
            Ok(_) => return,
            Err(_) => at = step,
        }
    }
    places.entry(at).or_default().whole = true;
}

fn reversed(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.collect()
}

/// Enough of a file to tell that it is another one or was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fingerprint {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    /// `None` if the path leads nowhere.
    pub(super) fn of(path: &Path) -> Option<Fingerprint> {
        let found = fs::metadata(path).ok()?;
        Some(Fingerprint {
            inode: (found.dev(), found.ino()),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}
