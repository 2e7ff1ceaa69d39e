//! Answers and how long they may be used: fresh for their TTL, then for a while where no server
//! answers (RFC 8767). Bounded; the entry that expires first makes room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Names remembered.
const MAX_NAMES: usize = 512;
/// A longer TTL is cut: a day is long enough for an edge box to notice a move.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The same for "no such name".
const LONGEST_NEGATIVE: Duration = Duration::from_secs(5 * 60);
/// How long an expired answer may still be served.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// An expired answer that was served is not tried again for this long (RFC 8767 §5).
const RECHECK: Duration = Duration::from_secs(30);

/// What is known of one name; empty: that it has no address.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    addresses: Vec<IpAddr>,
    expires: Duration,
    useless: Duration,
}

/// Answers by full name. Times are of the boot clock.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<String, Entry>,
}

impl Cache {
    /// A fresh answer; an empty one says that there is no address.
    pub(super) fn fresh(&self, name: &str, now: Duration) -> Option<Vec<IpAddr>> {
        let entry = self.entries.get(name)?;
        (now < entry.expires).then(|| entry.addresses.clone())
    }

    /// How much longer an answer with addresses is fresh.
    pub(super) fn fresh_for(&self, name: &str, now: Duration) -> Option<Duration> {
        let entry = self.entries.get(name).filter(|entry| !entry.addresses.is_empty())?;
        (now < entry.expires).then(|| entry.expires - now)
    }

    /// An expired answer with addresses, to be used because nobody answers now.
    pub(super) fn stale(&mut self, name: &str, now: Duration) -> Option<Vec<IpAddr>> {
        let entry = self.entries.get_mut(name)?;
        if entry.addresses.is_empty() || now >= entry.useless {
            return None;
        }
        entry.expires = (now + RECHECK).min(entry.useless);
        Some(entry.addresses.clone())
    }

    /// Remembers an answer for `ttl`.
    pub(super) fn put(&mut self, name: &str, addresses: Vec<IpAddr>, ttl: Duration, now: Duration) {
        let longest = if addresses.is_empty() { LONGEST_NEGATIVE } else { LONGEST };
        let ttl = ttl.min(longest);
        if ttl.is_zero() && addresses.is_empty() {
            return;
        }
        if self.entries.len() >= MAX_NAMES && !self.entries.contains_key(name) {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.expires);
            if let Some(first) = first.map(|(name, _)| name.clone()) {
                self.entries.remove(&first);
            }
        }
        let expires = now + ttl;
        self.entries.insert(name.to_owned(), Entry { addresses, expires, useless: expires + STALE });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn one() -> Vec<IpAddr> {
        vec![IpAddr::from([10, 0, 0, 1])]
    }

    #[test]
    fn fresh_then_stale_then_gone() {
        let mut cache = Cache::default();
        cache.put("a", one(), 10 * SECOND, SECOND);
        assert_eq!(cache.fresh("a", 10 * SECOND), Some(one()));
        assert_eq!(cache.fresh_for("a", 10 * SECOND), Some(SECOND));
        assert_eq!((cache.fresh("a", 11 * SECOND), cache.fresh_for("a", 11 * SECOND)), (None, None));
        assert_eq!(cache.stale("a", 20 * SECOND), Some(one()));
        assert_eq!(cache.fresh("a", 49 * SECOND), Some(one()));
        assert_eq!(cache.fresh("a", 50 * SECOND), None);
        assert_eq!(cache.stale("a", 12 * SECOND + STALE), None);
    }

    #[test]
    fn no_such_name_is_remembered_shortly_and_never_stale() {
        let mut cache = Cache::default();
        cache.put("a", Vec::new(), LONGEST, Duration::ZERO);
        assert_eq!(cache.fresh("a", LONGEST_NEGATIVE - SECOND), Some(Vec::new()));
        assert_eq!(cache.fresh("a", LONGEST_NEGATIVE), None);
        assert_eq!(cache.stale("a", SECOND), None);
        cache.put("b", Vec::new(), Duration::ZERO, Duration::ZERO);
        assert_eq!(cache.entries.len(), 1);
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let mut cache = Cache::default();
        for number in 0..2 * MAX_NAMES as u32 {
            cache.put(&number.to_string(), one(), SECOND * (number + 1), Duration::ZERO);
        }
        assert_eq!(cache.entries.len(), MAX_NAMES);
        assert!(cache.fresh("0", Duration::ZERO).is_none());
        assert!(cache.fresh("1023", Duration::ZERO).is_some());
    }
}
