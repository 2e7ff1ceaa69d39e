//! Sets aside what fails, by key, and tries it again after a while that doubles.
//!
//! One failing device or route never stops the others: a key that failed is skipped until its time, then one
//! event of it is let through as a trial. If that fails too it waits twice as long, up to a limit; if it succeeds
//! the key is forgotten. Neighbours: `hook.rs` and the engine ask it before each call.

use std::{collections::HashMap, time::Duration};

use crate::Str;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);
/// Keys that are remembered. Beyond, the one whose trial is due first gives way.
const KEYS: usize = 1024;

/// Keys that failed lately. Times are those of a monotonic clock.
#[derive(Clone, Debug, Default)]
pub struct Quarantine {
    keys: HashMap<Str, Entry>,
    /// Its own entry, because most rules have no key.
    unkeyed: Option<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    until: Duration,
    wait: Duration,
}

impl Quarantine {
    /// Nothing set aside.
    pub fn new() -> Quarantine {
        Quarantine::default()
    }

    /// True if nothing is set aside: the question that costs nothing.
    pub fn is_empty(&self) -> bool {
        self.unkeyed.is_none() && self.keys.is_empty()
    }

    /// True if an event of the key may be handled at `now`; an empty key stands for all without one.
    pub fn admits(&self, key: &[u8], now: Duration) -> bool {
        self.entry(key).is_none_or(|entry| now >= entry.until)
    }

    /// The key's call went wrong. Returns how long it is set aside.
    pub fn failed(&mut self, key: &[u8], now: Duration) -> Duration {
        let wait = self.entry(key).map_or(FIRST, |entry| (entry.wait * 2).min(LONGEST));
        let entry = Entry { until: now.saturating_add(wait), wait };
        if key.is_empty() {
            self.unkeyed = Some(entry);
            return wait;
        }
        if self.keys.len() >= KEYS && !self.keys.contains_key(key) {
            let first = self.keys.iter().min_by_key(|(_, entry)| entry.until).map(|(key, _)| key.clone());
            first.map(|first| self.keys.remove(&first));
        }
        self.keys.insert(key.into(), entry);
        wait
    }

    /// The key's call went well.
    pub fn succeeded(&mut self, key: &[u8]) {
        if key.is_empty() {
            self.unkeyed = None;
        } else {
            self.keys.remove(key);
        }
    }

    /// Keys set aside, the empty one included.
    pub fn len(&self) -> usize {
        self.keys.len() + usize::from(self.unkeyed.is_some())
    }

    fn entry(&self, key: &[u8]) -> Option<&Entry> {
        if key.is_empty() { self.unkeyed.as_ref() } else { self.keys.get(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_failing_key_waits_longer_each_time_and_the_others_do_not() {
        let mut quarantine = Quarantine::new();
        assert!(quarantine.is_empty() && quarantine.admits(b"a", Duration::ZERO));
        let mut now = Duration::ZERO;
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(quarantine.failed(b"a", now), expected * SECOND);
            assert!(!quarantine.admits(b"a", now));
            assert!(quarantine.admits(b"b", now) && quarantine.admits(b"", now));
            now += expected * SECOND;
            assert!(quarantine.admits(b"a", now));
        }
        quarantine.succeeded(b"a");
        assert!(quarantine.is_empty());
        assert_eq!(quarantine.failed(b"a", now), SECOND);
    }

    #[test]
    fn without_a_key_there_is_one_entry() {
        let mut quarantine = Quarantine::new();
        quarantine.failed(b"", Duration::ZERO);
        assert!(!quarantine.admits(b"", Duration::ZERO) && quarantine.admits(b"a", Duration::ZERO));
        quarantine.succeeded(b"");
        assert_eq!(quarantine.len(), 0);
    }

    #[test]
    fn it_remembers_a_bounded_number_of_keys() {
        let mut quarantine = Quarantine::new();
        for key in 0..2 * KEYS as u32 {
            quarantine.failed(&key.to_le_bytes(), Duration::from_millis(u64::from(key)));
        }
        assert_eq!(quarantine.len(), KEYS);
        assert!(quarantine.admits(&0_u32.to_le_bytes(), Duration::ZERO));
        assert!(!quarantine.admits(&(2 * KEYS as u32 - 1).to_le_bytes(), Duration::ZERO));
    }
}
