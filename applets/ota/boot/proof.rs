//! Row 8.1 for the stores of boot loaders: any sequence of changes, under every power cut.
//!
//! The invariant: after any cut the loader finds a slot to start, and it is the one of the last change that was told
//! is durable, or of the one that was being made; saying that change again leads to its end. The proof proves itself:
//! every flush that is left out, and every two operations that are swapped, must turn it red.

use std::ops::ControlFlow;
use std::path::Path;

use edgekit_store::proof::power::{Cut, Fault, cuts, faults, with_fault};
use edgekit_store::proof::{Dice, Op, Recorder, Step};
use edgekit_store::{Access, Fs};

use super::{Boot, Name, Next};

/// What is asked of a loader.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    Attempt(Name, u32),
    Confirm(Name),
    Reject(Name),
}

impl Ask {
    fn of(self, boot: &mut dyn Boot) {
        let done = match self {
            Ask::Attempt(slot, tries) => boot.attempt(slot, tries),
            Ask::Confirm(slot) => boot.confirm(slot),
            Ask::Reject(slot) => boot.reject(slot),
        };
        done.unwrap_or_else(|fault| panic!("{self:?}: {fault}"));
    }
}

/// The life of a device: an installation, committed or sent back, and another.
pub(super) const LIFE: [Ask; 9] = [
    Ask::Reject(Name::B),
    Ask::Attempt(Name::B, 3),
    Ask::Confirm(Name::B),
    Ask::Reject(Name::A),
    Ask::Attempt(Name::A, 2),
    Ask::Reject(Name::A),
    Ask::Attempt(Name::A, 1),
    Ask::Confirm(Name::A),
    Ask::Confirm(Name::A),
];

/// Makes a file that is there before the record begins.
pub(super) fn file(disk: &Recorder, path: &str, bytes: &[u8]) {
    let path = Path::new(path);
    let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
    folders.reverse();
    for pair in folders.windows(2) {
        if disk.stat(pair[1]).expect("looked").is_none() {
            disk.make_folder(pair[1], 0o755).expect("made");
            disk.sync_folder(pair[0]).expect("flushed");
        }
    }
    let made = disk.open(path, Access::New(0o600)).expect("made");
    made.write_at(0, bytes).expect("written");
    made.sync().expect("flushed");
    disk.sync_folder(folders[folders.len() - 1]).expect("flushed");
}

/// A loader under proof.
pub(super) struct Proof {
    /// What it keeps its store on: [`Recorder::new`], or [`Recorder::fat`] where the firmware reads only that.
    pub disk: fn(u64) -> Recorder,
    /// Puts the device there, as it comes from its maker.
    pub start: fn(&Recorder),
    /// Opens the loader's store.
    pub open: fn(&Recorder) -> Box<dyn Boot>,
    /// What is asked of it.
    pub life: Vec<Ask>,
    /// More that must hold of a disk after a cut.
    pub sound: fn(&Recorder) -> Result<(), String>,
}

/// A record with the states it went through.
struct Record {
    steps: Vec<Step>,
    /// Where the changes begin.
    from: usize,
    states: Vec<Next>,
}

impl Proof {
    fn record(&self, seed: u64) -> Record {
        let disk = (self.disk)(seed);
        (self.start)(&disk);
        let from = disk.steps().len();
        let mut boot = (self.open)(&disk);
        let mut states = vec![boot.next().expect("a slot")];
        for (number, ask) in (1..).zip(&self.life) {
            disk.mark(Op::Handed(number));
            ask.of(&mut *boot);
            disk.mark(Op::Told(number));
            states.push(boot.next().expect("a slot"));
        }
        Record { steps: disk.steps(), from, states }
    }

    /// What is wrong after a cut.
    fn look(&self, record: &Record, cut: &Cut) -> Result<(), String> {
        let at = |why: String| format!("step {}: {why}", cut.step);
        (self.sound)(&cut.disk).map_err(at)?;
        let mut boot = (self.open)(&cut.disk);
        let next = boot.next().map_err(|fault| at(fault.to_string()))?;
        let fits = &record.states[cut.told as usize..=cut.handed as usize];
        // A count that is on its way may be seen beside the slot it is not of yet; the slot may not.
        if !fits.iter().any(|state| state.slot == next.slot) {
            return Err(at(format!("{next:?} is none of {fits:?}")));
        }
        if cut.told == cut.handed && !fits.contains(&next) {
            return Err(at(format!("{next:?} is not {fits:?}, which was told")));
        }
        if let Some(ask) = self.life.get((cut.handed as usize).wrapping_sub(1)) {
            ask.of(&mut *boot);
            let again = boot.next().map_err(|fault| at(fault.to_string()))?;
            if again != record.states[cut.handed as usize] {
                return Err(at(format!("after {ask:?} again it is {again:?}")));
            }
        }
        Ok(())
    }

    /// Looks at every cut of a record; how many there were, and the first thing that was wrong.
    fn walk(&self, record: &Record, steps: &[Step], seed: u64) -> (u64, Option<String>) {
        let mut points = 0;
        let wrong = cuts(&(self.disk)(seed), steps, seed, |cut| {
            if cut.step < record.from {
                return ControlFlow::Continue(());
            }
            points += 1;
            self.look(record, &cut).map_or_else(ControlFlow::Break, ControlFlow::Continue)
        });
        (points, wrong)
    }

    /// Holds the loader to it, for so many seeds; gives the cuts that were looked at.
    #[track_caller]
    pub(super) fn holds(&self, seeds: u64) -> u64 {
        let mut points = 0;
        for seed in 0..seeds {
            let record = self.record(seed);
            let (count, wrong) = self.walk(&record, &record.steps, seed);
            assert_eq!(wrong, None, "seed {seed}");
            points += count;
        }
        println!("crash points: {points}, broken: 0");
        points
    }

    /// Every mistake that can be put into the record is found, but those that are none.
    #[track_caller]
    pub(super) fn finds_mistakes(&self, at_least: usize, harmless: &[Fault]) {
        let record = self.record(1);
        // The making of the device is not under proof.
        let (start, changes) = record.steps.split_at(record.from);
        let all = faults(changes);
        assert!(all.len() >= at_least, "{all:?}");
        let is_missed = |fault: &&Fault| {
            let steps = [start, &with_fault(changes, fault)].concat();
            !harmless.contains(fault) && (1..4).all(|seed| self.walk(&record, &steps, seed).1.is_none())
        };
        let missed: Vec<&Fault> = all.iter().filter(is_missed).collect();
        assert!(missed.is_empty(), "not found: {missed:?}");
        println!("mistakes found: {0} of {0}", all.iter().filter(|fault| !harmless.contains(fault)).count());
    }
}

/// Any life, the same for the same seed.
pub(super) fn any_life(seed: u64, len: usize) -> Vec<Ask> {
    let mut dice = Dice(seed);
    let mut good = Name::A;
    let mut life = Vec::new();
    while life.len() < len {
        // As an installation goes: the slot that is not good is rejected, tried, and confirmed or rejected.
        let other = good.other();
        life.push(Ask::Reject(other));
        life.push(Ask::Attempt(other, 1 + dice.below(3) as u32));
        match dice.below(2) {
            0 => {
                life.push(Ask::Confirm(other));
                good = other;
            }
            _ => life.push(Ask::Reject(other)),
        }
    }
    life
}
