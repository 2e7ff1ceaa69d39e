//! What the workers know of a cluster together, and who of it may be chosen.
//!
//! The first priority of which enough endpoints are well is asked. Where no priority has enough, all
//! endpoints of the first are asked, ill or not and wherever they stand: when nearly all look ill, it is
//! rather we who see badly, and the few that look well could not carry the load. Otherwise, those of the
//! proxy's own zone are asked as far as they can carry it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::endpoint::{EndpointState, Visit};
use super::outlier::{self, Report};
use crate::balance::{Member, Members, locality};
use crate::config;
use crate::resilience::Breakers;
use crate::snapshot::{Cluster, Endpoint, Name, Zone};

/// Weights of members are in thousandths, so that a warming one has a share between.
const WHOLE: u32 = 1000;
/// The share a warming endpoint begins with.
const COLD: f64 = 0.1;
/// How often the weight of a warming endpoint is looked at again, in parts of its time.
const STEPS: u32 = 20;

/// What is known of a cluster.
#[derive(Debug, Default)]
pub struct ClusterState {
    endpoints: Mutex<HashMap<SocketAddr, Arc<EndpointState>>>,
    /// Changes when something is learnt that changes who may be chosen.
    version: AtomicU64,
    made: Mutex<Option<Made>>,
    /// What is counted to be limited.
    pub breakers: Breakers,
}

/// Members, and what they were made of.
#[derive(Debug)]
struct Made {
    endpoints: Arc<[Endpoint]>,
    settings: Arc<config::Cluster>,
    zone: Option<Zone>,
    members: Arc<Members>,
}

/// An endpoint, and whether it may be chosen.
struct Candidate<'a> {
    endpoint: &'a Endpoint,
    is_well: bool,
    member: Member,
}

impl ClusterState {
    /// Changes when something is learnt that changes who may be chosen.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is known of an endpoint. One that was not known begins now.
    pub fn endpoint(&self, address: SocketAddr, now: Duration) -> Arc<EndpointState> {
        Arc::clone(self.endpoints().entry(address).or_insert_with(|| {
            let state = EndpointState::default();
            state.since.store(nanoseconds(now), Ordering::Relaxed);
            Arc::new(state)
        }))
    }

    /// What is known of an endpoint, if anything is.
    pub fn known(&self, address: SocketAddr) -> Option<Arc<EndpointState>> {
        self.endpoints().get(&address).cloned()
    }

    /// Counts how a visit ended; true if its endpoint is left out from now on.
    pub fn report(&self, cluster: &Cluster, visit: &Visit, report: Report, now: Duration) -> bool {
        let endpoint = visit.endpoint();
        if let Report::Answered(_) = report {
            endpoint.took(now.saturating_sub(visit.began()), now);
        }
        let settings = &cluster.settings.outlier;
        let is_out = settings.is_on() && outlier::report(self, endpoint, settings, report, now);
        if is_out {
            self.learnt();
        }
        is_out
    }

    /// Notes what a check found; true if it is news.
    pub fn checked(&self, endpoint: &EndpointState, is_well: bool, now: Duration) -> bool {
        let was_failing = endpoint.failing.swap(!is_well, Ordering::Relaxed);
        let is_news = was_failing == is_well;
        if is_news {
            if is_well {
                endpoint.since.store(nanoseconds(now), Ordering::Relaxed);
            }
            self.learnt();
        }
        is_news
    }

