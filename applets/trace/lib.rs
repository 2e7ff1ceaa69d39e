//! `edgekit trace`: bpftrace's language, compiled to eBPF on the box itself.
//!
//! The way of a program: `script` (its text) → `syntax` (tree) → `sema` (typed `tree`, asking `probes` and the
//! kernel's types) → `lower` (`plan`) → `edgekit_bpf` (bytecode) → `run` (kernel objects and the loop) → `output`
//! with `symbols` (text and JSON). `compile` puts the phases in a row, `cli` and `entry` are the command line,
//! `doctor`, `list` and `tools` the verbs that trace nothing.

#![forbid(unsafe_code)]

pub mod cli;
pub mod diag;
pub mod filter;
pub mod list;
pub mod lower;
pub mod output;
pub mod plan;
pub mod probes;
pub mod run;
pub mod symbols;
pub mod syntax;
pub mod tools;
pub mod tree;
pub mod ty;

