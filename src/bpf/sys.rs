//! The raw bpf(2) calls, one function a command, with the pointers in one place.
//!
//! aya has no public way to load bare instructions, to run batch operations or to test-run a program, so these
//! go to the kernel directly, on aya's generated `bpf_attr`. Everything here returns `io::Error`; the callers
//! (`map`, `prog`, `link`, `btf`, `feature`) add what it was about. Neighbours: `perf` (perf_event_open) and
//! `mapping` (mmap).

pub(crate) mod handoff;
pub(crate) mod mapping;
pub(crate) mod perf;

use std::{
    ffi::{CStr, CString},
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_info};

/// The kernel's "not supported" that libc does not know.
pub(crate) const ENOTSUPP: i32 = 524;

/// An attribute block with every field zero, which the kernel reads as "not given".
pub(crate) fn attr() -> bpf_attr {
    // SAFETY: `bpf_attr` is a union of plain integers and arrays of them; all-zero is a valid value of each.
    unsafe { std::mem::zeroed() }
}

/// Makes the call, again when a signal interrupted it.
///
/// # Safety
/// Every address and length in `attr` that `cmd` uses must be valid for what the kernel does with it.
pub(crate) unsafe fn bpf(cmd: bpf_cmd, attr: &mut bpf_attr) -> io::Result<i32> {
    loop {
        // SAFETY: `attr` is a live, exclusively borrowed block of the stated size; the rest is the caller's duty.
        let r = unsafe { libc::syscall(libc::SYS_bpf, cmd as i32, &raw mut *attr, size_of::<bpf_attr>()) };
        if r >= 0 {
            return Ok(r as i32);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINTR) {
            return Err(error);
        }
    }
}

/// Like [`bpf`] for commands that return a new descriptor.
///
/// # Safety
/// As for [`bpf`]; `cmd` must be one that returns a descriptor.
pub(crate) unsafe fn bpf_fd(cmd: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: passed on to the caller.
    let fd = unsafe { bpf(cmd, attr)? };
    // SAFETY: the kernel has just given us this descriptor, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// For `or_else` on a refused creation: before 5.11 maps and programs count against RLIMIT_MEMLOCK, whose usual
/// 64 KiB show as EPERM. Raised only then, and only here: later kernels do not look at it.
pub(crate) fn retry_with_memlock<T>(
    again: impl FnOnce() -> io::Result<T>,
) -> impl FnOnce(io::Error) -> io::Result<T> {
    move |error| {
        if error.raw_os_error() != Some(libc::EPERM) || crate::feature::kernel_at_least(5, 11) {
            return Err(error);
        }
        let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: reads a live structure.
        match unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) } {
            0 => again(),
            _ => Err(error),
        }
    }
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

fn addr<T>(slice: &[T]) -> u64 {
    slice.as_ptr() as u64
}

fn addr_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr() as u64
}

/// `Ok(false)` for ENOENT: the key is not there, or there is no next one.
fn found(result: io::Result<i32>) -> io::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Which single-element command to run.
#[derive(Clone, Copy)]
pub(crate) enum Elem {
    Lookup,
    LookupAndDelete,
    Update,
    Delete,
}

/// Reads, writes or deletes one element; `Ok(false)` when the key is absent.
///
/// # Safety
/// `key` must be as long as the map's key and `value` as long as what the kernel copies for this map (value size
/// rounded up to 8 times the possible CPUs for per-CPU maps); it is written to by the lookups.
pub(crate) unsafe fn map_elem(
    op: Elem,
    fd: BorrowedFd<'_>,
    key: &[u8],
    value: &mut [u8],
    flags: u64,
) -> io::Result<bool> {
    let mut attr = attr();
    attr.__bindgen_anon_2.map_fd = raw(fd);
    attr.__bindgen_anon_2.key = addr(key);
    attr.__bindgen_anon_2.__bindgen_anon_1.value = addr_mut(value);
    attr.__bindgen_anon_2.flags = flags;
    let cmd = match op {
        Elem::Lookup => bpf_cmd::BPF_MAP_LOOKUP_ELEM,
        Elem::LookupAndDelete => bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_ELEM,
        Elem::Update => bpf_cmd::BPF_MAP_UPDATE_ELEM,
        Elem::Delete => {
            // The kernel refuses fields that the command does not use.
            attr.__bindgen_anon_2.__bindgen_anon_1.value = 0;
            bpf_cmd::BPF_MAP_DELETE_ELEM
        }
    };
    // SAFETY: key and value live across the call and have the sizes the caller promises.
    found(unsafe { bpf(cmd, &mut attr) })
}

