//! The control socket of a daemon: HTTP/1.1 and JSON over a Unix socket, for `edgekit status` and
//! whoever else may (curl --unix-socket, a Prometheus agent).
//!
//! | route | answer |
//! |---|---|
//! | `GET /status` | the Host and each of its services |
//! | `POST /reload`, `POST /reload/NAME` | the verdict of each service |
//! | `GET /config` | what each service runs by |
//! | `POST /upgrade` | has a new process take over, `{"probation_s": 10}`: its verdict |
//! | `POST /drain` | finishes what runs, `{"deadline_s": 30}`, and ends: how long it may take |
//! | `GET /log-level`, `PUT /log-level` | `{"level": "info"}` |
//! | `GET /metrics` | Prometheus text |
//!
//! Root, the daemon's own user and members of the group `edgekit` are let in, by what the kernel says
//! of the peer; each write leaves a line in the log. Small on purpose: one request a connection, all
//! sizes, times and numbers bounded. The HTTP of the network is `edgekit-http`, which stands on this
//! crate. Neighbours: `socket.rs` owns the name in the file system, `peer.rs` says who called,
//! `wire.rs` reads and writes messages, `scrape.rs` gives the metrics over TCP as well, `client.rs` is the caller's side.

mod callers;
pub mod client;
mod peer;
mod scrape;
mod server;
mod socket;
pub mod table;
mod wire;

pub(crate) use scrape::serve as serve_metrics;
pub(crate) use server::{Asked, Routes, Turn, serve};
pub(crate) use socket::ControlSocket;

/// Name of the group whose members may use control sockets.
pub const GROUP: &str = "edgekit";

/// The file name of a daemon's socket: `proxy.sock`, `proxy@INSTANCE.sock`.
pub fn file_name(applet: &str, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("{applet}@{instance}.sock"),
        None => format!("{applet}.sock"),
    }
}
