//! `ota apply` and `ota plan`: a bundle becomes the slot that is started next, or is only measured.

use std::io::Write;

use clap::ArgMatches;
use edgekit_core::{Ctx, Error, Exit, Progress, json};
use serde_json::{Value, json};

use crate::apply::{Installed, Moved, Outcome, Phase, Plan, Terms, Watcher};
use crate::cli;
use crate::device::Updater;
use crate::entry::{believer, bundle};
use crate::fault::Fault;
use crate::halt::Halt;
use crate::judge;

use super::interrupt::Interrupts;

pub(crate) fn apply(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    run(sub, ctx, sub.get_flag("dry-run"))
}

pub(crate) fn plan(sub: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    run(sub, ctx, true)
}

fn run(sub: &ArgMatches, ctx: &mut Ctx, dry_run: bool) -> Result<Exit, Error> {
    let mut updater = believer(sub, ctx, dry_run)?;
    let terms = terms(sub, &updater, dry_run);
    let mut shown = Shown::new(Progress::new(ctx, sub))?;
    let mut source = bundle(sub, ctx, shown.halt())?;
    let mut judge = judge::open(&updater.config.hooks, updater.clock())?;
    let installed = judge::install(&mut updater, &mut *source, &terms, &mut shown, &mut *judge);
    let (plan, moved, installed) = shown.end(installed);
    if let Some(plan) = &plan {
        warn(ctx, plan);
    }
    tell(ctx, &installed?, moved, sub.get_flag(cli::JSON))
}

/// What the command line says, over what the configuration does.
pub(super) fn terms(sub: &ArgMatches, updater: &Updater, dry_run: bool) -> Terms {
    let download = &updater.config.download;
    Terms {
        max_bytes: download.max_bytes.map(|size| size.0),
        full_fallback: download.full_fallback && !sub.get_flag("no-full-fallback"),
        dry_run,
        components: cli::texts(sub, "component").into_iter().map(str::to_owned).collect(),
        force: sub.get_flag("force"),
    }
}

/// What a person is shown meanwhile, and who may interrupt it.
pub(super) struct Shown {
    progress: Progress,
    interrupts: Interrupts,
    plan: Option<Plan>,
    moved: Moved,
    /// What is done, for who interrupts it, and so much of it.
    now: Now,
    done: u64,
}

/// What is done.
enum Now {
    /// Nothing was written yet.
    Before,
    /// This component is written, of so many bytes.
    Writing(String, u64),
    /// All is written, and this component read back.
    Proving(String),
    /// All is proven.
    Written,
}

impl Shown {
    /// Listens to signals from now on.
    pub(super) fn new(progress: Progress) -> Result<Shown, Error> {
        let interrupts = Interrupts::listen()?;
        Ok(Shown { progress, interrupts, plan: None, moved: Moved::default(), now: Now::Before, done: 0 })
    }

    /// Called when somebody interrupts it.
    pub(super) fn halt(&self) -> Halt {
        self.interrupts.halt.clone()
    }

    /// What was planned, if it came to that, all that was done, and how it ended, for a person.
    pub(super) fn end<T>(mut self, ended: Result<T, Fault>) -> (Option<Plan>, Moved, Result<T, Error>) {
        self.progress.end();
        let ended = ended.map_err(|fault| self.interrupts.explain(fault, &self.how_far()));
        (self.plan, self.moved, ended)
    }

    fn how_far(&self) -> String {
        match &self.now {
            Now::Before => "before anything was written".to_owned(),
            Now::Writing(name, size) => format!(
                "with {} of {size} bytes of {name} written and kept; the same command goes on from there",
                self.done
            ),
            Now::Proving(name) => format!(
                "while {name} was read back; all is written and kept, and the same command goes on from there"
            ),
            Now::Written => {
                "before the switch; all is written and proven, and the same command starts it".to_owned()
            }
        }
    }
}

impl Watcher for Shown {
    fn phase(&mut self, phase: Phase<'_>) {
        self.done = 0;
        match &phase {
            Phase::Planning | Phase::Planned(_) | Phase::Switched => {}
            Phase::Writing(name, size) => self.now = Now::Writing((*name).to_owned(), *size),
            Phase::Proving(name, _) => self.now = Now::Proving((*name).to_owned()),
            Phase::Written => self.now = Now::Written,
        }
        match phase {
            Phase::Planning => self.progress.begin("reading what runs", None),
            Phase::Planned(plan) => self.plan = Some(plan.clone()),
            Phase::Writing(name, size) => self.progress.begin(&format!("writing {name}"), Some(size)),
            Phase::Proving(name, size) => self.progress.begin(&format!("reading back {name}"), Some(size)),
            Phase::Written | Phase::Switched => self.progress.end(),
        }
    }

