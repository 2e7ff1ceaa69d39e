//! How it went lately, and whether that is past the budget: numbers in, a decision out, no clock of its own.
//!
//! Two rows of panes hold what was counted: a fine one over the time burn rates are about, a coarse one over
//! the time the budget is for. Neither is exact to more than a sixtieth of its time.

use std::time::Duration;

use super::Promise;

/// Panes of a row.
const PANES: usize = 60;
/// Panes of the short end of the fine row: a twelfth, as in "Alerting on SLOs" of the SRE workbook.
const SHORT: usize = PANES / 12;

/// Requests that counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Events {
    pub(super) good: u64,
    pub(super) bad: u64,
}

impl Events {
    fn all(self) -> u64 {
        self.good + self.bad
    }

    fn add(&mut self, other: Events) {
        self.good += other.good;
        self.bad += other.bad;
    }

    fn since(self, before: Events) -> Events {
        Events { good: self.good.saturating_sub(before.good), bad: self.bad.saturating_sub(before.bad) }
    }
}

/// The last [`PANES`] panes of a time, and the one that fills.
#[derive(Debug)]
struct Row {
    panes: [Events; PANES + 1],
    width: Duration,
    /// Panes since the clock's zero.
    at: u64,
}

impl Row {
    fn new(whole: Duration) -> Row {
        let width = (whole / PANES as u32).max(Duration::from_millis(1));
        Row { panes: [Events::default(); PANES + 1], width, at: 0 }
    }

    fn add(&mut self, now: Duration, events: Events) {
        let at = (now.as_nanos() / self.width.as_nanos()) as u64;
        let passed = at.saturating_sub(self.at).min(self.panes.len() as u64);
        for step in 0..passed {
            self.panes[((at - step) % self.panes.len() as u64) as usize] = Events::default();
        }
        self.at = self.at.max(at);
        self.panes[(self.at % self.panes.len() as u64) as usize].add(events);
    }

    /// What the last `count` panes hold, and the one that fills.
    fn last(&self, count: usize) -> Events {
        let mut sum = Events::default();
        for back in 0..=(count as u64).min(self.at) {
            sum.add(self.panes[((self.at - back) % self.panes.len() as u64) as usize]);
        }
        sum
    }
}

/// How fast the budget goes: 1 uses it up exactly when its time is over.
fn burn(events: Events, allowed: f64) -> f64 {
    match events.all() {
        0 => 0.0,
        all => events.bad as f64 / all as f64 / allowed,
    }
}

/// What there is to tell of a course.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Standing {
    /// What counted since the start.
    pub(super) events: Events,
    /// The share of the budget that is left: 1 is untouched, below 0 is overdrawn. Of a window that has just
    /// begun it assumes that as many requests will come as came.
    pub(super) left: f64,
    /// The burn rate over the long and the short time.
    pub(super) burn: [f64; 2],
    /// When it went past the budget; none while it is well.
    pub(super) past: Option<Duration>,
}

/// The course of one route.
#[derive(Debug)]
pub(super) struct Course {
    fine: Row,
    coarse: Row,
    /// When it was first looked at.
    began: Option<Duration>,
    /// Since when the budget burns no faster than it lasts.
    calm: Option<Duration>,
    standing: Standing,
}

impl Course {
    pub(super) fn new(promise: &Promise) -> Course {
        Course {
            fine: Row::new(promise.over),
            coarse: Row::new(promise.window),
            began: None,
            calm: None,
            standing: Standing { left: 1.0, ..Standing::default() },
        }
    }

