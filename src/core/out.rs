//! Standard output of a tool: block-buffered in a pipe, line-buffered on a terminal.
//!
//! Its errors are tagged, so that `?` on a plain `write!` ends a tool the way its user expects: a
//! reader that went away (`edgekit list | head -1`) is no failure, a full disk is one. `error.rs`
//! reads the tag; `ctx.rs` owns the writer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::{error, fmt};

use crate::text;

/// Large enough that a busy stream of events costs few writes, small enough to stay in cache.
const CAPACITY: usize = 64 * 1024;

/// The writer behind [`Ctx::out`](crate::Ctx::out).
pub struct Out {
    sink: Sink,
    by_line: bool,
}

enum Sink {
    Stdout(BufWriter<File>),
    Memory(Vec<u8>),
}

impl Out {
    /// The process's standard output; `by_line` on a terminal.
    pub(crate) fn stdout(by_line: bool) -> io::Result<Out> {
        // A duplicate, because the standard library's handle always flushes at each newline.
        let file = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(tag)?);
        Ok(Out { sink: Sink::Stdout(BufWriter::with_capacity(CAPACITY, file)), by_line })
    }

    /// Collects instead of writing: tests, and text that goes to a pager.
    pub fn memory() -> Out {
        Out { sink: Sink::Memory(Vec::new()), by_line: false }
    }

    /// What a [`memory`](Out::memory) writer has collected; empty for the real output.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.sink {
            Sink::Memory(bytes) => bytes,
            Sink::Stdout(_) => Vec::new(),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout(writer) => {
                writer.write_all(bytes).map_err(tag)?;
                if self.by_line && bytes.contains(&b'\n') {
                    writer.flush().map_err(tag)?;
                }
                Ok(())
            }
            Sink::Memory(buffer) => buffer.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout(writer) => writer.flush().map_err(tag),
            Sink::Memory(_) => Ok(()),
        }
    }
}

/// What went wrong with standard output.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader is gone.
    Closed,
    /// The system refused, with its reason.
    Write(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Closed => f.write_str("standard output is closed"),
            Failure::Write(reason) => f.write_str(reason),
        }
    }
}

impl error::Error for Failure {}

/// The tag on an error that came from an [`Out`].
pub(crate) fn failure(error: &io::Error) -> Option<&Failure> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn tag(error: io::Error) -> io::Error {
    let failure = match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Write(text::io_reason(&error)),
    };
    io::Error::new(error.kind(), failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Exit};

    #[test]
    fn a_closed_pipe_is_a_quiet_success() {
        let error = Error::from(tag(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert!(error.is_shown());
        assert_eq!(error.exit(), Exit::OK);
    }

    #[test]
    fn a_full_disk_is_not() {
        let error = Error::from(tag(io::Error::from_raw_os_error(28)));
        assert_eq!(error.to_string(), "cannot write to standard output: no space left on device");
        assert_eq!(error.exit(), Exit::IO);
    }

    #[test]
    fn another_pipe_breaking_stays_an_error() {
        assert!(!Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_shown());
    }
}
