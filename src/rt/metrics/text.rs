//! The Prometheus text format, version 0.0.4.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::{BUCKETS, Buckets, Labels, Metrics, Series};
use crate::scope::lock;

impl Metrics {
    /// Every series there is, in order of name and labels.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, family) in lock(&self.families).iter() {
            let kind = match family.model {
                Series::Counter(_) | Series::CounterFrom(_) => "counter",
                Series::Gauge(_) | Series::GaugeFrom(_) => "gauge",
                Series::Histogram(_) | Series::HistogramFrom(_) => "histogram",
            };
            let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            for (labels, series) in &family.series {
                match series {
                    Series::Counter(counter) => line(&mut text, name, "", labels, None, counter.get()),
                    Series::Gauge(gauge) => line(&mut text, name, "", labels, None, gauge.get()),
                    Series::Histogram(histogram) => {
                        let buckets =
                            std::array::from_fn(|at| histogram.0.buckets[at].load(Ordering::Relaxed));
                        let nanoseconds = histogram.0.nanoseconds.load(Ordering::Relaxed);
                        lines(&mut text, name, labels, (buckets, nanoseconds));
                    }
                    Series::CounterFrom(read) | Series::GaugeFrom(read) => {
                        line(&mut text, name, "", labels, None, read());
                    }
                    Series::HistogramFrom(read) => lines(&mut text, name, labels, read()),
                }
            }
        }
        text
    }
}

fn lines(text: &mut String, name: &str, labels: &Labels, (buckets, nanoseconds): Buckets) {
    let mut total = 0;
    for (position, bucket) in buckets.into_iter().enumerate() {
        total += bucket;
        let bound = BUCKETS.get(position).map_or_else(|| "+Inf".to_owned(), f64::to_string);
        line(text, name, "_bucket", labels, Some(&bound), total);
    }
    let seconds = nanoseconds as f64 / 1e9;
    line(text, name, "_sum", labels, None, seconds);
    line(text, name, "_count", labels, None, total);
}

fn line(
    text: &mut String,
    name: &str,
    suffix: &str,
    labels: &Labels,
    bound: Option<&str>,
    value: impl std::fmt::Display,
) {
    let labels = labels.iter().map(|(label, value)| (*label, value.as_str()));
    let words: Vec<String> = labels
        .chain(bound.map(|bound| ("le", bound)))
        .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
        .collect();
    let braces = if words.is_empty() { String::new() } else { format!("{{{}}}", words.join(",")) };
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{name}{suffix}{braces} {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
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
}
