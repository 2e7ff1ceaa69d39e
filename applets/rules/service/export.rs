//! What rules did, as figures: for Prometheus in the registry of the process, for `list` as JSON.
//!
//! The engine counts without a registry; every second what was counted since is added there. Names of rules are
//! labels, and the registry bounds them. Neighbours: the `worker` is asked, `bus` serves the list.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use edgekit_rt::metrics::{MAX_SERIES, Metrics as Registry};
use edgekit_rules::graph::Node;
use edgekit_rules::metrics::{Metrics, RuleMetrics};
use serde_json::{Value, json};

use super::worker::Figures;

/// A counter of a rule: its name and help outside, and where it is found.
type Counted = (&'static str, &'static str, fn(&RuleMetrics) -> u64);

const COUNTED: [Counted; 7] = [
    ("edgekit_rules_events_in_total", "Events a rule was called with.", |rule| rule.events_in),
    ("edgekit_rules_events_out_total", "Events a rule emitted.", |rule| rule.events_out),
    ("edgekit_rules_timers_total", "Timers and alarms a rule was called for.", |rule| rule.timers),
    ("edgekit_rules_asked_total", "Actions a rule asked for.", |rule| rule.actions),
    ("edgekit_rules_errors_total", "Calls of a rule that failed.", |rule| rule.errors),
    ("edgekit_rules_budget_hits_total", "Calls that ran out of time, steps or memory.", |rule| {
        rule.budget_hits
    }),
    ("edgekit_rules_quarantined_total", "Events kept from a rule whose key is set aside.", |rule| {
        rule.quarantined
    }),
];

/// Carries the engine's counts over into the registry.
pub(super) struct Exporter {
    registry: Registry,
    /// What has been added for each rule.
    rules: HashMap<Arc<str>, [u64; COUNTED.len()]>,
    whole: HashMap<String, u64>,
}

impl Exporter {
    pub(super) fn new(registry: Registry) -> Exporter {
        Exporter { registry, rules: HashMap::new(), whole: HashMap::new() }
    }

