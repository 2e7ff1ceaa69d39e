//! The life that is proven: what a device installs, commits and leaves again, and how each of its disks was written.
//!
//! It begins with what the first installation left, but for the second name of its program: a file that is exchanged
//! is kept first, which is proven as well. Neighbours: `super` cuts it, `testing` has the parts.

use std::path::{Path, PathBuf};

use edgekit_store::proof::{Op, Recorder, Scratch, Step};
use edgekit_store::{Access, Dress, Fs, publish};

use crate::Fault;
use crate::apply::testing::{OneLine, apply, bundle, noise, read, updater_at, write};
use crate::apply::{Terms, commit, rollback, settle};
use crate::boot::Name;
use crate::bundle::tree::PAGE;
use crate::device::Updater;
use crate::image::Image;
use crate::slot::archive::walk::Archive;

const CONFIG: &str = "[component.rootfs]\nkind = 'device'\na = '/a.img'\nb = '/b.img'\n\
                      [component.app]\nkind = 'folder'\n[component.model]\nkind = 'file'\n[boot]\ntries = 3\n\
                      [component.tool]\nkind = 'self'\n";

/// Permission bits of a program, which every new one has to take over: not those that files are made with.
const PROGRAM: u32 = 0o750;

/// One version of everything, and the bundle it comes in.
pub(super) struct Version {
    pub(super) rootfs: Vec<u8>,
    pub(super) app: Vec<u8>,
    pub(super) model: Vec<u8>,
    pub(super) tool: Vec<u8>,
    pub(super) bundle: Vec<u8>,
}

/// Bytes of which few are like chance, so that making bundles of them is quick.
fn sparse(seed: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let noise = noise(seed, 3000);
    bytes[..3000].copy_from_slice(&noise);
    bytes[len - 3000..].copy_from_slice(&noise);
    bytes
}

/// A program of this version: most of it is that of each other one.
fn program(number: u32) -> Vec<u8> {
    [noise(43, 2000), noise(number * 43, 900)].concat()
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
        let (model, tool) = (sparse(number * 31, PAGE + 900), program(number));
        let images = [("rootfs", &rootfs[..]), ("app", &app[..]), ("model", &model[..]), ("tool", &tool[..])];
        let sources: Vec<(&str, &[u8])> = match versions.get(1) {
            // The third comes as a delta against the second.
            Some(old) if number == 3 => {
                vec![("rootfs", &old.rootfs), ("app", &old.app), ("tool", &old.tool)]
            }
            _ => Vec::new(),
        };
        let bundle = bundle(&format!("{number}"), &images, &sources);
        versions.push(Version { rootfs, app, model, tool, bundle });
    }
    versions
}

/// Where the program is, and what a start of it runs. It is written to the disk in memory, which starts nothing: what
/// is tried out is a program of this machine at the same path.
pub(super) struct Bench {
    _scratch: Scratch,
    tool: PathBuf,
    config: String,
}

impl Bench {
    fn new() -> Bench {
        let scratch = Scratch::new();
        let tool = scratch.path("tool");
        let config = format!("{CONFIG}path = '{}'\n", tool.display());
        let bench = Bench { _scratch: scratch, tool, config };
        for slot in Name::BOTH {
            std::os::unix::fs::symlink("/bin/true", bench.own(slot)).expect("linked");
        }
        bench
    }

    /// The program of a slot.
    fn own(&self, slot: Name) -> PathBuf {
        self.tool.with_file_name(format!(".tool.{slot}"))
    }

    /// Puts the folder of the program on a disk.
    fn make_folder(&self, disk: &Recorder) {
        let mut missing: Vec<&Path> = self.tool.ancestors().skip(1).collect();
        missing.retain(|folder| *folder != Path::new("/"));
        missing.iter().rev().for_each(|folder| disk.make_folder(folder, 0o755).expect("made"));
    }

    /// What a file holds that may be run as a program.
    fn run(&self, disk: &Recorder, path: &Path) -> Option<Vec<u8>> {
        let mode = disk.stat(path).ok()??.mode;
        (mode == PROGRAM).then(|| read(disk, &path.display().to_string())).flatten()
    }

    /// What a start of the program runs.
    pub(super) fn runs(&self, disk: &Recorder) -> Option<Vec<u8>> {
        self.run(disk, &self.tool)
    }

