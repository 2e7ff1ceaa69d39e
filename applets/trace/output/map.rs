//! A map read from the kernel: entries folded over the CPUs, sorted as bpftrace sorts them.
//!
//! `run` makes a [`MapDump`], pushes every entry of the kernel map as it came, then hands the dump to an
//! [`super::Output`]. Folding as entries come keeps one number a key instead of one a CPU. Layouts: `plan` says
//! how a script map lies in its kernel map, `ty` what a value is; the kernel gives a per-CPU value as one value
//! a CPU, each at a multiple of 8 bytes.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::hist::{self, Bounds};
use super::tseries::{self, Series};
use super::value::{Value, load, slice, str_bytes, u64_at};
use crate::plan::{KernelMap, ScriptMap};
use crate::ty::{Agg, Int, Ty};

/// What to show of a map: `print(@x, top, div)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct View {
    /// Only so many entries, the largest; 0 = all.
    pub top: u64,
    /// Divide the values; 0 = 1.
    pub div: u64,
}

/// A value folded over the CPUs.
#[derive(Clone, Debug, PartialEq)]
pub enum Folded {
    /// No aggregation: the value's bytes.
    Plain(Box<[u8]>),
    /// count, sum, min, max.
    Number(i128),
    /// avg and stats.
    Stats {
        count: u64,
        total: i128,
    },
    /// hist and lhist: counts by bucket number.
    Buckets(Vec<u64>),
    Series(Series),
}

#[derive(Clone, Debug)]
pub struct Entry {
    /// The key's bytes; of a scalar map the array index, to be ignored.
    pub key: Box<[u8]>,
    pub value: Folded,
}

/// The entries of one map.
#[derive(Debug)]
pub struct MapDump<'a> {
    map: &'a ScriptMap,
    per_cpu: bool,
    entries: Vec<Entry>,
    /// Place of a key's entry, of a histogram whose buckets come one by one.
    places: HashMap<Box<[u8]>, usize>,
}

/// Which record a map's JSON is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Map,
    Stats,
    Hist,
    TSeries,
}

