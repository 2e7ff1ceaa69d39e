//! Maps, histograms and values as a reader sees them.

use super::*;
use crate::diag::{SourceMap, Span};
use crate::output::testing::{Fake, PER_CPU, padded, script_map, words};
use crate::output::{hist, tseries};
use crate::plan::Loss;
use crate::plan::{KernelMap, ScriptMap};
use crate::ty::{Fold, TSERIES_BUCKET, Tuple};

/// What an output wrote: data, messages.
fn written(say: impl FnOnce(&mut Text<'_>)) -> (String, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let mut text = Text::new(Sink::new(&mut out, false), Sink::new(&mut errors, false), false);
    say(&mut text);
    text.flush().unwrap();
    drop(text);
    (String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap())
}

fn printed(dump: &mut MapDump<'_>, top: u64, div: u64) -> String {
    written(|text| text.map(dump, View { top, div }, &Fake).unwrap()).0
}

/// A map of strings whose values are words, one CPU.
fn by_name<'a>(map: &'a ScriptMap, kernel: KernelMap, entries: &[(&str, &[u64])]) -> MapDump<'a> {
    let mut dump = MapDump::new(map, kernel);
    for (key, value) in entries {
        dump.push(&padded(key, 8), &words(value));
    }
    dump
}

fn histogram<'a>(map: &'a ScriptMap, key: &[u8], counts: &[(u32, u64)]) -> MapDump<'a> {
    let mut dump = MapDump::new(map, PER_CPU);
    for (bucket, count) in counts {
        let mut kernel_key = key.to_vec();
        kernel_key.extend(bucket.to_ne_bytes());
        dump.push(&kernel_key, &words(&[*count]));
    }
    dump
}

#[test]
fn scalars_and_keys() {
    let map = script_map("x", None, Ty::I64);
    let mut dump = MapDump::new(&map, KernelMap::Array);
    assert_eq!(printed(&mut dump, 0, 0), "");
    dump.or_zero();
    assert_eq!(printed(&mut dump, 0, 0), "@x: 0\n");

    let key = Ty::Tuple(Tuple::of([Ty::U32, Ty::Str(4)]).into());
    let map = script_map("", Some(key), Ty::I64);
    let mut dump = MapDump::new(&map, KernelMap::Hash);
    dump.push(b"\x05\0\0\0ab\0\0", &words(&[7]));
    assert_eq!(printed(&mut dump, 0, 0), "@[5, ab]: 7\n");
}

#[test]
fn numbers_are_sorted_by_value_and_folded_over_cpus() {
    let map = script_map("n", Some(Ty::Str(8)), Ty::Agg(Agg::Count));
    let mut dump = by_name(&map, PER_CPU, &[("a", &[1, 4]), ("b", &[0, 2]), ("d", &[9, 0]), ("c", &[1, 1])]);
    assert_eq!(printed(&mut dump, 0, 0), "@n[b]: 2\n@n[c]: 2\n@n[a]: 5\n@n[d]: 9\n");
    assert_eq!(printed(&mut dump, 2, 0), "@n[a]: 5\n@n[d]: 9\n");
    assert_eq!(printed(&mut dump, 10, 2), "@n[b]: 1\n@n[c]: 1\n@n[a]: 2\n@n[d]: 4\n");

    let map = script_map("s", Some(Ty::Str(8)), Ty::Agg(Agg::Sum { signed: true }));
    let mut dump = by_name(&map, PER_CPU, &[("a", &[5, 0]), ("b", &[-7i64 as u64, 2])]);
    assert_eq!(printed(&mut dump, 0, 0), "@s[b]: -5\n@s[a]: 5\n");

    for (agg, expected) in [(Agg::Min { signed: true }, "-3"), (Agg::Max { signed: true }, "4")] {
        let map = script_map("m", Some(Ty::Str(8)), Ty::Agg(agg));
        // The middle CPU never saw a value: its zero does not count.
        let mut dump = by_name(&map, PER_CPU, &[("k", &[-3i64 as u64, 1, 0, 0, 4, 1])]);
        assert_eq!(printed(&mut dump, 0, 0), format!("@m[k]: {expected}\n"));
    }
}

#[test]
fn values_that_are_no_numbers_are_sorted_by_key() {
    let map = script_map("t", Some(Ty::I64), Ty::Str(8));
    let mut dump = MapDump::new(&map, KernelMap::Hash);
    for (key, value) in [(3i64, "x"), (-1, "z"), (2, "y")] {
        dump.push(&key.to_ne_bytes(), &padded(value, 8));
    }
    assert_eq!(printed(&mut dump, 0, 0), "@t[-1]: z\n@t[2]: y\n@t[3]: x\n");
}

