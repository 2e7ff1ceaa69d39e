//! Maintenance windows: `Mon-Fri 02:00-04:00`, by the clock of the device.
//!
//! Times are UTC, or of a fixed offset the file names. Not of a zone with summer time: a small box seldom has the
//! tables for it, and twice a year such a window would be skipped, or come twice. A window past midnight belongs to
//! the day it begins on. Pure; neighbours: `rules` asks, `config` names them.

use std::fmt;
use std::str::FromStr;

use edgekit_core::calendar::Civil;
use edgekit_core::config::{Format, Reading};

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const DAY: i64 = 1440;
const WEEK: i64 = 7 * DAY;

/// A stretch of time that comes each week, on some of its days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// Bit 0 is Sunday.
    days: u8,
    /// Minutes after midnight.
    from: u16,
    /// Minutes, from 1 to 1440.
    lasts: u16,
}

/// Minutes that a window's clock is ahead of UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offset(i32);

/// Where a moment lies among windows; times are in seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    /// No window was named: always open.
    Always,
    /// In a window, since and until when; several that touch each other are one.
    Open {
        /// When it opened.
        since: u64,
        /// When it closes; `u64::MAX` if it never does.
        until: u64,
    },
    /// Outside; when the next one opens.
    Closed {
        /// When.
        next: u64,
    },
}

/// How a window looks, for the configuration.
pub(crate) static TIMES: Format = Format {
    name: "a window of time",
    shape: "02:00-04:00, Mon-Fri 02:00-04:00 or Sat,Sun 22:00-06:00",
    pattern: "^([A-Za-z,-]+ )?[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$",
    numbers: false,
    read: |text| {
        let times: Times = text.parse()?;
        Ok(Reading { canonical: times.to_string(), measure: None })
    },
};

/// How an offset looks, for the configuration.
pub(crate) static OFFSET: Format = Format {
    name: "an offset from UTC",
    shape: "UTC, +01:00 or -03:30",
    pattern: "^(UTC|[+-][0-9]{2}:[0-9]{2})$",
    numbers: false,
    read: |text| {
        let offset: Offset = text.parse()?;
        Ok(Reading { canonical: offset.to_string(), measure: None })
    },
};

edgekit_core::text_type!(Times, &TIMES, |text| text.parse().ok());
edgekit_core::text_type!(Offset, &OFFSET, |text| text.parse().ok());

/// `02:30` as minutes; `24:00` is the end of a day.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str| match part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse::<u16>().ok(),
        false => None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && (hours < 24 || hours == 24 && minutes == 0)).then_some(hours * 60 + minutes)
}

fn day(text: &str) -> Option<usize> {
    DAYS.iter().position(|name| name.eq_ignore_ascii_case(text))
}

/// `Mon-Fri,Sun` as bits.
fn days(text: &str) -> Option<u8> {
    let mut bits = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // From Friday to Monday is four days, not none.
        for step in 0..=(last + 7 - first) % 7 {
            bits |= 1 << ((first + step) % 7);
        }
    }
    Some(bits)
}

impl FromStr for Times {
    type Err = String;

    fn from_str(text: &str) -> Result<Times, String> {
        let wrong =
            || format!("'{text}' is not a window of time: write it as 02:00-04:00 or Mon-Fri 02:00-04:00");
        let (on, hours) = text.rsplit_once(' ').unwrap_or(("Sun-Sat", text));
        let on = days(on).ok_or_else(wrong)?;
        let (from, to) = hours.split_once('-').ok_or_else(wrong)?;
        let (from, to) = (minutes(from).ok_or_else(wrong)?, minutes(to).ok_or_else(wrong)?);
        if from == to || from == 1440 {
            return Err(format!("'{text}' is a window that never opens: a whole day is 00:00-24:00"));
        }
        let lasts = if to > from { to - from } else { 1440 - from + to };
        Ok(Times { days: on, from, lasts })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != 0x7f {
            let names = DAYS.iter().enumerate().filter(|(bit, _)| self.days & 1 << bit != 0);
            let names: Vec<&str> = names.map(|(_, name)| *name).collect();
            write!(f, "{} ", names.join(","))?;
        }
        let end = self.from + self.lasts;
        let end = if end > 1440 { end - 1440 } else { end };
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, end / 60, end % 60)
    }
}

