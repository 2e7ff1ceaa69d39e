//! The accepting side: the rustls configuration of the next connection.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use edgekit_core::Clock;
use rustls::KeyLogFile;
use rustls::server::NoServerSessionStorage;
use zeroize::Zeroizing;

use crate::chain::Usage;
use crate::error::{Error, Problem};
use crate::identities::{Fallback, Identities, Identity, IdentityStatus};
use crate::material::{Material, Report};
use crate::peer::{self, NamePattern};
use crate::provider;
use crate::swap::Swap;
use crate::tickets::{ROTATION, Tickets};
use crate::time::ClockTime;
use crate::trust::{Anchors, Held, Trust, TrustStatus};

/// Length of what tells one trust from another.
const DIGEST: usize = digest::SHA256_OUTPUT_LEN;

/// The oldest protocol accepted or offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MinVersion {
    /// TLS 1.2 and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

impl MinVersion {
    pub(crate) fn versions(self) -> &'static [&'static rustls::SupportedProtocolVersion] {
        static BOTH: [&rustls::SupportedProtocolVersion; 2] =
            [&rustls::version::TLS13, &rustls::version::TLS12];
        match self {
            MinVersion::Tls12 => &BOTH,
            MinVersion::Tls13 => &BOTH[..1],
        }
    }
}

/// Whether and how clients prove who they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientAuth {
    /// Who issues their certificates. A public root here would let in anybody with a certificate.
    pub trust: Trust,
    /// Refuse those who bring none.
    pub required: bool,
    /// The names they may have; empty: any.
    pub names: Vec<NamePattern>,
}

/// How a listener speaks TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerOptions {
    /// What it proves itself with; the first one is the default.
    pub identities: Vec<Identity>,
    /// For clients that name no server, or one that no pair is for.
    pub fallback: Fallback,
    /// None: clients are not asked.
    pub clients: Option<ClientAuth>,
    /// Protocols, the preferred one first: `h2`, `http/1.1`.
    pub alpn: Vec<Vec<u8>>,
    /// The oldest protocol accepted.
    pub min_version: MinVersion,
    /// The age at which the key of session tickets is replaced; none: no tickets.
    pub tickets: Option<Duration>,
    /// Writes session secrets to the file named by `SSLKEYLOGFILE`. Whoever reads that file reads
    /// the traffic.
    pub key_log: bool,
}

impl ServerOptions {
    /// One or more identities, and the usual settings for the rest.
    pub fn new(identities: Vec<Identity>) -> ServerOptions {
        ServerOptions {
            identities,
            fallback: Fallback::First,
            clients: None,
            alpn: Vec::new(),
            min_version: MinVersion::Tls12,
            tickets: Some(ROTATION),
            key_log: false,
        }
    }
}

/// What a listener holds, shared by its workers.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    identities: Arc<Identities>,
    tickets: Option<Arc<Tickets>>,
    time: ClockTime,
    /// Whom clients' certificates must come from, as it is in `current`; one writer at a time.
    anchors: Mutex<Option<Held>>,
    current: Swap<rustls::ServerConfig>,
}

impl Server {
    /// Reads and checks everything; gives what should be logged beside it.
    ///
    /// # Errors
    /// The first file that does not pass, or settings that do not fit together.
    pub fn load(options: ServerOptions, clock: Clock) -> Result<(Server, Vec<Report>), Error> {
        if options.identities.is_empty() {
            return Err(Problem::Settings("a server needs a certificate and its key".to_owned()).into());
        }
        let time = ClockTime(clock);
        let (identities, mut reports) =
            Identities::load(options.identities.clone(), Usage::Server, options.fallback, time.clone())?;
        let anchors = options.clients.as_ref().map(|clients| clients.trust.load()).transpose()?;
        reports.extend(anchors.as_ref().map(Report::trust));
        let tickets = match options.tickets {
            None => None,
            Some(rotation) => {
                let tickets = Tickets::new(rotation, time.0.clone());
                let none =
                    || Problem::Settings("the system has no randomness for session tickets".to_owned());
                Some(Arc::new(tickets.ok_or_else(none)?))
            }
        };
        let identities = Arc::new(identities);
        let config = build(&options, &identities, tickets.as_ref(), anchors.as_ref(), &time)?;
        let server = Server {
            identities,
            tickets,
            time,
            anchors: Mutex::new(anchors.map(Held::new)),
            current: Swap::new(Arc::new(config)),
            options,
        };
        Ok((server, reports))
    }

    /// The configuration for the next connection to be accepted.
    pub fn config(&self) -> Arc<rustls::ServerConfig> {
        self.current.load()
    }

