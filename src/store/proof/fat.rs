//! A file that is replaced on FAT, where the firmware and boot loaders find theirs, under every power cut and a second.

use std::{ops::ControlFlow, path::Path};

use super::{
    Op, Recorder, Step,
    power::{Cut, Fault, cuts, faults, with_fault},
};
use crate::{Access, Fs, fs::read_all, publish};

const LAST: u64 = 4;

/// Bytes of a state, each longer than a sector, so that they can tear.
fn bytes(state: u64) -> Vec<u8> {
    vec![state as u8; 700 + state as usize]
}

fn record(disk: Recorder, states: std::ops::RangeInclusive<u64>) -> Vec<Step> {
    for state in states {
        disk.mark(Op::Handed(state));
        publish::file(&disk, Path::new("/file"), &bytes(state), 0o600).unwrap();
        disk.mark(Op::Told(state));
    }
    disk.steps()
}

/// The file, or nothing.
fn read(disk: &Recorder) -> Vec<u8> {
    disk.open(Path::new("/file"), Access::Read).map_or(Vec::new(), |file| read_all(&*file, u64::MAX).unwrap())
}

/// What is wrong after a cut: the file is as one of these states. Before the first of them it is not there, or empty,
/// as a new name is at first.
fn look(cut: &Cut, first: u64) -> Result<(), String> {
    let file = read(&cut.disk);
    let fits = cut.told.max(first)..=cut.handed.max(first);
    let is_one = |state| file == if state > 0 { bytes(state) } else { Vec::new() };
    if { fits }.any(is_one) {
        Ok(())
    } else {
        Err(format!("step {}: the file is not as published", cut.step))
    }
}

/// Cuts looked at, and what was wrong after the last of them, or after a second cut in the next replacement.
fn first_wrong(steps: &[Step], seed: u64) -> (u64, Option<String>) {
    let mut points = 0;
    let wrong = cuts(&Recorder::fat(seed), steps, seed, |cut| {
        points += 1;
        let second = |cut: &Cut| {
            if points % 8 > 0 {
                return Ok(());
            }
            let first = read(&cut.disk).first().map_or(0, |byte| u64::from(*byte));
            let steps = record(cut.disk.again(seed ^ 0xff), LAST + 1..=LAST + 2);
            let wrong = cuts(&cut.disk, &steps, seed, |cut| {
                look(&cut, first).map_or_else(ControlFlow::Break, ControlFlow::Continue)
            });
            wrong.map_or(Ok(()), |wrong| Err(format!("a second cut, {wrong}")))
        };
        look(&cut, 0).and_then(|()| second(&cut)).map_or_else(ControlFlow::Break, ControlFlow::Continue)
    });
    (points, wrong)
}

#[test]
fn no_power_cut_breaks_a_file_on_fat() {
    for seed in 0..4 {
        let (points, wrong) = first_wrong(&record(Recorder::fat(seed), 1..=LAST), seed);
        assert_eq!(wrong, None, "seed {seed}");
        assert!(points > 500, "{points}");
    }
}

#[test]
fn every_mistake_in_order_is_found() {
    let steps = record(Recorder::fat(1), 1..=LAST);
    let all = faults(&steps);
    // The file is flushed under both names, its folder after, and then the room of the old one is free.
    assert!(all.len() >= 6, "{all:?}");
    let missed: Vec<&Fault> =
        all.iter().filter(|fault| first_wrong(&with_fault(&steps, fault), 1).1.is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn room_that_is_free_too_early_is_found() {
    let mut steps = record(Recorder::fat(1), 1..=LAST);
    let free: Vec<usize> = (0..steps.len()).filter(|at| matches!(steps[*at].op, Op::Free(_))).collect();
    assert_eq!(free.len() as u64, LAST - 1, "each file but the first replaces one");
    for at in free {
        let is_move = |step: &Step| matches!(&step.op, Op::Names(_, names) if names.len() > 1);
        let moved = steps[..at].iter().rposition(is_move).unwrap();
        steps[moved + 1..=at].rotate_right(1);
    }
    assert!(first_wrong(&steps, 1).1.is_some());
}
