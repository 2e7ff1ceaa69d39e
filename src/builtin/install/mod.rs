//! `edgekit install`: links beside the file, so that applets can be called by name.
//!
//! Run as often as wanted, it changes only what is not yet as asked; what it did not make it leaves
//! alone. `links.rs` decides about one link and carries it out.

mod links;

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, ErrorContext, Example, Exit, Manual};

use crate::builtin::nothing_to_check;
use crate::dispatch::PREFIX;
use links::{Kind, Links, Outcome};

pub(crate) static INSTALL: Applet = Applet {
    name: "install",
    about: "Make or remove links named after the applets",
    needs: &[],
    manual: Manual {
        paragraph: "Makes a link for each applet, called edgekit-APPLET, in DIR or, without DIR, in the \
                    directory of the running file. A link that is already right is left as it is, and a \
                    file edgekit did not make is never replaced or removed. With --hardlink, run \
                    --uninstall before you replace the file by a newer one: a hard link keeps the old.",
        examples: &[
            Example { command: "edgekit install --dry-run", does: "what would be done here" },
            Example { command: "edgekit install /usr/local/bin", does: "links in another directory" },
            Example { command: "edgekit install --uninstall /usr/local/bin", does: "remove them again" },
        ],
        exits: &[
            (1, "a file of another origin was in the way of a link; the others were made"),
            (66, "there is no such directory"),
            (69, "a unit file was asked for and no applet of this build runs as a service"),
            (77, "the directory may not be written to"),
        ],
        ..Manual::EMPTY
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

const MANAGERS: [&str; 3] = ["systemd", "openrc", "procd"];

fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let unit = |name: &'static str, help: &'static str| flag(name).help(help).help_heading("Service files");
    Command::new("install")
        .arg(Arg::new("dir").value_name("DIR").value_parser(clap::value_parser!(PathBuf)).help("Where to"))
        .arg(flag("bare").help("Call the links APPLET instead of edgekit-APPLET"))
        .arg(flag("symlink").help("Make symbolic links [the default]"))
        .arg(flag("hardlink").conflicts_with("symlink").help("Make hard links"))
        .arg(flag("uninstall").help("Remove the links instead"))
        .arg(flag("dry-run").help("Say what would be done and do nothing"))
        .arg(unit("systemd", "Also install systemd units"))
        .arg(unit("openrc", "Also install OpenRC scripts"))
        .arg(unit("procd", "Also install procd scripts (OpenWrt)"))
        .group(ArgGroup::new("manager").args(MANAGERS))
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    if let Some(manager) = MANAGERS.into_iter().find(|name| matches.get_flag(name)) {
        return Err(no_service(ctx, manager));
    }
    let file = running_file()?;
    let directory = match matches.get_one::<PathBuf>("dir") {
        Some(given) => given.clone(),
        None => file.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned),
    };
    let directory = fs::canonicalize(&directory)
        .with_context(|| format!("cannot use directory '{}'", directory.display()))
        .map_err(|error| error.hint("make it first, or name another one"))?;
    if !directory.is_dir() {
        return Err(Error::new(Exit::NO_INPUT, format!("'{}' is not a directory", directory.display())));
    }
    let links = Links {
        kind: if matches.get_flag("hardlink") { Kind::Hard } else { Kind::Symbolic },
        file,
        directory,
        dry_run: matches.get_flag("dry-run"),
    };
    let mut exit = Exit::OK;
    for name in names(ctx, matches.get_flag("bare")) {
        let outcome = if matches.get_flag("uninstall") { links.remove(&name) } else { links.make(&name) }?;
        match outcome {
            Outcome::Foreign(path) => {
                ctx.warn(format_args!("'{}' is not a link to this file, left alone", path.display()));
                exit = Exit::NO;
            }
            Outcome::Done(line) => writeln!(ctx.out()?, "{line}")?,
            Outcome::Nothing => {}
        }
    }
    Ok(exit)
}

/// The file's own name first: a file called `edgekit-x86_64` becomes `edgekit` in DIR.
fn names(ctx: &Ctx, bare: bool) -> Vec<String> {
    let prefix = if bare { "" } else { PREFIX };
    let applets = ctx.applets().iter().map(|applet| format!("{prefix}{}", applet.name));
    std::iter::once("edgekit".to_owned()).chain(applets).collect()
}

/// Where this file is. Without `/proc` only the name it was called by can tell.
fn running_file() -> Result<PathBuf, Error> {
    env::current_exe()
        .or_else(|error| {
            let called =
                env::args_os().next().map(PathBuf::from).filter(|name| name.components().count() > 1);
            called.ok_or(error)
        })
        .and_then(fs::canonicalize)
        .context("cannot find the running file")
        .map_err(|error| error.hint("mount /proc, or call edgekit by its full path"))
}

fn no_service(ctx: &Ctx, manager: &str) -> Error {
    let applets: Vec<&str> = ctx.applets().iter().map(|applet| applet.name).collect();
    let of_build = if applets.is_empty() { "none".to_owned() } else { applets.join(", ") };
    Error::new(
        Exit::UNAVAILABLE,
        format!("nothing to install for {manager}: no applet of this build ({of_build}) runs as a service"),
    )
    .hint(format!("without --{manager} the links are made"))
}
