//! The command line of `edgekit ota`: verbs, and the words each takes.
//!
//! Neighbours: `entry` carries a verb out, `manual` holds what the help says beyond the options.

use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use edgekit_core::{config, progress};

/// Ids of options that several verbs share.
pub(crate) const FILE: &str = "file";
pub(crate) const OUTPUT: &str = "output";
pub(crate) const SIGN: &str = "sign-with";
pub(crate) const LISTS: &str = "list";
pub(crate) const JSON: &str = "json";
pub(crate) const DECRYPT: &str = "decrypt-with";

fn flag(id: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
}

fn value(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).value_name(name).help(help)
}

fn path() -> ValueParser {
    value_parser!(PathBuf)
}

fn word(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(id).value_name(name).required(true).value_parser(path()).help(help)
}

fn many(arg: Arg) -> Arg {
    arg.action(ArgAction::Append)
}

fn sign() -> Arg {
    many(value(SIGN, "FILE", "Sign with this secret key; may be given several times")).value_parser(path())
}

fn lists() -> Arg {
    many(value(LISTS, "FILE", "Bring this list of keys along, the oldest first; may be given several times"))
        .value_parser(path())
}

fn output(help: &'static str) -> Arg {
    value(OUTPUT, "FILE", help).short('o').value_parser(path())
}

fn json() -> Arg {
    flag(JSON, "Print JSON")
}

/// Whom to believe.
fn trust(command: Command) -> Command {
    command
        .arg(
            many(value("key", "FILE", "Believe this public key; may be given several times"))
                .value_parser(path())
                .help_heading("Trust"),
        )
        .arg(
            value("threshold", "NUMBER", "How many of the keys must have signed [1]")
                .value_parser(value_parser!(u32).range(1..=64))
                .requires("key")
                .help_heading("Trust"),
        )
        .arg(
            value(
                "keys",
                "FILE",
                "Believe this list of keys, and lists that follow it [/etc/edgekit/ota/keys.toml]",
            )
            .value_parser(path())
            .conflicts_with("key")
            .help_heading("Trust"),
        )
}

/// Bundles that are fetched, and what that may cost.
pub(crate) fn network(command: Command) -> Command {
    let limit = |id, name, help| value(id, name, help).help_heading("Network");
    command
        .arg(limit("max-bytes", "SIZE", "Fetch no more than this, such as 200MiB"))
        .arg(limit("max-time", "DURATION", "Take no longer over fetching, such as 6h"))
        .arg(limit("rate", "RATE", "Fetch no faster, such as 256K/s"))
        .arg(config::file_arg().help_heading("Network"))
}

/// What opens encrypted bundles.
pub(crate) fn decrypt() -> Arg {
    many(value(DECRYPT, "FILE", "Open an encrypted bundle with this secret key; may be given several times"))
        .value_parser(path())
}