impl FromStr for Offset {
    type Err = String;

    fn from_str(text: &str) -> Result<Offset, String> {
        let wrong = || format!("'{text}' is not an offset from UTC: write it as UTC, +01:00 or -03:30");
        let (sign, rest) = match (text, text.split_at_checked(1)) {
            ("UTC", _) => return Ok(Offset(0)),
            (_, Some(("+", rest))) => (1, rest),
            (_, Some(("-", rest))) => (-1, rest),
            _ => return Err(wrong()),
        };
        // The largest that is in use anywhere is +14:00.
        let ahead = minutes(rest).filter(|minutes| *minutes <= 14 * 60).ok_or_else(wrong)?;
        Ok(Offset(sign * i32::from(ahead)))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, minutes) = if self.0 < 0 { ('-', -self.0) } else { ('+', self.0) };
        match minutes {
            0 => f.write_str("UTC"),
            minutes => write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }
}

impl Offset {
    /// UTC itself.
    pub const UTC: Offset = Offset(0);
}

/// Where `now` (seconds since 1970) lies among windows of a clock that is `offset` ahead.
pub fn spot(windows: &[Times], offset: Offset, now: u64) -> Spot {
    if windows.is_empty() {
        return Spot::Always;
    }
    let ahead = i64::from(offset.0) * 60;
    let local = i64::try_from(now).unwrap_or(i64::MAX / 2).saturating_add(ahead);
    let civil = Civil::from_seconds(local);
    // Minutes into the week of `now`, which began on Sunday.
    let minute = i64::from(civil.weekday) * DAY + i64::from(civil.hour) * 60 + i64::from(civil.minute);
    let week = local - minute * 60 - i64::from(civil.second);
    // What opened last week may still be open, and what opens next week may be the next.
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for window in windows {
        for at in (-7..14).filter(|at: &i64| window.days & 1 << at.rem_euclid(7) != 0) {
            let from = at * DAY + i64::from(window.from);
            spans.push((from, from + i64::from(window.lasts)));
        }
    }
    edgekit_core::sort::natural(&mut spans);
    let second = |minutes: i64| u64::try_from(week + minutes * 60 - ahead).unwrap_or(0);
    let mut open: Option<(i64, i64)> = None;
    for (from, to) in spans {
        match &mut open {
            Some((_, until)) if from <= *until => *until = to.max(*until),
            // It ends when it ends: the minute after is outside.
            Some((_, until)) if minute < *until => break,
            _ if from > minute => return Spot::Closed { next: second(from) },
            _ => open = Some((from, to)),
        }
    }
    match open {
        Some((since, until)) if until - since >= WEEK => Spot::Open { since: second(since), until: u64::MAX },
        Some((since, until)) if minute < until => Spot::Open { since: second(since), until: second(until) },
        // Fourteen days hold every window twice.
        _ => Spot::Closed { next: second(2 * WEEK) },
    }
}

