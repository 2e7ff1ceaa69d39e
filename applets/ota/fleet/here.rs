//! The device itself, for what follows origins: [`super::machine::Machine`] by `apply`, `boot` and `health`.
//!
//! The updater is opened for each piece of work and closed after it, so that whoever types a verb is not kept out in
//! between. Neighbours: `device` opens, `apply` installs, `bundle::source` fetches.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use edgekit_core::{Clock, Error, Paths};
use edgekit_http::Url;

use super::machine::{From, Glance, Machine, Runs, Stage, Standing, Underway, Unfit};
use crate::apply::state::Stage as Written;
use crate::apply::{self, Installed, Outcome, Terms, Watcher};
use crate::bundle::read;
use crate::bundle::source::{Fetching, FileSource, HttpSource, Source, is_url};
use crate::config::Ota;
use crate::device::Updater;
use crate::fault::Fault;
use crate::halt::Halt;
use crate::health::{self, Listener, Verdict};
use crate::judge;
use crate::policy;
use crate::trust;

/// What all records of the fleet begin with in the state.
const PREFIX: &str = "fleet/";

/// The device.
pub(crate) struct Here {
    made: Mutex<(Ota, Fetching)>,
    paths: Paths,
    clock: Clock,
}

impl Here {
    pub(crate) fn new(config: Ota, fetching: Fetching, paths: Paths, clock: Clock) -> Here {
        Here { made: Mutex::new((config, fetching)), paths, clock }
    }

    /// Takes over another configuration; what is under way ends by the old one.
    pub(crate) fn renew(&self, config: Ota, fetching: Fetching) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = (config, fetching);
    }

    fn made(&self) -> (Ota, Fetching) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open(&self, is_read: bool) -> Result<Updater, Fault> {
        let updater = Updater::open(self.made().0, &self.paths, &self.clock, is_read)?;
        for note in updater.state.notes() {
            tracing::warn!(target: "ota", "{note}");
        }
        Ok(updater)
    }

    fn source(&self, from: &From, halt: &Halt) -> Result<Box<dyn Source>, Fault> {
        let path = Path::new(&from.place);
        if !is_url(path) {
            return Ok(Box::new(FileSource::open(path)?));
        }
        let (_, mut fetching) = self.made();
        if let (Some(login), Ok(url)) = (&from.login, Url::parse(&from.place)) {
            fetching.login(url, login.clone());
        }
        Ok(Box::new(HttpSource::open(&from.place, &fetching, halt.clone())?))
    }
}

impl Machine for Here {
    fn settle(&self) -> Result<Standing, Fault> {
        let mut updater = self.open(false)?;
        apply::settle(&mut updater)?;
        standing(&updater)
    }

    fn glance(&self, from: &From, halt: &Halt) -> Result<Glance, Fault> {
        let mut updater = self.open(true)?;
        updater.believe(&self.paths)?;
        let trust = updater.trust.as_deref().ok_or_else(trust::nobody)?;
        let mut source = self.source(from, halt)?;
        let opened = read::open(source.as_mut())?;
        let (bundle, _) = opened.check(trust, updater.now())?;
        let unfit = |fault: Fault| {
            let why = fault.to_string();
            Unfit { code: i32::from(Error::from(fault).exit().value()), why }
        };
        let id = bundle.id();
        let blocked = updater.state.blocked(&id)?.map(|blocked| {
            let why =
                format!("{} {} is not taken again: {}", bundle.manifest.name, blocked.version, blocked.why);
            unfit(Fault::Refused(why, "'edgekit ota unblock' has it taken again"))
        });
        let unfit = match policy::fits(&bundle.manifest, &updater.device()?) {
            Ok(()) => blocked,
            Err(fault) => Some(unfit(fault)),
        };
        Ok(Glance { id, name: bundle.manifest.name.clone(), version: bundle.manifest.version.clone(), unfit })
    }

    fn install(
        &self,
        from: &From,
        terms: &Terms,
        halt: &Halt,
        watcher: &mut dyn Watcher,
    ) -> Result<Installed, Fault> {
        let mut updater = self.open(false)?;
        updater.believe(&self.paths)?;
        let mut source = self.source(from, halt)?;
        let mut hooks = judge::open(&updater.config.hooks, &self.clock)?;
        judge::install(&mut updater, source.as_mut(), terms, watcher, &mut *hooks)
    }

    fn switch(&self) -> Result<Outcome, Fault> {
        let mut updater = self.open(false)?;
        apply::settle(&mut updater)?;
        let mut hooks = judge::open(&updater.config.hooks, &self.clock)?;
        judge::switch(&mut updater, &mut *hooks)
    }

    fn judge(&self, halt: &Halt) -> Result<Option<String>, Fault> {
        // Nobody is kept out of the state while checks are made.
        let (config, _) = self.made();
        let mut hooks = judge::open(&config.hooks, &self.clock)?;
        match health::judge(&config.health, &mut *hooks, &mut Heard(halt), &self.clock)? {
            Verdict::Good => apply::commit(&mut self.open(false)?).map(|_| None),
            Verdict::Stopped(why) => Err(Fault::Stopped(why)),
            Verdict::Bad { check, why } => {
                let why = format!("check '{check}' did not pass: {why}");
                apply::rollback(&mut self.open(false)?, &why)?;
                Ok(Some(why))
            }
        }
    }

    fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let updater = self.open(false)?;
        Ok(updater.state.table().get(format!("{PREFIX}{key}").as_bytes()))
    }

    fn keep(&self, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        let updater = self.open(false)?;
        let (table, key) = (updater.state.table(), format!("{PREFIX}{key}"));
        match value {
            Some(value) => table.put(key.as_bytes(), value)?,
            None => table.delete(key.as_bytes())?,
        }
        Ok(())
    }
}

/// Logs what does not pass yet, and stops when it is asked to.
struct Heard<'a>(&'a Halt);

impl Listener for Heard<'_> {
    fn tried(&mut self, check: &str, outcome: Result<u32, &str>) {
        match outcome {
            Ok(row) => tracing::debug!(target: "ota", "check '{check}' passed, {row} in a row"),
            Err(why) => tracing::info!(target: "ota", "check '{check}': {why}"),
        }
    }

    fn stop(&mut self) -> Option<String> {
        self.0.why().map(str::to_owned)
    }
}

/// How the device stands.
fn standing(updater: &Updater) -> Result<Standing, Fault> {
    let slot = updater.boot.running()?;
    let runs = updater.state.set(slot)?.filter(|set| set.is_committed).map(|set| Runs {
        id: set.id,
        name: set.name,
        version: set.version,
        digests: set.images.into_iter().map(|(name, (digest, _))| (name, digest)).collect(),
    });
    let deployment = updater.state.deployment()?.map(|deployment| {
        let is_running = deployment.slot == slot;
        let stage = match deployment.stage {
            Written::Writing => Stage::Writing,
            Written::Written => Stage::Written,
            Written::Switching => Stage::Switched,
            Written::Trying if is_running => Stage::Trying,
            Written::Trying => Stage::Switched,
            Written::Committing => Stage::Trying,
            Written::Committed => Stage::Committed,
            // The way back ends where the other slot runs.
            Written::Returning | Written::Returned if is_running => Stage::Leaving,
            Written::Returning | Written::Returned | Written::Failed => Stage::Returned,
        };
        Underway {
            id: deployment.id,
            name: deployment.name,
            version: deployment.version,
            stage,
            why: deployment.why.unwrap_or_default(),
        }
    });
    let hardware = updater.device()?.hardware;
    Ok(Standing { slot, runs, deployment, hardware })
}
