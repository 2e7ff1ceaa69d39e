//! The budget of a call: steps, wall time, memory.
//!
//! Luau asks at every safepoint (a call, a return, a loop's edge, each step of a pattern); [`Meter::tick`] answers.
//! The first safepoint of a call starts its clock and sets the memory limit, so that a call that does nothing pays
//! for neither. The clock is then looked at every few safepoints only. Once a budget ran out every further
//! safepoint raises again, until the frame that was called is gone: no `pcall` keeps a runaway alive.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use edgekit_core::Clock;
use mlua::{Lua, VmState};

use super::{FaultKind, fault::Raised};

/// Safepoints between two looks at the clock. A library call between them takes a millisecond at most (`guards.rs`).
const LOOK_EVERY: u32 = 8;

/// What one call may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) time: Duration,
    pub(crate) steps: u64,
    /// Bytes the VM may grow by.
    pub(crate) memory: usize,
    /// Bytes of the whole VM.
    pub(crate) vm: usize,
}

/// Where and why a call was stopped.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) kind: FaultKind,
    pub(crate) message: String,
    /// The chunk and line that ran.
    pub(crate) place: Option<(String, u32)>,
}

/// Counts the steps of the call that runs.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: Clock,
    /// Safepoints until the slow path is taken; zero while nothing runs.
    countdown: Cell<u32>,
    steps: Cell<u64>,
    deadline: Cell<Option<Duration>>,
    budget: Cell<Budget>,
    stop: RefCell<Option<Box<Stop>>>,
    stopped: Cell<bool>,
}

impl Meter {
    pub(crate) fn new(clock: Clock) -> Rc<Meter> {
        let budget = Budget { time: Duration::ZERO, steps: 0, memory: 0, vm: 0 };
        Rc::new(Meter {
            clock,
            countdown: Cell::new(u32::MAX),
            steps: Cell::new(0),
            deadline: Cell::new(None),
            budget: Cell::new(budget),
            stop: RefCell::new(None),
            stopped: Cell::new(false),
        })
    }

    /// Lets the meter be asked by the VM.
    pub(crate) fn install(self: &Rc<Meter>, lua: &Lua) {
        let meter = Rc::clone(self);
        lua.set_interrupt(move |lua| meter.tick(lua));
    }

    /// Starts to count for a call.
    pub(crate) fn arm(&self, budget: Budget) {
        self.budget.set(budget);
        self.steps.set(0);
        self.deadline.set(None);
        self.countdown.set(1);
    }

    /// Ends counting, lifts the memory limit, and tells whether the call was stopped.
    pub(crate) fn disarm(&self, lua: &Lua) -> Option<Box<Stop>> {
        self.countdown.set(u32::MAX);
        if self.deadline.take().is_some() {
            // The limit only slows down what the host does between calls.
            let _ = lua.set_memory_limit(0);
        }
        self.stopped.set(false);
        self.stop.borrow_mut().take()
    }

    #[inline]
    fn tick(&self, lua: &Lua) -> mlua::Result<VmState> {
        let left = self.countdown.get() - 1;
        self.countdown.set(left);
        if left > 0 {
            return Ok(VmState::Continue);
        }
        self.look(lua)
    }

    #[cold]
    fn look(&self, lua: &Lua) -> mlua::Result<VmState> {
        self.countdown.set(1);
        if self.stopped.get() {
            return Err(Raised::error(FaultKind::Deadline, "stopped"));
        }
        let budget = self.budget.get();
        let now = self.clock.monotonic();
        let Some(deadline) = self.deadline.get() else {
            self.deadline.set(Some(now.saturating_add(budget.time)));
            let limit = lua.used_memory().saturating_add(budget.memory).min(budget.vm.max(1));
            lua.set_memory_limit(limit)?;
            self.countdown.set(LOOK_EVERY);
            return Ok(VmState::Continue);
        };
        let steps = self.steps.get() + u64::from(LOOK_EVERY);
        self.steps.set(steps);
        let (kind, message) = if steps > budget.steps {
            (FaultKind::Steps, format!("stopped after {} steps", budget.steps))
        } else if now >= deadline {
            (FaultKind::Deadline, format!("stopped after {:?}", budget.time))
        } else {
            self.countdown.set(LOOK_EVERY);
            return Ok(VmState::Continue);
        };
        let place = place_of(lua);
        self.stopped.set(true);
        *self.stop.borrow_mut() = Some(Box::new(Stop { kind, message: message.clone(), place }));
        Err(Raised::error(kind, message))
    }
}

/// The chunk and line of the innermost function of a script that runs.
pub(crate) fn place_of(lua: &Lua) -> Option<(String, u32)> {
    (0..16).find_map(|level| {
        lua.inspect_stack(level, |frame| {
            let line = u32::try_from(frame.current_line()?).ok()?;
            let source = frame.source().short_src?.into_owned();
            (!source.starts_with('[')).then_some((source, line))
        })?
    })
}
