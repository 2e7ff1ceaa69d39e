//! Byte ranges (RFC 9110 §14) and the validators that make resuming safe (§8.8, §13.1.5).
//!
//! Neighbours: `download.rs` and `pull.rs` ask for ranges and distrust the answers, `files.rs` serves them.

use std::fmt;

use hyper::HeaderMap;
use hyper::header::{CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};

use crate::client::Call;

/// Bytes `first..=last` of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Position of the first byte.
    pub first: u64,
    /// Position of the last byte, never below `first`.
    pub last: u64,
}

impl Span {
    /// Bytes in it: at least one. Saturates for the one span that holds 2⁶⁴.
    pub fn length(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// `Content-Range`: what a 206 or 416 answer is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentRange {
    /// `bytes 5-9/100`, or `bytes 5-9/*` where the total is not known.
    Part(Span, Option<u64>),
    /// `bytes */100`: nothing of these 100.
    None(u64),
}

impl ContentRange {
    /// Reads a header; `None` if it is not exactly what the RFC allows.
    pub fn parse(value: &str) -> Option<ContentRange> {
        let (unit, rest) = value.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        if range == "*" {
            return total.map(ContentRange::None);
        }
        let (first, last) = range.split_once('-')?;
        let span = Span { first: number(first)?, last: number(last)? };
        let fits = span.first <= span.last && total.is_none_or(|total| span.last < total);
        fits.then_some(ContentRange::Part(span, total))
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContentRange::Part(span, Some(total)) => write!(f, "bytes {}-{}/{total}", span.first, span.last),
            ContentRange::Part(span, None) => write!(f, "bytes {}-{}/*", span.first, span.last),
            ContentRange::None(total) => write!(f, "bytes */{total}"),
        }
    }
}

/// What an answer says it is about.
pub(crate) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    ContentRange::parse(headers.get(CONTENT_RANGE)?.to_str().ok()?)
}

/// Checks a 206 that was asked for from byte `first` on: what it holds, and of how many bytes; or why not.
pub(crate) fn part(
    headers: &HeaderMap,
    announced: Option<u64>,
    first: u64,
) -> Result<(Span, Option<u64>), String> {
    let Some(ContentRange::Part(span, total)) = content_range(headers) else {
        return Err("a part without a usable Content-Range".to_owned());
    };
    if span.first != first {
        return Err(format!("asked for byte {first} on, it sent byte {} on", span.first));
    }
    if announced.is_some_and(|length| length != span.length()) {
        return Err(format!("'{}' with a body of another length", ContentRange::Part(span, total)));
    }
    Ok((span, total))
}

/// Digits and nothing else: `parse` alone would take a `+`.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// What a request wants of something `total` bytes long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Everything: no range asked for, or one that is not served (several, another unit, nonsense).
    All,
    /// These bytes.
    Part(Span),
    /// A range that lies outside: 416.
    Outside,
}

/// The request for bytes from `first` on, or as far as `last`: of this version, where the server named one.
///
/// # Errors
/// As a reason.
pub(crate) fn ask(
    call: &Call,
    first: u64,
    last: Option<u64>,
    version: Option<&Validator>,
) -> Result<Call, String> {
    let value =
        |text: &str| HeaderValue::try_from(text).map_err(|_| "a validator that is no header".to_owned());
    let last = last.map_or_else(String::new, |last| last.to_string());
    let call = call.clone().header(RANGE, value(&format!("bytes={first}-{last}"))?);
    match version {
        Some(version) => Ok(call.header(IF_RANGE, value(version.as_str())?)),
        None => Ok(call),
    }
}

/// Reads a `Range` header. One range is served; several, as the RFC allows, are answered with everything.
pub fn wanted(value: &str, total: u64) -> Wanted {
    let Some((unit, set)) = value.trim().split_once('=') else { return Wanted::All };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Wanted::All;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Wanted::All };
    match (number(first), number(last)) {
        (None, Some(suffix)) if first.is_empty() => match suffix.min(total) {
            0 => Wanted::Outside,
            suffix => Wanted::Part(Span { first: total - suffix, last: total - 1 }),
        },
        (Some(first), None) if last.is_empty() => match first < total {
            true => Wanted::Part(Span { first, last: total - 1 }),
            false => Wanted::Outside,
        },
        (Some(first), Some(last)) if first <= last => match first < total {
            true => Wanted::Part(Span { first, last: last.min(total - 1) }),
            false => Wanted::Outside,
        },
        _ => Wanted::All,
    }
}

