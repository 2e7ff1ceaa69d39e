//! The time as text, made once a second.

use std::time::{Duration, UNIX_EPOCH};

use edgekit_core::Clock;
use edgekit_core::calendar::Civil;

/// Texts of the current second.
pub struct Dates {
    clock: Clock,
    second: u64,
    http: String,
    iso: String,
}

impl Dates {
    /// Told by `clock`.
    pub fn new(clock: Clock) -> Dates {
        Dates { clock, second: u64::MAX, http: String::new(), iso: String::new() }
    }

    /// As a Date field (RFC 9110 §5.6.7).
    pub fn http(&mut self) -> &[u8] {
        self.refresh();
        self.http.as_bytes()
    }

    /// `2026-11-23T04:43:12` and the milliseconds.
    pub fn iso(&mut self) -> (&[u8], u32) {
        let now = self.refresh();
        (self.iso.as_bytes(), now.subsec_millis())
    }

    fn refresh(&mut self) -> Duration {
        let now = self.clock.wall();
        if now.as_secs() != self.second {
            self.second = now.as_secs();
            self.http = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.second));
            self.iso = Civil::since_1970(self.second).to_string();
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_795_408_992, "2026-11-23T04:43:12"),
            (4_107_542_399, "2100-02-28T23:59:59"),
        ] {
            assert_eq!(Civil::since_1970(seconds).to_string(), text);
        }
        let mut dates = Dates::new(Clock::fixed(Duration::from_millis(784_111_777_042)));
        assert_eq!(dates.http(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(dates.iso(), (&b"1994-11-06T08:49:37"[..], 42));
    }
}
