//! The connecting side: the rustls configuration of the next connection.

use std::sync::Arc;

use rustls::pki_types::ServerName;

use crate::{Error, Problem, Swap};

/// What whoever connects holds.
#[derive(Debug)]
pub struct Client {
    current: Swap<rustls::ClientConfig>,
}

impl Client {
    /// A client that starts with `config`, made elsewhere.
    pub fn from_config(config: rustls::ClientConfig) -> Client {
        Client { current: Swap::new(Arc::new(config)) }
    }

    /// The configuration for the next connection to be opened.
    pub fn config(&self) -> Arc<rustls::ClientConfig> {
        self.current.load()
    }
}

/// The name a server's certificate is checked against: a DNS name or an IP address, `[::1]`
/// included.
pub fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare).map(|name| name.to_owned()).map_err(|_| Problem::Name(host.to_owned()).into())
}
