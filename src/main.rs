//! The process: takes its arguments, runs one command, ends. Nothing else here or elsewhere ends it.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use edgekit_core::{Ctx, Exit};

/// Of the static file: gives back what a burst needed, where musl's own keeps it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let run = || {
        let mut ctx = Ctx::new(edgekit::APPLETS);
        ctx.set_clock(edgekit::clock());
        edgekit::run(std::env::args_os().collect(), &mut ctx)
    };
    // The panic hook has printed where; a caller still gets the code that says "a bug".
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::BUG).into()
}
