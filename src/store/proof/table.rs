//! Row 2.1: random changes of a table, with rewrites, under every power cut.
//!
//! The invariant: after any cut the table is one of the states it went through, none older than the last change it
//! was told is durable; nothing is reported as damage; and it takes changes again, under cuts of their own.
//! `EDGEKIT_PROOF_POINTS` says after how many cuts it is enough: few where a machine is emulated, many overnight.
//! The last line printed is what `scripts/bench/chassis` and the virtual machines' check read.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Dice, Op, Recorder,
    power::{Cut, cuts, faults, with_fault},
};
use crate::{Batch, Event, Options, Table, Ticket};

const PATH: &str = "/table";
const POINTS: u64 = 150_000;

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// A table that is told of every change, and all states it went through.
struct Run {
    disk: Recorder,
    states: Vec<Contents>,
    dice: Dice,
    /// States that were there before this run's record began.
    base: u64,
}

fn open(disk: &Recorder) -> (Result<Table, crate::Error>, Arc<AtomicU64>) {
    let alarms = Arc::new(AtomicU64::new(0));
    let count = alarms.clone();
    let on_event = Box::new(move |event: &Event| {
        if !matches!(event, Event::Cut { .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let options = Options { cap: 24 << 10, on_event, ..Options::default() };
    (Table::open(Arc::new(disk.clone()), Path::new(PATH), options), alarms)
}

impl Run {
    fn new(disk: Recorder, contents: Contents, base: u64, seed: u64) -> Run {
        Run { disk, states: vec![contents], dice: Dice(seed), base }
    }

    /// A few changes that share flushes as they may, then a wait for each.
    fn burst(&mut self, table: &Table) {
        let mut tickets: Vec<(u64, Ticket)> = Vec::new();
        for _ in 0..=self.dice.below(4) {
            let (batch, next) = self.change();
            let Ok(ticket) = table.submit(&batch) else { continue };
            self.states.push(next);
            let number = self.base + self.states.len() as u64 - 1;
            self.disk.mark(Op::Handed(number));
            tickets.push((number, ticket));
        }
        for (number, ticket) in tickets {
            table.wait(ticket).unwrap();
            self.disk.mark(Op::Told(number));
        }
    }

    fn change(&mut self) -> (Batch, Contents) {
        let mut batch = Batch::new();
        let mut next = self.states.last().cloned().unwrap_or_default();
        for _ in 0..=self.dice.below(3) {
            let key = vec![b'k', self.dice.below(12) as u8];
            if self.dice.below(4) == 0 {
                batch.delete(&key);
                next.remove(&key);
            } else {
                let value = vec![self.dice.roll() as u8; self.dice.below(700) as usize];
                batch.put(&key, &value);
                next.insert(key, value);
            }
        }
        (batch, next)
    }
}

/// What is wrong after a cut, if anything.
fn look(run: &Run, cut: &Cut) -> Result<(Table, usize), String> {
    let (table, alarms) = open(&cut.disk);
    let table = table.map_err(|error| format!("step {}: {error}", cut.step))?;
    if alarms.load(Ordering::Relaxed) > 0 {
        return Err(format!("step {}: taken for damage", cut.step));
    }
    let from = cut.told.saturating_sub(run.base) as usize;
    let to = cut.handed.saturating_sub(run.base) as usize;
    let found = table.read(|entries| (from..=to).rev().find(|at| run.states[*at] == *entries));
    let found = found.ok_or_else(|| format!("step {}: not one of the states {from} to {to}", cut.step))?;
    Ok((table, found))
}

/// Cuts looked at by all threads, and how many are enough.
struct Progress {
    looked: AtomicU64,
    enough: u64,
}

impl Progress {
    fn is_over(&self) -> bool {
        self.looked.load(Ordering::Relaxed) >= self.enough
    }

    /// One more was looked at: goes on unless something is wrong, or it was enough.
    fn step(&self, outcome: Result<(), String>) -> ControlFlow<Option<String>> {
        self.looked.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Err(wrong) => ControlFlow::Break(Some(wrong)),
            Ok(()) if self.is_over() => ControlFlow::Break(None),
            Ok(()) => ControlFlow::Continue(()),
        }
    }
}

/// One run and all its cuts; some of them go on, and are cut again.
fn round(seed: u64, progress: &Progress) -> Result<(), String> {
    let run = record(seed);
    let mut dice = Dice(seed ^ 0x55);
    let ended = cuts(&Recorder::new(seed), &run.disk.steps(), seed, |cut| {
        let looked = look(&run, &cut).and_then(|(table, found)| {
            if dice.below(100) > 0 {
                return Ok(());
            }
            drop(table);
            second(&cut, &run.states[found], dice.roll(), progress)
        });
        progress.step(looked)
    });
    ended.flatten().map_or(Ok(()), Err)
}

/// Goes on from a disk that a cut left, and cuts again.
fn second(cut: &Cut, contents: &Contents, seed: u64, progress: &Progress) -> Result<(), String> {
    let start = cut.disk.again(seed);
    let mut run = Run::new(start.again(seed), contents.clone(), 0, seed);
    let (table, _) = open(&run.disk);
    run.burst(&table.map_err(|error| error.to_string())?);
    let ended = cuts(&start, &run.disk.steps(), seed, |cut| {
        progress.step(look(&run, &cut).map(drop).map_err(|error| format!("a second cut, {error}")))
    });
    ended.flatten().map_or(Ok(()), Err)
}

fn record(seed: u64) -> Run {
    let mut run = Run::new(Recorder::new(seed), Contents::new(), 0, seed);
    for _ in 0..4 {
        let (table, alarms) = open(&run.disk);
        let table = table.unwrap();
        for _ in 0..12 {
            run.burst(&table);
        }
        assert_eq!(alarms.load(Ordering::Relaxed), 0);
    }
    run
}

#[test]
fn no_power_cut_breaks_a_table() {
    let enough = std::env::var("EDGEKIT_PROOF_POINTS").map_or(POINTS, |n| n.parse().unwrap());
    let progress = Progress { looked: AtomicU64::new(0), enough };
    let next = AtomicU64::new(0);
    let worker = || {
        while !progress.is_over() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            round(seed, &progress).map_err(|wrong| format!("seed {seed}: {wrong}"))?;
        }
        Ok(())
    };
    let outcome: Result<(), String> = std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    });
    outcome.unwrap();
    println!("crash points: {}, broken: 0", progress.looked.load(Ordering::Relaxed));
}

#[test]
fn the_workload_rewrites_and_shares_flushes() {
    let steps = record(0).disk.steps();
    let count = |wanted: fn(&Op) -> bool| steps.iter().filter(|step| wanted(&step.op)).count();
    let exchanges = count(
        |op| matches!(op, Op::Names(_, names) if names.iter().all(|(_, id)| id.is_some()) && names.len() == 2),
    );
    assert!(exchanges >= 4, "{exchanges}");
    assert!(count(|op| matches!(op, Op::Flush(_))) < count(|op| matches!(op, Op::Told(_))));
}

#[test]
fn every_mistake_in_order_is_found() {
    let run = record(1);
    let steps = run.disk.steps();
    let all = faults(&steps);
    assert!(all.len() >= 7, "{all:?}");
    for fault in &all {
        let wrong = cuts(&Recorder::new(1), &with_fault(&steps, fault), 1, |cut| match look(&run, &cut) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        });
        assert!(wrong.is_some(), "{fault:?} was not found");
    }
    println!("mistakes found: {0} of {0}", all.len());
}
