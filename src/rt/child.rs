//! A child that is there, with its process id, but has not yet become its program.
//!
//! A tracer attaches its probes to the process id first and then lets the program start, so that
//! nothing of it is missed. The standard library's `Command` cannot do this: its `spawn` returns
//! only after the program was executed. Neighbours: `signals.rs`, whose blocking the child undoes;
//! `running.rs` for a program that need not wait, `program.rs` for one that is run to its end, `registry.rs` for who collects which child.

mod program;
pub(crate) mod registry;
mod running;

use std::ffi::{CString, OsStr};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use edgekit_core::Exit;

pub use program::{Ended, Program};
pub use running::Running;

use crate::sys;
use registry::Owned;

/// A child process. Dropping one that was never let go ends it without running its program.
pub struct Child {
    pid: i32,
    owned: Owned,
    pidfd: OwnedFd,
    /// Written to let the program start; closed without a byte, the child ends.
    gate: Option<PipeWriter>,
    /// Carries `errno` if the program could not be executed; closed by a successful one.
    report: PipeReader,
    ended: Option<Exit>,
}

impl Child {
    /// Starts a process that waits for [`Child::go`] before it becomes `argv[0]`, which is looked
    /// up in `PATH`. It has default signals and shares our standard streams.
    pub fn spawn_stopped<S: AsRef<OsStr>>(argv: &[S]) -> io::Result<Child> {
        if argv.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command to run"));
        }
        let words: Vec<CString> = argv
            .iter()
            .map(|word| CString::new(word.as_ref().as_bytes()))
            .collect::<Result<_, _>>()
            .map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidInput, "a word of the command holds a NUL byte")
            })?;
        let mut pointers: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
        pointers.push(ptr::null());
        let (gate_reader, gate) = io::pipe()?;
        let (report, report_writer) = io::pipe()?;
        let (owned, (pid, gate)) = registry::enter(|| {
            // SAFETY: the child only makes the async-signal-safe calls of `wait_and_exec`, on memory
            // made before the fork, and never returns from it.
            let pid = sys::check(unsafe { libc::fork() })?;
            if pid == 0 {
                // Our copy of the write end would keep the gate open after the parent has died.
                drop(gate);
                wait_and_exec(&pointers, gate_reader.as_raw_fd(), report_writer.as_raw_fd());
            }
            Ok((pid, (pid, gate)))
        })?;
        let mut child = Unwatched { pid, armed: true };
        let pidfd = open_pidfd(pid)?;
        child.armed = false;
        Ok(Child { pid, owned, pidfd, gate: Some(gate), report, ended: None })
    }

    /// Its process id, known before its program runs.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Lets the program start; fails if it cannot be executed.
    pub fn go(&mut self) -> io::Result<()> {
        let Some(mut gate) = self.gate.take() else { return Ok(()) };
        gate.write_all(&[1])?;
        let mut number = [0; 4];
        match self.report.read_exact(&mut number) {
            // The report closed by itself: the program is running.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.wait()?;
                Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
            }
        }
    }

    /// Sends it a signal; a child that has ended is left alone.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        if self.ended.is_some() {
            return Ok(());
        }
        // SAFETY: the descriptor is ours; no siginfo is passed.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal,
                ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        match sys::check_long(sent) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<Exit> {
        // A child still at the gate would wait for us: let it see that the gate is closed.
        self.gate = None;
        loop {
            if let Some(exit) = self.try_wait()? {
                return Ok(exit);
            }
            sys::await_end(self.pid)?;
        }
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        if self.ended.is_none() {
            let pid = self.pid;
            self.ended = self.owned.collect(|| collect(pid))?;
        }
        Ok(self.ended)
    }
}

fn collect(pid: i32) -> io::Result<Option<Exit>> {
    let mut status = MaybeUninit::<libc::c_int>::zeroed();
    let got = sys::retry(|| {
        // SAFETY: `status` is a writable integer; the process is our own unreaped child.
        sys::check(unsafe { libc::waitpid(pid, status.as_mut_ptr(), libc::WNOHANG) })
    })?;
    // SAFETY: zeroed above and filled by the kernel.
    Ok(if got == pid { exit_of(unsafe { status.assume_init() }) } else { None })
}

/// Readable, in a poll loop, once the child has ended.
impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.gate.is_some() {
            // It never ran: closing the gate ends it, and it is reaped rather than left a zombie.
            // An error has no one to be told here.
            drop(self.wait());
        }
    }
}

/// Reaps a child whose set-up failed half way; its gate is closed by then.
struct Unwatched {
    pid: i32,
    armed: bool,
}

impl Drop for Unwatched {
    fn drop(&mut self) {
        if self.armed {
            // SAFETY: our own child; it ends by itself once the gate closes, SIGKILL is certain.
            unsafe {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, ptr::null_mut(), 0);
            }
        }
    }
}

fn open_pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers.
    let raw = sys::check_long(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let raw =
        RawFd::try_from(raw).map_err(|_| io::Error::other("the kernel returned an impossible descriptor"))?;
    // SAFETY: the kernel has just made this descriptor and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn exit_of(status: libc::c_int) -> Option<Exit> {
    if libc::WIFEXITED(status) {
        Some(Exit::code((libc::WEXITSTATUS(status) & 0xff) as u8))
    } else if libc::WIFSIGNALED(status) {
        Some(Exit::from_signal(libc::WTERMSIG(status)))
    } else {
        None
    }
}

/// The child's side, between fork and exec: nothing here allocates, locks or unwinds.
fn wait_and_exec(argv: &[*const libc::c_char], gate: RawFd, report: RawFd) -> ! {
    // SAFETY: only async-signal-safe calls, on descriptors and memory made before the fork; `argv`
    // ends with a null pointer and its strings outlive the call.
    unsafe {
        let mut byte = 0u8;
        let mut got = libc::read(gate, (&raw mut byte).cast(), 1);
        while got == -1 && *libc::__errno_location() == libc::EINTR {
            got = libc::read(gate, (&raw mut byte).cast(), 1);
        }
        if got != 1 {
            libc::_exit(i32::from(Exit::OK.value()));
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        // Rust programs start with SIGPIPE ignored, and ignored signals survive an exec.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        if let Some(program) = argv.first() {
            libc::execvp(*program, argv.as_ptr());
        }
        let number = (*libc::__errno_location()).to_ne_bytes();
        libc::write(report, number.as_ptr().cast(), number.len());
        libc::_exit(i32::from(Exit::UNKNOWN_APPLET.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_starts_only_when_let_go() {
        let mut child = Child::spawn_stopped(&["sh", "-c", "exit 7"]).unwrap();
        let name = std::fs::read_to_string(format!("/proc/{}/comm", child.pid())).unwrap();
        assert_ne!(name.trim(), "sh");
        assert_eq!(child.try_wait().unwrap(), None);
        child.go().unwrap();
        assert_eq!(child.wait().unwrap(), Exit::code(7));
        assert_eq!(child.try_wait().unwrap(), Some(Exit::code(7)));
    }

    #[test]
    fn a_missing_program_is_an_error_of_go() {
        let mut child = Child::spawn_stopped(&["/nonexistent/program"]).unwrap();
        assert_eq!(child.go().unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn dropped_before_it_ran_it_leaves_nothing() {
        let child = Child::spawn_stopped(&["sleep", "100"]).unwrap();
        let pid = child.pid();
        drop(child);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn an_end_by_signal_is_128_and_the_number() {
        let mut child = Child::spawn_stopped(&["sleep", "100"]).unwrap();
        child.go().unwrap();
        child.signal(libc::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap(), Exit::code(143));
    }
}