    /// The program of a slot; before it was kept, the only one.
    pub(super) fn holds(&self, disk: &Recorder, slot: Name) -> Option<Vec<u8>> {
        let own = self.own(slot);
        match disk.stat(&own).ok()? {
            Some(_) => self.run(disk, &own),
            None => self.runs(disk),
        }
    }
}

/// What was recorded.
pub(super) struct Life {
    pub(super) versions: Vec<Version>,
    pub(super) bench: Bench,
    pub(super) start: Recorder,
    pub(super) steps: Vec<Step>,
    /// The program that is started after each act, and before the first.
    pub(super) programs: Vec<Vec<u8>>,
    has_loader: bool,
    starts: u32,
}

/// What each act of the life installs, and the version that is started after it.
pub(super) const ACTS: [(usize, usize); 7] = [(2, 2), (2, 2), (3, 3), (3, 2), (3, 2), (4, 4), (4, 2)];

/// A device with a boot loader, or one without, which is started again and again.
pub(super) struct Machine<'a> {
    pub(super) disk: &'a Recorder,
    config: &'a str,
    has_loader: bool,
    /// How often it was started; without a loader the state counts them.
    starts: u32,
}

impl Machine<'_> {
    pub(super) fn start(&mut self) -> Result<(), Fault> {
        self.starts += 1;
        if self.has_loader {
            OneLine::new(self.disk).start()?;
        }
        Ok(())
    }

    pub(super) fn device(&self) -> Result<Updater, Fault> {
        let boot = format!("start-{}", self.starts);
        updater_at(self.disk, self.config, (!self.has_loader).then_some(boot.as_str()))
    }

    /// Starts it if something else is next, and settles.
    pub(super) fn turn(&mut self) -> Result<Updater, Fault> {
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
    pub(super) fn new(has_loader: bool) -> Life {
        Life::record(has_loader).expect("its life is a good one")
    }

    fn record(has_loader: bool) -> Result<Life, Fault> {
        let (versions, bench) = (versions(), Bench::new());
        let disk = Recorder::new(1);
        write(&disk, "/a.img", &versions[3].rootfs);
        bench.make_folder(&disk);
        publish::file(&disk, &bench.tool, &versions[3].tool, 0o700)?;
        let dress = Dress { mode: PROGRAM, uid: 0, gid: 0, mtime: None };
        disk.dress(&bench.tool, &dress).expect("dressed");
        let mut machine = Machine { disk: &disk, config: &bench.config, has_loader, starts: 0 };
        apply(&mut machine.device()?, &versions[0].bundle, &Terms::default())?;
        commit(&mut machine.turn()?)?;
        let starts = machine.starts;
        // What runs has one name, as before the first exchange.
        for slot in Name::BOTH {
            disk.remove(&bench.own(slot)).expect("removed");
        }
        let start = disk.again(1);
        let disk = start.again(1);
        let runs = || bench.runs(&disk).expect("a program");
        let mut programs = vec![runs()];
        let mut machine = Machine { disk: &disk, config: &bench.config, has_loader, starts };
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
            programs.push(runs());
        }
        let (steps, starts) = (disk.steps(), machine.starts);
        Ok(Life { versions, bench, start, steps, programs, has_loader, starts })
    }

    /// The device as it was when the record ended, with another disk.
    pub(super) fn machine<'a>(&'a self, disk: &'a Recorder) -> Machine<'a> {
        Machine { disk, config: &self.bench.config, has_loader: self.has_loader, starts: self.starts }
    }

    /// Which version a slot holds, of which parts.
    pub(super) fn version(&self, disk: &Recorder, slot: Name, has_device: bool) -> Option<usize> {
        let rootfs = read(disk, &format!("/{slot}.img"))?;
        let model = read(disk, &format!("/sets/{slot}/model"))?;
        let mode = disk.stat(Path::new(&format!("/sets/{slot}/model"))).ok()??.mode;
        let tool = self.bench.holds(disk, slot)?;
        let app =
            Archive::of(std::sync::Arc::new(disk.clone()), Path::new(&format!("/sets/{slot}/app"))).ok()?;
        let mut archive = vec![0; usize::try_from(app.size()).ok()?];
        app.read(0, &mut archive).ok()?;
        let found = self.versions.iter().position(|version| {
            (!has_device || rootfs == version.rootfs)
                && (&model, mode) == (&version.model, 0o644)
                && tool == version.tool
                && archive == version.app
        });
        found.map(|at| at + 1)
    }
}
