//! Which route a request takes, and what a route does.
//!
//! The closest host decides first (the name itself, then the longest `*.` pattern, then all), then
//! within it the path (exact, then the longest regular expression, then the longest prefix of whole
//! segments), then the method, then the number of headers and parameters asked for. There is no order
//! to remember: two routes that would match the same are a fault of the file (`clash.rs`).

pub(crate) mod clash;
mod condition;
mod edit;
mod pattern;
mod router;
mod share;
mod target;

use std::sync::Arc;

pub use condition::{Asking, Conditions, HeaderTest, Pattern, QueryTest};
pub use edit::{Edits, HeaderLine, HeaderName};
pub use pattern::{HostPattern, PathPattern};
pub use router::Router;
pub use share::{Injection, Mirror, Percent, Split, Weighted};
pub use target::{Authority, Redirect, Retarget, Rewrite, Scheme};

use crate::config;
use crate::resilience::Retry;
use crate::secure::Guard;
use crate::snapshot::Name;

/// What is done with a request.
#[derive(PartialEq, Debug)]
pub enum Action {
    /// Sent to the cluster at this position of the snapshot; none if it is not there.
    Forward(Option<usize>),
    /// Sent to one of several clusters, each with its share.
    Split(Split),
    /// Sent elsewhere by us.
    Redirect {
        /// The status code.
        status: u16,
        /// Where to.
        target: Retarget,
    },
    /// Answered by us.
    Direct {
        /// The status code.
        status: u16,
        /// The text.
        body: Box<[u8]>,
    },
}

/// A route as workers see it.
#[derive(PartialEq, Debug)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// As configured.
    pub settings: Arc<config::Route>,
    /// What is done.
    pub action: Action,
    /// Edits on the way to the server.
    pub request: Edits,
    /// Edits on the way back.
    pub response: Edits,
    /// What few routes have; looked at once a request.
    pub extras: Option<Box<Extras>>,
}

/// What few routes have.
#[derive(PartialEq, Debug)]
pub struct Extras {
    /// Requests are delayed or refused on purpose.
    pub injects: bool,
    /// The cluster that gets copies; none if it is not there.
    pub mirror: Option<usize>,
    /// Who may.
    pub guard: Option<Guard>,
    /// There is a rate of requests that it takes.
    pub is_limited: bool,
    /// Requests are tried again.
    pub retries: bool,
    /// The cluster that is asked while the route is past its budget; none if it is not there.
    pub fallback: Option<usize>,
}

impl Route {
    /// Compiles `settings`; `place` finds a cluster.
    pub fn compile(name: Name, settings: Arc<config::Route>, place: impl Fn(&str) -> Option<usize>) -> Route {
        let matched = match (&settings.path_exact, &settings.path) {
            (Some(path), _) => path.0.len(),
            (None, path) => path.as_ref().map_or(0, |path| path.prefix().len()),
        };
        let action = match (settings.status, &settings.clusters, &settings.cluster) {
            (Some(status), ..) => {
                let body = settings.body.clone().unwrap_or_default();
                Action::Direct { status, body: body.into_bytes().into() }
            }
            (None, Some(shares), None) => Action::Split(Split::new(shares, &place)),
            (None, _, cluster) => match Retarget::redirect(&settings.redirect, matched) {
                Some((status, target)) => Action::Redirect { status, target },
                None => Action::Forward(cluster.as_deref().and_then(&place)),
            },
        };
        let set = |lines: &Option<Vec<HeaderLine>>| lines.clone().unwrap_or_default();
        let removed = |names: &Option<Vec<HeaderName>>| names.clone().unwrap_or_default();
        let request = Edits::with(
            &set(&settings.request_headers),
            &set(&settings.request_headers_add),
            &removed(&settings.request_headers_remove),
            Retarget::rewrite(&settings.rewrite, matched),
        );
        let response = Edits::with(
            &set(&settings.response_headers),
            &set(&settings.response_headers_add),
            &removed(&settings.response_headers_remove),
            None,
        );
        let extras = Extras {
            injects: settings.fault.delay.is_some() || settings.fault.abort.is_some(),
            mirror: settings.mirror.cluster.as_deref().and_then(&place),
            guard: Guard::new(&settings.access),
            is_limited: settings.limit.rate.is_some(),
            retries: settings.retry.is_on(),
            fallback: settings.objective.fallback.as_deref().and_then(place),
        };
        let is_any = extras.injects
            || extras.mirror.is_some()
            || extras.guard.is_some()
            || extras.is_limited
            || extras.retries
            || extras.fallback.is_some();
        let extras = is_any.then(|| Box::new(extras));
        Route { name, settings, action, request, response, extras }
    }

    /// True if there is a rate of requests that it takes.
    pub fn is_limited(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.is_limited)
    }

    /// When its requests are tried again; none if never.
    pub fn retry(&self) -> Option<&Retry> {
        self.extras.as_ref().filter(|extras| extras.retries).map(|_| &self.settings.retry)
    }
}
