//! The accepting side: the rustls configuration of the next connection.

use std::sync::Arc;

use crate::Swap;

/// What a listener holds.
#[derive(Debug)]
pub struct Server {
    current: Swap<rustls::ServerConfig>,
}

impl Server {
    /// A server that starts with `config`, made elsewhere.
    pub fn from_config(config: rustls::ServerConfig) -> Server {
        Server { current: Swap::new(Arc::new(config)) }
    }

    /// The configuration for the next connection to be accepted.
    pub fn config(&self) -> Arc<rustls::ServerConfig> {
        self.current.load()
    }
}
