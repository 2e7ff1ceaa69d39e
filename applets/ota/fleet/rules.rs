//! Whether now is the time: the device's own rules, and the hints that came with an offer.
//!
//! Pure: the clock, the files and the link are told, never asked for. Both the device and the offer must agree, but
//! for what a server orders ("forced"): that passes over shares, spreading and the link, never over windows and what
//! inhibits, for whoever stands beside the machine has made those. A clock that was never set opens no window.
//! Neighbours: `times` knows windows, `config` what a file may say, `follow` asks before each step.

use std::fmt;
use std::time::Duration;

use edgekit_core::units::{Size, show_duration};

use super::config::{Early, Restart, Window};
use super::times::{self, Spot, Times};
use crate::moment::Moment;

/// Parts that a fleet is divided into: hundredths of a percent.
const PARTS: u64 = 10_000;

/// What is about to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Fetch and write into the slot that does not run.
    Write,
    /// Switch to it, which may mean a reboot.
    Switch,
}

/// What came with an offer; it can only make the rules stricter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hints {
    pub(crate) when: Vec<Times>,
    pub(crate) share: Option<Share>,
    /// Who offers it says whether its own window is open.
    pub(crate) window: Option<bool>,
    /// Shares, spreading and the link do not hold.
    pub(crate) is_forced: bool,
}

/// The part of a fleet that takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Share {
    /// Percent, from 1 to 100.
    pub(crate) phase: u8,
    /// Nobody before.
    pub(crate) start: Option<Moment>,
    /// How long it grows from `phase` to all.
    pub(crate) lasts: Duration,
}

/// What is known at the moment of asking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now<'a> {
    /// Seconds since 1970.
    pub(crate) wall: u64,
    /// The clock was set.
    pub(crate) is_trusted: bool,
    /// What inhibits, if something does.
    pub(crate) inhibited: Option<&'a str>,
    /// The link is paid for by the byte.
    pub(crate) is_metered: bool,
    /// Since when the offer is known here.
    pub(crate) offered: u64,
}

/// Where a device lies among all, for one deployment: two even numbers below 10,000.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lot {
    share: u64,
    delay: u64,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Now, until then (seconds since 1970), over this many bytes at most.
    Go {
        /// When a window closes.
        until: Option<u64>,
        /// What the link may carry.
        bytes: Option<u64>,
    },
    /// Not now.
    Wait {
        /// Why.
        why: Why,
        /// When that may have changed, if a time alone changes it.
        until: Option<u64>,
    },
}

/// Why not now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// Something of this device's inhibits.
    Inhibited(String),
    /// No window is open.
    Window,
    /// The clock was never set, so nobody knows whether a window is open.
    Clock,
    /// The window of who offers it is not open.
    Server,
    /// It has not begun.
    Start(Moment),
    /// Others are first.
    Share,
    /// It begins a little later than others.
    Spread,
    /// The link is paid for by the byte.
    Metered,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Inhibited(what) => write!(f, "'{what}' inhibits updates"),
            Why::Window => f.write_str("no window of this device is open"),
            Why::Clock => f.write_str("the clock was never set, and windows go by it"),
            Why::Server => f.write_str("the server's maintenance window is not open"),
            Why::Start(start) => write!(f, "it begins at {start}"),
            Why::Share => f.write_str("other devices of the fleet are first"),
            Why::Spread => f.write_str("devices begin one after the other"),
            Why::Metered => f.write_str("the link is metered"),
        }
    }
}

impl Lot {
    /// By the device and what is deployed, so that others are first each time.
    pub(crate) fn draw(device: &str, deployment: &str) -> Lot {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(b"edgekit ota share 1\0")
            .update(device.as_bytes())
            .update(b"\0")
            .update(deployment.as_bytes());
        let hash = hasher.finalize();
        let number = |at: usize| {
            let bytes = hash.as_bytes().iter().skip(at).take(8);
            bytes.fold(0u64, |number, byte| number << 8 | u64::from(*byte)) % PARTS
        };
        Lot { share: number(0), delay: number(8) }
    }

    /// Its place in percent, as `phase` counts: from 1 to 100.
    pub(crate) fn percentile(self) -> u64 {
        self.share / 100 + 1
    }
}

impl Share {
    /// Why not now, and when.
    fn look(self, lot: Lot, wall: u64) -> Option<(Why, Option<u64>)> {
        let start = self.start.map_or(0, |start| start.0);
        if wall < start {
            return self.start.map(|moment| (Why::Start(moment), Some(start)));
        }
        let first = u64::from(self.phase) * 100;
        if lot.share < first {
            return None;
        }
        let (lasts, rest) = (self.lasts.as_secs(), PARTS.saturating_sub(first));
        if self.start.is_none() || lasts == 0 || rest == 0 {
            return Some((Why::Share, None));
        }
        // The share grows evenly: ours is due when it has passed our place.
        let due = (lot.share + 1 - first) * lasts;
        let due = start.saturating_add(due.div_ceil(rest));
        (wall < due).then_some((Why::Share, Some(due)))
    }
}

