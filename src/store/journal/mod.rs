//! An append journal under a byte cap, which keeps a [`State`] in memory and on disk in step.
//!
//! ```text
//! PATH         the journal: a snapshot of the state, then what was appended since
//! PATH.spare   the file it was before, whose blocks the next rewrite uses
//! PATH.lock    one process a store
//! PATH.corrupt-N   what was damaged, as it was found        PATH.cut   what the last power cut left unfinished
//! ```
//! A record is durable when [`Journal::append`] returns, and only then part of the state. Writers that wait at the
//! same time share one write and one flush: one of them leads, the others follow (`commit.rs`). When the cap is
//! reached the leader writes the state to the spare file and the two names change places (`rewrite.rs`); a file's
//! blocks are made once and used again, so that an append changes no metadata. Opening reads everything, cuts what
//! a power cut left, sets aside what is damaged (`open.rs`). The bytes are described in `format.rs`.
//!
//! Nothing is written while nobody appends. [`crate::Table`] is the state most callers want.

mod commit;
mod event;
mod format;
mod open;
mod rewrite;
mod scan;

use std::{
    collections::VecDeque,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

pub use commit::Ticket;
pub use event::Event;
pub use scan::{Damage, inspect};

use crate::{Error, File, Fs, Lock, block::BlockBuf, error::Result};

/// What a journal keeps: changed by records, and able to say itself in records.
pub trait State: Send + Sync {
    /// Applies a durable record; false if it makes no sense to this state, which is then as it was.
    fn apply(&mut self, record: &[u8]) -> bool;
    /// Emits records that make this state out of an empty one.
    fn snapshot(&self, emit: &mut dyn FnMut(&[u8]));
}

/// Who is told of events.
pub type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

/// How a journal is kept.
pub struct Options {
    /// Bytes one of its two files may have; at least 16 KiB are taken. What the state may keep is a part of it.
    pub cap: u64,
    /// Permission bits of its files.
    pub mode: u32,
    /// Who is told of events.
    pub on_event: OnEvent,
}

impl Default for Options {
    /// 4 MiB, only for their owner, events to nobody.
    fn default() -> Options {
        Options { cap: 4 << 20, mode: 0o600, on_event: Box::new(|_| {}) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("cap", &self.cap).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// The least cap.
const SMALLEST_CAP: u64 = 16 << 10;
/// The most a file grows by.
const LARGEST_STEP: u64 = 1 << 20;
/// No record is longer, whatever the cap.
const LARGEST_RECORD: u64 = 1 << 20;
/// Records of more bytes than this start another group.
const GROUP: usize = 256 << 10;

/// An open journal, shared between threads by reference.
pub struct Journal<S> {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    options: Options,
    state: RwLock<S>,
    queue: Mutex<commit::Queue>,
    tail: Mutex<Tail>,
    _lock: Option<Lock>,
}

/// Where the next group goes; its lock is held by who leads.
#[derive(Debug)]
struct Tail {
    access: Access,
    epoch: u64,
    /// The number of the next group.
    seq: u64,
    /// Marks the groups of this opening.
    salt: u64,
    /// Where the next group goes.
    end: u64,
    /// Bytes of the file that are its own and hold zeros or old groups.
    len: u64,
    buf: BlockBuf,
}

/// What may be done with the file.
#[derive(Debug)]
enum Access {
    /// Append.
    Write(Box<dyn File>),
    /// It must be written anew first.
    Rewrite(open::Found),
    /// Nothing: opened for reading.
    Read,
    /// Nothing any more: the outcome of a write is not known.
    Stopped(Error),
}

impl<S: State> Journal<S> {
    /// Opens the journal at `path`, or makes it, and applies its records to `state`, which is empty.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it; [`Error::Format`] when a newer version wrote it;
    /// [`Error::Foreign`] when it belongs to another user; [`Error::Io`], on a read-only disk for one.
    /// Damage is no error: see [`Event`].
    pub fn open(fs: Arc<dyn Fs>, path: &Path, options: Options, state: S) -> Result<Journal<S>> {
        open::write(fs, path, options, state)
    }

    /// Reads the journal at `path` and takes no lock: for looking at it, also on a read-only disk.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Format`]. One that was never made is empty.
    pub fn open_to_read(fs: Arc<dyn Fs>, path: &Path, on_event: OnEvent, state: S) -> Result<Journal<S>> {
        open::read(fs, path, Options { on_event, ..Options::default() }, state)
    }

    /// Appends a record; durable and applied when this returns.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Full`]; [`Error::Io`] when the disk is full, which may pass; [`Error::Stopped`]
    /// once a write or a flush has failed, since what it left is not known until the journal is opened again.
    pub fn append(&self, record: &[u8]) -> Result<()> {
        self.wait(self.submit(record)?)
    }

    /// Looks at the state, which is what has been acknowledged.
    pub fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes a record may have.
    pub fn largest_record(&self) -> usize {
        usize::try_from((self.cap() / 8).min(LARGEST_RECORD)).unwrap_or(usize::MAX)
    }

    /// Bytes a file of it may have.
    pub fn cap(&self) -> u64 {
        let cap = self.options.cap.max(SMALLEST_CAP);
        cap - cap % format::START
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn tell(&self, event: &Event) {
        (self.options.on_event)(event);
    }
}

impl<S> fmt::Debug for Journal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A lock whose holder may have panicked: what it guards is changed in steps that are whole.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl commit::Queue {
    fn empty() -> commit::Queue {
        commit::Queue { groups: VecDeque::new(), leading: false }
    }
}

#[cfg(test)]
mod tests;
