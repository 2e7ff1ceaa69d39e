//! A device in memory, bundles for it, and a boot loader that is one line: for the tests of this room and the proof.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_core::config::{self, Named, Settings};
use edgekit_store::proof::{Recorder, Scratch};
use edgekit_store::{Access, Fs, publish};

use super::state::State;
use super::{Installed, Moved, Phase, Terms, Watcher, install};
use crate::boot::{Boot, Name, Next, NoLoader};
use crate::bundle::source::BytesSource;
use crate::bundle::write::{self, Ingredient, Recipe};
use crate::bundle::{Head, Manifest};
use crate::config::Ota;
use crate::device::Updater;
use crate::fault::Fault;
use crate::keys::SecretKey;
use crate::moment::Moment;
use crate::trust::{Approval, Trust};

/// Believes the key of seed 1.
pub(crate) struct One;

impl Trust for One {
    fn check(&self, head: &Head, _now: Moment) -> Result<Approval, Fault> {
        let key = SecretKey::of_seed(1).public();
        match head.signed.count(&[key]) {
            Ok(1) => Ok(Approval { signers: vec![key], threshold: 1, list: None }),
            other => Err(Fault::Untrusted(format!("{other:?}"), "")),
        }
    }
}

/// Bytes like chance, the same for the same seed.
pub(crate) fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(&mut next).take(len).collect()
}

/// A bundle of these images, and of deltas against those, by component.
pub(crate) fn bundle(version: &str, images: &[(&str, &[u8])], sources: &[(&str, &[u8])]) -> Vec<u8> {
    bundle_with(version, images, sources, |_| {})
}

