//! TLS with clients and with servers, and what is proven by it.
//!
//! `materials.rs` reads certificates, keys and trust and keeps them fresh while they are served;
//! `session.rs` is one connection with memory from `bytes.rs`; `begin.rs` makes one of either side.
//! `access.rs` says who may use a route; `hello.rs` reads what a client asks for before anything is
//! secret. The provider, the checks and the swaps are `edgekit_tls`'s.

mod access;
mod begin;
mod bytes;
pub mod hello;
mod materials;
mod session;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;

pub use access::{Guard, Who};
pub(crate) use begin::{accept, connect};
pub(crate) use bytes::Spares;
pub use materials::{Materials, Origination, Termination};
pub(crate) use materials::{keep, load};

/// Our side of a connection with a client.
pub type ServerSession = session::Session<UnbufferedServerConnection>;
/// Our side of a connection with a server.
pub type ClientSession = session::Session<UnbufferedClientConnection>;
