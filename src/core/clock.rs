//! The only place that asks what time it is, so that tests can say.
//!
//! Intervals are measured on the boot or the monotonic clock, never on wall time: an edge box often
//! starts with its wall clock years off and jumps when the network comes.
//!
//! Wall time has a floor and a ceiling. The floor is the later of the date of the build and the last
//! good time ([`LastGood`], kept by whoever owns the state directory: this crate opens no store). The
//! ceiling is [`Clock::LIFETIME`] after the build. A machine whose clock is between the two is believed. One
//! that is below (1970, no battery) or above (2100, a flipped bit) is not: [`Clock::wall`] then counts
//! on from the floor by the boot clock, so that time still passes and a certificate of the day of the
//! build is still valid; [`Clock::is_trusted`] is false, and nothing is kept as last good. The first
//! reading after the machine's clock was set right is right, so wall time may jump, both ways.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Tells the time; tests set it.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    /// Wall time is never told as earlier than this.
    floor: Duration,
    /// The boot clock when the floor was the best guess of the time.
    floor_at: Duration,
    ceiling: Duration,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Duration),
    Hands(Hands),
}

/// Where the last good time is kept over a restart.
pub trait LastGood {
    /// Time since 1970, or `None` if there is none or it cannot be read.
    fn load(&self) -> Option<Duration>;

    /// Keeps `time` (since 1970).
    ///
    /// # Errors
    /// Those of the disk; the clock goes on without.
    fn keep(&mut self, time: Duration) -> io::Result<()>;
}

impl Clock {
    /// The floor of a file whose build told no date: 2026-01-01.
    pub const EPOCH: Duration = Duration::from_secs(1_767_225_600);

    /// How long after its build a file believes the machine: 20 years of 365.25 days.
    pub const LIFETIME: Duration = Duration::from_secs(20 * 31_557_600);

    /// How much later than the one on disk a good time must be to be worth a write while running: a
    /// day, because flash wears.
    pub const KEEP_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

    /// The machine's clocks, with [`Clock::EPOCH`] as floor.
    pub const fn system() -> Clock {
        Clock {
            source: Source::System,
            floor: Clock::EPOCH,
            floor_at: Duration::ZERO,
            ceiling: Clock::EPOCH.saturating_add(Clock::LIFETIME),
        }
    }

    /// Every clock stands at `now`; no floor, always trusted.
    pub const fn fixed(now: Duration) -> Clock {
        Clock {
            source: Source::Fixed(now),
            floor: Duration::ZERO,
            floor_at: Duration::ZERO,
            ceiling: Duration::MAX,
        }
    }

    /// A clock whose time passes only by the [`Hands`] given with it. It starts at `wall`, booted
    /// that moment; no floor until [`Clock::built`].
    pub fn fake(wall: Duration) -> (Clock, Hands) {
        let hands = Hands(Arc::new(Mutex::new(Faked { wall, ..Faked::default() })));
        (Clock { source: Source::Hands(hands.clone()), ..Clock::fixed(wall) }, hands)
    }

    /// Takes the date of the build (time since 1970) as floor, and [`Clock::LIFETIME`] after it as ceiling.
    pub fn built(mut self, date: Duration) -> Clock {
        self.floor = date.max(Clock::EPOCH);
        self.floor_at = self.boot();
        self.ceiling = self.floor.saturating_add(Clock::LIFETIME);
        self
    }

    /// Raises the floor to the last good time, for this clock and the clones made of it from now on.
    /// A last good time outside of floor and ceiling is ignored. True if the floor was raised.
    pub fn restore(&mut self, last_good: &dyn LastGood) -> bool {
        match last_good.load() {
            Some(time) if time > self.floor && time <= self.ceiling => {
                self.floor = time;
                self.floor_at = self.boot();
                true
            }
            _ => false,
        }
    }