    /// How often it is to be looked at.
    pub(super) fn pace(&self) -> Duration {
        self.fine.width
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes in what counted since the start until `now`; true if it went past the budget or came back.
    ///
    /// It goes past when the budget burns `burn` times too fast, over the long and the short time, or when
    /// none of it is left and it still burns too fast; in either case only where there were `least` requests
    /// over the long time. It comes back once it has burned no faster than it lasts for `recover`.
    pub(super) fn step(&mut self, promise: &Promise, now: Duration, events: Events) -> bool {
        let new = events.since(self.standing.events);
        self.fine.add(now, new);
        self.coarse.add(now, new);
        let allowed = promise.allowed();
        let long = self.fine.last(PANES);
        let rates = [burn(long, allowed), burn(self.fine.last(SHORT), allowed)];
        // The budget is for the whole window: what was seen of it so far can have spent no more than its part.
        let age = now.saturating_sub(*self.began.get_or_insert(now)).min(promise.window);
        let part = age.as_secs_f64() / promise.window.as_secs_f64().max(f64::MIN_POSITIVE);
        let left = 1.0 - burn(self.coarse.last(PANES), allowed) * part;
        let before = self.standing.past;
        let [slow, quick] = rates;
        let past = match before {
            None => {
                let fast = f64::from(promise.burn);
                let burns = slow >= fast && quick >= fast || left <= 0.0 && quick >= 1.0;
                (burns && long.all() >= u64::from(promise.least)).then_some(now)
            }
            Some(_) if quick >= 1.0 => {
                self.calm = None;
                before
            }
            Some(_) => {
                let calm = *self.calm.get_or_insert(now);
                before.filter(|_| now.saturating_sub(calm) < promise.recover)
            }
        };
        if past.is_none() {
            self.calm = None;
        }
        self.standing = Standing { events, left, burn: rates, past };
        past.is_some() != before.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::Percent;

    const SECOND: Duration = Duration::from_secs(1);

    /// 99 % over an hour, burn rates over a minute, ten times too fast, ten requests at least, back after 10 s.
    fn promise() -> Promise {
        Promise {
            target: Some(Percent::parse("99%").unwrap()),
            window: 3600 * SECOND,
            over: 60 * SECOND,
            burn: 10,
            least: 10,
            recover: 10 * SECOND,
            ..Promise::none()
        }
    }

    /// A course with its own clock.
    struct World {
        promise: Promise,
        course: Course,
        now: Duration,
        events: Events,
    }

    impl World {
        fn new(promise: Promise) -> World {
            World { course: Course::new(&promise), promise, now: 1000 * SECOND, events: Events::default() }
        }

        /// So many requests a second for so long.
        fn run(&mut self, seconds: u64, good: u64, bad: u64) {
            for _ in 0..seconds {
                self.now += SECOND;
                self.events.add(Events { good, bad });
                self.course.step(&self.promise, self.now, self.events);
            }
        }

        fn is_past(&self) -> bool {
            self.course.standing().past.is_some()
        }
    }

    #[test]
    fn a_burst_of_failures_degrades_and_calm_brings_it_back() {
        let mut world = World::new(promise());
        world.run(60, 100, 0);
        assert!(!world.is_past());
        // Half fail: 50 times too fast, but over the long time at first not ten times.
        world.run(5, 50, 50);
        assert!(!world.is_past(), "{:?}", world.course.standing());
        world.run(15, 50, 50);
        assert!(world.is_past(), "{:?}", world.course.standing());
        world.run(5, 100, 0);
        assert!(world.is_past());
        // Five seconds until the short time is clean, ten more of calm.
        world.run(8, 100, 0);
        assert!(world.is_past());
        world.run(8, 100, 0);
        assert!(!world.is_past(), "{:?}", world.course.standing());
        // The long time still remembers: that alone does not bring it past again.
        assert!(world.course.standing().burn[0] > 1.0);
        world.run(60, 100, 0);
        assert!(!world.is_past());
    }

    #[test]
    fn what_wavers_does_not_flutter() {
        let mut world = World::new(promise());
        world.run(60, 50, 50);
        assert!(world.is_past());
        for _ in 0..20 {
            world.run(9, 100, 0);
            world.run(1, 50, 50);
            assert!(world.is_past());
        }
    }

    #[test]
    fn a_slow_leak_empties_the_budget() {
        let mut world = World::new(promise());
        world.run(1300, 97, 3);
        // Three times too fast since the start: nothing left, though never ten times too fast.
        assert!(world.course.standing().left < 0.0 && world.is_past());
        world.run(120, 100, 0);
        assert!(!world.is_past() && world.course.standing().left < 0.0);
        world.run(4000, 100, 0);
        assert_eq!(world.course.standing().left, 1.0);
    }

    #[test]
    fn few_requests_prove_nothing() {
        let mut world = World::new(promise());
        world.run(3, 0, 3);
        assert!(!world.is_past());
        world.run(1, 0, 3);
        assert!(world.is_past());
    }

    #[test]
    fn a_jump_of_the_clock_empties_the_rows() {
        let mut world = World::new(promise());
        world.run(60, 50, 50);
        world.now += 100_000 * SECOND;
        world.run(1, 1, 0);
        assert_eq!(world.course.standing().burn, [0.0, 0.0]);
        assert_eq!(world.course.standing().left, 1.0);
    }

    proptest! {
        /// Rows forget nothing that is recent and keep nothing that is old.
        #[test]
        fn rows_hold_what_is_recent(steps in proptest::collection::vec((0_u64..20, 0_u64..5, 0_u64..5), 1..200)) {
            let mut row = Row::new(60 * SECOND);
            let (mut now, mut all) = (0, Vec::new());
            for (passed, good, bad) in steps {
                now += passed;
                row.add(SECOND * now as u32, Events { good, bad });
                all.push((now, Events { good, bad }));
                for panes in [SHORT, PANES] {
                    let mut wanted = Events::default();
                    for (when, events) in &all {
                        if now - when <= panes as u64 {
                            wanted.add(*events);
                        }
                    }
                    prop_assert_eq!(row.last(panes), wanted);
                }
            }
        }

        /// Nothing bad, never past; all bad for long enough, always past; all good for long enough, never.
        #[test]
        fn it_follows_how_it_goes(seconds in proptest::collection::vec((0_u64..200, 0_u64..200), 0..200)) {
            let mut world = World::new(promise());
            let never_bad = seconds.iter().all(|(_, bad)| *bad == 0);
            for (good, bad) in seconds {
                world.run(1, good, bad);
                prop_assert!(!never_bad || !world.is_past());
                prop_assert!(world.course.standing().left <= 1.0);
            }
            world.run(61, 0, 100);
            prop_assert!(world.is_past());
            world.run(17, 100, 0);
            prop_assert!(!world.is_past());
        }
    }
}
