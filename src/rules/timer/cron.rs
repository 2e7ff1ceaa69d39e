//! Cron lines: five fields, in UTC, so that no hour comes twice or never.
//!
//! `minute hour day-of-month month day-of-week`, each `*`, a number, a range, a list, a step; months and days by
//! number or by their first three letters; 0 and 7 are Sunday. When both day fields are restricted either of them
//! is enough, as in crontab(5). `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` stand for a line.

use std::{fmt, str::FromStr, time::Duration};

use edgekit_core::calendar;

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;
/// A 29th of February on a given day of the week may be 40 years away, over a turn of the century.
const HORIZON_DAYS: u64 = 366 * 41;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Times that match a cron line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cron {
    line: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both day fields are restricted: one of them is enough.
    either_day: bool,
}

/// Why a line is no cron line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{line}' is no cron line: {why}")]
pub struct CronError {
    line: String,
    why: String,
}

/// A field: its name, least and largest number, and names for numbers from `least` on.
struct Field(&'static str, u64, u64, &'static [&'static str]);

const FIELDS: [Field; 5] = [
    Field("minute", 0, 59, &[]),
    Field("hour", 0, 23, &[]),
    Field("day of the month", 1, 31, &[]),
    Field("month", 1, 12, &MONTHS),
    Field("day of the week", 0, 7, &DAYS),
];

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(line: &str) -> Result<Cron, CronError> {
        let wrong = |why: String| CronError { line: line.chars().take(80).collect(), why };
        let long = match line.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let parts: Vec<&str> = long.split_whitespace().collect();
        if parts.len() != FIELDS.len() {
            let count = parts.len();
            let why = format!("it has {count} fields, and five are needed: minute hour day month weekday");
            return Err(wrong(why));
        }
        let mut sets = [0; 5];
        for ((set, field), part) in sets.iter_mut().zip(&FIELDS).zip(&parts) {
            *set = field.read(part).map_err(wrong)?;
        }
        let [minutes, hours, days, months, weekdays] = sets;
        let cron = Cron {
            line: line.trim().to_owned(),
            minutes,
            hours,
            days,
            months,
            // Sunday has two numbers.
            weekdays: weekdays & 0x7f | weekdays >> 7,
            either_day: !parts[2].starts_with('*') && !parts[4].starts_with('*'),
        };
        // From 1970 on, the horizon holds every case of the calendar's 400 years but those around a skipped leap
        // year, and they only make the wait longer.
        match cron.after(Duration::ZERO) {
            Some(_) => Ok(cron),
            None => Err(wrong("no such day ever comes".to_owned())),
        }
    }
}

impl Cron {
    /// The first time that matches after `now`, both since 1970. None if none comes within 41 years.
    pub fn after(&self, now: Duration) -> Option<Duration> {
        let start = now.as_secs() / MINUTE * MINUTE + MINUTE;
        let first_day = start / DAY;
        (first_day..first_day + HORIZON_DAYS).find_map(|day| {
            if !self.is_on(day) {
                return None;
            }
            let from = if day == first_day { start % DAY / MINUTE } else { 0 };
            let minute = (from..DAY / MINUTE).find(|minute| {
                self.hours & 1 << (minute / 60) != 0 && self.minutes & 1 << (minute % 60) != 0
            })?;
            Some(Duration::from_secs(day * DAY + minute * MINUTE))
        })
    }

    /// True if the day, counted from 1970-01-01, matches.
    fn is_on(&self, day: u64) -> bool {
        let (_, month, date) = calendar::date_of(day as i64);
        if self.months & 1 << month == 0 {
            return false;
        }
        let by_date = self.days & 1 << date != 0;
        // 1970-01-01 was a Thursday.
        let by_weekday = self.weekdays & 1 << ((day + 4) % 7) != 0;
        if self.either_day { by_date || by_weekday } else { by_date && by_weekday }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Field {
    /// The numbers of a field as bits.
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut set = 0;
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                None => (item, None),
                Some((range, step)) => {
                    let step = step.parse().ok().filter(|step| (1..=self.2).contains(step));
                    let step = step.ok_or_else(|| format!("the step in '{item}' ({}) is none", self.0))?;
                    (range, Some(step))
                }
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (self.1, self.2),
                Some((from, to)) => (self.number(from)?, self.number(to)?),
                // `5/15` is every fifteenth from 5 on.
                None => (self.number(range)?, step.map_or(self.number(range)?, |_| self.2)),
            };
            if from > to {
                return Err(format!("in '{item}' ({}) the end is before the start", self.0));
            }
            let step = step.unwrap_or(1);
            set |= (from..=to).filter(|number| (number - from) % step == 0).fold(0, |set, n| set | 1 << n);
        }
        Ok(set)
    }

    fn number(&self, text: &str) -> Result<u64, String> {
        let &Field(name, least, largest, names) = self;
        if let Some(at) = names.iter().position(|each| each.eq_ignore_ascii_case(text)) {
            return Ok(at as u64 + least);
        }
        let number = text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number
            .filter(|number| (least..=largest).contains(number))
            .ok_or_else(|| format!("'{text}' is no {name}: {least} to {largest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01 00:00 UTC, a Sunday.
    const MARCH: u64 = 1_772_323_200;

    fn next(line: &str, now: u64) -> u64 {
        line.parse::<Cron>().unwrap().after(Duration::from_secs(now)).unwrap().as_secs()
    }

    #[test]
    fn the_next_time_is_strictly_later() {
        let hour = 3600;
        for (line, now, expected) in [
            ("* * * * *", MARCH, MARCH + 60),
            ("* * * * *", MARCH + 59, MARCH + 60),
            ("*/5 * * * *", MARCH + 61, MARCH + 300),
            ("0 0 * * *", MARCH, MARCH + DAY),
            ("30 2 * * *", MARCH, MARCH + 2 * hour + 1800),
            ("5/20 * * * *", MARCH + 300, MARCH + 25 * 60),
            ("0 8-10/2 * * *", MARCH + 8 * hour, MARCH + 10 * hour),
            ("0 0 * * mon", MARCH, MARCH + DAY),
            ("0 0 * * 7", MARCH, MARCH + 7 * DAY),
            ("0 0 * * 0", MARCH, MARCH + 7 * DAY),
            ("0 0 * * fri-7", MARCH, MARCH + 5 * DAY),
            ("0 0 1 APR *", MARCH, MARCH + 31 * DAY),
            ("0 0 31 * *", MARCH, MARCH + 30 * DAY),
            ("0 0 13 * fri", MARCH, MARCH + 5 * DAY),
            ("0 0 3,13 * fri", MARCH, MARCH + 2 * DAY),
            ("0 0 */10 * *", MARCH, MARCH + 10 * DAY),
            ("@hourly", MARCH + 1, MARCH + hour),
            ("@yearly", MARCH, 1_798_761_600),
            // The next 29th of February is in 2028; the next one on a Tuesday too.
            ("0 0 29 2 *", MARCH, 1_835_395_200),
            ("59 23 31 12 *", MARCH, 1_798_761_540),
        ] {
            assert_eq!(next(line, now), expected, "{line} from {now}");
        }
    }

    #[test]
    fn what_is_no_line_says_why() {
        for (line, why) in [
            ("", "it has 0 fields"),
            ("* * * *", "it has 4 fields"),
            ("* * * * * *", "it has 6 fields"),
            ("60 * * * *", "'60' is no minute: 0 to 59"),
            ("* 24 * * *", "'24' is no hour"),
            ("* * 0 * *", "'0' is no day of the month: 1 to 31"),
            ("* * * 13 *", "'13' is no month"),
            ("* * * * 8", "'8' is no day of the week: 0 to 7"),
            ("* * * foo *", "'foo' is no month"),
            ("-1 * * * *", "'' is no minute"),
            ("+1 * * * *", "'+1' is no minute"),
            ("5-1 * * * *", "the end is before the start"),
            ("*/0 * * * *", "the step in '*/0' (minute) is none"),
            ("*/x * * * *", "the step in '*/x' (minute) is none"),
            ("1,,2 * * * *", "'' is no minute"),
            ("0 0 30 2 *", "no such day ever comes"),
            ("0 0 31 apr,jun *", "no such day ever comes"),
            ("99999999999999999999 * * * *", "is no minute"),
        ] {
            let error = line.parse::<Cron>().unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn far_future_ends_without_a_panic() {
        let cron: Cron = "0 0 29 2 *".parse().unwrap();
        assert!(cron.after(Duration::from_secs(1 << 40)).is_some());
        assert_eq!(cron.to_string(), "0 0 29 2 *");
    }
}
