//! `ota bundle verify`: all of a bundle is read once, and each byte of it proven.

use std::io::Write;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, Progress, json};

use crate::bundle::Manifest;
use crate::bundle::read;
use crate::cli;
use crate::entry::{bundle, now, openers, trusted, value};
use crate::halt::Halt;
use crate::policy::{self, Device};

pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let trust = trusted(sub)?;
    let device = Device {
        hardware: cli::text(sub, "hardware").map(str::to_owned),
        installed: value(sub, "installed")?,
        floor: value(sub, "floor")?,
        now: now(ctx),
    };
    let mut source = bundle(sub, ctx, Halt::default())?;
    let (mut bundle, approval) = read::open(&mut *source)?.check(&trust, device.now)?;
    let openers = openers(sub)?;
    if !openers.is_empty() {
        bundle.unseal(&openers)?;
    }
    policy::fits(&bundle.manifest, &device)?;
    let mut progress = Progress::new(ctx, sub);
    progress.begin("checking", Some(walk_total(&bundle.manifest)));
    bundle.prove_all(&mut |bytes| progress.add(bytes))?;
    drop(progress);
    if bundle.is_closed() {
        ctx.warn("it is encrypted: its blocks are those that were signed, and nobody looked into them");
    }
    let signers: Vec<String> = approval.signers.iter().map(ToString::to_string).collect();
    let manifest = &bundle.manifest;
    if sub.get_flag(cli::JSON) {
        let value = serde_json::json!({
            "name": manifest.name, "version": manifest.version.to_string(), "signers": signers,
            "threshold": approval.threshold, "list": approval.list,
            "components": manifest.component.keys().collect::<Vec<_>>(),
        });
        json::write_line(ctx.out()?, "ota.bundle.verified", value)?;
    } else {
        let (name, version, count) = (&manifest.name, &manifest.version, signers.len());
        writeln!(
            ctx.out()?,
            "{name} {version}: whole, and signed by {count} of {} keys it takes",
            approval.threshold
        )?;
    }
    Ok(Exit::OK)
}

/// Bytes that [`crate::bundle::read::Bundle::prove_all`] works through: as stored for deltas, as images for full ones.
pub(super) fn walk_total(manifest: &Manifest) -> u64 {
    let of = |component: &crate::bundle::Component| -> u64 {
        let payloads = component.payload.values();
        payloads.map(|payload| if payload.source.is_some() { payload.stored } else { component.size }).sum()
    };
    manifest.component.values().map(of).sum()
}
