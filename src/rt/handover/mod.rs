//! A running process hands its work over to a new one, started from the file that is at its place now.
//!
//! ```text
//! old                                             new
//! starts the file again, stdin is the pair  ────▶ takes stdin for what it is (EDGEKIT_HANDOVER)
//! sockets, control socket, states, Whole    ────▶ configuration, services: listens to the same sockets
//!           both accept                     ◀──── Ready
//! Counts, Go with its standard error        ────▶ the control socket is its own now
//!           drains, Counts each second      ◀──── Ready
//! ```
//! Until the last line nothing of the old process has changed: a new one that refuses its configuration, crashes
//! or does not get ready in time is ended, and the old one says what it said. The queue of a listening socket
//! belongs to the socket, not to a process, so that no connection waits in one that is closed. Secrets cross the
//! pair and nothing else. What only a release knows is numbered: a newer one reads the older one's, passes over
//! what it does not know, and starts without a state whose number is new to it. If the old process dies meanwhile,
//! the new one starts as any other.
//!
//! Neighbours: `frame.rs` is the language, `successor.rs` starts and watches the new process, `daemon/upgrade.rs`
//! is when, `daemon/minder.rs` what is left of the first process of a container.

mod frame;
mod program;
mod successor;

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, sockopt};

pub(crate) use frame::{Frame, Kind, Reader, send};
pub(crate) use program::Program;
pub(crate) use successor::{Start, Successor};

use crate::ports::Inherited;

/// Names the process that hands over, to the one it starts; meant for nobody else.
pub(crate) const VARIABLE: &str = "EDGEKIT_HANDOVER";
/// How states of services are written today: as the service says.
pub(crate) const STATES: u16 = 1;
/// How long the old process may take to say what it hands over.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the process before us hands over.
#[derive(Debug)]
pub(crate) struct Handed {
    /// The way back.
    pub(crate) line: UnixStream,
    /// What came after the part that is needed to start.
    pub(crate) reader: Reader,
    pub(crate) ports: Vec<Inherited>,
    pub(crate) control: Option<Control>,
    /// By service.
    pub(crate) states: Vec<(String, Vec<u8>)>,
    /// The way to the first process of the container.
    pub(crate) minder: Option<UnixStream>,
}

/// A control socket that is held.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) path: PathBuf,
    pub(crate) listener: OwnedFd,
    pub(crate) lock: OwnedFd,
}

impl Handed {
    /// Takes what a process before us hands over, if one does. None if it has died over it.
    pub(crate) fn take() -> io::Result<Option<Handed>> {
        let named = env::var(VARIABLE).ok().and_then(|text| text.parse::<i32>().ok());
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        // A program that one of us has started inherits the variable, but not the place.
        if named.is_none() || named != parent {
            return Ok(None);
        }
        let stdin = rustix::stdio::stdin();
        if sockopt::socket_domain(stdin).ok() != Some(AddressFamily::UNIX)
            || sockopt::socket_type(stdin).ok() != Some(SocketType::STREAM)
        {
            return Ok(None);
        }
        let line = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(stdin, 3)?);
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        line.set_read_timeout(Some(PATIENCE))?;
        let mut handed = Handed {
            line,
            reader: Reader::default(),
            ports: Vec::new(),
            control: None,
            states: Vec::new(),
            minder: None,
        };
        Ok(handed.read().then_some(handed))
    }

    /// Reads to the end of what is needed to start.
    fn read(&mut self) -> bool {
        loop {
            match self.reader.next() {
                Ok(Some(frame)) if frame.is(Kind::Whole) => return true,
                Ok(Some(frame)) => self.keep(frame),
                Err(_) => return false,
                Ok(None) if !matches!(self.reader.fill(self.line.as_fd()), Ok(1..)) => return false,
                Ok(None) => {}
            }
        }
    }

    fn keep(&mut self, Frame { kind, body, mut descriptors }: Frame) {
        let is = |known: Kind| kind == known as u16;
        let name = || String::from_utf8_lossy(&body).into_owned();
        match [Kind::Tcp, Kind::Udp, Kind::Other].into_iter().find(|known| is(*known)) {
            Some(kind) => {
                let name = name();
                let inherited = |fd| Inherited { name: name.clone(), fd, kind: Some(kind) };
                self.ports.extend(descriptors.into_iter().map(inherited));
            }
            None if is(Kind::Control) => {
                if let (Some(lock), Some(listener)) = (descriptors.pop(), descriptors.pop()) {
                    let path = std::ffi::OsString::from_vec(body).into();
                    self.control = Some(Control { path, listener, lock });
                }
            }
            None if is(Kind::State) => self.states.extend(state(&body)),
            None if is(Kind::Line) => self.minder = descriptors.pop().map(UnixStream::from),
            // Of a later release.
            None => {}
        }
    }
}

/// The body of a state.
pub(crate) fn state_of(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(name.len()).ok()?;
    Some([&STATES.to_ne_bytes()[..], &[length], name.as_bytes(), bytes].concat())
}

/// Reads it; none if it is written in another way.
fn state(body: &[u8]) -> Option<(String, Vec<u8>)> {
    let (format, rest) = body.split_first_chunk::<2>()?;
    if u16::from_ne_bytes(*format) != STATES {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (name, bytes) = rest.split_at_checked(usize::from(*length))?;
    Some((String::from_utf8(name.to_vec()).ok()?, bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_numbered() {
        let body = state_of("proxy", b"\x01keys").unwrap();
        assert_eq!(state(&body), Some(("proxy".to_owned(), b"\x01keys".to_vec())));
        let mut later = body.clone();
        later[0] = 9;
        assert_eq!(state(&later), None);
        for cut in 0..body.len() - 5 {
            assert_eq!(state(&body[..cut]), None, "{cut}");
        }
        assert!(state_of(&"n".repeat(256), b"").is_none());
    }
}
