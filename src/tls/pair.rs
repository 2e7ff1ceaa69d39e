//! A certificate chain and its key, read and checked together.
//!
//! Neighbours: `load.rs` reads, `key.rs` and `chain.rs` check, `identities.rs` serves the result.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustls::pki_types::UnixTime;
use rustls::sign::{CertifiedKey, SigningKey};

use crate::certificate::Certificate;
use crate::chain::{self, Link, Usage};
use crate::error::{Error, Place, Problem, Warning};
use crate::key;
use crate::load::{self, Content, Found, Item, PAIR_LIMIT};
use crate::time::ClockTime;

/// Where a chain and its key are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PairSource {
    /// Two files, or twice the same one.
    Files {
        /// The certificate and what leads to its root.
        chain: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Two names in a folder that is replaced as a whole (a symbolic link to a generation, say).
    /// Both are read from the folder the path leads to when reading begins.
    Folder {
        /// The folder, or the link to it.
        folder: PathBuf,
        /// Name of the chain in it.
        chain: PathBuf,
        /// Name of the key in it.
        key: PathBuf,
    },
}

impl PairSource {
    /// Two files, or twice the same one.
    pub fn files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> PairSource {
        PairSource::Files { chain: chain.into(), key: key.into() }
    }

    /// Two names in a folder that is replaced as a whole.
    pub fn folder(
        folder: impl Into<PathBuf>,
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> PairSource {
        PairSource::Folder { folder: folder.into(), chain: chain.into(), key: key.into() }
    }

    /// The files to watch: the chain, the key.
    pub fn paths(&self) -> [PathBuf; 2] {
        match self {
            PairSource::Files { chain, key } => [chain.clone(), key.clone()],
            PairSource::Folder { folder, chain, key } => [folder.join(chain), folder.join(key)],
        }
    }

    fn read(&self) -> Result<(Content, Option<Content>), Error> {
        let [chain, key] = self.paths();
        match self {
            PairSource::Files { .. } => {
                let content = load::read(None, &chain, &chain, PAIR_LIMIT)?;
                let key = (key != chain).then(|| load::read(None, &key, &key, PAIR_LIMIT)).transpose()?;
                Ok((content, key))
            }
            PairSource::Folder { folder, chain: chain_name, key: key_name } => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let opened = rustix::fs::open(folder, flags, Mode::empty())
                    .map_err(|error| Error::in_file(folder, Problem::Read(error.into())))?;
                let content = load::read(Some(&opened), chain_name, &chain, PAIR_LIMIT)?;
                let key = (key_name != chain_name)
                    .then(|| load::read(Some(&opened), key_name, &key, PAIR_LIMIT))
                    .transpose()?;
                Ok((content, key))
            }
        }
    }
}

/// A key that has been checked against its chain, ready to be served.
#[derive(Clone, Debug)]
pub struct Pair {
    certified: Arc<CertifiedKey>,
    leaf: Certificate,
    /// The certificate whose time comes last, and the one whose time ends first.
    from: (String, u64),
    until: (String, u64),
    place: Place,
    warnings: Vec<Warning>,
}

impl Pair {
    /// Reads and checks a pair; everything but its validity in time, which is for
    /// [`out_of_time`](Pair::out_of_time) to say, because an expired pair may be the best there is.
    ///
    /// # Errors
    /// What is wrong with a file, or why the two do not belong together.
    pub fn load(source: &PairSource, usage: Usage, time: &ClockTime) -> Result<Pair, Error> {
        let [chain_path, key_path] = source.paths();
        let (chain, key) = source.read()?;
        let chain_items = load::items(&chain_path, &chain.data)?;
        let key_items = match &key {
            Some(key) => load::items(&key_path, &key.data)?,
            None => Vec::new(),
        };
        let mode = key.as_ref().map_or(chain.mode, |key| key.mode);
        let mut pair =
            assemble(&chain_path, chain_items, &key_path, key.is_some().then_some(key_items), usage, time)?;
        pair.warnings.extend(permissions(&key_path, mode));
        Ok(pair)
    }

    /// The chain and the key, as rustls serves them.
    pub fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// The key's own certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Seconds since 1970 between which the whole chain is valid.
    pub fn validity(&self) -> (u64, u64) {
        (self.from.1, self.until.1)
    }

    /// What should be looked at.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Why the pair is not valid at this time, if it is not.
    pub fn out_of_time(&self, time: &ClockTime) -> Option<Error> {
        let now = time.now().as_secs();
        let problem = if now > self.until.1 {
            Problem::Expired { subject: self.until.0.clone(), at: self.until.1 }
        } else if now < self.from.1 {
            Problem::NotYetValid { subject: self.from.0.clone(), from: self.from.1, now }
        } else {
            return None;
        };
        Some(Error::at(self.place.clone(), problem))
    }

    /// Why this chain is no successor of the one in use: it ends where that one went on.
    ///
    /// A writer who fills a file in place may pause between two certificates, and what is there then
    /// is a pair like any other.
    pub(crate) fn cut_short(&self, current: &Pair) -> Option<Error> {
        let last = self.certified.cert.last().and_then(|der| Certificate::parse(der.clone()))?;
        let earlier = current.certified.cert.iter().filter_map(|der| Certificate::parse(der.clone()));
        let mut missing = earlier.filter(|one| last.names_as_issuer(one) && !one.is_self_issued());
        let issuer = missing.next()?.subject().to_owned();
        let problem = Problem::CutShort { subject: self.leaf.subject().to_owned(), issuer };
        Some(Error::at(self.place.clone(), problem))
    }

