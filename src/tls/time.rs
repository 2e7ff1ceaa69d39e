//! The house's clock as rustls wants it, and times as people read them.
//!
//! A machine that starts in 1970 checks certificates against the floor of [`Clock`], a test against
//! the time it says.

use edgekit_core::Clock;
use edgekit_core::calendar::{Civil, date_of, days_before};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// [`Clock`]'s wall time for certificate checks.
#[derive(Clone, Debug)]
pub struct ClockTime(pub Clock);

impl ClockTime {
    /// The time certificates are checked against.
    pub fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(self.0.wall())
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}

const DAY: u64 = 86_400;
/// `2026-11-23 02:08:11 UTC`.
pub(crate) fn utc(seconds: u64) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = Civil::since_1970(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Seconds since 1970 of a date; `None` before 1970 or for a date that does not exist.
pub(crate) fn seconds(year: u64, month: u64, day: u64, hour: u64, minute: u64, second: u64) -> Option<u64> {
    let fits =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !fits || year < 1970 {
        return None;
    }
    let (year, month, day) = (i64::try_from(year).ok()?, month as u8, day as u8);
    let days = days_before(year, month, day);
    (date_of(days) == (year, month, day)).then_some(days as u64 * DAY + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_there_and_back() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(4_102_444_799), "2099-12-31 23:59:59 UTC");
        assert_eq!(seconds(2000, 2, 29, 0, 0, 0), Some(951_782_400));
        assert_eq!(seconds(2100, 2, 29, 0, 0, 0), None);
        assert_eq!(seconds(1969, 12, 31, 23, 59, 59), None);
        assert_eq!(seconds(9999, 12, 31, 23, 59, 59), Some(253_402_300_799));
        for days in (0..60_000).step_by(13) {
            let (year, month, day) = date_of(days);
            let there = seconds(year as u64, month.into(), day.into(), 1, 2, 3);
            assert_eq!(there, Some(days as u64 * DAY + 3723));
        }
    }
}
