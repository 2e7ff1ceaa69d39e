//! Rate limits of a route, or of each client of it: a bucket of tokens, exact across workers.
//!
//! A bucket is one number, the time at which it is full again (the generic cell rate algorithm, ITU-T
//! I.371 §A), so that taking a token is one compare-and-swap. Clients share a table of fixed size; an
//! IPv6 client is its /64, as one host has many addresses of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::units::Rate;

use crate::balance::xxh64;
use crate::snapshot::Name;

edgekit_core::words! {
    /// Whose requests are counted together.
    pub enum RateBy {
        /// All of the route.
        Route = "route",
        /// Those of one client.
        Client = "client",
    }
}

edgekit_core::config! {
    /// How many requests a route takes
    pub struct RateLimit {
        /// Requests in a time; the others are answered with 429
        live rate: Option<Rate>, like "100/s";
        /// As many at once; none is those of a second, one at least
        live burst: Option<u32>, in 1..=1000000, like 200;
        /// Whose requests are counted together
        live by: RateBy = "route";
    }
}

/// Clients of a route that are told apart; those beyond share.
const CLIENTS: usize = 16 * 1024;
/// Places a client may have.
const WAYS: usize = 4;

/// The time between two tokens, and how far ahead a bucket may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pace {
    token: u64,
    ahead: u64,
}

impl Pace {
    fn of(settings: &RateLimit) -> Option<Pace> {
        let a_day = settings.rate?.per_day().max(1);
        let token = u64::try_from(86_400_000_000_000 / a_day).unwrap_or(u64::MAX).max(1);
        let burst = settings.burst.map_or((1_000_000_000 / token).max(1), u64::from);
        Some(Pace { token, ahead: token.saturating_mul(burst) })
    }
}

/// One bucket.
#[derive(Debug, Default)]
struct Bucket {
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes a token; else how long until there is one.
    fn take(&self, pace: Pace, now: u64) -> Result<(), Duration> {
        let next = |full_at: u64| {
            let after = full_at.max(now).saturating_add(pace.token);
            (after <= now.saturating_add(pace.ahead)).then_some(after)
        };
        match self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(_) => Ok(()),
            Err(full_at) => {
                let wait = full_at.saturating_add(pace.token).saturating_sub(now.saturating_add(pace.ahead));
                Err(Duration::from_nanos(wait.max(1)))
            }
        }
    }
}

/// A client's place in the table.
#[derive(Debug, Default)]
struct Place {
    client: AtomicU64,
    bucket: Bucket,
}

/// The buckets of one route.
#[derive(Debug)]
pub struct RateLimits {
    pace: Pace,
    whole: Bucket,
    /// By client; none where all are counted together.
    clients: Option<Box<[Place]>>,
}

impl RateLimits {
    fn new(settings: &RateLimit) -> Option<RateLimits> {
        let pace = Pace::of(settings)?;
        let places = || (0..CLIENTS).map(|_| Place::default()).collect();
        let clients = (settings.by == RateBy::Client).then(places);
        Some(RateLimits { pace, whole: Bucket::default(), clients })
    }

    /// Takes a token for `client`; else how long until there is one.
    ///
    /// # Errors
    /// That time.
    pub fn take(&self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        match &self.clients {
            None => self.whole.take(self.pace, now),
            Some(places) => self.place(places, client, now).take(self.pace, now),
        }
    }

    /// The bucket of a client: its own, or of its few places the one that was full first.
    fn place<'a>(&self, places: &'a [Place], client: IpAddr, now: u64) -> &'a Bucket {
        let hash = match client.to_canonical() {
            IpAddr::V4(address) => xxh64(&address.octets(), 0),
            IpAddr::V6(address) => xxh64(&address.octets()[..8], 1),
        };
        let key = hash | 1;
        let first = (hash >> 32) as usize % (places.len() / WAYS) * WAYS;
        let ways = &places[first..first + WAYS];
        if let Some(own) = ways.iter().find(|place| place.client.load(Ordering::Relaxed) == key) {
            return &own.bucket;
        }
        let full_at = |place: &&Place| place.bucket.full_at.load(Ordering::Relaxed);
        let oldest = ways.iter().min_by_key(full_at).unwrap_or(&ways[0]);
        // A full bucket tells nothing of its client. Where all are in use, this one shares: it gets
        // no more than a whole bucket would give, and nobody gets his tokens back.
        if full_at(&oldest) <= now {
            oldest.client.store(key, Ordering::Relaxed);
        }
        &oldest.bucket
    }
}

/// The buckets of all routes that have some: they outlive snapshots.
#[derive(Debug, Default)]
pub struct RateStates {
    routes: Mutex<HashMap<Name, Arc<RateLimits>>>,
}

impl RateStates {
    /// Those of a route; new ones where its pace has changed.
    pub fn of(&self, name: &Name, settings: &RateLimit) -> Option<Arc<RateLimits>> {
        let pace = Pace::of(settings)?;
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let by_client = settings.by == RateBy::Client;
        match routes.get(name) {
            Some(limits) if limits.pace == pace && limits.clients.is_some() == by_client => {
                Some(limits.clone())
            }
            _ => {
                let limits = Arc::new(RateLimits::new(settings)?);
                routes.insert(name.clone(), limits.clone());
                Some(limits)
            }
        }
    }

    /// Forgets routes that are gone.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_there(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rate: &str, burst: Option<u32>, by: RateBy) -> RateLimits {
        RateLimits::new(&RateLimit { rate: Some(rate.parse().unwrap()), burst, by }).unwrap()
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let limits = limits("10/s", Some(5), RateBy::Route);
        let client = IpAddr::from([10, 0, 0, 1]);
        let mut now = Duration::from_secs(100);
        assert_eq!((0..10).filter(|_| limits.take(client, now).is_ok()).count(), 5);
        let wait = limits.take(client, now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        now += wait;
        assert!(limits.take(client, now).is_ok() && limits.take(client, now).is_err());
        now += Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| limits.take(client, now).is_ok()).count(), 5);
    }

    #[test]
    fn each_client_has_its_own() {
        let limits = limits("1/m", None, RateBy::Client);
        let now = Duration::from_secs(100);
        let taken =
            (0..2000_u32).filter(|client| limits.take(IpAddr::from(client.to_be_bytes()), now).is_ok());
        // A few share a place.
        let taken = taken.count();
        assert!(taken > 1990, "{taken}");
        assert!((0..2000_u32).all(|client| limits.take(IpAddr::from(client.to_be_bytes()), now).is_err()));
        // One host of IPv6 has a whole net.
        let six = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        assert!(limits.take(six(1), now).is_ok() && limits.take(six(2), now).is_err());
    }

    #[test]
    fn workers_share_the_tokens() {
        let limits = limits("1/h", Some(1000), RateBy::Route);
        let client = IpAddr::from([10, 0, 0, 1]);
        let take = || (0..1000).filter(|_| limits.take(client, Duration::from_secs(9)).is_ok()).count();
        let taken: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(taken, 1000);
    }
}