/// The key after `key`, or the first one; `Ok(false)` at the end.
///
/// # Safety
/// `key` and `next` must be as long as the map's key.
pub(crate) unsafe fn map_next_key(
    fd: BorrowedFd<'_>,
    key: Option<&[u8]>,
    next: &mut [u8],
) -> io::Result<bool> {
    let mut attr = attr();
    attr.__bindgen_anon_2.map_fd = raw(fd);
    attr.__bindgen_anon_2.key = key.map_or(0, addr);
    attr.__bindgen_anon_2.__bindgen_anon_1.next_key = addr_mut(next);
    // SAFETY: both buffers live across the call and have the size the caller promises.
    found(unsafe { bpf(bpf_cmd::BPF_MAP_GET_NEXT_KEY, &mut attr) })
}

/// The buffers of one batch call.
pub(crate) struct Batch<'a> {
    /// Where the last call stopped; not read by the first call.
    pub(crate) cursor: &'a mut [u8],
    pub(crate) first: bool,
    pub(crate) keys: &'a mut [u8],
    pub(crate) values: &'a mut [u8],
    pub(crate) room: u32,
}

/// Reads (and with `delete` removes) up to `room` elements. Returns how many and whether the map goes on.
///
/// # Safety
/// `keys` and `values` must hold `room` elements of the map's sizes (per-CPU values counted as in
/// [`map_elem`]), and `cursor` at least 4 bytes and a key.
pub(crate) unsafe fn map_batch(fd: BorrowedFd<'_>, delete: bool, b: Batch<'_>) -> (u32, io::Result<bool>) {
    let cursor = addr_mut(b.cursor);
    let mut attr = attr();
    attr.batch.in_batch = if b.first { 0 } else { cursor };
    attr.batch.out_batch = cursor;
    attr.batch.keys = addr_mut(b.keys);
    attr.batch.values = addr_mut(b.values);
    attr.batch.count = b.room;
    attr.batch.map_fd = raw(fd);
    let cmd = match delete {
        true => bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_BATCH,
        false => bpf_cmd::BPF_MAP_LOOKUP_BATCH,
    };
    // SAFETY: the buffers live across the call and have the sizes the caller promises; the kernel reads the
    // cursor before it writes it, so one buffer serves both ways.
    let result = found(unsafe { bpf(cmd, &mut attr) });
    // SAFETY: the `batch` member was initialised above.
    let count = unsafe { attr.batch.count };
    // Refused outright, the kernel has not touched the count.
    let counted = result.is_ok() || matches!(&result, Err(e) if e.raw_os_error() == Some(libc::ENOSPC));
    (if counted { count.min(b.room) } else { 0 }, result)
}

/// Makes a map unwritable from user space.
pub(crate) fn map_freeze(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = attr();
    attr.__bindgen_anon_2.map_fd = raw(fd);
    // SAFETY: the command uses the descriptor only.
    unsafe { bpf(bpf_cmd::BPF_MAP_FREEZE, &mut attr) }.map(drop)
}

/// What a program is attached by at load time and described with.
pub(crate) struct Load<'a> {
    pub(crate) prog_type: u32,
    pub(crate) expected_attach: u32,
    pub(crate) insns: &'a [u64],
    pub(crate) license: &'a CStr,
    pub(crate) name: [libc::c_char; 16],
    pub(crate) kern_version: u32,
    pub(crate) flags: u32,
    pub(crate) btf: Option<BorrowedFd<'a>>,
    /// Pairs of instruction offset and type id of the function that starts there.
    pub(crate) func_info: &'a [[u32; 2]],
    pub(crate) attach_btf_id: u32,
    pub(crate) attach_btf_obj: Option<BorrowedFd<'a>>,
    pub(crate) log_level: u32,
}

