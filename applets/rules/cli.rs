//! The command line of `edgekit rules`: verbs, and the words each takes.
//!
//! Neighbours: `entry` carries a verb out, `manual` holds what the help says beyond the options.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use edgekit_core::config;

/// Ids of options that several verbs share.
pub(crate) const PATHS: &str = "paths";
pub(crate) const JSON: &str = "json";
pub(crate) const INSTANCE: &str = "instance";

fn flag(id: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
}

fn value(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).value_name(name).help(help)
}

fn file(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    value(id, name, help).value_parser(value_parser!(PathBuf))
}

fn paths(help: &'static str) -> Arg {
    Arg::new(PATHS).value_name("PATH").num_args(0..).value_parser(value_parser!(PathBuf)).help(help)
}

fn json(help: &'static str) -> Arg {
    flag(JSON, help)
}

fn instance() -> Arg {
    value(INSTANCE, "NAME", "The service started with '--instance NAME'")
}

/// The argument tree.
pub(crate) fn command() -> Command {
    Command::new("rules")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .override_usage("edgekit rules VERB [OPTIONS] [WORD]...")
        .subcommands([check(), test(), run(), list(), watch(), explain(), record(), replay(), examples()])
}

fn check() -> Command {
    Command::new("check")
        .about("Compile rules, run them dry, and name every fault")
        .arg(paths("Files or folders; - is standard input [the configured folder]"))
        .arg(config::file_arg())
        .arg(json("One JSON object a fault, then one that sums up"))
}

fn test() -> Command {
    Command::new("test")
        .about("Run the fixtures *_test.toml and *_test.json beside the rules")
        .arg(paths("Files or folders [the configured folder]"))
        .arg(config::file_arg())
        .arg(flag("coverage", "Show the lines no fixture reaches"))
        .arg(file("junit", "FILE", "Write the results there as JUnit XML"))
        .arg(json("One JSON object a fixture, then one that sums up"))
}

fn run() -> Command {
    Command::new("run")
        .about("Run the rules as a daemon")
        .arg(config::file_arg())
        .arg(value(INSTANCE, "NAME", "Tell this service from others on the machine"))
        .arg(value("drain", "DURATION", "How long the end may take [30s]"))
        .arg(value("log-format", "FORMAT", "text, logfmt, json or journal [text]"))
        .arg(value("log-level", "LEVEL", "What is logged, such as debug or info,http=debug [info]"))
}

fn list() -> Command {
    Command::new("list")
        .about("List the rules of the running service and what they did")
        .arg(instance())
        .arg(json("One JSON object a rule"))
}

fn watch() -> Command {
    Command::new("watch")
        .about("Show events, actions and reloads of the running service as they happen")
        .arg(instance())
        .arg(
            Arg::new("only")
                .long("only")
                .value_name("KIND")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .value_parser(["event", "action", "reload"])
                .hide_possible_values(true)
                .help("Only these: event, action, reload"),
        )
        .arg(
            value("count", "NUMBER", "End after this many lines").value_parser(value_parser!(u64).range(1..)),
        )
        .arg(json("One JSON object a line"))
}

fn explain() -> Command {
    Command::new("explain")
        .about("Show how rules depend on each other, and in which order they run")
        .arg(paths("Files or folders [the configured folder]"))
        .arg(config::file_arg())
        .arg(
            value("format", "FORMAT", "text, dot (Graphviz) or svg [text]")
                .value_parser(["text", "dot", "svg"])
                .hide_possible_values(true)
                .default_value("text")
                .hide_default_value(true),
        )
}

fn record() -> Command {
    Command::new("record")
        .about("Record the events and actions of the running service to a file")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("A file that is not there yet"),
        )
        .arg(instance())
        .arg(value("for", "DURATION", "End after this long, such as 5m [until Ctrl-C]"))
        .arg(
            value("events", "NUMBER", "End after this many events")
                .value_parser(value_parser!(u64).range(1..)),
        )
}

fn replay() -> Command {
    Command::new("replay")
        .about("Feed a recording to rules, and show what they do otherwise")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("What 'record' wrote"),
        )
        .arg(file("against", "FOLDER", "The rules to try [the configured folder]"))
        .arg(config::file_arg())
        .arg(json("One JSON object a difference, then one that sums up"))
}

fn examples() -> Command {
    Command::new("examples")
        .about("List or print the examples this file brings along")
        .arg(Arg::new("name").value_name("NAME").help("Print this one"))
        .arg(file("write", "FOLDER", "Write all of them there, with their fixtures").conflicts_with("name"))
}

/// The paths a verb was given.
pub(crate) fn given_paths(matches: &ArgMatches) -> Vec<PathBuf> {
    matches.get_many::<PathBuf>(PATHS).into_iter().flatten().cloned().collect()
}

/// The text of an option.
pub(crate) fn text<'a>(matches: &'a ArgMatches, id: &str) -> Option<&'a str> {
    matches.get_one::<String>(id).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_has_its_words() {
        let parse = |words: &[&str]| command().try_get_matches_from([&["rules"], words].concat());
        let matches = parse(&["check", "a.luau", "b", "--json"]).expect("it parses");
        let (_, check) = matches.subcommand().expect("a verb");
        assert_eq!(given_paths(check), [PathBuf::from("a.luau"), PathBuf::from("b")]);
        assert!(check.get_flag(JSON));
        parse(&["watch", "--only", "action,reload", "--count", "3"]).expect("it parses");
        parse(&["watch", "--count", "0"]).expect_err("zero lines are none");
        parse(&["record"]).expect_err("it needs a file");
        parse(&["explain", "--format", "png"]).expect_err("no such format");
        parse(&[]).expect_err("it needs a verb");
    }
}