/// Whether `step` may be taken.
pub(crate) fn judge(window: &Window, hints: &Hints, lot: Lot, step: Step, now: &Now<'_>) -> Verdict {
    let wait = |why, until| Verdict::Wait { why, until };
    if let Some(what) = now.inhibited {
        return wait(Why::Inhibited(what.to_owned()), None);
    }
    let share = window.share();
    if step == Step::Write && !hints.is_forced {
        for share in [Some(share), hints.share].into_iter().flatten() {
            if !now.is_trusted && share.start.is_some() {
                return wait(Why::Clock, None);
            }
            if let Some((why, until)) = share.look(lot, now.wall) {
                return wait(why, until);
            }
        }
    }
    let (mut since, mut until) = (now.offered, None);
    let is_bound = match step {
        Step::Write => window.download == Early::Window,
        // Whether something is restarted, or only will be some day, it is another program that runs then.
        Step::Switch => window.reboot != Restart::Now,
    };
    if is_bound {
        if hints.window == Some(false) {
            return wait(Why::Server, None);
        }
        for when in [&window.when, &hints.when] {
            if !when.is_empty() && !now.is_trusted {
                return wait(Why::Clock, None);
            }
            match times::spot(when, window.offset, now.wall) {
                Spot::Always => {}
                Spot::Closed { next } => return wait(Why::Window, Some(next)),
                Spot::Open { since: opened, until: closes } => {
                    since = since.max(opened);
                    until = Some(until.map_or(closes, |until: u64| until.min(closes)));
                }
            }
        }
    }
    if step == Step::Write && !hints.is_forced {
        let begin = since.saturating_add(window.jitter.as_secs() * lot.delay / PARTS);
        if now.wall < begin {
            return wait(Why::Spread, Some(begin));
        }
    }
    let mut bytes = None;
    if step == Step::Write && now.is_metered && !hints.is_forced {
        match window.metered_bytes {
            Size(0) => return wait(Why::Metered, None),
            Size(most) => bytes = Some(most),
        }
    }
    Verdict::Go { until: until.filter(|until| *until != u64::MAX), bytes }
}

