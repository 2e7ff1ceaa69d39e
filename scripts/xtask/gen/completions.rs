//! Completion scripts: one file a command name and shell, named as each shell looks for them.

use clap::Command;
use clap_complete::{Generator, Shell};
use clap_complete_nushell::Nushell;

use super::Files;
use crate::Failure;

const SHELLS: [Shell; 5] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell];

pub(super) fn generate(files: &mut Files) -> Result<(), Failure> {
    one(files, "edgekit", edgekit::command_tree())?;
    for applet in edgekit::APPLETS {
        let name = format!("edgekit-{}", applet.name);
        one(files, &name, applet.full_command())?;
    }
    Ok(())
}

fn one(files: &mut Files, name: &str, command: Command) -> Result<(), Failure> {
    for shell in SHELLS {
        write(files, shell, name, command.clone())?;
    }
    write(files, Nushell, name, command)
}

fn write(
    files: &mut Files,
    generator: impl Generator,
    name: &str,
    mut command: Command,
) -> Result<(), Failure> {
    let path = format!("completions/{}", generator.file_name(name));
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut command, name, &mut script);
    // Some generators leave blanks at line ends, which a committed file should not have.
    let mut text: String =
        String::from_utf8(script)?.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    text.truncate(text.trim_end().len());
    text.push('\n');
    files.insert(path, text);
    Ok(())
}
