//! What a running process needs from the kernel: signals, children, capabilities, facts about the host.
//!
//! A safe face on the few raw system calls involved; every `unsafe` of it is in this crate, one
//! line each with its reason. Applets use it, `edgekit-core` holds the contract they are written
//! against.

pub mod caps;
pub mod child;
pub mod host;
mod signals;
mod sys;

pub use signals::Signals;
