//! The installation itself: a plan becomes a slot, page by page, and what a power cut leaves is gone on with.
//!
//! Everything that is durable is in this order: the loader is told not to start the slot; the state forgets what was
//! in it and says what is to be; pages, a flush, the record that has them, again and again; the end of the component,
//! the record that has it. So a record never says more than is there, and what it says is not written again.
//! Neighbours: `plan` before it, `settle` after it.

use std::cell::Cell;
use std::rc::Rc;

use edgekit_store::BlockBuf;

use super::plan::{Planner, digest_of};
use super::settle;
use super::state::{Deployment, Part, Stage};
use super::{Installed, Item, Moved, Outcome, Phase, Plan, Terms, Watcher, Way, stop};
use crate::boot::Name;
use crate::bundle::read::{self, Bundle};
use crate::bundle::shelf::{Marks, Shelf};
use crate::bundle::source::Source;
use crate::bundle::tree::{self, Hash, PAGE};
use crate::bundle::write::NOTHING;
use crate::device::Updater;
use crate::fault::Fault;
use crate::image::{Image, Prefix};
use crate::policy;
use crate::slot::{self, Durable, Kind, Slot};
use crate::trust;

/// Installs a bundle: see the order in [`super`]. What runs is never written to, and a refusal comes before the first
/// write.
///
/// # Errors
/// Every [`Fault`]; after [`Fault::Stopped`], and after those of the network and of the disk, the same call goes on
/// where it was.
pub fn install(
    updater: &mut Updater,
    source: &mut dyn Source,
    terms: &Terms,
    watcher: &mut dyn Watcher,
) -> Result<Installed, Fault> {
    if !terms.dry_run {
        settle::settle(updater)?;
    }
    let meter = Rc::new(Cell::new(0));
    let is_fetched = source.fetched().is_some();
    let mut source = Metered { source, bytes: meter.clone() };
    let opened = read::open(&mut source)?;
    let trust = updater.trust.as_ref().ok_or_else(trust::nobody)?;
    let (mut bundle, approval) = opened.check(&**trust, updater.now())?;
    bundle.unseal(&updater.openers)?;
    watcher.phase(Phase::Planning);
    policy::fits(&bundle.manifest, &updater.device()?)?;
    let running = updater.boot.running()?;
    let before = updater.state.deployment()?;
    if let Some(outcome) = gate(updater, &bundle, terms, running, before.as_ref())? {
        let plan = Plan {
            id: bundle.id(),
            name: bundle.manifest.name.clone(),
            version: bundle.manifest.version.clone(),
            slot: if outcome == Outcome::Reboot { running.other() } else { running },
            items: Vec::new(),
        };
        return Ok(Installed { outcome, plan });
    }
    let mut earlier = before.filter(|before| {
        matches!(before.stage, Stage::Writing | Stage::Written)
            && (before.id, before.slot) == (bundle.id(), running.other())
    });
    let gone = gone(updater, earlier.as_mut())?;
    let planner = Planner {
        updater,
        terms,
        running,
        gone: &gone,
        there: updater.state.set(running)?,
        target: updater.state.set(running.other())?,
        earlier: earlier.as_ref(),
    };
    let plan = planner.plan(&bundle, watcher)?;
    for item in plan.items.iter().filter(|item| item.way != Way::There) {
        // A program is written beside the one that runs and renamed: its two names may well be of one file.
        if updater.config.component.get(&item.name).is_none_or(|home| home.kind != Kind::Itself) {
            slot::is_another(&item.place, &updater.slot(&item.name, running)?.place())?;
        }
        updater.slot(&item.name, plan.slot)?.check(item.size)?;
    }
    budget(&plan, terms)?;
    watcher.phase(Phase::Planned(&plan));
    if terms.dry_run {
        return Ok(Installed { outcome: Outcome::Planned, plan });
    }
    // Who decides about the plan, a hook or a server, does so before anything is written.
    stop(watcher)?;
    if earlier.as_ref().is_none_or(|earlier| earlier.stage != Stage::Written) {
        let shelf = updater.shelf.as_ref().filter(|_| is_fetched);
        let shelf = shelf.map(|folder| Shelf::open(folder, &plan.id));
        let marks = shelf.as_ref().map(Shelf::marks);
        shelf.into_iter().for_each(|shelf| bundle.shelve(shelf));
        let newest = approval.list.and_then(|number| {
            let lists = bundle.head.key_lists().ok()?;
            lists.into_iter().find(|list| list.keys.number == number).map(|list| list.signed.to_text())
        });
        let deployment = begin(updater, &bundle, &plan, earlier, newest, marks.as_ref())?;
        let mut work = Work { updater, bundle, running, deployment, meter, fetched: 0, marks, watcher };
        work.write_all(&plan)?;
        work.prove_all(&plan)?;
        work.written()?;
        work.bundle.clear();
    }
    stop(watcher)?;
    let outcome = settle::switch(updater)?;
    watcher.phase(Phase::Switched);
    Ok(Installed { outcome, plan })
}

