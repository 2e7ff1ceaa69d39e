//! The local time zone, read from the system's zone files: a static binary has no libc that would know it.
//!
//! A zone file (TZif, RFC 9636) is a table of moments at which the offset changes, and a rule in POSIX form
//! (`CET-1CEST,M3.5.0,M10.5.0/3`) for the time behind the table. Anything that cannot be read is UTC.

use std::fs;
use std::path::{Component, Path};

use edgekit_core::calendar::{Civil, days_before, is_leap};

const ZONES: &str = "/usr/share/zoneinfo";
const LOCAL: &str = "/etc/localtime";
/// Far above any real zone file.
const MAX_FILE: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Moments of change, ascending, and the kind that begins there.
    changes: Vec<(i64, usize)>,
    kinds: Vec<Kind>,
    rule: Option<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    /// East of UTC, in seconds.
    offset: i32,
    name: String,
}

impl Zone {
    pub fn utc() -> Zone {
        Zone { changes: Vec::new(), kinds: vec![Kind { offset: 0, name: "UTC".to_owned() }], rule: None }
    }

    /// The zone that `TZ` names when it is set, else the system's.
    pub fn local(tz: Option<&str>) -> Zone {
        let file = |path: &Path| match fs::metadata(path) {
            Ok(meta) if meta.len() <= MAX_FILE => Zone::parse(&fs::read(path).ok()?),
            _ => None,
        };
        let zone = match tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz)) {
            None => file(Path::new(LOCAL)),
            Some("") => None,
            Some(path) if path.starts_with('/') => file(Path::new(path)),
            Some(name) => {
                let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
                let known = if inside { file(&Path::new(ZONES).join(name)) } else { None };
                known.or_else(|| Zone::from_rule(name))
            }
        };
        zone.unwrap_or_else(Zone::utc)
    }

    /// A zone given by a POSIX rule alone.
    pub fn from_rule(text: &str) -> Option<Zone> {
        let rule = Rule::parse(text)?;
        Some(Zone { changes: Vec::new(), kinds: vec![rule.standard.clone()], rule: Some(rule) })
    }

    /// A zone file's content.
    pub fn parse(bytes: &[u8]) -> Option<Zone> {
        let first = Header::parse(bytes)?;
        if first.version == 0 {
            return first.zone(bytes, 4);
        }
        // The second block repeats the first with 64-bit times and is followed by the rule.
        let second = bytes.get(first.end(4)..)?;
        let header = Header::parse(second)?;
        let mut zone = header.zone(second, 8)?;
        let footer = second.get(header.end(8)..).unwrap_or(&[]);
        let footer = footer.strip_prefix(b"\n").and_then(|text| text.split(|b| *b == b'\n').next());
        zone.rule = footer.and_then(|text| std::str::from_utf8(text).ok()).and_then(Rule::parse);
        Some(zone)
    }

    /// Offset east of UTC in seconds, and the zone's abbreviation, at a moment.
    pub fn at(&self, seconds: i64) -> (i32, &str) {
        let begun = self.changes.partition_point(|(moment, _)| *moment <= seconds);
        let kind = match (&self.rule, begun.checked_sub(1)) {
            (Some(rule), _) if begun == self.changes.len() => Some(rule.at(seconds)),
            (_, Some(last)) => self.changes.get(last).and_then(|(_, kind)| self.kinds.get(*kind)),
            (_, None) => self.kinds.first(),
        };
        kind.map_or((0, "UTC"), |kind| (kind.offset, &kind.name))
    }
}

struct Header {
    version: u8,
    utc: usize,
    std: usize,
    leap: usize,
    times: usize,
    kinds: usize,
    chars: usize,
}

impl Header {
    const SIZE: usize = 44;

