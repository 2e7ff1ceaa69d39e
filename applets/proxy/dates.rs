//! The time as text, made once a second.

use std::time::{Duration, UNIX_EPOCH};

use edgekit_core::Clock;

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
            self.iso = iso(self.second);
        }
        now
    }
}

fn iso(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date of a day count, in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + carry;
    format!("{year:04}-{month:02}-{of_month:02}T{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
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
            assert_eq!(iso(seconds), text);
        }
        let mut dates = Dates::new(Clock::fixed(Duration::from_millis(784_111_777_042)));
        assert_eq!(dates.http(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(dates.iso(), (&b"1994-11-06T08:49:37"[..], 42));
    }
}
