//! Requests of routes and clusters, by how they ended and how long that took.
//!
//! A worker writes cells of its own, made at their first use; the registry adds them up when it is
//! asked. What is counted apart is bounded: beyond, requests are counted together as `_other`.
//! Neighbours: `stats.rs` shows the tables, `top.rs` and status read sums of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use edgekit_rt::metrics::{BUCKETS, Buckets, Metrics, OTHER, Rows};

use super::Cell;
use crate::snapshot::Name;

/// Names that are told apart.
const MAX_NAMES: usize = 8192;
/// Sets of labels of one table: each is 17 lines of text.
pub(super) const MAX_SETS: usize = 1024;
/// By the first digit of the status.
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// Sets a name may have: each class, for requests that may be repeated and for those that may not.
const SETS: usize = 2 * CLASSES.len();

/// How many requests took how long: written by one worker.
#[derive(Default, Debug)]
struct Durations {
    buckets: [Cell; BUCKETS.len() + 1],
    nanoseconds: Cell,
}

impl Durations {
    fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.buckets[BUCKETS.partition_point(|bound| *bound < seconds)].add(1);
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn add_to(&self, (buckets, nanoseconds): &mut Buckets) {
        for (sum, cell) in buckets.iter_mut().zip(&self.buckets) {
            *sum += cell.get();
        }
        *nanoseconds = nanoseconds.wrapping_add(self.nanoseconds.get());
    }
}

/// A worker's share of a name; a set without cells is counted as `_other`.
type Share = [OnceLock<Option<Box<Durations>>>; SETS];

/// The numbers of one route or cluster, a share a worker.
#[derive(Debug)]
pub struct Tally {
    name: Name,
    shares: Box<[OnceLock<Box<Share>>]>,
    /// Of each set, once it was asked for: whether it is counted apart.
    known: Mutex<[Option<bool>; SETS]>,
}

/// What all workers counted of a name.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum {
    /// By the first digit of the status.
    pub classes: [u64; CLASSES.len()],
    /// How long they took, however they ended.
    pub durations: Buckets,
}

/// What a request is counted as.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The status it was answered with.
    pub status: u16,
    /// It may be sent again without harm.
    pub retryable: bool,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    fn set(self) -> usize {
        usize::from(self.status / 100).min(5) + CLASSES.len() * usize::from(self.retryable)
    }
}

impl Tally {
    fn each(&self, mut with: impl FnMut(usize, &Durations)) {
        for share in self.shares.iter().filter_map(OnceLock::get) {
            for (set, cells) in share.iter().enumerate() {
                if let Some(Some(cells)) = cells.get() {
                    with(set, cells);
                }
            }
        }
    }

    /// What it stands at; nothing of what is counted as `_other`.
    fn sets(&self) -> [Option<Buckets>; SETS] {
        let mut sets = [None; SETS];
        self.each(|set, cells| cells.add_to(sets[set].get_or_insert_default()));
        sets
    }

    /// The same, together.
    pub fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for (set, observed) in self.sets().into_iter().enumerate() {
            let Some((buckets, nanoseconds)) = observed else { continue };
            sum.classes[set % CLASSES.len()] += buckets.iter().sum::<u64>();
            sum.durations.0.iter_mut().zip(buckets).for_each(|(all, one)| *all += one);
            sum.durations.1 = sum.durations.1.wrapping_add(nanoseconds);
        }
        sum
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The tallies of all routes, or of all clusters.
pub struct Table {
    /// What the durations are shown as.
    metric: &'static str,
    metrics: Metrics,
    names: Mutex<HashMap<Name, Arc<Tally>>>,
    /// What is not counted apart, by worker.
    other: Box<[Durations]>,
    sets: AtomicUsize,
}

impl Table {
    pub(super) fn new(metric: &'static str, metrics: Metrics, workers: usize) -> Table {
        let other = (0..workers).map(|_| Durations::default()).collect();
        Table { metric, metrics, names: Mutex::default(), other, sets: AtomicUsize::new(0) }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<Name, Arc<Tally>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of a name; they outlive a reload.
    pub fn of(&self, name: &Name) -> Arc<Tally> {
        let mut names = self.names();
        let is_known = names.len() < MAX_NAMES || names.contains_key(name);
        let name = if is_known { name.clone() } else { Name::from(OTHER) };
        let made = || {
            let shares = self.other.iter().map(|_| OnceLock::new()).collect();
            // `_other` has no sets: all of it goes to the cells beside the names.
            let known = if is_known { [None; SETS] } else { [Some(false); SETS] };
            Arc::new(Tally { name: name.clone(), shares, known: Mutex::new(known) })
        };
        names.entry(name.clone()).or_insert_with(made).clone()
    }

    /// Counts a request.
    pub fn add(&self, tally: &Tally, worker: usize, ended: Ended) {
        let set = ended.set();
        let share = tally.shares[worker].get_or_init(Box::default);
        let cells = share[set].get_or_init(|| self.admits(tally, set).then(Box::default));
        cells.as_deref().unwrap_or(&self.other[worker]).add(ended.took);
    }

    /// Whether there is room for one more set: asked once a worker and set.
    #[cold]
    fn admits(&self, tally: &Tally, set: usize) -> bool {
        let mut known = tally.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known[set].get_or_insert_with(|| {
            let admitted = self.sets.fetch_add(1, Ordering::Relaxed) < MAX_SETS;
            if !admitted {
                self.metrics.folded(self.metric);
            }
            admitted
        })
    }

    /// Those that were used, by name.
    pub fn used(&self) -> Vec<Arc<Tally>> {
        let is_used = |tally: &&Arc<Tally>| tally.shares.iter().any(|share| share.get().is_some());
        let mut used: Vec<_> = self.names().values().filter(is_used).cloned().collect();
        edgekit_core::sort::by(&mut used, |a, b| a.name.cmp(&b.name));
        used
    }

    fn others(&self) -> Option<Buckets> {
        let mut sum = Buckets::default();
        self.other.iter().for_each(|cells| cells.add_to(&mut sum));
        (sum.0.iter().any(|count| *count > 0)).then_some(sum)
    }

    /// Shows how long requests took: by `label`, status and, for routes, whether they may be repeated.
    pub(super) fn durations(&self, label: &str, tells_retryable: bool, rows: &mut Rows<'_>) {
        let count = if tells_retryable { 3 } else { 2 };
        for tally in self.used() {
            for (set, observed) in tally.sets().iter().enumerate() {
                let Some(observed) = observed else { continue };
                let retryable = if set >= CLASSES.len() { "true" } else { "false" };
                let labels = [
                    (label, &*tally.name),
                    ("status", CLASSES[set % CLASSES.len()]),
                    ("retryable", retryable),
                ];
                rows.histogram(&labels[..count], observed);
            }
        }
        if let Some(observed) = self.others() {
            rows.histogram(&[(label, OTHER), ("status", OTHER), ("retryable", OTHER)][..count], &observed);
        }
    }

    /// Shows how many requests there were, by `label` and status.
    pub(super) fn counts(&self, label: &str, rows: &mut Rows<'_>) {
        for tally in self.used() {
            let sum = tally.sum();
            for (class, count) in CLASSES.iter().zip(sum.classes).filter(|(_, count)| *count > 0) {
                rows.count(&[(label, &*tally.name), ("status", class)], count);
            }
        }
        if let Some((buckets, _)) = self.others() {
            rows.count(&[(label, OTHER), ("status", OTHER)], buckets.iter().sum());
        }
    }
}
