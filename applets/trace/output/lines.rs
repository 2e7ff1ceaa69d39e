//! JSON, one object a line, for programs: bpftrace's shapes (`-f json`) and our own (`--json`).
//!
//! # Ours
//! Every object begins with `"schema":"edgekit.trace.THING/1"`. Numbers have all their digits; keys keep their
//! types, a tuple being an array.
//!
//! | thing | further members |
//! |---|---|
//! | `printf` | `text` |
//! | `value` | `value` |
//! | `map` | `map`, `kind` (`map`, `stats`, `hist`, `tseries`); a scalar map `value`, others `entries`: `[{"key","value"}]` |
//! | `text` | `from` (`time`, `cat`, `join`, `system`), `text` |
//! | `attached` | `probes` |
//! | `lost` | `events`: lost since the last such line |
//! | `loss` | `probe`, `cause` (`ring_full`, `map_full`, `stack`, `fault`), `count`: the ledger at the end |
//! | `message` | `level` (`warning`, `error`), `text`, `file`, `line`, `column` |
//! | `helper` | `helper`, `errno`, `text`, `file`, `line`, `column` |
//!
//! A `value` is a number, string, boolean, array (tuple, array) or object (struct, record, stats with `count`,
//! `average`, `total`); of a histogram an array of `{"min","max","count"}`, bounds included, an open one left out;
//! of a time series an array of `{"start_ns","value"}` in wall-clock nanoseconds.

use std::io;

use super::json::{Numbers, push_int, push_str, push_text};
use super::map::{Entry, Folded, MapDump, Shape, View, bars};
use super::time::{Zone, strftime};
use super::{
    CompiledFormat, HelperFailure, LossRow, Origin, Output, Place, Resolver, Sink, Value, loss_name,
};
use crate::symbols::errno;
use crate::tree::PrintLevel;
use crate::ty::{Agg, Ty};

/// `-f json`.
pub struct BpftraceJson<'w> {
    out: Sink<'w>,
}

/// `--json`.
pub struct OwnJson<'w> {
    out: Sink<'w>,
}

impl<'w> BpftraceJson<'w> {
    pub fn new(out: Sink<'w>) -> BpftraceJson<'w> {
        BpftraceJson { out }
    }

    /// `{"type": "WHAT", "data": …}`
    fn data(&mut self, what: &str, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let out = self.out.buffer();
        put(out, "{\"type\": \"");
        put(out, what);
        put(out, "\", \"data\": ");
        write(out);
        put(out, "}\n");
        self.out.settle()
    }

    /// A number twice, as these two messages have always had it.
    fn counted(&mut self, what: &str, unit: &str, count: u64) -> io::Result<()> {
        let line =
            format!("{{\"type\": \"{what}\", \"count\": {count}, \"data\": {{\"{unit}\": {count}}}}}\n");
        put(self.out.buffer(), &line);
        self.out.settle()
    }

    fn message(&mut self, what: &str, text: &[u8], more: &str, place: Place<'_>) -> io::Result<()> {
        let out = self.out.buffer();
        put(out, "{\"type\": \"");
        put(out, what);
        put(out, "\", \"msg\": ");
        push_str(out, text);
        put(out, more);
        if let Some(at) = place.sources.locate(place.span) {
            put(out, ", \"filename\": ");
            push_str(out, at.name.as_bytes());
            put(out, &format!(", \"line\": {}, \"col\": {}", at.line, at.column));
        }
        put(out, "}\n");
        self.out.settle()
    }
}

impl Output for BpftraceJson<'_> {
    fn printf(&mut self, format: &CompiledFormat, record: &[u8], resolver: &dyn Resolver) -> io::Result<()> {
        self.data("printf", |out| push_text(out, |out| format.write(record, out, resolver)))
    }

    fn report(&mut self, level: PrintLevel, place: Place<'_>, text: &[u8]) -> io::Result<()> {
        match level {
            PrintLevel::Out => self.data("printf", |out| push_str(out, text)),
            PrintLevel::Warn => self.message("warnf", text, "", place),
            PrintLevel::Error => self.message("errorf", text, "", place),
        }
    }

    fn value(&mut self, value: Value<'_>, resolver: &dyn Resolver) -> io::Result<()> {
        self.data("value", |out| value.write_json(out, resolver, Numbers::Doubles))
    }

