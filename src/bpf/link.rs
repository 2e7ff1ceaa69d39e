//! Attachments: a program tied to a place in the kernel for as long as the [`Link`] lives.
//!
//! aya's link types are only reachable through its own program types, which come from an ELF object or from a
//! program id (that lookup needs CAP_SYS_ADMIN, where attaching needs CAP_PERFMON alone), so the three calls
//! behind them are made directly. Neighbours: `prog` gives the programs, `sys::perf` opens the events.
//!
//! A tracepoint program is attached to the event's call site, not to the perf event that carries it there, so one
//! event on one CPU serves the whole system: opened disabled, it costs no sampling work of its own. A test counts
//! switches on all CPUs to hold the kernel to that.

use std::{
    ffi::CString,
    io,
    os::fd::{AsFd, OwnedFd},
};

pub use crate::sys::perf::Sample;
use crate::{
    error::{Error, Result},
    map::online_cpus,
    prog::Program,
    sys::{
        self,
        perf::{self, Open},
    },
};

const TYPE_HARDWARE: u32 = 0;
const TYPE_SOFTWARE: u32 = 1;
const TYPE_TRACEPOINT: u32 = 2;

/// An event of the kernel's or the processor's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A clock that ticks on its CPU, busy or idle; its unit is the nanosecond.
    CpuClock,
    /// `PERF_COUNT_SW_*` by number.
    Software(u64),
    /// `PERF_COUNT_HW_*` by number.
    Hardware(u64),
}

impl Event {
    fn numbers(self) -> (u32, u64) {
        match self {
            Event::CpuClock => (TYPE_SOFTWARE, 0),
            Event::Software(n) => (TYPE_SOFTWARE, n),
            Event::Hardware(n) => (TYPE_HARDWARE, n),
        }
    }
}

/// An attached program; detached on drop.
#[derive(Debug)]
pub struct Link {
    /// The kernel's link, where it has one for this kind of attachment. Dropped before the event.
    link: Option<OwnedFd>,
    event: Option<OwnedFd>,
    tracepoint: bool,
}

impl Link {
    /// Whether the kernel has an object for this attachment (5.15 for perf events) or it hangs on the event.
    pub fn is_kernel_link(&self) -> bool {
        self.link.is_some()
    }
}

/// Detaches all of these and returns when none of their programs can run any more.
///
/// The kernel waits for a grace period of tens of milliseconds at the last close of every link to a perf event,
/// and for another at that of every tracepoint's event (together 72 ms each on 6.18: dropping 300 links took
/// 22 s). Waits for links go on side by side in threads. Those for events come one after the other whichever
/// thread asks; no program is attached by then, so they are left to a process of its own, which ends by itself.
pub fn detach_all(links: Vec<Link>) {
    const FEW: usize = 3;
    let (mut waits, mut events) = (Vec::new(), Vec::new());
    for Link { link, event, tracepoint } in links {
        match (link, event) {
            // Without a link the program hangs on the event, which then has to go here.
            (Some(link), Some(event)) => {
                waits.push(link);
                if tracepoint {
                    events.push(event);
                }
            }
            (link, event) => drop((link, event)),
        }
    }
    drop_side_by_side(waits);
    // For a few, the helper process is not worth making.
    if events.len() > FEW {
        sys::handoff::close_elsewhere(events);
    }
}

/// Drops every value, the slow ones at the same time. A thread that cannot be made drops its share here.
fn drop_side_by_side<T: Send + 'static>(mut values: Vec<T>) {
    const THREADS: usize = 64;
    const STACK: usize = 64 << 10;
    let share = values.len().div_ceil(THREADS).max(1);
    let mut threads = Vec::new();
    while values.len() > share {
        let part = values.split_off(values.len() - share);
        let thread = std::thread::Builder::new().name("detach".into()).stack_size(STACK);
        threads.extend(thread.spawn(move || drop(part)));
    }
    drop(values);
    for thread in threads {
        // A panic in a drop of descriptors cannot happen, and would not matter here.
        drop(thread.join());
    }
}

