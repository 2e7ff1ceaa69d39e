//! The dispatcher of edgekit: a word or a link name in, one command run.
//!
//! A library beside the binary so that the generators in `scripts/xtask` and the tests see the same
//! table; only `main.rs` and those two use it. `applets.rs` is the table, `dispatch.rs` picks,
//! `launch.rs` runs, `builtin/` is what comes without any applet.
#![forbid(unsafe_code)]

mod applets;
mod builtin;
mod dispatch;
mod launch;

pub use applets::{APPLETS, known};
pub use builtin::BUILTINS;
pub use launch::{command_tree, run};

/// The machine's clock, with the date of this build as floor.
pub fn clock() -> edgekit_core::Clock {
    // Seconds since 1970, written by build.rs.
    let seconds = env!("EDGEKIT_BUILT").parse().unwrap_or(0);
    edgekit_core::Clock::system().built(std::time::Duration::from_secs(seconds))
}
