//! `edgekit status`: the daemons of this machine and how their services are.

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, json};
use edgekit_rt::control::table;

use crate::builtin::daemons::{self, target};
use crate::builtin::nothing_to_check;

pub(crate) static STATUS: Applet = Applet {
    name: "status",
    about: "Show the running daemons and their services",
    needs: &[],
    manual: Manual {
        paragraph: "Asks each running daemon over its control socket, and prints a line for each of its \
                    services. A daemon that died without removing its socket is shown as dead.",
        examples: &[
            Example { command: "edgekit status", does: "every daemon of this machine" },
            Example { command: "edgekit status --json", does: "one JSON object a daemon, with all details" },
        ],
        files: daemons::FILES,
        environment: daemons::ENVIRONMENT,
        exits: &[
            (1, "a service does not run, or a daemon has died"),
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
    Command::new("status").arg(target("Only this daemon: APPLET, or APPLET@INSTANCE")).arg(
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("One JSON object a daemon, with all details"),
    )
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let wanted = daemons::wanted(matches);
    let found = daemons::find(wanted)?;
    if found.is_empty() {
        ctx.say("no daemon runs");
        return Ok(Exit::OK);
    }
    let mut healthy = true;
    let mut rows = Vec::new();
    for place in found {
        let answer = place.daemon.ask("GET", "/status", None);
        let status = match answer {
            Ok(status) => status,
            Err(error) if wanted.is_none() && error.exit() == Exit::UNAVAILABLE => {
                serde_json::json!({ "applet": place.daemon.applet, "instance": place.daemon.instance, "dead": true })
            }
            Err(error) => return Err(error),
        };
        healthy &= table::is_healthy(&status);
        if matches.get_flag("json") {
            json::write_line(ctx.out()?, "status.daemon", status)?;
        } else {
            rows.extend(table::rows(&place.daemon, &status, place.service.as_deref()));
        }
    }
    if !rows.is_empty() {
        table::print(ctx, &rows)?;
    }
    Ok(if healthy { Exit::OK } else { Exit::NO })
}
