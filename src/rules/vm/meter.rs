//! The budget of a call: steps, wall time, memory.
//!
//! Luau asks at every safepoint (a call, a return, a loop's edge, each step of a pattern); [`Meter::tick`] answers.
//! The first safepoint of a call sets the memory limit, and some safepoints later the clock is started, so that a call
//! that does little pays for no clock; then it is looked at every few safepoints. Once a budget ran out every further
//! safepoint raises again, until the frame that was called is gone: no `pcall` keeps a runaway alive.
//!
//! Somebody waits for a hook, so its deadline is wall time. Nobody waits for a rule, and one that did nothing but stand
//! in the machine's queue is no runaway: a quarter of its time must have been spent on a core before it is stopped.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use edgekit_core::Clock;
use mlua::{Lua, VmState};
use rustix::time::{ClockId, clock_gettime};

use super::{FaultKind, fault::Raised};

/// Most safepoints between two looks at the clock. The prelude sees to it that no library call between two safepoints
/// takes more than a few milliseconds.
const LOOK_EVERY: u32 = 8;
/// Safepoints of a call before its clock starts, at least and at most.
const CLOCKLESS: (u32, u32) = (4, 12);
/// The longest that library functions take from one safepoint to the next, about.
const LONGEST_STEP: Duration = Duration::from_millis(4);
/// How long what the kernel says about the thread's time is good for.
const FRESH: Duration = Duration::from_millis(1);
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
    /// A quarter of the time must be spent on a core before it is over.
    pub(crate) on_core: bool,
}

impl Budget {
    /// Safepoints before the clock is started: slow ones take about the time of a call at most, short budgets apart.
    fn clockless(&self) -> u32 {
        let steps = self.time.as_millis() / LONGEST_STEP.as_millis();
        u32::try_from(steps).unwrap_or(u32::MAX).clamp(CLOCKLESS.0, CLOCKLESS.1)
    }
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
    /// How long the thread had been on a core when the clock was started, at most.
    from: Cell<Duration>,
    /// When the kernel was last asked for that, and what it said.
    asked: Cell<(Duration, Duration)>,
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
        let budget = Budget { time: Duration::ZERO, steps: 0, memory: 0, vm: 0, on_core: false };
        Rc::new(Meter {
            clock,
            countdown: Cell::new(u32::MAX),
            steps: Cell::new(0),
            deadline: Cell::new(None),
            from: Cell::new(Duration::ZERO),
            asked: Cell::new((Duration::ZERO, Duration::ZERO)),
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
        if !self.is_late(now) {
            return Ok(());
        }
        Err(self.end(lua, FaultKind::Deadline, format!("stopped after {:?}", self.budget.get().time)))
    }

    /// True if the call's time is over; it begins when this is first asked.
    fn is_late(&self, now: Duration) -> bool {
        let Budget { time, on_core, .. } = self.budget.get();
        let Some(deadline) = self.deadline.get() else {
            self.deadline.set(Some(now.saturating_add(time)));
            self.from.set(if on_core { self.spent_by(now) } else { Duration::ZERO });
            self.looked.set(now);
            self.stride.set(1);
            return time.is_zero();
        };
        if now < deadline || !on_core {
            return now >= deadline;
        }
        let left = (time / 4).saturating_sub(spent().saturating_sub(self.from.get()));
        self.deadline.set(Some(now.saturating_add(left)));
        left.is_zero()
    }

    /// How long this thread was on a core until `now`, or up to [`FRESH`] more: asking the kernel costs as much as a
    /// small call.
    fn spent_by(&self, now: Duration) -> Duration {
        let (at, said) = self.asked.get();
        let since = now.saturating_sub(at);
        if since < FRESH && !at.is_zero() {
            return said + since;
        }
        let said = spent();
        self.asked.set((now, said));
        said
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
            self.countdown.set(budget.clockless());
            return Ok(());
        }
        let now = self.clock.monotonic();
        let late = self.is_late(now);
        let stride = self.stride.get();
        let steps = self.steps.get() + u64::from(stride);
        self.steps.set(steps);
        if steps > budget.steps {
            return Err(self.end(lua, FaultKind::Steps, format!("stopped after {} steps", budget.steps)));
        }
        if late {
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

/// How long this thread was on a core: what the machine did elsewhere does not count. A call of the kernel, so made
/// at most each [`FRESH`], and when a call's time seems to be over.
fn spent() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(spent.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(spent.tv_nsec).unwrap_or(0))
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
