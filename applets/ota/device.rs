//! The device as it is configured: its slots, its boot loader, its state, whom it believes and what time it is.
//!
//! An [`Updater`] is opened for one piece of work and holds the lock of the state meanwhile: a daemon opens one for each
//! installation, so that `edgekit ota commit` is not kept out between two. Neighbours: `config` is what it is made of,
//! `apply` works with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_core::{Clock, Paths};
use edgekit_store::{Disk, Fs};

use crate::apply::state::State;
use crate::boot::{self, Boot, Name, NoLoader};
use crate::config::Ota;
use crate::fault::Fault;
use crate::keys::Opener;
use crate::keys::secrecy::read_secret;
use crate::moment::Moment;
use crate::policy;
use crate::slot::{self, Slot};
use crate::trust::{self, KeyTrust, Trust};

/// Pages between two checkpoints: what is fetched again after a power cut, at most, beside a block.
const CHECKPOINT: u64 = 8;
/// Bytes of a file that names the hardware, at most.
const MAX_HARDWARE: u64 = 4096;

/// All that an installation needs to know of the device.
pub struct Updater {
    /// What is configured.
    pub config: Ota,
    /// Whom it believes; nobody if there is nothing, or before [`Updater::believe`].
    pub trust: Option<Box<dyn Trust>>,
    /// What opens bundles that are encrypted to it.
    pub openers: Vec<Opener>,
    /// What it remembers.
    pub state: State,
    /// What starts its slots.
    pub boot: Box<dyn Boot>,
    pub(crate) fs: Arc<dyn Fs>,
    /// Where folders and files are.
    pub(crate) root: PathBuf,
    /// Pages between two checkpoints.
    pub(crate) checkpoint: u64,
    /// Where what was fetched waits for the next process; nowhere without.
    pub(crate) shelf: Option<PathBuf>,
    /// Where the other slot is while nothing of the device may be written, and the slot that really runs.
    simulated: Option<(PathBuf, Name)>,
    clock: Clock,
}

impl std::fmt::Debug for Updater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Updater")
            .field("state", &self.state)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// The folder of the updater's state.
pub fn state_folder(paths: &Paths) -> PathBuf {
    paths.state.join("ota")
}

impl Updater {
    /// Opens the device of this machine. `is_read` takes no lock and changes nothing: for who only looks.
    ///
    /// # Errors
    /// [`Fault::Config`] for what does not fit together, those of the state and of the boot loader;
    /// [`Fault::Store`] with exit code 75 while another edgekit works on it.
    pub fn open(config: Ota, paths: &Paths, clock: &Clock, is_read: bool) -> Result<Updater, Fault> {
        let folder = state_folder(paths);
        let root = config.root.clone().unwrap_or_else(|| folder.join("sets"));
        if !is_read {
            std::fs::create_dir_all(&folder).map_err(Fault::io("create", &folder))?;
        }
        let fs: Arc<dyn Fs> = Arc::new(Disk);
        let state = State::open(fs.clone(), &folder.join("state"), is_read)?;
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let places = |place: fn(&slot::Home) -> &Option<PathBuf>| {
            config.component.values().filter_map(|home| place(home).clone()).collect()
        };
        let machine = boot::Machine {
            fs: fs.clone(),
            boot_id: boot_id.trim().to_owned(),
            devices: boot::Pair { a: places(|home| &home.a), b: places(|home| &home.b) },
        };
        let boot = boot::open(&config.boot, state.table(), machine)?;
        let updater = Updater::of(config, fs, state, boot, None, root, clock)?;
        Ok(Updater { shelf: Some(paths.run.join("ota")), ..updater })
    }

    /// Reads whom it believes and what opens bundles for it, before it takes one: a device can be looked at, committed
    /// and sent back whatever is wrong with its keys.
    ///
    /// # Errors
    /// Those of the list of keys and of the secret key; none if there are none.
    pub fn believe(&mut self, paths: &Paths) -> Result<(), Fault> {
        let list = trust::standard(paths);
        if list.exists() {
            self.trust = Some(Box::new(KeyTrust::list(&list)?.newest(self.state.keys().as_deref())?));
        }
        self.openers = self.opener(paths)?;
        Ok(())
    }

    /// What opens bundles that are encrypted to this device, as it is configured.
    ///
    /// # Errors
    /// Those of the secret key.
    pub(crate) fn opener(&self, paths: &Paths) -> Result<Vec<Opener>, Fault> {
        let key = self.config.decrypt_file.as_ref().map(|file| file.path(paths)).transpose();
        let key = key.map_err(|error| {
            Fault::Config(format!("decrypt_file: {error}"), "give an absolute path".to_owned())
        })?;
        key.iter().map(|path| read_secret(path)).collect()
    }

