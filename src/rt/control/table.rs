//! What `edgekit status` and an applet's own `status` print: a line a service.

use std::io::Write;

use edgekit_core::{Ctx, Error};
use serde_json::Value;

use super::client::Daemon;

/// One line; its cells are as long as they are.
pub type Row = [String; 7];

const TITLES: [&str; 7] = ["DAEMON", "PID", "UP", "SERVICE", "STATE", "RESTARTS", "LAST ERROR"];

fn services(status: &Value) -> &[Value] {
    status.get("services").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// True if the daemon is there and all its services run.
pub fn is_healthy(status: &Value) -> bool {
    status.get("dead").is_none() && services(status).iter().all(|service| service["state"] == "running")
}

/// The lines of a daemon by what it says of itself, of one of its services or of all.
pub fn rows(daemon: &Daemon, status: &Value, only: Option<&str>) -> Vec<Row> {
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

/// Prints lines below their titles.
///
/// # Errors
/// Standard output does not take them.
pub fn print(ctx: &mut Ctx, rows: &[Row]) -> Result<(), Error> {
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
