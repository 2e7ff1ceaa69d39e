//! `edgekit trace`: bpftrace's language, compiled to eBPF on the box itself.

#![forbid(unsafe_code)]

pub mod diag;
pub mod lower;
pub mod output;
pub mod plan;
pub mod probes;
pub mod syntax;
pub mod tree;
pub mod ty;