    /// How each of its identities is doing.
    pub fn status(&self) -> Vec<IdentityStatus> {
        self.identities.status()
    }

    /// How the trust in its clients' issuers is doing; none if clients are not asked.
    pub fn trust(&self) -> Option<TrustStatus> {
        self.anchors.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Held::status)
    }

    /// The keys of its tickets, for a process that takes over on this machine; none without tickets. They are for
    /// whoever trusts the same authorities: a resumed session is not verified again.
    pub fn export_tickets(&self) -> Option<Zeroizing<Vec<u8>>> {
        let keys = self.tickets.as_ref()?.export();
        let mut bytes = Zeroizing::new(Vec::with_capacity(DIGEST + keys.len()));
        bytes.extend_from_slice(&self.trusted());
        bytes.extend_from_slice(&keys);
        Some(bytes)
    }

    /// Goes on with keys of another process. False if it trusted others, or writes them in another way: clients
    /// then make full handshakes.
    pub fn import_tickets(&self, bytes: &[u8]) -> bool {
        let (Some(tickets), Some((trusted, keys))) = (&self.tickets, bytes.split_first_chunk::<DIGEST>())
        else {
            return false;
        };
        *trusted == self.trusted() && tickets.import(keys)
    }

    /// Tells trust in clients from other trust.
    fn trusted(&self) -> [u8; DIGEST] {
        let mut sum = digest::Context::new(&digest::SHA256);
        let mut add = |bytes: &[u8]| {
            sum.update(&(bytes.len() as u64).to_be_bytes());
            sum.update(bytes);
        };
        if let Some(clients) = &self.options.clients {
            add(&[u8::from(clients.required)]);
            clients.names.iter().for_each(|name| add(format!("{name:?}").as_bytes()));
        }
        if let Some(held) = &*self.anchors.lock().unwrap_or_else(PoisonError::into_inner) {
            for root in &held.anchors.roots.roots {
                add(&root.subject);
                add(&root.subject_public_key_info);
                add(root.name_constraints.as_deref().unwrap_or_default());
            }
            held.anchors.crls.iter().for_each(|list| add(list));
        }
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(sum.finish().as_ref());
        digest
    }

    fn refresh_trust(&self, clients: &ClientAuth) -> Result<Option<Report>, Error> {
        let mut held = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        let anchors = match held.as_mut().map(|held| held.look(&clients.trust)).transpose()? {
            Some(Some(anchors)) => anchors,
            _ => return Ok(None),
        };
        let config =
            build(&self.options, &self.identities, self.tickets.as_ref(), Some(&anchors), &self.time)?;
        // A resumed session is not verified again: whoever lost our trust must not resume one.
        if let Some(tickets) = &self.tickets {
            tickets.forget();
        }
        self.current.store(Arc::new(config));
        let report = Report::trust(&anchors);
        *held = Some(Held::new(anchors));
        Ok(Some(report))
    }
}

impl Material for Server {
    fn paths(&self) -> Vec<PathBuf> {
        let mut paths = self.identities.paths();
        paths.extend(self.options.clients.iter().flat_map(|clients| clients.trust.paths()));
        paths
    }

    fn refresh(&self, changed: Option<&[PathBuf]>) -> Vec<Report> {
        let mut reports = self.identities.refresh(changed);
        if let Some(clients) = &self.options.clients {
            reports.extend(Report::of_trust(&clients.trust, changed, || self.refresh_trust(clients)));
        }
        reports
    }
}

fn build(
    options: &ServerOptions,
    identities: &Arc<Identities>,
    tickets: Option<&Arc<Tickets>>,
    anchors: Option<&Anchors>,
    time: &ClockTime,
) -> Result<rustls::ServerConfig, Error> {
    let settings = |error: rustls::Error| Error::from(Problem::Settings(error.to_string()));
    let builder = rustls::ServerConfig::builder_with_details(provider().clone(), Arc::new(time.clone()))
        .with_protocol_versions(options.min_version.versions())
        .map_err(settings)?;
    let builder = match (&options.clients, anchors) {
        (Some(clients), Some(anchors)) => {
            builder.with_client_cert_verifier(peer::clients(anchors, clients.required, &clients.names)?)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identities.clone());
    config.alpn_protocols = options.alpn.clone();
    // Sessions live in tickets, so that memory does not grow with clients and trust is theirs alone.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    match tickets {
        Some(tickets) => config.ticketer = tickets.clone(),
        None => config.send_tls13_tickets = 0,
    }
    if options.key_log {
        config.key_log = Arc::new(KeyLogFile::new());
    }
    Ok(config)
}
