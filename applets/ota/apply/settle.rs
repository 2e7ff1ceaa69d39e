//! The switch, the commit and the return: decisions that are written down first and then carried out.
//!
//! Each is an intent in the state (`switching`, `committing`, `returning`), the steps it takes, each atomic and
//! repeatable, and the record that it is done. [`settle`] finishes an intent that a power cut left, notices that a boot
//! loader went back by itself, and lets the link of folders and files follow the slot that runs: so a loader's
//! fallback takes them back too. It runs at the start of every verb and changes nothing when there is nothing to do.
//!
//! ```text
//! written ─ switching ─▶ trying ─ committing ─▶ committed ─┐
//!                          └───── returning ─▶ returned ◀──┘
//! ```
//! The floor rises only to what *both* slots hold and have committed: until then the old version can be gone back to.
//! Neighbours: `install` before it, `boot` does the steps, `verbs` ask for them.

use std::path::Path;

use edgekit_store::Kind;

use super::Outcome;
use super::state::{Blocked, Change, Deployment, Set, Stage};
use crate::boot::Name;
use crate::device::Updater;
use crate::fault::Fault;
use crate::hex::Hex;
use crate::slot::itself;

/// The link to the slot in use, and the same in the making.
const CURRENT: &str = "current";
const CURRENT_NEW: &str = ".current.new";

/// What [`settle`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settled {
    /// Nothing to do.
    Nothing,
    /// Something that was decided is finished now.
    Finished(Stage),
    /// The boot loader went back to the other slot by itself; the deployment is blocked.
    SentBack(Hex),
}

/// Finishes what was begun; at the start of every verb, and of the daemon.
///
/// # Errors
/// Those of the state, the boot loader and the file system.
pub fn settle(updater: &mut Updater) -> Result<Settled, Fault> {
    let mut settled = Settled::Nothing;
    if let Some(deployment) = updater.state.deployment()? {
        match deployment.stage {
            Stage::Switching => {
                start(updater, deployment)?;
                settled = Settled::Finished(Stage::Switching);
            }
            Stage::Committing => {
                keep(updater, deployment)?;
                settled = Settled::Finished(Stage::Committing);
            }
            Stage::Returning => {
                leave(updater, deployment)?;
                settled = Settled::Finished(Stage::Returning);
            }
            Stage::Trying => {
                let (running, next) = (updater.boot.running()?, updater.boot.next()?);
                if running != deployment.slot && next.slot != deployment.slot {
                    settled = Settled::SentBack(deployment.id);
                    decide_return(
                        updater,
                        deployment,
                        "it was started as often as it may be, and never committed",
                    )?;
                }
            }
            Stage::Writing | Stage::Written | Stage::Committed | Stage::Returned | Stage::Failed => {}
        }
    }
    follow(updater)?;
    Ok(settled)
}

/// Starts what is written: at the next boot of the machine, or at once where there is no boot loader. For those who
/// stopped an installation at [`super::Phase::Written`] until a window opens.
///
/// # Errors
/// [`Fault::Refused`] if nothing is written; those of [`settle`].
pub fn switch(updater: &mut Updater) -> Result<Outcome, Fault> {
    match updater.state.deployment()? {
        Some(mut deployment) if deployment.stage == Stage::Written => {
            deployment.stage = Stage::Switching;
            updater.state.change().deployment(&deployment).make()?;
            start(updater, deployment)
        }
        _ => Err(Fault::Refused(
            "nothing is written that could be started".to_owned(),
            "'edgekit ota apply' writes it, 'edgekit ota status' shows how far it is",
        )),
    }
}

fn start(updater: &mut Updater, mut deployment: Deployment) -> Result<Outcome, Fault> {
    let running = updater.boot.running()?;
    if running != deployment.slot {
        for (program, _) in updater.programs()? {
            itself::keep(&*updater.fs, &program, running)?;
        }
    }
    updater.boot.attempt(deployment.slot, updater.config.boot.tries)?;
    follow(updater)?;
    deployment.stage = Stage::Trying;
    updater.state.change().deployment(&deployment).make()?;
    if updater.boot.running()? != deployment.slot {
        return Ok(Outcome::Reboot);
    }
    let programs = updater.programs()?;
    if let Err(why) = programs.iter().try_for_each(|(program, daemons)| itself::hand_over(program, daemons)) {
        decide_return(updater, deployment, &why)?;
        return Err(Fault::Refused(
            format!("the new version could not take over and was left again: {why}"),
            "what ran before goes on; 'edgekit ota unblock' lets it be tried again",
        ));
    }
    Ok(Outcome::InUse)
}