/// The same, with more in its manifest.
pub(crate) fn bundle_with(
    version: &str,
    images: &[(&str, &[u8])],
    sources: &[(&str, &[u8])],
    change: impl FnOnce(&mut Manifest),
) -> Vec<u8> {
    let scratch = Scratch::new();
    // An archive of a folder is an image as it is.
    let file = |name: String, bytes: &[u8]| {
        let path = scratch.path(&name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let components = images
        .iter()
        .map(|(name, image)| Ingredient {
            name: (*name).to_owned(),
            image: file(format!("new-{name}"), image),
            sources: sources
                .iter()
                .enumerate()
                .filter(|(_, (of, _))| of == name)
                .map(|(number, (_, old))| file(format!("old-{number}"), old))
                .collect(),
        })
        .collect();
    let mut manifest = Manifest {
        format: 1,
        name: "gw".to_owned(),
        version: version.parse().expect("a version"),
        floor: None,
        min_source: None,
        expires: None,
        compatible: Vec::new(),
        lists: None,
        recipient: Named::new(),
        component: Named::new(),
    };
    change(&mut manifest);
    let recipe =
        Recipe { manifest, lists: Vec::new(), recipients: Vec::new(), components, full: true, method: None };
    let out = scratch.path("bundle");
    write::create(recipe, &out, &[SecretKey::of_seed(1)], &mut |_, _| {}).expect("made");
    std::fs::read(&out).expect("it is there")
}

/// A boot loader whose store is one line in one file, replaced atomically: `running next tries-left`.
#[derive(Debug)]
pub(crate) struct OneLine {
    disk: Recorder,
}

const ENVIRONMENT: &str = "/environment";

impl OneLine {
    pub(crate) fn new(disk: &Recorder) -> OneLine {
        OneLine { disk: disk.clone() }
    }

    fn line(&self) -> Result<(Name, Next), Fault> {
        let Some(bytes) = read(&self.disk, ENVIRONMENT) else {
            return Ok((Name::A, Next { slot: Name::A, tries_left: None }));
        };
        let torn = || Fault::Text("the line of the loader is torn".to_owned());
        let text = String::from_utf8(bytes).map_err(|_| torn())?;
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            [running, next, left] => {
                let next = Next { slot: Name::of(next).ok_or_else(torn)?, tries_left: left.parse().ok() };
                Ok((Name::of(running).ok_or_else(torn)?, next))
            }
            _ => Err(torn()),
        }
    }

    fn set(&self, running: Name, next: Next) -> Result<(), Fault> {
        if self.line()? == (running, next) {
            return Ok(());
        }
        let left = next.tries_left.map_or("-".to_owned(), |left| left.to_string());
        let line = format!("{running} {} {left}", next.slot);
        Ok(publish::file(&self.disk, Path::new(ENVIRONMENT), line.as_bytes(), 0o600)?)
    }

    /// What the loader does when the machine starts.
    pub(crate) fn start(&self) -> Result<Name, Fault> {
        let (_, next) = self.line()?;
        let next = match next.tries_left {
            Some(0) => Next { slot: next.slot.other(), tries_left: None },
            Some(left) => Next { slot: next.slot, tries_left: Some(left - 1) },
            None => next,
        };
        self.set(next.slot, next)?;
        Ok(next.slot)
    }
}

impl Boot for OneLine {
    fn place(&self) -> String {
        "one line".to_owned()
    }

    fn running(&self) -> Result<Name, Fault> {
        Ok(self.line()?.0)
    }

    fn next(&self) -> Result<Next, Fault> {
        Ok(self.line()?.1)
    }

    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault> {
        self.set(self.line()?.0, Next { slot, tries_left: Some(tries) })
    }

    fn confirm(&mut self, slot: Name) -> Result<(), Fault> {
        self.set(self.line()?.0, Next { slot, tries_left: None })
    }

    fn reject(&mut self, slot: Name) -> Result<(), Fault> {
        let (running, next) = self.line()?;
        match next.slot == slot {
            true => self.set(running, Next { slot: slot.other(), tries_left: None }),
            false => Ok(()),
        }
    }
}

/// All of a file.
pub(crate) fn read(disk: &Recorder, path: &str) -> Option<Vec<u8>> {
    let file = disk.open(Path::new(path), Access::Read).ok()?;
    let mut bytes = vec![0; usize::try_from(file.size().ok()?).ok()?];
    let read = file.read_at(0, &mut bytes).ok()?;
    (read == bytes.len()).then_some(bytes)
}

/// Makes a file.
pub(crate) fn write(disk: &Recorder, path: &str, bytes: &[u8]) {
    publish::file(disk, Path::new(path), bytes, 0o600).expect("written");
}

/// The updater of a device whose disk this is; with a boot loader if `loader`.
pub(crate) fn updater(disk: &Recorder, config: &str, loader: bool) -> Result<Updater, Fault> {
    updater_at(disk, config, (!loader).then_some("boot-1"))
}

/// The same, without a loader if this is the id of the machine's boot.
pub(crate) fn updater_at(disk: &Recorder, config: &str, boot: Option<&str>) -> Result<Updater, Fault> {
    let loaded =
        config::parse(Ota::SECTION, "ota", "ota.toml", config.as_bytes().to_vec()).expect("it is sound");
    let fs: Arc<dyn Fs> = Arc::new(disk.clone());
    let state = State::open(fs.clone(), Path::new("/state"), false)?;
    let boot: Box<dyn Boot> = match boot {
        None => Box::new(OneLine::new(disk)),
        Some(boot) => Box::new(NoLoader::open(state.table(), boot)?),
    };
    let clock = Clock::fixed(Duration::from_secs(1_800_000_000));
    let config = loaded.get().expect("it is ours");
    let mut updater =
        Updater::of(config, fs, state, boot, Some(Box::new(One)), Path::new("/sets").to_owned(), &clock)?;
    updater.checkpoint = 1;
    Ok(updater)
}

/// Hears everything, and stops after so many pages.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) phases: Vec<String>,
    pub(crate) moved: Moved,
    pub(crate) stop_after: Option<usize>,
}

impl Watcher for Heard {
    fn phase(&mut self, phase: Phase<'_>) {
        self.phases.push(match phase {
            Phase::Planning => "planning".to_owned(),
            Phase::Planned(plan) => format!("planned {}", plan.fetch()),
            Phase::Writing(name, size) => format!("writing {name} {size}"),
            Phase::Proving(name, size) => format!("proving {name} {size}"),
            Phase::Written => "written".to_owned(),
            Phase::Switched => "switched".to_owned(),
        });
    }

    fn moved(&mut self, moved: Moved) {
        self.moved.fetched += moved.fetched;
        self.moved.done += moved.done;
        self.moved.saved += moved.saved;
    }

    fn stop(&mut self) -> Option<String> {
        let left = self.stop_after.as_mut()?;
        match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                None
            }
            None => Some("enough".to_owned()),
        }
    }
}

/// Installs a bundle.
pub(crate) fn apply(updater: &mut Updater, bundle: &[u8], terms: &Terms) -> Result<Installed, Fault> {
    install(updater, &mut BytesSource(bundle), terms, &mut Heard::default())
}