/// Strikes out of an earlier attempt what somebody has removed since: it is begun afresh. Gives the components.
fn gone(updater: &Updater, earlier: Option<&mut Deployment>) -> Result<Vec<String>, Fault> {
    let Some(earlier) = earlier else { return Ok(Vec::new()) };
    let mut gone = Vec::new();
    for (name, part) in earlier.parts.iter().filter(|(_, part)| part.is_done || part.durable.pages > 0) {
        // One that is not configured any more is in no plan.
        let Ok(slot) = updater.slot(name, earlier.slot) else { continue };
        let place = slot.place();
        if part.size > 0 && updater.fs.stat(place.as_ref()).map_err(Fault::io("look at", &place))?.is_none() {
            gone.push(name.clone());
        }
    }
    for name in &gone {
        earlier.parts.remove(name);
        earlier.stage = Stage::Writing;
    }
    Ok(gone)
}

/// Whether there is anything to do, and whether it may be done now.
fn gate(
    updater: &Updater,
    bundle: &Bundle<'_>,
    terms: &Terms,
    running: Name,
    before: Option<&Deployment>,
) -> Result<Option<Outcome>, Fault> {
    let (id, manifest) = (bundle.id(), &bundle.manifest);
    let (name, version) = (&manifest.name, &manifest.version);
    if let Some(before) = before {
        let is_same = before.id == id;
        match before.stage {
            Stage::Trying if before.slot == running && is_same => return Ok(Some(Outcome::InUse)),
            Stage::Trying if is_same => return Ok(Some(Outcome::Reboot)),
            Stage::Trying if before.slot == running => {
                return Err(Fault::Refused(
                    format!("{} {} is in use and not committed yet", before.name, before.version),
                    "decide first: 'edgekit ota commit' keeps it, 'edgekit ota rollback' leaves it",
                ));
            }
            Stage::Returning => {
                return Err(Fault::Refused(
                    format!("{} {} is being left", before.name, before.version),
                    "reboot first: the other slot is started then",
                ));
            }
            _ => {}
        }
    }
    let runs = updater.state.set(running)?.filter(|set| set.id == id);
    let is_whole = |(name, component): (&String, &crate::bundle::Component)| {
        let is_left_out = !terms.components.is_empty() && !terms.components.contains(name);
        let image = runs.as_ref().and_then(|set| set.images.get(name));
        is_left_out || image == Some(&(component.digest, component.size))
    };
    if runs.is_some() && !terms.force && manifest.component.iter().all(is_whole) {
        return Ok(Some(Outcome::Runs));
    }
    if terms.force {
        return Ok(None);
    }
    if let Some(blocked) = updater.state.blocked(&id)? {
        return Err(Fault::Refused(
            format!("{name} {version} is blocked since {}: {}", blocked.when, blocked.why),
            "install a newer version, or say that it may be taken again: 'edgekit ota unblock ID', as 'status' shows it",
        ));
    }
    let count = updater.state.rollbacks()?;
    if count >= updater.config.rollbacks {
        return Err(Fault::Refused(
            format!("{count} updates were sent back, and none committed since: nothing more is installed"),
            "find out why ('edgekit ota status'), then say so: 'edgekit ota unblock --all'",
        ));
    }
    Ok(None)
}

