//! What is asked of a running proxy as a whole: how it is, that it drains, what a reload would change.
//!
//! Neighbours: `view.rs` and `certs.rs` show its parts.

use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::ArgMatches;
use edgekit_core::config::{self, Change, Loaded, Reload, Settings as _};
use edgekit_core::units::show_duration;
use edgekit_core::{Ctx, Error, Exit, Paths, json};
use edgekit_rt::control::{client::Daemon, table};
use serde_json::{Value, json};

use crate::config::Config;

/// How often a drain is looked at from outside.
const LOOK: Duration = Duration::from_millis(100);

/// The proxy a command means.
pub(crate) fn daemon(matches: &ArgMatches) -> Daemon {
    let instance = matches.get_one::<String>("instance").cloned();
    let mut daemon = Daemon { applet: "proxy".to_owned(), instance, path: PathBuf::default() };
    daemon.path = Paths::process().run.join(format!("{}.sock", daemon.name()));
    daemon
}

/// `edgekit proxy status`.
pub(crate) fn status(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let daemon = daemon(matches);
    let status = daemon.ask("GET", "/status", None)?;
    let exit = if table::is_healthy(&status) { Exit::OK } else { Exit::NO };
    if matches.get_flag("json") {
        json::write_line(ctx.out()?, "status.daemon", status)?;
    } else {
        table::print(ctx, &table::rows(&daemon, &status, None))?;
    }
    Ok(exit)
}

/// `edgekit proxy drain`: returns when the process is gone.
pub(crate) fn drain(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let daemon = daemon(matches);
    let deadline = matches.get_one::<Duration>("deadline");
    let body = json!({ "deadline_s": deadline.map(Duration::as_secs_f64) });
    let said = daemon.ask("POST", "/drain", Some(&body))?;
    let within = said["deadline_s"].as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let within = within.map_or_else(String::new, |within| format!(", within {}", show_duration(within)));
    ctx.say(format_args!("{} takes nothing new and finishes what it has{within}", daemon.name()));
    if matches.get_flag("no-wait") {
        return Ok(Exit::OK);
    }
    loop {
        match daemon.ask("GET", "/status", None) {
            Ok(_) => thread::sleep(LOOK),
            Err(error) if error.exit() == Exit::UNAVAILABLE => break,
            // It ended over the question.
            Err(_) => thread::sleep(LOOK),
        }
    }
    writeln!(ctx.out()?, "{}: drained", daemon.name())?;
    Ok(Exit::OK)
}

/// What a running proxy would change if it were told to take over `new`.
pub(crate) fn difference(new: &Loaded, matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let daemon = daemon(matches);
    let answer = daemon.ask("GET", "/config", None)?;
    let services = answer.get("services").and_then(Value::as_array).into_iter().flatten();
    let found =
        services.filter_map(|service| service.get("config").filter(|config| config.is_object())).next();
    let read = |key: &str| {
        let text = found.and_then(|config| config.get(key)?.as_str())?;
        config::parse(Config::SECTION, "proxy", "the running proxy", text.as_bytes().to_vec()).ok()
    };
    let (Some(in_use), Some(at_start)) = (read("in_use"), read("at_start")) else {
        return Err(Error::new(Exit::PROTOCOL, format!("'{}' does not say what it runs by", daemon.name()))
            .hint("it may be of another release; 'edgekit upgrade proxy' replaces it"));
    };
    // What waits for a restart is still as it was at the start, whatever was reloaded since.
    let live = config::diff(&in_use, new).into_iter().filter(|change| change.reload == Reload::Live);
    let later = config::diff(&at_start, new).into_iter().filter(|change| change.reload == Reload::Restart);
    let changes: Vec<Change> = live.chain(later).collect();
    for change in &changes {
        if matches.get_flag("json") {
            let value = json!({
                "key": change.key, "change": kind(change), "from": change.from, "to": change.to,
                "takes": change.reload.word(),
            });
            json::write_line(ctx.out()?, "proxy.change", value)?;
        } else {
            writeln!(ctx.out()?, "{}", line(change))?;
        }
    }
    if changes.is_empty() && !matches.get_flag("json") {
        writeln!(ctx.out()?, "{}: runs by the same", daemon.name())?;
    }
    Ok(Exit::OK)
}

fn kind(change: &Change) -> &'static str {
    match (&change.from, &change.to) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    }
}

fn line(change: &Change) -> String {
    let Change { key, from, to, reload } = change;
    let is_table = |text: &str| text == "table";
    let said = match (from, to) {
        (Some(from), Some(to)) => format!("changed {key}: {from} -> {to}"),
        (None, Some(to)) if !is_table(to) => format!("added {key}: {to}"),
        (Some(from), None) if !is_table(from) => format!("removed {key}: {from}"),
        _ => format!("{} {key}", kind(change)),
    };
    match reload {
        Reload::Live => said,
        Reload::Restart => format!("{said} (needs 'edgekit upgrade proxy' or a restart)"),
    }
}
