//! What the workers serve by: one immutable picture of listeners, routes, clusters and endpoints.
//!
//! [`Resources`] is what was said, by name; [`Snapshot`] the same compiled for look-ups. A change of
//! one resource makes a new snapshot that shares all it can with the old one; workers go over to it
//! between two requests, and an exchange keeps the one it began with. Resources may refer to others
//! that are not there (yet): such a route answers 503, so that they can come in any order.
//! Neighbours: `plan.rs` makes resources of a file, `cell.rs` hands snapshots to workers.

mod address;
mod cell;
mod endpoint;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use address::Address;
pub use cell::SnapshotCell;
pub use endpoint::{Endpoint, Seat, Zone};

use crate::config;
use crate::judge::Source;
use crate::l4::Streams;
use crate::route::{Route, Router};
use crate::secure::{Materials, Origination, Termination};

/// The name of a resource.
pub type Name = Arc<str>;

/// What was said, by name.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Resources {
    /// `[listener.NAME]`.
    pub listeners: BTreeMap<Name, Arc<config::Listener>>,
    /// `[route.NAME]`.
    pub routes: BTreeMap<Name, Arc<config::Route>>,
    /// `[cluster.NAME]`.
    pub clusters: BTreeMap<Name, Arc<config::Cluster>>,
    /// The addresses of a cluster, names looked up.
    pub endpoints: BTreeMap<Name, Arc<[Endpoint]>>,
    /// Certificates, keys and trust, of listeners and of clusters.
    pub materials: Materials,
    /// What judges requests and answers.
    pub hooks: Option<Source>,
    /// Where the proxy itself stands.
    pub zone: Option<Zone>,
}

/// One resource that comes, changes or (without a value) goes.
#[derive(Clone, Debug)]
pub enum Change {
    /// A listener's settings.
    Listener(Name, Option<Arc<config::Listener>>),
    /// A route.
    Route(Name, Option<Arc<config::Route>>),
    /// A cluster's settings.
    Cluster(Name, Option<Arc<config::Cluster>>),
    /// A cluster's addresses.
    Endpoints(Name, Option<Arc<[Endpoint]>>),
    /// What a listener proves itself with.
    Termination(Name, Option<Termination>),
    /// What a cluster is trusted by.
    Origination(Name, Option<Origination>),
    /// What judges.
    Hooks(Option<Source>),
    /// Where the proxy stands.
    Zone(Option<Zone>),
}

/// A cluster as workers see it.
#[derive(PartialEq, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: Name,
    /// Its settings.
    pub settings: Arc<config::Cluster>,
    /// Where it is; empty until a name was found.
    pub endpoints: Arc<[Endpoint]>,
    /// Something must be known of its endpoints, or counted, by all workers together.
    pub is_managed: bool,
    /// How TLS is spoken with it; none if it is not, or if that is not known yet.
    pub tls: Option<Origination>,
    /// Where the proxy stands.
    pub zone: Option<Zone>,
}

impl Cluster {
    fn new(
        name: Name,
        settings: Arc<config::Cluster>,
        endpoints: Arc<[Endpoint]>,
        tls: Option<Origination>,
        zone: Option<Zone>,
    ) -> Cluster {
        use config::Balance;
        let is_near = |endpoint: &Endpoint| zone.is_some() && endpoint.zone == zone;
        let alike = |endpoint: &Endpoint| (endpoint.weight, endpoint.priority, is_near(endpoint));
        let plain = matches!(settings.balance, Balance::RoundRobin | Balance::Random)
            && endpoints.windows(2).all(|two| alike(&two[0]) == alike(&two[1]))
            && settings.slow_start.is_none()
            && settings.health.kind.is_none()
            && settings.shed.permits.is_none()
            && !settings.outlier.is_on()
            && !settings.limits.is_on();
        Cluster { name, settings, endpoints, is_managed: !plain, tls, zone }
    }

    /// True for an endpoint that stands where the proxy does.
    pub fn is_near(&self, endpoint: &Endpoint) -> bool {
        self.zone.is_some() && endpoint.zone == self.zone
    }
}

