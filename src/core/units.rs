//! Durations, sizes and rates as people write them: `1h30m`, `64K`, `10MiB`, `100/s`.
//!
//! One grammar for configuration and flags, and one way to print each value back: what is printed
//! reads back as the same value. No spaces, no fractions: `1500ms`, not `1.5 s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

/// Units of time, the largest first, in nanoseconds.
const TIMES: [(&str, u128); 8] = [
    ("w", 604_800 * NANOS),
    ("d", 86_400 * NANOS),
    ("h", 3_600 * NANOS),
    ("m", 60 * NANOS),
    ("s", NANOS),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Units of size. `K` is `KiB`, as in systemd; the decimal ones are written out.
const SIZES: [(&str, u64); 14] = [
    ("", 1),
    ("B", 1),
    ("K", 1 << 10),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("M", 1 << 20),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("G", 1 << 30),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("T", 1 << 40),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
];

/// Why a text is no such value; its message says what would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotAUnit(String);

impl fmt::Display for NotAUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAUnit {}

/// Digits at the front, and the rest.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text.get(..end)?.parse().ok()?, text.get(end..)?))
}

/// Reads `10s`, `500ms`, `1h30m`, `0`: numbers with the units w, d, h, m, s, ms, us, ns, each at most
/// once and the largest first.
///
/// # Errors
/// Anything else, and more than 2^64 seconds.
pub fn parse_duration(text: &str) -> Result<Duration, NotAUnit> {
    let wrong = |why: &str| NotAUnit(format!("'{text}' is not a duration: {why}"));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut total, mut rest, mut units) = (0_u128, text, TIMES.iter());
    while !rest.is_empty() || total == 0 && units.len() == TIMES.len() {
        let (count, after) = number(rest).ok_or_else(|| wrong("write it as 10s, 5m or 1h30m"))?;
        let end = after.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Err(wrong("it has no unit: ms, s, m, h, d or w"));
        }
        if !TIMES.iter().any(|(name, _)| *name == unit) {
            return Err(wrong(&format!("'{unit}' is no unit of time: ms, s, m, h, d or w")));
        }
        let Some((_, nanos)) = units.find(|(name, _)| *name == unit) else {
            return Err(wrong("the larger unit comes first, and each once"));
        };
        total += u128::from(count) * nanos;
        rest = after;
    }
    let seconds = u64::try_from(total / NANOS).map_err(|_| wrong("it is too long"))?;
    Ok(Duration::new(seconds, u32::try_from(total % NANOS).unwrap_or(0)))
}

/// Prints a duration so that [`parse_duration`] reads the same one: `1h30m`.
pub fn show_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, nanos) in TIMES {
        let count = rest / nanos;
        // Weeks are seldom meant: 14d reads better than 2w.
        if count > 0 && unit != "w" {
            text.push_str(&format!("{count}{unit}"));
            rest %= nanos;
        }
    }
    text
}

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = NotAUnit;

    /// `4096`, `64K` (= `64KiB`), `10MiB`, `10MB`.
    fn from_str(text: &str) -> Result<Size, NotAUnit> {
        let wrong = |why: &str| NotAUnit(format!("'{text}' is not a size: {why}"));
        let (count, unit) = number(text).ok_or_else(|| wrong("write it as 4096, 64K or 10MiB"))?;
        // A small k is what many fingers type.
        let unit = if unit == "k" { "K" } else { unit };
        let (_, bytes) = SIZES
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| wrong(&format!("'{unit}' is no unit: K, M, G (of 1024) or kB, MB, GB")))?;
        count.checked_mul(*bytes).map(Size).ok_or_else(|| wrong("it is too large"))
    }
}

impl fmt::Display for Size {
    /// In the largest binary unit that leaves no rest: `10MiB`, `1536KiB`, `1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes)) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A number of events in a stretch of time: `100/s`, `6/m`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In how long: a second, a minute, an hour or a day.
    pub per: Duration,
}

impl Rate {
    /// Events in a day, to compare by.
    pub fn per_day(self) -> u128 {
        let seconds = u128::from(self.per.as_secs()).max(1);
        u128::from(self.count) * (86_400 / seconds)
    }
}

impl FromStr for Rate {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<Rate, NotAUnit> {
        let wrong = || NotAUnit(format!("'{text}' is not a rate: write it as 100/s, 6/m, 20/h or 1/d"));
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let (count, rest) = number(count).ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        if !rest.is_empty() {
            return Err(wrong());
        }
        Ok(Rate { count, per: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            60 => "m",
            3_600 => "h",
            86_400 => "d",
            _ => "s",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// Bytes in a second: `2MiB/s`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteRate(pub Size);

impl FromStr for ByteRate {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<ByteRate, NotAUnit> {
        let wrong = || NotAUnit(format!("'{text}' is not a rate of bytes: write it as 64K/s or 2MiB/s"));
        let size = text.strip_suffix("/s").ok_or_else(wrong)?;
        size.parse().map(ByteRate).map_err(|_| wrong())
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_written() {
        let millis = |text: &str| parse_duration(text).map(|duration| duration.as_millis()).ok();
        for (text, wanted) in [
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("2w1d", Some(15 * 86_400_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("", None),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1 s", None),
            ("1m1h", None),
            ("1s1s", None),
            ("1y", None),
            ("99999999999999999999s", None),
            ("18446744073709551615w", None),
            ("1sé", None),
        ] {
            assert_eq!(millis(text), wanted, "{text}");
        }
        assert_eq!(
            parse_duration("10").unwrap_err().to_string(),
            "'10' is not a duration: it has no unit: ms, s, m, h, d or w"
        );
    }

    #[test]
    fn sizes_read_as_written() {
        let bytes = |text: &str| text.parse::<Size>().map(|size| size.0).ok();
        for (text, wanted) in [
            ("4096", Some(4096)),
            ("64K", Some(65_536)),
            ("64k", Some(65_536)),
            ("10MiB", Some(10 << 20)),
            ("10MB", Some(10_000_000)),
            ("1T", Some(1 << 40)),
            ("10X", None),
            ("1.5M", None),
            ("", None),
            ("-1", None),
            ("18446744073709551615K", None),
        ] {
            assert_eq!(bytes(text), wanted, "{text}");
        }
        assert_eq!(Size(1536 << 10).to_string(), "1536KiB");
        assert_eq!(Size(0).to_string(), "0");
    }

    #[test]
    fn rates_read_as_written() {
        let rate = |text: &str| text.parse::<Rate>().map(|rate| rate.to_string()).ok();
        assert_eq!(rate("100/s").as_deref(), Some("100/s"));
        assert_eq!(rate("6/m").as_deref(), Some("6/m"));
        for wrong in ["100", "/s", "100/", "1K/s", "100/w", "1/s/s"] {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
        assert!("6/m".parse::<Rate>().unwrap().per_day() < "1/s".parse::<Rate>().unwrap().per_day());
        assert_eq!("2MiB/s".parse::<ByteRate>().unwrap().to_string(), "2MiB/s");
        assert!("2MiB".parse::<ByteRate>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(seconds: u64, nanos in 0_u32..1_000_000_000, bytes: u64) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
            prop_assert_eq!(ByteRate(Size(bytes)).to_string().parse(), Ok(ByteRate(Size(bytes))));
        }

        #[test]
        fn no_text_is_too_odd(text: String) {
            drop(parse_duration(&text));
            drop(text.parse::<Size>());
            drop(text.parse::<Rate>());
        }
    }
}
