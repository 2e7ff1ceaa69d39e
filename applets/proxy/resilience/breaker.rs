//! Circuit breakers: how much of a cluster may be in use at a time, never exceeded by any worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

use super::shed::Shedder;
use crate::health::ClusterState;

edgekit_core::config! {
    /// How much of a cluster may be in use at a time, all workers together
    pub struct Limits {
        /// Connections, kept ones among them
        live max_connections: Option<u32>, in 1..=1000000, like 100;
        /// Requests that wait for a connection
        live max_pending: u32 = 1024, in 0..=1000000;
        /// Requests
        live max_requests: Option<u32>, in 1..=1000000, like 1000;
        /// Second tries
        live max_retries: Option<u32>, in 0..=1000000, like 10;
    }
}

impl Limits {
    /// True if anything is limited.
    pub fn is_on(&self) -> bool {
        self.max_connections.is_some() || self.max_requests.is_some() || self.max_retries.is_some()
    }
}

/// How many are in.
#[derive(Debug, Default)]
pub struct Gate {
    inside: AtomicU32,
}

impl Gate {
    /// Lets one in, unless `most` are.
    pub fn enter(&self, most: u32) -> bool {
        let one_more = |inside: u32| (inside < most).then_some(inside + 1);
        self.inside.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).is_ok()
    }

    /// Lets one out.
    pub fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many are in.
    pub fn inside(&self) -> u32 {
        self.inside.load(Ordering::Relaxed)
    }
}

/// What is counted of a cluster to be limited.
#[derive(Debug, Default)]
pub struct Breakers {
    /// Connections.
    pub connections: Gate,
    /// Requests that wait for one.
    pub pending: Gate,
    /// Requests.
    pub requests: Gate,
    /// Second tries.
    pub retries: Gate,
    /// Who waits for his turn.
    pub shedder: Shedder,
    /// A connection is free, or may be made.
    pub freed: Notify,
}

/// A place inside a gate; left when it is dropped.
#[derive(Debug)]
pub struct Permit {
    state: Arc<ClusterState>,
    gate: fn(&Breakers) -> &Gate,
}

impl Permit {
    /// A place, unless `most` are taken.
    pub fn new(state: &Arc<ClusterState>, gate: fn(&Breakers) -> &Gate, most: u32) -> Option<Permit> {
        gate(&state.breakers).enter(most).then(|| Permit { state: state.clone(), gate })
    }

    /// True if others wait for a connection.
    pub fn is_wanted(&self) -> bool {
        self.state.breakers.pending.inside() > 0
    }

    /// Tells those who wait that a connection lies idle.
    pub fn offer(&self) {
        self.state.breakers.freed.notify_waiters();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        (self.gate)(&self.state.breakers).leave();
        if self.is_wanted() {
            self.state.breakers.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_worker_gets_more_than_there_are() {
        let state = Arc::new(ClusterState::default());
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        if let Some(permit) = Permit::new(&state, |breakers| &breakers.connections, 10) {
                            most.fetch_max(state.breakers.connections.inside(), Ordering::Relaxed);
                            drop(permit);
                        }
                    }
                });
            }
        });
        assert!((1..=10).contains(&most.load(Ordering::Relaxed)));
        assert_eq!(state.breakers.connections.inside(), 0);
    }
}