    pub(super) fn export(&mut self, metrics: &Metrics) {
        let gauge = |name, help, value: u64| {
            self.registry.gauge(name, help, &[]).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        gauge("edgekit_rules_generation", "The generation that serves.", metrics.generation);
        gauge("edgekit_rules_loaded", "Rules that serve.", metrics.rules.len() as u64);
        gauge("edgekit_rules_bus_waiting", "Events that wait.", metrics.bus.waiting as u64);
        self.add("edgekit_rules_swaps_total", "Generations taken over.", None, metrics.swaps);
        self.add("edgekit_rules_refused_total", "Generations refused by the worker.", None, metrics.refused);
        self.add("edgekit_rules_handled_total", "Events handled.", None, metrics.handled);
        self.add("edgekit_rules_unread_total", "Events no rule reads.", None, metrics.unread);
        self.add(
            "edgekit_rules_overflow_total",
            "Emitted events that were too many.",
            None,
            metrics.overflow,
        );
        for (topic, count) in &metrics.bus.dropped {
            let help = "Events lost because too many waited.";
            self.add("edgekit_rules_bus_dropped_total", help, Some(("topic", topic)), *count);
        }
        let serving: std::collections::HashSet<&str> =
            metrics.rules.iter().map(|(name, _)| &**name).collect();
        self.rules.retain(|name, _| serving.contains(&**name));
        for (index, (name, rule)) in metrics.rules.iter().enumerate() {
            self.rule(name, rule, index < MAX_SERIES);
        }
    }

    fn rule(&mut self, name: &Arc<str>, rule: &RuleMetrics, has_own_series: bool) {
        let known = self.rules.get(name);
        let now = COUNTED.map(|(_, _, of)| of(rule));
        if known == Some(&now) {
            return;
        }
        let before = known.copied().unwrap_or_default();
        for ((name_out, help, _), (now, before)) in COUNTED.iter().zip(now.iter().zip(before)) {
            self.registry.counter(name_out, help, &[("rule", name)]).add(now.saturating_sub(before));
        }
        self.rules.insert(name.clone(), now);
        // Together in one series these would be the last rule's.
        if has_own_series {
            for (quantile, part) in [("0.5", 0.5), ("0.99", 0.99)] {
                let help = "How long calls of a rule take, in nanoseconds.";
                let labels = [("rule", &**name), ("quantile", quantile)];
                if let Some(time) = rule.time.quantile(part) {
                    self.registry.gauge("edgekit_rules_call_nanoseconds", help, &labels).set(nanos(time));
                }
            }
        }
    }

    fn add(&mut self, name: &'static str, help: &'static str, label: Option<(&'static str, &str)>, now: u64) {
        let key = label.map_or_else(|| name.to_owned(), |(_, value)| format!("{name} {value}"));
        let before = self.whole.entry(key).or_default();
        let labels: &[(&'static str, &str)] = label.as_slice();
        self.registry.counter(name, help, labels).add(now.saturating_sub(*before));
        *before = now;
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The rules in the order they run, for `list`.
pub(super) fn list(figures: &Figures) -> Value {
    let by_name: HashMap<&str, &RuleMetrics> =
        figures.metrics.rules.iter().map(|(name, rule)| (&**name, rule)).collect();
    figures.nodes.iter().filter_map(|node| Some(one(node, by_name.get(&*node.name)?))).collect()
}

fn one(node: &Node, rule: &RuleMetrics) -> Value {
    let time = |part| rule.time.quantile(part).map(nanos);
    json!({
        "name": *node.name,
        "file": *node.place.file,
        "line": node.place.line,
        "inputs": node.inputs.iter().map(|input| &**input).collect::<Vec<_>>(),
        "outputs": node.outputs.iter().map(|output| &**output).collect::<Vec<_>>(),
        "priority": node.priority,
        "generation": rule.generation,
        "in": rule.events_in,
        "out": rule.events_out,
        "timers": rule.timers,
        "actions": rule.actions,
        "errors": rule.errors,
        "budget_hits": rule.budget_hits,
        "quarantined": rule.quarantined,
        "p50_ns": time(0.5),
        "p99_ns": time(0.99),
        "state_bytes": rule.state_bytes,
        "last_error": rule.last_error.as_deref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(rules: &[(&str, u64)]) -> Metrics {
        let rule = |(name, events_in): &(&str, u64)| {
            (Arc::from(*name), RuleMetrics { events_in: *events_in, ..RuleMetrics::default() })
        };
        Metrics { rules: rules.iter().map(rule).collect(), generation: 3, ..Metrics::default() }
    }

    #[test]
    fn what_was_counted_since_is_added() {
        let registry = Registry::default();
        let mut exporter = Exporter::new(registry.clone());
        exporter.export(&metrics(&[("a", 2), ("b", 1)]));
        exporter.export(&metrics(&[("a", 5)]));
        let text = registry.to_text();
        assert!(text.contains("edgekit_rules_events_in_total{rule=\"a\"} 5\n"), "{text}");
        assert!(text.contains("edgekit_rules_events_in_total{rule=\"b\"} 1\n"), "{text}");
        assert!(text.contains("edgekit_rules_generation 3\n"), "{text}");
    }

    #[test]
    fn many_rules_share_a_series() {
        let registry = Registry::default();
        let mut exporter = Exporter::new(registry.clone());
        let names: Vec<String> = (0..MAX_SERIES + 20).map(|index| format!("r{index:04}")).collect();
        let rules = |count: u64| {
            let pairs: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), count)).collect();
            metrics(&pairs)
        };
        exporter.export(&rules(1));
        exporter.export(&rules(3));
        let text = registry.to_text();
        assert!(text.contains("edgekit_rules_events_in_total{rule=\"_other\"} 60\n"), "20 rules, three each");
    }
}