/// The shortest stretch that windows are open at a time, in seconds; `None` if they always are.
pub fn shortest(windows: &[Times]) -> Option<u64> {
    // Each window is looked at where it opens: what touches it makes it longer.
    let least = |window: &Times| {
        (0..7)
            .filter(|bit| window.days & 1 << bit != 0)
            .filter_map(|bit| {
                // 1970 began on a Thursday; the first Sunday was the fourth.
                let opens = 3 * 86_400 + u64::from(bit as u8) * 86_400 + u64::from(window.from) * 60;
                match spot(windows, Offset::UTC, opens + 4 * 7 * 86_400) {
                    Spot::Open { until: u64::MAX, .. } => None,
                    Spot::Open { since, until } => Some(until - since),
                    Spot::Always | Spot::Closed { .. } => None,
                }
            })
            .min()
    };
    windows.iter().filter_map(least).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use proptest::prelude::*;

    fn windows(texts: &[&str]) -> Vec<Times> {
        texts.iter().map(|text| text.parse().expect("a window")).collect()
    }

    /// Monday is 2026-11-23.
    fn at(text: &str) -> u64 {
        let moment: Moment = text.parse().expect("a moment");
        moment.0
    }

    fn look(texts: &[&str], now: &str) -> Spot {
        spot(&windows(texts), Offset::UTC, at(now))
    }

    #[test]
    fn windows_read_as_written_and_print_as_one_form() {
        for (text, shown) in [
            ("02:00-04:00", "02:00-04:00"),
            ("Mon-Fri 02:00-04:00", "Mon,Tue,Wed,Thu,Fri 02:00-04:00"),
            ("fri-MON 22:00-06:00", "Sun,Mon,Fri,Sat 22:00-06:00"),
            ("Sun-Sat 00:00-24:00", "00:00-24:00"),
            ("Sun,Sun,Wed 23:59-24:00", "Sun,Wed 23:59-24:00"),
            ("Sat 22:00-00:00", "Sat 22:00-24:00"),
        ] {
            assert_eq!(text.parse::<Times>().expect(text).to_string(), shown);
        }
        for text in [
            "",
            "2:00-4:00",
            "02:00",
            "02:00-25:00",
            "24:01-02:00",
            "Mo 02:00-04:00",
            "Mon- 02:00-04:00",
            "Mon  02:00-04:00",
            "02:60-03:00",
            "02:00-04:00-05:00",
        ] {
            let said = text.parse::<Times>().expect_err(text);
            assert!(said.contains("is not a window of time: write it as"), "{said}");
        }
        for text in ["02:00-02:00", "24:00-02:00", "24:00-24:00"] {
            let said = text.parse::<Times>().expect_err(text);
            assert!(said.contains("never opens: a whole day is 00:00-24:00"), "{said}");
        }
    }

    #[test]
    fn offsets_read_as_written() {
        for (text, shown) in [("UTC", "UTC"), ("+00:00", "UTC"), ("+05:30", "+05:30"), ("-03:00", "-03:00")] {
            assert_eq!(text.parse::<Offset>().expect(text).to_string(), shown);
        }
        for text in ["", "+1", "01:00", "+15:00", "+00:60", "é", "utc"] {
            assert!(text.parse::<Offset>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_opens_and_closes_to_the_second() {
        let night = ["Mon-Fri 02:00-04:00"];
        let open = Spot::Open { since: at("2026-11-23T02:00:00Z"), until: at("2026-11-23T04:00:00Z") };
        for (now, wanted) in [
            ("2026-11-23T01:59:59Z", Spot::Closed { next: at("2026-11-23T02:00:00Z") }),
            ("2026-11-23T02:00:00Z", open),
            ("2026-11-23T03:59:59Z", open),
            ("2026-11-23T04:00:00Z", Spot::Closed { next: at("2026-11-24T02:00:00Z") }),
            ("2026-11-27T04:00:00Z", Spot::Closed { next: at("2026-11-30T02:00:00Z") }),
            ("2026-11-29T03:00:00Z", Spot::Closed { next: at("2026-11-30T02:00:00Z") }),
        ] {
            assert_eq!(look(&night, now), wanted, "{now}");
        }
    }

    #[test]
    fn past_midnight_it_belongs_to_the_day_it_began_on() {
        let night = ["Sat 22:00-06:00"];
        let open = Spot::Open { since: at("2026-11-28T22:00:00Z"), until: at("2026-11-29T06:00:00Z") };
        assert_eq!(look(&night, "2026-11-28T23:00:00Z"), open);
        assert_eq!(look(&night, "2026-11-29T05:59:00Z"), open, "over the end of the week");
        assert_eq!(look(&night, "2026-11-29T22:30:00Z"), Spot::Closed { next: at("2026-12-05T22:00:00Z") });
    }

    #[test]
    fn windows_that_touch_are_one() {
        let open = Spot::Open { since: at("2026-11-23T01:00:00Z"), until: at("2026-11-23T05:00:00Z") };
        assert_eq!(look(&["03:00-05:00", "01:00-03:00", "Mon 02:00-04:00"], "2026-11-23T03:00:00Z"), open);
        assert_eq!(
            look(&["Mon 00:00-24:00", "Tue 00:00-12:00"], "2026-11-23T10:00:00Z"),
            Spot::Open { since: at("2026-11-23"), until: at("2026-11-24T12:00:00Z") }
        );
        for always in [&["00:00-24:00"][..], &["06:00-18:00", "18:00-06:00"]] {
            let spot = look(always, "2026-11-23T10:00:00Z");
            assert!(matches!(spot, Spot::Open { until: u64::MAX, .. }), "{spot:?}");
        }
        assert_eq!(look(&[], "2026-11-23"), Spot::Always);
    }

    #[test]
    fn an_offset_moves_windows_and_their_days() {
        let windows = windows(&["Mon 00:30-01:00"]);
        let ahead: Offset = "+02:00".parse().expect("an offset");
        // Monday in the east is Sunday still.
        let open = Spot::Open { since: at("2026-11-22T22:30:00Z"), until: at("2026-11-22T23:00:00Z") };
        assert_eq!(spot(&windows, ahead, at("2026-11-22T22:45:00Z")), open);
        let behind: Offset = "-08:00".parse().expect("an offset");
        assert_eq!(
            spot(&windows, behind, at("2026-11-23T00:45:00Z")),
            Spot::Closed { next: at("2026-11-23T08:30:00Z") }
        );
        // A box that believes in 1970 gets an answer too.
        assert!(matches!(spot(&windows, behind, 0), Spot::Closed { .. }));
        assert!(matches!(spot(&windows, ahead, u64::MAX), Spot::Closed { .. } | Spot::Open { .. }));
    }

    #[test]
    fn the_shortest_stretch_is_known() {
        for (texts, minutes) in [
            (&["Mon-Fri 02:00-04:00"][..], Some(120)),
            (&["02:00-04:00", "Sat 04:00-04:30"], Some(120)),
            (&["02:00-04:00", "Sat 05:00-05:30"], Some(30)),
            (&["Sat 22:00-24:00", "Sun 00:00-06:00"], Some(480)),
            (&["00:00-24:00"], None),
            (&[], None),
        ] {
            assert_eq!(shortest(&windows(texts)), minutes.map(|minutes| minutes * 60), "{texts:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_open_exactly_when_a_minute_says_so(
            spans in proptest::collection::vec((1u8..128, 0u16..1440, 1u16..=1440), 1..5),
            now in 1_000_000_000u64..1_010_000_000,
        ) {
            let windows: Vec<Times> =
                spans.iter().map(|(days, from, lasts)| Times { days: *days, from: *from, lasts: *lasts }).collect();
            let open = |second: u64| windows.iter().any(|window| (0..2u64).any(|back| {
                // The window that began today, or yesterday.
                let midnight = second / 86_400 - back;
                let weekday = (midnight + 4) % 7;
                let from = midnight * 86_400 + u64::from(window.from) * 60;
                window.days & 1 << weekday != 0 && (from..from + u64::from(window.lasts) * 60).contains(&second)
            }));
            match spot(&windows, Offset::UTC, now) {
                Spot::Always => prop_assert!(false),
                Spot::Open { since, until } => {
                    prop_assert!(open(now) && open(since));
                    prop_assert!(until == u64::MAX || !open(until) && open(until - 1));
                    prop_assert!(until == u64::MAX || !open(since - 1));
                }
                Spot::Closed { next } => {
                    prop_assert!(!open(now) && open(next) && !open(next - 1) && next > now && next - now <= 7 * 86_400);
                }
            }
            // A whole day from another minute than its first cannot be written.
            for window in windows.iter().filter(|window| window.lasts < 1440 || window.from == 0) {
                prop_assert_eq!(window.to_string().parse::<Times>(), Ok(*window));
            }
        }

        #[test]
        fn no_text_is_too_odd(text: String) {
            drop(text.parse::<Times>());
            drop(text.parse::<Offset>());
        }
    }
}
