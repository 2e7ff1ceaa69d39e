//! `edgekit status`: the daemons of this machine and how their services are.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, json};
use edgekit_rt::control::client::Daemon;
use serde_json::Value;

use crate::builtin::daemons::{self, target};
use crate::builtin::nothing_to_check;

pub(crate) static STATUS: Applet = Applet {
    name: "status",
    about: "Show the running daemons and their services",
    needs: &[],
    manual: Manual {
        paragraph: "Asks each running daemon over its control socket, and prints a line for each of its \
                    services. A daemon that died without removing its socket is shown as dead.",
        examples: &[
            Example { command: "edgekit status", does: "every daemon of this machine" },
            Example { command: "edgekit status --json", does: "one JSON object a daemon, with all details" },
        ],
        files: daemons::FILES,
        environment: daemons::ENVIRONMENT,
        exits: &[
            (1, "a service does not run, or a daemon has died"),
            (69, "the daemon that was asked for does not run"),
            (77, "the control socket may not be used"),
        ],
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

fn command() -> Command {
    Command::new("status").arg(target("Only this daemon: APPLET, or APPLET@INSTANCE")).arg(
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("One JSON object a daemon, with all details"),
    )
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let wanted = daemons::wanted(matches);
    let found = daemons::find(wanted)?;
    if found.is_empty() {
        ctx.say("no daemon runs");
        return Ok(Exit::OK);
    }
    let mut healthy = true;
    let mut rows = Vec::new();
    for place in found {
        let answer = place.daemon.ask("GET", "/status", None);
        let status = match answer {
            Ok(status) => status,
            Err(error) if wanted.is_none() && error.exit() == Exit::UNAVAILABLE => {
                serde_json::json!({ "applet": place.daemon.applet, "instance": place.daemon.instance, "dead": true })
            }
            Err(error) => return Err(error),
        };
        healthy &= is_healthy(&status);
        if matches.get_flag("json") {
            json::write_line(ctx.out()?, "status.daemon", status)?;
        } else {
            rows.extend(lines(&place.daemon, &status, place.service.as_deref()));
        }
    }
    if !rows.is_empty() {
        print(ctx, &rows)?;
    }
    Ok(if healthy { Exit::OK } else { Exit::NO })
}

fn services(status: &Value) -> &[Value] {
    status.get("services").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn is_healthy(status: &Value) -> bool {
    status.get("dead").is_none() && services(status).iter().all(|service| service["state"] == "running")
}

type Row = [String; 7];

const TITLES: [&str; 7] = ["DAEMON", "PID", "UP", "SERVICE", "STATE", "RESTARTS", "LAST ERROR"];

fn lines(daemon: &Daemon, status: &Value, only: Option<&str>) -> Vec<Row> {
    let dash = || "-".to_owned();
    if status.get("dead").is_some() {
        return vec![[daemon.name(), dash(), dash(), dash(), "dead".to_owned(), dash(), dash()]];
    }
    let words = |value: &Value| match value {
        Value::String(words) => words.clone(),
        Value::Null => dash(),
        other => other.to_string(),
    };
    let up = status["uptime_s"].as_u64().map_or_else(dash, duration);
    services(status)
        .iter()
        .filter(|service| only.is_none_or(|only| service["name"] == only))
        .map(|service| {
            [
                daemon.name(),
                words(&status["pid"]),
                up.clone(),
                words(&service["name"]),
                words(&service["state"]),
                words(&service["restarts"]),
                words(&service["last_error"]),
            ]
        })
        .collect()
}

fn print(ctx: &mut Ctx, rows: &[Row]) -> Result<(), Error> {
    let mut widths = TITLES.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles = TITLES.map(str::to_owned);
    let out = ctx.out()?;
    for row in std::iter::once(&titles).chain(rows) {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The two largest units: `3d 4h`, `12s`.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days}d {}h", hours % 24),
        () if hours > 0 => format!("{hours}h {}m", minutes % 60),
        () if minutes > 0 => format!("{minutes}m {}s", seconds % 60),
        () => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_are_enough() {
        assert_eq!(duration(12), "12s");
        assert_eq!(duration(3_599), "59m 59s");
        assert_eq!(duration(2 * 86_400 + 3_600), "2d 1h");
    }
}
