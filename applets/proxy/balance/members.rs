//! Who may be chosen now, with weights as they are now, and the table an algorithm wants of them.
//!
//! Made anew when something is learnt of an endpoint, or when time changes something: a warming
//! endpoint's weight, an ejection that ends. Between that, a request reads it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::locality;
use super::maglev::Maglev;
use super::ring::Ring;
use super::turns::Turns;
use crate::config;
use crate::health::EndpointState;

/// An endpoint that may be chosen.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its position in the cluster.
    pub at: usize,
    /// Its address.
    pub address: SocketAddr,
    /// Its share, slow start considered, in thousandths.
    pub weight: u32,
    /// What is known of it.
    pub state: Arc<EndpointState>,
}

#[derive(Debug)]
enum Table {
    None,
    Turns(Turns),
    /// The end of each one's part of the whole.
    Parts(Box<[u64]>),
    Ring(Ring),
    Maglev(Maglev),
}

/// Those who may be chosen.
#[derive(Debug)]
pub struct Members {
    /// In the order of the cluster.
    pub list: Box<[Member]>,
    table: Table,
    version: u64,
    until: Duration,
    /// Those of other zones, where these are of the proxy's own.
    beyond: Option<Box<Beyond>>,
}

/// Members of other zones.
#[derive(Debug)]
struct Beyond {
    members: Members,
    /// Requests whose number is above it are theirs.
    stays: u64,
}

impl Members {
    /// With the table `kind` wants; right until `until` (on the monotonic clock), as long as the
    /// version is the same.
    pub fn new(list: Vec<Member>, kind: config::Balance, version: u64, until: Duration) -> Members {
        let alike = list.windows(2).all(|two| two[0].weight == two[1].weight);
        let table = match kind {
            config::Balance::RoundRobin => Turns::new(&list).map_or(Table::None, Table::Turns),
            config::Balance::Random if !alike => {
                let mut end = 0;
                let part = |member: &Member| {
                    end += u64::from(member.weight);
                    end
                };
                Table::Parts(list.iter().map(part).collect())
            }
            config::Balance::Ring => Table::Ring(Ring::new(&list)),
            config::Balance::Maglev => Table::Maglev(Maglev::new(&list)),
            _ => Table::None,
        };
        Members { list: list.into(), table, version, until, beyond: None }
    }

    /// The same, with `others` of other zones for all but a share of the requests.
    pub fn with_others(mut self, others: Vec<Member>, kind: config::Balance, share: f64) -> Members {
        let members = Members::new(others, kind, self.version, self.until);
        self.beyond = Some(Box::new(Beyond { members, stays: locality::threshold(share) }));
        self
    }

    /// The share of requests that stays in the proxy's zone; none if there is no choice of zones.
    pub fn stays(&self) -> Option<f64> {
        self.beyond.as_ref().map(|beyond| beyond.stays as f64 / u64::MAX as f64)
    }

    /// Whom a request asks first, and whom it asks if there is nobody left; `number` is drawn for it.
    pub(super) fn zones(&self, number: impl FnOnce() -> u64) -> (&Members, Option<&Members>) {
        match self.beyond.as_deref() {
            None => (self, None),
            Some(beyond) if number() <= beyond.stays => (self, Some(&beyond.members)),
            Some(beyond) => (&beyond.members, Some(self)),
        }
    }

    /// True if it may still be used.
    pub fn holds(&self, version: u64, now: Duration) -> bool {
        self.version == version && now < self.until
    }

    /// Whose turn `number` is.
    pub(super) fn turn(&self, number: usize) -> usize {
        match &self.table {
            Table::Turns(turns) => turns.find(number),
            _ => number % self.list.len().max(1),
        }
    }

    /// Any of them, by weight.
    pub(super) fn below(&self, dice: u64) -> usize {
        let scaled = |whole: u64| ((u128::from(dice) * u128::from(whole)) >> 64) as u64;
        match &self.table {
            Table::Parts(ends) => {
                let at = scaled(ends.last().copied().unwrap_or(0));
                ends.partition_point(|end| *end <= at)
            }
            _ => scaled(self.list.len() as u64) as usize,
        }
    }

    /// Who a hash belongs to.
    pub(super) fn find(&self, hash: u64) -> usize {
        match &self.table {
            Table::Ring(ring) => ring.find(hash),
            Table::Maglev(table) => table.find(hash),
            _ => 0,
        }
    }
}
