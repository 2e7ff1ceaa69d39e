//! Metrics that scripts keep, in the registry of the process: a rule's `metric.count("opens", 1)` is
//! `rule_opens_total`, a hook's is `hook_opens_total`.
//!
//! Names come from scripts, and the registry holds names for ever: so there is a bounded number of them, and what
//! comes later is refused with a message. The registry bounds the values of labels. Nothing is known of Lua here:
//! the applets that carry out actions bring what a script said.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::{Kind, Metrics};

/// Names of metrics, and names of labels, that scripts may bring.
const MAX_NAMES: usize = 256;
/// Bytes of a name.
const MAX_NAME: usize = 64;
/// Labels of one series.
const MAX_LABELS: usize = 8;
/// Bytes of a label's value.
const MAX_VALUE: usize = 128;

/// The metrics of one sort of scripts.
pub struct Numbers {
    metrics: Metrics,
    /// What their names begin with.
    prefix: &'static str,
    help: &'static str,
    /// What a script calls a metric → what it is called outside, and its kind.
    names: HashMap<Arc<str>, (&'static str, Kind)>,
    labels: HashMap<Arc<str>, &'static str>,
}

impl Numbers {
    /// None yet; their names will begin with `prefix` and an underscore.
    pub fn new(metrics: Metrics, prefix: &'static str, help: &'static str) -> Numbers {
        Numbers { metrics, prefix, help, names: HashMap::new(), labels: HashMap::new() }
    }

    /// Counts, sets or observes (seconds); labels are names with their values.
    ///
    /// # Errors
    /// A name that cannot be one, one too many, or one of another kind.
    pub fn note(
        &mut self,
        kind: Kind,
        name: &Arc<str>,
        number: f64,
        labels: &[(Arc<str>, &str)],
    ) -> Result<(), String> {
        if !number.is_finite() {
            return Err(format!("metric '{name}': {number} is no number to keep"));
        }
        if labels.len() > MAX_LABELS {
            return Err(format!("metric '{name}': {} labels, at most {MAX_LABELS}", labels.len()));
        }
        let outside = self.name(kind, name)?;
        let mut pairs = Vec::with_capacity(labels.len());
        for (label, value) in labels {
            let label = intern(&mut self.labels, label, "label", |label| label.to_owned())?;
            pairs.push((label, shortened(value)));
        }
        match kind {
            Kind::Counter => self.metrics.counter(outside, self.help, &pairs).add(whole(number)),
            Kind::Gauge => self.metrics.gauge(outside, self.help, &pairs).set(number.round() as i64),
            Kind::Histogram => {
                let duration = Duration::try_from_secs_f64(number)
                    .map_err(|_| format!("metric '{name}': {number} seconds cannot be observed"))?;
                self.metrics.histogram(outside, self.help, &pairs).observe(duration);
            }
        }
        Ok(())
    }

    fn name(&mut self, kind: Kind, name: &Arc<str>) -> Result<&'static str, String> {
        if let Some((outside, is)) = self.names.get(name) {
            if *is != kind {
                return Err(format!("metric '{name}' is a {} already", word(*is)));
            }
            return Ok(outside);
        }
        let prefix = self.prefix;
        let full = |name: &str| match kind {
            Kind::Counter => format!("{prefix}_{name}_total"),
            Kind::Gauge => format!("{prefix}_{name}"),
            Kind::Histogram => format!("{prefix}_{name}_seconds"),
        };
        let outside = full(name);
        if self.names.values().any(|(taken, _)| *taken == outside) {
            return Err(format!("metric '{name}' would be called '{outside}', which another one is"));
        }
        let mut plain: HashMap<Arc<str>, &'static str> = HashMap::new();
        if self.names.len() >= MAX_NAMES {
            return Err(format!("metric '{name}': there are {MAX_NAMES} names already"));
        }
        let outside = intern(&mut plain, name, "metric", full)?;
        self.names.insert(name.clone(), (outside, kind));
        Ok(outside)
    }
}

/// A name that lives as long as the process; there are at most [`MAX_NAMES`] in a map.
fn intern(
    names: &mut HashMap<Arc<str>, &'static str>,
    name: &Arc<str>,
    what: &str,
    full: impl Fn(&str) -> String,
) -> Result<&'static str, String> {
    let count = names.len();
    match names.entry(name.clone()) {
        Entry::Occupied(there) => Ok(there.get()),
        Entry::Vacant(place) => {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty()
                || name.len() > MAX_NAME
                || !name.bytes().all(good)
                || name.starts_with(|first: char| first.is_ascii_digit())
            {
                return Err(format!(
                    "{what} '{name}' is no name: up to {MAX_NAME} letters, digits and '_', no digit first"
                ));
            }
            if count >= MAX_NAMES {
                return Err(format!("{what} '{name}': there are {MAX_NAMES} names already"));
            }
            Ok(place.insert(Box::leak(full(name).into_boxed_str())))
        }
    }
}

/// As scripts say it.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "count",
        Kind::Gauge => "gauge",
        Kind::Histogram => "observe",
    }
}

fn whole(number: f64) -> u64 {
    // Beyond the range the cast stays at its end, below zero at zero.
    number.round() as u64
}

/// A label's value, of bounded length.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MAX_VALUE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    #[test]
    fn numbers_are_kept_by_kind() {
        let metrics = Metrics::default();
        let mut numbers = Numbers::new(metrics.clone(), "rule", "R.");
        let labels = [(name("comm"), "cat")];
        numbers.note(Kind::Counter, &name("opens"), 2.0, &labels).expect("a counter");
        numbers.note(Kind::Counter, &name("opens"), 1.0, &labels).expect("a counter");
        numbers.note(Kind::Gauge, &name("level"), -3.0, &[]).expect("a gauge");
        numbers.note(Kind::Histogram, &name("took"), 0.002, &[]).expect("a histogram");
        let text = metrics.to_text();
        assert!(text.contains("rule_opens_total{comm=\"cat\"} 3\n"), "{text}");
        assert!(text.contains("rule_level -3\n") && text.contains("rule_took_seconds_count 1\n"), "{text}");
        let refused = numbers.note(Kind::Gauge, &name("opens"), 1.0, &[]).expect_err("another kind");
        assert_eq!(refused, "metric 'opens' is a count already");
    }

    #[test]
    fn what_a_script_invents_is_bounded() {
        let mut numbers = Numbers::new(Metrics::default(), "rule", "R.");
        for index in 0..MAX_NAMES {
            numbers.note(Kind::Counter, &name(&format!("n{index}")), 1.0, &[]).expect("room");
        }
        let refused = numbers.note(Kind::Counter, &name("one_more"), 1.0, &[]).expect_err("full");
        assert!(refused.contains("there are 256 names already"), "{refused}");
        for bad in ["", "a b", "1a", "é", "a{b=\"c\"}", &"a".repeat(65)] {
            let mut numbers = Numbers::new(Metrics::default(), "rule", "R.");
            numbers.note(Kind::Counter, &name(bad), 1.0, &[]).expect_err("no name");
            let labels = [(name(bad), "x")];
            numbers.note(Kind::Counter, &name("good"), 1.0, &labels).expect_err("no label");
        }
        let umlauts = "ä".repeat(100);
        let long = [(name("l"), umlauts.as_str())];
        numbers.note(Kind::Counter, &name("n0"), 1.0, &long).expect("cut short");
        numbers.note(Kind::Gauge, &name("n0"), f64::NAN, &[]).expect_err("not a number");
    }
}
