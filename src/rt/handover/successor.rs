//! The new process: started, given what it takes over, watched until it serves.
//!
//! What it writes to its standard error comes to us first, so that whoever asked for the upgrade hears why it failed;
//! once it has taken over it gets our own.

use std::future::pending;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Error, ErrorContext, Exit};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::{sleep, timeout};

use super::frame::MOST_DESCRIPTORS;
use super::{Control, Kind, Program, Reader, VARIABLE, send, state_of};
use crate::Ports;
use crate::child::Running;

/// What is kept of what the new process says, from its end.
const TAIL: usize = 4 * 1024;
/// How long the last words of a process that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long it may take to take over, once it serves.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is needed to start one.
pub(crate) struct Start {
    pub(crate) program: Program,
    pub(crate) ports: Arc<Ports>,
    pub(crate) control: Option<Control>,
    /// By service.
    pub(crate) states: Vec<(String, Vec<u8>)>,
    /// The way to the first process of the container, if it is not us.
    pub(crate) minder: Option<OwnedFd>,
    /// How long it may take until it serves.
    pub(crate) deadline: Duration,
    /// How long it must serve beside us before it is trusted.
    pub(crate) probation: Duration,
}

/// A new process that serves beside us. Dropped, it is ended.
pub(crate) struct Successor {
    running: Running,
    line: UnixStream,
    reader: Reader,
    words: Words,
}

impl Start {
    /// Starts the new process and returns once it serves, and has for the time of probation.
    ///
    /// # Errors
    /// It does not; what it said is in the error, and it is ended.
    pub(crate) async fn run(self) -> Result<Successor, Error> {
        let place = self.program.path.display().to_string();
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (words, their_words) = io::pipe()?;
        let mut command = self.program.command();
        command
            .env(VARIABLE, std::process::id().to_string())
            // These name this process.
            .env_remove("WATCHDOG_PID")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::from(their_words));
        let running = Running::start(&mut command).with_context(|| format!("cannot start '{place}'"))?;
        // Its ends of both are the child's alone now.
        drop(command);
        let mut successor = Successor {
            running,
            line: UnixStream::from_std(ours)?,
            reader: Reader::default(),
            words: Words { pipe: pipe::Receiver::from_owned_fd(words.into())?, tail: Vec::new() },
        };
        tracing::info!(pid = successor.id(), path = place, "starts the new process");
        let deadline = self.deadline;
        let begin = async |line: &UnixStream, reader: &mut Reader| {
            self.give(line).await?;
            await_ready(line, reader).await
        };
        match successor.unless_it_ends(Some(deadline), begin).await {
            Ok(()) => {}
            Err(Ended::Late) => {
                let error = format!("the new process does not serve within {deadline:?}");
                return Err(successor.words.explain(Error::new(Exit::TEMPORARY, error)));
            }
            Err(Ended::Other(error)) => return Err(error),
        }
        if !self.probation.is_zero() {
            tracing::info!(
                pid = successor.id(),
                probation = format!("{:?}", self.probation),
                "serves beside us"
            );
            let wait = async |_: &UnixStream, _: &mut Reader| {
                sleep(self.probation).await;
                Ok(())
            };
            successor.unless_it_ends(None, wait).await.map_err(Ended::error)?;
        }
        Ok(successor)
    }

    /// Sends all it needs to start.
    async fn give(&self, line: &UnixStream) -> io::Result<()> {
        let mut shown = Vec::new();
        self.ports.each(|name, kind, fds| {
            let copies =
                fds.iter().map(BorrowedFd::try_clone_to_owned).collect::<io::Result<Vec<OwnedFd>>>()?;
            shown.push((name.to_owned(), kind, copies));
            io::Result::Ok(())
        })?;
        for (name, kind, fds) in &shown {
            for some in fds.chunks(MOST_DESCRIPTORS) {
                let some: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
                send(line, *kind, name.as_bytes(), &some).await?;
            }
        }
        if let Some(Control { path, listener, lock }) = &self.control {
            let fds = [listener.as_fd(), lock.as_fd()];
            send(line, Kind::Control, path.as_os_str().as_bytes(), &fds).await?;
        }
        for (name, bytes) in &self.states {
            if let Some(body) = state_of(name, bytes) {
                send(line, Kind::State, &body, &[]).await?;
            }
        }
        if let Some(minder) = &self.minder {
            send(line, Kind::Line, &[], &[minder.as_fd()]).await?;
        }
        send(line, Kind::Whole, &[], &[]).await
    }
}

