//! A program that a service runs and waits for without blocking.
//!
//! `std::process::Command` with the two things a daemon needs: as process 1 it does not lose the exit status to the
//! Host's collecting of orphans (`registry.rs`), and waiting is a descriptor of the runtime, not a thread.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;

use super::registry::{self, Owned};
use crate::sys;

/// A running program. Dropped before it has ended, it is killed: nothing outlives its service.
#[derive(Debug)]
pub struct Running {
    child: std::process::Child,
    owned: Owned,
    /// Readable once it has ended.
    pidfd: AsyncFd<OwnedFd>,
    ended: Option<std::process::ExitStatus>,
    released: bool,
}

impl Running {
    /// Starts `command` with default signals. To be called in a runtime.
    ///
    /// # Errors
    /// Those of `Command::spawn`, and of pidfd_open(2), which Linux has since 5.3.
    pub fn start(command: &mut Command) -> io::Result<Running> {
        let (mut owned, mut child) = registry::enter(|| {
            let child = command.spawn()?;
            Ok((child.id().cast_signed(), child))
        })?;
        match watched(&child) {
            Ok(pidfd) => Ok(Running { child, owned, pidfd, ended: None, released: false }),
            Err(error) => {
                // The first error is what matters.
                drop(child.kill());
                owned.abandon();
                Err(error)
            }
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipes the command asked for, each once.
    pub fn pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
    }

    /// Lets it live on without us: it is neither killed nor waited for.
    pub(crate) fn release(mut self) {
        self.owned.abandon();
        self.released = true;
    }

    /// Sends it a signal; one that has ended is left alone.
    ///
    /// # Errors
    /// Not ours to signal: a program that became another user.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(self.pidfd.get_ref().as_fd(), signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Waits for its end. May be dropped and called again.
    ///
    /// # Errors
    /// Those of waitpid(2).
    pub async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        loop {
            if let Some(status) = self.ended {
                return Ok(status);
            }
            let mut ready = self.pidfd.readable().await?;
            let child = &mut self.child;
            self.ended = self.owned.collect(|| child.try_wait())?;
            if self.ended.is_none() {
                ready.clear_ready();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() && !self.released {
            // It cannot be told to anybody that it had ended already.
            drop(self.signal(Signal::KILL));
            self.owned.abandon();
        }
    }
}

fn watched(child: &std::process::Child) -> io::Result<AsyncFd<OwnedFd>> {
    let pid = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::InvalidData)?;
    sys::readable(pidfd_open(pid, PidfdFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::Stdio;
    use std::time::Duration;

    #[tokio::test]
    async fn ends_are_told_and_pipes_handed_over() {
        let mut command = Command::new("sh");
        let mut running =
            Running::start(command.args(["-c", "echo out; exit 7"]).stdout(Stdio::piped())).unwrap();
        assert_eq!(running.ended().await.unwrap().code(), Some(7));
        assert_eq!(running.ended().await.unwrap().code(), Some(7));
        running.signal(Signal::TERM).unwrap();
        let mut text = String::new();
        running.pipes().1.unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "out\n");
        assert!(Running::start(&mut Command::new("/nonexistent/program")).is_err());
    }

    #[tokio::test]
    async fn dropped_it_is_killed_and_collected() {
        let mut running = Running::start(Command::new("sleep").arg("100")).unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(20), running.ended()).await;
        assert!(waited.is_err());
        let place = format!("/proc/{}", running.id());
        drop(running);
        // The Host does this at each SIGCHLD.
        while std::path::Path::new(&place).exists() {
            registry::reap().unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
