//! Which endpoint of a cluster is next: one chooser a cluster and worker.
//!
//! Who may be chosen at all (health, priorities, zones, slow start) is decided in `members.rs`, seldom,
//! and shared by the workers; how one of them is chosen, each request, by the algorithms: `turns.rs`,
//! `two.rs` (the less loaded of two), `ring.rs`, `maglev.rs`; `locality.rs` says how much stays near. Neighbours: `health` keeps what is known
//! of each endpoint; `http1` asks here for every try.

mod dice;
mod hash;
mod key;
pub mod locality;
mod maglev;
mod members;
mod ring;
mod turns;
mod two;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

pub use dice::Dice;
pub use hash::xxh64;
pub use key::HashKey;
pub use members::{Member, Members};

use crate::config;
use crate::health::{ClusterState, EndpointState};
use crate::snapshot::Cluster;

/// Endpoints one exchange has tried, to be skipped.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tried {
    positions: [u16; Tried::MOST],
    count: usize,
}

impl Tried {
    /// As many as are remembered.
    pub const MOST: usize = 12;

    /// Remembers one.
    pub fn add(&mut self, position: usize) {
        if let Some(place) = self.positions.get_mut(self.count) {
            *place = u16::try_from(position).unwrap_or(u16::MAX);
            self.count += 1;
        }
    }

    /// True if it was tried.
    pub fn has(&self, position: usize) -> bool {
        self.positions[..self.count].iter().any(|tried| usize::from(*tried) == position)
    }

    /// How many were tried.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Forgets the last one.
    pub fn forget_last(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.count = 0;
    }
}

/// What a choice depends on beside the endpoints.
#[derive(Clone, Copy, Default, Debug)]
pub struct Pick {
    /// The hash of the request's key, where it has one.
    pub hash: Option<u64>,
    /// The request has tried another endpoint before.
    pub is_again: bool,
}

/// An endpoint that was chosen.
#[derive(Debug)]
pub struct Choice {
    /// Its position in the cluster.
    pub at: usize,
    /// What is known of it; none where nobody wants to know.
    pub state: Option<Arc<EndpointState>>,
}

/// What a key is mixed with to tell whether it stays in its zone: its place in a ring says nothing of it.
const ZONES: u64 = 0xd6e8_feb8_6659_fd93;

/// Chooses among the endpoints of one cluster, for one worker.
#[derive(Debug)]
pub struct Chooser {
    kind: config::Balance,
    dice: Dice,
    next: Cell<usize>,
    /// None while they are all alike.
    members: RefCell<Option<Arc<Members>>>,
    /// What the workers know together; none for a cluster that needs nothing known.
    state: Option<Arc<ClusterState>>,
}

impl Chooser {
    /// Of a cluster. `seed` differs from worker to worker, so that they do not all begin with the
    /// same endpoint.
    pub fn new(kind: config::Balance, seed: u64, state: Option<Arc<ClusterState>>) -> Chooser {
        let dice = Dice::new(seed);
        let next = Cell::new(dice.below(usize::MAX));
        Chooser { kind, dice, next, members: RefCell::default(), state }
    }

    /// What the workers know of the cluster together.
    pub fn state(&self) -> Option<&Arc<ClusterState>> {
        self.state.as_ref()
    }

    /// True if [`Chooser::pick`] wants the hash of a key.
    pub fn wants_hash(&self) -> bool {
        matches!(self.kind, config::Balance::Ring | config::Balance::Maglev)
    }

    /// An endpoint that `spared` does not hold back; none if it holds all.
    pub fn pick(
        &self,
        cluster: &Cluster,
        asker: Pick,
        now: Duration,
        spared: impl Fn(usize) -> bool,
    ) -> Option<Choice> {
        let Some(state) = &self.state else {
            let count = cluster.endpoints.len();
            let first = match (count, self.kind) {
                (0, _) => return None,
                (1, _) => 0,
                (_, config::Balance::RoundRobin) => self.turn(asker.is_again) % count,
                _ => self.dice.below(count),
            };
            let found = (0..count).map(|step| (first + step) % count).find(|at| !spared(*at));
            return found.map(|at| Choice { at, state: None });
        };
        let mut cached = self.members.borrow_mut();
        let members = match &*cached {
            Some(members) if members.holds(state.version(), now) => members,
            _ => cached.insert(state.members(cluster, self.kind, now)),
        };
        // A key that goes beyond its zone goes there every time.
        let number = || asker.hash.map_or_else(|| self.dice.roll(), |hash| dice::mixed(hash ^ ZONES));
        let (wanted, others) = members.zones(number);
        self.among(wanted, asker, &spared).or_else(|| self.among(others?, asker, &spared))
    }

    /// One of these.
    fn among(&self, members: &Members, asker: Pick, spared: &impl Fn(usize) -> bool) -> Option<Choice> {
        let count = members.list.len();
        let spared = |at: usize| members.list.get(at).is_none_or(|member| spared(member.at));
        let first = match count {
            0 => return None,
            1 => 0,
            _ => self.first(members, asker, &spared),
        };
        let found = (0..count).map(|step| (first + step) % count).find(|at| !spared(*at))?;
        let Member { at, state, .. } = &members.list[found];
        Some(Choice { at: *at, state: Some(state.clone()) })
    }

    /// The first choice among the members; a spared one only if chance would have it.
    fn first(&self, members: &Members, asker: Pick, spared: &impl Fn(usize) -> bool) -> usize {
        match self.kind {
            config::Balance::RoundRobin => members.turn(self.turn(asker.is_again)),
            config::Balance::Random => members.below(self.dice.roll()),
            config::Balance::LeastRequest => two::pick(members, &self.dice, spared, two::requests),
            config::Balance::PeakEwma => two::pick(members, &self.dice, spared, two::latency),
            config::Balance::Ring | config::Balance::Maglev => {
                // A spared one passes its keys on to many, not to its neighbour alone.
                let mut hash = asker.hash.unwrap_or_else(|| self.dice.roll());
                for _ in 0..Tried::MOST {
                    let at = members.find(hash);
                    if !spared(at) {
                        return at;
                    }
                    hash = dice::mixed(hash ^ 0x9e37_79b9_7f4a_7c15);
                }
                members.find(hash)
            }
        }
    }

    /// Whose turn it is. A second try takes nobody's turn: else it would be the same endpoint's that
    /// is asked first every time.
    fn turn(&self, is_again: bool) -> usize {
        let next = self.next.get();
        if !is_again {
            self.next.set(next.wrapping_add(1));
        }
        next
    }
}

#[cfg(test)]
pub(crate) mod tests;
