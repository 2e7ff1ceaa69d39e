//! One endpoint in numbers that any worker may change at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// How fast a latency is forgotten: after so long a third of it is left.
const FADES: f64 = 10.0;

/// What is known of an endpoint.
#[derive(Debug, Default)]
pub struct EndpointState {
    in_flight: AtomicU32,
    /// Seconds, as the bits of an `f64`; 0 until it has answered.
    latency: AtomicU64,
    /// When [`EndpointState::latency`] was touched, in nanoseconds.
    touched: AtomicU64,
    /// The last checks found it ill.
    pub(super) failing: AtomicBool,
    /// Bad answers in a row; failed connections in a row.
    pub(super) errors: AtomicU32,
    pub(super) refusals: AtomicU32,
    /// Times it was left out, which make the next time longer.
    pub(super) ejections: AtomicU32,
    /// Until when it is left out, in nanoseconds.
    pub(super) ejected_until: AtomicU64,
    /// Since when it may be chosen, in nanoseconds.
    pub(super) since: AtomicU64,
}

impl EndpointState {
    /// Requests it has not answered yet.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Its recent latency in seconds; none until it has answered.
    pub fn latency(&self) -> Option<f64> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            bits => Some(f64::from_bits(bits)),
        }
    }

    /// True if checks found it ill.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Until when it is left out, if it is.
    pub fn ejected_until(&self, now: Duration) -> Option<Duration> {
        let until = Duration::from_nanos(self.ejected_until.load(Ordering::Relaxed));
        (until > now).then_some(until)
    }

    /// Notes how long an answer took. A peak counts at once, and fades.
    pub fn took(&self, took: Duration, now: Duration) {
        let nanoseconds = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let before = self.touched.swap(nanoseconds, Ordering::Relaxed);
        let (sample, old) = (took.as_secs_f64(), self.latency().unwrap_or(0.0));
        let passed = Duration::from_nanos(nanoseconds.saturating_sub(before)).as_secs_f64();
        let kept = (-passed / FADES).exp();
        let new = if sample > old { sample } else { old * kept + sample * (1.0 - kept) };
        // Two workers at once lose one sample of the two: an estimate it is anyway.
        self.latency.store(new.max(1e-9).to_bits(), Ordering::Relaxed);
    }
}

/// A request at an endpoint, counted while it is there.
#[derive(Debug)]
pub struct Visit {
    endpoint: Arc<EndpointState>,
    began: Duration,
}

impl Visit {
    /// Begins.
    pub fn new(endpoint: Arc<EndpointState>, began: Duration) -> Visit {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Visit { endpoint, began }
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Arc<EndpointState> {
        &self.endpoint
    }

    /// When it began.
    pub fn began(&self) -> Duration {
        self.began
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_counts_at_once_and_fades() {
        let state = EndpointState::default();
        let seconds = Duration::from_secs;
        state.took(Duration::from_millis(10), seconds(100));
        state.took(Duration::from_millis(500), seconds(101));
        assert_eq!(state.latency(), Some(0.5));
        state.took(Duration::from_millis(10), seconds(111));
        let faded = state.latency().unwrap();
        assert!((0.18..0.20).contains(&faded), "{faded}");
    }

    #[test]
    fn visits_are_counted_exactly() {
        let state = Arc::new(EndpointState::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        drop(Visit::new(state.clone(), Duration::ZERO));
                    }
                });
            }
        });
        assert_eq!(state.in_flight(), 0);
        let visit = Visit::new(state.clone(), Duration::ZERO);
        assert_eq!(state.in_flight(), 1);
        drop(visit);
    }
}
