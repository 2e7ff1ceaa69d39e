//! HTTP/2 (RFC 9113), both sides, of our own.
//!
//! ```text
//! bytes ─ connection (frame, hpack, streams, abuse) ─ head ─ message ─▶ http1::Session: route, retry, log
//!   ▲            ▲                                                          │ a stream is a Wire
//!   └── server ──┴──────────────── stream ◀── answer ──────────────────────┘
//! ```
//! `connection` is a machine without I/O: bytes in, events and bytes out. `server.rs` drives the one of
//! a client and starts a task for each stream; `message.rs` says what a head may be and brings it into
//! the form that the rest of the proxy works on, so that there is one way to route, retry and log.
//! `client.rs` shares connections to servers; `asked.rs` is a stream of one, HTTP/1.1 to whoever asks.

mod abuse;
mod asked;
mod client;
mod connection;
mod frame;
pub mod fuzz;
pub mod hpack;
mod io;
mod message;
mod server;
mod stream;
mod streams;
mod websocket;

pub use abuse::Abuse;
pub use asked::Asked;
pub use client::Links;
pub(crate) use client::ask;
pub use server::serve;
