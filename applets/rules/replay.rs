//! `edgekit rules replay`: a recording once more, through rules as they are now.
//!
//! Neighbours: `recording` wrote the file, `edgekit_rules::record` replays and compares, `load` builds.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use edgekit_core::{Ctx, Error, ErrorContext, Exit, json};
use edgekit_rules::record::{self, Difference, RecordError, Recording, Side};
use serde_json::json;

use crate::check::count;
use crate::{config, load, problem};

/// Replays `file` through the rules in `folder`, and shows what they do otherwise.
pub(crate) fn run(
    ctx: &mut Ctx,
    file: &Path,
    folder: &Path,
    config: &config::Rules,
    as_json: bool,
) -> Result<Exit, Error> {
    let recording = read(file)?;
    let sources = match load::some_sources(&[folder.to_owned()]) {
        Ok(sources) => sources,
        Err(problems) => return Err(problem::show(ctx, &problems, &[], as_json)),
    };
    let options = load::options(config, ctx.clock());
    let replayed = load::generation(&sources, &options).and_then(|generation| {
        record::replay(&recording, generation, &options).map_err(|faults| load::problems(&faults))
    });
    let (done, faults) = match replayed {
        Ok(replayed) => replayed,
        Err(problems) => return Err(problem::show(ctx, &problems, &sources, as_json)),
    };
    let differences = record::compare(&recording.done, &done);
    show(ctx, &differences, as_json)?;
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let out = ctx.out()?;
    if as_json {
        let value = json!({
            "events": recording.events.len(), "actions_then": recording.done.len(), "actions_now": done.len(),
            "differences": differences.len(), "faults": faults,
        });
        json::write_line(out, "rules.replayed", value)?;
    } else {
        for fault in &faults {
            writeln!(out, "! {fault}")?;
        }
        let (then, now) = (count(recording.done.len(), "action"), count(done.len(), "action"));
        let (events, differ) =
            (count(recording.events.len(), "event"), count(differences.len(), "difference"));
        writeln!(out, "{events}, {then} then, {now} now: {differ}")?;
    }
    Ok(if differences.is_empty() && faults.is_empty() { Exit::OK } else { Exit::NO })
}

fn read(file: &Path) -> Result<Recording, Error> {
    let context = || format!("cannot replay '{}'", file.display());
    let opened = File::open(file).with_context(context)?;
    Recording::read(BufReader::new(opened)).map_err(|error| {
        let exit = if matches!(error, RecordError::Io { .. }) { Exit::IO } else { Exit::DATA };
        Error::new(exit, error.to_string()).context(context())
    })
}

fn show(ctx: &mut Ctx, differences: &[Difference], as_json: bool) -> Result<(), Error> {
    let paint = ctx.stdout_paint();
    let out = ctx.out()?;
    for Difference { side, done } in differences {
        let is_before = matches!(side, Side::Before);
        if as_json {
            let side = if is_before { "then" } else { "now" };
            let value = json!({
                "only": side, "event": done.id, "rule": *done.rule, "action": done.action,
                "at": u64::try_from(done.at.as_nanos()).unwrap_or(u64::MAX),
            });
            json::write_line(out, "rules.difference", value)?;
        } else {
            let line = format!("{} {}: {}", if is_before { "-" } else { "+" }, done.rule, done.action);
            let line = if is_before { paint.red(&line) } else { paint.green(&line) };
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
