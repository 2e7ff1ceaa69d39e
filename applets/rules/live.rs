//! `edgekit rules list` and `watch`: a running service, as it is and as it goes.
//!
//! Neighbour: `client` asks over the bus.

use std::io::Write;
use std::time::Duration;

use edgekit_core::{Ctx, Error, ErrorContext, Exit, json};
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};

use crate::client::Service;

/// A runtime for a verb that talks.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().context("cannot start a runtime")
}

/// The rules of the running service.
pub(crate) fn list(ctx: &mut Ctx, instance: Option<&str>, as_json: bool) -> Result<Exit, Error> {
    let service = Service::find(instance, ctx.clock())?;
    let rules = runtime()?.block_on(service.rules())?;
    let rules = rules.as_array().cloned().unwrap_or_default();
    if as_json {
        for rule in rules {
            json::write_line(ctx.out()?, "rules.rule", rule)?;
        }
        return Ok(Exit::OK);
    }
    if rules.is_empty() {
        ctx.say("the service has no rules");
        return Ok(Exit::OK);
    }
    print(ctx, rules.iter().map(row).collect())
}

const TITLES: [&str; 8] = ["RULE", "IN", "OUT", "ERRORS", "BUDGET", "P50", "P99", "PLACE"];

fn row(rule: &Value) -> [String; 8] {
    let text = |key: &str| match &rule[key] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let time = |key: &str| rule[key].as_u64().map_or_else(|| "-".to_owned(), short);
    let place = format!("{}:{}", text("file"), text("line"));
    let counts = [text("in"), text("out"), text("errors"), text("budget_hits")];
    let [events_in, out, errors, budget] = counts;
    [text("name"), events_in, out, errors, budget, time("p50_ns"), time("p99_ns"), place]
}

/// Nanoseconds in the unit that fits: `820ns`, `12µs`, `1.5ms`.
fn short(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{:.1}µs", nanos as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}ms", nanos as f64 / 1e6),
        _ => format!("{:.1}s", nanos as f64 / 1e9),
    }
}

fn print(ctx: &mut Ctx, rows: Vec<[String; 8]>) -> Result<Exit, Error> {
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles = TITLES.map(str::to_owned);
    let out = ctx.out()?;
    for row in std::iter::once(&titles).chain(&rows) {
        let cells = row.iter().zip(widths).enumerate().map(|(index, (cell, width))| match index {
            // Numbers stand below each other.
            1..=6 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(Exit::OK)
}

/// What to watch.
pub(crate) struct Wanted {
    pub(crate) instance: Option<String>,
    pub(crate) only: Vec<String>,
    pub(crate) count: Option<u64>,
    pub(crate) json: bool,
}

/// Prints what happens until the service ends, the count is reached or somebody interrupts.
pub(crate) fn watch(ctx: &mut Ctx, wanted: &Wanted) -> Result<Exit, Error> {
    let service = Service::find(wanted.instance.as_deref(), ctx.clock())?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut happenings = service.watch().await?;
        let mut left = wanted.count;
        while left != Some(0) {
            let Some((kind, said)) = happenings.next().await? else {
                return Err(Error::new(Exit::NO, "the service ended, or we were too slow for it"));
            };
            if !wanted.only.is_empty() && !wanted.only.contains(&kind) {
                continue;
            }
            left = left.map(|left| left - 1);
            let out = ctx.out()?;
            match said {
                Value::Object(said) if wanted.json => {
                    let mut said = said;
                    said.insert("happened".to_owned(), kind.into());
                    json::write_line(out, "rules.watch", Value::Object(said))?;
                }
                Value::Object(said) => writeln!(out, "{}", line(&kind, &said))?,
                _ => {}
            }
            // A watcher wants to see it now, in a pipe as well.
            out.flush()?;
        }
        Ok(Exit::OK)
    })
}

/// One thing that happened, for people.
fn line(kind: &str, said: &Map<String, Value>) -> String {
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| said.get(key).and_then(Value::as_u64).unwrap_or_default();
    match (kind, text("kind")) {
        ("event", _) => {
            let data = said.get("data").map(Value::to_string).unwrap_or_default();
            format!("{} event  {} {data}", time(number("at")), text("topic"))
        }
        ("reload", "swapped") => format!("{:9} reload generation {} serves", "", number("generation")),
        ("reload", _) => format!("{:9} reload refused: {}", "", text("error")),
        (_, "fault") => format!("{:9} fault  {}", "", text("error")),
        (_, "failed") => format!("{:9} failed {} of {}: {}", "", text("action"), text("rule"), text("error")),
        _ => {
            let action = said.get("action").map(Value::to_string).unwrap_or_default();
            format!("{} action {} {action}", time(number("at")), text("rule"))
        }
    }
}

/// The time of day, UTC.
fn time(nanos: u64) -> String {
    let seconds = Duration::from_nanos(nanos).as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_have_three_digits_or_so() {
        let shown = [0, 820, 12_340, 1_500_000, 2_000_000_000].map(short);
        assert_eq!(shown, ["0ns", "820ns", "12.3µs", "1.5ms", "2.0s"]);
        assert_eq!(time(3_661_000_000_000), "01:01:01Z");
    }

    #[test]
    fn each_kind_has_its_line() {
        let shown = |kind: &str, value: Value| match value {
            Value::Object(said) => line(kind, &said),
            _ => String::new(),
        };
        let event = json!({ "kind": "event", "topic": "t", "id": 1, "at": 0, "data": { "a": 1 } });
        assert_eq!(shown("event", event), "00:00:00Z event  t {\"a\":1}");
        let log = json!({ "kind": "action", "rule": "r", "id": 1, "at": 0, "action": { "do": "log" } });
        assert_eq!(shown("action", log), "00:00:00Z action r {\"do\":\"log\"}");
        let refused = json!({ "kind": "refused", "error": "a.luau:1: no" });
        assert_eq!(shown("reload", refused).trim(), "reload refused: a.luau:1: no");
    }
}