    fn moved(&mut self, moved: Moved) {
        self.moved.fetched += moved.fetched;
        self.moved.done += moved.done;
        self.moved.saved += moved.saved;
        self.done += moved.done;
        self.progress.save(moved.saved);
        self.progress.add(moved.done);
    }

    fn stop(&mut self) -> Option<String> {
        self.interrupts.halt.why().map(str::to_owned)
    }
}

fn warn(ctx: &mut Ctx, plan: &Plan) {
    for item in &plan.items {
        if item.is_gone {
            let (name, place) = (&item.name, &item.place);
            ctx.warn(format_args!(
                "{name}: what was written to '{place}' before is gone: it is begun afresh"
            ));
        }
        if let Some(why) = &item.fallback {
            ctx.warn(format_args!("{}: the full image is fetched: {why}", item.name));
        }
    }
}

/// A plan for programs.
pub(super) fn shape(plan: &Plan) -> Value {
    let items: Vec<Value> = plan
        .items
        .iter()
        .map(|item| {
            let (way, payload) = item.way.words();
            json!({
                "component": item.name, "place": item.place, "way": way, "payload": payload,
                "image_bytes": item.size, "digest": item.digest.to_string(), "fetch_bytes": item.fetch,
                "durable_pages": item.durable, "fallback": item.fallback,
            })
        })
        .collect();
    json!({
        "id": plan.id.to_string(), "name": plan.name, "version": plan.version.to_string(), "slot": plan.slot.word(),
        "fetch_bytes": plan.fetch(), "image_bytes": plan.size(), "components": items,
    })
}

/// A plan for people.
pub(super) fn show(out: &mut dyn Write, plan: &Plan) -> std::io::Result<()> {
    writeln!(out, "{} {} into slot {}", plan.name, plan.version, plan.slot)?;
    for item in &plan.items {
        let (way, payload) = item.way.words();
        write!(out, "  {}: {} bytes into '{}', ", item.name, item.size, item.place)?;
        match (payload, item.fetch) {
            (Some(payload), fetch) => write!(out, "{fetch} to fetch as {payload}")?,
            (None, _) if way == "there" => write!(out, "there already")?,
            (None, _) => write!(out, "copied from what runs")?,
        }
        match item.durable {
            0 => writeln!(out)?,
            1 => writeln!(out, "; 1 page is there from an earlier attempt")?,
            pages => writeln!(out, "; {pages} pages are there from an earlier attempt")?,
        }
    }
    writeln!(out, "  in all {} bytes to fetch for {} bytes of images", plan.fetch(), plan.size())
}

fn tell(ctx: &mut Ctx, installed: &Installed, moved: Moved, as_json: bool) -> Result<Exit, Error> {
    let plan = &installed.plan;
    let (name, version, slot) = (&plan.name, &plan.version, plan.slot);
    let out = ctx.out()?;
    if as_json {
        let mut value = shape(plan);
        let kind = match installed.outcome {
            Outcome::Planned => "ota.plan",
            outcome => {
                value["outcome"] = match outcome {
                    Outcome::Runs => "runs",
                    Outcome::Reboot => "reboot",
                    Outcome::InUse | Outcome::Planned => "in-use",
                }
                .into();
                value["fetched_bytes"] = moved.fetched.into();
                value["saved_bytes"] = moved.saved.into();
                "ota.applied"
            }
        };
        json::write_line(out, kind, value)?;
        return Ok(Exit::OK);
    }
    match installed.outcome {
        Outcome::Planned => show(out, plan)?,
        Outcome::Runs => writeln!(out, "{name} {version} runs already, in slot {slot}")?,
        Outcome::Reboot if plan.items.is_empty() => {
            writeln!(out, "{name} {version} is in slot {slot} already; it is started at the next boot")?;
        }
        Outcome::Reboot => writeln!(
            out,
            "{name} {version} is in slot {slot}, {} bytes fetched, {} saved; it is started at the next boot",
            moved.fetched, moved.saved
        )?,
        Outcome::InUse if plan.items.is_empty() => {
            writeln!(
                out,
                "{name} {version} is in use already, in slot {slot}; 'edgekit ota commit' keeps it"
            )?;
        }
        Outcome::InUse => writeln!(
            out,
            "{name} {version} is in use in slot {slot}, {} bytes fetched, {} saved; 'edgekit ota commit' keeps it",
            moved.fetched, moved.saved
        )?,
    }
    Ok(Exit::OK)
}
