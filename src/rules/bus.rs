//! The queue before the rules: bounded, and nobody who puts something in ever waits for room.
//!
//! A proxy that reports a request must not stand still because a rule is slow. So a full queue loses its oldest
//! events, and counts them by topic: what is lost is known, and what is new gets through. Shared by reference
//! between the threads that offer and the worker that takes. Neighbours: [`crate::engine`] takes.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Event, Value};

/// Topics whose losses are counted by name; those of others are counted as [`OTHER`].
const MAX_TOPICS: usize = 256;
/// What the losses of too many topics are counted under.
pub const OTHER: &str = "_other";

/// What a bus may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BusLimits {
    /// Events.
    pub events: usize,
    /// Bytes of events, about.
    pub bytes: usize,
}

impl Default for BusLimits {
    /// 65,536 events and 16 MiB: six seconds of 10,000 events a second.
    fn default() -> BusLimits {
        BusLimits { events: 65_536, bytes: 16 << 20 }
    }
}

/// What went through a bus.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct BusStats {
    /// Events offered since it was made.
    pub offered: u64,
    /// Events waiting.
    pub waiting: usize,
    /// Bytes waiting, about.
    pub bytes: usize,
    /// Events lost, by topic.
    pub dropped: Vec<(Arc<str>, u64)>,
}

/// A bounded queue of events. Cheap to clone; all clones are one queue.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    limits: BusLimits,
    queue: Mutex<Queue>,
    /// Called when the queue was empty and no longer is.
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    offered: u64,
    /// In the order of topics.
    dropped: Vec<(Arc<str>, u64)>,
}

impl Bus {
    /// An empty bus. `wake` is called, on the thread that offers, when an event comes into an empty queue: it must
    /// be quick and not offer itself.
    pub fn new(limits: BusLimits, wake: impl Fn() + Send + Sync + 'static) -> Bus {
        Bus(Arc::new(Inner { limits, queue: Mutex::default(), wake: Box::new(wake) }))
    }

    /// Puts an event in, whatever has to leave for it. An event that alone is larger than the bus is lost itself.
    pub fn offer(&self, event: Event) {
        let limits = self.0.limits;
        let bytes = weight(&event);
        let mut queue = self.lock();
        queue.offered += 1;
        if bytes > limits.bytes || limits.events == 0 {
            queue.lost(event.topic);
            return;
        }
        let was_empty = queue.events.is_empty();
        while queue.events.len() >= limits.events || queue.bytes + bytes > limits.bytes {
            let Some((oldest, size)) = queue.events.pop_front() else { break };
            queue.bytes -= size;
            queue.lost(oldest.topic);
        }
        queue.bytes += bytes;
        queue.events.push_back((event, bytes));
        drop(queue);
        if was_empty {
            (self.0.wake)();
        }
    }

    /// Moves up to `max` events, the oldest first, to the end of `into`.
    pub fn take(&self, max: usize, into: &mut VecDeque<Event>) {
        let mut queue = self.lock();
        let count = max.min(queue.events.len());
        let taken = queue.events.drain(..count);
        let mut bytes = 0;
        into.extend(taken.map(|(event, size)| {
            bytes += size;
            event
        }));
        queue.bytes -= bytes;
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().events.is_empty()
    }

    /// What went through so far.
    pub fn stats(&self) -> BusStats {
        let queue = self.lock();
        BusStats {
            offered: queue.offered,
            waiting: queue.events.len(),
            bytes: queue.bytes,
            dropped: queue.dropped.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Each change is whole before anything can panic.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Bus {
    /// With the default limits, waking nobody.
    fn default() -> Bus {
        Bus::new(BusLimits::default(), || {})
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bus").field(&self.stats()).finish()
    }
}

impl Queue {
    fn lost(&mut self, topic: Arc<str>) {
        let position = |topic: &str| self.dropped.binary_search_by(|(known, _)| (**known).cmp(topic));
        let mut name = topic;
        let mut found = position(&name);
        if found.is_err() && self.dropped.len() >= MAX_TOPICS {
            name = Arc::from(OTHER);
            found = position(&name);
        }
        match found {
            Ok(at) => self.dropped[at].1 += 1,
            Err(at) => self.dropped.insert(at, (name, 1)),
        }
    }
}

/// Bytes an event takes, about.
fn weight(event: &Event) -> usize {
    fn of(value: &Value) -> usize {
        const SLOT: usize = size_of::<Value>();
        SLOT + match value {
            Value::Str(text) => text.len(),
            Value::List(values) => values.iter().map(of).sum(),
            Value::Map(entries) => entries.iter().map(|(key, value)| SLOT + key.len() + of(value)).sum(),
            _ => 0,
        }
    }
    size_of::<Event>() + of(&event.data)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    fn event(topic: &str, id: u64, text: usize) -> Event {
        Event { topic: topic.into(), id, at: Duration::ZERO, data: Value::from("x".repeat(text)) }
    }

    fn ids(bus: &Bus, max: usize) -> Vec<u64> {
        let mut events = VecDeque::new();
        bus.take(max, &mut events);
        events.iter().map(|event| event.id).collect()
    }

    #[test]
    fn a_full_bus_loses_the_oldest_and_counts_them() {
        let bus = Bus::new(BusLimits { events: 3, bytes: 1 << 20 }, || {});
        for id in 0..5 {
            bus.offer(event(if id == 0 { "first" } else { "rest" }, id, 1));
        }
        let stats = bus.stats();
        assert_eq!((stats.offered, stats.waiting), (5, 3));
        assert_eq!(stats.dropped, [("first".into(), 1), ("rest".into(), 1)]);
        assert_eq!((ids(&bus, 2), ids(&bus, 9)), (vec![2, 3], vec![4]));
        assert_eq!((bus.stats().bytes, bus.is_empty()), (0, true));
    }

    #[test]
    fn bytes_are_a_limit_too_and_one_that_never_fits_costs_no_other() {
        let bus = Bus::new(BusLimits { events: 100, bytes: 4096 }, || {});
        bus.offer(event("a", 1, 1000));
        bus.offer(event("b", 2, 5000));
        assert_eq!(bus.stats().dropped, [("b".into(), 1)]);
        bus.offer(event("a", 3, 1000));
        bus.offer(event("a", 4, 3000));
        assert_eq!(ids(&bus, 9), [4]);
    }

    #[test]
    fn topics_that_are_counted_are_bounded() {
        let bus = Bus::new(BusLimits { events: 1, bytes: 1 << 20 }, || {});
        for id in 0..1000 {
            bus.offer(event(&format!("t{id}"), id, 0));
        }
        let dropped = bus.stats().dropped;
        assert_eq!(dropped.len(), MAX_TOPICS + 1);
        assert_eq!(dropped.iter().map(|(_, count)| count).sum::<u64>(), 999);
    }

    #[test]
    fn wakes_once_a_wait_and_takes_from_many_threads() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        let bus = Bus::new(BusLimits::default(), move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let bus = bus.clone();
                scope.spawn(move || (0..1000).for_each(|id| bus.offer(event("a", thread * 1000 + id, 0))));
            }
        });
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        let mut all = ids(&bus, usize::MAX);
        edgekit_core::sort::natural(&mut all);
        assert!(all.into_iter().eq(0..4000));
        bus.offer(event("a", 1, 0));
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }
}
