//! Client and server against each other, and against peers that misbehave on purpose.
//!
//! `peers.rs` holds the peers; the other files a side each. Only loopback and sockets in a scratch
//! folder; every test has its own.
#![forbid(unsafe_code)]
// All of it is tests: a failed expectation is what they are for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod download;
mod files;
mod otlp;
mod part;
mod peers;
mod proxy;
mod pull;
mod server;
mod tls;
