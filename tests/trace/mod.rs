//! `edgekit trace` end to end, on the kernel that is here.
//!
//! Where tracing is refused (no root, a container) each test says so and ends; what needs no
//! privilege is in `bad_input.rs` and always runs.

mod bad_input;
mod exact;
mod hooks;
mod losses;
mod running;
mod tools;

use std::ffi::OsStr;

use crate::harness::{Said, edgekit};

/// Calls `edgekit trace`.
fn trace<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Said {
    let arguments: Vec<S> = arguments.into_iter().collect();
    edgekit(std::iter::once(OsStr::new("trace")).chain(arguments.iter().map(AsRef::as_ref)))
}

/// Calls `edgekit trace -q -e PROGRAM`.
fn program(text: &str) -> Said {
    trace(["-q", "-e", text])
}

/// False, with the reason on standard error, where programs cannot be loaded.
fn can_trace() -> bool {
    let said = program("begin { exit(); }");
    if said.code == Some(0) {
        return true;
    }
    eprintln!("skipped: tracing is not possible here: {}", said.err.trim());
    false
}