    /// Keeps the time if it is trusted and at least `every` later than the one kept before
    /// ([`Clock::KEEP_EVERY`] while running, zero at the end). True if it was kept.
    ///
    /// # Errors
    /// Those of [`LastGood::keep`].
    pub fn keep(&self, last_good: &mut dyn LastGood, every: Duration) -> io::Result<bool> {
        let now = self.machine();
        let due = last_good.load().is_none_or(|kept| {
            // One that could not be restored is worth replacing.
            kept > self.ceiling || now >= kept.saturating_add(every)
        });
        if due && self.believes(now) {
            last_good.keep(now)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Time since 1970: the machine's where it is trusted, else counted on from the floor.
    pub fn wall(&self) -> Duration {
        let machine = self.machine();
        if self.believes(machine) {
            return machine;
        }
        self.floor.saturating_add(self.boot().saturating_sub(self.floor_at))
    }

    /// True if the machine's wall clock is between floor and ceiling. What depends on the right time
    /// (the validity of a certificate, a maintenance window) asks this first.
    pub fn is_trusted(&self) -> bool {
        self.believes(self.machine())
    }

    /// The earliest time [`Clock::wall`] can tell.
    pub fn floor(&self) -> Duration {
        self.floor
    }

    /// Time since 1970 as the machine believes it, right or wrong.
    pub fn machine(&self) -> Duration {
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

    fn believes(&self, time: Duration) -> bool {
        (self.floor..=self.ceiling).contains(&time)
    }

    fn read(&self, clock: ClockId) -> Duration {
        match &self.source {
            Source::System => duration(clock_gettime(clock)),
            Source::Fixed(now) => *now,
            Source::Hands(hands) => hands.with(|faked| match clock {
                ClockId::Realtime => faked.wall,
                ClockId::Boottime => faked.boot,
                _ => faked.monotonic,
            }),
        }
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::system()
    }
}

/// Moves a [fake](Clock::fake) clock and all its clones. Who waits is not woken: under tokio's paused
/// time, advance both.
#[derive(Clone, Debug)]
pub struct Hands(Arc<Mutex<Faked>>);

#[derive(Debug, Default)]
struct Faked {
    wall: Duration,
    boot: Duration,
    monotonic: Duration,
}

impl Hands {
    /// Time passes on every clock.
    pub fn advance(&self, by: Duration) {
        self.with(|faked| {
            faked.wall += by;
            faked.boot += by;
            faked.monotonic += by;
        });
    }

    /// The machine sleeps: the monotonic clock stands still.
    pub fn sleep(&self, by: Duration) {
        self.with(|faked| {
            faked.wall += by;
            faked.boot += by;
        });
    }

    /// Someone sets the machine's wall clock (time since 1970).
    pub fn set_wall(&self, to: Duration) {
        self.with(|faked| faked.wall = to);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Faked) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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

    const DAY: Duration = Duration::from_secs(86_400);
    const YEAR_2100: Duration = Duration::from_secs(4_102_444_800);

    #[derive(Default)]
    struct Kept(Option<Duration>, usize);

    impl LastGood for Kept {
        fn load(&self) -> Option<Duration> {
            self.0
        }

        fn keep(&mut self, time: Duration) -> io::Result<()> {
            *self = Kept(Some(time), self.1 + 1);
            Ok(())
        }
    }

    fn built() -> Duration {
        Clock::EPOCH + 100 * DAY
    }

    #[test]
    fn clocks_advance_and_fixed_ones_do_not() {
        let clock = Clock::system();
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
        assert!(clock.boot() >= before);
        assert!(clock.wall() >= Clock::EPOCH);
        let fixed = Clock::fixed(Duration::from_secs(7));
        assert_eq!(fixed.wall(), fixed.boot());
        assert!(fixed.is_trusted());
    }

    #[test]
    fn in_1970_time_passes_from_the_floor_until_the_clock_is_set() {
        let (clock, hands) = Clock::fake(Duration::ZERO);
        let clock = clock.built(built());
        assert!(!clock.is_trusted());
        assert_eq!(clock.wall(), built());
        hands.advance(DAY);
        assert_eq!(clock.wall(), built() + DAY);
        hands.set_wall(built() + 9 * DAY);
        assert!(clock.is_trusted());
        assert_eq!(clock.wall(), built() + 9 * DAY);
    }

    #[test]
    fn in_2100_the_machine_is_not_believed() {
        let (clock, hands) = Clock::fake(YEAR_2100);
        let clock = clock.built(built());
        hands.advance(DAY);
        assert!(!clock.is_trusted());
        assert_eq!(clock.wall(), built() + DAY);
        assert_eq!(clock.machine(), YEAR_2100 + DAY);
        let mut kept = Kept::default();
        assert!(!clock.keep(&mut kept, Duration::ZERO).unwrap());
        assert_eq!(kept.0, None);
    }

    #[test]
    fn the_last_good_time_raises_the_floor() {
        let (clock, hands) = Clock::fake(built() + 50 * DAY);
        let clock = clock.built(built());
        let mut kept = Kept::default();
        assert!(clock.keep(&mut kept, Clock::KEEP_EVERY).unwrap());
        hands.set_wall(Duration::ZERO);
        let mut restarted = clock.clone();
        assert!(restarted.restore(&kept));
        assert_eq!(restarted.wall(), built() + 50 * DAY);
        // Set back below the last good time, yet after the build: still not believed.
        hands.set_wall(built() + 2 * DAY);
        assert!(!restarted.is_trusted());
        assert!(clock.is_trusted());
    }

    #[test]
    fn a_last_good_time_from_the_far_future_is_ignored_and_replaced() {
        let (clock, _hands) = Clock::fake(built() + DAY);
        let mut clock = clock.built(built());
        let mut kept = Kept(Some(YEAR_2100), 0);
        assert!(!clock.restore(&kept));
        assert!(clock.keep(&mut kept, Clock::KEEP_EVERY).unwrap());
        assert_eq!(kept.0, Some(built() + DAY));
    }

    #[test]
    fn good_times_are_kept_seldom() {
        let (clock, hands) = Clock::fake(built());
        let clock = clock.built(built());
        let mut kept = Kept::default();
        for _ in 0..72 {
            clock.keep(&mut kept, Clock::KEEP_EVERY).unwrap();
            hands.advance(DAY / 24);
        }
        assert_eq!(kept.1, 3);
    }

    #[test]
    fn sleep_is_not_monotonic_time() {
        let (clock, hands) = Clock::fake(Clock::EPOCH);
        hands.advance(DAY);
        hands.sleep(DAY);
        assert_eq!((clock.boot(), clock.monotonic()), (2 * DAY, DAY));
        assert_eq!(clock.wall(), Clock::EPOCH + 2 * DAY);
    }
}
