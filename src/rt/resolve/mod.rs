//! Names to addresses, asynchronously and in bounded time: the one resolver of every daemon.
//!
//! The C library's resolver blocks a thread for as long as it likes and forgets TTLs; this one asks
//! `/etc/hosts` first, then the servers of `/etc/resolv.conf`, keeps answers as long as they may be
//! kept, and serves an expired one when no server answers (RFC 8767): offline is normal.
//! Neighbours: `hosts.rs` and `conf.rs` read the two files, `wire.rs` is the DNS message, `ask.rs`
//! the exchange with servers, `flight.rs` sees to it that a name is asked for once, `cache.rs` is
//! what is remembered.

mod ask;
mod cache;
mod conf;
mod error;
mod flight;
mod hosts;
#[cfg(test)]
mod tests;
pub mod wire;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgekit_core::Clock;
use tokio::time::timeout;

use crate::scope::lock;
use ask::Outcome;
use cache::Cache;
use conf::Conf;
pub use error::ResolveError;
use flight::Flights;
use wire::{Answer, Kind};

/// No lookup takes longer, whatever resolv.conf allows.
const LONGEST: Duration = Duration::from_secs(30);
/// What the other family gets once one has answered: some servers never answer for IPv6.
const OTHER_FAMILY: Duration = Duration::from_millis(500);
/// An answer that lacks a family for such a reason is asked for again soon.
const PARTIAL: Duration = Duration::from_secs(30);
/// Longer than any TTL (RFC 2181 §8).
const LONGEST_TTL: Duration = Duration::from_secs(1 << 31);

/// Where a resolver reads its configuration.
#[derive(Clone, Debug)]
pub struct Files {
    /// hosts(5).
    pub hosts: PathBuf,
    /// resolv.conf(5).
    pub resolv_conf: PathBuf,
}

impl Default for Files {
    fn default() -> Files {
        Files { hosts: PathBuf::from("/etc/hosts"), resolv_conf: PathBuf::from("/etc/resolv.conf") }
    }
}

/// Looks names up. Cheap to clone; clones share their cache.
#[derive(Clone, Debug)]
pub struct Resolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Files,
    clock: Clock,
    cache: Mutex<Cache>,
    flights: Flights,
}

/// What the servers know of one full name.
#[derive(Clone, Debug)]
enum Known {
    Addresses(Vec<IpAddr>, Duration),
    Nothing(Duration, SocketAddr),
}

impl Resolver {
    /// The resolver of this machine: `/etc/hosts` and `/etc/resolv.conf`.
    pub fn system() -> Resolver {
        Resolver::new(Files::default(), Clock::system())
    }

    /// One that reads other files, or another clock for the age of answers.
    pub fn new(files: Files, clock: Clock) -> Resolver {
        Resolver {
            shared: Arc::new(Shared { files, clock, cache: Mutex::default(), flights: Flights::default() }),
        }
    }

    /// The addresses of `host` in the order to try them, families in turn beginning with IPv6
    /// (RFC 8305 §4); never empty. An address in text form, in brackets or not, is its own answer.
    /// Ends within the time resolv.conf allows, 30 s at most.
    ///
    /// # Errors
    /// Says whether the name does not exist or nobody could tell; see [`ResolveError`].
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        if let Some(address) = literal(host) {
            return Ok(vec![address]);
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let known = hosts::lookup(&self.shared.files.hosts, name);
        if !known.is_empty() {
            return Ok(known);
        }
        if wire::question(0, name, Kind::A).is_none() {
            return Err(ResolveError::BadName(host.to_owned()));
        }
        let conf = Conf::read(&self.shared.files.resolv_conf);
        let longest = ask::longest(&conf).min(LONGEST);
        match timeout(longest, self.search(&conf, host)).await {
            Ok(found) => found,
            Err(_) => self.stale(&conf, host).ok_or_else(|| silent(&conf, host, longest)),
        }
    }

    /// How much longer the addresses given for `host` may be used before it is asked for again; none if
    /// they did not come from a server.
    pub fn fresh_for(&self, host: &str) -> Option<Duration> {
        let (conf, now) = (Conf::read(&self.shared.files.resolv_conf), self.shared.clock.boot());
        let cache = lock(&self.shared.cache);
        let names = conf.candidates(host);
        names.iter().find_map(|name| cache.fresh_for(&name.to_ascii_lowercase(), now))
    }

