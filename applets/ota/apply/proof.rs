//! Row 8.1: a device with a partition, a folder and a file, and every power cut in its life; with a boot loader, and
//! without one.
//!
//! Its life is an installation that is committed, one that is rolled back, one that its boot loader gives up on. After
//! each cut the machine starts again, and: what its loader starts is wholly one version, and one that may be there by
//! then; after `settle` the link of folders and files leads to the same slot; what the state calls whole is whole; and
//! the same installation once more converges, and writes nothing that its record has. Each flush gets the disks with
//! all, none and 64 random parts of what was not flushed, torn inside of sectors. The proof proves itself: every flush
//! left out and every two operations swapped must turn it red. The last line is what `scripts/bench/ota` reads;
//! `EDGEKIT_PROOF_POINTS` says after how many cuts it is enough.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use edgekit_store::proof::power::{Cut, Fault, cuts, faults, with_fault};
use edgekit_store::proof::{Dice, Op, Recorder, Step};
use edgekit_store::{Access, Dress, Fs};

use super::state::{Deployment, Stage};
use super::testing::{OneLine, apply, bundle, noise, read, updater_at, write};
use super::{Terms, commit, rollback, settle};
use crate::boot::Name;
use crate::bundle::tree::PAGE;
use crate::device::Updater;
use crate::image::Image;
use crate::slot::archive::walk::Archive;

const POINTS: u64 = 20_000;
const CONFIG: &str = "[component.rootfs]\nkind = 'device'\na = '/a.img'\nb = '/b.img'\n\
                      [component.app]\nkind = 'folder'\n[component.model]\nkind = 'file'\n[boot]\ntries = 3\n";

/// One version of everything, and the bundle it comes in.
struct Version {
    rootfs: Vec<u8>,
    app: Vec<u8>,
    model: Vec<u8>,
    bundle: Vec<u8>,
}

/// Bytes of which few are like chance, so that making bundles of them is quick.
fn sparse(seed: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let noise = noise(seed, 3000);
    bytes[..3000].copy_from_slice(&noise);
    bytes[len - 3000..].copy_from_slice(&noise);
    bytes
}

/// The archive of a folder of this version.
fn folder(number: u32) -> Vec<u8> {
    let disk = Recorder::new(1);
    let file = |path: &str, bytes: &[u8]| {
        let file = disk.open(Path::new(path), Access::New(0o600)).expect("made");
        file.write_at(0, bytes).expect("written");
        drop(file);
        let dress = Dress { mode: 0o640, uid: 0, gid: 0, mtime: Some(1_000_000 + i64::from(number)) };
        disk.dress(Path::new(path), &dress).expect("dressed");
    };
    disk.make_folder(Path::new("/x"), 0o755).expect("made");
    disk.make_folder(Path::new("/x/bin"), 0o755).expect("made");
    file("/x/bin/large", &sparse(number, PAGE + 200));
    file("/x/bin/small", &noise(number, 700));
    disk.make_link(Path::new("bin/small"), Path::new("/x/link")).expect("made");
    // A name that only some versions have.
    file(&format!("/x/of-{}", if number.is_multiple_of(2) { "even" } else { "odd" }), b"x");
    let archive = Archive::of(std::sync::Arc::new(disk), Path::new("/x")).expect("an archive");
    let mut bytes = vec![0; usize::try_from(archive.size()).expect("small")];
    archive.read(0, &mut bytes).expect("read");
    bytes
}

fn versions() -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    for number in 1..=4 {
        let (rootfs, app) = (sparse(number * 7, PAGE + 4000), folder(number));
        let model = sparse(number * 31, PAGE + 900);
        let images = [("rootfs", &rootfs[..]), ("app", &app[..]), ("model", &model[..])];
        let sources: Vec<(&str, &[u8])> = match versions.get(1) {
            // The third comes as a delta against the second.
            Some(old) if number == 3 => vec![("rootfs", &old.rootfs), ("app", &old.app)],
            _ => Vec::new(),
        };
        let bundle = bundle(&format!("{number}"), &images, &sources);
        versions.push(Version { rootfs, app, model, bundle });
    }
    versions
}

/// What was recorded.
struct Life {
    versions: Vec<Version>,
    start: Recorder,
    steps: Vec<Step>,
    has_loader: bool,
    starts: u32,
}

