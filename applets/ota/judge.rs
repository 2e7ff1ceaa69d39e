//! Who may judge an update: the contract between the updater and its hooks.
//!
//! The updater knows no Lua. It asks a [`Judge`] at four [`Point`]s, with facts as JSON, and is told whether to go on;
//! [`install`] is `apply::install` with its judge asked. Whatever goes wrong with a judge ends an installation before
//! anything was switched. Neighbours: `hooks` is the judge in a build with rules, `health` asks for the last point.

use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::Clock;
use serde_json::{Value, json};

use crate::apply::{self, Installed, Moved, Outcome, Phase, Plan, Terms, Watcher};
use crate::bundle::source::Source;
use crate::device::Updater;
use crate::fault::Fault;

edgekit_core::config! {
    /// Lua that decides about updates, in files of one folder
    pub struct Hooks {
        /// The folder; each .luau or .lua in it is loaded, in the order of names; none without
        live folder: Option<PathBuf>, like "/etc/edgekit/ota/hooks";
        /// Programs that hooks may start by exec, as they name them; none without
        live programs: Vec<PathBuf> = [], like ["/usr/local/bin/quiesce"];
        /// How long such a program may run
        live timeout: Duration = "30s", in "1s"..="10m";
    }
}

/// Where a judge is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Point {
    /// The plan is made and nothing is written: whether it is installed, and when.
    Decide,
    /// All is written and proven: before the switch.
    Pre,
    /// It was switched, or was not: nobody is asked any more.
    Post,
    /// The new version runs: whether it is good.
    Health,
}

/// What is decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ruling {
    /// Go on.
    Go,
    /// Do not, for this reason.
    Refuse(String),
    /// Not now; ask again after so long.
    Defer(Duration, String),
}

/// Somebody who is asked.
pub trait Judge {
    /// Asked with the facts of a point.
    fn ask(&mut self, point: Point, facts: &Value) -> Ruling;
}

/// Nobody is asked.
#[derive(Clone, Copy, Debug)]
pub struct NoJudge;

impl Judge for NoJudge {
    fn ask(&mut self, _: Point, _: &Value) -> Ruling {
        Ruling::Go
    }
}

/// The judge that is configured.
///
/// # Errors
/// [`Fault::Input`] for files that do not load, with their line; [`Fault::Config`] where this build has no Lua.
pub fn open(config: &Hooks, clock: &Clock) -> Result<Box<dyn Judge>, Fault> {
    let Some(folder) = &config.folder else { return Ok(Box::new(NoJudge)) };
    #[cfg(feature = "hooks")]
    return Ok(Box::new(crate::hooks::open(folder, config, clock)?));
    #[cfg(not(feature = "hooks"))]
    {
        let _unused = clock;
        Err(Fault::Config(
            format!("this edgekit has no Lua for the hooks in '{}'", folder.display()),
            "take one with the rules, or leave hooks.folder out".to_owned(),
        ))
    }
}

/// [`apply::install`], with the judge asked before the first write and before the switch, and told how it ended.
///
/// # Errors
/// Those of [`apply::install`]; [`Fault::Refused`] for what a judge refuses, [`Fault::Deferred`] for what it wants later.
pub fn install(
    updater: &mut Updater,
    source: &mut dyn Source,
    terms: &Terms,
    watcher: &mut dyn Watcher,
    judge: &mut dyn Judge,
) -> Result<Installed, Fault> {
    if terms.dry_run {
        return apply::install(updater, source, terms, watcher);
    }
    let running = updater.boot.running()?;
    let installed = updater.state.set(running)?.map(|set| set.version.to_string());
    let mut asking = Asking { watcher, judge, installed, facts: None, ruling: Ruling::Go };
    let done = apply::install(updater, source, terms, &mut asking);
    let Asking { judge, facts, ruling, .. } = asking;
    if let Some(mut facts) = facts {
        let (outcome, why) = match &done {
            Ok(installed) => (word(installed.outcome), Value::Null),
            Err(fault) => ("failed", Value::from(fault.to_string())),
        };
        facts["outcome"] = Value::from(outcome);
        facts["why"] = why;
        judge.ask(Point::Post, &facts);
    }
    match (done, ruling) {
        (Err(Fault::Stopped(_)), Ruling::Refuse(why)) => Err(refused(&why)),
        (Err(Fault::Stopped(_)), Ruling::Defer(wait, why)) => Err(Fault::Deferred { wait, why }),
        (done, _) => done,
    }
}

/// [`apply::switch`], with the judge asked before it.
///
/// # Errors
/// As [`install`].
pub fn switch(updater: &mut Updater, judge: &mut dyn Judge) -> Result<Outcome, Fault> {
    let running = updater.boot.running()?;
    let installed = updater.state.set(running)?.map(|set| set.version.to_string());
    if let Some(written) = updater.state.deployment()? {
        let components: Vec<Value> = written.parts.keys().map(|name| json!({ "name": name })).collect();
        let facts = json!({
            "id": written.id.to_string(), "name": written.name, "version": written.version.to_string(),
            "installed": installed, "slot": written.slot.word(), "components": components,
        });
        match judge.ask(Point::Pre, &facts) {
            Ruling::Go => {}
            Ruling::Refuse(why) => return Err(refused(&why)),
            Ruling::Defer(wait, why) => return Err(Fault::Deferred { wait, why }),
        }
    }
    apply::switch(updater)
}

fn refused(why: &str) -> Fault {
    Fault::Refused(format!("a hook refused it: {why}"), "the slot that runs is as it was")
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Planned => "planned",
        Outcome::Runs => "runs",
        Outcome::Reboot => "reboot",
        Outcome::InUse => "in-use",
    }
}

/// A plan as hooks see it.
fn facts(plan: &Plan, installed: Option<&str>) -> Value {
    let components: Vec<Value> = plan
        .items
        .iter()
        .map(|item| {
            json!({
                "name": item.name, "place": item.place, "way": item.way.words().0, "digest": item.digest.to_string(),
                "image_bytes": item.size, "fetch_bytes": item.fetch,
            })
        })
        .collect();
    json!({
        "id": plan.id.to_string(), "name": plan.name, "version": plan.version.to_string(), "installed": installed,
        "slot": plan.slot.word(), "fetch_bytes": plan.fetch(), "image_bytes": plan.size(), "components": components,
    })
}

/// Passes on what a watcher is told, and asks the judge between.
struct Asking<'a> {
    watcher: &'a mut dyn Watcher,
    judge: &'a mut dyn Judge,
    installed: Option<String>,
    facts: Option<Value>,
    ruling: Ruling,
}

impl Watcher for Asking<'_> {
    fn phase(&mut self, phase: Phase<'_>) {
        let point = match &phase {
            Phase::Planned(plan) => {
                self.facts = Some(facts(plan, self.installed.as_deref()));
                Some(Point::Decide)
            }
            Phase::Written => Some(Point::Pre),
            _ => None,
        };
        self.watcher.phase(phase);
        if let (Some(point), Some(facts), Ruling::Go) = (point, &self.facts, &self.ruling) {
            self.ruling = self.judge.ask(point, facts);
        }
    }

    fn moved(&mut self, moved: Moved) {
        self.watcher.moved(moved);
    }

    fn stop(&mut self) -> Option<String> {
        match &self.ruling {
            Ruling::Go => self.watcher.stop(),
            Ruling::Refuse(why) | Ruling::Defer(_, why) => Some(why.clone()),
        }
    }
}
