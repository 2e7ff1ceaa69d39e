//! The Prometheus text format, version 0.0.4.
//!
//! A scrape may find ten thousand lines, and who serves requests on the same CPU shall not wait for all of them: what
//! the lines of a histogram have in common is written once, and others have a turn now and then.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::{BUCKETS, Buckets, Kind, Labels, Metrics, Series};
use crate::scope::lock;

/// [`BUCKETS`] as text, up to the number.
const BOUNDS: [&str; BUCKETS.len() + 1] = [
    "0.0005\"} ",
    "0.001\"} ",
    "0.0025\"} ",
    "0.005\"} ",
    "0.01\"} ",
    "0.025\"} ",
    "0.05\"} ",
    "0.1\"} ",
    "0.25\"} ",
    "0.5\"} ",
    "1\"} ",
    "2.5\"} ",
    "5\"} ",
    "10\"} ",
    "+Inf\"} ",
];

/// Lines between two turns of others: about a tenth of a millisecond.
const TURN: usize = 512;

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
            let mut rows = Rows { text: &mut text, name, start: String::new(), until_turn: TURN };
            for (labels, series) in &series {
                match series {
                    Series::Counter(counter) => rows.whole(labels, counter.get()),
                    Series::Gauge(gauge) => rows.shown(labels, gauge.get()),
                    Series::Histogram(histogram) => {
                        let buckets =
                            std::array::from_fn(|at| histogram.0.buckets[at].load(Ordering::Relaxed));
                        let nanoseconds = histogram.0.nanoseconds.load(Ordering::Relaxed);
                        rows.lines(labels, &(buckets, nanoseconds));
                    }
                    Series::CounterFrom(read) | Series::GaugeFrom(read) => rows.whole(labels, read()),
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
    /// What the lines of a histogram begin with.
    start: String,
    /// Lines until others have a turn.
    until_turn: usize,
}

impl Rows<'_> {
    /// A whole number.
    pub fn count(&mut self, labels: &[(&str, &str)], value: u64) {
        self.whole(&self::labels(labels), value);
    }

    /// Any number.
    pub fn number(&mut self, labels: &[(&str, &str)], value: f64) {
        self.shown(&self::labels(labels), value);
    }

    /// A histogram.
    pub fn histogram(&mut self, labels: &[(&str, &str)], observed: &Buckets) {
        self.lines(&self::labels(labels), observed);
    }

    fn lines(&mut self, labels: &str, (buckets, nanoseconds): &Buckets) {
        self.start.clear();
        let comma = if labels.is_empty() { "" } else { "," };
        for part in [self.name, "_bucket{", labels, comma, "le=\""] {
            self.start.push_str(part);
        }
        let mut total = 0;
        for (bucket, bound) in buckets.iter().zip(BOUNDS) {
            total += bucket;
            self.text.push_str(&self.start);
            self.text.push_str(bound);
            self.end(total);
        }
        self.begin("_sum", labels);
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.text, "{}", *nanoseconds as f64 / 1e9);
        self.begin("_count", labels);
        self.end(total);
    }

    fn whole(&mut self, labels: &str, value: u64) {
        self.begin("", labels);
        self.end(value);
    }

    fn shown(&mut self, labels: &str, value: impl std::fmt::Display) {
        self.begin("", labels);
        // As above.
        let _infallible = writeln!(self.text, "{value}");
        self.take_turns();
    }

    /// A line up to its number.
    fn begin(&mut self, suffix: &str, labels: &str) {
        let (open, close) = if labels.is_empty() { ("", " ") } else { ("{", "} ") };
        for part in [self.name, suffix, open, labels, close] {
            self.text.push_str(part);
        }
    }

    /// The number at the end of a line.
    fn end(&mut self, mut value: u64) {
        let mut digits = *b"00000000000000000000\n";
        let mut at = digits.len() - 1;
        loop {
            at -= 1;
            // The remainder is below ten.
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        // Digits are ASCII.
        self.text.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
        self.take_turns();
    }

    /// Lets those run who wait for this CPU, now and then: the kernel takes milliseconds until it does so by itself.
    fn take_turns(&mut self) {
        self.until_turn -= 1;
        if self.until_turn == 0 {
            self.until_turn = TURN;
            std::thread::yield_now();
        }
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
        for part in value.split_inclusive(['\\', '"', '\n']) {
            let (plain, escaped) = match part.as_bytes().last() {
                Some(b'\\') => (&part[..part.len() - 1], "\\\\"),
                Some(b'"') => (&part[..part.len() - 1], "\\\""),
                Some(b'\n') => (&part[..part.len() - 1], "\\n"),
                _ => (part, ""),
            };
            text.push_str(plain);
            text.push_str(escaped);
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
    fn numbers_are_written_whole() {
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let metrics = Metrics::default();
            metrics.counter_from("a_total", "A.", &[], move || number);
            assert!(metrics.to_text().ends_with(&format!("\na_total {number}\n")), "{}", metrics.to_text());
        }
    }

    #[test]
    fn bounds_are_written_as_they_are() {
        for (bound, text) in BUCKETS.iter().zip(BOUNDS) {
            assert_eq!(format!("{bound}\"}} "), text);
        }
    }
}
