//! Time series: folding the rings of all CPUs, and the graph.
//!
//! A value in the map is a ring of buckets of [`TSERIES_BUCKET`] bytes, see `ty`: u64 interval number of the boot
//! clock + 1 (0 = never used), i64 value, u64 count, u64 time of the last update. The value is what `Fold` says so far: last,
//! min, max, sum; for `Avg` it is the sum, and the count divides it here.

use std::collections::BTreeMap;
use std::collections::btree_map;

use super::number::push_padded;
use super::value::{Resolver, u64_at};
use crate::ty::{Clock, Fold, TSERIES_BUCKET};

/// The clock that intervals are counted on.
const CLOCK: Clock = Clock::Boot;
const WIDTH: usize = 53;
/// Columns of the lesser label above and below the graph.
const LEFT_LABEL: usize = 21;

/// One key's values by interval number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    values: BTreeMap<u64, i128>,
    signed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    value: i128,
    count: u64,
    updated: u64,
}

pub(super) fn fold<'v>(cpus: impl Iterator<Item = &'v [u8]>, fold: Fold, signed: bool) -> Series {
    let mut buckets: BTreeMap<u64, Bucket> = BTreeMap::new();
    for bytes in cpus.flat_map(|cpu| cpu.chunks_exact(TSERIES_BUCKET as usize)) {
        let Some(interval) = u64_at(bytes, 0).checked_sub(1) else { continue };
        let bits = u64_at(bytes, 8);
        let value = if signed { i128::from(bits as i64) } else { i128::from(bits) };
        let new = Bucket { value, count: u64_at(bytes, 16), updated: u64_at(bytes, 24) };
        match buckets.entry(interval) {
            btree_map::Entry::Vacant(place) => {
                place.insert(new);
            }
            btree_map::Entry::Occupied(mut place) => {
                let old = *place.get();
                let value = match fold {
                    Fold::Last if new.updated >= old.updated => new.value,
                    Fold::Last => old.value,
                    Fold::Min => old.value.min(new.value),
                    Fold::Max => old.value.max(new.value),
                    Fold::Avg | Fold::Sum => old.value + new.value,
                };
                let count = old.count.saturating_add(new.count);
                place.insert(Bucket { value, count, updated: old.updated.max(new.updated) });
            }
        }
    }
    let result = |bucket: Bucket| match fold {
        Fold::Avg => bucket.value / i128::from(bucket.count.max(1)),
        _ => bucket.value,
    };
    Series { values: buckets.into_iter().map(|(at, bucket)| (at, result(bucket))).collect(), signed }
}

impl Series {
    pub fn last(&self) -> Option<u64> {
        self.values.last_key_value().map(|(interval, _)| *interval)
    }

    /// Intervals from this series' first to `last`, at most `most` of them; `None` where nothing was recorded.
    pub fn points(&self, last: u64, most: u32) -> impl Iterator<Item = (u64, Option<i128>)> {
        let window = (last + 1).saturating_sub(most.into());
        let first = self.values.range(window..=last).next().map(|(interval, _)| *interval);
        let intervals = first.into_iter().flat_map(move |first| first..=last);
        intervals.map(|interval| (interval, self.values.get(&interval).copied()))
    }

    /// Points that hold a value, with the start of their interval in wall-clock nanoseconds.
    pub fn recorded(
        &self,
        last: u64,
        most: u32,
        interval_ns: u64,
        resolver: &dyn Resolver,
    ) -> impl Iterator<Item = (i128, i128)> {
        let start = move |interval: u64| resolver.wall_ns(CLOCK, interval.saturating_mul(interval_ns));
        self.points(last, most).filter_map(move |(interval, value)| Some((start(interval), value?)))
    }

    /// The graph, without a heading.
    pub fn write_graph(
        &self,
        last: u64,
        most: u32,
        interval_ns: u64,
        out: &mut Vec<u8>,
        resolver: &dyn Resolver,
    ) {
        let values = || self.points(last, most).filter_map(|(_, value)| value);
        let (Some(mut min), Some(mut max)) = (values().min(), values().max()) else {
            return out.extend_from_slice(b"<no data>");
        };
        if min == max {
            // Some room on both sides, within what the type can hold.
            min = (min - 1).max(if self.signed { i64::MIN.into() } else { 0 });
            max = (max + 1).min(if self.signed { i64::MAX.into() } else { u64::MAX.into() });
        }
        let unit = Unit::of(interval_ns);
        let margin = "hh:mm:ss".len() + 1 + unit.digits + usize::from(unit.digits > 0);
        let labels = |out: &mut Vec<u8>| {
            let (min, max) = (min.to_string(), max.to_string());
            let text = format!("{:margin$}{min:<LEFT_LABEL$}{max:>right$}\n", "", right = WIDTH - LEFT_LABEL);
            out.extend_from_slice(text.as_bytes());
        };
        labels(out);
        let clock = format!("hh:mm:ss{}", unit.label);
        let line = "_".repeat(WIDTH - 2);
        out.extend_from_slice(format!("{clock:<margin$}|{line}|\n").as_bytes());
        let share = |value: i128, width: usize| {
            let share = width as f32 * ((value - min) as f32 / (max - min) as f32);
            (share as usize).min(WIDTH - 1)
        };
        for (interval, value) in self.points(last, most) {
            let ns = interval.saturating_mul(interval_ns);
            resolver.time(CLOCK, ns, "%H:%M:%S", out);
            if unit.digits > 0 {
                let wall = resolver.wall_ns(CLOCK, ns).rem_euclid(1_000_000_000) as u64;
                out.push(b'.');
                push_padded(out, wall / 10u64.pow(9 - unit.digits as u32), unit.digits);
            }
            let mut row = [b' '; WIDTH];
            (row[0], row[WIDTH - 1]) = (b'|', b'|');
            if min < 0 && max > 0 {
                row[share(0, WIDTH)] = b'.';
            }
            if let Some(value) = value {
                row[share(value, WIDTH - 1)] = b'*';
            }
            out.push(b' ');
            out.extend_from_slice(&row);
            match value {
                Some(value) => out.extend_from_slice(format!(" {value}\n").as_bytes()),
                None => out.extend_from_slice(b" -\n"),
            }
        }
        out.extend_from_slice(format!("{:margin$}v{line}v\n", "").as_bytes());
        labels(out);
    }
}

/// The finest part of a second that an interval makes worth showing.
struct Unit {
    label: &'static str,
    digits: usize,
}

impl Unit {
    fn of(interval_ns: u64) -> Unit {
        match interval_ns {
            1_000_000_000.. => Unit { label: "", digits: 0 },
            1_000_000.. => Unit { label: ".ms", digits: 3 },
            1_000.. => Unit { label: ".μs", digits: 6 },
            _ => Unit { label: ".ns", digits: 9 },
        }
    }
}