    /// Who may be chosen now.
    pub fn members(&self, cluster: &Cluster, kind: config::Balance, now: Duration) -> Arc<Members> {
        let version = self.version();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Made { endpoints, settings, zone, members }) = &*made
            && Arc::ptr_eq(endpoints, &cluster.endpoints)
            && Arc::ptr_eq(settings, &cluster.settings)
            && *zone == cluster.zone
            && members.holds(version, now)
        {
            return members.clone();
        }
        let members = Arc::new(self.choose(cluster, kind, version, now));
        let (endpoints, settings) = (cluster.endpoints.clone(), cluster.settings.clone());
        *made = Some(Made { endpoints, settings, zone: cluster.zone.clone(), members: members.clone() });
        members
    }

    /// The share of requests that stays in the proxy's zone; none if there is no choice of zones, or was
    /// none yet.
    pub fn stays(&self) -> Option<f64> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.as_ref().and_then(|made| made.members.stays())
    }

    /// How many are left out, of how many.
    pub(super) fn left_out(&self, now: Duration) -> (usize, usize) {
        let endpoints = self.endpoints();
        let out = endpoints.values().filter(|endpoint| endpoint.ejected_until(now).is_some()).count();
        (out, endpoints.len())
    }

    fn choose(&self, cluster: &Cluster, kind: config::Balance, version: u64, now: Duration) -> Members {
        let settings = &cluster.settings;
        let mut until = Duration::MAX;
        let mut all: Vec<Candidate<'_>> = Vec::with_capacity(cluster.endpoints.len());
        for (at, endpoint) in cluster.endpoints.iter().enumerate() {
            let state = self.endpoint(endpoint.address, now);
            let ejected = state.ejected_until(now);
            until = until.min(ejected.unwrap_or(Duration::MAX));
            let mut weight = endpoint.weight * WHOLE;
            // A ring or table that follows a weight would move keys all the time.
            let keeps_keys = matches!(kind, config::Balance::Ring | config::Balance::Maglev);
            if let Some(window) = settings.slow_start.filter(|_| !keeps_keys) {
                let since = Duration::from_nanos(state.since.load(Ordering::Relaxed));
                let age = now.saturating_sub(since);
                if age < window {
                    let share = COLD.max(age.as_secs_f64() / window.as_secs_f64());
                    weight = ((f64::from(weight) * share) as u32).max(1);
                    until = until.min(now + window / STEPS);
                }
            }
            let is_well = ejected.is_none() && !state.is_failing();
            let member = Member { at, address: endpoint.address, weight, state };
            all.push(Candidate { endpoint, is_well, member });
        }
        // Those that are gone from the cluster are forgotten.
        self.endpoints().retain(|_, state| Arc::strong_count(state) > 1);
        let mut priorities: Vec<u8> = all.iter().map(|one| one.endpoint.priority).collect();
        edgekit_core::sort::natural(&mut priorities);
        priorities.dedup();
        let enough = |wanted: &u8| {
            let of = all.iter().filter(|one| one.endpoint.priority == *wanted);
            let (well, count) =
                of.fold((0, 0), |(well, count), one| (well + usize::from(one.is_well), count + 1));
            well > 0 && settings.panic.reached(well, count)
        };
        let Some(level) = priorities.iter().copied().find(enough) else {
            let first = priorities.first().copied().unwrap_or(0);
            let all = all.into_iter().filter(|one| one.endpoint.priority == first);
            return Members::new(all.map(|one| one.member).collect(), kind, version, until);
        };
        all.retain(|one| one.endpoint.priority == level);
        let (near, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| cluster.is_near(one.endpoint));
        let weigh = |those: &[Candidate<'_>], ill: bool| -> u64 {
            let counted = those.iter().filter(|one| ill || one.is_well);
            counted.map(|one| u64::from(one.endpoint.weight)).sum()
        };
        let share = locality::share(weigh(&near, false), weigh(&near, true));
        let well = |those: Vec<Candidate<'_>>| -> Vec<Member> {
            those.into_iter().filter(|one| one.is_well).map(|one| one.member).collect()
        };
        let (near, others) = (well(near), well(others));
        let members = |list| Members::new(list, kind, version, until);
        match (near.is_empty(), others.is_empty()) {
            (true, _) => members(others),
            (false, true) => members(near),
            (false, false) => members(near).with_others(others, kind, share),
        }
    }

    fn learnt(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    fn endpoints(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<EndpointState>>> {
        // A map of shared numbers: whatever a panic left behind is usable.
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The states of all clusters that need one, by name: they outlive snapshots.
#[derive(Debug, Default)]
pub struct States {
    clusters: Mutex<HashMap<Name, Arc<ClusterState>>>,
}

impl States {
    /// That of a cluster; none if it needs none.
    pub fn of(&self, cluster: &Cluster) -> Option<Arc<ClusterState>> {
        if !cluster.is_managed {
            return None;
        }
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        Some(clusters.entry(cluster.name.clone()).or_default().clone())
    }

    /// Forgets clusters that are gone.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_there(name));
    }
}
