//! `edgekit reload`: daemons read their configuration again and say what became of it.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, json};
use serde_json::{Value, json};

use crate::builtin::daemons::{self, target};
use crate::builtin::nothing_to_check;

pub(crate) static RELOAD: Applet = Applet {
    name: "reload",
    about: "Make daemons read their configuration again",
    needs: &[],
    manual: Manual {
        paragraph: "Asks the running daemons to take over their configuration as it is on disk now, and \
                    prints the verdict of each service. A refused configuration changes nothing: the last \
                    good one is still served.",
        examples: &[
            Example { command: "edgekit reload", does: "every daemon of this machine" },
            Example { command: "edgekit reload --json", does: "one JSON object a service, for scripts" },
        ],
        files: daemons::FILES,
        environment: daemons::ENVIRONMENT,
        exits: &[
            (1, "a service refused its configuration"),
            (69, "the daemon that was asked for does not run"),
            (77, "the control socket may not be used"),
        ],
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

fn command() -> Command {
    Command::new("reload")
        .arg(target("Only this daemon: APPLET, or APPLET@INSTANCE"))
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object a service"))
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let found = daemons::find(daemons::wanted(matches))?;
    if found.is_empty() {
        ctx.say("no daemon runs");
        return Ok(Exit::OK);
    }
    let mut exit = Exit::OK;
    for place in found {
        let path = match &place.service {
            Some(service) => format!("/reload/{service}"),
            None => "/reload".to_owned(),
        };
        let mut answer = place.daemon.ask("POST", &path, None)?;
        let verdicts = answer.get_mut("services").and_then(Value::as_array_mut).map(std::mem::take);
        for mut verdict in verdicts.unwrap_or_default() {
            if verdict["verdict"] != "applied" {
                exit = Exit::NO;
            }
            if matches.get_flag("json") {
                verdict["daemon"] = json!(place.daemon.name());
                json::write_line(ctx.out()?, "reload.verdict", verdict)?;
            } else {
                show(ctx, &place.daemon.name(), &verdict)?;
            }
        }
    }
    Ok(exit)
}

fn show(ctx: &mut Ctx, daemon: &str, verdict: &Value) -> Result<(), Error> {
    let words = |key: &str| verdict.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = match words("name") {
        service if service == daemon => service,
        service => format!("{daemon}/{service}"),
    };
    let list = |key: &str| {
        let values = verdict.get(key).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>().join(", ")
    };
    if verdict["verdict"] != "applied" {
        writeln!(ctx.out()?, "{name}: refused: {}", words("error"))?;
        let hint = words("hint");
        if !hint.is_empty() {
            ctx.flush()?;
            ctx.say(format_args!("{} {hint}", ctx.stderr_paint().cyan("hint:")));
        }
        return Ok(());
    }
    let out = ctx.out()?;
    match list("applied") {
        applied if applied.is_empty() => writeln!(out, "{name}: nothing has changed")?,
        applied => writeln!(out, "{name}: applied: {applied}")?,
    }
    let waiting = list("needs_restart");
    if !waiting.is_empty() {
        writeln!(out, "{name}: needs a restart: {waiting}")?;
    }
    Ok(())
}
