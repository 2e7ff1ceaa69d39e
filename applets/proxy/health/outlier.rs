//! Endpoints that answer badly several times in a row are left out for a while, longer each time.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::endpoint::EndpointState;
use super::state::ClusterState;
use crate::route::Percent;

edgekit_core::config! {
    /// When an endpoint is left out because of how it answers
    pub struct Outlier {
        /// Answers of 500 to 599, or none, in a row
        live errors: Option<u32>, in 1..=1000, like 5;
        /// Failed connections in a row
        live connect_errors: Option<u32>, in 1..=1000, like 3;
        /// How long it is left out the first time, and as much longer each time after
        live eject: Duration = "30s", in "100ms"..="1h";
        /// The longest it is left out
        live eject_max: Duration = "5m", in "100ms"..="1d";
        /// How many may be left out at a time; one always
        live share: Percent = "50%";
    }
}

impl Outlier {
    /// True if the section asks for anything.
    pub fn is_on(&self) -> bool {
        self.errors.is_some() || self.connect_errors.is_some()
    }
}

/// How a request at an endpoint ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// With an answer of this status.
    Answered(u16),
    /// Without one, or too late.
    Lost,
    /// There was no connection to be had.
    Refused,
}

/// Counts a report; true if the endpoint is now left out.
pub(super) fn report(
    cluster: &ClusterState,
    endpoint: &EndpointState,
    settings: &Outlier,
    report: Report,
    now: Duration,
) -> bool {
    let (count, most) = match report {
        Report::Answered(status) if status < 500 => {
            // Written only where it changes something: a line of cache stays where it is.
            for count in [&endpoint.errors, &endpoint.refusals] {
                if count.load(Relaxed) != 0 {
                    count.store(0, Relaxed);
                }
            }
            return false;
        }
        Report::Answered(_) | Report::Lost => (&endpoint.errors, settings.errors),
        Report::Refused => (&endpoint.refusals, settings.connect_errors),
    };
    let Some(most) = most else { return false };
    if count.fetch_add(1, Relaxed) + 1 < most || endpoint.ejected_until(now).is_some() {
        return false;
    }
    let (left_out, all) = cluster.left_out(now);
    if left_out > 0 && !settings.share.allows(left_out + 1, all) {
        return false;
    }
    count.store(0, Relaxed);
    let last = Duration::from_nanos(endpoint.ejected_until.load(Relaxed));
    // Whoever was well for long begins anew.
    if last.is_zero() || now.saturating_sub(last) > settings.eject_max {
        endpoint.ejections.store(0, Relaxed);
    }
    let times = endpoint.ejections.fetch_add(1, Relaxed).saturating_add(1);
    let away = settings.eject.saturating_mul(times).min(settings.eject_max.max(settings.eject));
    let until = u64::try_from((now + away).as_nanos()).unwrap_or(u64::MAX);
    endpoint.ejected_until.store(until, Relaxed);
    endpoint.since.store(until, Relaxed);
    true
}
