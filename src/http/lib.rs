//! HTTP where it is not hot: server and client on hyper, with our TLS and resolver joined.
//!
//! Control sockets, downloads, ACME, telemetry and the page go through here; the proxy's hot path
//! does not. HTTP/1.1 over TCP, TLS and Unix sockets. Nothing here spawns what outlives its owner: a
//! client's connection is driven by whoever reads the answer, a server's by [`Server::serve`].
//!
//! ```no_run
//! # async fn f() -> Result<(), edgekit_http::Error> {
//! use edgekit_http::{Client, Options, Retry};
//!
//! let client = Client::new(Options::default());
//! let answer = client.get("http://box.example/status", &Retry::default()).await?;
//! let status: serde_json::Value = answer.json().await?;
//! # Ok(()) }
//! ```
//!
//! Rooms: `client` → `connect` (`proxy`, TLS, happy eyeballs) → `body`; `download` resumes on top of
//! `client`, into a `sink`, `pull` hands on to whoever reads; `otlp` sends telemetry; `server` → `files`, `sse`, `reply`; `url`, `range`, `date`, `retry`, `error` are the
//! words both sides share.
#![forbid(unsafe_code)]

mod body;
mod client;
mod connect;
mod date;
mod download;
mod error;
mod files;
pub mod otlp;
mod pace;
mod proxy;
mod pull;
mod range;
mod reply;
mod retry;
mod server;
mod sink;
mod sse;
mod url;

pub use body::Body;
pub use client::{Answer, Call, Client, Options, Timeouts};
pub use date::retry_after;
pub use download::{Download, Downloaded, Progress, Sink};
pub use error::{Error, Kind, Phase};
pub use files::{Content, serve as serve_content};
pub use proxy::{Proxies, Proxy};
pub use pull::{Pull, Terms};
pub use range::{ContentRange, Span, Validator, Wanted, wanted};
pub use reply::{Reply, ReplyBody, empty, full, json, text};
pub use retry::{Attempts, Retry};
pub use server::{Counts, Drained, Handler, Limits, Listener, Peer, Request, Server};
pub use sink::{FileSink, PartFile};
pub use sse::{Event, EventParser, Events};
pub use url::Url;

pub use hyper::{HeaderMap, Method, StatusCode, header};
