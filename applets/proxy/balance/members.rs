//! Who may be chosen now, with weights as they are now, and the table an algorithm wants of them.
//!
//! Made anew when something is learnt of an endpoint, or when time changes something: a warming
//! endpoint's weight, an ejection that ends. Between that, a request reads it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
        Members { list: list.into(), table, version, until }
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
