//! `ota bundle sign` and `resign`: the same body under another head.
//!
//! The body is checked first, so that nobody signs a bundle that is damaged.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, Progress};

use super::verify::walk_total;
use crate::bundle::source::FileSource;
use crate::bundle::{Head, Manifest, read, write};
use crate::cli;
use crate::entry::{file, lists, secrets, value};

pub(crate) fn sign(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let path = file(sub, cli::FILE);
    let (mut head, _) = checked(sub, ctx, &path)?;
    let body = head.len();
    secrets(sub)?.iter().for_each(|key| head.signed.sign(key));
    write::rehead(&path, body, &head, &out(sub, &path))?;
    say(sub, ctx, &path, &head);
    Ok(Exit::OK)
}

pub(crate) fn resign(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let path = file(sub, cli::FILE);
    let (old, mut manifest) = checked(sub, ctx, &path)?;
    if let Some(expires) = value(sub, "expires")? {
        manifest.expires = Some(expires);
    }
    let head = write::head(&path, manifest, &lists(sub)?, &secrets(sub)?)?;
    write::rehead(&path, old.len(), &head, &out(sub, &path))?;
    say(sub, ctx, &path, &head);
    Ok(Exit::OK)
}

/// Who signs by turns sees how far it is.
fn say(sub: &ArgMatches, ctx: &mut Ctx, path: &Path, head: &Head) {
    let out = out(sub, path);
    match head.signed.signers().count() {
        1 => ctx.say(format_args!("'{}' has 1 signature", out.display())),
        count => ctx.say(format_args!("'{}' has {count} signatures", out.display())),
    }
}

fn out(sub: &ArgMatches, path: &Path) -> PathBuf {
    sub.get_one::<PathBuf>(cli::OUTPUT).cloned().unwrap_or_else(|| path.to_owned())
}

/// Head and manifest of a bundle that is whole, whoever signed it.
fn checked(sub: &ArgMatches, ctx: &Ctx, path: &Path) -> Result<(Head, Manifest), Error> {
    let mut source = FileSource::open(path)?;
    let mut bundle = read::open(&mut source)?.unchecked()?;
    let mut progress = Progress::new(ctx, sub);
    progress.begin("checking", Some(walk_total(&bundle.manifest)));
    bundle.prove_all(&mut |bytes| progress.add(bytes))?;
    Ok((bundle.head, bundle.manifest))
}
