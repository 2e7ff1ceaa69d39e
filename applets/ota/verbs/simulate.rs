//! `ota simulate`: every stage of an installation on this device, to its commit and to its fallback, in a folder of
//! its own.
//!
//! What runs is read where it is; what would be written to the other slot, the state and the link goes to the folder,
//! and the boot loader is one that counts there. So plan, sizes, deltas, read-back and refusals are the real ones, and
//! nothing of the device is touched. Neighbours: `device` makes the device in the folder, `apply` does the rest.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, Progress, json};
use serde_json::json;

use super::apply::{Shown, shape, show, terms};
use crate::apply::{self, Outcome, Settled};
use crate::cli;
use crate::device::Updater;
use crate::entry::{believer, bundle};
use crate::fault::Fault;

pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let real = believer(sub, ctx, true)?;
    let folder = Scratch::new(sub.get_one::<PathBuf>("scratch"))?;
    let terms = terms(sub, &real, false);
    let mut shown = Shown::new(Progress::new(ctx, sub))?;
    let mut source = bundle(sub, ctx, shown.halt())?;
    let running = real.boot.running()?;
    let mut device = real.simulated(&folder.0, running, 0)?;
    let installed = apply::install(&mut device, &mut *source, &terms, &mut shown);
    let (plan, moved, installed) = shown.end(installed);
    let installed = installed?;
    let as_json = sub.get_flag(cli::JSON);
    let mut say = |stage: &str, text: String, more: serde_json::Value| -> Result<(), Error> {
        let out = ctx.out()?;
        if as_json {
            let value = json!({ "stage": stage, "text": text, "detail": more });
            json::write_line(out, "ota.simulated", value)?;
        } else {
            writeln!(out, "{stage}: {text}")?;
        }
        Ok(())
    };
    let (name, version) = (&installed.plan.name, &installed.plan.version);
    if installed.outcome != Outcome::InUse {
        say("plan", format!("{name} {version} runs already"), json!(null))?;
        return Ok(Exit::OK);
    }
    let plan = plan.unwrap_or(installed.plan.clone());
    let mut words = Vec::new();
    show(&mut words, &plan)?;
    say("plan", String::from_utf8_lossy(&words).trim_end().to_owned(), shape(&plan))?;
    let written = format!("{} bytes are written and read back, {} fetched", plan.size(), moved.fetched);
    say("write", written, json!({ "fetched_bytes": moved.fetched, "saved_bytes": moved.saved }))?;
    let tries = device.config.boot.tries;
    say(
        "switch",
        format!("slot {} is started next, {tries} times unless it is committed", plan.slot),
        json!(null),
    )?;
    // The same state twice: one device commits, the other never does.
    let committed = commit(&device, &folder.0)?;
    say("commit", committed, json!(null))?;
    let mut device = device;
    for boot in 1..=tries {
        device = device.simulated(&folder.0, running, boot)?;
        if let Settled::SentBack(id) = apply::settle(&mut device)? {
            let text = format!(
                "without a commit slot {running} runs again after {tries} starts, and {name} {version} is blocked"
            );
            say("fallback", text, json!({ "blocked": id.to_string() }))?;
        }
    }
    Ok(Exit::OK)
}

/// What a commit would leave.
fn commit(device: &Updater, folder: &Path) -> Result<String, Fault> {
    let mut device = device.in_state(&folder.join("committed"))?;
    let deployment = apply::commit(&mut device)?;
    let floor = match device.state.floor()? {
        Some(floor) => format!("; nothing below {floor} is taken then"),
        None => String::new(),
    };
    Ok(format!("{} {} stays{floor}", deployment.name, deployment.version))
}

/// The folder; one that was not named is gone in the end.
struct Scratch(PathBuf, bool);

impl Scratch {
    fn new(named: Option<&PathBuf>) -> Result<Scratch, Fault> {
        let path = match named {
            Some(path) => path.clone(),
            None => std::env::temp_dir().join(format!("edgekit-ota-simulate-{}", std::process::id())),
        };
        // A folder that is there may hold anything.
        std::fs::create_dir(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Fault::Target(
                format!("'{}' is there already", path.display()),
                "name a folder that is not there yet: it is made, and left for you to look into".to_owned(),
            ),
            _ => Fault::io("create", &path)(error),
        })?;
        Ok(Scratch(path, named.is_none()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.1 {
            // Nothing of worth is left then.
            let _left = std::fs::remove_dir_all(&self.0);
        }
    }
}
