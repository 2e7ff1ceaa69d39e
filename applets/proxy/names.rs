//! Looks the names of endpoints up, again and again, and puts what it finds into the snapshot.
//!
//! A name that cannot be looked up keeps the addresses it had: offline is normal.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::Error;
use edgekit_core::config::{Loaded, Problem};
use edgekit_core::units::show_duration;
use edgekit_rt::Resolver;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::config::{Cluster, Config};
use crate::plan::place;
use crate::snapshot::{Address, Change, Endpoint, Seat};
use crate::worker::Shared;

/// How often names are looked up that no server told how long they may be kept: those of /etc/hosts.
const AGAIN: Duration = Duration::from_secs(30);
/// A name is not looked up more often, whatever its server says.
const AT_MOST: Duration = Duration::from_secs(1);
/// After a failure.
const SOON: Duration = Duration::from_secs(3);

/// How long `check` waits for a name.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is looked up, and what was complained of.
pub(crate) struct Names {
    resolver: Resolver,
    shared: Arc<Shared>,
    reloads: watch::Receiver<()>,
    told: HashSet<String>,
}

impl Names {
    pub(crate) fn new(resolver: Resolver, shared: Arc<Shared>, reloads: watch::Receiver<()>) -> Names {
        Names { resolver, shared, reloads, told: HashSet::new() }
    }

    /// Goes on until the service ends.
    ///
    /// # Errors
    /// None: a name nobody knows is a warning.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        loop {
            let pause = self.round().await;
            let changed = self.reloads.changed();
            let changed = match pause {
                Some(pause) => tokio::time::timeout(pause, changed).await.unwrap_or(Ok(())),
                None => changed.await,
            };
            if changed.is_err() {
                return Ok(());
            }
        }
    }

    /// Looks every name up once; gives when to do it again, if there are any.
    pub(crate) async fn round(&mut self) -> Option<Duration> {
        self.reloads.borrow_and_update();
        let said = self.shared.snapshot.get();
        let mut pause = None;
        for (name, cluster) in &said.resources().clusters {
            if !cluster.endpoints.iter().any(|seat| matches!(seat.address, Address::Name(..))) {
                continue;
            }
            let mut found: Vec<Endpoint> = Vec::new();
            let (mut all_known, mut again) = (true, None);
            for seat in &cluster.endpoints {
                match &seat.address {
                    Address::Socket(address) => found.push(seat.at(*address)),
                    Address::Name(host, port) => match self.resolver.resolve(host).await {
                        Ok(addresses) => {
                            self.told.remove(host);
                            let fresh = self.resolver.fresh_for(host).unwrap_or(AGAIN).max(AT_MOST);
                            again = Some(sooner(again, fresh));
                            let before = found.len();
                            found.extend(addresses.into_iter().map(|ip| seat.at(SocketAddr::new(ip, *port))));
                            // Servers change the order with each answer, which changes nothing.
                            edgekit_core::sort::by_key(&mut found[before..], |endpoint| endpoint.address);
                        }
                        Err(error) => {
                            all_known = false;
                            if self.told.insert(host.clone()) {
                                tracing::warn!(cluster = &**name, "cannot look '{host}' up: {error}");
                            }
                        }
                    },
                }
            }
            if !all_known {
                again = Some(sooner(again, SOON));
            }
            pause = again.map(|again| sooner(pause, again)).or(pause);
            let snapshot = self.shared.snapshot.get();
            let before = snapshot.resources().endpoints.get(name);
            let differs = before.is_none_or(|before| **before != *found);
            // What could not be looked up now may still be right.
            if differs && (all_known || found.len() > before.map_or(0, |before| before.len())) {
                self.shared.snapshot.apply(Change::Endpoints(name.clone(), Some(found.into())));
            }
        }
        pause
    }
}

/// The names of a configuration that cannot be looked up now, where they are said; for `check`. The proxy
/// runs without: offline is normal.
///
/// # Errors
/// No runtime to look them up with.
pub(crate) fn unknown(loaded: &Loaded, config: &Config) -> Result<Vec<Problem>, Error> {
    let hosts = |cluster: &Cluster| -> Vec<String> {
        let host = |seat: &Seat| match &seat.address {
            Address::Name(host, _) => Some(host.clone()),
            Address::Socket(_) => None,
        };
        cluster.endpoints.iter().filter_map(host).collect()
    };
    let wanted: Vec<(&String, Vec<String>)> =
        config.cluster.iter().map(|(name, cluster)| (name, hosts(cluster))).collect();
    if wanted.iter().all(|(_, hosts)| hosts.is_empty()) {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (resolver, mut problems) = (Resolver::system(), Vec::new());
    for (name, hosts) in wanted {
        for host in hosts {
            let found = runtime.block_on(async { timeout(PATIENCE, resolver.resolve(&host)).await });
            let reason = match found {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {}", show_duration(PATIENCE)),
            };
            let key = place("cluster", name, "endpoints");
            problems.push(loaded.problem(&key, format!("cannot look '{host}' up: {reason}")));
        }
    }
    Ok(problems)
}

fn sooner(one: Option<Duration>, other: Duration) -> Duration {
    one.map_or(other, |one| one.min(other))
}
