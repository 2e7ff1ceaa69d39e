//! `edgekit ota`: updates that are proven before they are written.
//!
//! A bundle (`bundle`) holds images, whole or as a delta (`delta`) against one that is installed. Keys (`keys`) sign
//! it; `trust` says whose signatures count, `policy` whether it is for this device. `verbs` is what can be typed,
//! `cli` the words, `entry` the way from one to the other. On the device, `apply` takes a bundle into the `slot` that does
//! not run and has `boot` start it; `config` says what the device has. What an image is read from is an `image`, what a bundle is
//! read from a `bundle::source`. ARCHITECTURE.md, "The updater", has the rooms that are still to come.

#![forbid(unsafe_code)]

pub mod apply;
pub mod boot;
pub mod bundle;
mod cli;
pub mod config;
pub mod delta;
pub mod device;
mod entry;
mod fault;
pub mod fleet;
pub mod glob;
mod halt;
pub mod health;
mod hex;
#[cfg(feature = "hooks")]
pub mod hooks;
pub mod image;
pub mod judge;
pub mod keys;
mod manual;
mod moment;
pub mod policy;
pub mod slot;
pub mod trust;
mod verbs;
mod version;

pub use fault::Fault;
pub use halt::Halt;
pub use hex::Hex;
pub use moment::Moment;
pub use version::Version;

use edgekit_core::config::Settings;
use edgekit_core::{Applet, Entry};

/// The updater, for the table of applets.
pub static APPLET: Applet = Applet {
    name: "ota",
    about: "Install updates that survive a power cut, and make bundles",
    needs: &[],
    manual: manual::MANUAL,
    command: cli::command,
    check: |_| Vec::new(),
    config: Some(config::Ota::SECTION),
    entry: Entry::Tool(entry::entry),
};
