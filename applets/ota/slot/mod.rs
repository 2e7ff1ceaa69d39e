//! Where a component is written: the third of the four traits, and its kinds.
//!
//! A [`Slot`] is one component in one of the device's two slots. It takes pages in order, makes them durable when it
//! is asked to, and gives back what is stored; which of the slots runs is not its business (`boot`), nor what it may
//! be given (`apply`). Everything goes through [`edgekit_store::Fs`], so that `store::proof` can record each write and
//! each flush and replay every power cut.
//!
//! | room | knows |
//! |---|---|
//! | `plain` | bytes from beginning to end: block devices, image files, files of their own |
//! | `folder`, `archive` | folders, whose image is an archive |
//! | `itself` | a program that is exchanged while it runs |
//! | `machine` | who else has a place: mounts, holders, loop devices, space |
//!
//! Neighbours: `apply` drives them, `device` opens those that are configured.

pub mod archive;
mod folder;
pub(crate) mod itself;
mod machine;
mod plain;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::Fs;

use crate::boot::Name;
use crate::fault::Fault;
use crate::image::Image;
use folder::Folder;
use itself::Itself;
pub(crate) use machine::{is_another, is_one};
use plain::{Nature, Plain};

/// How far a slot is written, by a record that is durable itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Durable {
    /// Pages, from the first.
    pub pages: u64,
    /// What the slot asked to be reminded of when it was flushed.
    pub memo: Vec<u8>,
}

/// One component in one slot.
pub trait Slot: Send {
    /// What it is called in messages: a path.
    fn place(&self) -> String;
    /// Whether an image of `size` bytes can be written here, before anything is: space, a device that is mounted or
    /// held by another, a read-only disk, the place that runs.
    ///
    /// # Errors
    /// [`Fault::Target`], with the next step.
    fn check(&self, size: u64) -> Result<(), Fault>;
    /// Makes it ready: anew, or to go on after what is durable.
    ///
    /// # Errors
    /// Those of the file system.
    fn begin(&mut self, size: u64, resume: Option<&Durable>) -> Result<(), Fault>;
    /// Writes a page; in order, each of 1 MiB but the last.
    ///
    /// # Errors
    /// Those of the file system; [`Fault::Damaged`] where the image is not one this kind of slot can hold.
    fn write(&mut self, page: u64, bytes: &[u8]) -> Result<(), Fault>;
    /// Makes all that was written durable; gives the memo to go on from here.
    ///
    /// # Errors
    /// Those of the file system. What was not durable before may be lost then.
    fn flush(&mut self) -> Result<Vec<u8>, Fault>;
    /// All pages are there: makes the whole of it durable, names and all.
    ///
    /// # Errors
    /// As [`Slot::flush`], and where the image ended too early for this kind of slot.
    fn finish(&mut self) -> Result<(), Fault>;
    /// What another process has to be reminded of to go on from here if this one is killed, durable or not: asked after
    /// each page. None where it finds out by itself, from what is there.
    fn memo(&self) -> Option<Vec<u8>> {
        None
    }
    /// What may hold pages behind the durable ones, once it was begun: a process that was killed has left them.
    ///
    /// # Errors
    /// Those of opening it.
    fn left(&self) -> Result<Option<Box<dyn Image>>, Fault> {
        Ok(None)
    }
    /// What it was written for is tried before it counts, once it was read back: a program says its version.
    ///
    /// # Errors
    /// [`Fault::Target`] if it cannot be used here.
    fn try_out(&self) -> Result<(), Fault> {
        Ok(())
    }
    /// What is stored, read past the page cache: the source of a delta, and what is proven before it is started.
    ///
    /// # Errors
    /// Those of opening it; [`Fault::Absent`] if there is nothing.
    fn image(&self) -> Result<Box<dyn Image>, Fault>;
}

/// A component in a slot, where the configuration has it.
///
/// # Errors
/// [`Fault::Config`] for what is missing there.
pub(crate) fn open(
    fs: &Arc<dyn Fs>,
    root: &Path,
    component: &str,
    home: &Home,
    name: Name,
) -> Result<Box<dyn Slot>, Fault> {
    let set = |name: Name| root.join(name.word()).join(component);
    Ok(match home.kind {
        Kind::Itself => Box::new(Itself::new(fs.clone(), &home.program()?, name)),
        Kind::Device => {
            let place = if name == Name::A { &home.a } else { &home.b };
            let place = place.as_ref().ok_or_else(|| {
                Fault::Config(
                    format!("component '{component}' has no place for slot {name}"),
                    format!("a device has two: {name} = \"/dev/…\" in [component.{component}]"),
                )
            })?;
            Box::new(Plain::new(fs.clone(), place, Nature::Area))
        }
        Kind::Folder => Box::new(Folder::new(fs.clone(), &set(name))),
        Kind::File => Box::new(Plain::new(fs.clone(), &set(name), Nature::Anew(set(name.other()), 0o644))),
    })
}

edgekit_core::words! {
    /// What a component is made of.
    pub enum Kind {
        /// A file system image in two block devices, or two image files.
        Device = "device",
        /// A folder; its image is an archive.
        Folder = "folder",
        /// A single file.
        File = "file",
        /// A program that is exchanged where it is: edgekit itself, if no path is said.
        Itself = "self",
    }
}

edgekit_core::config! {
    /// Where a component is on this device
    pub struct Home {
        /// What it is made of: device, folder, file or self
        live kind: Kind, like "device";
        /// Block device or image file of slot a; for a device
        live a: Option<PathBuf>, like "/dev/mmcblk0p2";
        /// Block device or image file of slot b; for a device
        live b: Option<PathBuf>, like "/dev/mmcblk0p3";
        /// The program that is exchanged; for self, where edgekit itself is meant if nothing is said
        live path: Option<PathBuf>, like "/usr/local/bin/edgekit";
        /// Services that are handed over to the new program at once; for self
        live daemons: Vec<String> = [];
    }
}

impl Home {
    /// The program that is exchanged.
    pub(crate) fn program(&self) -> Result<PathBuf, Fault> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None => std::env::current_exe().map_err(Fault::io("find", "/proc/self/exe")),
        }
    }
}
