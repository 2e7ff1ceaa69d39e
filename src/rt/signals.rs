//! Signals as something to read: a descriptor for the caller's own poll loop.
//!
//! A tool blocks the signals it wants and reads them when it is ready, so no code of ours ever runs
//! inside a signal handler. `child.rs` gives a child its signals back.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use crate::sys;

/// Signals routed to a descriptor while this lives. Make it before any thread is started: threads
/// inherit the blocking of the one that starts them.
pub struct Signals {
    fd: OwnedFd,
    previous: libc::sigset_t,
}

impl Signals {
    /// Routes `signals`, for example `&[libc::SIGINT, libc::SIGTERM]`, to a new descriptor.
    pub fn new(signals: &[i32]) -> io::Result<Signals> {
        let set = set_of(signals)?;
        let mut previous = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets live on this stack; the kernel fills `previous` when it returns 0.
        let failed = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, previous.as_mut_ptr()) };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        // SAFETY: the call above succeeded and filled it.
        let previous = unsafe { previous.assume_init() };
        // SAFETY: -1 asks for a new descriptor; `set` is initialised.
        let made = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        match sys::check(made) {
            // SAFETY: the kernel has just made this descriptor and nobody else owns it.
            Ok(raw) => Ok(Signals { fd: unsafe { OwnedFd::from_raw_fd(raw) }, previous }),
            Err(error) => {
                restore(&previous);
                Err(error)
            }
        }
    }

    /// The next signal that has arrived; `None` when there is none yet.
    pub fn read(&self) -> io::Result<Option<i32>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        let got = sys::retry(|| {
            // SAFETY: the buffer is exactly `size` bytes and lives through the call.
            let got = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
            if got == -1 { Err(io::Error::last_os_error()) } else { Ok(got) }
        });
        match got {
            Ok(_) => {
                // SAFETY: zeroed plain data, filled by the kernel: every bit pattern is valid.
                let info = unsafe { info.assume_init() };
                Ok(Some(i32::try_from(info.ssi_signo).unwrap_or(0)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        restore(&self.previous);
    }
}

fn restore(previous: &libc::sigset_t) {
    // SAFETY: `previous` was filled by the kernel; no old set is asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, previous, ptr::null_mut()) };
}

fn set_of(signals: &[i32]) -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the whole set it is given.
    sys::check(unsafe { libc::sigemptyset(set.as_mut_ptr()) })?;
    for &signal in signals {
        // SAFETY: the set was initialised above; a wrong number is refused with EINVAL.
        sys::check(unsafe { libc::sigaddset(set.as_mut_ptr(), signal) })?;
    }
    // SAFETY: initialised by sigemptyset.
    Ok(unsafe { set.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_signal_is_read_once() {
        let signals = Signals::new(&[libc::SIGUSR1]).unwrap();
        assert_eq!(signals.read().unwrap(), None);
        // SAFETY: the signal is blocked on this thread, so it only becomes readable.
        assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1) }, 0);
        assert_eq!(signals.read().unwrap(), Some(libc::SIGUSR1));
        assert_eq!(signals.read().unwrap(), None);
    }

    #[test]
    fn an_impossible_signal_is_refused() {
        assert!(Signals::new(&[4242]).is_err());
    }
}