impl<'a> MapDump<'a> {
    pub fn new(map: &'a ScriptMap, kernel: KernelMap) -> MapDump<'a> {
        use KernelMap::{LruPerCpuHash, PerCpuArray, PerCpuHash};
        let per_cpu = matches!(kernel, PerCpuHash | LruPerCpuHash | PerCpuArray);
        MapDump { map, per_cpu, entries: Vec::new(), places: HashMap::new() }
    }

    /// Takes one entry of the kernel map: its key and its value (of a per-CPU map: all of them) as the kernel
    /// gave them.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        if self.map.bucketed() {
            return self.push_bucket(key, value);
        }
        let key = key.into();
        let value = self.fold(value);
        self.entries.push(Entry { key, value });
    }

    fn push_bucket(&mut self, kernel_key: &[u8], value: &[u8]) {
        let (key, number) = match self.map.bucket_offset() {
            Some(at) => {
                let size = self.map.def.key.as_ref().map_or(0, Ty::size) as usize;
                (&kernel_key[..size.min(kernel_key.len())], load(kernel_key, at as usize, Int::U32))
            }
            None => (&[][..], load(kernel_key, 0, Int::U32)),
        };
        let place = match self.places.get(key) {
            Some(place) => *place,
            None => {
                let key: Box<[u8]> = key.into();
                self.places.insert(key.clone(), self.entries.len());
                self.entries.push(Entry { key, value: Folded::Buckets(vec![0; self.bucket_count()]) });
                self.entries.len() - 1
            }
        };
        let sum = self.cpus(value).fold(0u64, |sum, one| sum.wrapping_add(u64_at(one, 0)));
        if let Some(Entry { value: Folded::Buckets(counts), .. }) = self.entries.get_mut(place)
            && let Some(count) = counts.get_mut(number as usize)
        {
            *count = sum;
        }
    }

    fn bucket_count(&self) -> usize {
        match self.map.def.value {
            Ty::Agg(Agg::Hist { bits }) => hist::bucket_count(bits) as usize,
            Ty::Agg(Agg::LHist { min, max, step }) => hist::linear::count(min, max, step) as usize,
            _ => 0,
        }
    }

    /// One CPU's value after the other.
    fn cpus<'v>(&self, value: &'v [u8]) -> impl Iterator<Item = &'v [u8]> + use<'v> {
        let size = self.map.def.value.size() as usize;
        let stride = if self.per_cpu { size.next_multiple_of(8) } else { value.len() };
        value.chunks(stride.max(1))
    }

    fn fold(&self, value: &[u8]) -> Folded {
        let Ty::Agg(agg) = &self.map.def.value else {
            return Folded::Plain(self.cpus(value).next().unwrap_or(&[]).into());
        };
        let number = |one: &[u8], signed: bool| match signed {
            true => i128::from(u64_at(one, 0) as i64),
            false => i128::from(u64_at(one, 0)),
        };
        let set = |one: &&[u8]| u64_at(one, 8) != 0;
        match *agg {
            Agg::Count => Folded::Number(self.cpus(value).map(|one| number(one, false)).sum()),
            Agg::Sum { signed } => {
                let bits = self.cpus(value).fold(0u64, |sum, one| sum.wrapping_add(u64_at(one, 0)));
                Folded::Number(number(&bits.to_ne_bytes(), signed))
            }
            Agg::Min { signed } => {
                let least = self.cpus(value).filter(set).map(|one| number(one, signed)).min();
                Folded::Number(least.unwrap_or(0))
            }
            Agg::Max { signed } => {
                let most = self.cpus(value).filter(set).map(|one| number(one, signed)).max();
                Folded::Number(most.unwrap_or(0))
            }
            Agg::Avg { signed } | Agg::Stats { signed } => {
                let (mut count, mut total) = (0u64, 0u64);
                for one in self.cpus(value) {
                    total = total.wrapping_add(u64_at(one, 0));
                    count = count.wrapping_add(u64_at(one, 8));
                }
                Folded::Stats { count, total: number(&total.to_ne_bytes(), signed) }
            }
            Agg::TSeries { fold, signed, .. } => {
                Folded::Series(tseries::fold(self.cpus(value), fold, signed))
            }
            // Their entries go through `push_bucket`.
            Agg::Hist { .. } | Agg::LHist { .. } => Folded::Buckets(Vec::new()),
        }
    }

    /// Gives an empty scalar map its zero: what `print` shows of one that was never written.
    pub fn or_zero(&mut self) {
        if self.entries.is_empty() && self.is_scalar() && matches!(self.shape(), Shape::Map | Shape::Stats) {
            self.entries.push(Entry { key: Box::default(), value: self.fold(&[]) });
        }
    }

    /// Keeps only the entry of `key`: `print(@x[key])`.
    pub fn keep(&mut self, key: &[u8]) {
        self.entries.retain(|entry| *entry.key == *key);
        self.places.clear();
    }

    /// Keeps, of the entries that `view` shows, those that are wanted; each is asked for in printing order, with
    /// its place among how many.
    pub fn keep_shown(
        &mut self,
        view: View,
        mut wanted: impl FnMut(Option<Value<'_>>, &Folded, (usize, usize)) -> bool,
    ) {
        self.sort();
        let shown = self.entries(view).len();
        self.entries.drain(..self.entries.len() - shown);
        let key = self.map.def.key.as_ref();
        let mut place = 0;
        self.entries.retain(|entry| {
            place += 1;
            wanted(key.map(|ty| Value::new(ty, &entry.key)), &entry.value, (place, shown))
        });
    }

    /// With its `@`.
    pub fn name(&self) -> String {
        format!("@{}", self.map.def.name)
    }

    pub fn value_type(&self) -> &'a Ty {
        &self.map.def.value
    }

    pub fn is_scalar(&self) -> bool {
        self.map.def.key.is_none()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn shape(&self) -> Shape {
        match self.map.def.value {
            Ty::Agg(Agg::Avg { .. } | Agg::Stats { .. }) => Shape::Stats,
            Ty::Agg(Agg::Hist { .. } | Agg::LHist { .. }) => Shape::Hist,
            Ty::Agg(Agg::TSeries { .. }) => Shape::TSeries,
            _ => Shape::Map,
        }
    }

    /// The key of an entry, ready to print; `None` in a scalar map.
    pub fn key<'e>(&self, entry: &'e Entry) -> Option<Value<'e>>
    where
        'a: 'e,
    {
        self.map.def.key.as_ref().map(|ty| Value::new(ty, &entry.key))
    }

    /// Brings the entries into printing order: numbers by value, histograms by their total, the rest by key; of
    /// equals, the lesser key first.
    pub fn sort(&mut self) {
        let value_type = &self.map.def.value;
        let by_key = |a: &Entry, b: &Entry| match &self.map.def.key {
            Some(ty) => compare(ty, &a.key, &b.key),
            None => Ordering::Equal,
        };
        edgekit_core::sort::by(&mut self.entries, |a, b| {
            compare_values(value_type, &a.value, &b.value).then_with(|| by_key(a, b))
        });
        self.places.clear();
    }

    /// The entries that `view` asks for; `top` keeps the last ones, after [`Self::sort`] the largest.
    pub fn entries(&self, view: View) -> &[Entry] {
        let keep = match usize::try_from(view.top) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(_) if self.shape() == Shape::TSeries => usize::MAX,
            Ok(top) => top,
        };
        &self.entries[self.entries.len().saturating_sub(keep)..]
    }

    /// The last interval of all series, with which every graph of the map ends.
    pub fn last_interval(&self) -> Option<u64> {
        let last = |entry: &Entry| match &entry.value {
            Folded::Series(series) => series.last(),
            _ => None,
        };
        self.entries.iter().filter_map(last).max()
    }
}

