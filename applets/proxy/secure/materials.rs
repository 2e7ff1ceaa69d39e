//! Certificates, keys and trust of listeners and clusters: read, checked, watched.
//!
//! What did not change in a file of configuration is kept, with its tickets and remembered sessions. A
//! pair that changes on disk is swapped in by `edgekit_tls` itself, without a new snapshot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_core::config::{Loaded, Problem, Problems};
use edgekit_core::{Clock, Error};
use edgekit_tls::{
    Client, ClientAuth, ClientOptions, Fallback, Identity, Material, MinVersion, NamePattern, PairSource,
    Report, Roots, Server, ServerOptions, Trust,
};
use rustls::pki_types::ServerName;
use tokio::sync::watch;

use crate::config::{self, ClusterTls, Config, ListenerTls, Protocol, Served, TlsVersion};
use crate::plan::place;
use crate::snapshot::{Address, Name, Seat};

/// How a listener speaks TLS, ready to.
#[derive(Clone, Debug)]
pub struct Termination(pub(crate) Arc<Server>);

/// How a cluster is spoken TLS with.
#[derive(Clone, Debug)]
pub struct Origination {
    pub(crate) client: Arc<Client>,
    /// The host certificates must be for; none is the endpoint's address.
    pub(crate) name: Option<Arc<ServerName<'static>>>,
}

// Two are the same if they are one: what they hold changes with the files.
impl PartialEq for Termination {
    fn eq(&self, other: &Termination) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for Origination {
    fn eq(&self, other: &Origination) -> bool {
        Arc::ptr_eq(&self.client, &other.client) && self.name == other.name
    }
}

/// All of a configuration.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Materials {
    /// By listener.
    pub terminations: BTreeMap<Name, Termination>,
    /// By cluster.
    pub originations: BTreeMap<Name, Origination>,
}

/// Reads what `config` names, but for what is as it was `before`.
///
/// # Errors
/// Every file that does not pass, at the key that names it.
pub(crate) fn load(
    loaded: &Loaded,
    config: &Config,
    before: Option<(&Config, &Materials)>,
    clock: &Clock,
) -> Result<(Materials, Vec<Report>), Problems> {
    let (mut materials, mut reports, mut problems) = (Materials::default(), Vec::new(), Problems::default());
    for (name, listener) in &config.listener {
        let tls = &listener.tls;
        let Some(options) = termination(listener) else { continue };
        let kept = before.and_then(|(config, materials)| {
            let same = config
                .listener
                .get(name)
                .is_some_and(|old| old.tls == *tls && old.protocol == listener.protocol);
            materials.terminations.get(name.as_str()).filter(|_| same)
        });
        let made = match kept {
            Some(kept) => Ok(kept.clone()),
            None => Server::load(options, clock.clone()).map(|(server, said)| {
                reports.extend(said);
                Termination(Arc::new(server))
            }),
        };
        match made {
            Ok(made) => drop(materials.terminations.insert(name.as_str().into(), made)),
            Err(error) => {
                problems.push(refused(loaded, &place("listener", name, "tls"), listener_keys(tls), &error));
            }
        }
    }
    for (name, cluster) in config.cluster.iter().filter(|(_, cluster)| cluster.tls.enabled) {
        let kept = before.and_then(|(config, materials)| {
            let same = config
                .cluster
                .get(name)
                .is_some_and(|old| old.tls == cluster.tls && old.protocol == cluster.protocol);
            materials.originations.get(name.as_str()).filter(|_| same)
        });
        let client = match kept {
            Some(kept) => Ok(kept.client.clone()),
            None => origination(&cluster.tls, cluster.protocol).and_then(|options| {
                Client::load(options, clock.clone()).map(|(client, said)| {
                    reports.extend(said);
                    Arc::new(client)
                })
            }),
        };
        match client {
            Ok(client) => {
                let made = Origination { client, name: server_name(cluster).map(Arc::new) };
                materials.originations.insert(name.as_str().into(), made);
            }
            Err(error) => {
                let keys = cluster_keys(&cluster.tls);
                problems.push(refused(loaded, &place("cluster", name, "tls"), keys, &error));
            }
        }
    }
    problems.or((materials, reports))
}

/// The host that `cluster`'s certificates are for: as said, else that of its endpoints.
pub(crate) fn server_name(cluster: &config::Cluster) -> Option<ServerName<'static>> {
    let host = |seat: &Seat| match &seat.address {
        Address::Name(host, _) => Some(host.clone()),
        Address::Socket(_) => None,
    };
    let said = cluster.tls.server_name.clone();
    let name = said.or_else(|| cluster.endpoints.iter().find_map(host))?;
    edgekit_tls::server_name(&name).ok()
}

fn files(list: &Option<Vec<PathBuf>>) -> &[PathBuf] {
    list.as_deref().unwrap_or_default()
}

fn protocols(list: &[Protocol]) -> Vec<Vec<u8>> {
    list.iter().map(|protocol| protocol.word().as_bytes().to_vec()).collect()
}

fn oldest(version: TlsVersion) -> MinVersion {
    match version {
        TlsVersion::Tls12 => MinVersion::Tls12,
        TlsVersion::Tls13 => MinVersion::Tls13,
    }
}

