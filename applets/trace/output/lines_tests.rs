//! The JSON shapes, line by line.

use super::*;
use crate::diag::{SourceMap, Span};
use crate::output::testing::{Fake, PER_CPU, padded, printf_event, script_map, words};
use crate::output::{Format, hist};
use crate::plan::KernelMap;
use crate::ty::{Fold, Tuple};

fn compat(say: impl FnOnce(&mut BpftraceJson<'_>)) -> String {
    let mut bytes = Vec::new();
    let mut out = BpftraceJson::new(Sink::new(&mut bytes, false));
    say(&mut out);
    out.flush().unwrap();
    drop(out);
    checked(bytes)
}

fn own(say: impl FnOnce(&mut OwnJson<'_>)) -> String {
    let mut bytes = Vec::new();
    let mut out = OwnJson::new(Sink::new(&mut bytes, false));
    say(&mut out);
    out.flush().unwrap();
    drop(out);
    checked(bytes)
}

/// Each line must be JSON.
fn checked(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap();
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
    text
}

fn both(dump: &mut MapDump<'_>) -> (String, String) {
    let view = View::default();
    (compat(|out| out.map(dump, view, &Fake).unwrap()), own(|out| out.map(dump, view, &Fake).unwrap()))
}

#[test]
fn maps() {
    let key = Ty::Tuple(Tuple::of([Ty::Str(8), Ty::U64]).into());
    let map = script_map("complex", Some(key), Ty::I64);
    let mut dump = MapDump::new(&map, KernelMap::Hash);
    dump.push(&[padded("bpf", 8), words(&[2])].concat(), &words(&[5]));
    let (theirs, ours) = both(&mut dump);
    assert_eq!(theirs, "{\"type\": \"map\", \"data\": {\"@complex\": {\"bpf,2\": 5}}}\n");
    assert_eq!(
        ours,
        "{\"schema\":\"edgekit.trace.map/1\",\"map\":\"@complex\",\"kind\":\"map\",\
         \"entries\":[{\"key\":[\"bpf\",2],\"value\":5}]}\n"
    );

    let map = script_map("scalar", None, Ty::I64);
    let mut dump = MapDump::new(&map, KernelMap::Array);
    assert_eq!(both(&mut dump).0, "");
    dump.push(&[0; 4], &words(&[5]));
    let (theirs, ours) = both(&mut dump);
    assert_eq!(theirs, "{\"type\": \"map\", \"data\": {\"@scalar\": 5}}\n");
    assert!(ours.ends_with("\"kind\":\"map\",\"value\":5}\n"), "{ours}");
}

#[test]
fn stats_and_histograms() {
    let map = script_map("stats", Some(Ty::Str(8)), Ty::Agg(Agg::Stats { signed: true }));
    let mut dump = MapDump::new(&map, PER_CPU);
    dump.push(&padded("zsh", 8), &words(&[12, 2]));
    let theirs = "{\"type\": \"stats\", \"data\": {\"@stats\": {\"zsh\": {\"count\": 2, \"average\": 6, \"total\": 12}}}}\n";
    assert_eq!(both(&mut dump).0, theirs);

    let map = script_map("hist", None, Ty::Agg(Agg::Hist { bits: 0 }));
    let mut dump = MapDump::new(&map, KernelMap::PerCpuArray);
    for (value, count) in [(-1, 1), (0, 0), (3, 2)] {
        dump.push(&hist::bucket_signed(value, 0).to_ne_bytes(), &words(&[count]));
    }
    let bars = "[{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 0, \"count\": 0},\
                {\"min\": 1, \"max\": 1, \"count\": 0},{\"min\": 2, \"max\": 3, \"count\": 2}]";
    let (theirs, ours) = both(&mut dump);
    assert_eq!(theirs, format!("{{\"type\": \"hist\", \"data\": {{\"@hist\": {bars}}}}}\n"));
    assert!(ours.contains(bars), "{ours}");
    let mut zeroed = MapDump::new(&map, KernelMap::PerCpuArray);
    zeroed.push(&[0; 4], &words(&[0]));
    assert_eq!(both(&mut zeroed).0, "{\"type\": \"hist\", \"data\": {\"@hist\": []}}\n");
}

#[test]
fn time_series() {
    let agg = Agg::TSeries { interval_ns: 100_000_000, buckets: 2, fold: Fold::Last, signed: false };
    let map = script_map("a", None, Ty::Agg(agg));
    let mut dump = MapDump::new(&map, KernelMap::PerCpuArray);
    dump.push(&[0; 4], &words(&[6, 9, 1, 1, 7, 8, 1, 1]));
    let (theirs, ours) = both(&mut dump);
    assert_eq!(
        theirs,
        "{\"type\": \"tseries\", \"data\": {\"@a\": \
         [{\"interval_start\":\"1970-01-01 00:00:00.500000000\",\"value\":9},\
         {\"interval_start\":\"1970-01-01 00:00:00.600000000\",\"value\":8}]}}\n"
    );
    assert!(ours.contains("\"value\":[{\"start_ns\":500000000,\"value\":9}"), "{ours}");
}

#[test]
fn events() {
    let text = "test %d \"%s\"\n";
    let event = printf_event(text, vec![Ty::I64, Ty::Str(8)]);
    let format = CompiledFormat::new(&Format::parse(text).unwrap(), &event);
    let record = [words(&[0, 5]), padded("a\\", 8)].concat();
    let theirs = compat(|out| {
        out.printf(&format, &record, &Fake).unwrap();
        out.value(Value::new(&Ty::I64, &words(&[5])), &Fake).unwrap();
        out.text(Origin::System, b"a b c\n").unwrap();
        out.attached(1).unwrap();
        out.lost(3).unwrap();
    });
    let expected = "{\"type\": \"printf\", \"data\": \"test 5 \\\"a\\\\\\\"\\n\"}\n\
        {\"type\": \"value\", \"data\": 5}\n\
        {\"type\": \"syscall\", \"data\": \"a b c\\n\"}\n\
        {\"type\": \"attached_probes\", \"count\": 1, \"data\": {\"probes\": 1}}\n\
        {\"type\": \"lost_events\", \"count\": 3, \"data\": {\"events\": 3}}\n";
    assert_eq!(theirs, expected);
    let ours = own(|out| {
        out.printf(&format, &record, &Fake).unwrap();
        out.value(Value::new(&Ty::U64, &words(&[u64::MAX])), &Fake).unwrap();
        out.text(Origin::Cat, b"\xff").unwrap();
        out.attached(1).unwrap();
        out.ledger(&[LossRow { probe: "end", cause: crate::plan::Loss::Stack, count: 2 }]).unwrap();
    });
    let expected = "{\"schema\":\"edgekit.trace.printf/1\",\"text\":\"test 5 \\\"a\\\\\\\"\\n\"}\n\
        {\"schema\":\"edgekit.trace.value/1\",\"value\":18446744073709551615}\n\
        {\"schema\":\"edgekit.trace.text/1\",\"from\":\"cat\",\"text\":\"\\\\xff\"}\n\
        {\"schema\":\"edgekit.trace.attached/1\",\"probes\":1}\n\
        {\"schema\":\"edgekit.trace.loss/1\",\"probe\":\"end\",\"cause\":\"stack\",\"count\":2}\n";
    assert_eq!(ours, expected);
}

#[test]
fn messages_name_their_place() {
    let mut sources = SourceMap::new();
    sources.add("stdin", "begin { errorf(\"x\"); }").unwrap();
    let place = Place { sources: &sources, span: Span::new(8, 19) };
    let failure = HelperFailure { helper: "probe_read_user", code: -14 };
    let theirs = compat(|out| {
        out.report(PrintLevel::Warn, place, b"hm").unwrap();
        out.helper_failed(failure, place).unwrap();
    });
    let expected = "{\"type\": \"warnf\", \"msg\": \"hm\", \"filename\": \"stdin\", \"line\": 1, \"col\": 9}\n\
        {\"type\": \"helper_error\", \"msg\": \"Bad address\", \"helper\": \"probe_read_user\", \
        \"retcode\": -14, \"filename\": \"stdin\", \"line\": 1, \"col\": 9}\n";
    assert_eq!(theirs, expected);
    let ours = own(|out| out.report(PrintLevel::Error, place, b"hm").unwrap());
    assert!(ours.contains("\"level\":\"error\",\"text\":\"hm\",\"file\":\"stdin\",\"line\":1,\"column\":9"));
}
