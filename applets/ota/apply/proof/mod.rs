//! Row 8.1: a device with a partition, a folder, a file and a program that is exchanged, and every power cut in its
//! life; with a boot loader, and without one.
//!
//! Its life is an installation that is committed, one that is rolled back, one that its boot loader gives up on. After
//! each cut the machine starts again, and: what its loader starts is wholly one version, and one that may be there by
//! then; the program is that from before or that from after, at any moment; after `settle` the link of folders and
//! files leads to the slot that runs, and the program is its own; what the state calls whole is whole; and the same
//! installation once more converges, and writes nothing that its record has. Each flush gets the disks with all, none
//! and 64 random parts of what was not flushed, torn inside of sectors. The proof proves itself: every flush left out
//! and every two operations swapped must turn it red. The last line is what `scripts/bench/ota` reads;
//! `EDGEKIT_PROOF_POINTS` says after how many cuts it is enough. Neighbours: `life` is what is cut.

mod life;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use edgekit_store::Fs;
use edgekit_store::proof::power::{Cut, Fault, cuts, faults, with_fault};
use edgekit_store::proof::{Dice, Op, Step};

use self::life::{ACTS, Life, Machine};
use super::state::{Deployment, Stage};
use super::testing::apply;
use super::{Terms, commit, settle};
use crate::boot::Name;
use crate::bundle::tree::PAGE;

const POINTS: u64 = 20_000;

impl Life {
    fn look(&self, cut: &Cut, converges: bool) -> Result<(), String> {
        let disk = &cut.disk;
        let at = |why: String| format!("step {} (act {}): {why}", cut.step, cut.handed);
        let mut machine = self.machine(disk);
        // Before anything of ours runs, programs may follow the link.
        let link =
            disk.read_link(Path::new("/sets/current")).map_err(|error| at(format!("no link: {error}")))?;
        let linked =
            link.to_str().and_then(Name::of).ok_or_else(|| at(format!("the link leads to {link:?}")))?;
        let whole = Name::BOTH.map(|slot| self.version(disk, slot, true));
        let of = |slot: Name| whole[usize::from(slot == Name::B)];
        if of(linked).is_none() && self.version(disk, linked, false).is_none() {
            return Err(at(format!("the link leads to slot {linked}, which is not whole")));
        }
        // And the program may be started: the old one, or the new one while it is installed or left.
        let act = |act: u64| act as usize;
        let (told, handed) = (act(cut.told), act(cut.handed));
        let new = ACTS[..handed].last().map(|(version, _)| &self.versions[version - 1].tool);
        let mut programs = vec![&self.programs[told], &self.programs[handed]];
        programs.extend(new.filter(|_| handed > told));
        if !self.bench.runs(disk).is_some_and(|program| programs.contains(&&program)) {
            return Err(at("the program is neither the old one nor the new one".to_owned()));
        }
        let fault = |fault: crate::Fault| at(fault.to_string());
        machine.start().map_err(fault)?;
        let mut device = machine.device().map_err(fault)?;
        let booted = device.boot.running().map_err(fault)?;
        let version = of(booted);
        let version = version.ok_or_else(|| at(format!("slot {booted} is started, and is not whole")))?;
        let ends = |act: u64| if act == 0 { 1 } else { ACTS[act as usize - 1].1 };
        let allowed = [ends(cut.told), ends(cut.handed)];
        if !allowed.contains(&version) {
            return Err(at(format!("version {version} is started, and it may be {allowed:?}")));
        }
        settle(&mut device).map_err(|fault| at(format!("settle: {fault}")))?;
        let link = disk.read_link(Path::new("/sets/current")).map_err(|error| at(error.to_string()))?;
        // Without a loader, what was decided and not done yet is done now.
        let running = device.boot.running().map_err(fault)?;
        if link != Path::new(running.word()) {
            return Err(at(format!("slot {running} runs, and the link leads to {link:?}")));
        }
        if self.bench.runs(disk) != self.bench.holds(disk, running) {
            return Err(at(format!("slot {running} runs, and the program is not its own")));
        }
        if !of(running).is_some_and(|version| allowed.contains(&version)) {
            return Err(at(format!("after settle {:?} runs, and it may be {allowed:?}", of(running))));
        }
        for slot in Name::BOTH {
            let known = device.state.set(slot).map_err(|fault| at(fault.to_string()))?;
            let known = known.map(|set| set.version.to_string());
            if let Some(known) = known
                && of(slot).map(|found| found.to_string()) != Some(known.clone())
            {
                return Err(at(format!("slot {slot} should hold version {known}, and does not")));
            }
        }
        drop(device);
        match converges {
            true => self.again(&mut machine, cut.handed.max(1) as usize).map_err(at),
            false => Ok(()),
        }
    }