/// None without a certificate.
fn termination(listener: &config::Listener) -> Option<ServerOptions> {
    let tls = &listener.tls;
    // What is inside is the server's matter where bytes are passed on.
    let alpn = match listener.protocol {
        passed if passed.is_passed_on() => Vec::new(),
        _ => protocols(&tls.alpn),
    };
    let (chains, keys) = (files(&tls.cert_files), files(&tls.key_files));
    let identity = |(at, chain): (usize, &PathBuf)| Identity {
        source: PairSource::files(chain, keys.get(at).unwrap_or(chain)),
        names: Vec::new(),
    };
    let identities: Vec<Identity> = chains.iter().enumerate().map(identity).collect();
    let clients = tls.client_ca_file.as_ref().map(|path| ClientAuth {
        trust: Trust {
            roots: Roots::File(path.clone()),
            crls: files(&tls.client_crl_files).to_vec(),
            ..Trust::default()
        },
        required: tls.client_auth == config::ClientAuth::Require,
        names: Vec::new(),
    });
    (!identities.is_empty()).then(|| ServerOptions {
        fallback: Fallback::First,
        clients,
        alpn,
        min_version: oldest(tls.min_version),
        ..ServerOptions::new(identities)
    })
}

fn origination(tls: &ClusterTls, protocol: Served) -> Result<ClientOptions, edgekit_tls::Error> {
    let names = tls.server_identities.iter().flatten().map(|name| NamePattern::parse(name));
    let identity =
        tls.cert_file.as_ref().map(|chain| PairSource::files(chain, tls.key_file.as_ref().unwrap_or(chain)));
    Ok(ClientOptions {
        trust: Trust { roots: Roots::from(tls.roots.as_str()), ..Trust::default() },
        server_names: names.collect::<Result<_, _>>()?,
        identity,
        // A server that does not know it says so in the handshake.
        alpn: match protocol {
            Served::Http1 => protocols(&tls.alpn),
            Served::Http2 => protocols(&[Protocol::Http2]),
            Served::Auto => protocols(&[Protocol::Http2, Protocol::Http1]),
        },
        min_version: oldest(tls.min_version),
        key_log: false,
    })
}

type Keys<'a> = Vec<(&'static str, &'a Path)>;

fn listener_keys(tls: &ListenerTls) -> Keys<'_> {
    let named = |key, list| files(list).iter().map(move |path| (key, path.as_path()));
    // A file that holds both is the certificate's.
    named("cert_files", &tls.cert_files)
        .chain(named("key_files", &tls.key_files))
        .chain(tls.client_ca_file.iter().map(|path| ("client_ca_file", path.as_path())))
        .chain(named("client_crl_files", &tls.client_crl_files))
        .collect()
}

fn cluster_keys(tls: &ClusterTls) -> Keys<'_> {
    let mut keys: Keys<'_> = tls.cert_file.as_deref().map(|path| ("cert_file", path)).into_iter().collect();
    keys.extend(tls.key_file.as_deref().map(|path| ("key_file", path)));
    keys.push(("roots", Path::new(&tls.roots)));
    keys
}

/// An error of a file, at the key that names the file.
fn refused(loaded: &Loaded, table: &str, keys: Keys<'_>, error: &edgekit_tls::Error) -> Problem {
    let file = error.place().map(|place| place.path.clone());
    let key = keys.iter().find(|(_, path)| file.as_deref() == Some(*path)).or(keys.first());
    let key = key.map_or("server_identities", |(key, _)| key);
    let problem = loaded.problem(&format!("{table}.{key}"), error.to_string());
    match error.hint() {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

impl Materials {
    /// The keys of all tickets, for a process that takes over: name and keys of each listener, lengths (16 bits, big
    /// end first) before both. They are secrets.
    pub(crate) fn export_tickets(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, termination) in &self.terminations {
            let keys = termination.0.export_tickets();
            let keys = keys.as_ref().map_or(&[][..], |keys| keys.as_slice());
            for part in [name.as_bytes(), keys] {
                bytes.extend_from_slice(&u16::try_from(part.len()).unwrap_or(0).to_be_bytes());
                bytes.extend_from_slice(&part[..usize::from(u16::try_from(part.len()).unwrap_or(0))]);
            }
        }
        bytes
    }

    /// Goes on with keys of the process before. What is not of a listener of ours, or of one that trusts others
    /// now, is passed over: its clients make a full handshake.
    pub(crate) fn import_tickets(&self, mut bytes: &[u8]) {
        let mut part = || {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            let (part, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            bytes = rest;
            Some(part)
        };
        while let (Some(name), Some(keys)) = (part(), part()) {
            let found = std::str::from_utf8(name).ok().and_then(|name| self.terminations.get(name));
            if let Some(termination) = found
                && !termination.0.import_tickets(keys)
            {
                tracing::debug!(listener = %String::from_utf8_lossy(name), "its sessions are not resumed");
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &dyn Material> {
        let servers = self.terminations.values().map(|one| &*one.0 as &dyn Material);
        servers.chain(self.originations.values().map(|one| &*one.client as &dyn Material))
    }
}

impl Material for Materials {
    fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.all().flat_map(Material::paths).collect();
        edgekit_core::sort::natural(&mut paths);
        paths.dedup();
        paths
    }

    fn refresh(&self, changed: Option<&[PathBuf]>) -> Vec<Report> {
        self.all().flat_map(|one| one.refresh(changed)).collect()
    }
}

/// Looks at files that change, for as long as the service runs.
///
/// # Errors
/// None: what cannot be watched is said, and a reload still looks.
pub(crate) async fn keep(mut current: watch::Receiver<Materials>) -> Result<(), Error> {
    loop {
        let materials = current.borrow_and_update().clone();
        let watched = async {
            if materials.paths().is_empty() {
                return std::future::pending().await;
            }
            let Err(error) = edgekit_tls::keep(Arc::new(materials)).await;
            tracing::warn!("certificates are not watched, only looked at on a reload: {error}");
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = watched => {}
            changed = current.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}