/// What each act of the life installs, and the version that is started after it.
const ACTS: [(usize, usize); 7] = [(2, 2), (2, 2), (3, 3), (3, 2), (3, 2), (4, 4), (4, 2)];

/// A device with a boot loader, or one without, which is started again and again.
struct Machine<'a> {
    disk: &'a Recorder,
    has_loader: bool,
    /// How often it was started; without a loader the state counts them.
    starts: u32,
}

impl Machine<'_> {
    fn start(&mut self) -> Result<(), crate::Fault> {
        self.starts += 1;
        if self.has_loader {
            OneLine::new(self.disk).start()?;
        }
        Ok(())
    }

    fn device(&self) -> Result<Updater, crate::Fault> {
        let boot = format!("start-{}", self.starts);
        updater_at(self.disk, CONFIG, (!self.has_loader).then_some(boot.as_str()))
    }

    /// Starts it if something else is next, and settles.
    fn turn(&mut self) -> Result<Updater, crate::Fault> {
        let mut device = self.device()?;
        if device.boot.next()?.slot != device.boot.running()? {
            drop(device);
            self.start()?;
            device = self.device()?;
        }
        settle(&mut device)?;
        Ok(device)
    }
}

impl Life {
    fn new(has_loader: bool) -> Life {
        Life::record(has_loader).expect("its life is a good one")
    }

    fn record(has_loader: bool) -> Result<Life, crate::Fault> {
        let versions = versions();
        let disk = Recorder::new(1);
        write(&disk, "/a.img", &versions[3].rootfs);
        let mut machine = Machine { disk: &disk, has_loader, starts: 0 };
        apply(&mut machine.device()?, &versions[0].bundle, &Terms::default())?;
        commit(&mut machine.turn()?)?;
        let starts = machine.starts;
        let start = disk.again(1);
        let disk = start.again(1);
        let mut machine = Machine { disk: &disk, has_loader, starts };
        for (number, (version, _)) in (1..).zip(ACTS) {
            disk.mark(Op::Handed(number));
            let mut device = machine.device()?;
            match number {
                1 | 3 | 6 => drop(apply(&mut device, &versions[version - 1].bundle, &Terms::default())?),
                7 => {
                    for _ in 0..4 {
                        drop(device);
                        machine.start()?;
                        device = machine.device()?;
                        settle(&mut device)?;
                    }
                }
                _ => {
                    drop(device);
                    machine.start()?;
                    device = machine.device()?;
                    settle(&mut device)?;
                    match number {
                        2 => drop(commit(&mut device)?),
                        4 => drop(rollback(&mut device, "by hand")?),
                        _ => {}
                    }
                }
            }
            disk.mark(Op::Told(number));
        }
        let (steps, starts) = (disk.steps(), machine.starts);
        Ok(Life { start, steps, versions, has_loader, starts })
    }

    /// Which version a slot holds, of which parts.
    fn version(&self, disk: &Recorder, slot: Name, has_device: bool) -> Option<usize> {
        let rootfs = read(disk, &format!("/{slot}.img"))?;
        let model = read(disk, &format!("/sets/{slot}/model"))?;
        let mode = disk.stat(Path::new(&format!("/sets/{slot}/model"))).ok()??.mode;
        let app =
            Archive::of(std::sync::Arc::new(disk.clone()), Path::new(&format!("/sets/{slot}/app"))).ok()?;
        let mut archive = vec![0; usize::try_from(app.size()).ok()?];
        app.read(0, &mut archive).ok()?;
        let found = self.versions.iter().position(|version| {
            (!has_device || rootfs == version.rootfs)
                && (&model, mode) == (&version.model, 0o644)
                && archive == version.app
        });
        found.map(|at| at + 1)
    }

    fn look(&self, cut: &Cut, converges: bool) -> Result<(), String> {
        let disk = &cut.disk;
        let at = |why: String| format!("step {} (act {}): {why}", cut.step, cut.handed);
        let mut machine = Machine { disk, has_loader: self.has_loader, starts: self.starts };
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

    /// All cuts of a record; gives how many, and the first that is wrong.
    fn walk(&self, steps: &[Step], seed: u64, share: u64, looked: &AtomicU64) -> Option<String> {
        let mut dice = Dice(seed ^ 0x0a);
        cuts(&self.start, steps, seed, |cut| {
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