#[test]
fn averages_and_stats() {
    let entries: [(&str, &[u64]); 4] = [("a", &[10, 1]), ("d", &[40, 1]), ("b", &[20, 1]), ("c", &[60, 2])];
    let map = script_map("", Some(Ty::Str(8)), Ty::Agg(Agg::Avg { signed: true }));
    let mut dump = by_name(&map, PER_CPU, &entries);
    assert_eq!(printed(&mut dump, 2, 10), "@[c]: 3\n@[d]: 4\n");

    let map = script_map("stats", None, Ty::Agg(Agg::Stats { signed: true }));
    let mut dump = MapDump::new(&map, KernelMap::PerCpuArray);
    dump.push(&[0; 4], &words(&[1, 1, 5, 2]));
    assert_eq!(printed(&mut dump, 0, 0), "@stats: { .count = 3, .average = 2, .total = 6 }\n");
    let mut empty = MapDump::new(&map, KernelMap::PerCpuArray);
    empty.or_zero();
    assert_eq!(printed(&mut empty, 0, 0), "@stats: { .count = 0, .average = 0, .total = 0 }\n");
}

#[test]
fn histograms_of_powers() {
    let map = script_map("", None, Ty::Agg(Agg::Hist { bits: 0 }));
    let bucket = |value| hist::bucket_signed(value, 0);
    let counts = [(bucket(-1), 1), (bucket(2), 2), (bucket(5), 1), (bucket(20), 1)];
    let full = "@".repeat(52);
    let expected = format!(
        "@:\n\
         (..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n\
         [0]                    0 |                                                    |\n\
         [1]                    0 |                                                    |\n\
         [2, 4)                 2 |{full}|\n\
         [4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n\
         [8, 16)                0 |                                                    |\n\
         [16, 32)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n\n"
    );
    assert_eq!(printed(&mut histogram(&map, &[], &counts), 0, 0), expected);
    assert_eq!(printed(&mut histogram(&map, &[], &[(3, 0)]), 0, 0), "@:\n\n");

    let keyed = script_map("h", Some(Ty::Str(8)), Ty::Agg(Agg::Hist { bits: 0 }));
    let mut dump = histogram(&keyed, &padded("k", 8), &[(12, 3)]);
    assert_eq!(printed(&mut dump, 0, 2), format!("@h[k]:\n[1K, 2K)               1 |{full}|\n\n"));
}

#[test]
fn labels_of_bounds() {
    let label =
        |value: u64, bits| bounds_label(&Agg::Hist { bits }, hist::bounds(hist::bucket(value, bits), bits));
    assert_eq!(label(512, 0), "[512, 1K)");
    assert_eq!(label(1 << 20, 0), "[1M, 2M)");
    assert_eq!(label(u64::MAX, 0), "[8E, 16E)");
    assert_eq!(label(1, 0), "[1]");
    assert_eq!(label(15, 3), "[15]");
    assert_eq!(label(16, 3), "[16, 18)");
    assert_eq!(label(1000, 3), "[960, 1024)");
    assert_eq!(label(8191, 3), "[7680, 8K)");
    assert_eq!(label(9000, 3), "[8K, 9K)");
    let linear = |value, min, max, step| {
        let bucket = hist::linear::bucket(value, min, max, step);
        bounds_label(&Agg::LHist { min, max, step }, hist::linear::bounds(bucket, min, max, step))
    };
    assert_eq!(linear(640_000, 610_000, 670_000, 10_000), "[640000, 650000)");
    assert_eq!(linear(1500, 0, 5120, 1024), "[1K, 2K)");
    assert_eq!(linear(0, 0, 5120, 1024), "[0, 1K)");
    assert_eq!(linear(-1, 0, 10, 2), "(..., 0)");
    assert_eq!(linear(100, 0, 100, 10), "[100, ...)");
    assert_eq!(linear(3, 0, 10, 1), "[3]");
}

#[test]
fn histograms_are_sorted_by_their_total() {
    let map = script_map("h", Some(Ty::U64), Ty::Agg(Agg::LHist { min: 0, max: 10, step: 5 }));
    let mut dump = MapDump::new(&map, PER_CPU);
    for (key, bucket, counts) in [(1u64, 1u32, [4, 5]), (2, 1, [1, 0]), (2, 2, [1, 0])] {
        dump.push(&[&key.to_ne_bytes()[..], &bucket.to_ne_bytes(), &[0; 4]].concat(), &words(&counts));
    }
    let text = printed(&mut dump, 0, 0);
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with('@')).collect();
    assert_eq!(heads, ["@h[2]:", "@h[1]:"]);
    assert!(printed(&mut dump, 1, 0).starts_with("@h[1]:\n[0, 5)                 9 |"));
}

