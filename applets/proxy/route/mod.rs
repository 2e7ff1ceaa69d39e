//! Which route a request takes, and what a route does.
//!
//! The closest host decides first (the name itself, then the longest `*.` pattern, then all), then
//! within it the path (exact, then the longest prefix of whole segments), then the method. There is
//! no order to remember: two routes that would match the same are a fault of the file (`plan.rs`).

mod edit;
mod pattern;
mod router;

use std::sync::Arc;

pub use edit::{Edits, HeaderLine, HeaderName};
pub use pattern::{HostPattern, PathPattern};
pub use router::Router;

use crate::config;
use crate::snapshot::Name;

/// What is done with a request.
#[derive(PartialEq, Debug)]
pub enum Action {
    /// Sent to the cluster at this position of the snapshot; none if it is not there.
    Forward(Option<usize>),
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
}

impl Route {
    /// Compiles `settings`; `place` finds a cluster.
    pub fn compile(name: Name, settings: Arc<config::Route>, place: impl Fn(&str) -> Option<usize>) -> Route {
        let action = match (settings.status, &settings.cluster) {
            (Some(status), _) => {
                let body = settings.body.clone().unwrap_or_default();
                Action::Direct { status, body: body.into_bytes().into() }
            }
            (None, cluster) => Action::Forward(cluster.as_deref().and_then(place)),
        };
        let edits = |set: &Option<Vec<HeaderLine>>, removed: &Option<Vec<HeaderName>>| {
            Edits::new(set.as_deref().unwrap_or_default(), removed.as_deref().unwrap_or_default())
        };
        let request = edits(&settings.request_headers, &settings.request_headers_remove);
        let response = edits(&settings.response_headers, &settings.response_headers_remove);
        Route { name, settings, action, request, response }
    }
}
