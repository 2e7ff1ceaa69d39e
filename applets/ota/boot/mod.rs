//! Who decides which slot starts: the fourth of the four traits, and the loaders behind it.
//!
//! A device has two slots, `a` and `b`, for all its components together. A [`Boot`] says which of them runs and which
//! is started next, and knows nothing of images. Every change is one atomic step of the loader's own store, durable
//! when the method returns, and saying the same again changes nothing: `apply::settle` repeats what a power cut may
//! have left half done.
//!
//! | room | knows |
//! |---|---|
//! | `none` | no loader: a file beside the state, for folders, files and images that need no reboot |
//! | `uboot` | U-Boot's environment, one copy or two, as `fw_setenv` writes it |
//! | `grub` | GRUB's environment block, in place, as `grub-editenv` edits it |
//! | `systemd` | entries of systemd-boot whose names count |
//! | `efi` | variables of the firmware: `BootNext`, `BootOrder` |
//! | `rpi` | the Raspberry Pi's `autoboot.txt` |
//! | `barebox` | the state of barebox, in three copies |
//! | `script` | a program that knows |
//! | `running` | which slot runs: the kernel's command line, or the device of the root |
//!
//! Neighbours: `apply` asks and drives, `device` opens the one that is configured ([`open`]), `slot` writes what it
//! starts.

pub mod barebox;
mod crc;
pub mod efi;
pub mod grub;
mod none;
mod open;
#[cfg(test)]
mod proof;
pub mod rpi;
pub mod running;
pub mod script;
pub mod systemd;
pub mod uboot;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::fault::Fault;

pub use none::NoLoader;
pub use open::{Machine, open};

/// One of the two slots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Name {
    /// The first.
    A,
    /// The second.
    B,
}

impl Name {
    /// Both.
    pub const BOTH: [Name; 2] = [Name::A, Name::B];

    /// The one that this is not.
    pub const fn other(self) -> Name {
        match self {
            Name::A => Name::B,
            Name::B => Name::A,
        }
    }

    /// As it is written: `a`.
    pub const fn word(self) -> &'static str {
        match self {
            Name::A => "a",
            Name::B => "b",
        }
    }

    /// The slot of this word.
    pub fn of(word: &str) -> Option<Name> {
        Name::BOTH.into_iter().find(|name| name.word() == word)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Something of each slot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pair<T> {
    /// Of slot `a`.
    pub a: T,
    /// Of slot `b`.
    pub b: T,
}

impl<T> Pair<T> {
    /// That of a slot.
    pub fn of(&self, slot: Name) -> &T {
        match slot {
            Name::A => &self.a,
            Name::B => &self.b,
        }
    }
}

impl Pair<String> {
    /// The slot of this name.
    pub fn slot(&self, name: &str) -> Option<Name> {
        Name::BOTH.into_iter().find(|slot| self.of(*slot) == name)
    }
}

/// What is started next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Next {
    /// The slot.
    pub slot: Name,
    /// How often it is started until the other one is; `None` once it is confirmed, and where there is no other one to
    /// go back to.
    pub tries_left: Option<u32>,
}

/// A boot loader, or what stands for one.
pub trait Boot: Send {
    /// What it is called in messages: `U-Boot`.
    fn place(&self) -> String;
    /// The slot that runs now.
    ///
    /// # Errors
    /// [`Fault`] where nothing says which one it is: the kernel's command line, the root device, the environment.
    fn running(&self) -> Result<Name, Fault>;
    /// What is started next. After the loader gave up on a slot this is the other one, so that `running` and `next`
    /// together tell "not started yet" from "sent back".
    ///
    /// # Errors
    /// Those of reading the loader's store.
    fn next(&self) -> Result<Next, Fault>;
    /// Starts a slot next, `tries` times at most unless it is confirmed, then the other one. A later attempt counts
    /// anew, and makes a slot that was rejected good enough to be tried.
    ///
    /// # Errors
    /// Those of writing; the store is as it was then, or as it was to be.
    fn attempt(&mut self, slot: Name, tries: u32) -> Result<(), Fault>;
    /// The slot is good: it is started from now on, and nothing is counted.
    ///
    /// # Errors
    /// As [`Boot::attempt`].
    fn confirm(&mut self, slot: Name) -> Result<(), Fault>;
    /// The slot is not to be started any more, not even when the other one fails; the other is next, and keeps its
    /// own count. Called before the first write to a slot, so that nothing half-written is ever started.
    ///
    /// # Errors
    /// As [`Boot::attempt`].
    fn reject(&mut self, slot: Name) -> Result<(), Fault>;
    /// What the kernel has to be restarted with so that an attempt is made, where the loader needs it said.
    fn restart_argument(&self) -> Option<&'static str> {
        None
    }
}

edgekit_core::words! {
    /// Who decides which slot starts.
    pub enum Kind {
        /// Nobody: folders and files change at once.
        None = "none",
        /// U-Boot.
        UBoot = "uboot",
        /// GRUB.
        Grub = "grub",
        /// systemd-boot.
        SystemdBoot = "systemd-boot",
        /// The firmware itself.
        Efi = "efi",
        /// The Raspberry Pi's.
        Rpi = "rpi",
        /// barebox.
        Barebox = "barebox",
        /// A program.
        Script = "script",
    }
}

edgekit_core::words! {
    /// Which variables of U-Boot or GRUB choose a slot.
    pub enum Scheme {
        /// Ours: an order, and for each slot whether it is good and how often it is tried.
        Edgekit = "edgekit",
        /// Those of RAUC's boot scripts.
        Rauc = "rauc",
        /// Those of Mender's; U-Boot only.
        Mender = "mender",
        /// Entries of the menu; GRUB only.
        Entry = "entry",
    }
}

edgekit_core::config! {
    /// How the device starts one of its slots
    pub struct Loader {
        /// Which boot loader it has
        live kind: Kind = "none";
        /// How often a new slot is started before the old one is again, unless it is committed
        live tries: u32 = 3, in 1..=15;
        /// Which variables of U-Boot or GRUB choose: edgekit, rauc, mender or entry; see edgekit-boot(7)
        live scheme: Scheme = "edgekit";
        /// What the loader calls slot a [by the kind: a, 2 for mender and rpi, edgekit-a for entry and efi, system0]
        live a: Option<String>, like "a";
        /// What the loader calls slot b [by the kind: b, 3 for mender and rpi, edgekit-b for entry and efi, system1]
        live b: Option<String>, like "b";
        /// Where the loader keeps what it knows: fw_env.config, grubenv, the folder of the EFI system partition or of
        /// autoboot.txt, the device of barebox's state, the program of a script
        live place: Option<PathBuf>, like "/boot/grub/grubenv";
        /// Write U-Boot's environment although there is one copy on a device, which a power cut tears
        live single: bool = false;
        /// The first byte of barebox's state on its device
        live offset: u64 = 0;
        /// How long the program of a script may take for an answer
        live timeout: Duration = "10s", in "1s"..="5m";
    }
}
