//! `edgekit rules`: Lua rules checked, tested, run and watched.
//!
//! The engine is `edgekit_rules`; here it meets the world: files (`folder`, `load`), people (`check`, `fixture`,
//! `explain`, `live`, `problem`), and as a daemon (`service`) the bus, the clock and what rules want done. `recording`
//! and `replay` keep what happened and compare. `cli` and `entry` are the
//! command line, `examples` what to start from. [`APPLET`] is all the binary sees.

#![forbid(unsafe_code)]

mod check;
mod cli;
mod client;
pub mod config;
mod entry;
mod examples;
mod explain;
mod fixture;
mod folder;
mod live;
mod load;
mod manual;
mod problem;
mod recording;
mod replay;
mod service;

use edgekit_core::config::Settings;
use edgekit_core::{Applet, Entry};

/// The rules, for the table of applets.
pub static APPLET: Applet = Applet {
    name: "rules",
    about: "Run Lua rules on events, and check, test and replay them",
    needs: &[],
    manual: manual::MANUAL,
    command: cli::command,
    check: |ctx| check::doctor(ctx),
    config: Some(config::Rules::SECTION),
    entry: Entry::Tool(entry::entry),
};
