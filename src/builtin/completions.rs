//! `edgekit completions SHELL`: the scripts that `cargo xtask gen` wrote, from inside the file.

use std::io::Write;

use clap::{Arg, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual};

use crate::builtin::{embedded, nothing_to_check};
use crate::dispatch::PREFIX;

pub(crate) static COMPLETIONS: Applet = Applet {
    name: "completions",
    about: "Print the completion script of a shell",
    needs: &[],
    manual: Manual {
        paragraph: "Prints a script that makes a shell complete edgekit's commands and options, also for \
                    the link names such as edgekit-trace. Load it from the shell's start file, or save it \
                    where the shell looks for completions.",
        examples: &[
            Example {
                command: "edgekit completions bash > edgekit.bash",
                does: "save it, to be sourced by bash",
            },
            Example { command: "edgekit completions fish", does: "look at it" },
        ],
        ..Manual::EMPTY
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

/// How each shell's files are called: before and after the name of the command they complete.
const SHELLS: [(&str, &str, &str); 6] = [
    ("bash", "", ".bash"),
    ("zsh", "_", ""),
    ("fish", "", ".fish"),
    ("elvish", "", ".elv"),
    ("powershell", "_", ".ps1"),
    ("nushell", "", ".nu"),
];

fn command() -> Command {
    Command::new("completions").arg(
        Arg::new("shell")
            .value_name("SHELL")
            .required(true)
            .value_parser(SHELLS.map(|(name, ..)| name))
            .help("The shell to complete in"),
    )
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let wanted = matches.get_one::<String>("shell").map(String::as_str).unwrap_or_default();
    let Some((shell, before, after)) = SHELLS.iter().find(|(name, ..)| *name == wanted) else {
        return Err(Error::new(Exit::USAGE, format!("unknown shell '{wanted}'")));
    };
    let links = ctx.applets().iter().map(|applet| format!("{PREFIX}{}", applet.name));
    let files: Vec<String> = std::iter::once("edgekit".to_owned())
        .chain(links)
        .map(|name| format!("{before}{name}{after}"))
        .collect();
    let out = ctx.out()?;
    for file in files {
        let script = embedded::completion(&file)
            .ok_or_else(|| Error::new(Exit::BUG, format!("no script for {shell} in this file")))?;
        out.write_all(script.as_bytes())?;
    }
    Ok(Exit::OK)
}
