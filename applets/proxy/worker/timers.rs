//! Deadlines of one worker: a wheel of coarse ticks with one entry a connection.
//!
//! A deadline that moves later costs two words; only when the wheel comes to the place the entry lies
//! at is it put further. So a request does not touch the wheel, and nothing ticks while no connection
//! is open.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::Duration;

use edgekit_core::Clock;

/// How coarse deadlines are.
const TICK: Duration = Duration::from_millis(50);
/// Ticks of a turn of the wheel; later deadlines are looked at once a turn.
const PLACES: usize = 1024;
/// More places than these are not kept for nobody.
const MANY: usize = 256;
/// No entry.
const NONE: u32 = u32::MAX;
/// No deadline.
const NEVER: u64 = u64::MAX;

/// The deadlines of a worker.
pub struct Timers {
    clock: Clock,
    /// The last time that was read.
    recent: Cell<Duration>,
    wheel: RefCell<Wheel>,
}

struct Wheel {
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// First entry of each place.
    places: Box<[u32]>,
    /// Every tick up to this one was looked at.
    done: u64,
    /// Of the task that turns the wheel, and the tick it sleeps to.
    turner: Option<Waker>,
    sleeps_to: u64,
}

struct Entry {
    deadline: u64,
    /// The tick whose place it lies at.
    lies_at: u64,
    before: u32,
    after: u32,
    expired: bool,
    waker: Option<Waker>,
}

impl Timers {
    /// None yet.
    pub fn new(clock: Clock) -> Timers {
        let recent = clock.monotonic();
        let done = ticks(recent);
        let places = vec![NONE; PLACES].into_boxed_slice();
        let wheel =
            Wheel { entries: Vec::new(), free: Vec::new(), places, done, turner: None, sleeps_to: NEVER };
        Timers { clock, recent: Cell::new(recent), wheel: RefCell::new(wheel) }
    }

    /// The time that deadlines are counted from.
    pub fn now(&self) -> Duration {
        let now = self.clock.monotonic();
        self.recent.set(now);
        now
    }

    /// The time as it was last read: good enough for whoever has just had it read.
    pub fn recent(&self) -> Duration {
        self.recent.get()
    }

    /// A place for one task, woken by `waker`.
    pub fn enter(&self, waker: Waker) -> u32 {
        let mut wheel = self.wheel.borrow_mut();
        let entry = Entry {
            deadline: NEVER,
            lies_at: NEVER,
            before: NONE,
            after: NONE,
            expired: false,
            waker: Some(waker),
        };
        match wheel.free.pop() {
            Some(id) => {
                wheel.entries[id as usize] = entry;
                id
            }
            None => {
                wheel.entries.push(entry);
                u32::try_from(wheel.entries.len() - 1).unwrap_or(NONE)
            }
        }
    }

    /// From now on who has the place is woken by `waker`.
    pub fn wake_by(&self, id: u32, waker: Waker) {
        self.wheel.borrow_mut().entries[id as usize].waker = Some(waker);
    }

    /// Gives the place back.
    pub fn leave(&self, id: u32) {
        let mut wheel = self.wheel.borrow_mut();
        wheel.unlink(id);
        wheel.entries[id as usize].waker = None;
        wheel.free.push(id);
        // After a burst, once nobody is left.
        if wheel.free.len() == wheel.entries.len() && wheel.entries.len() > MANY {
            (wheel.entries, wheel.free) = (Vec::new(), Vec::new());
        }
    }

    /// The task is woken, and [`Timers::expired`] says so, `after` from `now`; no earlier deadline counts.
    pub fn arm(&self, id: u32, now: Duration, after: Duration) {
        let mut wheel = self.wheel.borrow_mut();
        let deadline = ticks(now.saturating_add(after)) + 1;
        let entry = &mut wheel.entries[id as usize];
        entry.expired = false;
        entry.deadline = deadline;
        if entry.lies_at <= deadline {
            return;
        }
        wheel.unlink(id);
        let farthest = wheel.done + PLACES as u64 - 1;
        wheel.link(id, deadline.min(farthest));
        let place = wheel.entries[id as usize].lies_at;
        if place < wheel.sleeps_to
            && let Some(turner) = &wheel.turner
        {
            turner.wake_by_ref();
        }
    }

    /// True once the last deadline has passed.
    pub fn expired(&self, id: u32) -> bool {
        self.wheel.borrow().entries[id as usize].expired
    }