/// Loads a program; with a log level, the verifier writes its text (ended by a zero byte) into `log`.
/// The second value is the size of log the verifier wanted, where the kernel (6.4) says.
pub(crate) fn prog_load(load: &Load<'_>, log: &mut [u8]) -> (io::Result<OwnedFd>, u32) {
    let mut attr = attr();
    let p = &mut attr;
    p.__bindgen_anon_3.prog_type = load.prog_type;
    p.__bindgen_anon_3.expected_attach_type = load.expected_attach;
    p.__bindgen_anon_3.insn_cnt = load.insns.len() as u32;
    p.__bindgen_anon_3.insns = addr(load.insns);
    p.__bindgen_anon_3.license = load.license.as_ptr() as u64;
    p.__bindgen_anon_3.prog_name = load.name;
    p.__bindgen_anon_3.kern_version = load.kern_version;
    p.__bindgen_anon_3.prog_flags = load.flags;
    p.__bindgen_anon_3.attach_btf_id = load.attach_btf_id;
    if let Some(obj) = load.attach_btf_obj {
        p.__bindgen_anon_3.__bindgen_anon_1.attach_btf_obj_fd = raw(obj);
    }
    if let Some(btf) = load.btf {
        p.__bindgen_anon_3.prog_btf_fd = raw(btf);
        p.__bindgen_anon_3.func_info = addr(load.func_info);
        p.__bindgen_anon_3.func_info_cnt = load.func_info.len() as u32;
        p.__bindgen_anon_3.func_info_rec_size = size_of::<[u32; 2]>() as u32;
    }
    if load.log_level != 0 {
        p.__bindgen_anon_3.log_level = load.log_level;
        p.__bindgen_anon_3.log_buf = addr_mut(log);
        p.__bindgen_anon_3.log_size = log.len() as u32;
    }
    // The verifier gives up with EAGAIN when a signal is pending; the signal is handled by then.
    let mut tries = 5;
    loop {
        // SAFETY: instructions, licence, function table and log are borrowed for the call, with their lengths.
        let result = unsafe { bpf_fd(bpf_cmd::BPF_PROG_LOAD, &mut attr) };
        match &result {
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) && tries > 0 => tries -= 1,
            // SAFETY: the member was initialised above.
            _ => return (result, unsafe { attr.__bindgen_anon_3.log_true_size }),
        }
    }
}

/// Runs a raw tracepoint program once on the CPU of the caller and returns its value.
pub(crate) fn prog_test_run(fd: BorrowedFd<'_>, ctx: &[u64], cpu: Option<u32>) -> io::Result<u32> {
    const ON_CPU: u32 = 1;
    let mut attr = attr();
    attr.test.prog_fd = raw(fd);
    if !ctx.is_empty() {
        attr.test.ctx_in = addr(ctx);
        attr.test.ctx_size_in = size_of_val(ctx) as u32;
    }
    if let Some(cpu) = cpu {
        attr.test.flags = ON_CPU;
        attr.test.cpu = cpu;
    }
    // SAFETY: the context is borrowed for the call, with its length.
    unsafe { bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr)? };
    // SAFETY: the member was initialised above.
    Ok(unsafe { attr.test.retval })
}

/// What the kernel knows about a loaded program; fields that it is too old for stay zero.
pub(crate) fn prog_info(fd: BorrowedFd<'_>) -> io::Result<bpf_prog_info> {
    // SAFETY: plain integers; zero asks for none of the variable-length parts.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attr = attr();
    attr.info.bpf_fd = raw(fd);
    attr.info.info_len = size_of::<bpf_prog_info>() as u32;
    attr.info.info = &raw mut info as u64;
    // SAFETY: `info` is live, exclusively ours and of the stated length.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr)? };
    Ok(info)
}

/// Opens a raw tracepoint by name, or (no name) attaches a program to the function it was loaded for.
pub(crate) fn raw_tracepoint_open(prog: BorrowedFd<'_>, name: Option<&CStr>) -> io::Result<OwnedFd> {
    let mut attr = attr();
    attr.raw_tracepoint.name = name.map_or(0, |n| n.as_ptr() as u64);
    attr.raw_tracepoint.prog_fd = raw(prog);
    // SAFETY: the name, if any, is a zero-terminated string borrowed for the call.
    unsafe { bpf_fd(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &mut attr) }
}

