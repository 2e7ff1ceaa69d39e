//! Text for people: bpftrace's shapes. Data on the output, messages on the error output.

use std::io;

use super::hist::Bounds;
use super::map::{Bar, Entry, Folded, MapDump, Shape, View, bars, plain_number};
use super::number::push_i64;
use super::{
    CompiledFormat, HelperFailure, LossRow, Origin, Output, Place, Resolver, Sink, Value, loss_words,
};
use crate::diag::{Diagnostic, Location, Severity, render};
use crate::symbols::errno;
use crate::tree::PrintLevel;
use crate::ty::{Agg, Ty};

/// Columns of a full bar.
const BAR: usize = 52;

pub struct Text<'w> {
    out: Sink<'w>,
    errors: Sink<'w>,
    color: bool,
}

impl<'w> Text<'w> {
    /// `color` is for messages.
    pub fn new(out: Sink<'w>, errors: Sink<'w>, color: bool) -> Text<'w> {
        Text { out, errors, color }
    }

    /// Writes a message at once, behind the data that came before it.
    fn say(&mut self, message: &[u8]) -> io::Result<()> {
        self.out.flush()?;
        self.errors.buffer().extend_from_slice(message);
        self.errors.flush()
    }
}

impl Output for Text<'_> {
    #[inline]
    fn printf(&mut self, format: &CompiledFormat, record: &[u8], resolver: &dyn Resolver) -> io::Result<()> {
        format.write(record, self.out.buffer(), resolver);
        self.out.settle()
    }

    fn report(&mut self, level: PrintLevel, place: Place<'_>, text: &[u8]) -> io::Result<()> {
        let severity = match level {
            PrintLevel::Out => {
                self.out.buffer().extend_from_slice(text);
                return self.out.settle();
            }
            PrintLevel::Warn => Severity::Warning,
            PrintLevel::Error => Severity::Error,
        };
        let text = String::from_utf8_lossy(text.strip_suffix(b"\n").unwrap_or(text)).into_owned();
        let message = report_text(severity, place, &text, self.color);
        self.say(message.as_bytes())
    }

    fn value(&mut self, value: Value<'_>, resolver: &dyn Resolver) -> io::Result<()> {
        let out = self.out.buffer();
        value.write_text(out, resolver);
        out.push(b'\n');
        self.out.settle()
    }

    fn map(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()> {
        write_map(dump, view, self.out.buffer(), resolver);
        self.out.settle()
    }

    fn entry(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()> {
        let last = dump.last_interval();
        let ty = dump.value_type();
        if let Some(entry) = dump.entries(View::default()).first() {
            let out = self.out.buffer();
            write_folded(ty, entry, view, last, out, resolver);
            out.push(b'\n');
        }
        self.out.settle()
    }

    fn text(&mut self, origin: Origin, text: &[u8]) -> io::Result<()> {
        let out = self.out.buffer();
        out.extend_from_slice(text);
        if matches!(origin, Origin::Join | Origin::System) {
            out.push(b'\n');
        }
        self.out.settle()
    }

    fn attached(&mut self, probes: usize) -> io::Result<()> {
        self.say(format!("Attached {probes} probe{}\n", if probes == 1 { "" } else { "s" }).as_bytes())
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.say(format!("Lost {events} events\n").as_bytes())
    }

    fn ledger(&mut self, rows: &[LossRow<'_>]) -> io::Result<()> {
        let mut message = String::new();
        for LossRow { probe, cause, count } in rows {
            message.push_str(&format!("WARNING: {probe}: {count} {}\n", loss_words(*cause, *count)));
        }
        if message.is_empty() { Ok(()) } else { self.say(message.as_bytes()) }
    }

    fn helper_failed(&mut self, failure: HelperFailure<'_>, place: Place<'_>) -> io::Result<()> {
        let HelperFailure { helper, code } = failure;
        let what = match (helper, code) {
            ("map_update_elem", errno::MINUS_E2BIG) => {
                "Map full; can't update element. Try increasing max_map_keys config or manually setting the \
                 max entries in a map declaration e.g. `let @a = hash(5000)`"
                    .to_owned()
            }
            ("map_delete_elem", errno::MINUS_ENOENT) => {
                "Can't delete map element because it does not exist.".to_owned()
            }
            ("map_lookup_elem", _) => "Can't lookup map element because it does not exist.".to_owned(),
            _ => errno::text(i64::from(code).unsigned_abs()),
        };
        let text = format!("{what}\nAdditional Info - helper: {helper}, retcode: {code}");
        let message = render(&Diagnostic::warning(place.span, text), place.sources, self.color);
        self.say(message.as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.buffer().extend_from_slice(b"\n\n");
        self.out.settle()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.errors.flush()?;
        self.out.flush()
    }
}

/// The message with its place but no excerpt, which would only show the call of errorf itself; then the macro
/// calls it came through.
fn report_text(severity: Severity, place: Place<'_>, text: &str, color: bool) -> String {
    let Place { sources, span } = place;
    let (label, on) = match severity {
        Severity::Error => ("ERROR", "\x1b[31m"),
        Severity::Warning => ("WARNING", "\x1b[33m"),
    };
    let (on, off) = if color { (on, "\x1b[0m") } else { ("", "") };
    let mut message = match sources.locate(span) {
        Some(Location { name, line, column, end_line, end_column }) if line == end_line => {
            format!("{on}{name}:{line}:{column}-{end_column}: {label}: {text}{off}\n")
        }
        Some(at) => format!("{on}{}:{}-{}: {label}: {text}{off}\n", at.name, at.line, at.end_line),
        None => format!("{on}{label}: {text}{off}\n"),
    };
    if let Some((_, call)) = sources.expansion_chain(span).next() {
        let note = Diagnostic { severity, ..Diagnostic::error(call, "expanded from") };
        message.push_str(&render(&note, sources, color));
    }
    message
}

/// A whole map: `@x[key]: value` lines, or a block a key.
fn write_map(dump: &mut MapDump<'_>, view: View, out: &mut Vec<u8>, resolver: &dyn Resolver) {
    let name = dump.name();
    let ty = dump.value_type();
    let last = dump.last_interval();
    let blocks = matches!(dump.shape(), Shape::Hist | Shape::TSeries);
    dump.sort();
    for entry in dump.entries(view) {
        out.extend_from_slice(name.as_bytes());
        if let Some(key) = dump.key(entry) {
            out.push(b'[');
            key.write_key(out, resolver);
            out.push(b']');
        }
        out.extend_from_slice(if blocks { b":\n" } else { b": " });
        write_folded(ty, entry, view, last, out, resolver);
        out.push(b'\n');
    }
}

fn write_folded(
    ty: &Ty,
    entry: &Entry,
    view: View,
    last: Option<u64>,
    out: &mut Vec<u8>,
    resolver: &dyn Resolver,
) {
    let div = i128::from(view.div.max(1));
    match (&entry.value, ty) {
        (Folded::Plain(bytes), Ty::Int(_)) if div > 1 => push_number(plain_number(ty, bytes) / div, out),
        (Folded::Plain(bytes), _) => Value::new(ty, bytes).write_text(out, resolver),
        (Folded::Number(number), _) => push_number(number / div, out),
        (Folded::Stats { count, total }, Ty::Agg(Agg::Stats { .. })) => {
            let average = entry.value.average() / div;
            let text = format!("{{ .count = {count}, .average = {average}, .total = {total} }}");
            out.extend_from_slice(text.as_bytes());
        }
        (Folded::Stats { .. }, _) => push_number(entry.value.average() / div, out),
        (Folded::Buckets(counts), Ty::Agg(agg)) => {
            for bar in bar_lines(agg, &bars(agg, counts, view)) {
                out.extend_from_slice(bar.as_bytes());
            }
        }
        (Folded::Series(series), Ty::Agg(Agg::TSeries { interval_ns, buckets, .. })) => {
            series.write_graph(last.unwrap_or(0), *buckets, *interval_ns, out, resolver);
        }
        _ => {}
    }
}

fn push_number(value: i128, out: &mut Vec<u8>) {
    match i64::try_from(value) {
        Ok(value) => push_i64(out, value),
        Err(_) => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

fn bar_lines(agg: &Agg, bars: &[Bar]) -> impl Iterator<Item = String> {
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    bars.iter().map(move |bar| {
        let width = (bar.count as f32 / most as f32 * BAR as f32) as usize;
        let bounds = bounds_label(agg, bar.bounds);
        let at = "@".repeat(width.min(BAR));
        format!("{bounds:<16}{count:>8} |{at:<BAR$}|\n", count = bar.count)
    })
}

fn bounds_label(agg: &Agg, bounds: Bounds) -> String {
    let label = |value: i128| match *agg {
        Agg::Hist { bits } => power_label(value, bits),
        Agg::LHist { step, .. } => linear_label(value, step),
        _ => value.to_string(),
    };
    match (bounds.lo, bounds.hi) {
        (None, None) => "(..., ...)".to_owned(),
        (None, Some(hi)) => format!("(..., {})", label(hi)),
        (Some(lo), None) => format!("[{}, ...)", label(lo)),
        (Some(lo), Some(hi)) if lo + 1 == hi => format!("[{}]", label(lo)),
        (Some(lo), Some(hi)) => format!("[{}, {})", label(lo), label(hi)),
    }
}

/// A bound of a power-of-two histogram: the suffix follows the size of the bucket, so that all bounds of one
/// power are written alike.
fn power_label(value: i128, bits: u32) -> String {
    let power = if value > 0 { value.ilog2().saturating_sub(bits) } else { 0 };
    let thousands = power / 10;
    match "KMGTPE".chars().nth((thousands as usize).wrapping_sub(1)) {
        Some(suffix) => format!("{}{suffix}", value >> (10 * thousands)),
        None => value.to_string(),
    }
}

/// A bound of a linear histogram: suffixes only where the step makes every bound a multiple of 1024.
fn linear_label(value: i128, step: i64) -> String {
    const K: i128 = 1 << 10;
    const M: i128 = 1 << 20;
    match value {
        _ if i128::from(step) % K != 0 || value == 0 => value.to_string(),
        _ if value % M == 0 => format!("{}M", value / M),
        _ if value % K == 0 => format!("{}K", value / K),
        _ => value.to_string(),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
