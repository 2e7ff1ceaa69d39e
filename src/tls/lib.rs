//! The one crypto provider; keys, certificates and trust, swapped while serving.
//!
//! A listener holds a [`Server`], whoever connects a [`Client`]; both hand out the rustls
//! configuration to use for the *next* connection, so whatever changed on disk meanwhile is in it:
//!
//! ```
//! # fn f(server: &edgekit_tls::Server, client: &edgekit_tls::Client) -> Result<(), edgekit_tls::Error> {
//! let accept_with = server.config();                      // Arc<rustls::ServerConfig>
//! let connect_with = client.config();                     // Arc<rustls::ClientConfig>
//! let name = edgekit_tls::server_name("box-7.example")?;  // a DNS name or an IP address
//! # Ok(()) }
//! ```
//!
//! [`keep`] is the task that looks again when files change; [`Material::refresh`] does so at once,
//! for a reload by hand. A pair is swapped in only after key, chain, usage and time were checked;
//! until then the last good one is served, and [`Server::status`] says why.
//!
//! **Time** is [`edgekit_core::Clock`]'s: a machine that starts in 1970 checks against the clock's
//! floor (the date of the build or the last good time). Peers whose certificates were issued after
//! that are not valid yet until the clock is set; what this process serves itself does not depend on
//! the clock: a pair that is out of its time is served, with a warning, unless the one in use is
//! within its own and the clock is to be believed ([`edgekit_core::Clock::is_trusted`]).
//!
//! ```text
//! load ── pem, der, certificate ─▶ key, chain ─▶ pair ─▶ identities ─┐
//!   └── system ─▶ trust ─▶ peer ─────────────────────────────────────┴▶ server, client ─▶ material
//! ```
#![forbid(unsafe_code)]

mod certificate;
mod chain;
mod client;
mod der;
mod error;
mod identities;
mod key;
mod load;
mod material;
mod pair;
mod peer;
mod pem;
mod provider;
mod server;
mod swap;
mod system;
mod tickets;
mod time;
mod trust;

pub use certificate::{Certificate, Name};
pub use chain::Usage;
pub use client::{Client, ClientOptions, server_name};
pub use error::{Error, Place, Problem, Warning};
pub use identities::{Fallback, Identities, Identity, IdentityStatus};
pub use load::{certificates, crls};
pub use material::{Material, Outcome, Report, keep};
#[doc(hidden)]
pub use pair::from_bytes;
pub use pair::{Pair, PairSource};
pub use peer::NamePattern;
pub use provider::{provider, sha1};
pub use server::{ClientAuth, MinVersion, Server, ServerOptions};
pub use swap::Swap;
pub use tickets::{ROTATION, Tickets};
pub use time::ClockTime;
pub use trust::{Revocation, Roots, Trust, TrustStatus};
