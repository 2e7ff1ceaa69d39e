//! Tells when a file has changed, however it was changed: written in place, replaced by rename, or
//! reached through a symbolic link that now leads elsewhere.
//!
//! A watch on the file alone misses the last two, so every directory the path walks through is
//! watched as well (`chain.rs`), and walked again after each change. Events only say "look": what is
//! reported is a path whose fingerprint differs from the last one reported. File systems that raise
//! no inotify events (NFS, some FUSE) need `edgekit reload`.

mod chain;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};

use crate::sys;
use chain::{Fingerprint, Wanted};

/// A writer that pauses this long is taken to be done.
const QUIET: Duration = Duration::from_millis(50);
/// A writer that never pauses is looked at this often.
const LONGEST: Duration = Duration::from_millis(500);

/// Watches files for as long as it lives. Make it inside a tokio runtime.
pub struct Watch {
    inotify: AsyncFd<OwnedFd>,
    files: Vec<File>,
    /// What each kernel watch is for. One inode has one watch, whatever name it was reached by.
    watches: HashMap<i32, Wanted>,
}

struct File {
    path: PathBuf,
    seen: Option<Fingerprint>,
}

impl Watch {
    /// Watches `paths`, which need not exist yet; a directory counts as changed when its entries do.
    ///
    /// # Errors
    /// Those of inotify(7): most often `fs.inotify.max_user_instances` or `max_user_watches`.
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> io::Result<Watch> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let inotify = sys::readable(inotify)?;
        let files = paths.into_iter().map(|path| File { path: path.into(), seen: None }).collect();
        let mut watch = Watch { inotify, files, watches: HashMap::new() };
        watch.rewatch()?;
        watch.changes();
        Ok(watch)
    }

    /// Waits until at least one file differs from what it was when last reported (or when the watch
    /// was made), and until its writer has paused; gives the paths as they were passed to
    /// [`new`](Watch::new). May be dropped and called again without losing a change.
    pub async fn changed(&mut self) -> io::Result<Vec<PathBuf>> {
        loop {
            // A change that came between two calls is found without an event.
            let changed = self.changes();
            if !changed.is_empty() {
                return Ok(changed);
            }
            self.event(None).await?;
            let give_up = Instant::now() + LONGEST;
            while self.event(Some((Instant::now() + QUIET).min(give_up))).await? {}
            self.rewatch()?;
        }
    }

    /// Waits for an event that concerns one of our paths; false when `until` came first.
    async fn event(&mut self, until: Option<Instant>) -> io::Result<bool> {
        loop {
            let ready = match until {
                None => self.inotify.readable().await,
                Some(until) => match timeout_at(until, self.inotify.readable()).await {
                    Ok(ready) => ready,
                    Err(_) => return Ok(false),
                },
            };
            let mut ready = ready?;
            let concerns = drain(ready.get_inner(), &self.watches)?;
            ready.clear_ready();
            if concerns {
                return Ok(true);
            }
        }
    }

    /// Files whose fingerprint is not the last one seen.
    fn changes(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for file in &mut self.files {
            let now = Fingerprint::of(&file.path);
            if now != file.seen {
                file.seen = now;
                changed.push(file.path.clone());
            }
        }
        changed
    }

    /// Walks every path again and brings the kernel's watches in line.
    fn rewatch(&mut self) -> io::Result<()> {
        let mut now: HashMap<i32, Wanted> = HashMap::new();
        for (place, wanted) in chain::places(self.files.iter().map(|file| file.path.as_path())) {
            if let Some(number) = self.add(&place, &wanted)? {
                now.entry(number).or_default().merge(wanted);
            }
        }
        for &number in self.watches.keys() {
            if !now.contains_key(&number) {
                // The kernel has already removed it where the inode is gone.
                let _gone = inotify::remove_watch(self.inotify.get_ref(), number);
            }
        }
        self.watches = now;
        Ok(())
    }

    fn add(&self, place: &Path, wanted: &Wanted) -> io::Result<Option<i32>> {
        // Two names of one inode share a watch: its mask may only grow.
        let flags = wanted.flags() | WatchFlags::MASK_ADD;
        match inotify::add_watch(self.inotify.get_ref(), place, flags) {
            Ok(number) => Ok(Some(number)),
            // It went away, or may not be read: the directory above tells when that changes.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => Ok(None),
            Err(Errno::NOSPC) => Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "no inotify watch is left (see sysctl fs.inotify.max_user_watches)",
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads all events there are; true if one of them concerns a path.
fn drain(inotify: &OwnedFd, watches: &HashMap<i32, Wanted>) -> io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = Reader::new(inotify, &mut buffer);
    let mut concerns = false;
    loop {
        match events.next() {
            Ok(event) => {
                let lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                let wanted = watches.get(&event.wd());
                concerns |= lost || wanted.is_some_and(|wanted| wanted.concerns(event.file_name()));
            }
            Err(Errno::AGAIN) => return Ok(concerns),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