/// What can never come, of windows that each make sense: the key, and why.
pub(crate) fn never(window: &Window) -> Option<(&'static str, String)> {
    let shortest = times::shortest(&window.when).filter(|_| window.download == Early::Window);
    if let Some(open) = shortest.map(Duration::from_secs).filter(|open| window.jitter >= *open) {
        let (jitter, open) = (show_duration(window.jitter), show_duration(open));
        return Some((
            "window.jitter",
            format!(
                "devices would begin up to {jitter} after a window opened, and one of them is open for {open} only: \
             some would never begin"
            ),
        ));
    }
    if window.phase_start.is_none() && !window.phase_lasts.is_zero() {
        return Some((
            "window.phase_lasts",
            "the share cannot grow without 'phase_start': from when?".to_owned(),
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(text: &str) -> Window {
        Window::read(text)
    }

    fn at(text: &str) -> u64 {
        let moment: Moment = text.parse().expect("a moment");
        moment.0
    }

    fn now(wall: u64) -> Now<'static> {
        Now { wall, is_trusted: true, inhibited: None, is_metered: false, offered: 0 }
    }

    fn lot(share: u64) -> Lot {
        Lot { share, delay: 5_000 }
    }

    const GO: Verdict = Verdict::Go { until: None, bytes: None };

    fn why(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Go { .. } => "go",
            Verdict::Wait { why, .. } => match why {
                Why::Inhibited(_) => "inhibited",
                Why::Window => "window",
                Why::Clock => "clock",
                Why::Server => "server-window",
                Why::Start(_) => "start",
                Why::Share => "share",
                Why::Spread => "spread",
                Why::Metered => "metered",
            },
        }
    }

    #[test]
    fn without_rules_it_is_always_time() {
        for step in [Step::Write, Step::Switch] {
            assert_eq!(judge(&window(""), &Hints::default(), lot(9_999), step, &now(0)), GO);
        }
    }

    #[test]
    fn early_it_is_written_and_in_the_window_it_is_switched_to() {
        let early = window("when = ['02:00-04:00']\nreboot = 'window'");
        let (noon, night) = (at("2026-11-23T12:00:00Z"), at("2026-11-24T02:30:00Z"));
        let judged = |window: &Window, step, wall| judge(window, &Hints::default(), lot(0), step, &now(wall));
        assert_eq!(judged(&early, Step::Write, noon), GO);
        let next = Some(at("2026-11-24T02:00:00Z"));
        assert_eq!(judged(&early, Step::Switch, noon), Verdict::Wait { why: Why::Window, until: next });
        let closes = Some(at("2026-11-24T04:00:00Z"));
        assert_eq!(judged(&early, Step::Switch, night), Verdict::Go { until: closes, bytes: None });
        let strict = window("when = ['02:00-04:00']\ndownload = 'window'\nreboot = 'now'");
        assert_eq!(judged(&strict, Step::Write, noon), Verdict::Wait { why: Why::Window, until: next });
        // The write was in the window, and what it wrote is started at once.
        assert_eq!(judged(&strict, Step::Switch, noon), GO);
    }

    #[test]
    fn a_clock_that_steps_changes_the_answer_and_one_that_was_never_set_opens_nothing() {
        let strict = window("when = ['02:00-04:00']\ndownload = 'window'");
        let judged = |wall, is_trusted| {
            let now = Now { is_trusted, ..now(wall) };
            judge(&strict, &Hints::default(), lot(0), Step::Write, &now)
        };
        let night = at("2026-11-24T02:30:00Z");
        assert_eq!(why(&judged(night, true)), "go");
        assert_eq!(why(&judged(night + 7_200, true)), "window", "it was set forward");
        assert_eq!(why(&judged(night, true)), "go", "and back");
        assert_eq!(why(&judged(night, false)), "clock");
        let free = judge(
            &window("phase = 50"),
            &Hints::default(),
            lot(0),
            Step::Write,
            &Now { is_trusted: false, ..now(0) },
        );
        assert_eq!(free, GO, "a share needs no clock");
        let start = window("phase_start = '2026-11-24'");
        let judged =
            judge(&start, &Hints::default(), lot(0), Step::Write, &Now { is_trusted: false, ..now(night) });
        assert_eq!(why(&judged), "clock");
    }

    #[test]
    fn a_phase_is_a_share_of_the_fleet() {
        let judged = |lot| judge(&window("phase = 25"), &Hints::default(), lot, Step::Write, &now(0));
        assert_eq!(why(&judged(lot(0))), "go");
        assert_eq!((lot(2_499).percentile(), why(&judged(lot(2_499)))), (25, "go"));
        assert_eq!((lot(2_500).percentile(), why(&judged(lot(2_500)))), (26, "share"));
        // Once it is written the share is no question any more.
        assert_eq!(judge(&window("phase = 1"), &Hints::default(), lot(9_999), Step::Switch, &now(0)), GO);
    }

    #[test]
    fn a_share_grows_from_its_start_on() {
        let grows = window("phase = 10\nphase_start = '2026-11-23'\nphase_lasts = '90h'");
        let start = at("2026-11-23");
        let judged = |lot, wall| judge(&grows, &Hints::default(), lot, Step::Write, &now(wall));
        assert_eq!(
            judged(lot(0), start - 1),
            Verdict::Wait { why: Why::Start(Moment(start)), until: Some(start) }
        );
        assert_eq!(judged(lot(999), start), GO);
        // From 10 to 100 % in 90 hours: a percent an hour.
        let due = Some(start + 36 * 3_600);
        for (place, due) in [(4_599, due), (9_999, Some(start + 90 * 3_600))] {
            assert_eq!(judged(lot(place), start), Verdict::Wait { why: Why::Share, until: due });
            assert_eq!(judged(lot(place), due.expect("a time")), GO);
            assert_eq!(why(&judged(lot(place), due.expect("a time") - 1)), "share");
        }
        let stays = window("phase = 10\nphase_start = '2026-11-23'");
        let judged = judge(&stays, &Hints::default(), lot(1_000), Step::Write, &now(u64::MAX / 4));
        assert_eq!(judged, Verdict::Wait { why: Why::Share, until: None });
    }

    #[test]
    fn hints_make_it_stricter_and_force_passes_over_shares_only() {
        let own = window(
            "phase = 50\njitter = '1h'\nmetered = '/run/metered'\nwhen = ['02:00-06:00']\ndownload = 'window'",
        );
        let night = at("2026-11-24T05:00:00Z");
        let share = Share { phase: 10, start: None, lasts: Duration::ZERO };
        let hints = Hints { share: Some(share), ..Hints::default() };
        let judged = |hints: &Hints, lot, now: &Now<'_>| judge(&own, hints, lot, Step::Write, now);
        assert_eq!(why(&judged(&Hints::default(), lot(2_000), &now(night))), "go");
        assert_eq!(why(&judged(&hints, lot(2_000), &now(night))), "share");
        let forced = Hints { is_forced: true, ..hints.clone() };
        assert_eq!(why(&judged(&forced, lot(9_000), &Now { is_metered: true, ..now(night) })), "go");
        assert_eq!(why(&judged(&forced, lot(0), &now(night + 7_200))), "window");
        let inhibited = Now { inhibited: Some("/run/busy"), ..now(night) };
        assert_eq!(why(&judged(&forced, lot(0), &inhibited)), "inhibited");
        let narrow = Hints { when: vec!["04:00-05:30".parse().expect("a window")], ..Hints::default() };
        assert_eq!(
            judged(&narrow, lot(0), &now(night)),
            Verdict::Go { until: Some(at("2026-11-24T05:30:00Z")), bytes: None }
        );
        let server = Hints { window: Some(false), ..Hints::default() };
        assert_eq!(why(&judged(&server, lot(0), &now(night))), "server-window");
    }

    #[test]
    fn devices_begin_one_after_the_other() {
        let spread = window("jitter = '2h'");
        let judged = |wall, offered| {
            judge(&spread, &Hints::default(), lot(0), Step::Write, &Now { offered, ..now(wall) })
        };
        assert_eq!(judged(1_000, 1_000), Verdict::Wait { why: Why::Spread, until: Some(4_600) });
        assert_eq!(judged(4_600, 1_000), GO);
    }

    #[test]
    fn a_metered_link_carries_what_was_allowed() {
        let metered = |text: &str, is_metered| {
            judge(&window(text), &Hints::default(), lot(0), Step::Write, &Now { is_metered, ..now(0) })
        };
        assert_eq!(why(&metered("", true)), "metered");
        assert_eq!(
            metered("metered_bytes = '5MiB'", true),
            Verdict::Go { until: None, bytes: Some(5 << 20) }
        );
        assert_eq!(metered("metered_bytes = '5MiB'", false), GO);
        let switched =
            judge(&window(""), &Hints::default(), lot(0), Step::Switch, &Now { is_metered: true, ..now(0) });
        assert_eq!(switched, GO);
    }

    #[test]
    fn what_never_comes_is_found() {
        for (text, key) in [
            ("when = ['02:00-04:00']\ndownload = 'window'\njitter = '2h'", Some("window.jitter")),
            (
                "when = ['02:00-04:00', 'Sat 05:00-05:30']\ndownload = 'window'\njitter = '1h'",
                Some("window.jitter"),
            ),
            ("when = ['02:00-04:00']\njitter = '2h'", None),
            ("download = 'window'\njitter = '2h'", None),
            ("phase_lasts = '1d'", Some("window.phase_lasts")),
            ("phase_lasts = '1d'\nphase_start = '2026-12-01'", None),
        ] {
            assert_eq!(never(&window(text)).map(|(key, _)| key), key, "{text}");
        }
    }

    #[test]
    fn lots_are_even_and_drawn_anew_for_each_deployment() {
        let drawn: Vec<Lot> = (0..2_000).map(|device| Lot::draw(&format!("box-{device}"), "a")).collect();
        for percent in [1, 10, 25, 50, 90] {
            let taken = drawn.iter().filter(|lot| lot.percentile() <= percent).count() as u64;
            assert!(taken.abs_diff(percent * 20) < 90, "{percent}: {taken}");
        }
        assert_eq!(Lot::draw("a", "b"), Lot::draw("a", "b"));
        let again = (0..2_000).filter(|device| {
            let name = format!("box-{device}");
            [Lot::draw(&name, "a"), Lot::draw(&name, "b")].iter().all(|lot| lot.percentile() <= 25)
        });
        assert!(again.count().abs_diff(125) < 45, "a sixteenth is early twice");
    }

    proptest! {
        #[test]
        fn a_wait_with_a_time_ends_at_that_time(
            share in 0u64..10_000, phase in 1u8..=100, lasts in 1u64..1_000_000, ahead in -500_000i64..1_000_000,
        ) {
            let start = at("2026-11-23");
            let wall = start.saturating_add_signed(ahead);
            let rule = Share { phase, start: Some(Moment(start)), lasts: Duration::from_secs(lasts) };
            if let Some((_, due)) = rule.look(lot(share), wall) {
                let due = due.expect("it grows");
                prop_assert!(due > wall);
                prop_assert!(due <= start.max(wall + 1) + lasts);
                prop_assert!(rule.look(lot(share), due).is_none_or(|(_, later)| later > Some(due)));
            }
        }
    }
}
