//! `edgekit trace`: bpftrace's language, compiled to eBPF on the box itself.

#![forbid(unsafe_code)]

pub mod diag;
pub mod syntax;
