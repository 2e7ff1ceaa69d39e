//! The house's clock as rustls wants it, so that a machine that starts in 1970 checks certificates
//! against the floor of [`Clock`] and a test against the time it says.

use edgekit_core::Clock;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// [`Clock`]'s wall time for certificate checks.
#[derive(Clone, Debug)]
pub struct ClockTime(pub Clock);

impl ClockTime {
    /// The time certificates are checked against.
    pub fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(self.0.wall())
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}
