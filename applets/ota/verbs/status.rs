//! `ota status`: what runs, what is next, what each slot holds and what is not taken. It changes nothing.

use std::io::Write;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, Progress, json};
use serde_json::{Value, json};

use crate::apply::state::{Deployment, Part, Stage, show_deployment, show_set};
use crate::boot::Name;
use crate::bundle::tree::{self, PAGE};
use crate::cli;
use crate::device::Updater;
use crate::entry::updater;
use crate::fault::Fault;
use crate::hex::Hex;
use crate::image::{self, Prefix};

pub(crate) fn run(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let updater = updater(sub, ctx, true)?;
    let mut progress = Progress::new(ctx, sub);
    let (running, next) = (updater.boot.running()?, updater.boot.next()?);
    let mut components = Vec::new();
    for name in updater.config.component.keys() {
        let place = updater.slot(name, running)?.place();
        let digest = match sub.get_flag("read") {
            true => really(&updater, name, running, &mut progress)?,
            false => None,
        };
        components.push((name.clone(), place, digest));
    }
    drop(progress);
    let deployment = updater.state.deployment()?;
    let (rollbacks, floor) = (updater.state.rollbacks()?, updater.state.floor()?);
    let is_safe_mode = rollbacks >= updater.config.rollbacks;
    let blocked = updater.state.all_blocked()?;
    let sets = [updater.state.set(Name::A)?, updater.state.set(Name::B)?];
    let bad = [updater.state.bad(Name::A)?, updater.state.bad(Name::B)?];
    let out = ctx.out()?;
    if sub.get_flag(cli::JSON) {
        let components: serde_json::Map<String, Value> = components
            .into_iter()
            .map(|(name, place, digest)| {
                (name, json!({ "place": place, "digest": digest.map(|digest| digest.to_string()) }))
            })
            .collect();
        let blocked: Vec<Value> = blocked
            .iter()
            .map(|blocked| {
                json!({
                    "id": blocked.id.to_string(), "version": blocked.version.to_string(), "why": blocked.why,
                    "when": blocked.when.to_string(),
                })
            })
            .collect();
        let [a, b] = sets.each_ref().map(|set| set.as_ref().map_or(Value::Null, show_set));
        let value = json!({
            "running": running.word(), "next": next.slot.word(), "tries_left": next.tries_left,
            "boot": updater.boot.place(), "slots": { "a": a, "b": b },
            "bad": { "a": bad[0], "b": bad[1] }, "running_components": components,
            "deployment": deployment.as_ref().map(show_deployment), "blocked": blocked,
            "rollbacks": rollbacks, "safe_mode": is_safe_mode, "floor": floor.map(|floor| floor.to_string()),
        });
        json::write_line(out, "ota.status", value)?;
        return Ok(Exit::OK);
    }
    for ((slot, set), bad) in Name::BOTH.into_iter().zip(&sets).zip(bad) {
        let holds = match (set, &deployment) {
            (Some(set), _) => format!("{} {}", set.name, set.version),
            (None, Some(deployment)) if deployment.slot == slot => {
                let is_whole = !matches!(deployment.stage, Stage::Writing | Stage::Failed);
                let whole = if is_whole { "" } else { ", not whole" };
                format!("{} {}{whole}", deployment.name, deployment.version)
            }
            (None, _) => "as it came".to_owned(),
        };
        let mut words = vec![holds];
        if slot == running {
            words.push("runs".to_owned());
        }
        if slot == next.slot {
            words.push(match next.tries_left {
                Some(1) => "is next, once more unless it is committed".to_owned(),
                Some(left) => format!("is next, {left} more times unless it is committed"),
                None => "is next".to_owned(),
            });
        }
        words.extend(bad.map(|why| format!("is bad: {why}")));
        writeln!(out, "slot {slot}: {}", words.join("; "))?;
    }
    for (name, place, digest) in components {
        write!(out, "  {name}: '{place}'")?;
        match digest {
            Some(digest) => writeln!(out, ", BLAKE3 {digest}")?,
            None => writeln!(out)?,
        }
    }
    if let Some(deployment) = &deployment {
        write!(out, "last: {} {} is {}", deployment.name, deployment.version, deployment.stage.word())?;
        match &deployment.why {
            Some(why) => writeln!(out, ": {why}")?,
            None => writeln!(out)?,
        }
        if let Some(next) = next_step(deployment, running) {
            writeln!(out, "  {next}")?;
        }
    }
    if updater.config.component.is_empty() {
        writeln!(
            out,
            "no component is described, so nothing can be installed: see 'edgekit config example ota'"
        )?;
    }
    if let Some(floor) = floor {
        writeln!(out, "nothing below {floor} is taken")?;
    }
    for blocked in &blocked {
        writeln!(
            out,
            "blocked: {} since {}: {} ({})",
            blocked.version, blocked.when, blocked.why, blocked.id
        )?;
    }
    if is_safe_mode {
        writeln!(out, "safe mode: {rollbacks} updates were sent back; 'edgekit ota unblock --all' ends it")?;
    }
    Ok(Exit::OK)
}

/// What there is to do about what was installed last.
fn next_step(deployment: &Deployment, running: Name) -> Option<String> {
    Some(match deployment.stage {
        Stage::Writing => {
            let pages = |part: &Part| if part.is_done { u64::MAX } else { part.durable.pages };
            let durable = |part: &Part| pages(part).saturating_mul(PAGE as u64).min(part.size);
            let (done, size) = deployment
                .parts
                .values()
                .fold((0, 0), |(done, size), part| (done + durable(part), size + part.size));
            format!("{done} of {size} bytes are durable; 'edgekit ota apply' of the same bundle goes on")
        }
        Stage::Written => "'edgekit ota apply' of the same bundle starts it".to_owned(),
        Stage::Trying if deployment.slot == running => {
            "'edgekit ota commit' keeps it, 'edgekit ota rollback' leaves it".to_owned()
        }
        Stage::Trying => "it is started at the next boot".to_owned(),
        Stage::Returning => "it is left at the next boot".to_owned(),
        Stage::Switching | Stage::Committing => "'edgekit ota settle' finishes that".to_owned(),
        Stage::Committed | Stage::Returned | Stage::Failed => return None,
    })
}

/// The digest of what is in a slot, read now: of as many bytes as were installed, of the whole place otherwise.
fn really(updater: &Updater, name: &str, slot: Name, progress: &mut Progress) -> Result<Option<Hex>, Fault> {
    let image = match updater.slot(name, slot)?.image() {
        Ok(image) => image,
        Err(Fault::Absent(..)) => return Ok(None),
        Err(other) => return Err(other),
    };
    let known = updater.state.set(slot)?.and_then(|set| set.images.get(name).map(|(_, size)| *size));
    let size = known.unwrap_or(image.size()).min(image.size());
    progress.begin(&format!("reading {name}"), Some(size));
    let Some(image) = Prefix::of(&*image, size) else { return Ok(None) };
    let pages = image::pages(&image, &mut |bytes| {
        progress.add(bytes);
        Ok(())
    })?;
    progress.end();
    Ok(Some(Hex(tree::digest(&pages))))
}