fn budget(plan: &Plan, terms: &Terms) -> Result<(), Fault> {
    match terms.max_bytes {
        Some(most) if plan.fetch() > most => Err(Fault::Budget(
            format!("{} {} takes {} bytes, and {most} are allowed", plan.name, plan.version, plan.fetch()),
            "raise --max-bytes or download.max_bytes, or ask for a bundle with a delta against what runs",
        )),
        _ => Ok(()),
    }
}

/// From here on the slot is not what it was.
fn begin(
    updater: &mut Updater,
    bundle: &Bundle<'_>,
    plan: &Plan,
    earlier: Option<Deployment>,
    keys: Option<String>,
    marks: Option<&Marks>,
) -> Result<Deployment, Fault> {
    let mut old = earlier.map(|earlier| earlier.parts).unwrap_or_default();
    let part = |item: &Item| {
        let known = old.remove(&item.name).filter(|part| part.digest == item.digest && part.way == item.way);
        let part = known.unwrap_or_else(|| {
            marks.into_iter().for_each(|marks| marks.forget(&item.name));
            Part::of(item, Durable::default())
        });
        (item.name.clone(), part)
    };
    let parts = edgekit_core::sort::map(plan.items.iter().map(part).collect::<Vec<_>>());
    let deployment = Deployment {
        id: plan.id,
        name: plan.name.clone(),
        version: plan.version.clone(),
        floor: bundle.manifest.floor.clone(),
        slot: plan.slot,
        stage: Stage::Writing,
        why: None,
        parts,
    };
    updater.boot.reject(plan.slot)?;
    let mut change = updater.state.change().deployment(&deployment).set(plan.slot, None);
    if let Some(keys) = keys {
        change = change.keys(&keys);
    }
    change.make()?;
    Ok(deployment)
}

/// An installation at work.
struct Work<'a, 'b> {
    updater: &'a mut Updater,
    bundle: Bundle<'b>,
    running: Name,
    deployment: Deployment,
    /// Bytes read from the source, and those that were told.
    meter: Rc<Cell<u64>>,
    fetched: u64,
    /// How far components are written, for who comes after a kill.
    marks: Option<Marks>,
    watcher: &'a mut dyn Watcher,
}

