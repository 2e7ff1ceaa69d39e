//! `edgekit proxy`: HTTP from clients to servers, at the cost of little more than the kernel's work.
//!
//! The way of a configuration: `config` (what a file may hold) → `plan` (do its parts fit) →
//! `snapshot` (one immutable picture, replaced whole or piece by piece) → `worker` (a thread with its
//! own runtime, sockets, pools). The way of a request: `http1` with `route`, `balance`, `upstream`,
//! over any `wire`. `stats` and `log` say what happened; `service` is the daemon around it, `names`
//! keeps looked-up endpoints fresh; `cli` and `entry` are the command line. [`APPLET`] is all the
//! binary sees.

#![forbid(unsafe_code)]

pub mod balance;
mod buffer;
mod certs;
mod cli;
pub mod config;
mod dates;
mod entry;
pub mod health;
#[cfg(feature = "hooks")]
mod hooks;
#[cfg(not(feature = "hooks"))]
#[path = "hooks/absent.rs"]
mod hooks;
pub mod http1;
pub mod http2;
pub mod judge;
pub mod l4;
mod log;
mod manual;
mod mirror;
mod names;
pub mod objective;
mod peer;
mod plan;
pub mod resilience;
pub mod route;
mod running;
pub mod secure;
mod service;
pub mod snapshot;
mod stats;
mod top;
mod traces;
mod upstream;
mod view;
mod wire;
mod worker;

use edgekit_core::{Applet, Capability, Entry};

/// The proxy, for the table of applets.
pub static APPLET: Applet = Applet {
    name: "proxy",
    about: "Pass HTTP on to servers, and answer for them",
    needs: &[Capability::NetBindService],
    manual: manual::MANUAL,
    command: cli::command,
    check: |_| Vec::new(),
    config: Some(<config::Config as edgekit_core::config::Settings>::SECTION),
    entry: Entry::Tool(entry::entry),
};