    fn parse(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..Header::SIZE)?;
        if !bytes.starts_with(b"TZif") {
            return None;
        }
        let count = |at: usize| be32(bytes, 20 + at * 4).map(|n| n as u32 as usize);
        let header = Header {
            version: bytes[4],
            utc: count(0)?,
            std: count(1)?,
            leap: count(2)?,
            times: count(3)?,
            kinds: count(4)?,
            chars: count(5)?,
        };
        let counts = [header.utc, header.std, header.leap, header.times, header.kinds, header.chars];
        counts.iter().all(|n| *n as u64 <= MAX_FILE).then_some(header)
    }

    /// Bytes of the block, header included, with times of `width` bytes.
    fn end(&self, width: usize) -> usize {
        let body = self.times * (width + 1) + self.kinds * 6 + self.chars + self.leap * (width + 4);
        Header::SIZE + body + self.std + self.utc
    }

    fn zone(&self, bytes: &[u8], width: usize) -> Option<Zone> {
        let numbers = Header::SIZE + self.times * width;
        let kinds = numbers + self.times;
        let names = bytes.get(kinds + self.kinds * 6..)?.get(..self.chars)?;
        let change = |i: usize| {
            let at = Header::SIZE + i * width;
            let moment = if width == 8 { be64(bytes, at)? } else { be32(bytes, at)?.into() };
            Some((moment, usize::from(*bytes.get(numbers + i)?)))
        };
        let kind = |i: usize| {
            let at = kinds + i * 6;
            let name = names.get(usize::from(*bytes.get(at + 5)?)..)?.split(|b| *b == 0).next()?;
            Some(Kind { offset: be32(bytes, at)?, name: String::from_utf8_lossy(name).into_owned() })
        };
        Some(Zone {
            changes: (0..self.times).map(change).collect::<Option<_>>()?,
            kinds: (0..self.kinds).map(kind).collect::<Option<_>>()?,
            rule: None,
        })
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A POSIX rule: standard time, and daylight saving time between two moments of each year.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    standard: Kind,
    saving: Option<Saving>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Saving {
    kind: Kind,
    start: Moment,
    end: Moment,
}

/// A day of the year and seconds into it, on the clock that was valid before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    day: Day,
    seconds: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// From 1; 29 February does not count.
    Julian(u16),
    /// From 0; it does.
    OfYear(u16),
    /// The `week`-th such weekday of the month, 5 = the last.
    Weekday { month: u8, week: u8, weekday: u8 },
}

impl Rule {
    fn parse(text: &str) -> Option<Rule> {
        let mut rest = text;
        let name = take_name(&mut rest)?;
        let offset = -take_time(&mut rest)?;
        let standard = Kind { offset, name };
        if rest.is_empty() {
            return Some(Rule { standard, saving: None });
        }
        let name = take_name(&mut rest)?;
        let default = standard.offset + 3600;
        let offset = match rest.chars().next() {
            None | Some(',') => default,
            Some(_) => -take_time(&mut rest)?,
        };
        let kind = Kind { offset, name };
        // With no dates given, those of the United States are as good as any.
        let dates = if rest.is_empty() { ",M3.2.0,M11.1.0" } else { rest };
        let mut dates = dates.strip_prefix(',')?.splitn(2, ',');
        let (start, end) = (Moment::parse(dates.next()?)?, Moment::parse(dates.next()?)?);
        Some(Rule { standard, saving: Some(Saving { kind, start, end }) })
    }

    fn at(&self, seconds: i64) -> &Kind {
        let Some(saving) = &self.saving else { return &self.standard };
        let year = Civil::from_seconds(seconds.saturating_add(self.standard.offset.into())).year;
        let start = saving.start.in_year(year) - i64::from(self.standard.offset);
        let end = saving.end.in_year(year) - i64::from(saving.kind.offset);
        // South of the equator the year begins in summer.
        let summer = match start <= end {
            true => (start..end).contains(&seconds),
            false => !(end..start).contains(&seconds),
        };
        if summer { &saving.kind } else { &self.standard }
    }
}

impl Moment {
    fn parse(text: &str) -> Option<Moment> {
        let (day, time) = text.split_once('/').map_or((text, None), |(day, time)| (day, Some(time)));
        let day = match day.as_bytes().first()? {
            b'M' => {
                let mut parts = day[1..].split('.').map(|part| part.parse::<u8>().ok());
                let (month, week, weekday) = (parts.next()??, parts.next()??, parts.next()??);
                let valid = (1..=12).contains(&month) && (1..=5).contains(&week) && weekday <= 6;
                valid.then_some(Day::Weekday { month, week, weekday })?
            }
            b'J' => Day::Julian(day[1..].parse().ok().filter(|day| (1..=365).contains(day))?),
            _ => Day::OfYear(day.parse().ok().filter(|day| *day <= 365)?),
        };
        let seconds = match time {
            Some(mut time) => take_time(&mut time)?,
            None => 2 * 3600,
        };
        Some(Moment { day, seconds })
    }

