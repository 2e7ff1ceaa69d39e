//! Runs the command the dispatcher found: one argument tree, one entry, one way to fail.
//!
//! Neighbours: `dispatch.rs` picks, `builtin/` answers where no applet is asked for.

use std::ffi::OsString;

use clap::Command;
use clap::error::ErrorKind;
use edgekit_core::{Applet, ColorChoice, Ctx, Entry, Error, Exit, text};
use std::io::Write;

use crate::applets::known;
use crate::builtin::{BUILTINS, overview};
use crate::dispatch::{Call, choose};

/// Runs one command line, the program's name first, and says how it ended.
pub fn run(arguments: Vec<OsString>, ctx: &mut Ctx) -> Exit {
    let result = match choose(ctx.applets(), &arguments) {
        Call::Run { command, arguments } => run_one(command, arguments, ctx),
        Call::Overview => overview::print(ctx).map(|()| Exit::OK),
        Call::NotInBuild(name) => Err(not_in_build(name)),
        Call::Unknown(word) => Err(unknown(ctx, &word)),
        Call::UnknownOption(word) => Err(unknown_option(&word)),
    };
    // What the command has written comes before what is said about its end.
    let flushed = ctx.flush().map_err(Error::from);
    match result.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) => {
            ctx.show_error(&error);
            error.exit()
        }
    }
}

/// The whole of edgekit as one argument tree, for the generators: a run never builds it.
pub fn command_tree() -> Command {
    Command::new("edgekit")
        .about("One static file for edge boxes and servers")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(crate::APPLETS.iter().chain(&BUILTINS).map(|applet| applet.full_command()))
}

pub(crate) fn run_one(
    applet: &'static Applet,
    arguments: Vec<OsString>,
    ctx: &mut Ctx,
) -> Result<Exit, Error> {
    ctx.set_program(format!("edgekit {}", applet.name));
    let words = std::iter::once(OsString::from(applet.name)).chain(arguments);
    match applet.full_command().try_get_matches_from(words) {
        Ok(matches) => {
            ctx.set_color(ColorChoice::from_matches(&matches));
            match applet.entry {
                Entry::Tool(entry) => entry(&matches, ctx),
            }
        }
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            write!(ctx.out()?, "{error}")?;
            Ok(Exit::OK)
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ctx.say(error.to_string().trim_end());
            Err(Error::already_shown(Exit::USAGE))
        }
        Err(error) => Err(usage_error(applet.name, &error.to_string())),
    }
}

/// Brings the parser's message into the shape of every other error.
fn usage_error(name: &str, rendered: &str) -> Error {
    let mut paragraphs = rendered.trim_start_matches("error: ").split("\n\n");
    let message: Vec<&str> = paragraphs.next().unwrap_or_default().split_whitespace().collect();
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: "));
    let hint = match tip {
        Some(tip) => tip.lines().next().unwrap_or(tip).to_owned(),
        None => format!("see '{} --help'", called(name, rendered)),
    };
    Error::new(Exit::USAGE, message.join(" ")).hint(hint)
}

/// The command that was called, verb and all, by the parser's line of usage.
fn called(name: &str, rendered: &str) -> String {
    let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
    let usage = rendered.lines().find_map(|line| line.strip_prefix("Usage: "));
    let words: Vec<&str> = usage.unwrap_or_default().split(' ').take_while(is_name).collect();
    match words[..] {
        ["edgekit", called, ..] if called == name => words.join(" "),
        _ => format!("edgekit {name}"),
    }
}

fn not_in_build(name: &str) -> Error {
    Error::new(Exit::UNKNOWN_APPLET, format!("applet '{name}' is not in this build"))
        .hint(format!("'edgekit list' shows what is; '{name}' is compiled in with '--features {name}'"))
}

fn unknown(ctx: &Ctx, word: &str) -> Error {
    let names: Vec<&str> = ctx.applets().iter().chain(&BUILTINS).map(|applet| applet.name).collect();
    let hint = match text::nearest(word, names.iter().copied().chain(known())) {
        Some(name) => format!("did you mean '{name}'?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Error::new(Exit::UNKNOWN_APPLET, format!("unknown applet '{word}'")).hint(hint)
}

fn unknown_option(word: &str) -> Error {
    let bare = word.trim_start_matches('-');
    let hint = match text::nearest(bare, BUILTINS.iter().map(|builtin| builtin.name)) {
        Some(name) => format!("did you mean '--{name}'?"),
        None => "options of an applet come after its name; see 'edgekit help'".to_owned(),
    };
    Error::new(Exit::USAGE, format!("unknown option '{word}'")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_message_takes_our_shape() {
        let rendered = "error: invalid value 'x' for '--color <WHEN>'\n  [possible values: auto, never]\n\n  \
                        tip: a similar value exists: 'auto'\n\nFor more information, try '--help'.\n";
        let error = usage_error("trace", rendered);
        assert_eq!(
            error.to_string(),
            "invalid value 'x' for '--color <WHEN>' [possible values: auto, never]"
        );
        assert_eq!(error.hint_text(), Some("a similar value exists: 'auto'"));
        let plain = usage_error("trace", "error: unexpected argument '-q' found\n\nUsage: edgekit trace\n");
        assert_eq!(plain.hint_text(), Some("see 'edgekit trace --help'"));
        let verb = "error: the following required arguments were not provided:\n  <NAME>\n\n\
                    Usage: edgekit ota keygen <NAME>\n";
        assert_eq!(usage_error("ota", verb).hint_text(), Some("see 'edgekit ota keygen --help'"));
    }
}
