//! Why a bundle is refused or cannot be made: the thing, the place, the next step.
//!
//! What is wrong with a bundle itself ends with exit code 65, whatever it was: whoever looks at the code knows that
//! trying again with the same bytes brings nothing. Neighbours: every room of the applet; `edgekit_core::Error`, which
//! a command ends with, is made from these by `From`.

use std::io;
use std::path::Path;
use std::time::Duration;

use edgekit_core::{Error, Exit, text};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system refused something.
    #[error("cannot {doing} '{place}': {}", text::io_reason(source))]
    Io {
        /// What was tried, as a verb: `read`.
        doing: &'static str,
        /// The file.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the user's is not what it should be.
    #[error("'{place}' {what}")]
    Input {
        /// The file.
        place: String,
        /// What is wrong, after its name: `is not a public key`.
        what: String,
        /// The next step.
        hint: &'static str,
    },
    /// The bytes are not those of a bundle, or not those that were signed.
    #[error("'{place}' is damaged at byte {at}: {what}")]
    Damaged {
        /// The bundle.
        place: String,
        /// The first byte of what is wrong.
        at: u64,
        /// What is wrong there.
        what: String,
    },
    /// It ends before it should.
    #[error("'{place}' is cut short: {what} ends at byte {at}, the file at byte {end}")]
    Short {
        /// The bundle.
        place: String,
        /// What is incomplete.
        what: &'static str,
        /// Where that should end.
        at: u64,
        /// Where the file ends.
        end: u64,
    },
    /// A text of the bundle, signed or not, cannot be read.
    #[error("{0}")]
    Text(String),
    /// Nobody who is trusted has signed it.
    #[error("{0}")]
    Untrusted(String, &'static str),
    /// It is genuine, and not for this device or not now.
    #[error("{0}")]
    Unfit(String, &'static str),
    /// What was asked for is not in it.
    #[error("{0}")]
    Absent(String, String),
    /// The old image is not the one a delta was made from.
    #[error("{0}")]
    Source(String),
    /// It could not be fetched.
    #[error(transparent)]
    Net(#[from] edgekit_http::Error),
    /// A slot cannot take an image: no space, mounted, read-only, in use, or the one that runs.
    #[error("{0}")]
    Target(String, String),
    /// The device does not do this now: the version is blocked, too many were sent back, only deltas are wanted.
    #[error("{0}")]
    Refused(String, &'static str),
    /// It takes more bytes than may be fetched.
    #[error("{0}")]
    Budget(String, &'static str),
    /// What is configured does not fit together, or not this device.
    #[error("{0}")]
    Config(String, String),
    /// The state cannot be opened, read or written.
    #[error("{0}")]
    Store(edgekit_store::Error),
    /// Somebody asked to stop: a signal, a server, the end of a window. What was written is kept.
    #[error("stopped: {0}")]
    Stopped(String),
    /// A hook wants it later: so long from now.
    #[error("a hook wants it {} s later: {why}", wait.as_secs())]
    Deferred {
        /// From now.
        wait: Duration,
        /// What it said.
        why: String,
    },
    /// The compressor or the cryptography failed, or no thread could be had; memory, as a rule.
    #[error("{0}")]
    Machine(String),
}

impl Fault {
    /// For `map_err`: what was tried, and where.
    pub(crate) fn io(doing: &'static str, place: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Fault {
        let place = place.as_ref().display().to_string();
        move |source| Fault::Io { doing, place, source }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        let message = fault.to_string();
        match fault {
            Fault::Io { doing, place, source } => {
                Error::from(source).context(format!("cannot {doing} '{place}'"))
            }
            Fault::Input { hint, .. } => Error::new(Exit::DATA, message).hint(hint),
            Fault::Damaged { .. } => Error::new(Exit::DATA, message)
                .hint("fetch it again and compare its BLAKE3 or SHA-256 with the one its author published"),
            Fault::Short { .. } => Error::new(Exit::DATA, message).hint("fetch the rest of it"),
            Fault::Text(_) => Error::new(Exit::DATA, message),
            Fault::Untrusted(_, hint) | Fault::Unfit(_, hint) => Error::new(Exit::DATA, message).hint(hint),
            Fault::Absent(_, hint) => Error::new(Exit::NO_INPUT, message).hint(hint),
            Fault::Source(_) => Error::new(Exit::DATA, message).hint(
                "the full image works in any case: ask for a bundle with one; leave --source out where it was given",
            ),
            Fault::Net(error) => Error::from(error),
            Fault::Target(_, hint) => Error::new(Exit::CANT_CREATE, message).hint(hint),
            Fault::Refused(_, hint) | Fault::Budget(_, hint) => Error::new(Exit::NO, message).hint(hint),
            Fault::Config(_, hint) => Error::new(Exit::CONFIG, message).hint(hint),
            Fault::Store(error) => error.into(),
            Fault::Stopped(_) => {
                Error::new(Exit::TEMPORARY, message).hint("run it again: it goes on where it stopped")
            }
            Fault::Deferred { .. } => Error::new(Exit::TEMPORARY, message)
                .hint("the slot that runs is as it was; run it again then"),
            Fault::Machine(_) => Error::new(Exit::TEMPORARY, message),
        }
    }
}

impl From<edgekit_store::Error> for Fault {
    fn from(error: edgekit_store::Error) -> Fault {
        match error {
            edgekit_store::Error::Io { doing, path, source } => Fault::Io {
                doing,
                place: path.display().to_string(),
                source: io::Error::new(source.kind(), text::io_reason(&source)),
            },
            other => Fault::Store(other),
        }
    }
}
