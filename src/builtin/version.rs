//! `edgekit version`: what this file is and how it was built.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, json};

use crate::builtin::nothing_to_check;

pub(crate) static VERSION: Applet = Applet {
    name: "version",
    about: "Say what this file is and how it was built",
    needs: &[],
    manual: Manual {
        paragraph: "Prints the version, the commit, and how the file was built: what a bug report needs.",
        examples: &[
            Example { command: "edgekit version", does: "for people" },
            Example { command: "edgekit version --json", does: "for an inventory" },
        ],
        ..Manual::EMPTY
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

fn command() -> Command {
    Command::new("version")
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object"))
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let version = env!("CARGO_PKG_VERSION");
    // Set by build.rs, which alone sees the compiler and the repository.
    let (git, target) = (env!("EDGEKIT_GIT"), env!("EDGEKIT_TARGET"));
    let (profile, rustc) = (env!("EDGEKIT_PROFILE"), env!("EDGEKIT_RUSTC"));
    let libc = if cfg!(target_env = "musl") { "musl" } else { "glibc" };
    let linkage = if cfg!(target_feature = "crt-static") { "static" } else { "dynamic" };
    let features: Vec<&str> = ctx.applets().iter().map(|applet| applet.name).collect();
    let out = ctx.out()?;
    if matches.get_flag("json") {
        let value = serde_json::json!({
            "version": version, "git": git, "target": target, "features": features, "libc": libc,
            "linkage": linkage, "allocator": libc, "profile": profile, "rustc": rustc,
        });
        json::write_line(out, "version", value)?;
        return Ok(Exit::OK);
    }
    let features = if features.is_empty() { "none".to_owned() } else { features.join(" ") };
    writeln!(out, "edgekit {version} ({git})")?;
    for (name, value) in [
        ("target", target),
        ("features", &features),
        ("libc", &format!("{libc}, {linkage}")),
        ("allocator", libc),
        ("profile", profile),
        ("rustc", rustc),
    ] {
        writeln!(out, "{name:<10} {value}")?;
    }
    Ok(Exit::OK)
}