impl Work<'_, '_> {
    fn write_all(&mut self, plan: &Plan) -> Result<(), Fault> {
        for item in &plan.items {
            if self.deployment.parts.get(&item.name).is_some_and(|part| part.is_done) {
                continue;
            }
            self.watcher.phase(Phase::Writing(&item.name, item.size));
            match self.write(item) {
                Err(Fault::Source(what)) => {
                    // Chosen anew the next time; what a wrong source made was never written.
                    self.deployment.parts.remove(&item.name);
                    self.updater.state.change().deployment(&self.deployment).make()?;
                    return Err(Fault::Source(what));
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn write(&mut self, item: &Item) -> Result<(), Fault> {
        let mut slot = self.updater.slot(&item.name, self.deployment.slot)?;
        let durable =
            self.deployment.parts.get(&item.name).map(|part| part.durable.clone()).unwrap_or_default();
        let from = self.begin(item, &durable, &mut *slot)?;
        if from > 0 {
            let saved = from.saturating_mul(PAGE as u64).min(item.size);
            self.watcher.moved(Moved { done: saved, saved, fetched: 0 });
        }
        match &item.way {
            Way::Full(payload) | Way::Delta(payload) => self.pour(item, payload, from, &mut *slot)?,
            Way::Copied | Way::There => self.copy(item, from, &mut *slot)?,
        }
        slot.finish()?;
        if let Some(part) = self.deployment.parts.get_mut(&item.name) {
            (part.is_done, part.durable.memo) = (true, Vec::new());
            part.durable.pages = tree::pages_of(item.size);
        }
        self.updater.state.change().deployment(&self.deployment).make()
    }

    /// Makes a slot ready to go on behind what is durable, or behind what a process has left that was killed; gives the
    /// page from which on it is to be written, or looked at.
    fn begin(&self, item: &Item, durable: &Durable, slot: &mut dyn Slot) -> Result<u64, Fault> {
        let mark = self.marks.as_ref().and_then(|marks| marks.of(&item.name));
        if let Some((pages, memo)) = mark.filter(|(pages, _)| *pages > durable.pages) {
            let left = Durable { pages, memo };
            // What is not there any more is begun as if there was no mark.
            if slot.begin(item.size, Some(&left)).is_ok() {
                // Pages that can be proven are believed as little as if nobody had marked them.
                return Ok(if slot.left()?.is_some() { durable.pages } else { pages });
            }
        }
        slot.begin(item.size, (durable.pages > 0).then_some(durable))?;
        Ok(durable.pages)
    }

    fn pour(&mut self, item: &Item, payload: &str, from: u64, slot: &mut dyn Slot) -> Result<(), Fault> {
        let old = match &item.way {
            Way::Delta(_) => Some(self.updater.slot(&item.name, self.running)?.image()?),
            _ => None,
        };
        let size =
            self.bundle.component(&item.name)?.payload.get(payload).and_then(|payload| payload.source_size);
        let outgrown = || Fault::Source(format!("what runs as '{}' is smaller than it was", item.name));
        let prefix = match (&old, size) {
            (Some(old), Some(size)) => Some(Prefix::of(&**old, size).ok_or_else(outgrown)?),
            _ => None,
        };
        let old: &dyn Image = match &prefix {
            Some(prefix) => prefix,
            None => &NOTHING,
        };
        let pages = self.bundle.pages(&item.name)?;
        let kept = self.deployment.parts.get(&item.name).map_or(0, |part| part.durable.pages);
        let (from, stopped) = self.left(item, &pages, from, slot)?;
        let mut steps = Steps {
            updater: self.updater,
            deployment: &mut self.deployment,
            item,
            slot,
            kept,
            next: from,
            marks: self.marks.as_ref(),
            is_saved: matches!(item.way, Way::Delta(_)),
            meter: &self.meter,
            fetched: &mut self.fetched,
            watcher: self.watcher,
        };
        let mut sink = |page, bytes: &[u8]| steps.page(page, bytes);
        let poured = match stopped {
            Some(why) => Err(Fault::Stopped(why)),
            None => self.bundle.pour_from(from, &item.name, payload, &pages, old, &mut sink),
        };
        if let Err(Fault::Stopped(_) | Fault::Net(_)) = poured {
            // It may be long until it is gone on with: a power cut then takes nothing.
            steps.checkpoint()?;
        }
        poured
    }

    /// Goes over pages that are what they should be although no record has them: one that was killed wrote them, or the
    /// old image has the same. They are as good as written, and durable with the next ones. Gives the page behind them,
    /// and why to stop there.
    fn left(
        &mut self,
        item: &Item,
        pages: &[Hash],
        from: u64,
        slot: &dyn Slot,
    ) -> Result<(u64, Option<String>), Fault> {
        let Some(image) = slot.left()? else { return Ok((from, None)) };
        let (mut number, mut page, mut stopped) = (from, BlockBuf::default(), None);
        while let Some(expected) = usize::try_from(number).ok().and_then(|number| pages.get(number)) {
            let (at, bytes) = (number * PAGE as u64, page.sized(tree::page_len(item.size, number)));
            let done = bytes.len() as u64;
            // What cannot be read is written anew.
            if at + done > image.size()
                || image.read(at, bytes).is_err()
                || tree::page_hash(bytes, number, pages.len() as u64) != *expected
            {
                break;
            }
            number += 1;
            self.watcher.moved(Moved { done, saved: done, fetched: 0 });
            stopped = self.watcher.stop();
            if stopped.is_some() {
                break;
            }
        }
        Ok((number, stopped))
    }

    fn copy(&mut self, item: &Item, from: u64, slot: &mut dyn Slot) -> Result<(), Fault> {
        let image = self.updater.slot(&item.name, self.running)?.image()?;
        let changed = || {
            Fault::Source(format!(
                "what runs as '{}' is not what was installed: it cannot be carried over",
                item.name
            ))
        };
        let image = Prefix::of(&*image, item.size).ok_or_else(changed)?;
        let mut steps = Steps {
            updater: self.updater,
            deployment: &mut self.deployment,
            item,
            slot,
            kept: from,
            next: from,
            marks: self.marks.as_ref(),
            is_saved: true,
            meter: &self.meter,
            fetched: &mut self.fetched,
            watcher: self.watcher,
        };
        let count = tree::pages_of(item.size);
        let mut page = BlockBuf::default();
        for number in from..count {
            let bytes = page.sized(tree::page_len(item.size, number));
            image.read(number * PAGE as u64, bytes)?;
            steps.page(number, bytes)?;
        }
        Ok(())
    }

    /// Reads everything back, whatever wrote it.
    fn prove_all(&mut self, plan: &Plan) -> Result<(), Fault> {
        for item in &plan.items {
            self.watcher.phase(Phase::Proving(&item.name, item.size));
            let slot = self.updater.slot(&item.name, plan.slot)?;
            let image = slot.image()?;
            let whole = Prefix::of(&*image, item.size);
            let found = whole.map(|image| digest_of(&image, self.watcher)).transpose()?;
            if found != Some(item.digest) {
                // Written anew the next time.
                self.deployment.parts.remove(&item.name);
                self.updater.state.change().deployment(&self.deployment).make()?;
                return Err(match item.way {
                    Way::Copied => Fault::Source(format!(
                        "what runs as '{}' is not what was installed: it cannot be carried over",
                        item.name
                    )),
                    _ => Fault::Target(
                        format!("'{}' does not read back as it was written", item.place),
                        "run it again; if it happens again, the storage is failing or somebody else writes to it"
                            .to_owned(),
                    ),
                });
            }
            drop(image);
            slot.try_out()?;
        }
        Ok(())
    }

    fn written(&mut self) -> Result<(), Fault> {
        self.deployment.stage = Stage::Written;
        let set = self.deployment.set(false);
        let change = self.updater.state.change().deployment(&self.deployment);
        change.set(self.deployment.slot, Some(&set)).make()?;
        self.watcher.phase(Phase::Written);
        Ok(())
    }
}

/// One component on its way.
struct Steps<'a> {
    updater: &'a Updater,
    deployment: &'a mut Deployment,
    item: &'a Item,
    slot: &'a mut dyn Slot,
    /// Pages that the record has, and the one behind those that are written.
    kept: u64,
    next: u64,
    marks: Option<&'a Marks>,
    /// True if the pages need not be fetched.
    is_saved: bool,
    meter: &'a Cell<u64>,
    fetched: &'a mut u64,
    watcher: &'a mut dyn Watcher,
}

impl Steps<'_> {
    fn page(&mut self, page: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.slot.write(page, bytes)?;
        self.next = page + 1;
        if let (Some(marks), Some(memo)) = (self.marks, self.slot.memo()) {
            marks.put(&self.item.name, self.next, &memo);
        }
        let done = bytes.len() as u64;
        let fetched = self.meter.get() - *self.fetched;
        *self.fetched += fetched;
        let saved = if self.is_saved { done.saturating_sub(fetched) } else { 0 };
        self.watcher.moved(Moved { fetched, done, saved });
        let why = self.watcher.stop();
        if why.is_some() || self.next.is_multiple_of(self.updater.checkpoint) {
            self.checkpoint()?;
        }
        why.map_or(Ok(()), |why| Err(Fault::Stopped(why)))
    }

    fn checkpoint(&mut self) -> Result<(), Fault> {
        let pages = self.next;
        // The end of a component has a record of its own.
        if pages == self.kept || pages >= tree::pages_of(self.item.size) {
            return Ok(());
        }
        let memo = self.slot.flush()?;
        if let Some(part) = self.deployment.parts.get_mut(&self.item.name) {
            part.durable = Durable { pages, memo };
        }
        self.updater.state.change().deployment(self.deployment).make()?;
        self.kept = pages;
        Ok(())
    }
}

/// A source that counts what is read from it.
struct Metered<'a> {
    source: &'a mut dyn Source,
    bytes: Rc<Cell<u64>>,
}

impl Source for Metered<'_> {
    fn place(&self) -> &str {
        self.source.place()
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let read = self.source.read(into)?;
        self.bytes.set(self.source.fetched().unwrap_or(self.bytes.get() + read as u64));
        Ok(read)
    }

    fn pass(&mut self, bytes: u64) -> Result<(), Fault> {
        self.source.pass(bytes)
    }

    fn fetched(&self) -> Option<u64> {
        self.source.fetched()
    }
}
