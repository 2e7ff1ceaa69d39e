//! `--hook FILE`: Lua that judges what the traced program prints.
//!
//! A file's hooks are joined with the tracer's hook points ([`schema`]) in one VM; each is asked in the order of
//! the files, until one drops the line. What hooks want done is carried out after each verdict (`carry`). A hook
//! that fails lets the line pass unless it says otherwise; each kind of failure is told once with its place, and
//! counted at the end. This room is only built with the feature `hooks`, and only entered with the option.
//! Neighbours: `run::judge` asks, `values` shows values to scripts, `edgekit_rules` is the sandbox.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_core::{Clock, Ctx, Error, Exit, Paint, Paths};
use edgekit_rules::{
    Action, Capability, Declared, Fault, Grants, Hook, HookFn, Limits, MAX_SCRIPT, Ref, Schema, Script,
    Shared, Str, Value, Verdict, Vm,
};

mod bus;
mod carry;
pub mod schema;
mod values;

use crate::output::Shape;
use crate::run::judge::{Judge, Line, Lost, Ruling, Shown};
use bus::Bus;
use carry::{Carrier, Say};

/// Where the rules service listens, below the directory of sockets.
const BUS: &str = "rules.bus";

/// The judge that the files make.
pub(crate) fn open(ctx: &mut Ctx, files: &[PathBuf], allow: &[String]) -> Result<Box<dyn Judge>, Error> {
    let clock = ctx.clock().clone();
    let mut found = Found::default();
    let grants = allow.iter().filter_map(|word| Capability::of(word)).fold(granted(), Grants::with);
    let vm = Vm::new(Limits::default(), clock.clone(), Arc::new(Shared::default()), grants);
    let vm = vm.map_err(|fault| Error::new(Exit::BUG, format!("cannot start Lua: {fault}")))?;
    for path in files {
        for declared in load(&vm, path)? {
            found.take(declared, &clock, path)?;
        }
    }
    let bus = Bus::new(Paths::process().run.join(BUS), clock);
    Ok(Box::new(Hooks::new(found, Carrier::new(ctx.stderr_paint(), bus), ctx.stderr_paint())))
}

/// What a hook of the tracer may ask for: nothing that starts or calls anything.
fn granted() -> Grants {
    Grants::DEFAULT.without(Capability::Shadow)
}

fn load(vm: &Vm, path: &Path) -> Result<Vec<Declared>, Error> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| {
        let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NO_INPUT } else { Exit::IO };
        Error::from(error).context(format!("cannot read the hook '{shown}'")).with_exit(exit)
    })?;
    if bytes.len() > MAX_SCRIPT {
        let message = format!("the hook '{shown}' has {} bytes; at most {MAX_SCRIPT} are read", bytes.len());
        return Err(Error::new(Exit::DATA, message));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::new(Exit::DATA, format!("the hook '{shown}' is not text in UTF-8")))?;
    let compiled = Script::new(shown.to_string(), text).compile().map_err(|fault| wrong(&fault))?;
    let declared = vm.load(&compiled).map_err(|fault| wrong(&fault))?;
    if declared.is_empty() {
        let error = Error::new(Exit::DATA, format!("'{shown}' declares no hook"));
        return Err(error.hint(
            "hook { name = \"h\", on = \"trace.event\", run = function(event) … end }, see edgekit-rules(7)",
        ));
    }
    Ok(declared)
}

fn wrong(fault: &Fault) -> Error {
    let error = Error::new(Exit::DATA, fault.to_string());
    match fault.kind {
        edgekit_rules::FaultKind::Capability => error.hint(
            "hooks of the tracer may declare log, metric, publish and shared; exec with --hook-allow exec",
        ),
        _ => error,
    }
}

/// The hooks of all files by hook point.
#[derive(Default)]
struct Found {
    events: Vec<Watched>,
    maps: Vec<Watched>,
    losses: Vec<Watched>,
}

impl Found {
    fn take(&mut self, declared: Declared, clock: &Clock, path: &Path) -> Result<(), Error> {
        let hook = match declared {
            Declared::Hook(hook) => hook,
            Declared::Rule(rule) => {
                let message = format!("{}: '{}' is a rule, not a hook", rule.info.place, rule.info.name);
                let hint = format!("rules run in the service: put '{}' into its folder", path.display());
                return Err(Error::new(Exit::DATA, message).hint(hint));
            }
        };
        let Some(schema) = schema::SCHEMAS.into_iter().find(|schema| *schema.name == *hook.info.on) else {
            return Err(elsewhere(&hook));
        };
        let place = match schema.name {
            name if name == schema::EVENT.name => &mut self.events,
            name if name == schema::MAP.name => &mut self.maps,
            _ => &mut self.losses,
        };
        place.push(Watched::new(hook, schema, clock).map_err(|fault| wrong(&fault))?);
        Ok(())
    }
}

fn elsewhere(hook: &HookFn) -> Error {
    let (info, known) = (&hook.info, schema::SCHEMAS.map(|schema| schema.name));
    let error = Error::new(
        Exit::DATA,
        format!("{}: hook '{}': the tracer has no hook point '{}'", info.place, info.name, info.on),
    );
    match edgekit_core::text::nearest(&info.on, known) {
        Some(near) => error.hint(format!("did you mean '{near}'?")),
        None => error.hint(format!("there are: {}", known.join(", "))),
    }
}

/// A hook and what has gone wrong with it.
struct Watched {
    hook: Hook,
    /// Failures by kind; the first of each has been told.
    faults: BTreeMap<&'static str, u64>,
}

