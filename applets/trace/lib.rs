//! `edgekit trace`: bpftrace's language, compiled to eBPF on the box itself.
//!
//! The way of a program: `script` (its text) → `syntax` (tree) → `sema` (typed `tree`, asking `probes` and the
//! kernel's types) → `lower` (`plan`) → `edgekit_bpf` (bytecode) → `run` (kernel objects and the loop) → `output`
//! with `symbols` (text and JSON), after `hooks` (Lua) had their say. `compile` puts the phases in a row, `cli` and `entry` are the command line,
//! `doctor`, `list` and `tools` the verbs that trace nothing. [`APPLET`] is all the binary sees.

#![forbid(unsafe_code)]

pub mod cli;
mod compile;
pub mod diag;
mod doctor;
mod entry;
pub mod filter;
#[cfg(feature = "hooks")]
pub mod hooks;
pub mod list;
pub mod lower;
mod manual;
pub mod output;
pub mod plan;
pub mod probes;
pub mod run;
mod script;
pub mod sema;
pub mod symbols;
pub mod syntax;
pub mod tools;
pub mod tree;
pub mod ty;

use edgekit_core::{Applet, Capability, Entry};

/// The tracer, for the table of applets.
pub static APPLET: Applet = Applet {
    name: "trace",
    about: "Trace the kernel and count, with bpftrace's language",
    needs: &[Capability::Bpf, Capability::Perfmon],
    manual: manual::MANUAL,
    command: cli::command,
    check: |_| doctor::summary(),
    config: None,
    entry: Entry::Tool(entry::entry),
};
