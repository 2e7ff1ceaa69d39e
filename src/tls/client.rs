//! The connecting side: the rustls configuration of the next connection.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use edgekit_core::Clock;
use rustls::KeyLogFile;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;

use crate::chain::Usage;
use crate::error::{Error, Problem};
use crate::identities::{Fallback, Identities, Identity, IdentityStatus};
use crate::material::{Material, Outcome, Report};
use crate::pair::PairSource;
use crate::peer::{self, NamePattern};
use crate::provider;
use crate::server::MinVersion;
use crate::swap::Swap;
use crate::time::ClockTime;
use crate::trust::{Anchors, Held, Trust, TrustStatus};

/// Servers whose sessions are remembered, for resumption.
const SESSIONS: usize = 256;

/// How to connect with TLS.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientOptions {
    /// Who issues the servers' certificates.
    pub trust: Trust,
    /// The names servers may have, whatever host was connected to (SPIFFE IDs). Empty: the host's.
    pub server_names: Vec<NamePattern>,
    /// What to prove oneself with if a server asks.
    pub identity: Option<PairSource>,
    /// Protocols, the preferred one first: `h2`, `http/1.1`.
    pub alpn: Vec<Vec<u8>>,
    /// The oldest protocol offered.
    pub min_version: MinVersion,
    /// Writes session secrets to the file named by `SSLKEYLOGFILE`. Whoever reads that file reads
    /// the traffic.
    pub key_log: bool,
}

/// What whoever connects holds.
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    identities: Arc<Identities>,
    time: ClockTime,
    /// Whom servers' certificates must come from, as it is in `current`; one writer at a time.
    anchors: Mutex<Held>,
    current: Swap<rustls::ClientConfig>,
}

impl Client {
    /// Reads and checks everything; gives what should be logged beside it.
    ///
    /// # Errors
    /// The first file that does not pass, or settings that do not fit together.
    pub fn load(options: ClientOptions, clock: Clock) -> Result<(Client, Vec<Report>), Error> {
        let time = ClockTime(clock);
        let identity =
            options.identity.iter().map(|source| Identity { source: source.clone(), names: Vec::new() });
        let (identities, mut reports) =
            Identities::load(identity.collect(), Usage::Client, Fallback::First, time.clone())?;
        let anchors = options.trust.load()?;
        reports.push(Report::trust(&anchors));
        let identities = Arc::new(identities);
        let config = build(&options, &identities, &anchors, &time)?;
        let client = Client {
            identities,
            time,
            anchors: Mutex::new(Held::new(anchors)),
            current: Swap::new(Arc::new(config)),
            options,
        };
        Ok((client, reports))
    }

    /// The configuration for the next connection to be opened.
    pub fn config(&self) -> Arc<rustls::ClientConfig> {
        self.current.load()
    }

    /// How its identity is doing; empty without one.
    pub fn status(&self) -> Vec<IdentityStatus> {
        self.identities.status()
    }

    /// How the trust in servers' issuers is doing.
    pub fn trust(&self) -> TrustStatus {
        self.anchors.lock().unwrap_or_else(PoisonError::into_inner).status()
    }

    fn refresh_trust(&self) -> Result<Option<Report>, Error> {
        let mut held = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(anchors) = held.look(&self.options.trust)? else { return Ok(None) };
        // A configuration of its own remembers no session: none is resumed that would fail now.
        let config = build(&self.options, &self.identities, &anchors, &self.time)?;
        self.current.store(Arc::new(config));
        let report = Report::trust(&anchors);
        *held = Held::new(anchors);
        Ok(Some(report))
    }

    /// Sessions made with the identity before would be resumed as that one.
    fn forget_sessions(&self) {
        let _held = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut config = rustls::ClientConfig::clone(&self.current.load());
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        self.current.store(Arc::new(config));
    }
}

impl Material for Client {
    fn paths(&self) -> Vec<PathBuf> {
        let mut paths = self.identities.paths();
        paths.extend(self.options.trust.paths());
        paths
    }

    fn refresh(&self, changed: Option<&[PathBuf]>) -> Vec<Report> {
        let mut reports = self.identities.refresh(changed);
        if reports.iter().any(|report| matches!(report.outcome, Outcome::Swapped { .. })) {
            self.forget_sessions();
        }
        reports.extend(Report::of_trust(&self.options.trust, changed, || self.refresh_trust()));
        reports
    }
}

fn build(
    options: &ClientOptions,
    identities: &Arc<Identities>,
    anchors: &Anchors,
    time: &ClockTime,
) -> Result<rustls::ClientConfig, Error> {
    let mut config = rustls::ClientConfig::builder_with_details(provider().clone(), Arc::new(time.clone()))
        .with_protocol_versions(options.min_version.versions())
        .map_err(|error| Problem::Settings(error.to_string()))?
        .dangerous() // the name of the method, not of the verifier: it is webpki's
        .with_custom_certificate_verifier(peer::servers(anchors, &options.server_names)?)
        .with_client_cert_resolver(identities.clone());
    config.alpn_protocols = options.alpn.clone();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    if options.key_log {
        config.key_log = Arc::new(KeyLogFile::new());
    }
    Ok(config)
}

/// The name a server's certificate is checked against: a DNS name or an IP address, `[::1]`
/// included.
///
/// # Errors
/// Text that is neither.
pub fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare).map(|name| name.to_owned()).map_err(|_| Problem::Name(host.to_owned()).into())
}
