//! End to end, on the built binary: what a user sees, nothing from inside.
//!
//! `EDGEKIT_BIN` names the file under test, by default the one Cargo has just built; a folder each
//! for the command line and every applet, `harness` for what they share.
#![forbid(unsafe_code)]
// All of it is tests: a failed expectation is what they are for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chassis;
mod cli;
mod harness;
mod ota;
mod proxy;
mod rules;
mod trace;
