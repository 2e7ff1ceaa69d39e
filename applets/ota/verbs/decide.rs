//! `ota commit`, `rollback`, `mark-bad`, `unblock` and `settle`: what is decided about a version that was installed.

use std::io::Write;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, json};
use serde_json::json;

use crate::apply::state::{Deployment, Stage, show_deployment};
use crate::apply::{self, Settled};
use crate::boot::Name;
use crate::cli;
use crate::device::Updater;
use crate::entry::{named, updater};
use crate::fault::Fault;
use crate::health::{self, Listener, Verdict};
use crate::hex::Hex;
use crate::judge;

/// The device, with whatever a power cut left half done finished.
pub(crate) fn settled(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Updater, Error> {
    let mut updater = updater(sub, ctx, false)?;
    say(ctx, &apply::settle(&mut updater)?);
    Ok(updater)
}

fn say(ctx: &mut Ctx, settled: &Settled) {
    match settled {
        Settled::Nothing => {}
        Settled::Finished(stage) => ctx.warn(format_args!("finished what was begun: {}", stage.word())),
        Settled::SentBack(id) => {
            ctx.warn(format_args!("the new version was not committed in time and is blocked now: {id}"));
        }
    }
}

pub(crate) fn commit(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let mut updater = settled(sub, ctx)?;
    if sub.get_flag("check") {
        check(&mut updater, ctx)?;
    }
    let deployment = apply::commit(&mut updater)?;
    tell(ctx, sub, &deployment, "is committed")
}

/// Commits nothing that is not healthy: a new version that runs and fails is left.
fn check(updater: &mut Updater, ctx: &mut Ctx) -> Result<(), Error> {
    let running = updater.boot.running()?;
    let on_trial =
        updater.state.deployment()?.filter(|last| last.stage == Stage::Trying && last.slot == running);
    if on_trial.is_none() {
        // The commit says what there is to decide, if anything.
        return Ok(());
    }
    let clock = updater.clock().clone();
    let mut hooks = judge::open(&updater.config.hooks, &clock)?;
    match health::judge(&updater.config.health, &mut *hooks, &mut Said(ctx), &clock)? {
        Verdict::Good => Ok(()),
        Verdict::Stopped(why) => Err(Fault::Stopped(why).into()),
        Verdict::Bad { check, why } => {
            let left = apply::rollback(updater, &format!("check '{check}' did not pass: {why}"))?;
            let what =
                format!("{} {} is not healthy: check '{check}' did not pass: {why}", left.name, left.version);
            let next = match left.stage {
                Stage::Returning => "it is left at the next boot, and blocked",
                _ => "it is left, and blocked",
            };
            Err(Error::new(Exit::NO, what).hint(next))
        }
    }
}

/// Tells a person what does not pass yet.
struct Said<'a>(&'a mut Ctx);

impl Listener for Said<'_> {
    fn tried(&mut self, check: &str, outcome: Result<u32, &str>) {
        if let Err(why) = outcome {
            self.0.warn(format_args!("check '{check}': {why}"));
        }
    }
}

pub(crate) fn rollback(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let mut updater = settled(sub, ctx)?;
    let deployment = apply::rollback(&mut updater, why(sub))?;
    let what = match deployment.stage {
        Stage::Returning => "is left at the next boot, and blocked",
        _ => "is left, and blocked",
    };
    tell(ctx, sub, &deployment, what)
}

pub(crate) fn mark_bad(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let mut updater = settled(sub, ctx)?;
    let running = updater.boot.running()?;
    let slot = match cli::text(sub, "slot") {
        Some("other") => running.other(),
        Some(word) => Name::of(word).unwrap_or(running),
        None => running,
    };
    apply::mark_bad(&mut updater, slot, why(sub))?;
    let next = updater.boot.next()?.slot;
    if sub.get_flag(cli::JSON) {
        json::write_line(ctx.out()?, "ota.marked", json!({ "slot": slot.word(), "next": next.word() }))?;
    } else {
        writeln!(ctx.out()?, "slot {slot} is bad; slot {next} is next")?;
    }
    Ok(Exit::OK)
}

pub(crate) fn unblock(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let mut updater = settled(sub, ctx)?;
    let id: Option<Hex> = named(sub, "id", "ID")?;
    let count = apply::unblock(&mut updater, id)?;
    if sub.get_flag(cli::JSON) {
        json::write_line(ctx.out()?, "ota.unblocked", json!({ "count": count }))?;
        return Ok(Exit::OK);
    }
    match count {
        0 => ctx.say("nothing was blocked; updates are taken again"),
        1 => writeln!(ctx.out()?, "1 version may be installed again")?,
        count => writeln!(ctx.out()?, "{count} versions may be installed again")?,
    }
    Ok(Exit::OK)
}

pub(crate) fn settle(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    settled(sub, ctx).map(|_| Exit::OK)
}

fn why(sub: &ArgMatches) -> &str {
    cli::text(sub, "why").unwrap_or("by hand")
}

fn tell(ctx: &mut Ctx, sub: &ArgMatches, deployment: &Deployment, what: &str) -> Result<Exit, Error> {
    let out = ctx.out()?;
    if sub.get_flag(cli::JSON) {
        json::write_line(out, "ota.deployment", show_deployment(deployment))?;
    } else {
        writeln!(out, "{} {} {what}", deployment.name, deployment.version)?;
    }
    Ok(Exit::OK)
}
