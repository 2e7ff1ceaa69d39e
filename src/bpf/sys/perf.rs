//! perf_event_open(2) and the ioctl that ties a program to its event on kernels without perf links.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use aya_obj::generated::perf_event_attr;

const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
/// `_IOW('$', 8, u32)`; the same number on the architectures we build for.
const PERF_EVENT_IOC_SET_BPF: u32 = 0x4004_2408;

/// How often an event fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Once every so many units of the event: nanoseconds for the clocks, occurrences for the rest.
    Period(u64),
    /// About so many times a second.
    Frequency(u64),
}

/// Which event to open and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open<'a> {
    pub(crate) kind: u32,
    pub(crate) config: u64,
    pub(crate) sample: Sample,
    /// -1 for every task.
    pub(crate) pid: i32,
    /// -1 for every CPU, which needs a `pid`.
    pub(crate) cpu: i32,
    pub(crate) disabled: bool,
    /// For kprobes the function, for uprobes the file, with the offset in it.
    pub(crate) place: Option<(&'a CStr, u64)>,
}

pub(crate) fn open(o: Open<'_>) -> io::Result<OwnedFd> {
    // SAFETY: plain integers and bit fields of them.
    let mut attr: perf_event_attr = unsafe { std::mem::zeroed() };
    attr.type_ = o.kind;
    attr.size = size_of::<perf_event_attr>() as u32;
    attr.config = o.config;
    match o.sample {
        Sample::Period(n) => attr.__bindgen_anon_1.sample_period = n,
        Sample::Frequency(n) => {
            attr.__bindgen_anon_1.sample_freq = n;
            attr.set_freq(1);
        }
    }
    if let Some((name, offset)) = o.place {
        attr.__bindgen_anon_3.config1 = name.as_ptr() as u64;
        attr.__bindgen_anon_4.config2 = offset;
    }
    attr.set_disabled(u64::from(o.disabled));
    // SAFETY: `attr` is live and of the stated size, the name it may point to is borrowed for the call; the other
    // arguments are numbers.
    let fd = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attr, o.pid, o.cpu, -1, PERF_FLAG_FD_CLOEXEC)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Ties a program to an open event (kernels before 5.15, where there is no link for it).
pub(crate) fn set_bpf(perf: BorrowedFd<'_>, prog: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the request takes a number, not a pointer.
    let r = unsafe { libc::ioctl(perf.as_raw_fd(), PERF_EVENT_IOC_SET_BPF as _, prog.as_raw_fd()) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
