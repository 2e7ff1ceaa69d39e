//! What each rule did, counted: the figures behind `edgekit rules list` and the metrics of the service.
//!
//! Counted on the worker without locks, copied out as [`Metrics`] for whoever shows them; this crate knows no
//! registry. Durations go into buckets of an eighth of a power of two, so that p50 and p99 are right within 9 %
//! at 1 KiB a rule. Neighbours: [`crate::engine`] counts, the applet exports.

use std::{sync::Arc, time::Duration};

use crate::bus::BusStats;

/// Durations from 2^MIN ns on have their own bucket; shorter ones share the first.
const MIN: u32 = 6;
/// Buckets a power of two.
const PARTS: usize = 8;
/// 64 ns to 275 s.
const BUCKETS: usize = 32 * PARTS;

/// Durations by size. Takes room with the first.
#[derive(Clone, Default)]
pub struct Histogram(Option<Box<[u32; BUCKETS]>>);

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Histogram({:?}, {:?})", self.quantile(0.5), self.quantile(0.99))
    }
}

impl Histogram {
    /// Counts one.
    pub fn observe(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1 << MIN);
        let power = nanos.ilog2();
        let part = (nanos >> (power - 3)) as usize & (PARTS - 1);
        let bucket = (power - MIN) as usize * PARTS + part;
        let buckets = self.0.get_or_insert_with(|| Box::new([0; BUCKETS]));
        let count = &mut buckets[bucket.min(BUCKETS - 1)];
        *count = count.saturating_add(1);
    }

    /// The duration that `part` (0 to 1) of them did not exceed, as the middle of its bucket. None before the first.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let buckets = self.0.as_deref()?;
        let total: u64 = buckets.iter().map(|count| u64::from(*count)).sum();
        let wanted = ((total as f64 * part).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (bucket, count) in buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                let power = MIN + (bucket / PARTS) as u32;
                let from = (1 << power) + ((bucket % PARTS) as u64) * (1 << (power - 3));
                return Some(Duration::from_nanos(from + (1 << (power - 4))));
            }
        }
        None
    }
}

/// What one rule did since it was first loaded; a reload does not start it anew.
#[derive(Clone, Default, Debug)]
pub struct RuleMetrics {
    /// Events it was called with.
    pub events_in: u64,
    /// Events it emitted.
    pub events_out: u64,
    /// Timers and alarms it was called for.
    pub timers: u64,
    /// Actions it asked for.
    pub actions: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Of these, calls that ran out of time, steps or memory.
    pub budget_hits: u64,
    /// Events not given to it because their key is in quarantine.
    pub quarantined: u64,
    /// Bytes of its durable state, when last saved.
    pub state_bytes: usize,
    /// The generation it belongs to.
    pub generation: u64,
    /// How long its calls took: those of timers, and one in eight of those with events.
    pub time: Histogram,
    /// What went wrong last.
    pub last_error: Option<Arc<str>>,
}

/// What an engine did: a copy of its figures.
#[derive(Clone, Default, Debug)]
pub struct Metrics {
    /// The generation that serves.
    pub generation: u64,
    /// Swaps made.
    pub swaps: u64,
    /// Generations that were refused.
    pub refused: u64,
    /// Events handled, those of rules not counted.
    pub handled: u64,
    /// Events no rule asked for, of those handled.
    pub unread: u64,
    /// Emitted events that were too many for one event, and were not handled.
    pub overflow: u64,
    /// Alarms that were given up because too many reloads came before they rang.
    pub lost_alarms: u64,
    /// The queue.
    pub bus: BusStats,
    /// The longest a step took away from events: loading a slice, a swap, saving state.
    pub longest_pause: Duration,
    /// Each rule by name, in the order they run.
    pub rules: Vec<(Arc<str>, RuleMetrics)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_a_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for micros in 1..=1000 {
            histogram.observe(Duration::from_micros(micros));
        }
        for (part, expected) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let got = histogram.quantile(part).unwrap().as_secs_f64() * 1e6;
            assert!((got / expected - 1.0).abs() < 0.09, "{part}: {got}");
        }
    }

    #[test]
    fn what_is_out_of_range_goes_to_the_ends() {
        let mut histogram = Histogram::default();
        histogram.observe(Duration::ZERO);
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_nanos(68)));
        histogram.observe(Duration::MAX);
        assert!(histogram.quantile(1.0).unwrap() > Duration::from_secs(250));
    }
}
