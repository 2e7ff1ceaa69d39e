//! From a bundle to a slot that is proven and started: the order of everything that is done to a device.
//!
//! ```text
//! trust → policy → blocked? → plan → Slot::check of all → write with checkpoints → read back and hash of all
//!       → written → switch → trying → (reboot, or restart) → health → commit, or return
//! ```
//! | room | knows |
//! |---|---|
//! | `plan` | what will be done, in bytes |
//! | `install` | pages, checkpoints, read-back |
//! | `settle` | the switch, commit, return; what a power cut left of them |
//! | `state` | what is remembered |
//!
//! Neighbours: `bundle` gives proven pages, `slot` takes them, `boot` starts them, `device` holds them together;
//! `fleet` and the verbs call [`install`] and are told through a [`Watcher`].

mod install;
mod plan;
#[cfg(test)]
mod proof;
mod settle;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use install::install;
pub use settle::{Settled, commit, mark_bad, rollback, settle, switch, unblock};

use crate::boot::Name;
use crate::fault::Fault;
use crate::hex::Hex;
use crate::version::Version;

/// What may be done, as a person, a file or a server has said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Bytes that may be fetched; more is refused before the first write.
    pub max_bytes: Option<u64>,
    /// Whether a full image is taken where no delta fits what is installed; the plan says so in any case.
    pub full_fallback: bool,
    /// Only the plan: nothing is written, not even the state.
    pub dry_run: bool,
    /// Only these components are taken from the bundle; all if there is none. The others are carried over from the
    /// slot that runs, so that the new slot is whole.
    pub components: Vec<String>,
    /// Take a version that is blocked, or that runs already.
    pub force: bool,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { max_bytes: None, full_fallback: true, dry_run: false, components: Vec::new(), force: false }
    }
}

/// What an installation is doing. Each is said once, in this order, and `Writing` and `Proving` once a component.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Phase<'a> {
    /// The bundle is genuine and for this device; what runs is read to find a delta's source.
    Planning,
    /// What will be done. For a dry run it is the end.
    Planned(&'a Plan),
    /// A component is written; bytes of its image.
    Writing(&'a str, u64),
    /// A component is read back; bytes of its image.
    Proving(&'a str, u64),
    /// All is written and proven. It may be asked now whether it is to be started: see [`Watcher::stop`].
    Written,
    /// The other slot is next, or in use already.
    Switched,
}

/// Bytes since the last time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moved {
    /// Read from the source of the bundle.
    pub fetched: u64,
    /// Of images: written, or read in a phase that reads.
    pub done: u64,
    /// Of images: what need not be fetched, since a delta, a copy or an earlier attempt had it.
    pub saved: u64,
}

/// Who wants to know how far an installation is, and may stop it.
pub trait Watcher {
    /// The next phase begins.
    fn phase(&mut self, phase: Phase<'_>);
    /// So much more was done.
    fn moved(&mut self, moved: Moved);
    /// Asked between two pages, of what is read too, and before the switch; a reason ends it with [`crate::Fault::Stopped`], to be gone on
    /// with later.
    fn stop(&mut self) -> Option<String>;
}

/// Ends what was asked to stop.
fn stop(watcher: &mut dyn Watcher) -> Result<(), Fault> {
    watcher.stop().map_or(Ok(()), |why| Err(Fault::Stopped(why)))
}

/// How a component comes into its slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// This payload of the bundle, the full image.
    Full(String),
    /// This payload, a delta against what runs.
    Delta(String),
    /// The same image runs: it is copied.
    Copied,
    /// It is there already, by the state.
    There,
}

/// What will be done for one component.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The component.
    pub name: String,
    /// Where to, for messages.
    pub place: String,
    /// How.
    pub way: Way,
    /// Bytes of the image, and its digest.
    pub size: u64,
    /// BLAKE3 of the image.
    pub digest: Hex,
    /// Bytes to fetch, as the bundle says, with the lists of hashes.
    pub fetch: u64,
    /// Pages that are durable from an earlier attempt.
    pub durable: u64,
    /// True if an earlier attempt had written some of it, and somebody has removed that: it is begun afresh.
    pub is_gone: bool,
    /// Why a delta was not taken although there is one.
    pub fallback: Option<String>,
}

/// What will be done, in bytes, before anything is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Digest of the signed manifest: what the deployment is called everywhere.
    pub id: Hex,
    /// What is updated.
    pub name: String,
    /// To which version.
    pub version: Version,
    /// Into which slot.
    pub slot: Name,
    /// Component by component, by name.
    pub items: Vec<Item>,
}

impl Plan {
    /// Bytes that will be fetched.
    pub fn fetch(&self) -> u64 {
        self.items.iter().map(|item| item.fetch).sum()
    }

    /// Bytes of all images.
    pub fn size(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }
}

/// How an installation ended, if it did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A dry run.
    Planned,
    /// This deployment runs already; nothing was done.
    Runs,
    /// It is started at the next boot of the machine.
    Reboot,
    /// It is in use now, and waits for its commit.
    InUse,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// How it ended.
    pub outcome: Outcome,
    /// What was planned, and done unless the outcome says otherwise.
    pub plan: Plan,
}
