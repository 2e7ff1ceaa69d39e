//! Versions and their order: what is newer, and so what would be a step back.
//!
//! `1.4.0`, `2026.11`, `1.4.0-rc.2`: numbers between dots, missing ones are 0; after a `-` words that make it older
//! than the same version without them, compared as Semantic Versioning 2.0 §11 does; after a `+` what is not
//! compared. A leading `v` is refused rather than guessed at. Neighbours: `bundle::manifest`, `policy`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use edgekit_core::config::{Format, Reading};

/// A version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version(String);

/// Letters of a version, at most.
const MAX: usize = 128;

/// How one looks, for manifests.
pub(crate) static FORMAT: Format = Format {
    name: "a version",
    shape: "1.4.0, 2026.11 or 1.4.0-rc.2",
    pattern: "^[0-9]+(\\.[0-9]+)*(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$",
    numbers: false,
    read: |text| {
        let version: Version = text.parse()?;
        Ok(Reading { canonical: version.0, measure: None })
    },
};

edgekit_core::text_type!(Version, &FORMAT, |text| text.parse().ok());

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Version, String> {
        let wrong = |why: &str| format!("'{text}' is not a version: {why}");
        if text.len() > MAX {
            return Err(format!("a version is longer than {MAX} letters"));
        }
        let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
        let (numbers, words) =
            rest.split_once('-').map_or((rest, None), |(numbers, words)| (numbers, Some(words)));
        let is_number =
            |part: &str| part.parse::<u64>().is_ok() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !numbers.split('.').all(is_number) {
            return Err(wrong("write numbers between dots, such as 1.4.0 or 2026.11"));
        }
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !words.into_iter().chain(build).all(|words| words.split('.').all(is_word)) {
            return Err(wrong("after '-' and '+' stand letters and digits between dots"));
        }
        Ok(Version(text.to_owned()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Version {
    /// Which is newer. Two that differ only in what is not compared are equal here.
    pub fn order(&self, other: &Version) -> Ordering {
        let ((numbers, words), (others, other_words)) = (self.parts(), other.parts());
        let number =
            |parts: &mut std::str::Split<'_, char>| parts.next().map(|part| part.parse::<u64>().unwrap_or(0));
        let (mut ours, mut theirs) = (numbers.split('.'), others.split('.'));
        loop {
            match (number(&mut ours), number(&mut theirs)) {
                (None, None) => break,
                (a, b) => match a.unwrap_or(0).cmp(&b.unwrap_or(0)) {
                    Ordering::Equal => {}
                    order => return order,
                },
            }
        }
        match (words, other_words) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.split('.').map(Word::of).cmp(b.split('.').map(Word::of)),
        }
    }

    /// Numbers and words, without what follows a `+`.
    fn parts(&self) -> (&str, Option<&str>) {
        let rest = self.0.split('+').next().unwrap_or_default();
        rest.split_once('-').map_or((rest, None), |(numbers, words)| (numbers, Some(words)))
    }
}

/// A word after `-`: numbers come before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Word<'a> {
    Number(u64),
    Text(&'a str),
}

impl Word<'_> {
    fn of(text: &str) -> Word<'_> {
        text.parse().map_or(Word::Text(text), Word::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect(text)
    }

    #[test]
    fn versions_stand_in_order() {
        let order = [
            "0",
            "0.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.2",
            "1.10",
            "2026.11",
            "2026.11.1",
        ];
        for (at, a) in order.iter().enumerate() {
            for (other, b) in order.iter().enumerate() {
                assert_eq!(version(a).order(&version(b)), at.cmp(&other), "{a} and {b}");
            }
        }
        assert!(version("1.0").order(&version("1.0.0+build.7")).is_eq());
        assert!(version("1").order(&version("01.0")).is_eq());
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "v1.0",
            "1.",
            ".1",
            "1..2",
            "1.0-",
            "1.0-a..b",
            "1.0+",
            "1.0-ü",
            "1 0",
            "99999999999999999999",
            "+1",
            "1.+2",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!("1".repeat(MAX + 1).parse::<Version>().is_err());
    }
}
