//! `edgekit list`: the applets of this build, for people and for scripts that make links.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, json};

use crate::builtin::nothing_to_check;

pub(crate) static LIST: Applet = Applet {
    name: "list",
    about: "List the applets of this build",
    needs: &[],
    manual: Manual {
        paragraph: "Prints the name of each applet compiled into this file, one a line.",
        examples: &[
            Example { command: "edgekit list", does: "names only" },
            Example { command: "edgekit list --json", does: "names, descriptions and needed capabilities" },
        ],
        ..Manual::EMPTY
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

fn command() -> Command {
    Command::new("list").arg(
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("One JSON object a line, with more detail"),
    )
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let applets = ctx.applets();
    let out = ctx.out()?;
    for applet in applets {
        if matches.get_flag("json") {
            let needs: Vec<&str> = applet.needs.iter().map(|capability| capability.name()).collect();
            let value = serde_json::json!({ "name": applet.name, "about": applet.about, "needs": needs });
            json::write_line(out, "list.applet", value)?;
        } else {
            writeln!(out, "{}", applet.name)?;
        }
    }
    Ok(Exit::OK)
}
