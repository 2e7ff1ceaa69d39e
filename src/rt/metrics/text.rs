//! The Prometheus text format, version 0.0.4.
//!
//! A scrape may find ten thousand lines: labels are written once, when their series is made, and the
//! rest is appended to one text.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::{BUCKETS, Buckets, Kind, Labels, Metrics, Series};
use crate::scope::lock;

/// [`BUCKETS`] as text.
const BOUNDS: [&str; BUCKETS.len() + 1] = [
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5",
    "10", "+Inf",
];

/// A metric as it was at one moment, its series still to be read.
struct Found {
    name: &'static str,
    help: &'static str,
    series: Vec<(Labels, Series)>,
}

impl Metrics {
    /// Every series of this process, in order of name and labels.
    pub(super) fn own_text(&self) -> String {
        // Nobody who makes a series waits for those that are written.
        let found: Vec<Found> = lock(&self.families)
            .iter()
            .map(|(name, family)| Found {
                name,
                help: family.help,
                series: family
                    .series
                    .iter()
                    .map(|(labels, series)| (labels.clone(), series.clone()))
                    .collect(),
            })
            .collect();
        let mut text = String::new();
        for Found { name, help, series } in found {
            let Some((_, first)) = series.first() else { continue };
            let kind = match first {
                Series::Counter(_) | Series::CounterFrom(_) | Series::Collected(Kind::Counter, _) => {
                    "counter"
                }
                Series::Gauge(_) | Series::GaugeFrom(_) | Series::Collected(Kind::Gauge, _) => "gauge",
                Series::Histogram(_) | Series::Collected(Kind::Histogram, _) => "histogram",
            };
            let before = text.len();
            let help = help.replace('\\', "\\\\").replace('\n', "\\n");
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            let head = text.len();
            let mut rows = Rows { text: &mut text, name };
            for (labels, series) in &series {
                match series {
                    Series::Counter(counter) => rows.line("", labels, None, counter.get()),
                    Series::Gauge(gauge) => rows.line("", labels, None, gauge.get()),
                    Series::Histogram(histogram) => {
                        let buckets =
                            std::array::from_fn(|at| histogram.0.buckets[at].load(Ordering::Relaxed));
                        let nanoseconds = histogram.0.nanoseconds.load(Ordering::Relaxed);
                        rows.lines(labels, &(buckets, nanoseconds));
                    }
                    Series::CounterFrom(read) | Series::GaugeFrom(read) => {
                        rows.line("", labels, None, read())
                    }
                    Series::Collected(_, write) => write(&mut rows),
                }
            }
            if text.len() == head {
                // Who keeps his series himself had none yet.
                text.truncate(before);
            }
        }
        text
    }
}

/// Where a metric that is kept elsewhere writes its series.
pub struct Rows<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Rows<'_> {
    /// A whole number.
    pub fn count(&mut self, labels: &[(&str, &str)], value: u64) {
        self.line("", &self::labels(labels), None, value);
    }

    /// Any number.
    pub fn number(&mut self, labels: &[(&str, &str)], value: f64) {
        self.line("", &self::labels(labels), None, value);
    }

    /// A histogram.
    pub fn histogram(&mut self, labels: &[(&str, &str)], observed: &Buckets) {
        self.lines(&self::labels(labels), observed);
    }

    fn lines(&mut self, labels: &str, (buckets, nanoseconds): &Buckets) {
        let mut total = 0;
        for (bucket, bound) in buckets.iter().zip(BOUNDS) {
            total += bucket;
            self.line("_bucket", labels, Some(bound), total);
        }
        self.line("_sum", labels, None, *nanoseconds as f64 / 1e9);
        self.line("_count", labels, None, total);
    }

    fn line(&mut self, suffix: &str, labels: &str, bound: Option<&str>, value: impl std::fmt::Display) {
        let text = &mut *self.text;
        text.push_str(self.name);
        text.push_str(suffix);
        if bound.is_some() || !labels.is_empty() {
            text.push('{');
            text.push_str(labels);
            if let Some(bound) = bound {
                text.push_str(if labels.is_empty() { "le=\"" } else { ",le=\"" });
                text.push_str(bound);
                text.push('"');
            }
            text.push('}');
        }
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, " {value}");
    }
}

/// Labels as they are shown.
pub(super) fn labels(labels: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (label, value) in labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(label);
        text.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                letter => text.push(letter),
            }
        }
        text.push('"');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn reads_as_the_format_says() {
        let metrics = Metrics::default();
        metrics.counter("b_total", "B.", &[("path", "a\"b\\c\nd")]).add(3);
        metrics.gauge("a", "A\nnote.", &[]).set(-4);
        metrics.histogram("c_seconds", "C.", &[("k", "v")]).observe(Duration::from_millis(1500));
        let text = metrics.to_text();
        assert!(text.starts_with("# HELP a A\\nnote.\n# TYPE a gauge\na -4\n# HELP b_total B.\n"), "{text}");
        assert!(text.contains("b_total{path=\"a\\\"b\\\\c\\nd\"} 3\n"), "{text}");
        assert!(
            text.contains("c_seconds_bucket{k=\"v\",le=\"1\"} 0\nc_seconds_bucket{k=\"v\",le=\"2.5\"} 1\n")
        );
        assert!(text.ends_with(
            "c_seconds_bucket{k=\"v\",le=\"+Inf\"} 1\nc_seconds_sum{k=\"v\"} 1.5\nc_seconds_count{k=\"v\"} 1\n"
        ));
    }

    #[test]
    fn bounds_are_written_as_they_are() {
        for (bound, text) in BUCKETS.iter().zip(BOUNDS) {
            assert_eq!(bound.to_string(), text);
        }
    }
}
