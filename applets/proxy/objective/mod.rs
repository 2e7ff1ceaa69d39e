//! What a route promises, how much of its budget for bad answers is left, and what it does without once
//! that is spent.
//!
//! Workers count good and bad answers in cells of their own and look at one flag; a task of the control
//! runtime adds them up, decides (`course.rs`) and sets the flag. A bad answer is one of 500 to 599, one
//! that broke off, and one that took too long; what the proxy itself refused because of who asked, of a
//! rate, or of this very promise, and what a fallback answered, does not count. Numbers begin with the
//! process. Neighbours: `http1/session.rs` asks and counts, `stats.rs` keeps the cells' type.

mod course;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edgekit_core::Error;
use edgekit_rt::metrics::{Kind, Metrics};
use serde_json::{Value, json};

use crate::route::Percent;
use crate::snapshot::Name;
use crate::stats::{Cell, Ended};
use crate::worker::Shared;
use course::{Course, Events, Standing};

edgekit_core::words! {
    /// What a route can do without.
    pub enum Degrade {
        /// Nothing is tried again.
        Retries = "retries",
        /// No copies are sent.
        Mirrors = "mirrors",
        /// A share of the requests that may be repeated is refused, with 503 and Retry-After.
        Shed = "shed",
        /// A share of the requests goes to another cluster.
        Fallback = "fallback",
    }
}

edgekit_core::config! {
    /// What a route promises, and what it does without while its budget for bad answers is spent
    pub struct Promise {
        /// The share of requests that are answered well: below 500 and in time; none promises nothing
        live target: Option<Percent>, like "99.9%";
        /// An answer that takes longer is a bad one; none is without limit
        live latency: Option<Duration>, in "1ms"..="1h", like "300ms";
        /// The time the budget of bad answers is for
        live window: Duration = "30d", in "1s"..="30d";
        /// The time over which it is seen how fast the budget goes, and its last twelfth
        live over: Duration = "1h", in "1s"..="1d";
        /// So many times too fast is past the budget; so is an empty budget that still goes too fast
        live burn: u32 = 14, in 1..=100000;
        /// With fewer requests than these in that time nothing is concluded
        live least: u32 = 100, in 1..=1000000000;
        /// What it does without past its budget
        live degrade: Vec<Degrade> = ["retries", "mirrors"];
        /// The share of requests that 'shed' refuses, of those that may be repeated, or 'fallback' takes
        live share: Percent = "50%";
        /// The cluster of 'fallback'
        live fallback: Option<String>, like "cache";
        /// How long the budget must go no faster than it lasts until all is as before
        live recover: Duration = "1m", in "100ms"..="1d";
    }
}

impl Promise {
    /// The share of requests that may be answered badly.
    fn allowed(&self) -> f64 {
        let kept = self.target.map_or(0, |target| target.of(100_000));
        (100_000 - kept) as f64 / 100_000.0
    }

    /// One without a word about it.
    #[cfg(test)]
    pub(crate) fn none() -> Promise {
        Promise {
            target: None,
            latency: None,
            window: Duration::from_secs(30 * 86_400),
            over: Duration::from_secs(3600),
            burn: 14,
            least: 100,
            degrade: Vec::new(),
            share: Percent::ALL,
            fallback: None,
            recover: Duration::from_secs(60),
        }
    }

    /// True if it does without this past its budget.
    pub fn drops(&self, what: Degrade) -> bool {
        self.degrade.contains(&what)
    }
}

/// What one worker counts of it.
#[repr(align(64))]
#[derive(Default, Debug)]
struct Cells {
    good: Cell,
    bad: Cell,
    /// Refused, or asked of another cluster.
    apart: Cell,
}

/// The promise of one route, and how it is kept.
#[derive(Debug)]
pub struct Objective {
    promise: Promise,
    cells: Box<[Cells]>,
    is_past: AtomicBool,
    course: Mutex<Course>,
}

/// What becomes of a request while the budget is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detour {
    /// It is refused.
    Shed,
    /// Another cluster is asked.
    Fallback,
}