    /// Asks for each full name `host` may stand for.
    async fn search(&self, conf: &Conf, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let mut asked = None;
        for name in conf.candidates(host) {
            let name = name.to_ascii_lowercase();
            let now = self.shared.clock.boot();
            if let Some(known) = lock(&self.shared.cache).fresh(&name, now) {
                if !known.is_empty() {
                    return Ok(known);
                }
                continue;
            }
            // A name that a search domain has made too long exists nowhere.
            if wire::question(0, &name, Kind::A).is_none() {
                continue;
            }
            // Boxed: with its buffers and both families it is most of what a connection's future would be.
            match self.shared.flights.join(&name, Box::pin(self.ask(conf, &name))).await {
                Ok(Known::Addresses(addresses, _)) => return Ok(addresses),
                Ok(Known::Nothing(_, server)) => asked = Some(server),
                Err(failed) => {
                    let stale = self.stale(conf, host);
                    return stale.ok_or_else(|| match failed {
                        Outcome::Failed(server, reason) => {
                            ResolveError::Failed { name: host.to_owned(), server, reason }
                        }
                        _ => silent(conf, host, ask::longest(conf)),
                    });
                }
            }
        }
        let server = asked.or_else(|| conf.servers.first().copied());
        let server =
            server.map_or_else(|| self.shared.files.hosts.display().to_string(), |at| at.to_string());
        Err(ResolveError::NotFound { name: host.to_owned(), server })
    }

    /// Asks the servers for one full name, and remembers what they said.
    async fn ask(&self, conf: &Conf, name: &str) -> Result<Known, Outcome> {
        let known = both_families(conf, name).await?;
        let (addresses, ttl) = match &known {
            Known::Addresses(addresses, ttl) => (addresses.clone(), *ttl),
            Known::Nothing(ttl, _) => (Vec::new(), *ttl),
        };
        lock(&self.shared.cache).put(name, addresses, ttl, self.shared.clock.boot());
        Ok(known)
    }

    /// An expired answer: better than none while nobody answers.
    fn stale(&self, conf: &Conf, host: &str) -> Option<Vec<IpAddr>> {
        let now = self.shared.clock.boot();
        let mut cache = lock(&self.shared.cache);
        let found =
            conf.candidates(host).iter().find_map(|name| cache.stale(&name.to_ascii_lowercase(), now))?;
        tracing::warn!(host, "no name server answers; an expired answer is used");
        Some(found)
    }
}

/// Asks for both kinds of address at once.
async fn both_families(conf: &Conf, name: &str) -> Result<Known, Outcome> {
    let (six, four) = (ask::ask(conf, name, Kind::Aaaa), ask::ask(conf, name, Kind::A));
    tokio::pin!(six, four);
    let (six, four) = tokio::select! {
        six = &mut six => {
            let patience = patience(&six);
            (six, timeout(patience, four).await.unwrap_or(Outcome::Silent))
        }
        four = &mut four => {
            let patience = patience(&four);
            (timeout(patience, six).await.unwrap_or(Outcome::Silent), four)
        }
    };
    merge(six, four)
}

fn patience(first: &Outcome) -> Duration {
    match first {
        Outcome::Told(Answer::Addresses(..), _) => OTHER_FAMILY,
        _ => LONGEST,
    }
}

fn merge(six: Outcome, four: Outcome) -> Result<Known, Outcome> {
    let (mut addresses, mut ttl) = (Vec::new(), LONGEST_TTL);
    let mut nothing = None;
    let mut failed = None;
    let mut lists = Vec::new();
    for outcome in [six, four] {
        match outcome {
            Outcome::Told(Answer::Addresses(list, age), _) => {
                ttl = ttl.min(age);
                lists.push(list.into_iter());
            }
            Outcome::Told(Answer::NoData(age) | Answer::NoName(age), server) => {
                let shortest = nothing.map_or(age, |(other, _): (Duration, _)| age.min(other));
                nothing = Some((shortest, server));
            }
            other => failed = failed.or(Some(other)),
        }
    }
    // In turn: the first of each family, then the second of each.
    while !lists.is_empty() {
        lists.retain_mut(|list| list.next().map(|address| addresses.push(address)).is_some());
    }
    match (addresses.is_empty(), failed, nothing) {
        (false, Some(_), _) => Ok(Known::Addresses(addresses, ttl.min(PARTIAL))),
        (false, None, _) => Ok(Known::Addresses(addresses, ttl)),
        // One family without an address says nothing about the other.
        (true, Some(failed), _) => Err(failed),
        (true, None, Some((age, server))) => Ok(Known::Nothing(age, server)),
        (true, None, None) => Err(Outcome::Silent),
    }
}

fn silent(conf: &Conf, host: &str, waited: Duration) -> ResolveError {
    ResolveError::Silent { name: host.to_owned(), servers: conf.servers.clone(), waited }
}

fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}
