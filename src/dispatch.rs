//! From the words of the command line to a command, before any argument tree exists.
//!
//! A link name decides by itself (`edgekit-trace` or `trace`, exactly); a name that starts with
//! `edgekit` is the file itself and takes the command from its first argument; any other name is
//! followed through its links until one is known. `launch.rs` runs what is found here.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use edgekit_core::Applet;

use crate::applets::known;
use crate::builtin::{self, BUILTINS};

/// Prefix of the link names.
pub(crate) const PREFIX: &str = "edgekit-";

/// As many links as the kernel follows.
const MAX_LINKS: usize = 40;

/// What the command line asks for.
pub(crate) enum Call {
    /// One command with the words after its name.
    Run { command: &'static Applet, arguments: Vec<OsString> },
    /// Nothing was asked: show what there is.
    Overview,
    /// An applet that exists but was left out of this build.
    NotInBuild(&'static str),
    /// No command has this name.
    Unknown(String),
    /// Neither a command nor one of the few options `edgekit` itself has.
    UnknownOption(String),
}

/// Picks the command. `arguments` starts with the name the program was called by.
pub(crate) fn choose(applets: &'static [&'static Applet], arguments: &[OsString]) -> Call {
    let called = called_as(arguments.first());
    let rest = arguments.get(1..).unwrap_or_default();
    match by_name(applets, &called, rest) {
        Some(call) => call,
        None => links_of(&called)
            .find_map(|link| by_name(applets, &link, rest))
            .unwrap_or_else(|| Call::Unknown(base(&called).to_string_lossy().into_owned())),
    }
}

/// The name we were called by; the running file's own where the caller gave none.
fn called_as(first: Option<&OsString>) -> PathBuf {
    match first {
        Some(name) if !name.is_empty() => PathBuf::from(name),
        _ => env::current_exe().unwrap_or_else(|_| PathBuf::from("edgekit")),
    }
}

fn base(path: &Path) -> &OsStr {
    path.file_name().unwrap_or(path.as_os_str())
}

/// What one file name means; `None` if nothing.
fn by_name(applets: &'static [&'static Applet], path: &Path, rest: &[OsString]) -> Option<Call> {
    let base = base(path).as_bytes();
    let name = base.strip_prefix(PREFIX.as_bytes()).unwrap_or(base);
    if let Some(command) = find(applets, name) {
        return Some(Call::Run { command, arguments: rest.to_vec() });
    }
    if let Some(known) = known().find(|known| known.as_bytes() == name) {
        return Some(Call::NotInBuild(known));
    }
    base.starts_with(b"edgekit").then(|| by_word(applets, rest))
}

/// What the first argument of the file itself means.
fn by_word(applets: &'static [&'static Applet], words: &[OsString]) -> Call {
    let Some((first, rest)) = words.split_first() else { return Call::Overview };
    let word = first.as_bytes();
    let run = |command| Call::Run { command, arguments: rest.to_vec() };
    if let Some(option) = word.strip_prefix(b"-") {
        return match (option, option.strip_prefix(b"-")) {
            (b"h", _) => run(&builtin::HELP),
            (b"V", _) => run(&builtin::VERSION),
            (_, Some(long)) => match find(&BUILTINS, long) {
                Some(command) => run(command),
                None => Call::UnknownOption(first.to_string_lossy().into_owned()),
            },
            _ => Call::UnknownOption(first.to_string_lossy().into_owned()),
        };
    }
    if let Some(command) = find(applets, word).or_else(|| find(&BUILTINS, word)) {
        return run(command);
    }
    match known().find(|known| known.as_bytes() == word) {
        Some(known) => Call::NotInBuild(known),
        None => Call::Unknown(first.to_string_lossy().into_owned()),
    }
}

fn find(table: &[&'static Applet], name: &[u8]) -> Option<&'static Applet> {
    table.iter().copied().find(|applet| applet.name.as_bytes() == name)
}

/// The files a link leads through, nearest first.
fn links_of(called: &Path) -> impl Iterator<Item = PathBuf> {
    let start = if called.components().count() > 1 { Some(called.to_owned()) } else { in_path(called) };
    std::iter::successors(start, |path| {
        let target = fs::read_link(path).ok()?;
        Some(path.parent().map_or_else(|| target.clone(), |parent| parent.join(&target)))
    })
    .skip(1)
    .take(MAX_LINKS)
}

fn in_path(name: &Path) -> Option<PathBuf> {
    let directories = env::var_os("PATH")?;
    env::split_paths(&directories).map(|directory| directory.join(name)).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::{Entry, Exit, Manual};

    static PROBE: Applet = Applet {
        name: "probe",
        about: "A test's applet",
        needs: &[],
        manual: Manual { paragraph: "", examples: &[], files: &[], environment: &[], exits: &[] },
        command: || clap::Command::new("probe"),
        check: |_| Vec::new(),
        config: None,
        entry: Entry::Tool(|_, _| Ok(Exit::OK)),
    };
    static TABLE: &[&Applet] = &[&PROBE];

    fn call(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        match choose(TABLE, &words) {
            Call::Run { command, arguments } => format!("{} {}", command.name, arguments.len()),
            Call::Overview => "overview".to_owned(),
            Call::NotInBuild(name) => format!("missing {name}"),
            Call::Unknown(word) => format!("unknown {word}"),
            Call::UnknownOption(word) => format!("option {word}"),
        }
    }

    #[test]
    fn names_and_words_lead_to_the_same_command() {
        assert_eq!(call(&["edgekit", "probe", "x"]), "probe 1");
        assert_eq!(call(&["/usr/bin/edgekit-probe", "x", "y"]), "probe 2");
        assert_eq!(call(&["probe"]), "probe 0");
        assert_eq!(call(&["edgekit-x86_64", "probe"]), "probe 0");
    }

    #[test]
    fn a_suffix_is_not_a_name() {
        assert_eq!(call(&["my-probe"]), "unknown my-probe");
        assert_eq!(call(&["probe2"]), "unknown probe2");
    }

    #[test]
    fn the_file_itself_has_few_options() {
        assert_eq!(call(&["edgekit"]), "overview");
        assert_eq!(call(&["edgekit", "-h"]), "help 0");
        assert_eq!(call(&["edgekit", "--install", "/x"]), "install 1");
        assert_eq!(call(&["edgekit", "-V"]), "version 0");
        assert_eq!(call(&["edgekit", "--verbose"]), "option --verbose");
        assert_eq!(call(&["edgekit", "-"]), "option -");
        assert_eq!(call(&["edgekit", "prboe"]), "unknown prboe");
        assert_eq!(call(&["edgekit", ""]), "unknown ");
    }

    #[test]
    fn an_applet_left_out_is_named_as_such() {
        assert_eq!(call(&["edgekit", "trace"]), "missing trace");
        assert_eq!(call(&["edgekit-trace"]), "missing trace");
    }

    #[test]
    fn a_foreign_name_is_followed_to_a_known_one() {
        let directory = env::temp_dir().join(format!("edgekit-dispatch-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        for (name, target) in [("one", "two"), ("two", "edgekit-probe"), ("round", "round")] {
            std::os::unix::fs::symlink(target, directory.join(name)).unwrap();
        }
        let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
        assert_eq!(call(&[&path("one"), "x"]), "probe 1");
        assert_eq!(call(&[&path("round")]), "unknown round");
        fs::remove_dir_all(&directory).unwrap();
    }
}
