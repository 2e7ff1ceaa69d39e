//! Names to addresses, asynchronously and in bounded time: the one resolver of every daemon.
//!
//! The C library's resolver blocks a thread for as long as it likes and forgets TTLs; this one asks
//! `/etc/hosts` first, then the servers of `/etc/resolv.conf`, keeps answers as long as they may be
//! kept, and serves an expired one when no server answers (RFC 8767): offline is normal.
//! Neighbours: `hosts.rs` and `conf.rs` read the two files, `wire.rs` is the DNS message, `ask.rs`
//! the exchange with servers, `cache.rs` what is remembered.

mod error;
mod hosts;

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use edgekit_core::Clock;

pub use error::ResolveError;

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
}

impl Resolver {
    /// The resolver of this machine: `/etc/hosts` and `/etc/resolv.conf`.
    pub fn system() -> Resolver {
        Resolver::new(Files::default(), Clock::system())
    }

    /// One that reads other files, or another clock for the age of answers.
    pub fn new(files: Files, clock: Clock) -> Resolver {
        Resolver { shared: Arc::new(Shared { files, clock }) }
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
        let server = self.shared.files.hosts.display().to_string();
        Err(ResolveError::NotFound { name: host.to_owned(), server })
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}
