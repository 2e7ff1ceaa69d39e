//! The house's clock as rustls wants it, and times as people read them.
//!
//! A machine that starts in 1970 checks certificates against the floor of [`Clock`], a test against
//! the time it says.

use edgekit_core::Clock;
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
/// Days from 0000-03-01 to 1970-01-01; a year that begins in March ends with the leap day.
const EPOCH: u64 = 719_468;
const DAYS_OF_400_YEARS: u64 = 146_097;

/// `2026-11-23 02:08:11 UTC`.
pub(crate) fn utc(seconds: u64) -> String {
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// The proleptic Gregorian date `days` after 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(EPOCH);
    let (era, of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day)
}

/// Seconds since 1970 of a date; `None` before 1970 or for a date that does not exist.
pub(crate) fn seconds(year: u64, month: u64, day: u64, hour: u64, minute: u64, second: u64) -> Option<u64> {
    let fits =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !fits || year < 1970 {
        return None;
    }
    let (march_year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_era = march_year % 400;
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let days = march_year / 400 * DAYS_OF_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(EPOCH)?;
    (date(days) == (year, month, day)).then_some(days * DAY + hour * 3600 + minute * 60 + second)
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
            let (year, month, day) = date(days);
            assert_eq!(seconds(year, month, day, 1, 2, 3), Some(days * DAY + 3723));
        }
    }
}