/// Keeps what runs.
///
/// # Errors
/// [`Fault::Refused`] if nothing waits for it, or the new slot was not started yet.
pub fn commit(updater: &mut Updater) -> Result<Deployment, Fault> {
    let mut deployment = last(updater)?;
    let (name, version) = (&deployment.name, &deployment.version);
    match deployment.stage {
        Stage::Committed => return Ok(deployment),
        Stage::Trying if updater.boot.running()? == deployment.slot => {}
        Stage::Trying => {
            return Err(Fault::Refused(
                format!("{name} {version} was not started yet"),
                "reboot into it first; it can be left with 'edgekit ota rollback'",
            ));
        }
        stage => {
            return Err(Fault::Refused(
                format!("there is nothing to commit: {name} {version} is {}", stage.word()),
                "'edgekit ota status' shows what runs",
            ));
        }
    }
    deployment.stage = Stage::Committing;
    updater.state.change().deployment(&deployment).make()?;
    keep(updater, deployment)
}

fn keep(updater: &mut Updater, mut deployment: Deployment) -> Result<Deployment, Fault> {
    updater.boot.confirm(deployment.slot)?;
    deployment.stage = Stage::Committed;
    let set = deployment.set(true);
    let other = updater.state.set(deployment.slot.other())?.filter(|other| other.is_committed);
    let mut change =
        updater.state.change().deployment(&deployment).set(deployment.slot, Some(&set)).rollbacks(0);
    // Both slots forbid what is below the lower of their floors, so that either can be gone back to.
    if let (Some(ours), Some(theirs)) = (set.floor, other.and_then(|other| other.floor)) {
        let lower = if ours.order(&theirs).is_lt() { ours } else { theirs };
        if updater.state.floor()?.is_none_or(|now| now.order(&lower).is_lt()) {
            change = change.floor(&lower);
        }
    }
    change.make()?;
    Ok(deployment)
}

/// Goes back to the other slot, and blocks what is left.
///
/// # Errors
/// [`Fault::Refused`] if the other slot holds nothing whole that may run.
pub fn rollback(updater: &mut Updater, why: &str) -> Result<Deployment, Fault> {
    let deployment = last(updater)?;
    let running = updater.boot.running()?;
    match deployment.stage {
        Stage::Trying => {}
        Stage::Committed if running == deployment.slot => other_is_good(updater, running.other())?,
        Stage::Written => return fail(updater, deployment, why),
        stage => {
            return Err(Fault::Refused(
                format!(
                    "there is nothing to go back from: {} {} is {}",
                    deployment.name,
                    deployment.version,
                    stage.word()
                ),
                "'edgekit ota status' shows what runs, and what the other slot holds",
            ));
        }
    }
    decide_return(updater, deployment, why)?;
    last(updater)
}

/// Says that what runs (or what a slot holds) is bad: it is blocked, and not started again.
///
/// # Errors
/// [`Fault::Refused`] if that leaves nothing to start.
pub fn mark_bad(updater: &mut Updater, slot: Name, why: &str) -> Result<(), Fault> {
    let running = updater.boot.running()?;
    let deployment = updater.state.deployment()?;
    if let Some(deployment) = deployment.filter(|deployment| deployment.slot == slot) {
        match deployment.stage {
            Stage::Trying | Stage::Committed | Stage::Written => return rollback(updater, why).map(drop),
            Stage::Writing => return fail(updater, deployment, why).map(drop),
            _ => {}
        }
    }
    if slot == running {
        other_is_good(updater, slot.other())?;
    }
    let set = updater.state.set(slot)?;
    updater.boot.reject(slot)?;
    follow(updater)?;
    let mut change = updater.state.change().set(slot, None).bad(slot, Some(why));
    if let Some(set) = set {
        change = change.block(&blocked(updater, set.id, &set.version, why))?;
    }
    change.make()
}

/// Lets a deployment be installed again, or all of them, and forgets how many were sent back. Gives how many there were.
///
/// # Errors
/// Those of the state.
pub fn unblock(updater: &mut Updater, id: Option<Hex>) -> Result<usize, Fault> {
    let known = updater.state.all_blocked()?;
    let wanted: Vec<Hex> =
        known.iter().map(|blocked| blocked.id).filter(|known| id.is_none_or(|id| id == *known)).collect();
    let mut change = wanted.iter().fold(updater.state.change(), Change::unblock);
    let mut count = wanted.len();
    for slot in Name::BOTH.into_iter().filter(|_| id.is_none()) {
        count += usize::from(updater.state.bad(slot)?.is_some());
        change = change.bad(slot, None);
    }
    change.rollbacks(0).make()?;
    Ok(count)
}