/// Waits for the next time it says that it is ready.
async fn await_ready(line: &UnixStream, reader: &mut Reader) -> io::Result<()> {
    loop {
        match reader.wait(line).await? {
            Some(frame) if frame.is(Kind::Ready) => return Ok(()),
            Some(_) => {}
            // It is about to end, and then says more by how.
            None => pending().await,
        }
    }
}

/// Why something did not come to its end.
enum Ended {
    Late,
    Other(Error),
}

impl Ended {
    fn error(self) -> Error {
        match self {
            Ended::Late => Error::new(Exit::TEMPORARY, "the new process does not take over"),
            Ended::Other(error) => error,
        }
    }
}

impl Successor {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Does `work` while the new process lives and its words are passed on.
    async fn unless_it_ends(
        &mut self,
        within: Option<Duration>,
        work: impl AsyncFnOnce(&UnixStream, &mut Reader) -> io::Result<()>,
    ) -> Result<(), Ended> {
        let Successor { running, line, reader, words } = self;
        let bound = async {
            match within {
                Some(within) => sleep(within).await,
                None => pending().await,
            }
        };
        let ended = tokio::select! {
            worked = work(line, reader) => match worked {
                Ok(()) => return Ok(()),
                // Its end, if that is why, says more.
                Err(error) => match timeout(LAST_WORDS, running.ended()).await {
                    Ok(ended) => ended,
                    Err(_) => return Err(Ended::Other(words.explain(error.into()))),
                },
            },
            // It lets go of them when it has ours.
            () = async { words.pass_on().await; pending().await } => return Err(Ended::Late),
            ended = running.ended() => ended,
            () = bound => return Err(Ended::Late),
        };
        let how = match ended.map_err(|error| Ended::Other(error.into()))? {
            status if status.code().is_some() => format!("exit code {}", status.code().unwrap_or_default()),
            status => status.to_string(),
        };
        // What it said last may still be in the pipe.
        drop(timeout(LAST_WORDS, words.pass_on()).await);
        let error = Error::new(Exit::TEMPORARY, format!("the new process ended with {how}"));
        Err(Ended::Other(words.explain(error)))
    }

    /// Has it take over; `counts` is what was counted so far.
    ///
    /// # Errors
    /// It has died; it is not to be waited for.
    pub(crate) async fn go(&mut self, counts: &[u8]) -> Result<(), Error> {
        let work = async |line: &UnixStream, reader: &mut Reader| {
            send(line, Kind::Counts, counts, &[]).await?;
            send(line, Kind::Go, &[], &[rustix::stdio::stderr()]).await?;
            await_ready(line, reader).await
        };
        self.unless_it_ends(Some(PATIENCE), work).await.map_err(Ended::error)
    }

    /// Lets it live without us; gives the way to tell it more.
    pub(crate) fn release(self) -> UnixStream {
        self.running.release();
        self.line
    }
}

/// What the new process writes to its standard error.
struct Words {
    pipe: pipe::Receiver,
    tail: Vec<u8>,
}

impl Words {
    /// Passes it on until its end.
    async fn pass_on(&mut self) {
        let mut bytes = [0; 1024];
        loop {
            if self.pipe.readable().await.is_err() {
                return;
            }
            match self.pipe.try_read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => {
                    // Nobody is left to be told if this fails.
                    drop(io::stderr().write_all(&bytes[..count]));
                    self.tail.extend_from_slice(&bytes[..count]);
                    let over = self.tail.len().saturating_sub(TAIL);
                    self.tail.drain(..over);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// Adds the last thing it said, without its log, to an error.
    fn explain(&self, error: Error) -> Error {
        let said = String::from_utf8_lossy(&self.tail).into_owned();
        let reason = said.lines().find_map(|line| line.strip_prefix("edgekit ")?.split_once(": "));
        let hint = said.lines().find_map(|line| line.strip_prefix("hint: "));
        let error = match reason.map(|(_, reason)| reason).or_else(|| said.lines().last()) {
            Some(reason) => Error::new(error.exit(), format!("{error}: {reason}")),
            None => error,
        };
        error.hint(hint.unwrap_or("what it said is in the log of this one"))
    }
}
