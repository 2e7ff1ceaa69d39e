//! A snapshot does not tell in which order its resources came.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use edgekit_core::config::parse;
use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::plan;

const FILE: &str = r#"
zone = "here"
[listener.one]
address = "127.0.0.1:1"
[listener.two]
address = "127.0.0.1:2"
[cluster.a]
endpoints = ["127.0.0.1:10", "127.0.0.1:11 zone=here"]
[cluster.b]
endpoints = ["127.0.0.1:20"]
balance = "random"
[cluster.c]
endpoints = ["127.0.0.1:30 weight=2", "127.0.0.1:31 priority=1"]
balance = "maglev"
hash = "cookie:id"
health = { kind = "http", path = "/well" }
outlier.errors = 5
limits.max_connections = 10
shed.permits = 24
[route.all]
cluster = "a"
timeout = "1s"
retry.on = ["5xx"]
limit.rate = "10/s"
mirror.cluster = "c"
[route.shares]
path_regex = "^/[0-9]+$"
headers = ["x-env: test"]
query = ["v=2"]
clusters = ["a=1", "b=2", "c=0"]
rewrite = { path = "/", host = "b" }
[route.elsewhere]
path = "/old"
redirect = { scheme = "https", prefix = "/new" }
[route.ill]
path = "/ill"
status = 200
fault = { abort = 503, abort_share = "5%" }
[route.api]
hosts = ["example.com", "*.example.com"]
path = "/api"
methods = ["GET"]
cluster = "b"
[route.only-two]
listeners = ["two"]
path_exact = "/health"
status = 200
body = "well"
"#;

fn resources() -> Resources {
    let loaded = parse(<Config as edgekit_core::config::Settings>::SECTION, "proxy", "file", FILE.into());
    let hooks = Some(HOOKS.clone());
    Resources { hooks, ..plan::resources(&loaded.unwrap().get::<Config>().unwrap()) }
}

/// A judge that nobody meets.
struct Nobody;

impl crate::judge::Make for Nobody {
    fn judge(&self, _: &crate::hooks::Deeds) -> Option<Rc<dyn crate::judge::Judge>> {
        None
    }
}

static HOOKS: LazyLock<Source> = LazyLock::new(|| Source(Arc::new(Nobody)));

fn changes(resources: &Resources) -> Vec<Change> {
    let Resources { listeners, routes, clusters, endpoints, hooks, zone, .. } = resources.clone();
    let listeners = listeners.into_iter().map(|(name, value)| Change::Listener(name, Some(value)));
    let routes = routes.into_iter().map(|(name, value)| Change::Route(name, Some(value)));
    let clusters = clusters.into_iter().map(|(name, value)| Change::Cluster(name, Some(value)));
    let endpoints = endpoints.into_iter().map(|(name, value)| Change::Endpoints(name, Some(value)));
    listeners
        .chain(routes)
        .chain(clusters)
        .chain(endpoints)
        .chain([Change::Hooks(hooks), Change::Zone(zone)])
        .collect()
}

fn gone(change: &Change) -> Change {
    match change.clone() {
        Change::Listener(name, _) => Change::Listener(name, None),
        Change::Route(name, _) => Change::Route(name, None),
        Change::Cluster(name, _) => Change::Cluster(name, None),
        Change::Endpoints(name, _) => Change::Endpoints(name, None),
        Change::Termination(name, _) => Change::Termination(name, None),
        Change::Origination(name, _) => Change::Origination(name, None),
        Change::Hooks(_) => Change::Hooks(None),
        Change::Zone(_) => Change::Zone(None),
    }
}

proptest! {
    #[test]
    fn any_order_gives_the_same(
        order in Just(changes(&resources())).prop_shuffle(),
        detours in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut snapshot = Snapshot::default();
        for change in &order {
            snapshot = snapshot.apply(change.clone());
        }
        // What goes and comes back leaves no trace.
        for detour in detours {
            let change = detour.get(&order);
            snapshot = snapshot.apply(gone(change)).apply(change.clone());
        }
        prop_assert_eq!(snapshot, Snapshot::build(resources()));
    }
}

#[test]
fn what_did_not_change_is_shared() {
    let before = Snapshot::build(resources());
    let after = before.apply(Change::Endpoints(
        "b".into(),
        Some(Arc::from([Endpoint::from("127.0.0.1:21".parse::<std::net::SocketAddr>().unwrap())])),
    ));
    assert!(Arc::ptr_eq(&before.clusters[0], &after.clusters[0]));
    assert!(!Arc::ptr_eq(&before.clusters[1], &after.clusters[1]));
    assert!(before.routes.iter().zip(&after.routes).all(|(before, after)| Arc::ptr_eq(before, after)));
    assert!(Arc::ptr_eq(&before.listeners[0], &after.listeners[0]));
}

#[test]
fn a_worker_sees_that_there_is_a_new_one() {
    let cell = SnapshotCell::new(Snapshot::default());
    let number = cell.number();
    assert_eq!(cell.number(), number);
    cell.apply(changes(&resources()).swap_remove(0));
    assert_ne!(cell.number(), number);
    assert_eq!(cell.get().listeners.len(), 1);
}
