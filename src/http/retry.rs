//! When to try again: one small policy for everyone who talks to something that may be away.
//!
//! Exponential back-off with full jitter (each wait is drawn from zero to the current bound), so that
//! a fleet that lost its server at one moment does not come back at one moment. A server's own
//! `Retry-After` is a lower bound. The policy ends by number of attempts and by a budget of waiting.

use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};

/// How often and how long to try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retry {
    /// Attempts in a row without progress, the first included; 1 tries once.
    pub attempts: u32,
    /// Bound of the first wait; doubles with each attempt.
    pub base: Duration,
    /// Bound of every wait we choose ourselves.
    pub cap: Duration,
    /// Waiting allowed in all; a `Retry-After` beyond what is left ends the attempts.
    pub budget: Duration,
}

impl Default for Retry {
    /// 5 attempts, waits below 0.2, 0.4, 0.8, 1.6 s, one minute of waiting in all.
    fn default() -> Retry {
        Retry {
            attempts: 5,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(20),
            budget: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// One attempt.
    pub fn never() -> Retry {
        Retry { attempts: 1, ..Retry::default() }
    }

    /// For a daemon that has nothing better to do: no end, waits up to `cap`.
    pub fn forever(base: Duration, cap: Duration) -> Retry {
        Retry { attempts: u32::MAX, base, cap, budget: Duration::MAX }
    }

    /// A fresh count of attempts by this policy; the first one is under way.
    pub fn start(&self) -> Attempts {
        Attempts { policy: self.clone(), made: 1, in_a_row: 1, waited: Duration::ZERO }
    }

    /// The longest wait before attempt `in_a_row + 1`.
    fn bound(&self, in_a_row: u32) -> Duration {
        let doubled = 1u32.checked_shl(in_a_row.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(doubled).min(self.cap)
    }
}

/// The attempts at one task.
#[derive(Clone, Debug)]
pub struct Attempts {
    policy: Retry,
    made: u32,
    in_a_row: u32,
    waited: Duration,
}

impl Attempts {
    /// Attempts made so far, the current one included.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The attempt brought the task forward: the count and the waits start over.
    pub fn progressed(&mut self) {
        self.in_a_row = 1;
        self.waited = Duration::ZERO;
    }

    /// After a failure: how long to wait before the next attempt, or `None` to give up.
    pub fn next_wait(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        self.decide(retry_after, random())
    }

    /// As [`Attempts::next_wait`], with the random number given: 0 waits not at all, the largest the whole bound.
    fn decide(&mut self, retry_after: Option<Duration>, random: u32) -> Option<Duration> {
        if self.in_a_row >= self.policy.attempts {
            return None;
        }
        let bound = self.policy.bound(self.in_a_row);
        let drawn = bound.mul_f64(f64::from(random) / f64::from(u32::MAX));
        // A told time is kept, and the crowd that was told the same spread behind it.
        let wait = retry_after.map_or(drawn, |told| told.saturating_add(drawn));
        if wait > self.policy.budget.saturating_sub(self.waited) {
            return None;
        }
        self.waited += wait;
        self.in_a_row += 1;
        self.made = self.made.saturating_add(1);
        Some(wait)
    }
}

/// A number for jitter. A kernel without random bytes gives half: still a wait, only not a spread one.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(4) => u32::from_ne_bytes(bytes),
        _ => u32::MAX / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn doubles_to_the_cap_and_ends() {
        let policy = Retry { attempts: 5, base: SECOND, cap: 3 * SECOND, budget: 100 * SECOND };
        let mut attempts = policy.start();
        let waits: Vec<_> = std::iter::from_fn(|| attempts.decide(None, u32::MAX)).collect();
        assert_eq!(waits, [SECOND, 2 * SECOND, 3 * SECOND, 3 * SECOND]);
        assert_eq!(attempts.made(), 5);
        assert_eq!(policy.start().decide(None, 0), Some(Duration::ZERO));
        assert_eq!(Retry::never().start().decide(None, 0), None);
    }

    #[test]
    fn keeps_the_told_time_and_the_budget() {
        let policy = Retry { budget: 10 * SECOND, ..Retry::default() };
        let mut attempts = policy.start();
        assert_eq!(attempts.decide(Some(6 * SECOND), 0), Some(6 * SECOND));
        assert_eq!(attempts.decide(Some(6 * SECOND), 0), None, "the budget holds 4 s more");
        attempts.progressed();
        assert_eq!(attempts.decide(Some(6 * SECOND), 0), Some(6 * SECOND));
    }

    #[test]
    fn never_overflows() {
        let mut attempts = Retry::forever(SECOND, Duration::MAX).start();
        for _ in 0..100 {
            attempts.decide(None, 1);
        }
        assert_eq!(attempts.policy.bound(u32::MAX), SECOND * u32::MAX);
        let mut told = Retry::forever(SECOND, SECOND).start();
        assert_eq!(told.decide(Some(Duration::MAX), u32::MAX), Some(Duration::MAX));
        assert_eq!(told.decide(None, u32::MAX), None, "all the time there is was waited");
    }

    #[test]
    fn jitter_spreads() {
        let waits: Vec<_> = (0..32).filter_map(|_| Retry::default().start().next_wait(None)).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]));
        assert!(waits.iter().all(|wait| *wait <= Retry::default().base));
    }
}