    fn map(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()> {
        dump.sort();
        let dump = &*dump;
        let entries = dump.entries(view);
        let Some(first) = entries.first() else { return Ok(()) };
        let writer = Folds { dump, view, style: Style::Bpftrace, resolver };
        self.data(shape_name(dump.shape()), |out| {
            put(out, "{");
            push_str(out, dump.name().as_bytes());
            put(out, ": ");
            if dump.is_scalar() {
                writer.write(first, out);
            } else {
                separated(out, "{", ", ", "}", entries, |out, entry| {
                    if let Some(key) = dump.key(entry) {
                        key.write_json_key(out, resolver);
                    }
                    put(out, ": ");
                    writer.write(entry, out);
                });
            }
            put(out, "}");
        })
    }

    fn entry(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()> {
        let Some(entry) = dump.entries(View::default()).first() else { return Ok(()) };
        let writer = Folds { dump, view, style: Style::Bpftrace, resolver };
        self.data("value", |out| writer.write(entry, out))
    }

    fn text(&mut self, origin: Origin, text: &[u8]) -> io::Result<()> {
        let what = match origin {
            Origin::Time => "time",
            Origin::Cat => "cat",
            Origin::Join => "join",
            Origin::System => "syscall",
        };
        self.data(what, |out| push_str(out, text))
    }

    fn attached(&mut self, probes: usize) -> io::Result<()> {
        self.counted("attached_probes", "probes", probes as u64)
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.counted("lost_events", "events", events)
    }

    fn ledger(&mut self, rows: &[LossRow<'_>]) -> io::Result<()> {
        for row in rows {
            self.data("loss", |out| {
                put(out, "{\"probe\": ");
                push_str(out, row.probe.as_bytes());
                put(out, &format!(", \"cause\": \"{}\", \"count\": {}}}", loss_name(row.cause), row.count));
            })?;
        }
        Ok(())
    }

    fn helper_failed(&mut self, failure: HelperFailure<'_>, place: Place<'_>) -> io::Result<()> {
        let HelperFailure { helper, code } = failure;
        let text = errno::text(i64::from(code).unsigned_abs());
        let more = format!(", \"helper\": \"{helper}\", \"retcode\": {code}");
        self.message("helper_error", text.as_bytes(), &more, place)
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<'w> OwnJson<'w> {
    pub fn new(out: Sink<'w>) -> OwnJson<'w> {
        OwnJson { out }
    }

    fn line(&mut self, thing: &str, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let out = self.out.buffer();
        put(out, "{\"schema\":\"edgekit.trace.");
        put(out, thing);
        put(out, "/1\",");
        write(out);
        put(out, "}\n");
        self.out.settle()
    }
}

impl Output for OwnJson<'_> {
    fn printf(&mut self, format: &CompiledFormat, record: &[u8], resolver: &dyn Resolver) -> io::Result<()> {
        self.line("printf", |out| {
            put(out, "\"text\":");
            push_text(out, |out| format.write(record, out, resolver));
        })
    }

    fn report(&mut self, level: PrintLevel, place: Place<'_>, text: &[u8]) -> io::Result<()> {
        let level = match level {
            PrintLevel::Out => {
                return self.line("printf", |out| {
                    put(out, "\"text\":");
                    push_str(out, text);
                });
            }
            PrintLevel::Warn => "warning",
            PrintLevel::Error => "error",
        };
        self.line("message", |out| {
            put(out, &format!("\"level\":\"{level}\",\"text\":"));
            push_str(out, text);
            push_place(place, out);
        })
    }

    fn value(&mut self, value: Value<'_>, resolver: &dyn Resolver) -> io::Result<()> {
        self.line("value", |out| {
            put(out, "\"value\":");
            value.write_json(out, resolver, Numbers::Exact);
        })
    }

    fn map(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()> {
        dump.sort();
        let dump = &*dump;
        let entries = dump.entries(view);
        let Some(first) = entries.first() else { return Ok(()) };
        let writer = Folds { dump, view, style: Style::Own, resolver };
        self.line("map", |out| {
            put(out, "\"map\":");
            push_str(out, dump.name().as_bytes());
            put(out, &format!(",\"kind\":\"{}\",", shape_name(dump.shape())));
            if dump.is_scalar() {
                put(out, "\"value\":");
                return writer.write(first, out);
            }
            separated(out, "\"entries\":[", ",", "]", entries, |out, entry| {
                put(out, "{\"key\":");
                if let Some(key) = dump.key(entry) {
                    key.write_json(out, resolver, Numbers::Exact);
                }
                put(out, ",\"value\":");
                writer.write(entry, out);
                put(out, "}");
            });
        })
    }

    fn entry(&mut self, dump: &mut MapDump<'_>, view: View, resolver: &dyn Resolver) -> io::Result<()> {
        let Some(entry) = dump.entries(View::default()).first() else { return Ok(()) };
        let writer = Folds { dump, view, style: Style::Own, resolver };
        self.line("value", |out| {
            put(out, "\"value\":");
            writer.write(entry, out);
        })
    }

    fn text(&mut self, origin: Origin, text: &[u8]) -> io::Result<()> {
        let from = match origin {
            Origin::Time => "time",
            Origin::Cat => "cat",
            Origin::Join => "join",
            Origin::System => "system",
        };
        self.line("text", |out| {
            put(out, &format!("\"from\":\"{from}\",\"text\":"));
            push_str(out, text);
        })
    }

    fn attached(&mut self, probes: usize) -> io::Result<()> {
        self.line("attached", |out| put(out, &format!("\"probes\":{probes}")))
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.line("lost", |out| put(out, &format!("\"events\":{events}")))
    }

    fn ledger(&mut self, rows: &[LossRow<'_>]) -> io::Result<()> {
        for row in rows {
            self.line("loss", |out| {
                put(out, "\"probe\":");
                push_str(out, row.probe.as_bytes());
                put(out, &format!(",\"cause\":\"{}\",\"count\":{}", loss_name(row.cause), row.count));
            })?;
        }
        Ok(())
    }

    fn helper_failed(&mut self, failure: HelperFailure<'_>, place: Place<'_>) -> io::Result<()> {
        let errno = i64::from(failure.code).unsigned_abs();
        self.line("helper", |out| {
            put(out, &format!("\"helper\":\"{}\",\"errno\":{errno},\"text\":", failure.helper));
            push_str(out, errno::text(errno).as_bytes());
            push_place(place, out);
        })
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Bpftrace,
    Own,
}

/// Writes folded values of one map.
struct Folds<'a> {
    dump: &'a MapDump<'a>,
    view: View,
    style: Style,
    resolver: &'a dyn Resolver,
}

impl Folds<'_> {
    fn numbers(&self) -> Numbers {
        if self.style == Style::Own { Numbers::Exact } else { Numbers::Doubles }
    }

    fn write(&self, entry: &Entry, out: &mut Vec<u8>) {
        let numbers = self.numbers();
        let ty = self.dump.value_type();
        match (&entry.value, ty) {
            (Folded::Plain(bytes), Ty::Int(_)) if self.view.div > 1 => {
                push_int(out, super::map::plain_number(ty, bytes) / self.div(), numbers);
            }
            (Folded::Plain(bytes), _) => Value::new(ty, bytes).write_json(out, self.resolver, numbers),
            (Folded::Number(number), _) => push_int(out, number / self.div(), numbers),
            (Folded::Stats { count, total }, Ty::Agg(Agg::Stats { .. })) => {
                put(out, "{\"count\": ");
                push_int(out, (*count).into(), numbers);
                put(out, ", \"average\": ");
                push_int(out, entry.value.average() / self.div(), numbers);
                put(out, ", \"total\": ");
                push_int(out, *total, numbers);
                put(out, "}");
            }
            (Folded::Stats { .. }, _) => push_int(out, entry.value.average() / self.div(), numbers),
            (Folded::Buckets(counts), Ty::Agg(agg)) => {
                separated(out, "[", ",", "]", bars(agg, counts, self.view), |out, bar| {
                    put(out, "{");
                    if let Some(lo) = bar.bounds.lo {
                        put(out, "\"min\": ");
                        push_int(out, lo, numbers);
                        put(out, ", ");
                    }
                    if let Some(hi) = bar.bounds.hi {
                        put(out, "\"max\": ");
                        push_int(out, hi - 1, numbers);
                        put(out, ", ");
                    }
                    put(out, &format!("\"count\": {}}}", bar.count));
                });
            }
            (Folded::Series(series), Ty::Agg(Agg::TSeries { interval_ns, buckets, .. })) => {
                let last = self.dump.last_interval().unwrap_or(0);
                let points = series.recorded(last, *buckets, *interval_ns, self.resolver);
                separated(out, "[", ",", "]", points, |out, (start, value)| match self.style {
                    Style::Bpftrace => {
                        put(out, "{\"interval_start\":\"");
                        strftime("%F %T.%k", start, &Zone::utc(), out);
                        put(out, &format!("\",\"value\":{value}}}"));
                    }
                    Style::Own => put(out, &format!("{{\"start_ns\":{start},\"value\":{value}}}")),
                });
            }
            _ => put(out, "null"),
        }
    }

    fn div(&self) -> i128 {
        self.view.div.max(1).into()
    }
}

fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Map => "map",
        Shape::Stats => "stats",
        Shape::Hist => "hist",
        Shape::TSeries => "tseries",
    }
}

fn push_place(place: Place<'_>, out: &mut Vec<u8>) {
    if let Some(at) = place.sources.locate(place.span) {
        put(out, ",\"file\":");
        push_str(out, at.name.as_bytes());
        put(out, &format!(",\"line\":{},\"column\":{}", at.line, at.column));
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn separated<T>(
    out: &mut Vec<u8>,
    open: &str,
    between: &str,
    close: &str,
    parts: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    put(out, open);
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            put(out, between);
        }
        write(out, part);
    }
    put(out, close);
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