    /// Wakes every task, whatever its deadline.
    pub fn wake_all(&self) {
        for entry in &self.wheel.borrow().entries {
            if let Some(waker) = &entry.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// Wakes those whose time has come. Gives how long the turner may sleep now; none if nothing is due.
    pub fn turn(&self, turner: &Waker) -> Option<Duration> {
        let now = self.now();
        let mut wheel = self.wheel.borrow_mut();
        let until = ticks(now);
        // After a long sleep one whole turn sees every place.
        let from = (wheel.done + 1).max((until + 1).saturating_sub(PLACES as u64));
        wheel.done = until.max(wheel.done);
        for tick in from..=until {
            wheel.visit(tick);
        }
        let next = (1..=PLACES as u64).map(|step| wheel.done + step);
        let next = next.into_iter().find(|tick| wheel.places[place(*tick)] != NONE);
        wheel.sleeps_to = next.unwrap_or(NEVER);
        wheel.turner = Some(turner.clone());
        next.map(|tick| (TICK * u32::try_from(tick - until).unwrap_or(u32::MAX)).max(TICK))
    }
}

impl Wheel {
    fn visit(&mut self, tick: u64) {
        let mut id = self.places[place(tick)];
        while id != NONE {
            let Entry { after, lies_at, deadline, .. } = self.entries[id as usize];
            if lies_at <= tick {
                self.unlink(id);
                if deadline <= self.done {
                    let entry = &mut self.entries[id as usize];
                    entry.expired = true;
                    if let Some(waker) = &entry.waker {
                        waker.wake_by_ref();
                    }
                } else {
                    self.link(id, deadline.min(self.done + PLACES as u64 - 1));
                }
            }
            id = after;
        }
    }

    fn link(&mut self, id: u32, tick: u64) {
        // A deadline in a tick that was looked at already is due at the next one.
        let tick = tick.max(self.done + 1);
        let first = std::mem::replace(&mut self.places[place(tick)], id);
        if first != NONE {
            self.entries[first as usize].before = id;
        }
        let entry = &mut self.entries[id as usize];
        (entry.lies_at, entry.before, entry.after) = (tick, NONE, first);
    }

    fn unlink(&mut self, id: u32) {
        let Entry { lies_at, before, after, .. } = self.entries[id as usize];
        if lies_at == NEVER {
            return;
        }
        match before {
            NONE => self.places[place(lies_at)] = after,
            before => self.entries[before as usize].after = after,
        }
        if after != NONE {
            self.entries[after as usize].before = before;
        }
        let entry = &mut self.entries[id as usize];
        (entry.lies_at, entry.before, entry.after) = (NEVER, NONE, NONE);
    }
}

fn ticks(time: Duration) -> u64 {
    const A_SECOND: u64 = 1_000_000_000 / TICK.as_nanos() as u64;
    const NANOS: u32 = TICK.as_nanos() as u32;
    time.as_secs().min(u64::MAX / A_SECOND / 2) * A_SECOND + u64::from(time.subsec_nanos() / NANOS)
}

fn place(tick: u64) -> usize {
    usize::try_from(tick % PLACES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waker() -> Waker {
        Waker::noop().clone()
    }

    proptest! {
        /// Whatever is armed in whatever order: nothing expires early, and nothing two ticks late.
        #[test]
        fn deadlines_are_kept(steps in proptest::collection::vec((0_usize..4, 0_u64..200_000, 0_u64..3_000), 1..60)) {
            let (clock, hands) = Clock::fake(Duration::from_secs(1_000));
            let timers = Timers::new(clock.clone());
            let mut deadlines = [None; 4];
            let ids = [(); 4].map(|()| timers.enter(waker()));
            for (which, after, pass) in steps {
                let (after, pass) = (Duration::from_millis(after), Duration::from_millis(pass));
                timers.arm(ids[which], timers.now(), after);
                deadlines[which] = Some(timers.now() + after);
                hands.advance(pass);
                timers.turn(&waker());
                for (id, deadline) in ids.iter().zip(&deadlines) {
                    let Some(deadline) = deadline else { continue };
                    if timers.expired(*id) {
                        prop_assert!(*deadline <= timers.now());
                    } else {
                        prop_assert!(*deadline + TICK * 2 > timers.now());
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_ticks_for_nobody() {
        let (clock, hands) = Clock::fake(Duration::from_secs(1_000));
        let timers = Timers::new(clock);
        assert_eq!(timers.turn(&waker()), None);
        let id = timers.enter(waker());
        timers.arm(id, timers.now(), Duration::from_secs(1));
        let sleep = timers.turn(&waker()).unwrap();
        assert!((Duration::from_secs(1)..Duration::from_millis(1200)).contains(&sleep), "{sleep:?}");
        hands.advance(sleep);
        timers.turn(&waker());
        assert!(timers.expired(id));
        timers.leave(id);
        assert_eq!(timers.turn(&waker()), None);
        assert_eq!(timers.enter(waker()), id);
    }
}
