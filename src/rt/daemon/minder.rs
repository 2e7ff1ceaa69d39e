//! What is left of the first process of a container once another has taken over: it may not end, as the container
//! would with it.
//!
//! It keeps nothing but its signals, which it passes on to the process that serves, and collects orphans. Each
//! process that takes over says so on a line that they hand on to each other; when nobody holds its other end,
//! the last one is gone, and the container ends as that one did.

use std::io;
use std::time::Duration;

use edgekit_core::{Error, Exit};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::net::UnixStream;
use tokio::time::sleep;

use super::events::Arrivals;
use crate::child::registry;
use crate::handover::{self, Kind, Reader};

/// How long the end of the last process is waited for, once it can be seen.
const PATIENCE: Duration = Duration::from_secs(5);

/// The line and its other end, where this is the first process.
pub(super) fn line() -> io::Result<Option<(UnixStream, UnixStream)>> {
    if std::process::id() == 1 { UnixStream::pair().map(Some) } else { Ok(None) }
}

/// Tells the first process that this one serves now.
pub(super) async fn tell(line: &UnixStream) {
    let pid = std::process::id().to_string();
    if let Err(error) = handover::send(line, Kind::Main, pid.as_bytes(), &[]).await {
        tracing::error!("process 1 does not hear who serves: {error}");
    }
}

/// Minds `main` and whoever takes over from it, to the end of the last one; gives how that one ended.
pub(super) async fn mind(line: UnixStream, mut main: u32, signals: &Arrivals) -> Result<Exit, Error> {
    let (mut reader, mut exit, mut over) = (Reader::default(), None, false);
    tracing::info!(pid = main, "stays as process 1 and passes signals on");
    loop {
        tokio::select! {
            said = reader.wait(&line), if !over => match said? {
                Some(frame) if frame.is(Kind::Main) => {
                    let pid = std::str::from_utf8(&frame.body).ok().and_then(|text| text.parse().ok());
                    // How the one before ends is of no interest any more.
                    (main, exit) = (pid.unwrap_or(main), None);
                }
                Some(_) => {}
                // A process lets go of what it holds a moment before it has ended.
                None => {
                    over = true;
                    exit = exit.or(ended(main)?);
                }
            },
            () = sleep(PATIENCE), if over => exit = exit.or(Some(Exit::BUG)),
            signal = signals.next() => match signal? {
                libc::SIGCHLD => {
                    exit = exit.or(ended(main)?);
                    registry::reap()?;
                }
                signal => pass_on(main, signal),
            },
        }
        if let Some(exit) = exit.filter(|_| over) {
            return Ok(exit);
        }
    }
}

fn pass_on(main: u32, signal: i32) {
    let known = [Signal::INT, Signal::TERM, Signal::HUP, Signal::USR2];
    let signal = known.into_iter().find(|known| known.as_raw() == signal);
    if let (Some(signal), Some(pid)) = (signal, Pid::from_raw(main.cast_signed()))
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::warn!(pid = main, "a signal is not passed on: {error}");
    }
}

/// How a child has ended, if it has; it is collected.
fn ended(pid: u32) -> io::Result<Option<Exit>> {
    match waitpid(Pid::from_raw(pid.cast_signed()), WaitOptions::NOHANG) {
        Ok(ended) => Ok(ended.map(|(_, status)| match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::code(u8::try_from(code).unwrap_or(u8::MAX)),
            (None, Some(signal)) => Exit::from_signal(signal),
            (None, None) => Exit::BUG,
        })),
        // It becomes ours when the process that started it ends.
        Err(rustix::io::Errno::CHILD) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