    /// True if this is the same chain for the same key.
    pub(crate) fn is_same(&self, other: &Pair) -> bool {
        self.certified.cert == other.certified.cert
    }
}

/// Judges what two files hold; `key_items` is none where one file holds both.
fn assemble(
    chain_path: &Path,
    chain_items: Vec<Found>,
    key_path: &Path,
    key_items: Option<Vec<Found>>,
    usage: Usage,
    time: &ClockTime,
) -> Result<Pair, Error> {
    let keys = keys(key_path, key_items.as_deref().unwrap_or(&chain_items))?;
    let kinds = load::kinds(&chain_items);
    let links: Vec<Link> = chain_items
        .into_iter()
        .filter_map(|one| match one.item {
            Item::Certificate(certificate) => Some(Link { certificate: *certificate, place: one.place }),
            _ => None,
        })
        .collect();
    let Some(first) = links.first() else {
        return Err(Error::in_file(chain_path, Problem::Absent { wanted: "certificate", found: kinds }));
    };
    let matching = keys.iter().find_map(|(key, _)| {
        let public = key.public_key()?;
        let leaf = links.iter().position(|link| link.certificate.public_key() == public.as_ref())?;
        Some((key.clone(), leaf))
    });
    let Some((key, leaf)) = matching else {
        return Err(match keys.as_slice() {
            [(_, place)] => {
                let subject = first.certificate.subject().to_owned();
                Error::at(place.clone(), Problem::Mismatch { subject, chain: first.place.clone() })
            }
            several => Error::in_file(key_path, Problem::ManyKeys(several.len())),
        });
    };
    let ordered = chain::order(links, leaf)?;
    let chain = ordered.chain;
    let place = chain[0].place.clone();
    let judged = judged(&chain);
    let from = judged.iter().map(|link| (link.certificate.subject(), link.certificate.not_before()));
    let from = from.max_by_key(|(_, at)| *at).unwrap_or_default();
    let until = judged.iter().map(|link| (link.certificate.subject(), link.certificate.not_after()));
    let until = until.min_by_key(|(_, at)| *at).unwrap_or_default();
    // Within the chain's own time, so that a clock that is off does not hide what else is wrong.
    let at = time.now().as_secs().min(until.1).max(from.1);
    chain::verify(&chain, usage, UnixTime::since_unix_epoch(Duration::from_secs(at)))?;
    let warnings = ordered
        .repairs
        .into_iter()
        .map(|text| Warning { place: place.clone(), text: text + "; served in order" });
    let (from, until) = ((from.0.to_owned(), from.1), (until.0.to_owned(), until.1));
    Ok(Pair {
        warnings: warnings.collect(),
        certified: Arc::new(CertifiedKey::new(
            chain.iter().map(|link| link.certificate.der().clone()).collect(),
            key,
        )),
        leaf: chain[0].certificate.clone(),
        from,
        until,
        place,
    })
}

/// The certificates whose time counts: peers take a root from their own store, not from us.
fn judged(chain: &[Link]) -> &[Link] {
    match chain {
        [rest @ .., last] if !rest.is_empty() && last.certificate.is_self_issued() => rest,
        all => all,
    }
}

type PlacedKey = (Arc<dyn SigningKey>, Place);

/// Every key of a file that can sign, with its place. A key that cannot is an error only where it is
/// the only one.
fn keys(path: &Path, items: &[Found]) -> Result<Vec<PlacedKey>, Error> {
    let (mut keys, mut refused) = (Vec::new(), None);
    for one in items {
        let key = match &one.item {
            Item::Key(key) => key::signing_key(key, &one.place),
            Item::EncryptedKey => Err(Error::at(one.place.clone(), Problem::Encrypted)),
            Item::Certificate(_) | Item::Crl(_) | Item::Other(_) => continue,
        };
        match key {
            Ok(key) => keys.push((key, one.place.clone())),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match (keys.is_empty(), refused) {
        (false, _) => Ok(keys),
        (true, Some(error)) => Err(error),
        (true, None) => {
            Err(Error::in_file(path, Problem::Absent { wanted: "private key", found: load::kinds(items) }))
        }
    }
}

/// A key that everyone on the machine can read is no secret.
fn permissions(path: &Path, mode: u32) -> Option<Warning> {
    let who = match (mode & 0o007, mode & 0o020) {
        (0, 0) => return None,
        (0, _) => "its group may replace the key",
        _ => "everyone on this machine may read or replace the key",
    };
    let text = format!("{who} (mode {mode:04o}): chmod 640 {}", path.display());
    Some(Warning { place: Place::file(path), text })
}

/// Judges bytes as if they were one file of chain and key; for the fuzzer.
#[doc(hidden)]
pub fn from_bytes(data: &[u8], usage: Usage, time: &ClockTime) -> Result<Pair, Error> {
    let path = Path::new("bytes");
    let items = load::items(path, data)?;
    assemble(path, items, path, None, usage, time)
}
