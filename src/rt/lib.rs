//! What a running process needs from the kernel: signals, children, capabilities, facts about the host.
//!
//! A safe face on the few raw system calls involved; every `unsafe` of it is in this crate, one
//! line each with its reason. Applets use it, `edgekit-core` holds the contract they are written
//! against.

pub mod caps;
pub mod child;
pub mod control;
mod daemon;
mod handover;
pub mod host;
mod last_good;
pub mod log;
pub mod memory;
pub mod metrics;
mod notify;
mod ports;
pub mod resolve;
mod scope;
pub mod service;
mod signals;
mod sys;
pub mod watch;

pub use daemon::{Definition, Host, Settings};
pub use ports::Ports;
pub use resolve::{ResolveError, Resolver};
pub use scope::Scope;
pub use service::{Service, Verdict};
pub use signals::Signals;
pub use watch::Watch;

/// A future behind a pointer: what an object-safe asynchronous method returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