/// Order of two keys of one type.
fn compare(ty: &Ty, a: &[u8], b: &[u8]) -> Ordering {
    match (ty, ty.as_int()) {
        (_, Some(int)) if int.signed => (load(a, 0, int) as i64).cmp(&(load(b, 0, int) as i64)),
        (_, Some(int)) => load(a, 0, int).cmp(&load(b, 0, int)),
        (Ty::Str(size), _) => str_bytes(a, *size as usize).0.cmp(str_bytes(b, *size as usize).0),
        (Ty::Tuple(tuple), _) => {
            let orders = tuple.fields.iter().map(|field| {
                let (at, size) = (field.offset as usize, field.ty.size() as usize);
                compare(&field.ty, slice(a, at, size), slice(b, at, size))
            });
            orders.fold(Ordering::Equal, Ordering::then)
        }
        _ => a.cmp(b),
    }
}

fn compare_values(ty: &Ty, a: &Folded, b: &Folded) -> Ordering {
    match (a, b) {
        (Folded::Number(a), Folded::Number(b)) => a.cmp(b),
        (Folded::Stats { .. }, Folded::Stats { .. }) => a.average().cmp(&b.average()),
        (Folded::Buckets(a), Folded::Buckets(b)) => sum(a).cmp(&sum(b)),
        (Folded::Plain(a), Folded::Plain(b)) if matches!(ty, Ty::Int(_) | Ty::Enum(_)) => compare(ty, a, b),
        _ => Ordering::Equal,
    }
}

fn sum(counts: &[u64]) -> u128 {
    counts.iter().map(|count| u128::from(*count)).sum()
}

/// An integer value's number.
pub(super) fn plain_number(ty: &Ty, bytes: &[u8]) -> i128 {
    match ty.as_int() {
        Some(int) if int.signed => i128::from(load(bytes, 0, int) as i64),
        Some(int) => load(bytes, 0, int).into(),
        None => 0,
    }
}

impl Folded {
    /// Average of stats, toward zero.
    pub fn average(&self) -> i128 {
        match self {
            Folded::Stats { count, total } if *count > 0 => total / i128::from(*count),
            _ => 0,
        }
    }
}

/// One bar of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    pub bounds: Bounds,
    pub count: u64,
}

/// The bars from the first bucket that counted something to the last; `div` does not apply to lhist.
pub fn bars(agg: &Agg, counts: &[u64], view: View) -> Vec<Bar> {
    let full = |count: &u64| *count != 0;
    let (Some(first), Some(last)) = (counts.iter().position(full), counts.iter().rposition(full)) else {
        return Vec::new();
    };
    let bar = |number: usize| {
        let count = counts[number];
        match *agg {
            Agg::Hist { bits } => {
                Bar { bounds: hist::bounds(number as u32, bits), count: count / view.div.max(1) }
            }
            Agg::LHist { min, max, step } => {
                Bar { bounds: hist::linear::bounds(number as u32, min, max, step), count }
            }
            _ => Bar { bounds: Bounds { lo: None, hi: None }, count },
        }
    };
    (first..=last).map(bar).collect()
}
