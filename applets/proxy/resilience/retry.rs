//! Whether a request that failed is worth another try, and when.
//!
//! Only what is safe is tried again: a request that the server cannot have read, or one that does no
//! harm twice and whose body is still here. Each try skips the endpoints that were tried; the pauses
//! between them grow and are never alike for two requests.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::Permit;
use super::budget::Budget;
use crate::balance::{Dice, Tried};
use crate::health::ClusterState;
use crate::route::Percent;
use crate::snapshot::Cluster;

edgekit_core::words! {
    /// What is worth another try.
    pub enum RetryOn {
        /// There was no connection to be had.
        ConnectFailure = "connect-failure",
        /// The server ended before it answered.
        Reset = "reset",
        /// It took longer than `try_timeout`.
        Timeout = "timeout",
        /// An answer of 500 to 599.
        ServerError = "5xx",
        /// An answer of 502, 503 or 504.
        GatewayError = "gateway-error",
        /// An answer whose status is among `statuses`.
        RetriableStatus = "retriable-status",
    }
}

edgekit_core::config! {
    /// When a request is tried again
    pub struct Retry {
        /// What is worth it; none is never
        live on: Option<Vec<RetryOn>>, like ["connect-failure", "reset", "5xx"];
        /// Answers for retriable-status
        live statuses: Option<Vec<u16>>, in 400..=599, like [429, 503];
        /// Second tries of one request
        live attempts: u8 = 2, in 1..=10;
        /// How long a try may take until the answer begins; none is as long as the rest allows
        live try_timeout: Option<Duration>, in "10ms"..="1h", like "2s";
        /// The pause before the first one, doubled each time, at random up to that
        live backoff: Duration = "25ms", in "0"..="1m";
        /// The longest pause
        live backoff_max: Duration = "250ms", in "0"..="1m";
        /// Second tries beside all requests of the route in ten seconds
        live budget: Percent = "20%";
        /// Second tries a second that are allowed in any case
        live budget_least: u32 = 3, in 0..=100000;
        /// Requests of any method, not only of those that do no harm twice
        live any_method: bool = false;
    }
}

impl Retry {
    /// True if anything is tried again.
    pub fn is_on(&self) -> bool {
        self.on.as_ref().is_some_and(|on| !on.is_empty())
    }

    fn wants(&self, why: Why) -> bool {
        let on = self.on.as_deref().unwrap_or_default();
        on.iter().any(|on| match (on, why) {
            (RetryOn::ConnectFailure, Why::Connect)
            | (RetryOn::Reset, Why::Reset)
            | (RetryOn::Timeout, Why::Timeout) => true,
            (RetryOn::ServerError, Why::Status(status)) => status >= 500,
            (RetryOn::GatewayError, Why::Status(status)) => matches!(status, 502..=504),
            (RetryOn::RetriableStatus, Why::Status(status)) => {
                self.statuses.as_ref().is_some_and(|statuses| statuses.contains(&status))
            }
            _ => false,
        })
    }
}

/// How a try failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// There was no connection to be had.
    Connect,
    /// The server ended before it answered.
    Reset,
    /// It took longer than a try may.
    Timeout,
    /// It answered with this status.
    Status(u16),
}

/// The tries of one request.
#[derive(Debug)]
pub struct Tries<'a> {
    settings: Option<&'a Retry>,
    number: u8,
    /// Endpoints that were tried.
    pub tried: Tried,
    /// Held while a second try runs.
    permit: Option<Permit>,
}