/// The argument tree.
pub(crate) fn command() -> Command {
    let bundle = Command::new("bundle")
        .about("Make bundles, sign them, look into them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([create(), sign_verb(), resign(), verify(), inspect(), diff(), extract()]);
    let keys = Command::new("keys")
        .about("Make and sign the lists that say whose signatures count")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([keys_create(), keys_sign()]);
    Command::new("ota")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .override_usage("edgekit ota VERB [OPTIONS] [WORD]...")
        .subcommands([
            apply(),
            plan(),
            simulate(),
            status(),
            commit(),
            rollback(),
            mark_bad(),
            unblock(),
            settle(),
        ])
        .subcommands([run(), consent()])
        .subcommands([bundle, keygen(), keys])
}

/// What is taken, and on which terms.
fn terms(command: Command) -> Command {
    network(trust(
        command
            .arg(word(FILE, "BUNDLE", "A file or an address; - is standard input"))
            .arg(many(value("component", "NAME", "Only this component; may be given several times")))
            .arg(flag("no-full-fallback", "Refuse where no delta fits what runs"))
            .arg(flag("force", "Take a version that is blocked, or that runs already")),
    ))
    .arg(decrypt())
    .arg(json())
    .arg(progress::arg())
    // It is the device that is described there, not only how it fetches.
    .mut_arg(config::FILE_ARG, |file| file.help_heading("Device"))
}

fn apply() -> Command {
    let long = "Install a bundle into the slot that does not run, and start it next: by the boot loader at the next boot, or \
                at once where there is none. What runs is not touched. After ^C, a kill or a power cut the same command \
                goes on. 'edgekit ota plan' shows it before, 'edgekit ota commit' keeps it, 'edgekit ota rollback' goes back.";
    let apply =
        Command::new("apply").about("Install a bundle into the slot that does not run, and start it next");
    terms(apply.long_about(long)).arg(flag("dry-run", "Only show what would be done, in bytes"))
}

fn plan() -> Command {
    terms(Command::new("plan").about("Show what 'apply' would do, in bytes"))
}

fn simulate() -> Command {
    terms(
        Command::new("simulate")
            .about("Go through an installation, its commit and its fallback, in a folder"),
    )
    .arg(
        value("scratch", "FOLDER", "Make this folder for it, and leave it there [a temporary one]")
            .value_parser(path()),
    )
}

fn device(command: Command) -> Command {
    command.arg(config::file_arg()).arg(json())
}

fn status() -> Command {
    device(Command::new("status").about("Show what runs, what is next, and what is not taken"))
        .arg(flag("read", "Read what runs, and show its digest"))
        .arg(progress::arg())
}

fn commit() -> Command {
    device(Command::new("commit").about("Keep the new version: it is good"))
        .arg(flag("check", "Make the checks of [health] first, and go back if they do not pass in time"))
}

fn why() -> Arg {
    value("why", "TEXT", "The reason that is remembered [by hand]")
}

fn rollback() -> Command {
    device(Command::new("rollback").about("Go back to the other slot, and block the version that is left"))
        .arg(why())
}

fn mark_bad() -> Command {
    device(Command::new("mark-bad").about("Say that a slot is bad: it is not started again"))
        .arg(
            Arg::new("slot")
                .value_name("SLOT")
                .value_parser(["a", "b", "running", "other"])
                .hide_possible_values(true)
                .help("a, b, running or other [running]"),
        )
        .arg(why())
}

fn unblock() -> Command {
    device(Command::new("unblock").about("Take blocked versions again, and end the safe mode"))
        .arg(
            Arg::new("id")
                .value_name("ID")
                .required_unless_present("all")
                .conflicts_with("all")
                .help("The version, as 'status' shows it"),
        )
        .arg(flag("all", "All of them"))
}

fn settle() -> Command {
    device(Command::new("settle").about("Finish what a power cut left: for scripts that start before others"))
}

fn run() -> Command {
    Command::new("run")
        .about("Ask for updates, take them when it is time, and tell how it went: the daemon")
        .arg(config::file_arg())
        .arg(value("drain", "DURATION", "How long the end may take [30s]"))
        .arg(value("log-format", "FORMAT", "text, logfmt, json or journal [text]"))
        .arg(value("log-level", "LEVEL", "What is logged, such as debug or info,http=debug [info]"))
}

fn consent() -> Command {
    Command::new("consent")
        .about("Answer a server that asks for consent, through the daemon")
        .arg(
            Arg::new("word")
                .value_name("WORD")
                .required(true)
                .value_parser(["yes", "no"])
                .hide_possible_values(true)
                .help("yes or no"),
        )
        .arg(value("action", "ID", "Only for this action [the one that waits]"))
}

fn keygen() -> Command {
    Command::new("keygen")
        .about("Make a pair of keys: NAME.key to sign with, NAME.pub to give away")
        .arg(word("name", "NAME", "A path without an ending; nothing is replaced"))
        .arg(flag(
            "encryption",
            "A pair for a device: bundles are encrypted to NAME.pub, NAME.key opens them",
        ))
        .arg(json())
}

fn keys_create() -> Command {
    Command::new("create")
        .about("Make a list of keys")
        .arg(word(FILE, "FILE", "Where to write it"))
        .arg(
            many(value("key", "FILE", "A public key that is to count; may be given several times"))
                .required(true)
                .value_parser(path()),
        )
        .arg(
            value("threshold", "NUMBER", "How many of them must sign [1]")
                .value_parser(value_parser!(u32).range(1..=64)),
        )
        .arg(value("after", "FILE", "The list it follows; without it, it is the first").value_parser(path()))
        .arg(value("expires", "WHEN", "When it stops counting, such as 2027-01-31"))
        .arg(sign())
}

fn keys_sign() -> Command {
    Command::new("sign")
        .about("Add signatures to a list of keys")
        .arg(word(FILE, "FILE", "The list; it is replaced"))
        .arg(sign().required(true))
}

fn create() -> Command {
    Command::new("create")
        .about("Make a bundle from images")
        .arg(word(FILE, "BUNDLE", "Where to write it"))
        .arg(value("name", "NAME", "What is updated").required(true))
        .arg(value("version", "VERSION", "To which version, such as 1.4.0").required(true))
        .arg(
            many(value(
                "component",
                "NAME=IMAGE",
                "An image, by the name of what it replaces; may be given several times",
            ))
            .required(true),
        )
        .arg(many(value(
            "source",
            "NAME=IMAGE",
            "An old image to make a delta against; may be given several times",
        )))
        .arg(flag("no-full", "Leave out the full images: for devices that have a source, and no others"))
        .arg(
            value("method", "METHOD", "How deltas are made: binary, chunks or blocks [by the sizes]")
                .value_parser(["binary", "chunks", "blocks"])
                .hide_possible_values(true),
        )
        .arg(sign())
        .arg(lists())
        .arg(
            many(value(
                "encrypt-to",
                "FILE",
                "Let only the holder of this key read the images; may be given several times",
            ))
            .value_parser(path()),
        )
        .arg(many(value(
            "compatible",
            "PATTERN",
            "Hardware it is for, with * and ?; may be given several times",
        )))
        .arg(value("floor", "VERSION", "Once it is committed, take nothing below this version"))
        .arg(value("min-source", "VERSION", "Devices below this version need another bundle first"))
        .arg(value("expires", "WHEN", "When it is no longer to be installed, such as 2027-01-31"))
        .arg(json())
        .arg(progress::arg())
}

fn sign_verb() -> Command {
    Command::new("sign")
        .about("Add signatures to a bundle")
        .arg(word(FILE, "BUNDLE", "The bundle"))
        .arg(sign().required(true))
        .arg(output("Write the signed bundle there [in the place of the other]"))
        .arg(progress::arg())
}

fn resign() -> Command {
    Command::new("resign")
        .about("Replace signatures and lists of keys, and the date it expires if one is given")
        .arg(word(FILE, "BUNDLE", "The bundle"))
        .arg(sign().required(true))
        .arg(lists())
        .arg(value("expires", "WHEN", "When it is no longer to be installed, such as 2027-01-31"))
        .arg(output("Write the signed bundle there [in the place of the other]"))
        .arg(progress::arg())
}

fn verify() -> Command {
    let command = Command::new("verify")
        .about("Check all of a bundle: who signed it, every block, every full image")
        .arg(word(FILE, "BUNDLE", "The bundle: a file, an address, or - for standard input"));
    network(trust(command))
        .arg(decrypt())
        .arg(value("hardware", "NAME", "Check that it is for this hardware").help_heading("Device"))
        .arg(value("installed", "VERSION", "Check that this version may be updated").help_heading("Device"))
        .arg(value("floor", "VERSION", "Check that it is not below this version").help_heading("Device"))
        .arg(json())
        .arg(progress::arg())
}

fn inspect() -> Command {
    let command = Command::new("inspect")
        .about("Show what a bundle says of itself, believed or not")
        .arg(word(FILE, "BUNDLE", "The bundle: a file, an address, or - for standard input"))
        .arg(flag("manifest", "Print the signed text as it is").conflicts_with(JSON))
        .arg(json());
    network(command)
}

fn diff() -> Command {
    Command::new("diff")
        .about("Show how large a delta between two images is, by each method")
        .arg(word("old", "OLD", "The image that is installed"))
        .arg(word("new", "NEW", "The image that replaces it"))
        .arg(
            many(value("method", "METHOD", "Only these: binary, chunks, blocks"))
                .value_delimiter(',')
                .value_parser(["binary", "chunks", "blocks"])
                .hide_possible_values(true),
        )
        .arg(json())
        .arg(progress::arg())
}

fn extract() -> Command {
    let command = Command::new("extract")
        .about("Write an image of a bundle to a file")
        .arg(word(FILE, "BUNDLE", "The bundle: a file, an address, or - for standard input"))
        .arg(output("Where to write the image").required(true))
        .arg(value("component", "NAME", "Which image [the only one]"))
        .arg(
            value("source", "IMAGE", "An old image: a delta against it is used if there is one")
                .value_parser(path()),
        )
        .arg(flag("no-full-fallback", "Fail where no delta fits the source").requires("source"));
    network(trust(command)).arg(decrypt()).arg(json()).arg(progress::arg())
}

/// The text of an option.
pub(crate) fn text<'a>(matches: &'a ArgMatches, id: &str) -> Option<&'a str> {
    matches.get_one::<String>(id).map(String::as_str)
}

/// All texts of an option.
pub(crate) fn texts<'a>(matches: &'a ArgMatches, id: &str) -> Vec<&'a str> {
    matches.get_many::<String>(id).into_iter().flatten().map(String::as_str).collect()
}

/// All paths of an option.
pub(crate) fn paths(matches: &ArgMatches, id: &str) -> Vec<PathBuf> {
    matches.get_many::<PathBuf>(id).into_iter().flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }
}
