//! `edgekit doctor`: what this machine offers, and what each applet can do with it.
//!
//! `host.rs` looks at the machine; each applet's own `check` says what follows for it.

mod host;

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Finding, Manual, Status, json};

use crate::builtin::nothing_to_check;

pub(crate) static DOCTOR: Applet = Applet {
    name: "doctor",
    about: "Look at this machine and say what works on it",
    needs: &[],
    manual: Manual {
        paragraph: "Looks at the kernel, its file systems and the rights of this process, then asks each \
                    applet what it can do here. It changes nothing.",
        examples: &[
            Example { command: "edgekit doctor", does: "for people" },
            Example {
                command: "edgekit doctor --json",
                does: "one object, for an inventory or a bug report",
            },
        ],
        files: &[
            ("/sys/kernel/btf/vmlinux", "the kernel's types"),
            ("/sys/kernel/tracing", "tracepoints, where tracefs is mounted"),
            ("/sys/kernel/security/lockdown", "what the kernel keeps even from root"),
        ],
        exits: &[(1, "something an applet needs is missing")],
        ..Manual::EMPTY
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

fn command() -> Command {
    Command::new("doctor")
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object"))
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let mut applets: Vec<(&str, Vec<Finding>)> = Vec::new();
    for applet in ctx.applets() {
        applets.push((applet.name, (applet.check)(ctx)));
    }
    let host = host::findings();
    let missing =
        applets.iter().flat_map(|(_, found)| found).any(|finding| finding.status == Status::Missing);
    if matches.get_flag("json") {
        let list = |found: &[Finding]| serde_json::Value::Array(found.iter().map(Finding::to_json).collect());
        let applets: serde_json::Map<_, _> =
            applets.iter().map(|(name, found)| ((*name).to_owned(), list(found))).collect();
        let value = serde_json::json!({ "host": list(&host), "applets": applets });
        json::write_line(ctx.out()?, "doctor", value)?;
    } else {
        print(ctx, "host", &host)?;
        for (name, found) in &applets {
            print(ctx, name, found)?;
        }
    }
    Ok(if missing { Exit::NO } else { Exit::OK })
}

fn print(ctx: &mut Ctx, title: &str, found: &[Finding]) -> Result<(), Error> {
    let paint = ctx.stdout_paint();
    let width = found.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
    let out = ctx.out()?;
    writeln!(out, "{}", paint.bold(title))?;
    for Finding { name, status, detail, hint } in found {
        let word = format!("{:<7}", status.word());
        let word = match status {
            Status::Works => paint.green(&word),
            Status::Limited | Status::Unknown => paint.yellow(&word),
            Status::Missing => paint.red(&word),
        };
        writeln!(out, "  {name:<width$}  {word}  {detail}")?;
        if let Some(hint) = hint {
            writeln!(out, "  {:<width$}  {:<7}  {} {hint}", "", "", paint.cyan("hint:"))?;
        }
    }
    Ok(())
}