/// What tells one version of something from another: only strong ones, fit for `If-Range`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Validator {
    /// A strong entity tag, with its quotes.
    Tag(String),
    /// `Last-Modified`, as the server wrote it; strong only with a `Date` a minute later.
    Modified(String),
}

impl Validator {
    /// The best one of an answer: a strong tag, else a date that is strong (RFC 9110 §8.8.2.2).
    pub fn of(headers: &HeaderMap) -> Option<Validator> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(tag) = text(ETAG) {
            // A weak tag says that the date is no better.
            return is_strong(tag).then(|| Validator::Tag(tag.to_owned()));
        }
        let modified = text(LAST_MODIFIED)?;
        let (changed, sent) =
            (crate::date::parse(modified)?, crate::date::parse(text(hyper::header::DATE)?)?);
        (changed.as_secs() + 60 <= sent.as_secs()).then(|| Validator::Modified(modified.to_owned()))
    }

    /// As `If-Range` sends it.
    pub fn as_str(&self) -> &str {
        match self {
            Validator::Tag(text) | Validator::Modified(text) => text,
        }
    }

    /// True if an answer that names its version names another one.
    pub(crate) fn contradicts(&self, headers: &HeaderMap) -> bool {
        let name = match self {
            Validator::Tag(_) => ETAG,
            Validator::Modified(_) => LAST_MODIFIED,
        };
        headers.get(name).is_some_and(|value| value.as_bytes() != self.as_str().as_bytes())
    }
}

/// A quoted tag without `W/`.
fn is_strong(tag: &str) -> bool {
    tag.len() >= 2
        && tag.starts_with('"')
        && tag.ends_with('"')
        && !tag.get(1..tag.len() - 1).is_some_and(|t| t.contains('"'))
}

/// What a request wants of a version with this tag and date, by `Range` and `If-Range`.
pub(crate) fn requested(headers: &HeaderMap, total: u64, tag: &str, modified: Option<&str>) -> Wanted {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::All };
    match headers.get(IF_RANGE) {
        Some(condition) => {
            let same = condition.as_bytes() == tag.as_bytes()
                || modified.is_some_and(|date| condition.as_bytes() == date.as_bytes());
            if same { wanted(range, total) } else { Wanted::All }
        }
        None => wanted(range, total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_range_is_read_strictly() {
        let part = |first, last, total| Some(ContentRange::Part(Span { first, last }, total));
        assert_eq!(ContentRange::parse("bytes 0-0/1"), part(0, 0, Some(1)));
        assert_eq!(ContentRange::parse("Bytes 5-9/*"), part(5, 9, None));
        assert_eq!(ContentRange::parse("bytes */7"), Some(ContentRange::None(7)));
        for wrong in [
            "",
            "bytes",
            "bytes 5-9",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "bytes +5-9/10",
            "bytes -9/10",
            "bytes */*",
            "lines 1-2/3",
            "bytes 0-99999999999999999999/*",
            "bytes 5 -9/10",
        ] {
            assert_eq!(ContentRange::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_of_requests() {
        let part = |first, last| Wanted::Part(Span { first, last });
        for (value, expected) in [
            ("bytes=0-", part(0, 99)),
            ("bytes=10-19", part(10, 19)),
            ("bytes=90-900", part(90, 99)),
            ("bytes=-5", part(95, 99)),
            ("bytes=-500", part(0, 99)),
            ("bytes=100-", Wanted::Outside),
            ("bytes=-0", Wanted::Outside),
            ("bytes=5-4", Wanted::All),
            ("bytes=0-1,5-6", Wanted::All),
            ("lines=0-1", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes", Wanted::All),
            ("bytes=a-b", Wanted::All),
        ] {
            assert_eq!(wanted(value, 100), expected, "{value}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Outside);
        assert_eq!(wanted("bytes=0-18446744073709551615", u64::MAX), part(0, u64::MAX - 1));
    }

    #[test]
    fn only_strong_validators_count() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            Validator::of(&headers)
        };
        assert_eq!(of(&[("etag", "\"a\"")]), Some(Validator::Tag("\"a\"".into())));
        let (old, now) = ("Sun, 06 Nov 1994 08:48:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(of(&[("last-modified", old), ("date", now)]), Some(Validator::Modified(old.into())));
        assert_eq!(of(&[("last-modified", now), ("date", now)]), None, "it may change again this second");
        assert_eq!(of(&[("etag", "W/\"a\""), ("last-modified", old), ("date", now)]), None);
        assert_eq!(of(&[("etag", "a")]), None);
    }
}
