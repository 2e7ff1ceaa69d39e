//! Raw system calls no wrapper offers, and their return convention turned into `Result`.

use std::io;
use std::mem::{MaybeUninit, size_of, size_of_val};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `-1` means `errno` holds the reason.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The same for calls that return a long.
pub(crate) fn check_long(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Repeats a call that a signal interrupted.
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Registers a descriptor with the runtime of this task, to wait until it is readable.
pub(crate) fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open, stays so until it is dropped, and is always the same descriptor.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

/// First descriptor a service manager passes (sd_listen_fds(3)).
const FIRST_PASSED: RawFd = 3;

/// Takes the `count` descriptors a service manager passed to this process, and keeps them from its
/// children. To be called once, before anything else was opened.
pub(crate) fn passed_descriptors(count: u32) -> io::Result<Vec<OwnedFd>> {
    let count = RawFd::try_from(count).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let last = FIRST_PASSED.checked_add(count).ok_or(io::ErrorKind::InvalidInput)?;
    let mut taken = Vec::new();
    for raw in FIRST_PASSED..last {
        // SAFETY: takes integers; a number that is no descriptor is refused with EBADF.
        check(unsafe { libc::fcntl(raw, libc::F_SETFD, libc::FD_CLOEXEC) })?;
        // SAFETY: open, as the call above has shown, and passed to us by contract: nobody else owns it.
        taken.push(unsafe { OwnedFd::from_raw_fd(raw) });
    }
    Ok(taken)
}

/// The process at the other end of a Unix socket, as it was when it connected (SO_PEERCRED). Its number is 0 if it
/// is of a PID namespace that has no number here, which a type that rules 0 out could not hold.
pub(crate) fn peer_credentials(socket: RawFd) -> io::Result<libc::ucred> {
    let mut found = libc::ucred { pid: 0, uid: libc::uid_t::MAX, gid: libc::gid_t::MAX };
    let mut bytes = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the buffer is `bytes` long and lives through the call.
    let got = unsafe {
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut found).cast(), &raw mut bytes)
    };
    check(got)?;
    Ok(found)
}

/// The supplementary groups of the process at the other end of a Unix socket, as they were when it
/// connected (SO_PEERGROUPS, Linux 4.13).
pub(crate) fn peer_groups(socket: RawFd) -> io::Result<Vec<libc::gid_t>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut bytes = libc::socklen_t::try_from(size_of_val(groups.as_slice()))
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: the buffer is `bytes` long and lives through the call, which says how much it used.
        let got = unsafe {
            libc::getsockopt(
                socket,
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let length = bytes as usize / size_of::<libc::gid_t>();
        match check(got) {
            Ok(_) => {
                groups.truncate(length);
                return Ok(groups);
            }
            // The kernel says how long it must be.
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && length > groups.len() => {
                groups.resize(length, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until a child of ours has ended, and leaves it to be collected.
pub(crate) fn await_end(pid: i32) -> io::Result<()> {
    let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), options))?;
    Ok(())
}

/// The first of all children that has ended and was not collected; it is left so.
pub(crate) fn ended_child() -> io::Result<Option<i32>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    let got = retry(|| {
        // SAFETY: `info` is writable and lives through the call.
        check(unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options) })
    });
    match got {
        // SAFETY: zeroed above, so that its process id is 0 where the kernel had nothing to say; filled otherwise.
        Ok(_) => Ok(Some(unsafe { info.assume_init().si_pid() }).filter(|pid| *pid > 0)),
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Collects a child, if it has ended; true if it is no more.
pub(crate) fn collect(pid: i32) -> io::Result<bool> {
    let got = retry(|| {
        // SAFETY: no status is asked for.
        check(unsafe { libc::waitpid(pid, ptr::null_mut(), libc::WNOHANG) })
    });
    match got {
        Ok(got) => Ok(got == pid),
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(true),
        Err(error) => Err(error),
    }
}
