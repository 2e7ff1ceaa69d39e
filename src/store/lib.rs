//! Durable state: what is acknowledged is on disk, and a power cut leaves the old or the new.
//!
//! ```text
//! Table ─ batches ─▶ journal ─ groups ─▶ Fs ─▶ disk          publish, publish::Folder ─▶ Fs ─▶ files others read
//! ```
//! - [`Table`]: keys and values in memory, durable through a journal; what daemons keep their state in.
//! - [`journal`]: an append journal under a byte cap. Many writers share one flush; when the cap is reached the
//!   state is written anew and the two files change places.
//! - [`publish`]: whole files, and folders as generations, replaced atomically for others to read.
//! - [`Note`]: one line with a checksum, for what changes seldom.
//! - [`Lock`]: one process a store.
//!
//! Everything goes through the small [`Fs`], so that the proof (`proof/`) can record each write and flush and look
//! at every state a power cut could leave. Synchronous on purpose: no runtime below this crate; a daemon calls it
//! from a thread that may block. Above it are `tls`, `rules` and the applets; below it only `core`.
#![forbid(unsafe_code)]

mod block;
mod crc;
mod disk;
mod error;
mod fs;
pub mod journal;
mod lock;
pub mod note;
#[cfg(any(test, feature = "proof"))]
pub mod proof;
pub mod publish;
mod quarantine;
mod table;

pub use block::BlockBuf;
pub use disk::Disk;
pub use error::Error;
pub use fs::{Access, Dress, File, Fs, Kind, Stat};
pub use journal::{Event, Journal, Options, State, Ticket};
pub use lock::Lock;
pub use note::Note;
pub use table::{Batch, Table};
