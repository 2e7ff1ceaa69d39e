//! The pairs a server or client proves itself with, found by name and replaced while in use.
//!
//! A handshake sees one table from beginning to end; a refresh makes the next table beside it and
//! swaps it in only with pairs that passed every check. What was refused is reported, and the last
//! good pair stays.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::Name;
use crate::chain::Usage;
use crate::error::Error;
use crate::material::{Outcome, Report};
use crate::pair::{Pair, PairSource};
use crate::swap::Swap;
use crate::time::ClockTime;

/// One pair, and the names that select it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Where it is.
    pub source: PairSource,
    /// Host names, `*.` at the front matching one label. Empty: the names in the certificate, as
    /// they are at each swap. Means nothing to a client.
    pub names: Vec<String>,
}

/// What a client gets that names no server, or one that no pair is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fallback {
    /// The first pair.
    #[default]
    First,
    /// A refusal.
    Refuse,
}

/// Pairs by name.
#[derive(Debug)]
pub struct Identities {
    configured: Vec<Identity>,
    usage: Usage,
    fallback: Fallback,
    time: ClockTime,
    table: Swap<Table>,
    /// One writer at a time; how the last look at each source went.
    looks: Mutex<Vec<Look>>,
}

/// What came of looking at one source.
#[derive(Clone, Debug)]
struct Look {
    /// How many pairs of it have been in use, this one included.
    generation: u64,
    /// Why the last one was refused.
    refused: Option<String>,
}

/// How one pair is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityStatus {
    /// The file of its chain.
    pub path: PathBuf,
    /// Whose it is, in quotes.
    pub subject: String,
    /// Who issued it, in quotes.
    pub issuer: String,
    /// Names it is for.
    pub names: Vec<String>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// Which pair of its files this is, counted from 1 at the start.
    pub generation: u64,
    /// Seconds since 1970 between which its chain is valid.
    pub validity: (u64, u64),
    /// Why the pair on disk is not the one in use.
    pub refused: Option<String>,
}

impl Identities {
    /// Reads and checks every pair. One that is out of its time is served with a warning, for want
    /// of a better one: the clock may be wrong, and a peer may not care.
    ///
    /// # Errors
    /// The first pair that does not pass.
    pub fn load(
        configured: Vec<Identity>,
        usage: Usage,
        fallback: Fallback,
        time: ClockTime,
    ) -> Result<(Identities, Vec<Report>), Error> {
        let (mut pairs, mut reports) = (Vec::new(), Vec::new());
        for identity in &configured {
            let pair = Pair::load(&identity.source, usage, &time)?;
            reports.push(Report { path: path_of(identity), outcome: Outcome::swapped(&pair, &time) });
            pairs.push(Arc::new(pair));
        }
        let table = Swap::new(Arc::new(Table::new(&configured, pairs)));
        let looks = Mutex::new(vec![Look { generation: 1, refused: None }; configured.len()]);
        Ok((Identities { configured, usage, fallback, time, table, looks }, reports))
    }

    /// The pairs in use, in the order they were configured.
    pub fn pairs(&self) -> Vec<Arc<Pair>> {
        self.table.load().pairs.clone()
    }

