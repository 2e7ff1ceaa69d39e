//! Counters do not fall back where another process takes over: the old one tells its totals, once at first and
//! again while it drains, and they are added to what the new one counts itself.
//!
//! Totals are told as the text that `text.rs` writes, which any release can read, and whole, not as differences:
//! a message more or less does no harm. Gauges are of a process and are not carried.

use std::collections::BTreeMap;

use super::Metrics;
use crate::scope::lock;

/// Lines that are taken from another process.
const MAX_LINES: usize = 64 * 1024;

/// What the process before has counted, by metric.
#[derive(Default)]
pub(super) struct Carried(BTreeMap<String, Before>);

/// One metric of it.
#[derive(Default)]
struct Before {
    /// `# HELP` and `# TYPE`.
    head: String,
    /// `name{labels}` and what it stood at.
    lines: BTreeMap<String, f64>,
}

impl Metrics {
    /// Every series there is, in order of name and labels, with what was counted before.
    pub fn to_text(&self) -> String {
        let own = self.own_text();
        let carried = lock(&self.carried);
        if carried.0.is_empty() { own } else { carried.added_to(&own) }
    }

    /// All that only grows, for [`Metrics::carry`] in another process.
    pub(crate) fn totals(&self) -> Vec<u8> {
        let text = self.to_text();
        let mut told = String::with_capacity(text.len());
        each_metric(&text, |_, head, lines| {
            if only_grows(head) {
                told.push_str(head);
                told.push_str(lines);
            }
        });
        told.into_bytes()
    }

    /// Counts on from what another process has told; what it told before is replaced. False if it makes no sense
    /// here, and changes nothing.
    pub(crate) fn carry(&self, told: &[u8]) -> bool {
        let Ok(told) = std::str::from_utf8(told) else { return false };
        let (mut carried, mut left) = (Carried::default(), MAX_LINES);
        each_metric(told, |name, head, lines| {
            if !only_grows(head) {
                return;
            }
            let before = carried.0.entry(name.to_owned()).or_default();
            head.clone_into(&mut before.head);
            for (key, value) in lines.lines().filter_map(number).take(left) {
                before.lines.insert(key.to_owned(), value);
                left -= 1;
            }
        });
        let is_any = !carried.0.is_empty() || told.is_empty();
        if is_any {
            *lock(&self.carried) = carried;
        }
        is_any
    }
}

impl Carried {
    fn added_to(&self, own: &str) -> String {
        let mut text = String::with_capacity(own.len() * 2);
        let mut seen = Vec::new();
        each_metric(own, |name, head, lines| {
            text.push_str(head);
            let before = self.0.get(name).filter(|_| only_grows(head));
            let Some(before) = before else { return text.push_str(lines) };
            seen.push(name);
            let mut left = before.lines.clone();
            for line in lines.lines() {
                match number(line).and_then(|(key, value)| Some((key, value + left.remove(key)?))) {
                    Some((key, sum)) => text.push_str(&format!("{key} {sum}\n")),
                    None => text.push_str(&format!("{line}\n")),
                }
            }
            left.iter().for_each(|(key, value)| text.push_str(&format!("{key} {value}\n")));
        });
        for (_, before) in self.0.iter().filter(|(name, _)| !seen.contains(&name.as_str())) {
            text.push_str(&before.head);
            before.lines.iter().for_each(|(key, value)| text.push_str(&format!("{key} {value}\n")));
        }
        text
    }
}

/// Shows each metric of a text to `with`: its name, its two lines of head, the rest.
fn each_metric<'a>(text: &'a str, mut with: impl FnMut(&'a str, &'a str, &'a str)) {
    let mut rest = text;
    while let Some(at) = rest.find("# HELP ") {
        let metric = &rest[at..];
        let length = metric[1..].find("\n# HELP ").map_or(metric.len(), |end| end + 2);
        let (metric, after) = metric.split_at(length);
        rest = after;
        let name = metric["# HELP ".len()..].split([' ', '\n']).next().unwrap_or_default();
        let head = metric.split_inclusive('\n').take(2).map(str::len).sum();
        let (head, lines) = metric.split_at(head);
        with(name, head, lines);
    }
}

fn only_grows(head: &str) -> bool {
    head.ends_with(" counter\n") || head.ends_with(" histogram\n")
}

/// What a line is of, and what that stands at.
fn number(line: &str) -> Option<(&str, f64)> {
    let (key, value) = line.rsplit_once(' ')?;
    Some((key, value.parse().ok().filter(|value: &f64| value.is_finite())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_process_counts_on_from_the_one_before() {
        let old = Metrics::default();
        old.counter("a_total", "A.", &[("k", "v w")]).add(5);
        old.counter("gone_total", "Of an older release.", &[("k", "v")]).add(2);
        old.gauge("now", "Now.", &[]).set(9);
        old.histogram("took_seconds", "Took.", &[]).observe(Duration::from_millis(3));
        let new = Metrics::default();
        // One series is there before, one after.
        new.counter_from("a_total", "A.", &[("k", "v w")], || 1);
        assert!(new.carry(&old.totals()));
        new.gauge("now", "Now.", &[]).set(1);
        new.counter_from("gone_total", "It is back.", &[("k", "w")], || 3);
        new.histogram("took_seconds", "Took.", &[]).observe(Duration::from_millis(3));
        let text = new.to_text();
        for line in [
            "a_total{k=\"v w\"} 6\n",
            "# TYPE gone_total counter\ngone_total{k=\"w\"} 3\ngone_total{k=\"v\"} 2\n",
            "took_seconds_count 2\n",
            "took_seconds_bucket{le=\"0.0025\"} 0\ntook_seconds_bucket{le=\"0.005\"} 2\n",
            "took_seconds_sum 0.006\n",
            "now 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        // It is told again while the old one drains, and handed on.
        old.counter("a_total", "A.", &[("k", "v w")]).add(1);
        assert!(new.carry(&old.totals()));
        let last = Metrics::default();
        assert!(last.carry(&new.totals()));
        let text = last.to_text();
        assert!(text.contains("# HELP a_total A.\n# TYPE a_total counter\na_total{k=\"v w\"} 7\n"), "{text}");
        assert!(!text.contains("now"), "{text}");
    }

    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let metrics = Metrics::default();
        metrics.counter("a_total", "A.", &[]).add(1);
        assert!(metrics.carry(b"# HELP a_total A.\n# TYPE a_total counter\na_total 7\n"));
        for told in [
            &b"nonsense"[..],
            b"\xff",
            b"{\"format\": 2}",
            b"# HELP a_total A.\n# TYPE a_total gauge\na_total 9\n",
        ] {
            assert!(!metrics.carry(told), "{told:?}");
        }
        assert!(metrics.to_text().contains("\na_total 8\n"), "{}", metrics.to_text());
        assert!(metrics.carry(b"# HELP a_total A.\n# TYPE a_total counter\na_total x\na_total NaN\nb\n\n"));
        assert!(metrics.to_text().ends_with("\na_total 1\n"), "{}", metrics.to_text());
    }
}
