//! The budget of a call: steps, wall time, memory.
//!
//! Luau asks at every safepoint (a call, a return, a loop's edge, each step of a pattern); [`Meter::tick`] answers.
//! The first safepoint of a call sets the memory limit, the fourth after it starts the clock, so that a call that does
//! next to nothing pays for no clock; then it is looked at every few safepoints. Once a budget ran out every further
//! safepoint raises again, until the frame that was called is gone: no `pcall` keeps a runaway alive.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use edgekit_core::Clock;
use mlua::{Lua, VmState};

use super::{FaultKind, fault::Raised};

/// Most safepoints between two looks at the clock. The prelude sees to it that no library call between two safepoints
/// takes more than a few milliseconds.
const LOOK_EVERY: u32 = 8;
/// Safepoints of a call before its clock starts: what does nothing pays for no clock.
const CLOCKLESS: u32 = 4;
/// A step that takes longer is slow.
const SLOW: Duration = Duration::from_micros(2);

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
    armed: Cell<bool>,
    /// The memory limit is set.
    limited: Cell<bool>,
    /// When the clock was looked at last, and how many safepoints there are until the next look.
    looked: Cell<Duration>,
    stride: Cell<u32>,
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
            armed: Cell::new(false),
            limited: Cell::new(false),
            looked: Cell::new(Duration::ZERO),
            stride: Cell::new(1),
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
        self.armed.set(true);
    }

    /// A look at the clock for loops of the host, which have no safepoints.
    ///
    /// # Errors
    /// The budget ran out.
    pub(crate) fn check(&self, lua: &Lua) -> mlua::Result<()> {
        if !self.armed.get() {
            return Ok(());
        }
        let now = self.clock.monotonic();
        if now < self.deadline(now) {
            return Ok(());
        }
        Err(self.end(lua, FaultKind::Deadline, format!("stopped after {:?}", self.budget.get().time)))
    }

    /// When the call must end; its time begins when this is first asked.
    fn deadline(&self, now: Duration) -> Duration {
        self.deadline.get().unwrap_or_else(|| {
            let deadline = now.saturating_add(self.budget.get().time);
            self.deadline.set(Some(deadline));
            self.looked.set(now);
            self.stride.set(1);
            deadline
        })
    }

    /// Ends counting, lifts the memory limit, and tells whether the call was stopped.
    pub(crate) fn disarm(&self, lua: &Lua) -> Option<Box<Stop>> {
        self.countdown.set(u32::MAX);
        self.armed.set(false);
        self.deadline.set(None);
        if self.limited.replace(false) {
            // The limit only slows down what the host does between calls.
            let _ = lua.set_memory_limit(0);
        }
        self.stopped.set(false);
        self.stop.borrow_mut().take()
    }

    #[inline]
    fn tick(&self, lua: &Lua) -> mlua::Result<VmState> {
        let left = self.countdown.get().saturating_sub(1);
        self.countdown.set(left);
        if left > 0 {
            return Ok(VmState::Continue);
        }
        self.look(lua).map(|()| VmState::Continue)
    }

    #[cold]
    fn look(&self, lua: &Lua) -> mlua::Result<()> {
        if !self.armed.get() {
            self.countdown.set(u32::MAX);
            return Ok(());
        }
        self.countdown.set(1);
        if self.stopped.get() {
            return Err(Raised::error(FaultKind::Deadline, "stopped"));
        }
        let budget = self.budget.get();
        if !self.limited.replace(true) {
            let limit = lua.used_memory().saturating_add(budget.memory).min(budget.vm.max(1));
            lua.set_memory_limit(limit)?;
            self.countdown.set(CLOCKLESS);
            return Ok(());
        }
        let now = self.clock.monotonic();
        let deadline = self.deadline(now);
        let stride = self.stride.get();
        let steps = self.steps.get() + u64::from(stride);
        self.steps.set(steps);
        if steps > budget.steps {
            return Err(self.end(lua, FaultKind::Steps, format!("stopped after {} steps", budget.steps)));
        }
        if now >= deadline {
            return Err(self.end(lua, FaultKind::Deadline, format!("stopped after {:?}", budget.time)));
        }
        // Where a step is slow each one is followed by a look; where steps are quick, one in eight.
        let slow = now.saturating_sub(self.looked.replace(now)) > SLOW * stride;
        let stride = if slow { 1 } else { (stride * 2).min(LOOK_EVERY) };
        self.stride.set(stride);
        self.countdown.set(stride);
        Ok(())
    }

    #[cold]
    fn end(&self, lua: &Lua, kind: FaultKind, message: String) -> mlua::Error {
        let place = place_of(lua);
        self.stopped.set(true);
        *self.stop.borrow_mut() = Some(Box::new(Stop { kind, message: message.clone(), place }));
        Raised::error(kind, message)
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
