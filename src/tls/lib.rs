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
#![forbid(unsafe_code)]

mod client;
mod error;
mod provider;
mod server;
mod swap;
mod time;

pub use client::{Client, server_name};
pub use error::{Error, Problem};
pub use provider::provider;
pub use server::Server;
pub use swap::Swap;
pub use time::ClockTime;
