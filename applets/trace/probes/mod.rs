//! What can be probed on this box: tracepoints with their records, raw tracepoints, perf events.
//!
//! Everything comes from tracefs and is read only when asked for: one exact tracepoint costs one small file, a
//! wildcard in the event one directory, a wildcard in the category one listing. Where tracefs is not mounted and
//! we may, it is mounted in its usual place, as libtracefs does: a bare initramfs has no `mount` to tell the user
//! of. Neighbours: `sema` expands patterns and types `args` with it, `list` prints it, `run` attaches by the id it
//! read.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use edgekit_core::text;
use rustix::mount::{MountFlags, mount};

mod format;
mod pattern;
mod perf;

pub use format::{Format, FormatError, FormatField, Loc};
pub use pattern::{has_wildcard, matches};
pub use perf::{HARDWARE, PerfEvent, SOFTWARE, TIME_UNITS, hardware, software};

/// Where the kernel's tracing files are looked for, in this order.
const MOUNTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// How many near names a message offers.
const NEAR: usize = 3;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("tracefs is not mounted, so tracepoints cannot be looked up")]
    NotMounted,
    #[error("there is no {}: the kernel was built without CONFIG_TRACING, or /sys is not mounted", MOUNTS[0])]
    Absent,
    #[error("cannot read {}: {}", path.display(), text::io_reason(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot understand {}: {source}", path.display())]
    Format { path: PathBuf, source: FormatError },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::NotMounted => Some("mount it as root: mount -t tracefs tracefs /sys/kernel/tracing"),
            Error::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run it as root: tracefs is readable only by root")
            }
            _ => None,
        }
    }

    /// True when the reason is a missing right rather than a missing thing.
    pub fn is_permission(&self) -> bool {
        matches!(self, Error::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// Category and event.
type Name = (String, String);

/// The kernel's probes, read lazily and kept for the run.
#[derive(Debug, Default)]
pub struct Probes {
    root: OnceCell<PathBuf>,
    asked: Cell<bool>,
    formats: RefCell<HashMap<Name, Option<Rc<Format>>>>,
    all: OnceCell<Vec<Name>>,
}

impl Probes {
    /// Looks at this kernel; reads nothing yet.
    pub fn new() -> Probes {
        Probes::default()
    }

    /// Looks at a copy of tracefs elsewhere.
    pub fn at(root: impl Into<PathBuf>) -> Probes {
        Probes { root: OnceCell::from(root.into()), ..Probes::default() }
    }

    /// Why tracepoints cannot be looked up at all, once someone has tried.
    pub fn failure(&self) -> Option<Error> {
        if self.asked.get() { self.tracefs().err() } else { None }
    }

    /// Where tracefs is.
    pub fn tracefs(&self) -> Result<&Path, Error> {
        self.asked.set(true);
        if let Some(root) = self.root.get() {
            return Ok(root);
        }
        let mut denied = None;
        for mount in MOUNTS {
            match fs::metadata(Path::new(mount).join("events")) {
                Ok(_) => return Ok(self.root.get_or_init(|| PathBuf::from(mount))),
                Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                    denied.get_or_insert(Error::Read { path: PathBuf::from(mount), source });
                }
                Err(_) => {}
            }
        }
        if let Some(denied) = denied {
            return Err(denied);
        }
        if !Path::new(MOUNTS[0]).is_dir() {
            return Err(Error::Absent);
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        match mount("tracefs", MOUNTS[0], "tracefs", flags, None) {
            Ok(()) => Ok(self.root.get_or_init(|| PathBuf::from(MOUNTS[0]))),
            Err(_) => Err(Error::NotMounted),
        }
    }

    /// The id and record of one tracepoint; `None` when the kernel has none of that name.
    pub fn format(&self, category: &str, event: &str) -> Result<Option<Rc<Format>>, Error> {
        let key = (category.to_owned(), event.to_owned());
        if let Some(known) = self.formats.borrow().get(&key) {
            return Ok(known.clone());
        }
        let found = self.read_format(category, event)?.map(Rc::new);
        self.formats.borrow_mut().insert(key, found.clone());
        Ok(found)
    }

    fn read_format(&self, category: &str, event: &str) -> Result<Option<Format>, Error> {
        if !is_plain(category) || !is_plain(event) {
            return Ok(None);
        }
        let path = self.tracefs()?.join("events").join(category).join(event).join("format");
        match read_whole(&path) {
            Ok(bytes) => match Format::parse(&bytes) {
                Ok(format) => Ok(Some(format)),
                Err(source) => Err(Error::Format { path, source }),
            },
            Err(source) if is_absent(&source) => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The tracepoints that two patterns match, sorted; `*` and `?` stand for any characters and any one, `[ab]`
    /// for one of a set. Exact names cost no listing.
    pub fn expand(&self, category: &str, event: &str) -> Result<Vec<Name>, Error> {
        if !has_wildcard(category) && !has_wildcard(event) {
            let found = self.format(category, event)?;
            return Ok(found.map(|_| (category.to_owned(), event.to_owned())).into_iter().collect());
        }
        if has_wildcard(category) {
            let all = self.all()?.iter();
            return Ok(all.filter(|(c, e)| matches(category, c) && matches(event, e)).cloned().collect());
        }
        let names = self.events_of(category)?;
        Ok(names.into_iter().filter(|e| matches(event, e)).map(|e| (category.to_owned(), e)).collect())
    }

    /// Every tracepoint, sorted.
    pub fn all(&self) -> Result<&[Name], Error> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        let path = self.tracefs()?.join("available_events");
        let text = read_whole(&path).map_err(|source| Error::Read { path, source })?;
        let mut all: Vec<Name> = String::from_utf8_lossy(&text)
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(category, event)| (category.to_owned(), event.to_owned()))
            .collect();
        edgekit_core::sort::natural(&mut all);
        all.dedup();
        Ok(self.all.get_or_init(|| all))
    }

    fn events_of(&self, category: &str) -> Result<Vec<String>, Error> {
        if !is_plain(category) {
            return Ok(Vec::new());
        }
        let path = self.tracefs()?.join("events").join(category);
        let failed = |source| Error::Read { path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(source) if is_absent(&source) => return Ok(Vec::new()),
            Err(source) => return Err(failed(source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        edgekit_core::sort::natural(&mut names);
        Ok(names)
    }

    /// Names of raw tracepoints, sorted. Those of system calls are `sys_enter` and `sys_exit` alone: the named
    /// ones of the `syscalls` category are made of these two.
    pub fn raw(&self) -> Result<Vec<String>, Error> {
        let all = self.all()?.iter().filter(|(category, _)| category != "syscalls");
        let mut names: Vec<String> = all.map(|(_, event)| event.clone()).collect();
        edgekit_core::sort::natural(&mut names);
        names.dedup();
        Ok(names)
    }

    /// Tracepoints that an unknown name may have meant, nearest first, as `category:event`.
    pub fn near(&self, category: &str, event: &str) -> Vec<String> {
        // A hint is worth no second error: without a listing there is none.
        let Ok(all) = self.all() else { return Vec::new() };
        let mut found: Vec<String> = Vec::new();
        let mut add = |c: &str, e: &str| {
            let name = format!("{c}:{e}");
            if found.len() < NEAR && !found.contains(&name) {
                found.push(name);
            }
        };
        // The right event in the wrong category, then a slip in the event, in the category, in both.
        for (c, e) in all.iter().filter(|(_, e)| e == event) {
            add(c, e);
        }
        let here = all.iter().filter(|(c, _)| c == category);
        for e in text::near(event, here.clone().map(|(_, e)| e.as_str()), NEAR) {
            add(category, e);
        }
        let categories: Vec<&str> = text::near(category, all.iter().map(|(c, _)| c.as_str()), NEAR);
        for c in categories {
            let there = all.iter().filter(|(other, _)| other == c);
            for e in text::near(event, there.map(|(_, e)| e.as_str()), 1) {
                add(c, e);
            }
        }
        // `openat` means `sys_enter_openat`.
        if event.len() >= 3 {
            for (c, e) in here.filter(|(_, e)| e.contains(event)) {
                add(c, e);
            }
        }
        found
    }

    /// Raw tracepoints that an unknown name may have meant, nearest first.
    pub fn near_raw(&self, event: &str) -> Vec<String> {
        let Ok(names) = self.raw() else { return Vec::new() };
        text::near(event, names.iter().map(String::as_str), NEAR).into_iter().map(str::to_owned).collect()
    }
}

/// Files of tracefs say that they are empty, so a buffer that grows from nothing would take many calls.
fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(8 * 1024);
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A name that is one component of a path.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

#[cfg(test)]
mod tests;