    /// Seconds since 1970 on the local clock.
    fn in_year(&self, year: i64) -> i64 {
        let first = days_before(year, 1, 1);
        let day = match self.day {
            Day::OfYear(day) => first + i64::from(day),
            Day::Julian(day) => first + i64::from(day) - 1 + i64::from(is_leap(year) && day >= 60),
            Day::Weekday { month, week, weekday } => {
                let first = days_before(year, month, 1);
                let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                let length = days_before(next_year, next_month, 1) - first;
                let lead = (i64::from(weekday) - (first + 4)).rem_euclid(7);
                let mut day = lead + i64::from(week - 1) * 7;
                if day >= length {
                    day -= 7;
                }
                first + day
            }
        };
        day * 86_400 + i64::from(self.seconds)
    }
}

/// `CET`, or `<+0330>`.
fn take_name(rest: &mut &str) -> Option<String> {
    let (name, behind) = match rest.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?,
        None => rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())),
    };
    *rest = behind;
    (name.len() >= 3).then(|| name.to_owned())
}

/// `[+-]hh[:mm[:ss]]` in seconds.
fn take_time(rest: &mut &str) -> Option<i32> {
    let (sign, text) = match rest.as_bytes().first()? {
        b'-' => (-1, &rest[1..]),
        b'+' => (1, &rest[1..]),
        _ => (1, *rest),
    };
    let length = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let mut seconds = 0;
    for (part, unit) in text[..length].split(':').zip([3600, 60, 1]) {
        // A rule may shift by up to a week.
        seconds += part.parse::<i32>().ok().filter(|part| *part <= 168)? * unit;
    }
    *rest = &text[length..];
    Some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let zone = Zone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(zone.at(1_711_846_799), (3600, "CET")); // 2024-03-31 00:59:59 UTC
        assert_eq!(zone.at(1_711_846_800), (7200, "CEST"));
        assert_eq!(zone.at(1_729_990_799), (7200, "CEST")); // 2024-10-27 00:59:59 UTC
        assert_eq!(zone.at(1_729_990_800), (3600, "CET"));
        let south = Zone::from_rule("NZST-12NZDT,M9.5.0,M4.1.0/3").unwrap();
        assert_eq!(south.at(1_704_067_200), (46_800, "NZDT")); // January
        assert_eq!(south.at(1_719_792_000), (43_200, "NZST")); // July
        assert_eq!(Zone::from_rule("<+0330>-3:30").unwrap().at(0), (12_600, "+0330"));
        assert_eq!(Zone::from_rule("EST5").unwrap().at(0), (-18_000, "EST"));
        for bad in ["", "X", "CET", "CET-1CEST,M13.1.0,M1.1.0", "CET-1CEST,M3.5.0", "<ab"] {
            assert_eq!(Zone::from_rule(bad), None, "{bad}");
        }
    }

    /// A zone file made by hand: one change from +1 h to +2 h, then a rule.
    fn file(version: u8) -> Vec<u8> {
        let block = |width: usize| {
            let mut bytes = b"TZif".to_vec();
            bytes.push(version);
            bytes.resize(20, 0);
            for count in [0u32, 0, 0, 2, 2, 8] {
                bytes.extend(count.to_be_bytes());
            }
            for moment in [1000i64, 2000] {
                bytes.extend(&moment.to_be_bytes()[8 - width..]);
            }
            bytes.extend([1, 0]);
            bytes.extend(3600i32.to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(7200i32.to_be_bytes());
            bytes.extend([1, 4]);
            bytes.extend(b"ONE\0TWO\0");
            bytes
        };
        let mut bytes = block(4);
        if version > 0 {
            bytes.extend(block(8));
            bytes.extend(b"\nEST5\n");
        }
        bytes
    }

    #[test]
    fn files() {
        let old = Zone::parse(&file(0)).unwrap();
        assert_eq!([999, 1000, 1999, 2000].map(|t| old.at(t).0), [3600, 7200, 7200, 3600]);
        let new = Zone::parse(&file(b'2')).unwrap();
        assert_eq!([999, 1000, 1999].map(|t| new.at(t).1), ["ONE", "TWO", "TWO"]);
        assert_eq!(new.at(2000), (-18_000, "EST"));
    }

    #[test]
    fn damaged_files_are_refused_without_a_panic() {
        let whole = file(b'2');
        for length in 0..whole.len() {
            let _ = Zone::parse(&whole[..length]).map(|zone| zone.at(1500).0);
        }
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0xff;
            let _ = Zone::parse(&bad).map(|zone| zone.at(1500).0);
        }
    }
}
