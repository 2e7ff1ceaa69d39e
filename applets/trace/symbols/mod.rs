//! What numbers mean on this machine: symbols, users, control groups, errors, signals, system calls, clocks.
//!
//! Nothing is read before it is asked for, because most programs print none of it. [`System`] answers the
//! questions of [`crate::output`] for the running machine; what only the running program knows (kept stacks,
//! kernel types) it asks of two functions that `run` gives it.

pub mod cgroup;
mod elf;
pub mod errno;
pub mod ksyms;
pub mod signal;
pub mod syscall;
pub mod users;
pub mod usyms;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use edgekit_core::Clock as SystemClock;

use crate::output::time::{Zone, strftime};
use crate::output::{Resolver, Symbol};
use crate::ty::{Clock, Field, Naming};
use cgroup::Cgroups;
use ksyms::Ksyms;
use users::Users;
use usyms::Usyms;

/// Gives the addresses of a kept stack by its id, innermost first.
pub type Frames<'a> = Box<dyn Fn(u32) -> Option<Vec<u64>> + 'a>;
/// Gives the members of a kernel struct by its BTF id.
pub type Members<'a> = Box<dyn Fn(u32) -> Option<Rc<[Field]>> + 'a>;

/// The running machine.
pub struct System<'a> {
    frames: Option<Frames<'a>>,
    members: Option<Members<'a>>,
    /// Wall clock minus boot clock, and minus monotonic clock, in ns, when the tracer started.
    since_boot: i128,
    since_monotonic: i128,
    tz: Option<String>,
    zone: OnceCell<Zone>,
    ksyms: OnceCell<Result<Ksyms, ksyms::Error>>,
    users: OnceCell<Users>,
    cgroups: RefCell<Cgroups>,
    usyms: RefCell<Usyms>,
}

impl<'a> System<'a> {
    /// `tz`: the value of the variable `TZ`, when it is set.
    pub fn new(clock: &SystemClock, tz: Option<String>) -> System<'a> {
        let nanos = |time: std::time::Duration| time.as_nanos() as i128;
        System {
            frames: None,
            members: None,
            since_boot: nanos(clock.wall()) - nanos(clock.boot()),
            since_monotonic: nanos(clock.wall()) - nanos(clock.monotonic()),
            tz,
            zone: OnceCell::new(),
            ksyms: OnceCell::new(),
            users: OnceCell::new(),
            cgroups: RefCell::default(),
            usyms: RefCell::default(),
        }
    }

    pub fn with_frames(self, frames: impl Fn(u32) -> Option<Vec<u64>> + 'a) -> System<'a> {
        System { frames: Some(Box::new(frames)), ..self }
    }

    pub fn with_members(self, members: impl Fn(u32) -> Option<Rc<[Field]>> + 'a) -> System<'a> {
        System { members: Some(Box::new(members)), ..self }
    }

    /// Why kernel addresses are printed as numbers, when they were asked for and could not be had.
    pub fn kernel_symbols_error(&self) -> Option<&ksyms::Error> {
        self.ksyms.get().and_then(|table| table.as_ref().err())
    }
}

impl Resolver for System<'_> {
    fn kernel_symbol(&self, address: u64) -> Option<Symbol> {
        let table = self.ksyms.get_or_init(Ksyms::load).as_ref().ok()?;
        let (name, offset) = table.find(address)?;
        Some(Symbol { name: name.into(), offset, module: None })
    }

    fn user_symbol(&self, tgid: u32, address: u64) -> Option<Symbol> {
        self.usyms.borrow_mut().find(tgid, address)
    }

    fn frames(&self, stack: u32) -> Option<Vec<u64>> {
        self.frames.as_ref()?(stack)
    }

    fn user_name(&self, uid: u64) -> Option<Rc<str>> {
        self.users.get_or_init(Users::load).name(uid)
    }

    fn cgroup_path(&self, id: u64) -> Option<Rc<str>> {
        self.cgroups.borrow_mut().path(id)
    }

    fn named(&self, naming: Naming, number: u64) -> Option<Rc<str>> {
        match naming {
            Naming::Errno => Some(errno::name(number).into()),
            Naming::Signal => Some(signal::name(number).into()),
            Naming::Syscall => syscall::name(number).map(Rc::from),
        }
    }

    fn members(&self, btf_id: u32) -> Option<Rc<[Field]>> {
        self.members.as_ref()?(btf_id)
    }

    fn time(&self, clock: Clock, ns: u64, format: &str, out: &mut Vec<u8>) {
        let zone = self.zone.get_or_init(|| Zone::local(self.tz.as_deref()));
        strftime(format, self.wall_ns(clock, ns), zone, out);
    }

    fn wall_ns(&self, clock: Clock, ns: u64) -> i128 {
        let ns = i128::from(ns);
        match clock {
            Clock::Boot => ns + self.since_boot,
            Clock::Monotonic => ns + self.since_monotonic,
            // The kernel's TAI clock runs with wall time until someone tells it the leap seconds.
            Clock::Tai | Clock::Wall => ns,
        }
    }
}