    /// How each pair is doing.
    pub fn status(&self) -> Vec<IdentityStatus> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.table.load();
        let all = self.configured.iter().zip(&table.pairs).zip(looks.iter());
        all.map(|((identity, pair), look)| IdentityStatus {
            path: path_of(identity),
            subject: pair.leaf().subject().to_owned(),
            issuer: pair.leaf().issuer().to_owned(),
            names: pair.leaf().names().iter().map(Name::to_string).collect(),
            fingerprint: pair.leaf().fingerprint(),
            generation: look.generation,
            validity: pair.validity(),
            refused: look.refused.clone(),
        })
        .collect()
    }

    /// The files to watch.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.configured.iter().flat_map(|identity| identity.source.paths()).collect()
    }

    /// Looks again at the pairs that any of `changed` belongs to, or at all without a list.
    pub fn refresh(&self, changed: Option<&[PathBuf]>) -> Vec<Report> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.table.load();
        let (mut pairs, mut reports, mut swapped) = (current.pairs.clone(), Vec::new(), false);
        for (at, identity) in self.configured.iter().enumerate() {
            let paths = identity.source.paths();
            if changed.is_some_and(|changed| !paths.iter().any(|path| changed.contains(path))) {
                continue;
            }
            let outcome = self.look(identity, &pairs[at]);
            let outcome = match outcome {
                Ok(Some(pair)) => {
                    let outcome = Outcome::swapped(&pair, &self.time);
                    pairs[at] = Arc::new(pair);
                    looks[at].generation += 1;
                    swapped = true;
                    outcome
                }
                Ok(None) => Outcome::Unchanged,
                Err(error) => Outcome::Kept(error),
            };
            looks[at].refused = match &outcome {
                Outcome::Kept(error) => Some(error.to_string()),
                _ => None,
            };
            reports.push(Report { path: path_of(identity), outcome });
        }
        if swapped {
            self.table.store(Arc::new(Table::new(&self.configured, pairs)));
        }
        reports
    }

    /// The pair to swap in, if there is a new one and it is no worse than the one in use.
    fn look(&self, identity: &Identity, current: &Pair) -> Result<Option<Pair>, Error> {
        let pair = Pair::load(&identity.source, self.usage, &self.time)?;
        if pair.is_same(current) {
            return Ok(None);
        }
        if let Some(error) = pair.cut_short(current) {
            return Err(error);
        }
        match pair.out_of_time(&self.time) {
            // A clock that is not to be believed is no reason: what is newer was issued by somebody's.
            Some(error) if self.time.0.is_trusted() && current.out_of_time(&self.time).is_none() => {
                Err(error)
            }
            _ => Ok(Some(pair)),
        }
    }
}

fn path_of(identity: &Identity) -> PathBuf {
    let [chain, _] = identity.source.paths();
    chain
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.table.load();
        let named = hello.server_name().and_then(|name| table.find(name));
        let fallback: &[usize] = match self.fallback {
            Fallback::First if !table.pairs.is_empty() => &[0],
            _ => &[],
        };
        table.choose(named.unwrap_or(fallback), hello.signature_schemes())
    }
}

impl ResolvesClientCert for Identities {
    fn resolve(&self, _roots: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let table = self.table.load();
        let pair = table.pairs.iter().find(|pair| pair.certified().key.choose_scheme(schemes).is_some())?;
        Some(pair.certified().clone())
    }

    fn has_certs(&self) -> bool {
        !self.configured.is_empty()
    }
}

/// All pairs at one moment.
#[derive(Debug)]
struct Table {
    pairs: Vec<Arc<Pair>>,
    /// Lower case; several pairs may share a name (one of RSA, one of ECDSA).
    exact: HashMap<String, Vec<usize>>,
    /// What follows the `*.`.
    wildcard: HashMap<String, Vec<usize>>,
}

impl Table {
    fn new(configured: &[Identity], pairs: Vec<Arc<Pair>>) -> Table {
        let mut table = Table { pairs: Vec::new(), exact: HashMap::new(), wildcard: HashMap::new() };
        for (at, (identity, pair)) in configured.iter().zip(&pairs).enumerate() {
            if identity.names.is_empty() {
                for name in pair.leaf().names() {
                    if let Name::Dns(name) = name {
                        table.add(name, at);
                    }
                }
            }
            for name in &identity.names {
                table.add(name, at);
            }
        }
        table.pairs = pairs;
        table
    }

    fn add(&mut self, name: &str, at: usize) {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let users = match name.strip_prefix("*.") {
            Some(parent) => self.wildcard.entry(parent.to_owned()).or_default(),
            None => self.exact.entry(name).or_default(),
        };
        if !users.contains(&at) {
            users.push(at);
        }
    }

    fn find(&self, name: &str) -> Option<&[usize]> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let wildcard = || name.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent));
        self.exact.get(&name).or_else(wildcard).map(Vec::as_slice)
    }

    /// The first whose key can sign in a way the peer understands, else the first.
    fn choose(&self, candidates: &[usize], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let pairs = || candidates.iter().filter_map(|&at| self.pairs.get(at)).map(|pair| pair.certified());
        pairs().find(|pair| pair.key.choose_scheme(schemes).is_some()).or_else(|| pairs().next()).cloned()
    }
}
