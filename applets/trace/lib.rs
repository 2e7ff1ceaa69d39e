//! `edgekit trace`: bpftrace's language, compiled to eBPF on the box itself.

#![forbid(unsafe_code)]

pub mod cli;
pub mod diag;
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
