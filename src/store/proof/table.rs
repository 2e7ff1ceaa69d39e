//! Row 2.1: random changes of a table, with rewrites, under every power cut.
//!
//! The invariant: after any cut the table is one of the states it went through, none older than the last change it
//! was told is durable; nothing is reported as damage; and it takes changes again, under cuts of their own.
//! `EDGEKIT_PROOF_ROUNDS` multiplies the work; the last line printed is what `scripts/bench/chassis` reads.

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
const ROUNDS: u64 = 16;
const POINTS: u64 = 50_000;

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

/// One run and all its cuts; some of them go on, and are cut again. Gives points looked at.
fn round(seed: u64) -> Result<u64, String> {
    let run = record(seed);
    let (mut wrong, mut again) = (None, 0);
    let mut dice = Dice(seed ^ 0x55);
    let points = cuts(&Recorder::new(seed), &run.disk.steps(), seed, |cut| {
        let looked = look(&run, &cut).and_then(|(table, found)| {
            if dice.below(100) > 0 {
                return Ok(0);
            }
            drop(table);
            second(&cut, &run.states[found], dice.roll())
        });
        match looked {
            Ok(points) => again += points,
            Err(error) => {
                wrong = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    wrong.map_or(Ok(points + again), Err)
}

/// Goes on from a disk that a cut left, and cuts again.
fn second(cut: &Cut, contents: &Contents, seed: u64) -> Result<u64, String> {
    let start = Recorder::of(cut.disk.nodes(), seed);
    let mut run = Run::new(Recorder::of(start.nodes(), seed), contents.clone(), 0, seed);
    let (table, _) = open(&run.disk);
    run.burst(&table.map_err(|error| error.to_string())?);
    let mut wrong = None;
    let points = cuts(&start, &run.disk.steps(), seed, |cut| match look(&run, &cut) {
        Ok(_) => ControlFlow::Continue(()),
        Err(error) => {
            wrong = Some(format!("a second cut, {error}"));
            ControlFlow::Break(())
        }
    });
    wrong.map_or(Ok(points), Err)
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
    let rounds = ROUNDS * std::env::var("EDGEKIT_PROOF_ROUNDS").map_or(1, |n| n.parse().unwrap());
    let next = AtomicU64::new(0);
    let worker = || {
        let mut points = 0;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= rounds {
                return Ok(points);
            }
            points += round(seed).map_err(|wrong| format!("seed {seed}: {wrong}"))?;
        }
    };
    let outcome: Result<u64, String> = std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let points = outcome.unwrap();
    println!("crash points: {points}, broken: 0");
    assert!(points >= POINTS, "{points}");
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
        let mut wrong = None;
        cuts(&Recorder::new(1), &with_fault(&steps, fault), 1, |cut| match look(&run, &cut) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                wrong = Some(error);
                ControlFlow::Break(())
            }
        });
        assert!(wrong.is_some(), "{fault:?} was not found");
    }
    println!("mistakes found: {0} of {0}", all.len());
}
