//! Counters, gauges and histograms of the process, shown as Prometheus text.
//!
//! A series exists from its first use. Labels come from outside (hosts, routes, rules), so each
//! metric holds a bounded number of series; what comes later is counted together in one whose label
//! values are all `_other`, and how often that happened in `edgekit_metrics_folded_total`. Handles are
//! cheap to clone and to update: keep one where it is hot. Who keeps many numbers himself writes them
//! when he is asked ([`Metrics::collect`]), and bounds them himself.
//! Neighbours: `text.rs` writes the exposition format, `scripts.rs` takes names that scripts bring, `carry.rs` keeps counters from falling back where another
//! process takes over.

mod carry;
mod scripts;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use scripts::Numbers;
pub use text::Rows;

use crate::scope::lock;

/// Series of one metric before new label values go to `_other`.
pub const MAX_SERIES: usize = 256;

/// Label value of the series that takes what exceeds [`MAX_SERIES`].
pub const OTHER: &str = "_other";

/// Name of the counter of what found no room.
const FOLDED: &str = "edgekit_metrics_folded_total";

/// Upper bounds of a [`Histogram`]'s buckets in seconds; the last bucket has none.
pub const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// All metrics of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics {
    families: Arc<Mutex<BTreeMap<&'static str, Family>>>,
    /// What the process before this one has counted.
    carried: Arc<Mutex<carry::Carried>>,
}

struct Family {
    help: &'static str,
    /// Decides the kind; never shown.
    model: Series,
    series: BTreeMap<Labels, Series>,
}

/// As they are shown: `name="value",…`.
type Labels = Arc<str>;

#[derive(Clone)]
enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
    CounterFrom(Read<u64>),
    GaugeFrom(Read<u64>),
    Collected(Kind, Arc<dyn Fn(&mut Rows<'_>) + Send + Sync>),
}

/// What a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Durations, counted by size.
    Histogram,
}

type Read<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// How many durations fell into each bucket, and their sum in nanoseconds.
pub type Buckets = ([u64; BUCKETS.len() + 1], u64);

/// A number that only grows.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

/// A number that goes up and down.
#[derive(Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

/// Durations, counted by size.
#[derive(Clone, Default)]
pub struct Histogram(Arc<Observed>);