fn last(updater: &Updater) -> Result<Deployment, Fault> {
    updater.state.deployment()?.ok_or_else(|| {
        Fault::Refused(
            "nothing was installed here yet".to_owned(),
            "'edgekit ota apply BUNDLE' installs something",
        )
    })
}

fn blocked(updater: &Updater, id: Hex, version: &crate::Version, why: &str) -> Blocked {
    Blocked { id, version: version.clone(), why: why.to_owned(), when: updater.now() }
}

/// Whether a slot may be started: whole, committed once, not blocked, not below the floor.
fn other_is_good(updater: &Updater, slot: Name) -> Result<(), Fault> {
    let refuse = |what: String| {
        Err(Fault::Refused(what, "install another version instead: 'edgekit ota apply BUNDLE'"))
    };
    if let Some(why) = updater.state.bad(slot)? {
        return refuse(format!("slot {slot} is bad: {why}"));
    }
    let Some(Set { id, version, is_committed, .. }) = updater.state.set(slot)? else {
        // Nothing was ever written there: it is as the factory left it.
        return match updater.state.deployment()? {
            Some(deployment) if deployment.slot == slot => refuse(format!("slot {slot} holds nothing whole")),
            _ => Ok(()),
        };
    };
    if let Some(blocked) = updater.state.blocked(&id)? {
        return refuse(format!("slot {slot} holds {version}, which is blocked: {}", blocked.why));
    }
    if !is_committed {
        return refuse(format!("slot {slot} holds {version}, which was never committed"));
    }
    match updater.state.floor()? {
        Some(floor) if version.order(&floor).is_lt() => {
            refuse(format!("slot {slot} holds {version}, and nothing below {floor} is started here"))
        }
        _ => Ok(()),
    }
}

/// Something is bad that was never started.
fn fail(updater: &mut Updater, mut deployment: Deployment, why: &str) -> Result<Deployment, Fault> {
    updater.boot.reject(deployment.slot)?;
    (deployment.stage, deployment.why) = (Stage::Failed, Some(why.to_owned()));
    let blocked = blocked(updater, deployment.id, &deployment.version, why);
    updater.state.change().deployment(&deployment).set(deployment.slot, None).block(&blocked)?.make()?;
    Ok(deployment)
}

/// From here on it is blocked, whatever becomes of the way back.
fn decide_return(updater: &mut Updater, mut deployment: Deployment, why: &str) -> Result<(), Fault> {
    (deployment.stage, deployment.why) = (Stage::Returning, Some(why.to_owned()));
    let blocked = blocked(updater, deployment.id, &deployment.version, why);
    let count = updater.state.rollbacks()?.saturating_add(1);
    updater.state.change().deployment(&deployment).block(&blocked)?.rollbacks(count).make()?;
    leave(updater, deployment)
}

fn leave(updater: &mut Updater, mut deployment: Deployment) -> Result<(), Fault> {
    updater.boot.reject(deployment.slot)?;
    follow(updater)?;
    if updater.boot.running()? != deployment.slot {
        deployment.stage = Stage::Returned;
        updater.state.change().deployment(&deployment).make()?;
    }
    Ok(())
}

/// Lets programs and the link of folders and files lead to the slot that runs.
fn follow(updater: &Updater) -> Result<(), Fault> {
    for (program, _) in updater.programs()? {
        itself::exchange(&*updater.fs, &program, updater.boot.running()?)?;
    }
    if !updater.has_sets() {
        return Ok(());
    }
    let (fs, root, running) = (&*updater.fs, &updater.root, updater.boot.running()?);
    let (link, new) = (root.join(CURRENT), root.join(CURRENT_NEW));
    let look = |path: &Path| fs.stat(path).map_err(Fault::io("look at", path));
    let there = look(&link)?;
    if there.is_some_and(|there| there.kind != Kind::Link) {
        return Err(Fault::Config(
            format!("'{}' is no link", link.display()),
            "it leads to the slot in use: move away what is there".to_owned(),
        ));
    }
    let flush = || fs.sync_folder(root).map_err(Fault::io("flush the folder", root));
    if look(&root.join(running.word()))?.is_none() {
        // The slot is from before the first folder: then there was no link.
        if there.is_some() {
            fs.remove(&link).map_err(Fault::io("remove", &link))?;
            flush()?;
        }
        return Ok(());
    }
    if there.is_some() {
        let leads = fs.read_link(&link).map_err(Fault::io("read the link", &link))?;
        if leads == Path::new(running.word()) {
            return Ok(());
        }
    }
    if look(&new)?.is_some() {
        fs.remove(&new).map_err(Fault::io("remove", &new))?;
    }
    fs.make_link(Path::new(running.word()), &new).map_err(Fault::io("create", &new))?;
    fs.rename(&new, &link).map_err(Fault::io("replace", &link))?;
    flush()
}
