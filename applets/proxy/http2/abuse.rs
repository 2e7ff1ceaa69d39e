//! What costs us more than it costs the other side, and how much of it is borne.
//!
//! Each kind has a bucket that a burst may fill and that runs empty with time. One that overflows ends
//! the connection with ENHANCE_YOUR_CALM and a counted word. What one head may take in bytes and
//! frames is bounded where it is put together (`heads.rs`).

use std::time::Duration;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Abuse {
    /// Streams opened and reset at once (CVE-2023-44487).
    RapidReset,
    /// Streams broken so that we reset them (CVE-2025-8671).
    MadeReset,
    /// PING.
    Ping,
    /// SETTINGS.
    Settings,
    /// WINDOW_UPDATE beyond what DATA calls for.
    Window,
    /// DATA without data, and frames that mean nothing.
    Empty,
    /// A head in more pieces than it has reason to have (CVE-2024-27316 and its kin).
    Continuation,
    /// A head that does not get done.
    SlowHead,
}

impl Abuse {
    /// All of them, in the order of the counters.
    pub const ALL: [Abuse; 8] = [
        Abuse::RapidReset,
        Abuse::MadeReset,
        Abuse::Ping,
        Abuse::Settings,
        Abuse::Window,
        Abuse::Empty,
        Abuse::Continuation,
        Abuse::SlowHead,
    ];

    /// The label of the counter.
    pub const fn word(self) -> &'static str {
        match self {
            Abuse::RapidReset => "rapid_reset",
            Abuse::MadeReset => "made_reset",
            Abuse::Ping => "ping",
            Abuse::Settings => "settings",
            Abuse::Window => "window",
            Abuse::Empty => "empty",
            Abuse::Continuation => "continuation",
            Abuse::SlowHead => "slow_head",
        }
    }

    /// How many at once, and how many a second for good.
    const fn borne(self) -> (u32, u32) {
        match self {
            // A page that is left cancels what it asked for; nobody leaves pages a hundred times a second.
            Abuse::RapidReset => (400, 50),
            Abuse::MadeReset => (100, 10),
            // gRPC measures its link with them while data comes.
            Abuse::Ping => (200, 50),
            Abuse::Settings => (40, 4),
            Abuse::Window => (1000, 200),
            Abuse::Empty => (400, 50),
            Abuse::Continuation | Abuse::SlowHead => (0, 0),
        }
    }
}

/// The buckets are not looked at more often: less would take parts of one away.
const STEP: Duration = Duration::from_millis(100);

/// The buckets of one connection.
#[derive(Debug)]
pub(super) struct Budget {
    filled: [u32; Abuse::ALL.len()],
    /// When they ran last.
    since: Duration,
}

impl Budget {
    /// Empty ones.
    pub(super) fn new(now: Duration) -> Budget {
        Budget { filled: [0; Abuse::ALL.len()], since: now }
    }

    /// Counts one more.
    ///
    /// # Errors
    /// There were too many.
    pub(super) fn spend(&mut self, abuse: Abuse, now: Duration) -> Result<(), Abuse> {
        let (burst, _) = abuse.borne();
        let bucket = &mut self.filled[abuse as usize];
        *bucket += 1;
        if *bucket <= burst {
            return Ok(());
        }
        // Only who fills a bucket makes us look at the time that has passed.
        self.run(now);
        if self.filled[abuse as usize] <= burst { Ok(()) } else { Err(abuse) }
    }

    /// Takes some back: there was reason for them.
    pub(super) fn credit(&mut self, abuse: Abuse, amount: u32) {
        let bucket = &mut self.filled[abuse as usize];
        *bucket = bucket.saturating_sub(amount);
    }

    fn run(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.since);
        if passed < STEP {
            return;
        }
        self.since = now;
        for (abuse, bucket) in Abuse::ALL.into_iter().zip(&mut self.filled) {
            let gone = passed.as_millis() * u128::from(abuse.borne().1) / 1000;
            *bucket = bucket.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_borne_and_a_flood_is_not() {
        let (mut budget, start) = (Budget::new(Duration::from_secs(1000)), Duration::from_secs(1000));
        let spend = |budget: &mut Budget, now| budget.spend(Abuse::Ping, now);
        // As many as a burst and a second allow, over a second.
        for number in 0..240_u64 {
            assert_eq!(spend(&mut budget, start + Duration::from_millis(number * 4)), Ok(()), "{number}");
        }
        let flood = (0..300).find_map(|_| spend(&mut budget, start + Duration::from_secs(1)).err());
        assert_eq!(flood, Some(Abuse::Ping));
        assert_eq!(spend(&mut budget, start + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn what_has_a_reason_is_free() {
        let mut budget = Budget::new(Duration::ZERO);
        for _ in 0..10_000 {
            assert_eq!(budget.spend(Abuse::Window, Duration::ZERO), Ok(()));
            budget.credit(Abuse::Window, 1);
        }
    }
}
