//! What goes wrong with a store: the thing, the place, the next step.
//!
//! Errors are cheap to clone, because one failed flush is the answer to every writer that waited for it.
//! Neighbours: `edgekit_core::Error`, which a command ends with, made from these by `From`.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use edgekit_core::{Exit, text};

/// Why a store could not be opened, read or written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused an operation.
    #[error("cannot {doing} '{}': {}", path.display(), text::io_reason(source))]
    Io {
        /// What was tried, as a verb: `read`, `write`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The file is of a format this version does not know. It was left untouched.
    #[error("'{}' is of format {found}, and this version reads up to {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format number.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
    /// Another process has the store.
    #[error("'{}' is in use{}", path.display(), holder.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, if it said so.
        holder: Option<u32>,
    },
    /// The store belongs to another user; what this process wrote, its owner could not replace.
    #[error("'{}' belongs to user {owner}, and this process is user {user}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The effective user of this process.
        user: u32,
    },
    /// What is kept has reached its limit; nothing was written.
    #[error("'{}' is full: {used} of {limit} bytes are in use", path.display())]
    Full {
        /// The store.
        path: PathBuf,
        /// Bytes that would be kept.
        used: u64,
        /// Bytes that may be.
        limit: u64,
    },
    /// One record is larger than the store takes; nothing was written.
    #[error("a record of {len} bytes does not fit '{}', which takes {limit}", path.display())]
    TooLarge {
        /// The store.
        path: PathBuf,
        /// Bytes of the record.
        len: usize,
        /// Bytes a record may have.
        limit: usize,
    },
    /// An earlier write failed in a way that leaves its outcome unknown; the store is read-only until opened again.
    #[error("'{}' takes no more writes since one failed: {}", path.display(), text::io_reason(source))]
    Stopped {
        /// The store.
        path: PathBuf,
        /// The failure it stopped at.
        source: Arc<io::Error>,
    },
    /// The store was opened for reading only.
    #[error("'{}' is open for reading only", path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// Damaged copies have piled up beside the store, so that one more is not set aside.
    #[error("'{}' is damaged, and {count} damaged copies are beside it already", path.display())]
    Copies {
        /// The store.
        path: PathBuf,
        /// Copies counted.
        count: usize,
    },
    /// A name that is none: empty, `.`, `..`, or with a slash.
    #[error("'{name}' is not a file name")]
    Name {
        /// The name.
        name: String,
    },
}

/// Shorthand of this crate.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The code a command ends with.
    pub fn exit(&self) -> Exit {
        use io::ErrorKind::*;
        match self {
            Error::Format { .. } | Error::TooLarge { .. } | Error::Copies { .. } => Exit::DATA,
            Error::Locked { .. } | Error::Full { .. } => Exit::TEMPORARY,
            Error::Foreign { .. } => Exit::NO_PERMISSION,
            Error::Stopped { .. } => Exit::IO,
            Error::ReadOnly { .. } => Exit::CANT_CREATE,
            Error::Name { .. } => Exit::USAGE,
            Error::Io { source, .. } => match source.kind() {
                NotFound => Exit::NO_INPUT,
                PermissionDenied => Exit::NO_PERMISSION,
                ReadOnlyFilesystem => Exit::CANT_CREATE,
                _ => Exit::IO,
            },
        }
    }

    /// The next step, where one is known.
    pub fn hint(&self) -> Option<String> {
        use io::ErrorKind::*;
        Some(match self {
            Error::Format { .. } => {
                "the file was left as it is; use the edgekit that wrote it, or a newer one".into()
            }
            Error::Locked { holder: Some(pid), .. } => {
                format!("stop process {pid}, or give this one another state directory")
            }
            Error::Locked { holder: None, .. } => {
                "stop the other edgekit, or use another state directory".into()
            }
            Error::Foreign { path, owner, user } => {
                format!("run as user {owner}, or 'chown {user} {}'", path.display())
            }
            Error::Full { .. } => "remove what is no longer needed, or raise the limit of this store".into(),
            Error::Stopped { .. } => "check the disk, then restart: everything acknowledged is kept".into(),
            Error::Copies { path, .. } => {
                format!("look at '{}.corrupt-*', move them away, and check the disk", path.display())
            }
            Error::Io { source, .. } => match source.kind() {
                StorageFull | QuotaExceeded => "free some space: everything acknowledged is kept".into(),
                ReadOnlyFilesystem => "mount the disk writable; reading works".into(),
                _ => return None,
            },
            Error::TooLarge { .. } | Error::ReadOnly { .. } | Error::Name { .. } => return None,
        })
    }

    /// For `map_err`: an operation on a path that the system refused.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { doing, path: path.to_path_buf(), source: Arc::new(source) }
    }
}

impl From<Error> for edgekit_core::Error {
    fn from(error: Error) -> edgekit_core::Error {
        let out = edgekit_core::Error::new(error.exit(), error.to_string());
        match error.hint() {
            Some(hint) => out.hint(hint),
            None => out,
        }
    }
}