impl<'a> Tries<'a> {
    /// Of a request; without settings there is one.
    pub fn new(settings: Option<&'a Retry>) -> Tries<'a> {
        Tries { settings, number: 0, tried: Tried::default(), permit: None }
    }

    /// How long a try may take.
    pub fn patience(&self) -> Option<Duration> {
        self.settings?.try_timeout
    }

    /// Whether answers of `status` are looked at.
    pub fn minds(&self, status: u16) -> bool {
        status >= 400
            && self
                .settings
                .is_some_and(|retry| self.number < retry.attempts && retry.wants(Why::Status(status)))
    }

    /// The pause before another try; none if there is none. `is_safe` says that the request may be
    /// sent again as it is.
    pub fn again(
        &mut self,
        why: Why,
        is_safe: bool,
        means: &Means<'_>,
        dice: &Dice,
        now: Duration,
    ) -> Option<Duration> {
        let retry = self.settings?;
        // Drop the place of the try before first: one request holds one.
        self.permit = None;
        if !is_safe || self.number >= retry.attempts || !retry.wants(why) {
            return None;
        }
        let budget = means.budget?;
        if let (Some(most), Some(state)) = (means.cluster.settings.limits.max_retries, means.state) {
            self.permit = Some(Permit::new(state, |breakers| &breakers.retries, most)?);
        }
        if !budget.spend(now, retry.budget, retry.budget_least) {
            return None;
        }
        self.number += 1;
        if self.tried.count() >= means.cluster.endpoints.len() {
            self.tried.clear();
        }
        let longest = retry.backoff.saturating_mul(1 << (self.number - 1).min(16)).min(retry.backoff_max);
        // A part of it in 2^24ths.
        let part = u128::from(dice.roll() >> 40);
        let nanoseconds = (longest.as_nanos() * part) >> 24;
        Some(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }
}

/// What second tries of a request draw on.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// The cluster that is asked.
    pub cluster: &'a Cluster,
    /// What its workers know together.
    pub state: Option<&'a Arc<ClusterState>>,
    /// Second tries that are left.
    pub budget: Option<&'a Budget>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::tests::cluster;

    fn retry(text: &str) -> Retry {
        let text = format!("[route.r]\nstatus = 200\n[route.r.retry]\n{text}");
        crate::balance::tests::config(&text).route.remove("r").unwrap().retry
    }

    #[test]
    fn only_what_is_wanted_and_safe_is_tried_again() {
        let settings = retry("on = [\"reset\", \"gateway-error\", \"retriable-status\"]\nstatuses = [429]\n");
        let (cluster, dice, budget) =
            (cluster("endpoints = [\"127.0.0.1:1\"]"), Dice::new(1), Budget::default());
        let means = Means { cluster: &cluster, state: None, budget: Some(&budget) };
        for (why, is_safe, wanted) in [
            (Why::Reset, true, true),
            (Why::Reset, false, false),
            (Why::Connect, true, false),
            (Why::Status(503), true, true),
            (Why::Status(500), true, false),
            (Why::Status(429), true, true),
            (Why::Timeout, true, false),
        ] {
            let mut tries = Tries::new(Some(&settings));
            let again = tries.again(why, is_safe, &means, &dice, Duration::from_secs(9));
            assert_eq!(again.is_some(), wanted, "{why:?}");
        }
        assert!(Tries::new(None).again(Why::Reset, true, &means, &dice, Duration::ZERO).is_none());
    }

    #[test]
    fn pauses_grow_and_end() {
        let settings = retry(
            "on = [\"reset\"]\nattempts = 4\nbackoff = \"100ms\"\nbackoff_max = \"300ms\"\nbudget_least = 1000\n",
        );
        let (cluster, dice, budget) =
            (cluster("endpoints = [\"127.0.0.1:1\"]"), Dice::new(1), Budget::default());
        let means = Means { cluster: &cluster, state: None, budget: Some(&budget) };
        let mut longest = [Duration::ZERO; 4];
        for _ in 0..200 {
            let mut tries = Tries::new(Some(&settings));
            for longest in &mut longest {
                let pause = tries.again(Why::Reset, true, &means, &dice, Duration::from_secs(9));
                *longest = (*longest).max(pause.unwrap());
            }
            assert!(tries.again(Why::Reset, true, &means, &dice, Duration::ZERO).is_none());
        }
        for (longest, most) in longest.into_iter().zip([100, 200, 300, 300]) {
            let most = Duration::from_millis(most);
            assert!(longest <= most && longest > most * 3 / 4, "{longest:?} of {most:?}");
        }
    }
}
