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
//! | `running` | which slot runs: the kernel's command line, or the device of the root |
//!
//! Neighbours: `apply` asks and drives, `device` opens the one that is configured, `slot` writes what it starts.

mod crc;
mod none;
#[cfg(test)]
mod proof;
pub mod running;
pub mod uboot;

use std::fmt;
use std::sync::Arc;

use edgekit_store::Table;

use crate::fault::Fault;

pub use none::NoLoader;

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
    /// How often it is started until the other one is; `None` once it is confirmed.
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
}

/// The boot loader that is configured. `table` is the state's, `boot_id` the kernel's for this boot of the machine.
///
/// # Errors
/// Where its store is not what the configuration says.
pub fn open(loader: &Loader, table: Arc<Table>, boot_id: &str) -> Result<Box<dyn Boot>, Fault> {
    match loader.kind {
        Kind::None => Ok(Box::new(NoLoader::open(table, boot_id)?)),
    }
}

edgekit_core::words! {
    /// Who decides which slot starts.
    pub enum Kind {
        /// Nobody: folders and files change at once.
        None = "none",
    }
}

edgekit_core::config! {
    /// How the device starts one of its slots
    pub struct Loader {
        /// Which boot loader it has
        live kind: Kind = "none";
        /// How often a new slot is started before the old one is again, unless it is committed
        live tries: u32 = 3, in 1..=15;
    }
}