    /// One of these parts.
    pub(crate) fn of(
        config: Ota,
        fs: Arc<dyn Fs>,
        state: State,
        boot: Box<dyn Boot>,
        trust: Option<Box<dyn Trust>>,
        root: PathBuf,
        clock: &Clock,
    ) -> Result<Updater, Fault> {
        let updater = Updater {
            config,
            trust,
            state,
            boot,
            fs,
            root,
            checkpoint: CHECKPOINT,
            shelf: None,
            simulated: None,
            openers: Vec::new(),
            clock: clock.clone(),
        };
        for name in updater.config.component.keys() {
            let (a, b) = (updater.slot(name, Name::A)?.place(), updater.slot(name, Name::B)?.place());
            if a == b {
                return Err(Fault::Config(
                    format!("component '{name}' has the same place for both slots, '{a}'"),
                    "a slot is written while the other one runs: give it a place of its own".to_owned(),
                ));
            }
        }
        Ok(updater)
    }

    /// A component in a slot.
    ///
    /// # Errors
    /// [`Fault::Config`] for one that is not configured, or not wholly.
    pub fn slot(&self, component: &str, name: Name) -> Result<Box<dyn Slot>, Fault> {
        let Some(home) = self.config.component.get(component) else {
            return Err(Fault::Config(
                format!("this device has no component '{component}'"),
                format!("describe it as [component.{component}] in ota.toml"),
            ));
        };
        match &self.simulated {
            Some((folder, running)) if name != *running => {
                let place = |slot: Name| Some(folder.join(format!("{component}-{slot}")));
                let (a, b, path) = (place(Name::A), place(Name::B), Some(folder.join(component)));
                let home = slot::Home { a, b, path, ..home.clone() };
                slot::open(&self.fs, &folder.join("sets"), component, &home, name)
            }
            _ => slot::open(&self.fs, &self.root, component, home, name),
        }
    }

    /// The same device, whose other slot, state and boot loader are in a folder; `boot` counts its starts. What is in
    /// the folder already is gone on with.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn simulated(self, folder: &Path, running: Name, boot: u32) -> Result<Updater, Fault> {
        let place = folder.join("state");
        let is_new = self.fs.stat(&place).map_err(Fault::io("look at", &place))?.is_none();
        let Updater { config, trust, openers, state, boot: old, fs, root, clock, .. } = self;
        // One process has a state once, and so has what stands for a loader.
        drop(old);
        let state = match is_new {
            // The other slot is empty there, whatever an earlier attempt has written.
            true => state.copy(fs.clone(), &place, &["deployment", &format!("slot/{}", running.other())])?,
            false => {
                drop(state);
                State::open(fs.clone(), &place, false)?
            }
        };
        let mut loader = NoLoader::open(state.table(), &format!("start-{boot}"))?;
        if is_new {
            loader.confirm(running)?;
        }
        let updater = Updater::of(config, fs, state, Box::new(loader), trust, root, &clock)?;
        Ok(Updater { openers, simulated: Some((folder.to_owned(), running)), ..updater })
    }

    /// The same device with a copy of its state, which goes its own way.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn in_state(&self, place: &Path) -> Result<Updater, Fault> {
        let state = self.state.copy(self.fs.clone(), place, &[])?;
        let loader = NoLoader::open(state.table(), "start-0")?;
        let (config, fs, root) = (self.config.clone(), self.fs.clone(), self.root.clone());
        let updater = Updater::of(config, fs, state, Box::new(loader), None, root, &self.clock)?;
        Ok(Updater { simulated: self.simulated.clone(), ..updater })
    }

    /// True if something is below the root, so that its link has to follow the slot that runs.
    pub(crate) fn has_sets(&self) -> bool {
        if self.simulated.is_some() {
            return false;
        }
        self.config.component.values().any(|home| matches!(home.kind, slot::Kind::Folder | slot::Kind::File))
    }

    /// Programs that are exchanged, with the services that are handed over.
    pub(crate) fn programs(&self) -> Result<Vec<(PathBuf, &[String])>, Fault> {
        let is_real = self.simulated.is_none();
        let homes = self.config.component.values().filter(|home| is_real && home.kind == slot::Kind::Itself);
        homes.map(|home| Ok((home.program()?, &home.daemons[..]))).collect()
    }

    /// What is known of the device, for `policy`.
    ///
    /// # Errors
    /// Those of the state, the boot loader and the file that names the hardware.
    pub fn device(&self) -> Result<policy::Device, Fault> {
        let running = self.state.set(self.boot.running()?)?;
        Ok(policy::Device {
            hardware: self.hardware()?,
            installed: running.map(|set| set.version),
            floor: self.state.floor()?,
            now: self.now(),
        })
    }

    fn hardware(&self) -> Result<Option<String>, Fault> {
        match (&self.config.hardware, &self.config.hardware_file) {
            (Some(name), _) => Ok(Some(name.clone())),
            (None, Some(path)) => first_string(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The time.
    pub fn now(&self) -> Moment {
        Moment(self.clock.wall().as_secs())
    }

    /// The clock it was opened with.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// The first line of a file, or the first of its strings: a device tree ends each with a zero.
fn first_string(path: &Path) -> Result<String, Fault> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(Fault::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(MAX_HARDWARE).read_to_end(&mut bytes).map_err(Fault::io("read", path))?;
    let first = bytes.split(|byte| matches!(byte, 0 | b'\n')).next().unwrap_or_default();
    match std::str::from_utf8(first).map(str::trim) {
        Ok(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Fault::Config(
            format!("'{}' names no hardware", path.display()),
            "name it in ota.toml: hardware = \"gw-2b\"".to_owned(),
        )),
    }
}
