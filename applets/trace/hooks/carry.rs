//! Carries out what hooks want done, after their verdict.
//!
//! Log lines go to standard error, metrics are kept and shown at the end, messages go to the rules service
//! (`bus`), programs are started and looked after. Each is bounded, and what does not fit is counted and told.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use edgekit_core::Paint;
use edgekit_rules::{Action, Level, Metric, Str, Value, log_line};

use super::bus::{Bus, LostMessages};

/// Metrics of different name or labels that are kept.
const MAX_METRICS: usize = 1024;
/// Programs of `exec` that may run at a time.
const MAX_RUNNING: usize = 8;

type Series = (Arc<str>, Vec<(Arc<str>, Str)>);

/// What has become of one metric.
struct Number {
    kind: Metric,
    times: u64,
    /// Of a gauge the last, of the others all.
    sum: f64,
    least: f64,
    most: f64,
}

pub(super) struct Carrier {
    paint: Paint,
    bus: Bus,
    metrics: BTreeMap<Series, Number>,
    running: Vec<Child>,
    /// What was not done, and how often.
    refused: BTreeMap<String, u64>,
}

impl Carrier {
    pub(super) fn new(paint: Paint, bus: Bus) -> Carrier {
        Carrier { paint, bus, metrics: BTreeMap::new(), running: Vec::new(), refused: BTreeMap::new() }
    }

    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Log { level, text, fields } => self.log(level, &text, &fields),
            Action::Metric { kind, name, number, labels } => self.metric(kind, (name, labels), number),
            Action::Publish { topic, payload } => self.publish(&topic, &payload),
            Action::Exec { argv } => self.exec(&argv),
            // Never granted here, so a script that declares them is not loaded.
            Action::Http { .. } => self.refuse("an HTTP call of a hook: only rules may"),
            Action::ShadowSet { .. } => self.refuse("a change of the shadow by a hook: only rules may"),
        }
    }

    /// Between two bursts.
    pub(super) fn pause(&mut self) {
        self.bus.flush();
        if !self.running.is_empty() {
            self.reap();
        }
    }

    /// Shows what was counted, and what was not done.
    pub(super) fn end(self) {
        let say = Say(self.paint);
        for ((name, labels), number) in &self.metrics {
            say.line(&format!("metric {}", show_metric(name, labels, number)));
        }
        for (what, times) in &self.refused {
            say.warning(&format!("{times} not done: {what}"));
        }
        if let Some(LostMessages { count, path, why }) = self.bus.end() {
            say.warning(&format!("{count} published messages were lost: '{}': {why}", path.display()));
        }
    }

    fn refuse(&mut self, what: &str) {
        if let Some(times) = self.refused.get_mut(what) {
            *times += 1;
        } else if self.refused.len() < MAX_METRICS {
            self.refused.insert(what.to_owned(), 1);
        }
    }

    fn log(&self, level: Level, text: &Str, fields: &Value) {
        let line = log_line(text, fields);
        match level {
            Level::Info => Say(self.paint).line(&line),
            Level::Warn => Say(self.paint).warning(&line),
            Level::Error => Say(self.paint).error(&line),
        }
    }

    fn publish(&mut self, topic: &str, payload: &Value) {
        match payload {
            Value::Map(_) => self.bus.publish(topic, payload),
            Value::Nil => self.bus.publish(topic, &Value::Map(Vec::new())),
            Value::List(values) if values.is_empty() => self.bus.publish(topic, &Value::Map(Vec::new())),
            other => self.refuse(&format!(
                "publish of a {}: the fields of an event are a table by name",
                other.kind()
            )),
        }
    }

    fn metric(&mut self, kind: Metric, series: Series, number: f64) {
        if let Some(known) = self.metrics.get_mut(&series) {
            known.times += 1;
            known.sum = if kind == Metric::Gauge { number } else { known.sum + number };
            known.least = known.least.min(number);
            known.most = known.most.max(number);
        } else if self.metrics.len() < MAX_METRICS {
            self.metrics.insert(series, Number { kind, times: 1, sum: number, least: number, most: number });
        } else {
            self.refuse("a metric, because there are 1,024 of other names or labels");
        }
    }

    fn exec(&mut self, argv: &[Str]) {
        let Some((program, words)) = argv.split_first() else { return };
        self.reap();
        if self.running.len() >= MAX_RUNNING {
            return self.refuse("exec, because 8 programs of hooks still run");
        }
        // What it prints is no data of the trace.
        let stdout = io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from);
        let child = Command::new(OsStr::from_bytes(program))
            .args(words.iter().map(|word| OsStr::from_bytes(word)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .spawn();
        match child {
            Ok(child) => self.running.push(child),
            Err(error) => self.refuse(&format!("exec of '{program}': {}", plain(&error))),
        }
    }

    fn reap(&mut self) {
        self.running.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

/// Lines on standard error in the house's shape. Nobody is left to tell when it fails.
#[derive(Clone, Copy)]
pub(super) struct Say(pub(super) Paint);

impl Say {
    pub(super) fn line(self, text: &str) {
        drop(writeln!(io::stderr(), "edgekit trace: {}", one_line(text)));
    }

    pub(super) fn warning(self, text: &str) {
        let label = self.0.yellow("warning:");
        drop(writeln!(io::stderr(), "edgekit trace: {label} {}", one_line(text)));
    }

    pub(super) fn error(self, text: &str) {
        let label = self.0.red("error:");
        drop(writeln!(io::stderr(), "edgekit trace: {label} {}", one_line(text)));
    }
}

/// What a traced program put into a text cannot steer a terminal or fake a line.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    line
}

/// The system's words without the number.
pub(super) fn plain(error: &io::Error) -> String {
    crate::run::os_words(error).to_lowercase()
}

/// `opens{comm="cat"} 12`, and of an observed one the mean and the bounds.
fn show_metric(name: &str, labels: &[(Arc<str>, Str)], number: &Number) -> String {
    let mut text = name.to_owned();
    for (at, (label, value)) in labels.iter().enumerate() {
        let _ = write!(text, "{}{label}=\"{value}\"", if at == 0 { "{" } else { "," });
    }
    if !labels.is_empty() {
        text.push('}');
    }
    let Number { kind, times, sum, least, most } = number;
    let _ = match kind {
        Metric::Count | Metric::Gauge => write!(text, " {sum}"),
        Metric::Observe => write!(text, " {times} times, mean {}, {least} to {most}", sum / *times as f64),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_add_set_and_observe() {
        let mut number = Number { kind: Metric::Observe, times: 2, sum: 6.0, least: 1.0, most: 5.0 };
        let labels = [("comm".into(), Str::from("cat"))];
        assert_eq!(show_metric("took", &labels, &number), "took{comm=\"cat\"} 2 times, mean 3, 1 to 5");
        number.kind = Metric::Count;
        assert_eq!(show_metric("took", &[], &number), "took 6");
    }

    #[test]
    fn a_text_stays_one_line() {
        assert_eq!(one_line("a\nb\x1b[31m\u{e4}"), "a\\nb\\u{1b}[31m\u{e4}");
    }
}