    /// The installation of the act once more, to its commit.
    fn again(&self, machine: &mut Machine<'_>, act: usize) -> Result<(), String> {
        let (wanted, disk) = (ACTS[act - 1].0, machine.disk);
        let fault = |fault: crate::Fault| format!("again: {fault}");
        // What was left, or is to be tried, is so after the next start.
        let mut device = machine.turn().map_err(fault)?;
        let before = device.state.deployment().map_err(fault)?;
        let from = disk.steps().len();
        let terms = Terms { force: true, ..Terms::default() };
        apply(&mut device, &self.versions[wanted - 1].bundle, &terms).map_err(fault)?;
        drop(device);
        if let Some(before) = before.filter(|before| {
            before.stage == Stage::Writing && before.version.to_string() == wanted.to_string()
        }) {
            written_twice(&before, disk.steps().split_off(from))?;
        }
        let mut device = machine.turn().map_err(fault)?;
        commit(&mut device).map_err(fault)?;
        drop(device);
        machine.start().map_err(fault)?;
        let running = machine.device().and_then(|device| device.boot.running()).map_err(fault)?;
        match self.version(disk, running, true) {
            Some(version) if version == wanted => Ok(()),
            other => Err(format!("in the end {other:?} is started, and it should be {wanted}")),
        }
    }

    /// All cuts of a record, from where it is another one than that of this life; counts them, and gives the first that
    /// is wrong.
    fn walk(&self, steps: &[Step], seed: u64, share: u64, looked: &AtomicU64) -> Option<String> {
        let mut dice = Dice(seed ^ 0x0a);
        let same = match self.steps == steps {
            true => 0,
            false => self.steps.iter().zip(steps).take_while(|(ours, other)| ours == other).count(),
        };
        cuts(&self.start, steps, seed, |cut| {
            if cut.step < same {
                return ControlFlow::Continue(());
            }
            looked.fetch_add(1, Ordering::Relaxed);
            match self.look(&cut, dice.below(share) == 0) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => ControlFlow::Break(why),
            }
        })
    }
}

/// What a record had, and was written all the same.
fn written_twice(before: &Deployment, steps: Vec<Step>) -> Result<(), String> {
    let mut durable: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, part) in &before.parts {
        let bytes = if part.is_done { u64::MAX } else { part.durable.pages * PAGE as u64 };
        let files: &[&str] = match (name.as_str(), before.slot) {
            ("app", _) if part.is_done => &["large", "small", "of-even", "of-odd"],
            ("app", _) => &[],
            ("rootfs", Name::A) => &["a.img"],
            ("rootfs", Name::B) => &["b.img"],
            ("tool", Name::A) => &[".tool.a"],
            ("tool", Name::B) => &[".tool.b"],
            _ => &["model"],
        };
        durable.extend(files.iter().map(|file| (*file, bytes)));
    }
    for step in steps {
        if let Op::Write(_, at, _) = step.op
            && durable.get(step.name.as_str()).is_some_and(|until| at < *until)
        {
            return Err(format!("byte {at} of {} was written twice", step.name));
        }
    }
    Ok(())
}

#[test]
fn no_power_cut_breaks_an_installation() {
    let enough = std::env::var("EDGEKIT_PROOF_POINTS").map_or(POINTS, |n| n.parse().expect("a number"));
    let lives = [Life::new(true), Life::new(false)];
    let (looked, next) = (AtomicU64::new(0), AtomicU64::new(1));
    let worker = || {
        while looked.load(Ordering::Relaxed) < enough {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let life = &lives[seed as usize % 2];
            if let Some(wrong) = life.walk(&life.steps, seed, 3, &looked) {
                return Err(format!("seed {seed}: {wrong}"));
            }
        }
        Ok(())
    };
    let outcome: Result<(), String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    });
    outcome.expect("every cut boots old or new");
    println!("crash points: {}, broken: 0", looked.load(Ordering::Relaxed));
}

#[test]
fn every_mistake_in_order_is_found() {
    let life = Life::new(true);
    // A file that grows is the journal's own affair, which row 2.1 proves.
    let is_ours = |fault: &Fault| *fault != Fault::Dropped("flush state grown".to_owned());
    let all: Vec<Fault> = faults(&life.steps).into_iter().filter(is_ours).collect();
    assert!(all.len() >= 20, "{all:?}");
    let next = AtomicU64::new(0);
    let worker = || {
        let mut missed = Vec::new();
        while let Some(fault) = all.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let looked = AtomicU64::new(0);
            if life.walk(&with_fault(&life.steps, fault), 1, 4, &looked).is_none() {
                missed.push(fault);
            }
        }
        missed
    };
    let missed: Vec<&Fault> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(missed.is_empty(), "{missed:#?}");
    println!("mistakes found: {0} of {0}", all.len());
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
