//! strftime in a time zone: C's conversions in the C locale, plus bpftrace's `%f` (µs), `%k` (ns) and `%l` (ms).

use edgekit_core::calendar::{Civil, is_leap};

use super::number::{push_i64, push_padded, push_u64};
pub use super::zone::Zone;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const NANOS: i128 = 1_000_000_000;

/// Appends the moment `wall_ns` (since 1970, UTC) as `format` says. Unknown conversions stay as they are.
pub fn strftime(format: &str, wall_ns: i128, zone: &Zone, out: &mut Vec<u8>) {
    let seconds = i64::try_from(wall_ns.div_euclid(NANOS)).unwrap_or(0);
    let nanos = wall_ns.rem_euclid(NANOS) as u64;
    let (offset, name) = zone.at(seconds);
    let civil = Civil::from_seconds(seconds.saturating_add(offset.into()));
    let moment = Moment { civil, seconds, nanos, offset, zone: name };
    moment.write(format, out);
}

struct Moment<'z> {
    civil: Civil,
    seconds: i64,
    nanos: u64,
    /// East of UTC, in seconds.
    offset: i32,
    zone: &'z str,
}

impl Moment<'_> {
    fn write(&self, format: &str, out: &mut Vec<u8>) {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            out.extend_from_slice(&rest.as_bytes()[..at]);
            let conversion = &rest[at + 1..];
            let mut letters = conversion.chars();
            let mut letter = letters.next();
            // Alternative digits and eras are the same in the C locale.
            if matches!(letter, Some('E' | 'O')) {
                letter = letters.next();
            }
            match letter {
                Some(letter) if self.convert(letter, out) => rest = letters.as_str(),
                _ => {
                    out.push(b'%');
                    rest = conversion;
                }
            }
        }
        out.extend_from_slice(rest.as_bytes());
    }

    /// False when there is no such conversion.
    fn convert(&self, letter: char, out: &mut Vec<u8>) -> bool {
        let civil = &self.civil;
        let two = |out: &mut Vec<u8>, value: u64| push_padded(out, value, 2);
        let spaced = |out: &mut Vec<u8>, value: u64| {
            if value < 10 {
                out.push(b' ');
            }
            push_u64(out, value);
        };
        let hour12 = u64::from(match civil.hour % 12 {
            0 => 12,
            hour => hour,
        });
        let day_name = DAYS[usize::from(civil.weekday % 7)];
        let month_name = MONTHS[usize::from(civil.month.clamp(1, 12)) - 1];
        let text = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        match letter {
            'a' => text(out, &day_name[..3]),
            'A' => text(out, day_name),
            'b' | 'h' => text(out, &month_name[..3]),
            'B' => text(out, month_name),
            'c' => self.write("%a %b %e %H:%M:%S %Y", out),
            'C' => two(out, civil.year.div_euclid(100).unsigned_abs()),
            'd' => two(out, civil.day.into()),
            'D' | 'x' => self.write("%m/%d/%y", out),
            'e' => spaced(out, civil.day.into()),
            'f' => push_padded(out, self.nanos / 1_000, 6),
            'F' => self.write("%Y-%m-%d", out),
            'g' => two(out, self.iso_week().0.rem_euclid(100) as u64),
            'G' => push_i64(out, self.iso_week().0),
            'H' => two(out, civil.hour.into()),
            'I' => two(out, hour12),
            'j' => push_padded(out, u64::from(civil.day_of_year) + 1, 3),
            'k' => push_padded(out, self.nanos, 9),
            'l' => push_padded(out, self.nanos / 1_000_000, 3),
            'm' => two(out, civil.month.into()),
            'M' => two(out, civil.minute.into()),
            'n' => out.push(b'\n'),
            'p' => text(out, if civil.hour < 12 { "AM" } else { "PM" }),
            'P' => text(out, if civil.hour < 12 { "am" } else { "pm" }),
            'r' => self.write("%I:%M:%S %p", out),
            'R' => self.write("%H:%M", out),
            's' => push_i64(out, self.seconds),
            'S' => two(out, civil.second.into()),
            't' => out.push(b'\t'),
            'T' | 'X' => self.write("%H:%M:%S", out),
            'u' => push_u64(out, if civil.weekday == 0 { 7 } else { civil.weekday.into() }),
            'U' => two(out, self.week_from(0)),
            'V' => two(out, self.iso_week().1),
            'w' => push_u64(out, civil.weekday.into()),
            'W' => two(out, self.week_from(1)),
            'y' => two(out, civil.year.rem_euclid(100) as u64),
            'Y' => push_i64(out, civil.year),
            'z' => {
                out.push(if self.offset < 0 { b'-' } else { b'+' });
                let minutes = u64::from(self.offset.unsigned_abs() / 60);
                push_padded(out, minutes / 60 * 100 + minutes % 60, 4);
            }
            'Z' => text(out, self.zone),
            '%' => out.push(b'%'),
            _ => return false,
        }
        true
    }

    /// Weeks of the year that begin on weekday `first`; the days before the first such day are week 0.
    fn week_from(&self, first: u64) -> u64 {
        let weekday = (u64::from(self.civil.weekday) + 7 - first) % 7;
        (u64::from(self.civil.day_of_year) + 7 - weekday) / 7
    }

    /// ISO 8601 year and week: the week belongs to the year that holds its Thursday.
    fn iso_week(&self) -> (i64, u64) {
        let from_monday = (i64::from(self.civil.weekday) + 6) % 7;
        let thursday = i64::from(self.civil.day_of_year) - from_monday + 3;
        let length = |year| if is_leap(year) { 366 } else { 365 };
        let year = self.civil.year;
        let (year, day) = if thursday < 0 {
            (year - 1, thursday + length(year - 1))
        } else if thursday >= length(year) {
            (year + 1, thursday - length(year))
        } else {
            (year, thursday)
        };
        (year, (day / 7 + 1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: &str, seconds: i64, nanos: i128) -> String {
        let mut out = Vec::new();
        strftime(format, i128::from(seconds) * NANOS + nanos, &Zone::utc(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn conversions() {
        // 2024-02-29 13:05:09 UTC, a Thursday.
        let leap = 1_709_211_909;
        assert_eq!(
            text("%Y-%m-%d %H:%M:%S.%f %k %l", leap, 7_008_009),
            "2024-02-29 13:05:09.007008 007008009 007"
        );
        assert_eq!(
            text("%a %A %b %B %e %j %p %I %y %C", leap, 0),
            "Thu Thursday Feb February 29 060 PM 01 24 20"
        );
        assert_eq!(text("%c|%D|%F|%T|%R|%r", leap, 0).split('|').count(), 6);
        assert_eq!(text("%c", leap, 0), "Thu Feb 29 13:05:09 2024");
        assert_eq!(text("%U %W %V %G %g %u %w", leap, 0), "08 09 09 2024 24 4 4");
        assert_eq!(text("%s %z %Z %% %n%t", leap, 0), "1709211909 +0000 UTC % \n\t");
        assert_eq!(text("100% %Q %EY %", leap, 0), "100% %Q 2024 %");
    }

    #[test]
    fn edges_of_iso_years() {
        assert_eq!(text("%G-%V", 1_609_459_200, 0), "2020-53"); // 2021-01-01
        assert_eq!(text("%G-%V", 1_230_681_600, 0), "2009-01"); // 2008-12-31
        assert_eq!(text("%U %W", 1_704_067_200, 0), "00 01"); // Monday 2024-01-01
    }
}
