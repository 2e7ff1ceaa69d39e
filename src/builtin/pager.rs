//! Long text on a terminal goes through a pager, anywhere else straight to standard output.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use edgekit_core::{Ctx, Error};

/// Shows `text`; `paged` allows a pager where standard output is a terminal.
pub(crate) fn show(ctx: &mut Ctx, text: &str, paged: bool) -> Result<(), Error> {
    if paged && ctx.stdout_is_tty() && through_pager(text) {
        return Ok(());
    }
    ctx.out()?.write_all(text.as_bytes())?;
    Ok(())
}

/// True if a pager was found and has shown it.
fn through_pager(text: &str) -> bool {
    let chosen = env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let candidates = chosen.iter().map(String::as_str).chain(["less -R", "more"]);
    for candidate in candidates {
        let mut words = candidate.split_whitespace();
        let Some(program) = words.next() else { continue };
        let Ok(mut child) = Command::new(program).args(words).stdin(Stdio::piped()).spawn() else { continue };
        if let Some(mut input) = child.stdin.take() {
            // A reader who quits early closes the pipe: that is no failure.
            drop(input.write_all(text.as_bytes()));
        }
        let ended: io::Result<_> = child.wait();
        return ended.is_ok();
    }
    false
}
