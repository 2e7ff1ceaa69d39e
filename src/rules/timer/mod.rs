//! Timers: every, after and cron, and the windows built on them.
//!
//! Intervals run on the boot clock, which nobody sets; cron runs on the wall clock, and is planned anew when that
//! was set. A timer that repeats is due at whole periods after its first time, so that lateness never adds up; one
//! that was missed several times is called once. Pure: [`Now`] comes in, what is due comes out.
//! Neighbours: [`crate::engine`] arms them for rules; `cron.rs` knows the calendar.

mod cron;

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

pub use cron::{Cron, CronError};
use edgekit_core::Clock;

/// The shortest interval of a timer that repeats.
pub const SHORTEST: Duration = Duration::from_millis(1);

/// What time it is, on both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Time since boot: what intervals are measured on.
    pub boot: Duration,
    /// Time since 1970: what cron and events go by.
    pub wall: Duration,
}

impl Now {
    /// Both at the same time, for replays and tests.
    pub fn at(time: Duration) -> Now {
        Now { boot: time, wall: time }
    }

    /// What a clock tells.
    pub fn of(clock: &Clock) -> Now {
        Now { boot: clock.boot(), wall: clock.wall() }
    }
}

/// When a timer that repeats is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Schedule {
    /// Each such interval, on the boot clock.
    Every(Duration),
    /// When a line matches, on the wall clock.
    Cron(Cron),
}

impl Schedule {
    /// Reads what a rule declares.
    ///
    /// # Errors
    /// A line that is no cron line.
    pub fn read(declared: &crate::Schedule) -> Result<Schedule, CronError> {
        match declared {
            crate::Schedule::Every(period) => Ok(Schedule::Every((*period).max(SHORTEST))),
            crate::Schedule::Cron(line) => line.parse().map(Schedule::Cron),
        }
    }

    /// When it is due next on the boot clock: after `now`, and for intervals on the grid of `last`, the time it was
    /// due before. None if never.
    pub fn next(&self, last: Option<Duration>, now: Now) -> Option<Duration> {
        match self {
            Schedule::Every(period) => {
                let period = (*period).max(SHORTEST);
                let due = last.unwrap_or(now.boot).saturating_add(period);
                if due > now.boot {
                    return Some(due);
                }
                // Missed: go on at the next whole period.
                let behind = (now.boot - due).as_nanos() % period.as_nanos();
                let ahead = period.as_nanos() - behind;
                Some(now.boot + Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX)))
            }
            Schedule::Cron(cron) => {
                let wall = cron.after(now.wall)?;
                Some(now.boot.saturating_add(wall - now.wall))
            }
        }
    }

    /// The schedule as it was written.
    pub fn text(&self) -> String {
        match self {
            Schedule::Every(period) => format!("every {}", edgekit_core::units::show_duration(*period)),
            Schedule::Cron(cron) => format!("cron {cron}"),
        }
    }
}

/// What is armed, soonest first; of those due at once, the one armed first.
#[derive(Debug)]
pub struct Timers<T> {
    heap: BinaryHeap<Reverse<Armed<T>>>,
    armed: u64,
}

#[derive(Debug)]
struct Armed<T> {
    due: Duration,
    number: u64,
    what: T,
}

impl<T> Timers<T> {
    /// Arms one for a time on the boot clock.
    pub fn arm(&mut self, due: Duration, what: T) {
        self.armed += 1;
        self.heap.push(Reverse(Armed { due, number: self.armed, what }));
    }

    /// Takes the first that is due, with the time it was due.
    pub fn take(&mut self, now: Duration) -> Option<(Duration, T)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(armed)| (armed.due, armed.what))
    }

    /// When the first is due.
    pub fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(armed)| armed.due)
    }

    /// Keeps only those wanted; `keep` may change them.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut Duration, &mut T) -> bool) {
        let all = std::mem::take(&mut self.heap).into_vec();
        let kept = all
            .into_iter()
            .filter_map(|Reverse(mut armed)| keep(&mut armed.due, &mut armed.what).then_some(Reverse(armed)));
        self.heap = kept.collect();
    }

    /// How many are armed.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True if none is armed.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Default for Timers<T> {
    fn default() -> Timers<T> {
        Timers { heap: BinaryHeap::new(), armed: 0 }
    }
}

impl<T> PartialEq for Armed<T> {
    fn eq(&self, other: &Armed<T>) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Armed<T> {}

impl<T> PartialOrd for Armed<T> {
    fn partial_cmp(&self, other: &Armed<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Armed<T> {
    fn cmp(&self, other: &Armed<T>) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn intervals_keep_their_grid_however_late_they_are_looked_at() {
        let every = Schedule::Every(10 * S);
        let mut due = every.next(None, Now::at(3 * S)).unwrap();
        assert_eq!(due, 13 * S);
        let mut drift = Duration::ZERO;
        for turn in 0..1000u32 {
            // Looked at up to 7 ms late, each time by another amount.
            let now = due + Duration::from_micros(u64::from(turn * 7919 % 7000));
            let next = every.next(Some(due), Now::at(now)).unwrap();
            drift += next - due - 10 * S;
            due = next;
        }
        assert_eq!((drift, due), (Duration::ZERO, 13 * S + 10_000 * S));
    }

    #[test]
    fn missed_intervals_are_one_call_and_back_on_the_grid() {
        let every = Schedule::Every(10 * S);
        assert_eq!(every.next(Some(13 * S), Now::at(58 * S)), Some(63 * S));
        assert_eq!(every.next(Some(13 * S), Now::at(63 * S)), Some(73 * S));
        assert_eq!(Schedule::Every(Duration::ZERO).next(None, Now::at(S)), Some(S + SHORTEST));
    }

    #[test]
    fn cron_goes_by_the_wall_clock() {
        let cron = Schedule::Cron("*/5 * * * *".parse().unwrap());
        let now = Now { boot: 100 * S, wall: 1_772_323_200 * S + 61 * S };
        assert_eq!(cron.next(Some(S), now), Some(100 * S + 239 * S));
    }

    #[test]
    fn due_in_order_and_equal_ones_as_armed() {
        let mut timers = Timers::default();
        for (due, what) in [(5, "c"), (3, "a"), (5, "d"), (4, "b"), (9, "e")] {
            timers.arm(due * S, what);
        }
        timers.retain(|due, what| {
            *due += S;
            *what != "b"
        });
        assert_eq!((timers.len(), timers.next()), (4, Some(4 * S)));
        let taken: Vec<_> = std::iter::from_fn(|| timers.take(6 * S)).collect();
        assert_eq!(taken, [(4 * S, "a"), (6 * S, "c"), (6 * S, "d")]);
        assert_eq!(timers.take(9 * S), None);
    }
}
