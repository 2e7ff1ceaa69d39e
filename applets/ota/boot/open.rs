//! The loader that is configured.
//!
//! Neighbours: `device` asks for it, with what it knows of the machine; every kind is a room beside this one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Fs, Table};

use super::barebox::{self, Barebox};
use super::efi::Efi;
use super::efi::vars::EfiVarFs;
use super::grub::Grub;
use super::rpi::Rpi;
use super::running::Running;
use super::script::Script;
use super::systemd::SystemdBoot;
use super::uboot::UBoot;
use super::uboot::copies::Copies;
use super::{Boot, Kind, Loader, NoLoader, Pair, Scheme};
use crate::fault::Fault;

/// What a loader has to know of the machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its disks.
    pub fs: Arc<dyn Fs>,
    /// The kernel's id of this boot.
    pub boot_id: String,
    /// Devices the components of each slot are written to: the root is on one of them.
    pub devices: Pair<Vec<PathBuf>>,
}

/// Where EFI system partitions are mounted, the first that has what is looked for counts.
const PARTITIONS: [&str; 3] = ["/efi", "/boot/efi", "/boot"];

/// Opens the loader. `table` is the state's: for devices that have none, and for what a loader may lose.
///
/// # Errors
/// [`Fault::Config`] for what does not fit together, and those of looking at the loader's store.
pub fn open(config: &Loader, table: Arc<Table>, machine: Machine) -> Result<Box<dyn Boot>, Fault> {
    let names = names(config);
    let Machine { fs, boot_id, devices } = machine;
    let running = Running::new(names.clone(), devices);
    let place = |standard: &str| config.place.clone().unwrap_or_else(|| standard.into());
    let kinds = |known: &[Scheme]| match known.contains(&config.scheme) {
        true => Ok(config.scheme),
        false => Err(Fault::Config(
            format!("boot.scheme '{}' is none of boot.kind '{}'", config.scheme.word(), config.kind.word()),
            "U-Boot knows edgekit, rauc and mender, GRUB edgekit, rauc and entry".to_owned(),
        )),
    };
    Ok(match config.kind {
        Kind::None => Box::new(NoLoader::open(table, &boot_id)?),
        Kind::UBoot => {
            let scheme = kinds(&[Scheme::Edgekit, Scheme::Rauc, Scheme::Mender])?;
            let copies = Copies::open(fs, &place("/etc/fw_env.config"), config.single)?;
            Box::new(UBoot::new(copies, scheme, names, running))
        }
        Kind::Grub => {
            let scheme = kinds(&[Scheme::Edgekit, Scheme::Rauc, Scheme::Entry])?;
            Box::new(Grub::new(fs, &place("/boot/grub/grubenv"), scheme, names, running)?)
        }
        Kind::SystemdBoot => {
            let partition = match &config.place {
                Some(place) => place.clone(),
                None => partition(&*fs)?,
            };
            let vars = Box::new(EfiVarFs::default());
            Box::new(SystemdBoot::new(fs, &partition, names, vars, running, table))
        }
        Kind::Efi => Box::new(Efi::new(Box::new(EfiVarFs::default()), names, running)),
        Kind::Rpi => Box::new(Rpi::new(fs, &place("/boot/firmware"), names, &boot_id, running)?),
        Kind::Barebox => {
            let device = named(config, "the device of barebox's state")?;
            let at = (device, config.offset);
            Box::new(Barebox::new(fs, Path::new(barebox::TREE), at, &names, running)?)
        }
        Kind::Script => {
            let program = named(config, "the program to ask")?;
            Box::new(Script::new(program.to_path_buf(), config.timeout, running))
        }
    })
}

fn named<'a>(config: &'a Loader, what: &str) -> Result<&'a Path, Fault> {
    config.place.as_deref().ok_or_else(|| {
        Fault::Config(
            format!("boot.kind '{}' does not say where {what} is", config.kind.word()),
            "name it in boot.place".to_owned(),
        )
    })
}

/// What the loader calls the slots.
fn names(config: &Loader) -> Pair<String> {
    let (a, b) = match (config.kind, config.scheme) {
        (Kind::UBoot, Scheme::Mender) | (Kind::Rpi, _) => ("2", "3"),
        (Kind::Grub, Scheme::Entry) | (Kind::Efi, _) => ("edgekit-a", "edgekit-b"),
        (Kind::Barebox, _) => ("system0", "system1"),
        (Kind::UBoot | Kind::Grub, Scheme::Rauc) => ("A", "B"),
        _ => ("a", "b"),
    };
    let name = |said: &Option<String>, standard: &str| said.clone().unwrap_or_else(|| standard.to_owned());
    Pair { a: name(&config.a, a), b: name(&config.b, b) }
}

/// The partition with the entries.
fn partition(fs: &dyn Fs) -> Result<PathBuf, Fault> {
    for place in PARTITIONS {
        for folder in ["loader/entries", "EFI/Linux"] {
            let path = Path::new(place).join(folder);
            if fs.stat(&path).map_err(Fault::io("look at", &path))?.is_some() {
                return Ok(place.into());
            }
        }
    }
    Err(Fault::Config(
        format!("no partition with boot entries is mounted at {}", PARTITIONS.join(", ")),
        "mount it, or name the folder in boot.place".to_owned(),
    ))
}
