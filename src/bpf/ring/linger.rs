//! When to look a little longer at an empty ring instead of sleeping.
//!
//! A sleep between two records that come close together is dear: the producer sends a wake-up (in a virtual machine
//! an exit to the host on either side), runs slower for it, and the ring fills while the consumer is on its way
//! back. Looking is dear too when nothing comes. [`Linger`] goes by what happened last, as an adaptive lock does:
//! after a sleep that was short it looks for as long as a wake-up costs; looks in vain make it look more and more
//! rarely; and where others want the CPU, which shows in a look that took far too long, it sleeps as anyone does, so
//! that the scheduler owes it a quick return. Neighbours: `ring` asks it each time it finds nothing.

use std::time::Duration;

use edgekit_core::Clock;

/// A sleep this short is no sleep: mostly the way there and back.
const SHORT: Duration = Duration::from_micros(50);
/// How long to look: about what a wake-up costs both sides in a virtual machine.
const LOOK: Duration = Duration::from_micros(30);
/// Looks between two looks at the clock.
const STRIDE: u32 = 8;
/// Drains without a look after ever more looks in vain: so a steady stream that is just too slow costs a 64th.
const MAX_PAUSE: u32 = 64;
/// Eight looks take a microsecond. If they took this long, the CPU was given to somebody else meanwhile.
const TAKEN_AWAY: Duration = Duration::from_micros(100);
/// How long it does without looks then.
const REST: Duration = Duration::from_millis(50);

/// What to do about an empty ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Sleep,
    Look,
    /// Look on; so long nothing has come.
    LookAfter(Duration),
}

#[derive(Debug)]
pub(super) struct Linger {
    clock: Clock,
    /// When the ring was last left empty.
    left: Option<Duration>,
    /// The other CPUs can produce while this one looks.
    parallel: bool,
    /// This drain may look.
    may: bool,
    /// Looks since the last record, and when they began.
    looks: u32,
    since: Option<Duration>,
    /// The last look at the clock.
    looked: Duration,
    /// No looks before this time.
    rests: Duration,
    /// Drains to go without a look, and how many it will be after the next look in vain.
    pause: u32,
    next_pause: u32,
}

impl Linger {
    /// `parallel`: there is more than one CPU. With one, looking keeps the producer from running.
    pub(super) fn new(clock: Clock, parallel: bool) -> Linger {
        Linger {
            clock,
            left: None,
            parallel,
            may: false,
            looks: 0,
            since: None,
            looked: Duration::ZERO,
            rests: Duration::ZERO,
            pause: 0,
            next_pause: 1,
        }
    }

    /// A drain begins.
    pub(super) fn begin(&mut self) {
        let now = self.clock.monotonic();
        let short = self.parallel
            && now >= self.rests
            && self.left.is_some_and(|left| now.saturating_sub(left) < SHORT);
        self.may = short && self.pause == 0;
        self.pause = if short { self.pause.saturating_sub(1) } else { 0 };
        self.looks = 0;
        self.since = None;
    }

    /// The ring is empty: what now. Pauses the CPU a moment if the answer is to look on.
    pub(super) fn next(&mut self) -> Next {
        if !self.may {
            return Next::Sleep;
        }
        self.looks += 1;
        std::hint::spin_loop();
        if !self.looks.is_multiple_of(STRIDE) {
            return Next::Look;
        }
        let now = self.clock.monotonic();
        let silence = now.saturating_sub(*self.since.get_or_insert(now));
        let taken = !silence.is_zero() && now.saturating_sub(self.looked) >= TAKEN_AWAY;
        self.looked = now;
        if taken {
            self.may = false;
            self.rests = now + REST;
            return Next::Sleep;
        }
        if silence < LOOK {
            return Next::LookAfter(silence);
        }
        self.may = false;
        self.pause = self.next_pause;
        self.next_pause = (self.next_pause * 2).min(MAX_PAUSE);
        Next::Sleep
    }

    /// A record came.
    #[inline]
    pub(super) fn found(&mut self) {
        if self.looks > 0 {
            self.looks = 0;
            self.since = None;
            self.next_pause = 1;
        }
    }

    /// The drain is over.
    pub(super) fn end(&mut self) {
        self.left = Some(self.clock.monotonic());
    }
}

#[cfg(test)]
mod tests {
    use edgekit_core::Hands;

    use super::*;

    /// One drain after a sleep of `slept`: whether it looks. What it looks for comes at once, or never.
    fn drain(linger: &mut Linger, hands: &Hands, slept: Duration, comes: bool) -> bool {
        hands.advance(slept);
        linger.begin();
        let looked = linger.next() != Next::Sleep;
        if looked && comes {
            linger.found();
        }
        let mut looks = 0;
        while !comes && linger.next() != Next::Sleep {
            hands.advance(Duration::from_micros(1));
            looks += 1;
        }
        assert!(looks <= 30 + 2 * STRIDE, "{looks} looks of a microsecond");
        linger.end();
        looked
    }

    fn new(parallel: bool) -> (Linger, Hands) {
        let (clock, hands) = Clock::fake(Duration::ZERO);
        (Linger::new(clock, parallel), hands)
    }

    #[test]
    fn the_first_drain_one_after_a_long_sleep_and_one_cpu_do_not_look() {
        let (mut linger, hands) = new(true);
        assert!(!drain(&mut linger, &hands, Duration::ZERO, true), "the first");
        assert!(!drain(&mut linger, &hands, SHORT, true), "after a long sleep");
        assert!(drain(&mut linger, &hands, SHORT / 2, true), "after a short one");
        let (mut linger, hands) = new(false);
        assert!((0..3).all(|_| !drain(&mut linger, &hands, SHORT / 2, true)), "one CPU");
    }

    #[test]
    fn a_cpu_that_others_want_is_left_to_them_for_a_while() {
        let (mut linger, hands) = new(true);
        drain(&mut linger, &hands, Duration::ZERO, true);
        hands.advance(SHORT / 2);
        linger.begin();
        for _ in 0..STRIDE {
            assert_ne!(linger.next(), Next::Sleep);
        }
        hands.advance(TAKEN_AWAY);
        let rest: Vec<Next> = (0..STRIDE).map(|_| linger.next()).collect();
        assert_eq!(rest.last(), Some(&Next::Sleep));
        linger.end();
        assert!(!drain(&mut linger, &hands, SHORT / 2, true));
        hands.advance(REST);
        drain(&mut linger, &hands, Duration::ZERO, true);
        assert!(drain(&mut linger, &hands, SHORT / 2, true), "it looks again later");
    }

    #[test]
    fn looks_in_vain_get_rarer_and_a_record_brings_them_back() {
        let (mut linger, hands) = new(true);
        let vain = (0..1000).filter(|_| drain(&mut linger, &hands, SHORT / 2, false)).count();
        assert!((10..30).contains(&vain), "{vain} of 1000 drains looked in vain");
        let tries = (0..=MAX_PAUSE).take_while(|_| !drain(&mut linger, &hands, SHORT / 2, true)).count();
        assert!(tries <= MAX_PAUSE as usize);
        assert!(
            (0..1000).all(|_| drain(&mut linger, &hands, SHORT / 2, true)),
            "it looks as long as records come"
        );
        drain(&mut linger, &hands, SHORT / 2, false);
        drain(&mut linger, &hands, SHORT / 2, true);
        assert!(drain(&mut linger, &hands, SHORT / 2, true), "one look in vain costs one drain");
    }
}