impl Objective {
    fn new(promise: &Promise, workers: usize) -> Objective {
        Objective {
            promise: promise.clone(),
            cells: (0..workers).map(|_| Cells::default()).collect(),
            is_past: AtomicBool::new(false),
            course: Mutex::new(Course::new(promise)),
        }
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True while the route does without what it can do without.
    pub fn is_past(&self) -> bool {
        self.is_past.load(Ordering::Relaxed)
    }

    /// True while it does without this.
    pub fn forgoes(&self, what: Degrade) -> bool {
        self.is_past() && self.promise.drops(what)
    }

    /// What becomes of a request past the budget, if it is one of the share; `dice` is any number.
    pub fn detour(&self, worker: usize, retryable: bool, dice: u64) -> Option<Detour> {
        let detour = match () {
            () if self.promise.drops(Degrade::Fallback) => Detour::Fallback,
            () if self.promise.drops(Degrade::Shed) && retryable => Detour::Shed,
            () => return None,
        };
        let is_one = self.promise.share.takes(dice);
        if is_one {
            self.cells[worker].apart.add(1);
        }
        is_one.then_some(detour)
    }

    /// Counts an answer.
    pub fn count(&self, worker: usize, ended: Ended, broke: bool) {
        let is_late = self.promise.latency.is_some_and(|most| ended.took > most);
        let cells = &self.cells[worker];
        if broke || is_late || ended.status >= 500 { &cells.bad } else { &cells.good }.add(1);
    }

    fn events(&self) -> Events {
        let sum = |read: fn(&Cells) -> &Cell| self.cells.iter().map(|cells| read(cells).get()).sum();
        Events { good: sum(|cells| &cells.good), bad: sum(|cells| &cells.bad) }
    }

    fn apart(&self) -> u64 {
        self.cells.iter().map(|cells| cells.apart.get()).sum()
    }

    /// Looks how it goes; gives when to look again.
    fn step(&self, route: &str, now: Duration) -> Duration {
        let mut course = self.course();
        let changed = course.step(&self.promise, now, self.events());
        let Standing { left, burn, past, .. } = course.standing();
        self.is_past.store(past.is_some(), Ordering::Relaxed);
        if changed {
            let (left, burn) = (format!("{:.1}%", left * 100.0), format!("{:.1}", burn[1]));
            match past {
                Some(_) => tracing::warn!(route, budget_left = left, burn, "the route is past its budget"),
                None => tracing::info!(route, budget_left = left, burn, "the route keeps its promise again"),
            }
        }
        course.pace()
    }

    /// How it stands, for status.
    pub fn show(&self, now: Duration) -> Value {
        let Standing { events, left, burn, past } = self.course().standing();
        json!({
            "target": self.promise.target.map(|target| target.to_string()),
            "latency_seconds": self.promise.latency.map(|latency| latency.as_secs_f64()),
            "good": events.good,
            "bad": events.bad,
            "apart": self.apart(),
            "budget_left": left,
            "burn": burn[0],
            "burn_short": burn[1],
            "past_seconds": past.map(|since| now.saturating_sub(since).as_secs_f64()),
        })
    }
}

type All = Arc<Mutex<HashMap<Name, Arc<Objective>>>>;

/// A metric's name, what it is, and where it comes from.
type Shown<F> = (&'static str, &'static str, F);
type Count = fn(&Objective) -> u64;
type Tell = fn(Standing) -> f64;

/// The objectives of all routes that have some: they outlive snapshots.
pub struct Objectives {
    routes: All,
    workers: usize,
}

fn sorted(routes: &All) -> Vec<(Name, Arc<Objective>)> {
    let routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<_> = routes.iter().map(|(name, one)| (name.clone(), one.clone())).collect();
    drop(routes);
    edgekit_core::sort::by(&mut all, |a, b| a.0.cmp(&b.0));
    all
}

impl Objectives {
    /// None yet; shown by `metrics`.
    pub fn new(metrics: &Metrics, workers: usize) -> Objectives {
        let routes = All::default();
        let counts: [Shown<Count>; 3] = [
            ("edgekit_proxy_objective_good_total", "Requests answered well.", |one| one.events().good),
            ("edgekit_proxy_objective_bad_total", "Requests answered badly, or late.", |one| {
                one.events().bad
            }),
            (
                "edgekit_proxy_objective_apart_total",
                "Requests refused, or asked of another cluster, while the budget was spent.",
                Objective::apart,
            ),
        ];
        for (name, help, read) in counts {
            let shown = routes.clone();
            metrics.collect(name, help, Kind::Counter, move |rows| {
                sorted(&shown).iter().for_each(|(name, one)| rows.count(&[("route", name)], read(one)));
            });
        }
        let numbers: [Shown<Tell>; 2] = [
            (
                "edgekit_proxy_error_budget_left_ratio",
                "What is left of the budget; below 0, overdrawn.",
                |one| one.left,
            ),
            ("edgekit_proxy_route_degraded", "1 while the route is past its budget.", |one| {
                f64::from(u8::from(one.past.is_some()))
            }),
        ];
        for (name, help, read) in numbers {
            let shown = routes.clone();
            metrics.collect(name, help, Kind::Gauge, move |rows| {
                for (name, one) in sorted(&shown) {
                    rows.number(&[("route", &name)], read(one.course().standing()));
                }
            });
        }
        let (shown, help) = (routes.clone(), "How fast the budget goes: 1 is as fast as it lasts.");
        metrics.collect("edgekit_proxy_budget_burn_rate", help, Kind::Gauge, move |rows| {
            for (name, one) in sorted(&shown) {
                for (over, rate) in ["long", "short"].into_iter().zip(one.course().standing().burn) {
                    rows.number(&[("route", &name), ("over", over)], rate);
                }
            }
        });
        Objectives { routes, workers }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Objective>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That of a route; a new one where it promises something else.
    pub fn of(&self, name: &Name, promise: &Promise) -> Option<Arc<Objective>> {
        promise.target?;
        let mut routes = self.lock();
        match routes.get(name) {
            Some(known) if known.promise == *promise => Some(known.clone()),
            _ => {
                let new = Arc::new(Objective::new(promise, self.workers));
                routes.insert(name.clone(), new.clone());
                Some(new)
            }
        }
    }

    /// That of a route that is known.
    pub fn known(&self, name: &str) -> Option<Arc<Objective>> {
        self.lock().get(name).cloned()
    }

    /// Looks how all go; gives when to look again, if there are any.
    fn step(&self, now: Duration) -> Option<Duration> {
        sorted(&self.routes).iter().map(|(name, one)| one.step(name, now)).min()
    }
}

/// Looks how promises are kept, as long as the service runs.
///
/// # Errors
/// None.
pub(crate) async fn watch(shared: Arc<Shared>) -> Result<(), Error> {
    let mut seen = 0;
    loop {
        let number = shared.snapshot.number();
        if number != seen {
            seen = number;
            let snapshot = shared.snapshot.get();
            let promised = |name: &Name| {
                let route = snapshot.resources().routes.get(name);
                route.is_some_and(|route| route.objective.target.is_some())
            };
            shared.objectives.lock().retain(|name, _| promised(name));
            for route in &snapshot.routes {
                shared.objectives.of(&route.name, &route.settings.objective);
            }
        }
        match shared.objectives.step(shared.clock.monotonic()) {
            Some(pace) => {
                let pace = pace.clamp(Duration::from_millis(20), Duration::from_secs(1));
                tokio::select! {
                    () = tokio::time::sleep(pace) => {}
                    () = shared.snapshot.changed(seen) => {}
                }
            }
            None => shared.snapshot.changed(seen).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_shed_may_come_again() {
        let share = Percent::parse("50%").unwrap();
        let promise = Promise { degrade: vec![Degrade::Shed], share, ..Promise::none() };
        let objective = Objective::new(&promise, 1);
        let dice = crate::balance::Dice::new(3);
        let shed = (0..1000).filter(|_| objective.detour(0, true, dice.roll()) == Some(Detour::Shed)).count();
        assert!(shed.abs_diff(500) < 80, "{shed}");
        assert!((0..1000).all(|_| objective.detour(0, false, dice.roll()).is_none()));
        assert_eq!(objective.apart(), shed as u64);
    }

    #[test]
    fn late_broken_and_failed_answers_are_bad() {
        let promise = Promise { latency: Some(Duration::from_millis(100)), ..Promise::none() };
        let objective = Objective::new(&promise, 2);
        let ended = |status, took| Ended { status, retryable: true, took: Duration::from_millis(took) };
        for (status, took, broke) in [(200, 100, false), (404, 1, false), (499, 0, false)] {
            objective.count(0, ended(status, took), broke);
        }
        for (status, took, broke) in [(200, 101, false), (500, 1, false), (200, 1, true), (504, 900, false)] {
            objective.count(1, ended(status, took), broke);
        }
        assert_eq!(objective.events(), Events { good: 3, bad: 4 });
    }
}
