//! Days and seconds since 1970 as dates, and back: the proleptic Gregorian calendar, in UTC.
//!
//! The only place that knows leap years. Years are counted from March, so that the leap day is the last of its
//! year (H. Hinnant, "chrono-compatible low-level date algorithms").

use std::fmt;

const DAY: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;
const DAYS_OF_400_YEARS: i64 = 146_097;

/// A moment as a calendar and a clock show it. Displayed as RFC 3339 without a zone: `2026-11-23T02:08:11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    /// 0 = Sunday.
    pub weekday: u8,
    /// From 0.
    pub day_of_year: u16,
}

impl Civil {
    /// From seconds since 1970, in UTC or of a zone's own clock.
    pub fn from_seconds(seconds: i64) -> Civil {
        let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        Civil {
            year,
            month,
            day,
            hour: (rest / 3600) as u8,
            minute: (rest / 60 % 60) as u8,
            second: (rest % 60) as u8,
            // 1970 began on a Thursday.
            weekday: (days + 4).rem_euclid(7) as u8,
            day_of_year: (days - days_before(year, 1, 1)) as u16,
        }
    }

    /// The same from a time that cannot lie before 1970; one past the calendar is its last.
    pub fn since_1970(seconds: u64) -> Civil {
        Civil::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, .. } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// Days since 1970-01-01 of a date; negative before.
pub fn days_before(year: i64, month: u8, day: u8) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * i64::from(month) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_OF_400_YEARS + day_of_era - EPOCH
}

/// Year, month (from 1) and day (from 1) of a count of days since 1970-01-01.
pub fn date_of(days: i64) -> (i64, u8, u8) {
    let days = days + EPOCH;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * from_march + 2) / 5 + 1) as u8;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 } as u8;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// True for a year with a 29th of February.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right_over_leap_years_and_centuries() {
        // Walks the calendar a day at a time beside ours.
        let (mut year, mut month, mut date) = (1970, 1, 1);
        for day in 0..366 * 450 {
            assert_eq!(date_of(day), (year, month, date), "day {day} of {year}");
            assert_eq!(days_before(year, month, date), day);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            assert_eq!(is_leap(year), leap);
            let length = match month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            date += 1;
            if date > length {
                (month, date) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn moments_as_text() {
        assert_eq!(Civil::from_seconds(-1).to_string(), "1969-12-31T23:59:59");
        assert_eq!(Civil::since_1970(951_782_400).to_string(), "2000-02-29T00:00:00");
        assert!(Civil::since_1970(u64::MAX).year > 100_000);
    }

    #[test]
    fn dates_and_days_are_inverse() {
        for days in (-800_000..800_000).step_by(371) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_before(year, month, day), days);
        }
        assert_eq!(date_of(-1), (1969, 12, 31));
        assert_eq!(Civil::from_seconds(-1).second, 59);
    }
}
