//! The one error that reaches `main`: a chain of messages, a hint, an exit code.
//!
//! Crates keep typed errors inside and turn them into this at their edge. A message is lower case,
//! has no full stop and quotes its values; the chain is read outermost first, as in
//! `cannot listen on 0.0.0.0:443: permission denied`. Neighbours: `exit.rs` for the codes,
//! `out.rs` for the closed-pipe case, `text.rs` for the wording of system errors.

use std::{fmt, io};

use crate::{Exit, out, text};

/// Why a command failed, what to do next, and the code to end with.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    /// Innermost cause first; displayed in reverse.
    chain: Vec<String>,
    hint: Option<String>,
}

impl Error {
    /// A failure with its message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Error {
        Error { exit, chain: vec![message.into()], hint: None }
    }

    /// A failure the applet has shown in its own way (a caret excerpt, say): only the code is left.
    pub fn already_shown(exit: Exit) -> Error {
        Error { exit, chain: Vec::new(), hint: None }
    }

    /// A next step, shown on a line of its own. The first one given stays: it knows most.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says what was being done when it failed; becomes the outermost message.
    pub fn context(mut self, message: impl Into<String>) -> Error {
        if !self.chain.is_empty() {
            self.chain.push(message.into());
        }
        self
    }

    /// Replaces the exit code, where the caller knows better than the kind of error does.
    pub fn with_exit(mut self, exit: Exit) -> Error {
        self.exit = exit;
        self
    }

    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The next step, if one was given.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// True if nothing is left to print.
    pub fn is_shown(&self) -> bool {
        self.chain.is_empty()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, message) in self.chain.iter().rev().enumerate() {
            if position > 0 {
                f.write_str(": ")?;
            }
            f.write_str(message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        match out::failure(&error) {
            Some(out::Failure::Closed) => Error::already_shown(Exit::OK),
            Some(out::Failure::Write(reason)) => {
                Error::new(Exit::IO, reason.clone()).context("cannot write to standard output")
            }
            None => Error::new(exit_of(error.kind()), text::io_reason(&error)),
        }
    }
}

/// The exit code that fits a kind of system error, unless the caller knows better.
fn exit_of(kind: io::ErrorKind) -> Exit {
    use io::ErrorKind::*;
    match kind {
        NotFound => Exit::NO_INPUT,
        PermissionDenied => Exit::NO_PERMISSION,
        AlreadyExists | ReadOnlyFilesystem => Exit::CANT_CREATE,
        InvalidData => Exit::DATA,
        TimedOut | WouldBlock | Interrupted | ResourceBusy => Exit::TEMPORARY,
        ConnectionRefused | ConnectionReset | ConnectionAborted | HostUnreachable | NetworkUnreachable
        | AddrNotAvailable | Unsupported => Exit::UNAVAILABLE,
        _ => Exit::IO,
    }
}

/// Adds what was being done to the error of a [`Result`].
pub trait ErrorContext<T> {
    /// With a message that costs nothing to make.
    fn context(self, message: impl Into<String>) -> Result<T, Error>;
    /// With a message made only on failure.
    fn with_context<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T, Error>;
}

impl<T, E: Into<Error>> ErrorContext<T> for Result<T, E> {
    fn context(self, message: impl Into<String>) -> Result<T, Error> {
        self.map_err(|error| error.into().context(message))
    }

    fn with_context<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T, Error> {
        self.map_err(|error| error.into().context(message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_outermost_first() {
        let denied = io::Error::from_raw_os_error(13);
        let error = Err::<(), _>(denied).context("cannot listen on 0.0.0.0:443").unwrap_err();
        assert_eq!(error.to_string(), "cannot listen on 0.0.0.0:443: permission denied");
        assert_eq!(error.exit(), Exit::NO_PERMISSION);
    }

    #[test]
    fn the_innermost_hint_stays() {
        let error = Error::new(Exit::DATA, "bad").hint("inner").context("outer").hint("late");
        assert_eq!(error.hint_text(), Some("inner"));
    }

    #[test]
    fn a_shown_error_stays_silent() {
        let error = Error::already_shown(Exit::DATA).context("while compiling");
        assert!(error.is_shown());
        assert_eq!(error.exit(), Exit::DATA);
    }
}
