//! Why a name has no address, said so that the next step is clear: which name, which server, how long.

use std::net::SocketAddr;
use std::time::Duration;

use edgekit_core::{Error, Exit};

/// The end of a lookup without an address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResolveError {
    /// RFC 1123 §2.1: labels of 1–63 bytes, 253 in all.
    #[error("'{0}' is not a host name")]
    BadName(String),
    /// A server says that the name does not exist, or has no address.
    #[error("no such host '{name}' (according to {server})")]
    NotFound {
        /// What was asked for.
        name: String,
        /// A name server, or `/etc/hosts` where no server is configured.
        server: String,
    },
    /// No configured server answered within the time resolv.conf allows.
    #[error("no answer for '{name}' from {} within {:.1} s", list(.servers), .waited.as_secs_f64())]
    Silent {
        /// What was asked for.
        name: String,
        /// All that were asked.
        servers: Vec<SocketAddr>,
        /// How long in all.
        waited: Duration,
    },
    /// Servers answered, none of them usefully.
    #[error("cannot look up '{name}': {server} {reason}")]
    Failed {
        /// What was asked for.
        name: String,
        /// The last one that answered.
        server: SocketAddr,
        /// What it did: "refused the question", "sent a malformed answer".
        reason: String,
    },
}

impl ResolveError {
    /// True if asking again later may help.
    pub fn is_temporary(&self) -> bool {
        matches!(self, ResolveError::Silent { .. } | ResolveError::Failed { .. })
    }
}

impl From<ResolveError> for Error {
    fn from(error: ResolveError) -> Error {
        let message = error.to_string();
        match error {
            ResolveError::BadName(_) => Error::new(Exit::CONFIG, message),
            ResolveError::NotFound { .. } => {
                Error::new(Exit::UNAVAILABLE, message).hint("check the spelling, or add it to /etc/hosts")
            }
            ResolveError::Silent { .. } | ResolveError::Failed { .. } => {
                Error::new(Exit::TEMPORARY, message).hint("check the name servers in /etc/resolv.conf")
            }
        }
    }
}

fn list(servers: &[SocketAddr]) -> String {
    let words: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    words.join(", ")
}
