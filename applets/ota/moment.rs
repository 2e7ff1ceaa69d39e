//! Points in time as a manifest names them: `2027-01-31` or `2027-01-31T12:00:00Z`, always UTC.
//!
//! Neighbours: `bundle::manifest`, `keys::list`; the day arithmetic is `edgekit_core::calendar`'s.

use std::fmt;
use std::str::FromStr;

use edgekit_core::calendar::{Civil, date_of, days_before};
use edgekit_core::config::{Format, Reading};

/// Seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment(pub u64);

const DAY: u64 = 86_400;

/// How one looks, for manifests.
pub(crate) static FORMAT: Format = Format {
    name: "a point in time",
    shape: "2027-01-31 or 2027-01-31T12:00:00Z",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$",
    numbers: false,
    read: |text| {
        let moment: Moment = text.parse()?;
        Ok(Reading { canonical: moment.to_string(), measure: Some(u128::from(moment.0)) })
    },
};

edgekit_core::text_type!(Moment, &FORMAT, |text| text.parse().ok());

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let wrong =
            || format!("'{text}' is not a point in time: write it as 2027-01-31 or 2027-01-31T12:00:00Z");
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, time.strip_suffix('Z').ok_or_else(wrong)?),
            None => (text, "00:00:00"),
        };
        let number = |part: &str, len: usize| {
            let fits = part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| part.parse::<u64>().ok()).flatten()
        };
        let three = |text: &str, between: char, first: usize| {
            let mut parts = text.split(between);
            let found = [number(parts.next()?, first)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?];
            parts.next().is_none().then_some(found)
        };
        let [year, month, day] = three(date, '-', 4).ok_or_else(wrong)?;
        let [hours, minutes, seconds] = three(time, ':', 2).ok_or_else(wrong)?;
        let (year, month_, day_) = (year as i64, month as u8, day as u8);
        let days = days_before(year, month_.clamp(1, 12), day_);
        if date_of(days) != (year, month_, day_) || hours > 23 || minutes > 59 || seconds > 59 {
            return Err(wrong());
        }
        let days = u64::try_from(days).map_err(|_| wrong())?;
        Ok(Moment(days * DAY + hours * 3600 + minutes * 60 + seconds))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Civil::since_1970(self.0);
        let (year, month, day) = (civil.year, civil.month, civil.day);
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        match self.0 % DAY {
            0 => Ok(()),
            rest => write!(f, "T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back() {
        for (text, seconds) in
            [("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2027-01-31T12:00:01Z", 1_801_396_801)]
        {
            let moment: Moment = text.parse().expect(text);
            assert_eq!((moment.0, moment.to_string().as_str()), (seconds, text));
        }
        assert_eq!("2027-01-31T00:00:00Z".parse::<Moment>().expect("one").to_string(), "2027-01-31");
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "2027",
            "2027-1-31",
            "2027-02-30",
            "2027-13-01",
            "2027-00-10",
            "2027-01-00",
            "1969-12-31",
            "2027-01-31T12:00:00",
            "2027-01-31T24:00:00Z",
            "2027-01-31T12:00:00+01:00",
            "2027-01-31 12:00:00Z",
            "2027-01-31-01",
            "+027-01-31",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