impl Watched {
    fn new(hook: HookFn, schema: &'static Schema, clock: &Clock) -> Result<Watched, Fault> {
        Ok(Watched { hook: Hook::new(hook, schema, clock.clone())?, faults: BTreeMap::new() })
    }

    fn ask(
        &mut self,
        fields: &[Ref<'_>],
        carrier: &mut Carrier,
        actions: &mut Vec<Action>,
        say: Say,
    ) -> Verdict {
        let verdict = self.hook.call(fields, actions);
        for action in actions.drain(..) {
            carrier.carry_out(action);
        }
        if let Some(fault) = self.hook.take_fault() {
            let times = self.faults.entry(fault.kind.word()).or_insert(0);
            *times += 1;
            if *times == 1 {
                say.warning(&fault.to_string());
            }
        }
        verdict
    }

    /// How it went, where it did not go well.
    fn sum_up(&self, say: Say) {
        let stats = self.hook.stats();
        if stats.faults + stats.skipped == 0 {
            return;
        }
        let kinds: Vec<String> = self.faults.iter().map(|(kind, times)| format!("{times} {kind}")).collect();
        let info = self.hook.info();
        let mut text = format!("hook '{}' failed {} of {} times", info.name, stats.faults, stats.calls);
        if !kinds.is_empty() {
            text.push_str(&format!(" ({})", kinds.join(", ")));
        }
        if stats.skipped > 0 {
            text.push_str(&format!("; {} more were not shown to it meanwhile", stats.skipped));
        }
        say.warning(&text);
    }
}

/// The judge of a run.
struct Hooks {
    found: Found,
    carrier: Carrier,
    actions: Vec<Action>,
    say: Say,
}

impl Hooks {
    fn new(found: Found, carrier: Carrier, paint: Paint) -> Hooks {
        Hooks { found, carrier, actions: Vec::new(), say: Say(paint) }
    }
}

impl Judge for Hooks {
    fn line(&mut self, line: Line<'_>) -> Ruling {
        if self.found.events.is_empty() {
            return Ruling::Print;
        }
        let list = Value::List(line.values.iter().map(|value| values::of(value, line.resolver)).collect());
        let Value::List(values) = &list else { return Ruling::Print };
        let named = |wanted: &str| {
            let at = line.names.iter().position(|name| name.as_deref() == Some(wanted));
            at.and_then(|at| values.get(at)).map_or(Ref::Nil, Ref::from)
        };
        let known = line.names.iter().zip(values);
        let by_name = known.filter_map(|(name, value)| Some((Str::from(name.as_deref()?), value.clone())));
        let by_name = Value::Map(by_name.collect());
        let [pid, comm, cpu, nsecs] = ["pid", "comm", "cpu", "nsecs"].map(named);
        let mut replaced: Option<Str> = None;
        for hook in &mut self.found.events {
            let text = replaced.as_deref().unwrap_or(line.text);
            let fields = [
                Ref::from(line.probe),
                Ref::from(line.kind),
                Ref::Str(text),
                Ref::Value(&list),
                Ref::Value(&by_name),
                pid,
                comm,
                cpu,
                nsecs,
            ];
            match hook.ask(&fields, &mut self.carrier, &mut self.actions, self.say) {
                Verdict::Pass => {}
                Verdict::Drop => return Ruling::Drop,
                Verdict::Change(fields) => replaced = new_text(fields).or(replaced),
            }
        }
        replaced.map_or(Ruling::Print, |text| Ruling::Replace(text.to_vec()))
    }

    fn entry(&mut self, entry: Shown<'_>) -> bool {
        if self.found.maps.is_empty() {
            return true;
        }
        let kind = match entry.shape {
            Shape::Map => "map",
            Shape::Stats => "stats",
            Shape::Hist => "hist",
            Shape::TSeries => "tseries",
        };
        let key = entry.key.map_or(Value::Nil, |key| values::of(&key, entry.resolver));
        let value = values::folded(entry.ty, entry.value, entry.resolver);
        let count = |n: usize| Ref::UInt(n as u64);
        let fields = [
            Ref::from(entry.map),
            Ref::from(kind),
            Ref::from(&key),
            Ref::from(&value),
            count(entry.place.0),
            count(entry.place.1),
            Ref::Bool(entry.at_end),
        ];
        let Hooks { found, carrier, actions, say } = self;
        found.maps.iter_mut().all(|hook| hook.ask(&fields, carrier, actions, *say) != Verdict::Drop)
    }

    fn lost(&mut self, lost: Lost<'_>) {
        let fields =
            [Ref::from(lost.probe), Ref::from(lost.cause), Ref::UInt(lost.count), Ref::UInt(lost.total)];
        for hook in &mut self.found.losses {
            hook.ask(&fields, &mut self.carrier, &mut self.actions, self.say);
        }
    }

    fn pause(&mut self) {
        self.carrier.pause();
    }

    fn end(self: Box<Self>) {
        let Hooks { found, carrier, say, .. } = *self;
        for hook in found.events.iter().chain(&found.maps).chain(&found.losses) {
            hook.sum_up(say);
        }
        carrier.end();
    }
}

/// The text of a change, as a script may write it.
fn new_text(fields: Vec<(Str, Value)>) -> Option<Str> {
    fields.into_iter().find(|(name, _)| **name == *b"text").map(|(_, value)| match value {
        Value::Str(text) => text,
        other => other.shown().into(),
    })
}
