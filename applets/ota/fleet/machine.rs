//! What following an origin takes of the device: to know how it stands, to install, to switch, to judge, to remember.
//!
//! A trait, because the order of these things, with all that may happen in between, is worth tests that play weeks in
//! milliseconds. `here` is the device itself; every call may take long and is made on a blocking thread. Neighbours:
//! `follow` and `work` call, `apply`, `boot` and `health` do it.

use edgekit_http::header::HeaderValue;

use crate::apply::{Installed, Outcome, Terms, Watcher};
use crate::boot::Name;
use crate::fault::Fault;
use crate::halt::Halt;
use crate::hex::Hex;
use crate::version::Version;

/// Where a bundle is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct From {
    /// An address or a path.
    pub(crate) place: String,
    /// A word for the server of that address, and no other.
    pub(crate) login: Option<HeaderValue>,
}

/// What a bundle says of itself, once it is believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Glance {
    /// Digest of its signed manifest.
    pub(crate) id: Hex,
    /// What it updates.
    pub(crate) name: String,
    /// To which version.
    pub(crate) version: Version,
    /// Why it is not for this device, or not taken here any more.
    pub(crate) unfit: Option<Unfit>,
}

/// Why not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unfit {
    /// An exit code.
    pub(crate) code: i32,
    /// In words.
    pub(crate) why: String,
}

/// How the device stands, after `settle`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// The slot that runs.
    pub(crate) slot: Name,
    /// What was committed to it, if anything ever was.
    pub(crate) runs: Option<Runs>,
    /// What is under way, or how the last one ended.
    pub(crate) deployment: Option<Underway>,
    /// What the device is, as bundles name hardware.
    pub(crate) hardware: Option<String>,
}

/// What runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Runs {
    /// Digest of the signed manifest.
    pub(crate) id: Hex,
    /// What it is.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
    /// The image of each component, by its digest.
    pub(crate) digests: Vec<(String, Hex)>,
}

/// A deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Underway {
    /// Digest of the signed manifest.
    pub(crate) id: Hex,
    /// What it is.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
    /// How far it is.
    pub(crate) stage: Stage,
    /// Why it was sent back.
    pub(crate) why: String,
}

/// How far a deployment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Some of it is written.
    Writing,
    /// All of it is written and proven.
    Written,
    /// It is the next to start.
    Switched,
    /// It runs, and is to be judged.
    Trying,
    /// It runs and was found bad: the other slot is next.
    Leaving,
    /// It is good.
    Committed,
    /// It was sent back, by us or by the boot loader.
    Returned,
}

/// The device.
pub(crate) trait Machine: Send + Sync {
    /// Drives the device to what its state says, and tells how it stands.
    ///
    /// # Errors
    /// Those of state, boot loader and slots.
    fn settle(&self) -> Result<Standing, Fault>;
    /// Reads the head of a bundle, and believes it or not.
    ///
    /// # Errors
    /// Those of reaching and reading it; [`Fault::Untrusted`].
    fn glance(&self, from: &From, halt: &Halt) -> Result<Glance, Fault>;
    /// Installs; the watcher is asked before the switch.
    ///
    /// # Errors
    /// Those of `apply::install`.
    fn install(
        &self,
        from: &From,
        terms: &Terms,
        halt: &Halt,
        watcher: &mut dyn Watcher,
    ) -> Result<Installed, Fault>;
    /// Sees whether what is tried is good, and commits it or sends it back; why, if it does.
    ///
    /// # Errors
    /// Those of writing that down; what is tried is tried on then.
    fn judge(&self, halt: &Halt) -> Result<Option<String>, Fault>;
    /// Starts what is written.
    ///
    /// # Errors
    /// Those of `apply::switch`.
    fn switch(&self) -> Result<Outcome, Fault>;
    /// A note of ours.
    ///
    /// # Errors
    /// Those of the state.
    fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// Keeps or removes a note; durable when it returns.
    ///
    /// # Errors
    /// Those of the state.
    fn keep(&self, key: &str, value: Option<&[u8]>) -> Result<(), Fault>;
}
