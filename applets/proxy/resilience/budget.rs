//! A retry budget: second tries are a share of the requests of the last seconds, so that a cluster
//! that is down is not asked twice as often for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::route::Percent;
use crate::snapshot::Name;

/// Seconds that are remembered.
const SECONDS: usize = 10;

/// Requests and second tries of the last seconds, all workers together.
///
/// Each second has a word: its number (16 bits), second tries (16), requests (32).
#[derive(Debug, Default)]
pub struct Budget {
    seconds: [AtomicU64; SECONDS],
}

fn word(second: u64, retries: u64, requests: u64) -> u64 {
    (second & 0xffff) << 48 | retries.min(0xffff) << 32 | requests.min(0xffff_ffff)
}

fn parts(word: u64) -> (u64, u64, u64) {
    (word >> 48, word >> 32 & 0xffff, word & 0xffff_ffff)
}

impl Budget {
    fn add(&self, now: Duration, retries: u64, requests: u64) {
        let second = now.as_secs();
        let place = &self.seconds[usize::try_from(second % SECONDS as u64).unwrap_or(0)];
        let added = |old: u64| {
            let (number, tried, asked) = parts(old);
            let (tried, asked) = if number == second & 0xffff { (tried, asked) } else { (0, 0) };
            Some(word(second, tried + retries, asked + requests))
        };
        let _never_fails = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }

    /// Counts a request.
    pub fn asked(&self, now: Duration) {
        self.add(now, 0, 1);
    }

    /// Takes a second try out of it, if there is one left: `share` of the requests, and `least` a
    /// second in any case.
    pub fn spend(&self, now: Duration, share: Percent, least: u32) -> bool {
        let second = now.as_secs();
        let (mut retries, mut requests) = (0, 0);
        for place in &self.seconds {
            let (number, tried, asked) = parts(place.load(Ordering::Relaxed));
            if (second & 0xffff).wrapping_sub(number) & 0xffff < SECONDS as u64 {
                retries += tried;
                requests += asked;
            }
        }
        let allowed = share.of(requests) + u64::from(least) * SECONDS as u64;
        if retries >= allowed {
            return false;
        }
        self.add(now, 1, 0);
        true
    }
}

/// The budgets of all routes that try again, by name: they outlive snapshots.
#[derive(Debug, Default)]
pub struct Budgets {
    routes: Mutex<HashMap<Name, Arc<Budget>>>,
}

impl Budgets {
    /// That of a route.
    pub fn of(&self, name: &Name) -> Arc<Budget> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.entry(name.clone()).or_default().clone()
    }

    /// Forgets routes that are gone.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_there(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_tries_are_a_share_of_the_requests() {
        let budget = Budget::default();
        let (share, mut now) = (Percent::parse("20%").unwrap(), Duration::from_secs(100_000));
        for number in 0..1000 {
            budget.asked(now);
            if number % 100 == 0 {
                now += Duration::from_secs(1);
            }
        }
        let spent = (0..1000).take_while(|_| budget.spend(now, share, 0)).count();
        assert!((160..=200).contains(&spent), "{spent}");
        // What was long ago counts no more.
        assert!(!budget.spend(now + Duration::from_secs(60), share, 0));
        assert!((0..30).all(|_| budget.spend(now + Duration::from_secs(60), share, 3)));
        assert!(!budget.spend(now + Duration::from_secs(60), share, 3));
    }
}
