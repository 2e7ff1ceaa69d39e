//! `edgekit log-level`: what a running daemon logs, shown or changed.

use std::io::Write;

use clap::{Arg, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual};
use serde_json::{Value, json};

use crate::builtin::daemons::{self, target};
use crate::builtin::nothing_to_check;

pub(crate) static LOG_LEVEL: Applet = Applet {
    name: "log-level",
    about: "Show or change what running daemons log",
    needs: &[],
    manual: Manual {
        paragraph: "Without LEVEL prints the log level of the daemons; with it changes the level until it is \
                    changed again or the daemon ends. LEVEL is off, error, warn, info, debug or trace, and \
                    may be followed by exceptions: 'info,http=debug'.",
        examples: &[
            Example { command: "edgekit log-level", does: "of every daemon of this machine" },
            Example {
                command: "edgekit log-level --set debug,rt=info",
                does: "all of them say more, except for what is shared",
            },
        ],
        files: daemons::FILES,
        environment: daemons::ENVIRONMENT,
        exits: &[
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
    Command::new("log-level")
        .arg(target("Only this daemon: APPLET, or APPLET@INSTANCE"))
        .arg(Arg::new("level").value_name("LEVEL").help("What to log from now on"))
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("LEVEL")
                .conflicts_with("level")
                .help("The same, where no APPLET is named: of every daemon"),
        )
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let found = daemons::find(daemons::wanted(matches))?;
    if found.is_empty() {
        ctx.say("no daemon runs");
        return Ok(Exit::OK);
    }
    let level = matches.get_one::<String>("level").or_else(|| matches.get_one("set"));
    for place in found {
        let answer = match level {
            Some(level) => place.daemon.ask("PUT", "/log-level", Some(&json!({ "level": level })))?,
            None => place.daemon.ask("GET", "/log-level", None)?,
        };
        let level = answer.get("level").and_then(Value::as_str).unwrap_or_default();
        writeln!(ctx.out()?, "{}: {level}", place.daemon.name())?;
    }
    Ok(Exit::OK)
}
