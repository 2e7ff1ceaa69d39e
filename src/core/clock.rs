//! The only place that asks what time it is, so that tests can say.
//!
//! Intervals are measured on the boot or the monotonic clock, never on wall time: an edge box often
//! starts with its wall clock years off and jumps when the network comes.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Tells the time; a fixed one in tests.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    fixed: Option<Duration>,
}

impl Clock {
    /// The machine's clocks.
    pub const fn system() -> Clock {
        Clock { fixed: None }
    }

    /// Every clock stands at `now`.
    pub const fn fixed(now: Duration) -> Clock {
        Clock { fixed: Some(now) }
    }

    /// Time since 1970, as the machine believes it.
    pub fn wall(&self) -> Duration {
        self.read(ClockId::Realtime)
    }

    /// Time since boot, sleep included (the kernel's `bpf_ktime_get_boot_ns`).
    pub fn boot(&self) -> Duration {
        self.read(ClockId::Boottime)
    }

    /// Time since boot, sleep excluded (the kernel's `bpf_ktime_get_ns`).
    pub fn monotonic(&self) -> Duration {
        self.read(ClockId::Monotonic)
    }

    fn read(&self, clock: ClockId) -> Duration {
        self.fixed.unwrap_or_else(|| duration(clock_gettime(clock)))
    }
}

/// A time before 1970 counts as 1970: nothing here can use an earlier one.
fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance_and_fixed_ones_do_not() {
        let clock = Clock::system();
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
        assert!(clock.boot() >= before);
        assert!(clock.wall() > Duration::from_secs(1_600_000_000));
        let fixed = Clock::fixed(Duration::from_secs(7));
        assert_eq!(fixed.wall(), fixed.boot());
    }
}