/// Buckets of one CPU: (interval, value, count, last update).
fn ring(buckets: &[(u64, i64, u64, u64)]) -> Vec<u8> {
    let cells = buckets.iter().map(|(at, value, count, last)| [at + 1, *value as u64, *count, *last]);
    cells.flat_map(|cell| words(&cell)).collect()
}

#[test]
fn time_series() {
    let agg = Agg::TSeries { interval_ns: 100_000_000, buckets: 4, fold: Fold::Last, signed: true };
    let map = script_map("a", None, Ty::Agg(agg));
    let mut dump = MapDump::new(&map, KernelMap::PerCpuArray);
    // Two CPUs; interval 2 is too old, 6 is missing, 7 was last written by the second.
    let mut value = ring(&[(2, 99, 1, 1), (4, -2, 1, 1), (5, 0, 1, 1), (7, 1, 1, 5)]);
    value.extend(ring(&[(7, 2, 1, 9)]));
    value.resize(8 * TSERIES_BUCKET as usize, 0);
    dump.push(&[0; 4], &value);
    let line = "_".repeat(51);
    let expected = format!(
        "@a:\n             -2                                                  2\n\
         hh:mm:ss.ms  |{line}|\n\
         00:00:00.400 *                         .                         | -2\n\
         00:00:00.500 |                         *                         | 0\n\
         00:00:00.600 |                         .                         | -\n\
         00:00:00.700 |                         .                         * 2\n             \
         v{line}v\n             -2                                                  2\n\n"
    );
    assert_eq!(printed(&mut dump, 0, 0), expected);
}

#[test]
fn time_series_fold_over_cpus() {
    let cpus = [ring(&[(1, 4, 2, 1)]), ring(&[(1, 9, 1, 5)])];
    let value = |fold| {
        let series = tseries::fold(cpus.iter().map(Vec::as_slice), fold, true);
        series.points(1, 1).next().and_then(|(_, value)| value)
    };
    let folds = [Fold::Last, Fold::Min, Fold::Max, Fold::Sum, Fold::Avg];
    assert_eq!(folds.map(value), [9, 4, 9, 13, 4].map(Some));
    let none = tseries::fold([&[0; 64][..]].into_iter(), Fold::Last, true);
    let mut out = Vec::new();
    none.write_graph(0, 4, 1, &mut out, &Fake);
    assert_eq!(out, b"<no data>");
}

#[test]
fn one_entry_and_values() {
    let map = script_map("n", Some(Ty::Str(8)), Ty::Agg(Agg::Count));
    let mut dump = by_name(&map, PER_CPU, &[("a", &[1, 4]), ("b", &[0, 2])]);
    dump.keep(&padded("a", 8));
    let (out, _) = written(|text| {
        text.entry(&mut dump, View::default(), &Fake).unwrap();
        text.value(Value::new(&Ty::I64, &words(&[3])), &Fake).unwrap();
        text.text(Origin::Time, b"12:00").unwrap();
        text.text(Origin::Join, b"a b").unwrap();
    });
    assert_eq!(out, "5\n3\n12:00a b\n");
}

#[test]
fn messages() {
    let mut sources = SourceMap::new();
    sources.add("stdin", "begin { errorf(\"x\"); $a = @b[1]; }").unwrap();
    let place = Place { sources: &sources, span: Span::new(8, 19) };
    let (out, errors) = written(|text| {
        text.attached(1).unwrap();
        text.attached(3).unwrap();
        text.report(PrintLevel::Error, place, b"bad: 5\n").unwrap();
        let failure = HelperFailure { helper: "map_lookup_elem", code: 0 };
        text.helper_failed(failure, Place { span: Span::new(26, 31), ..place }).unwrap();
        text.lost(2).unwrap();
        let row = |cause, count| LossRow { probe: "interval:s:1", cause, count };
        text.ledger(&[row(Loss::MapFull, 4), row(Loss::Fault, 1)]).unwrap();
    });
    assert_eq!(out, "");
    let expected = "Attached 1 probe\nAttached 3 probes\n\
        stdin:1:9-20: ERROR: bad: 5\n\
        stdin:1:27-32: WARNING: Can't lookup map element because it does not exist.\n\
        Additional Info - helper: map_lookup_elem, retcode: 0\n\
        begin { errorf(\"x\"); $a = @b[1]; }\n                          ~~~~~\n\
        Lost 2 events\n\
        WARNING: interval:s:1: 4 updates of a full map\n\
        WARNING: interval:s:1: 1 read of memory failed\n";
    assert_eq!(errors, expected);
}