/// Attaches to the tracepoint with this number (the file `id` of its tracefs folder).
pub fn tracepoint(prog: &Program, id: u64) -> Result<Link> {
    tracepoint_with_cookie(prog, id, 0)
}

/// [`tracepoint`] with a number the program reads back by bpf_get_attach_cookie (kernel 5.15).
pub fn tracepoint_with_cookie(prog: &Program, id: u64, cookie: u64) -> Result<Link> {
    let failed = |source| Error::Attach { what: format!("tracepoint {id}"), source };
    let event = Open {
        kind: TYPE_TRACEPOINT,
        config: id,
        sample: Sample::Period(1),
        pid: -1,
        cpu: first_cpu()?,
        disabled: true,
        place: None,
    };
    perf_link(prog, event, cookie).map_err(failed)
}

/// Attaches to a raw tracepoint by its bare name, such as `sched_switch` (kernel 4.17).
pub fn raw_tracepoint(prog: &Program, name: &str) -> Result<Link> {
    let failed = |source| Error::Attach { what: format!("raw tracepoint \"{name}\""), source };
    let name = CString::new(name).map_err(|e| failed(e.into()))?;
    let link = sys::raw_tracepoint_open(prog.as_fd(), Some(&name)).map_err(failed)?;
    Ok(Link { link: Some(link), event: None, tracepoint: false })
}

/// Attaches a program to the function or typed tracepoint that it was loaded for (kernel 5.5).
pub fn tracing(prog: &Program) -> Result<Link> {
    let failed = |source| Error::Attach { what: format!("the function of \"{}\"", prog.name()), source };
    let link = sys::raw_tracepoint_open(prog.as_fd(), None).map_err(failed)?;
    Ok(Link { link: Some(link), event: None, tracepoint: false })
}

/// Attaches to an event on one CPU, for all tasks.
pub fn event_on(prog: &Program, event: Event, sample: Sample, cpu: u32) -> Result<Link> {
    let (kind, config) = event.numbers();
    let failed = |source| Error::Attach { what: format!("{event:?} on CPU {cpu}"), source };
    let open = Open { kind, config, sample, pid: -1, cpu: cpu as i32, disabled: false, place: None };
    perf_link(prog, open, 0).map_err(failed)
}

/// Attaches to an event on every CPU that runs now: `profile`, `software` and `hardware` probes.
pub fn event_everywhere(prog: &Program, event: Event, sample: Sample) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for cpu in online_cpus()? {
        match event_on(prog, event, sample, cpu) {
            Ok(link) => links.push(link),
            // A CPU may go offline between listing and opening.
            Err(e) if e.errno() == Some(libc::ENODEV) && cpu != 0 => {}
            Err(e) => return Err(e),
        }
    }
    Ok(links)
}

/// Samples every CPU by its clock: `profile:hz:99`.
pub fn profile(prog: &Program, sample: Sample) -> Result<Vec<Link>> {
    event_everywhere(prog, Event::CpuClock, sample)
}

/// Fires on one CPU only: `interval:s:1`.
pub fn interval(prog: &Program, sample: Sample) -> Result<Link> {
    event_on(prog, Event::CpuClock, sample, first_cpu()? as u32)
}

/// CPU 0 may be offline.
fn first_cpu() -> Result<i32> {
    Ok(online_cpus()?.first().map_or(0, |&cpu| cpu as i32))
}

fn perf_link(prog: &Program, open: Open<'_>, cookie: u64) -> io::Result<Link> {
    let tracepoint = open.kind == TYPE_TRACEPOINT;
    let event = perf::open(open)?;
    match sys::link_perf_event(prog.as_fd(), event.as_fd(), cookie) {
        Ok(link) => Ok(Link { link: Some(link), event: Some(event), tracepoint }),
        // No such link before 5.15; a cookie cannot be given there.
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) && cookie == 0 => {
            perf::set_bpf(event.as_fd(), prog.as_fd())?;
            Ok(Link { link: None, event: Some(event), tracepoint })
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
