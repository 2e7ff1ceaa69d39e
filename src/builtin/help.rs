//! `edgekit help [TOPIC]`: a command's long help, or one section of the guide edgekit(7).

use std::ffi::OsString;
use std::io::Write;

use clap::{Arg, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, text};

use crate::builtin::{BUILTINS, embedded, nothing_to_check, overview, roff};

pub(crate) static HELP: Applet = Applet {
    name: "help",
    about: "Explain a command or a topic",
    needs: &[],
    manual: Manual {
        paragraph: "Without a word it shows what there is. With the name of a command it shows that \
                    command's long help, with the name of a topic that section of the guide edgekit(7).",
        examples: &[
            Example { command: "edgekit help", does: "what there is, and the topics" },
            Example { command: "edgekit help install", does: "the long help of a command" },
            Example { command: "edgekit help exit-status", does: "what the exit codes mean" },
        ],
        exits: &[(66, "no command and no topic has this name")],
        ..Manual::EMPTY
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

/// The page whose sections are the topics.
const GUIDE: &str = "edgekit.7";

fn command() -> Command {
    Command::new("help").arg(Arg::new("topic").value_name("TOPIC").help("A command, or a topic of the guide"))
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let guide = embedded::page(GUIDE).map(|source| roff::Page::parse(&source));
    let topics: Vec<String> = guide.iter().flat_map(|page| page.sections()).map(slug).collect();
    let Some(wanted) = matches.get_one::<String>("topic") else {
        overview::print(ctx)?;
        writeln!(ctx.out()?, "Topics: {}", topics.join(", "))?;
        return Ok(Exit::OK);
    };
    let commands = || ctx.applets().iter().chain(&BUILTINS).copied();
    if let Some(command) = commands().find(|command| command.name == wanted) {
        return crate::launch::run_one(command, vec![OsString::from("--help")], ctx);
    }
    if let Some(page) = &guide
        && let Some(section) = page.sections().find(|section| slug(section) == wanted.to_lowercase())
    {
        let layout = roff::Layout::for_output(ctx);
        let text = layout.section(page, section);
        ctx.out()?.write_all(text.as_bytes())?;
        return Ok(Exit::OK);
    }
    let names = commands().map(|command| command.name).chain(topics.iter().map(String::as_str));
    let hint = match text::nearest(wanted, names) {
        Some(name) => format!("did you mean 'edgekit help {name}'?"),
        None => format!("topics are: {}", topics.join(", ")),
    };
    Err(Error::new(Exit::NO_INPUT, format!("no help on '{wanted}'")).hint(hint))
}

/// `EXIT STATUS` is asked for as `exit-status`.
fn slug(section: &str) -> String {
    section.to_lowercase().replace(' ', "-")
}
