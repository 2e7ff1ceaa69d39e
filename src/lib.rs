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
