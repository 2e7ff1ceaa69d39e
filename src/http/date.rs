//! Dates as HTTP writes them, and `Retry-After`, which is a date or a number of seconds.
//!
//! Times are durations since 1970, as `edgekit_core::Clock` gives them. Neighbours: `retry.rs` waits
//! what is told here, `files.rs` writes `Last-Modified`.

use std::time::{Duration, UNIX_EPOCH};

/// Longest `Retry-After` that is believed: one day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Latest date the format can hold: 9999-12-31T23:59:59.
const LAST_SECOND: u64 = 253_402_300_799;

/// How long to wait by a `Retry-After` header (RFC 9110 §10.2.3), at most a day; `now` is wall time.
/// `None` if it is neither seconds nor a date; a date that is over is no wait.
pub fn retry_after(value: &str, now: Duration) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit are longer than a day as well.
        return Some(value.parse().map_or(LONGEST, |seconds| Duration::from_secs(seconds).min(LONGEST)));
    }
    parse(value).map(|date| date.saturating_sub(now).min(LONGEST))
}

/// Reads any of HTTP's three date forms (RFC 9110 §5.6.7).
pub(crate) fn parse(value: &str) -> Option<Duration> {
    httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()
}

/// Writes a time, cut to seconds, in the preferred form.
pub(crate) fn format(time: Duration) -> String {
    let seconds = Duration::from_secs(time.as_secs().min(LAST_SECOND));
    httpdate::fmt_http_date(UNIX_EPOCH + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_dates_and_nonsense() {
        let now = parse("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(now.as_secs(), 784_111_777);
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:48:37 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999999999", now), Some(LONGEST));
        for wrong in ["", "-1", "1.5", "soon", "+5"] {
            assert_eq!(retry_after(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn any_time_can_be_written() {
        assert_eq!(format(Duration::ZERO), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format(Duration::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