/// A listener as workers see it.
#[derive(PartialEq, Debug)]
pub struct Listener {
    /// Its name.
    pub name: Name,
    /// Its settings.
    pub settings: Arc<config::Listener>,
    /// Which of the snapshot's routes a request takes.
    pub router: Router,
    /// How it speaks TLS; none if it does not, or if that is not known yet.
    pub tls: Option<Termination>,
    /// Where connections go; none if it speaks HTTP.
    pub streams: Option<Streams>,
}

/// The compiled picture.
#[derive(PartialEq, Debug, Default)]
pub struct Snapshot {
    resources: Resources,
    /// By name.
    pub listeners: Vec<Arc<Listener>>,
    /// By name; [`Router`] gives positions in it.
    pub routes: Vec<Arc<Route>>,
    /// By name; routes hold positions in it.
    pub clusters: Vec<Arc<Cluster>>,
}

impl Snapshot {
    /// Compiles all of it.
    pub fn build(resources: Resources) -> Snapshot {
        Snapshot::after(&Snapshot::default(), resources)
    }

    /// A snapshot with one resource changed.
    pub fn apply(&self, change: Change) -> Snapshot {
        fn put<T>(map: &mut BTreeMap<Name, T>, name: Name, value: Option<T>) {
            match value {
                Some(value) => drop(map.insert(name, value)),
                None => drop(map.remove(&name)),
            }
        }
        let mut resources = self.resources.clone();
        match change {
            Change::Listener(name, value) => put(&mut resources.listeners, name, value),
            Change::Route(name, value) => put(&mut resources.routes, name, value),
            Change::Cluster(name, value) => put(&mut resources.clusters, name, value),
            Change::Endpoints(name, value) => put(&mut resources.endpoints, name, value),
            Change::Termination(name, value) => put(&mut resources.materials.terminations, name, value),
            Change::Hooks(source) => resources.hooks = source,
            Change::Zone(zone) => resources.zone = zone,
            Change::Origination(name, value) => put(&mut resources.materials.originations, name, value),
        }
        Snapshot::after(self, resources)
    }

    /// What it was made of.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The listener of this name.
    pub fn listener(&self, name: &str) -> Option<&Arc<Listener>> {
        let found = self.listeners.binary_search_by(|listener| (*listener.name).cmp(name));
        found.ok().map(|at| &self.listeners[at])
    }

    fn after(old: &Snapshot, resources: Resources) -> Snapshot {
        let clusters: Vec<Arc<Cluster>> = resources
            .clusters
            .iter()
            .map(|(name, settings)| {
                let endpoints = resources.endpoints.get(name).cloned().unwrap_or_else(|| Arc::from([]));
                let tls = resources.materials.originations.get(name).cloned();
                let cluster =
                    Cluster::new(name.clone(), settings.clone(), endpoints, tls, resources.zone.clone());
                kept(&old.clusters, |old| old.name.cmp(name), cluster)
            })
            .collect();
        let place = |name: &str| clusters.binary_search_by(|cluster| (*cluster.name).cmp(name)).ok();
        let routes: Vec<Arc<Route>> = resources
            .routes
            .iter()
            .map(|(name, settings)| {
                let route = Route::compile(name.clone(), settings.clone(), place);
                kept(&old.routes, |old| old.name.cmp(name), route)
            })
            .collect();
        let listeners = resources
            .listeners
            .iter()
            .map(|(name, settings)| {
                let router = Router::build(name, &routes);
                let tls = resources.materials.terminations.get(name).cloned();
                let streams = Streams::build(settings, place);
                let listener =
                    Listener { name: name.clone(), settings: settings.clone(), router, tls, streams };
                kept(&old.listeners, |old| old.name.cmp(name), listener)
            })
            .collect();
        Snapshot { resources, listeners, routes, clusters }
    }
}

/// The old one where nothing changed, so that memory does not follow the number of changes.
fn kept<T: PartialEq>(old: &[Arc<T>], order: impl Fn(&T) -> std::cmp::Ordering, fresh: T) -> Arc<T> {
    match old.binary_search_by(|one| order(one)) {
        Ok(at) if *old[at] == fresh => old[at].clone(),
        _ => Arc::new(fresh),
    }
}