/// Ties a program to an open perf event (kernel 5.15); `cookie` comes back from bpf_get_attach_cookie.
pub(crate) fn link_perf_event(
    prog: BorrowedFd<'_>,
    perf: BorrowedFd<'_>,
    cookie: u64,
) -> io::Result<OwnedFd> {
    let mut attr = attr();
    attr.link_create.__bindgen_anon_1.prog_fd = raw(prog);
    attr.link_create.__bindgen_anon_2.target_fd = raw(perf);
    attr.link_create.attach_type = bpf_attach_type::BPF_PERF_EVENT as u32;
    attr.link_create.__bindgen_anon_3.perf_event.bpf_cookie = cookie;
    // SAFETY: the command uses descriptors and numbers only.
    unsafe { bpf_fd(bpf_cmd::BPF_LINK_CREATE, &mut attr) }
}

/// A place for programs that attach to many at once.
#[derive(Clone, Copy)]
pub(crate) enum Multi<'a> {
    Kprobe { symbol: &'a str },
    Uprobe { path: &'a str, offset: u64 },
}

impl Multi<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Multi::Kprobe { .. } => "kprobe_multi",
            Multi::Uprobe { .. } => "uprobe_multi",
        }
    }
}

/// Attaches a program loaded for it to one place by a multi link (kernel 5.18 for kprobes, 6.6 for uprobes).
pub(crate) fn link_multi(prog: BorrowedFd<'_>, place: &Multi<'_>) -> io::Result<OwnedFd> {
    let mut attr = attr();
    attr.link_create.__bindgen_anon_1.prog_fd = raw(prog);
    let name = CString::new(match place {
        Multi::Kprobe { symbol } => *symbol,
        Multi::Uprobe { path, .. } => *path,
    })?;
    let names = [name.as_ptr() as u64];
    let offsets = [if let Multi::Uprobe { offset, .. } = place { *offset } else { 0 }];
    match place {
        Multi::Kprobe { .. } => {
            attr.link_create.attach_type = bpf_attach_type::BPF_TRACE_KPROBE_MULTI as u32;
            attr.link_create.__bindgen_anon_3.kprobe_multi.cnt = 1;
            attr.link_create.__bindgen_anon_3.kprobe_multi.syms = addr(&names);
        }
        Multi::Uprobe { .. } => {
            attr.link_create.attach_type = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;
            attr.link_create.__bindgen_anon_3.uprobe_multi.cnt = 1;
            attr.link_create.__bindgen_anon_3.uprobe_multi.path = names[0];
            attr.link_create.__bindgen_anon_3.uprobe_multi.offsets = addr(&offsets);
        }
    }
    // SAFETY: the name and the arrays of one element live until the call returns.
    unsafe { bpf_fd(bpf_cmd::BPF_LINK_CREATE, &mut attr) }
}

/// Attaches an iterator program to all there is to iterate over.
pub(crate) fn link_iter(prog: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attr = attr();
    attr.link_create.__bindgen_anon_1.prog_fd = raw(prog);
    attr.link_create.attach_type = bpf_attach_type::BPF_TRACE_ITER as u32;
    // SAFETY: the command uses a descriptor and numbers only.
    unsafe { bpf_fd(bpf_cmd::BPF_LINK_CREATE, &mut attr) }
}

/// Gives a blob of type information to the kernel.
pub(crate) fn btf_load(blob: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = attr();
    attr.__bindgen_anon_7.btf = addr(blob);
    attr.__bindgen_anon_7.btf_size = blob.len() as u32;
    // SAFETY: the blob is borrowed for the call, with its length.
    unsafe { bpf_fd(bpf_cmd::BPF_BTF_LOAD, &mut attr) }
}

/// Turns on run-time statistics of all programs for as long as the descriptor lives.
pub(crate) fn enable_stats() -> io::Result<OwnedFd> {
    let mut attr = attr();
    attr.enable_stats.type_ = 0; // BPF_STATS_RUN_TIME
    // SAFETY: the command uses a number only.
    unsafe { bpf_fd(bpf_cmd::BPF_ENABLE_STATS, &mut attr) }
}