#[derive(Default)]
struct Observed {
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Counter {
    /// Adds one.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Replaces the number.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: i64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.partition_point(|bound| *bound < seconds);
        self.0.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl Metrics {
    /// The series `labels` of the counter `name`; by convention the name ends in `_total`.
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Counter {
        match self.series(name, help, labels, Series::Counter(Counter::default())) {
            Series::Counter(counter) => counter,
            _ => Counter::default(),
        }
    }

    /// The series `labels` of the gauge `name`.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        match self.series(name, help, labels, Series::Gauge(Gauge::default())) {
            Series::Gauge(gauge) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The series `labels` of the histogram `name`; by convention the name ends in `_seconds`.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        match self.series(name, help, labels, Series::Histogram(Histogram::default())) {
            Series::Histogram(histogram) => histogram,
            _ => Histogram::default(),
        }
    }

    /// A counter kept elsewhere, such as in pieces that have one writer each: read when it is shown.
    /// One that is there already is replaced, as by a service that starts again.
    pub fn counter_from(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.replace(name, help, labels, Series::CounterFrom(Arc::new(read)));
    }

    /// A gauge kept elsewhere; see [`Metrics::counter_from`].
    pub fn gauge_from(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.replace(name, help, labels, Series::GaugeFrom(Arc::new(read)));
    }

    /// A metric kept elsewhere with all its series: `write` gives them in the order they are shown, and is
    /// called by whoever asks, without any lock of ours. How many there are is for the caller to bound. One
    /// that is there already is replaced.
    pub fn collect(
        &self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        write: impl Fn(&mut Rows<'_>) + Send + Sync + 'static,
    ) {
        self.replace(name, help, &[], Series::Collected(kind, Arc::new(write)));
    }

    fn replace(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        fresh: Series,
    ) {
        drop(self.series(name, help, labels, fresh.clone()));
        let key = text::labels(labels);
        if let Some(series) =
            lock(&self.families).get_mut(name).and_then(|family| family.series.get_mut(&*key))
        {
            *series = fresh;
        }
    }

    /// Finds or makes a series. A name used for two kinds is a fault of ours: it is logged, and the
    /// second kind counts where nobody sees it.
    fn series(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        fresh: Series,
    ) -> Series {
        let mut families = lock(&self.families);
        let family = families.entry(name).or_insert_with(|| Family {
            help,
            model: fresh.clone(),
            series: BTreeMap::new(),
        });
        if std::mem::discriminant(&family.model) != std::mem::discriminant(&fresh) {
            tracing::error!(metric = name, "a metric is used as two kinds");
            return fresh;
        }
        let mut key = text::labels(labels);
        let is_folded = family.series.len() >= MAX_SERIES && !family.series.contains_key(&*key);
        if is_folded {
            let other: Vec<(&str, &str)> = labels.iter().map(|(label, _)| (*label, OTHER)).collect();
            key = text::labels(&other);
        }
        let series = family.series.entry(Arc::from(key)).or_insert(fresh).clone();
        if is_folded {
            fold(&mut families, name);
        }
        series
    }

    /// Counts labels of a metric of [`Metrics::collect`] that found no room.
    pub fn folded(&self, name: &str) {
        fold(&mut lock(&self.families), name);
    }
}

fn fold(families: &mut BTreeMap<&'static str, Family>, name: &str) {
    let folded = families.entry(FOLDED).or_insert_with(|| Family {
        help: "Uses of new labels of a metric that has too many: they are counted as _other.",
        model: Series::Counter(Counter::default()),
        series: BTreeMap::new(),
    });
    let key = Arc::from(text::labels(&[("metric", name)]));
    let fresh = || Series::Counter(Counter::default());
    // Of no other kind: nobody else writes it.
    if let Series::Counter(count) = folded.series.entry(key).or_insert_with(fresh) {
        count.add_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_labels_are_the_same_series() {
        let metrics = Metrics::default();
        metrics.counter("a_total", "A.", &[("k", "v")]).add(2);
        metrics.counter("a_total", "A.", &[("k", "v")]).add_one();
        assert_eq!(metrics.counter("a_total", "A.", &[("k", "v")]).get(), 3);
        assert_eq!(metrics.counter("a_total", "A.", &[("k", "w")]).get(), 0);
    }

    #[test]
    fn too_many_series_are_counted_together() {
        let metrics = Metrics::default();
        for number in 0..MAX_SERIES + 50 {
            metrics.counter("a_total", "A.", &[("k", &number.to_string())]).add_one();
        }
        assert_eq!(metrics.counter("a_total", "A.", &[("k", OTHER)]).get(), 50);
        assert_eq!(metrics.counter(FOLDED, "", &[("metric", "a_total")]).get(), 50);
        assert_eq!(lock(&metrics.families)["a_total"].series.len(), MAX_SERIES + 1);
        metrics.counter("a_total", "A.", &[("k", "0")]).add_one();
        assert_eq!(metrics.counter("a_total", "A.", &[("k", "0")]).get(), 2);
    }

    #[test]
    fn a_second_kind_does_not_disturb_the_first() {
        let metrics = Metrics::default();
        metrics.counter("a_total", "A.", &[]).add_one();
        metrics.gauge("a_total", "A.", &[]).set(7);
        assert_eq!(metrics.counter("a_total", "A.", &[]).get(), 1);
    }

    #[test]
    fn whoever_is_asked_may_ask_himself() {
        // A scrape that held the lock would stop here for ever, and workers with it.
        let metrics = Metrics::default();
        let inner = metrics.clone();
        metrics.collect("b", "B.", Kind::Gauge, move |rows| {
            inner.counter("a_total", "A.", &[]).add_one();
            rows.number(&[("k", "v")], 1.5);
        });
        assert!(metrics.to_text().ends_with("# TYPE b gauge\nb{k=\"v\"} 1.5\n"));
        assert_eq!(metrics.counter("a_total", "A.", &[]).get(), 1);
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(1));
        histogram.observe(Duration::from_secs(11));
        assert_eq!(histogram.0.buckets[1].load(Ordering::Relaxed), 1);
        assert_eq!(histogram.0.buckets[BUCKETS.len()].load(Ordering::Relaxed), 1);
    }
}
