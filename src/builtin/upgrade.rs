//! `edgekit upgrade`: a new process, started from the file that is in place now, takes over from a running daemon.

use std::io::Write;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::units::parse_duration;
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, json};
use serde_json::{Value, json};

use crate::builtin::daemons::{self, target};
use crate::builtin::nothing_to_check;

pub(crate) static UPGRADE: Applet = Applet {
    name: "upgrade",
    about: "Have a new process take over from a running daemon",
    needs: &[],
    manual: Manual {
        paragraph: "Starts the file that is in the daemon's place now, with the daemon's own arguments, and hands \
                    it the listening sockets, the control socket, the keys of TLS tickets and what was \
                    counted. Once the new process serves, the old one takes nothing new and finishes what it \
                    has. If the new one refuses the configuration, crashes or does not get ready in time, the \
                    old one serves on, and its reason is printed. The signal USR2 does the same. Under systemd \
                    the new process becomes the main one; the first process of a container stays, and \
                    passes signals on.",
        examples: &[
            Example { command: "edgekit upgrade", does: "every daemon of this machine" },
            Example {
                command: "edgekit upgrade --probation 10s",
                does: "only if the new one is still there after 10 s",
            },
        ],
        files: daemons::FILES,
        environment: daemons::ENVIRONMENT,
        exits: &[
            (1, "a daemon serves on as it was"),
            (69, "the daemon that was asked for does not run"),
            (77, "the control socket may not be used"),
        ],
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

/// Both processes may serve beside each other no longer than a caller waits.
const LONGEST: Duration = Duration::from_secs(600);

fn command() -> Command {
    Command::new("upgrade")
        .arg(target("Only this daemon: APPLET, or APPLET@INSTANCE"))
        .arg(
            Arg::new("probation")
                .long("probation")
                .value_name("TIME")
                .value_parser(probation)
                .help("How long both serve before the old one stops, such as 10s; if the new one ends, the old one stays"),
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object a daemon"))
}

fn probation(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).map_err(|error| error.to_string())?;
    if time > LONGEST { Err("at most 10m".to_owned()) } else { Ok(time) }
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let found = daemons::find(daemons::wanted(matches))?;
    if found.is_empty() {
        ctx.say("no daemon runs");
        return Ok(Exit::OK);
    }
    let probation = matches.get_one::<Duration>("probation").copied().unwrap_or_default();
    let mut exit = Exit::OK;
    for place in found {
        let body = json!({ "probation_s": probation.as_secs_f64() });
        let mut verdict = place.daemon.ask_within("POST", "/upgrade", Some(&body), probation)?;
        if verdict["verdict"] != "upgraded" {
            exit = Exit::NO;
        }
        let name = place.daemon.name();
        if matches.get_flag("json") {
            verdict["daemon"] = json!(name);
            json::write_line(ctx.out()?, "upgrade.verdict", verdict)?;
        } else {
            show(ctx, &name, &verdict)?;
        }
    }
    Ok(exit)
}

fn show(ctx: &mut Ctx, name: &str, verdict: &Value) -> Result<(), Error> {
    if verdict["verdict"] == "upgraded" {
        writeln!(ctx.out()?, "{name}: process {} has taken over", verdict["pid"])?;
        return Ok(());
    }
    writeln!(ctx.out()?, "{name}: serves on as it was: {}", verdict["error"].as_str().unwrap_or_default())?;
    if let Some(hint) = verdict["hint"].as_str() {
        ctx.flush()?;
        ctx.say(format_args!("{} {hint}", ctx.stderr_paint().cyan("hint:")));
    }
    Ok(())
}
