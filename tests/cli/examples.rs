//! Every example a help page shows is run as it stands.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use edgekit_core::Applet;

use crate::harness::{Said, Scratch, binary, say};

/// Where an example would write, if it were not kept in a directory of its own.
const SYSTEM_DIRECTORY: &str = "/usr/local/bin";

#[test]
fn examples_of_built_in_commands_work() {
    for command in edgekit::BUILTINS {
        for example in command.manual.examples {
            let said = run(example.command);
            // `doctor` may find that this machine lacks something.
            let partial = command.name == "doctor" && said.code == Some(1);
            assert!(said.code == Some(0) || partial, "{}: {said:#?}", example.command);
        }
    }
}

#[test]
fn examples_of_applets_work() {
    for applet in edgekit::APPLETS {
        for example in applet.manual.examples {
            let line = without_effect(applet, example.command);
            let said = run(&line);
            let partial = line.contains(" doctor") && said.code == Some(1);
            assert!(said.code == Some(0) || partial, "{line}: {said:#?}");
        }
    }
}

/// Adds `--dry-run`, unless a verb is called.
fn without_effect(applet: &Applet, line: &str) -> String {
    let call = format!("edgekit {}", applet.name);
    let command = applet.full_command();
    let verb = line.split_once(&call).and_then(|(_, rest)| rest.split_whitespace().next());
    let is_verb = verb.is_some_and(|word| command.find_subcommand(word).is_some());
    if is_verb { line.to_owned() } else { line.replacen(&call, &format!("{call} --dry-run"), 1) }
}

fn run(line: &str) -> Said {
    let scratch = Scratch::new();
    let directory = scratch.join("bin");
    std::fs::create_dir(&directory).expect("a directory");
    symlink(binary(), directory.join("edgekit")).expect("a link");
    let path = std::env::var("PATH").unwrap_or_default();
    let target = scratch.join("target");
    std::fs::create_dir(&target).expect("a directory");
    say(Command::new("sh")
        .arg("-c")
        .arg(line.replace(SYSTEM_DIRECTORY, &target.to_string_lossy()))
        .env("PATH", format!("{}:{path}", Path::display(&directory)))
        .current_dir(scratch.path()))
}
