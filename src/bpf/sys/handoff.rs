//! Closing descriptors in another process, for those whose last close makes the kernel wait.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

/// Lets a process of its own, which has nothing else open, do the last close of `fds`, and returns at once. Where
/// that process cannot be made, the descriptors are closed here after all.
///
/// The helper is a grandchild, so that nobody has to wait for it, and it begins when our copies are closed.
pub(crate) fn close_elsewhere(fds: Vec<OwnedFd>) {
    let Ok((wait, go)) = pipe() else { return };
    // Computed before the fork: in the child of a process with threads, only bare system calls are safe.
    let mut keep: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    keep.push(wait.as_raw_fd());
    edgekit_core::sort::natural(&mut keep);
    let gaps = gaps(&keep);
    // SAFETY: the child makes system calls only and ends in `_exit`: no allocation, no lock, no destructor.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: as above.
            if unsafe { libc::fork() } == 0 {
                for &(first, last) in &gaps {
                    close_all(first, last);
                }
                let mut byte = 0u8;
                // SAFETY: reads at most one byte into a live byte; the end of the pipe comes when our maker has
                // closed its copies, or has died.
                while unsafe { libc::read(wait.as_raw_fd(), (&raw mut byte).cast(), 1) } < 0 {
                    if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                        break;
                    }
                }
            }
            // SAFETY: ends this process without running anything of it; the kernel closes the descriptors.
            unsafe { libc::_exit(0) }
        }
        child if child > 0 => {
            // SAFETY: waits for the child made above, which exits at once; no status is asked for.
            while unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) } < 0
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
        }
        _ => {}
    }
    drop(fds);
    drop(go);
}

/// The ranges of descriptor numbers around those to keep (sorted).
fn gaps(keep: &[RawFd]) -> Vec<(u32, u32)> {
    let mut gaps = Vec::with_capacity(keep.len() + 1);
    let mut next = 0u32;
    for &fd in keep {
        let fd = fd as u32;
        if fd > next {
            gaps.push((next, fd - 1));
        }
        next = fd + 1;
    }
    gaps.push((next, u32::MAX));
    gaps
}

fn close_all(first: u32, last: u32) {
    // SAFETY: called in a child that uses none of these descriptors again.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0;
    if !done {
        // Kernels before 5.9; nothing of ours is open beyond this number of descriptors there.
        for fd in first..=last.min(4096) {
            // SAFETY: as above.
            unsafe { libc::close(fd as RawFd) };
        }
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: writes two descriptors into the array.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us both, nobody else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn gaps_leave_out_what_is_kept() {
        assert_eq!(gaps(&[0, 1, 5]), [(2, 4), (6, u32::MAX)]);
        assert_eq!(gaps(&[3]), [(0, 2), (4, u32::MAX)]);
    }

    #[test]
    fn the_last_close_comes_from_elsewhere() {
        let (read, write) = pipe().unwrap();
        close_elsewhere(vec![write]);
        // Ends only when the other process has closed its copy.
        let mut rest = Vec::new();
        std::fs::File::from(read).read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
    }
}
