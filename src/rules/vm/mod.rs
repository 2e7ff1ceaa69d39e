//! One Luau VM: many scripts, each in an environment of its own, each call on a budget.
//!
//! `sandbox.rs` takes away what a script must not have, `prelude.luau` and `actions.rs` give what it may;
//! `declare.rs` reads what it declares; `meter.rs` stops what runs away; `convert.rs`, `int.rs` and `payload.rs`
//! are the boundary. A VM belongs to one thread. Its neighbours are `hook.rs` and the engine.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use edgekit_core::Clock;
use mlua::{FromLuaMulti, Function, IntoLuaMulti, Lua, Table};

use crate::{Action, Alarm, Compiled, Grants, Shared};

mod actions;
pub(crate) mod convert;
mod coverage;
mod declare;
pub(crate) mod fault;
mod int;
mod limits;
pub(crate) mod meter;
mod payload;
mod rule;
mod sandbox;

pub use coverage::Coverage;
pub use declare::{Declared, Fail, HookFn, HookInfo, Place, RuleInfo, Schedule};
pub use fault::{Fault, FaultKind};
pub use limits::Limits;
pub use payload::Payload;
pub use rule::Rule;

use declare::Declarations;
use fault::Raised;
use meter::{Budget, Meter};

/// An event a rule made.
#[derive(Clone, Debug)]
pub struct Emit {
    /// Which of [`RuleInfo::outputs`].
    pub output: usize,
    /// What it carries.
    pub data: Payload,
}

/// What a call of a rule wants done.
#[derive(Debug, Default)]
pub struct Effects {
    /// For the host, in order.
    pub actions: Vec<Action>,
    /// For further rules, in order.
    pub emits: Vec<Emit>,
    /// For the engine's timers.
    pub alarms: Vec<Alarm>,
}

impl Effects {
    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.emits.clear();
        self.alarms.clear();
    }

    fn len(&self) -> usize {
        self.actions.len() + self.emits.len() + self.alarms.len()
    }
}

/// A VM with its sandbox. Not `Send`: it lives and dies on the thread that made it.
#[derive(Debug)]
pub struct Vm {
    inner: Rc<Inner>,
}

/// What rules, hooks and payloads of a VM hold on to.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) lua: Lua,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    meter: Rc<Meter>,
    state: Rc<State>,
    tools: sandbox::Tools,
    coverage: RefCell<Vec<(Arc<str>, Function)>>,
}

/// What the functions of the sandbox know of the call they are called in.
#[derive(Debug)]
pub(crate) struct State {
    clock: Clock,
    shared: Arc<Shared>,
    declarations: Declarations,
    loading: Cell<bool>,
    capabilities: Cell<Grants>,
    at: Cell<Option<Duration>>,
    rule: RefCell<Option<(Rc<RuleInfo>, Table)>>,
    out: RefCell<Out>,
    next_alarm: Cell<u64>,
}

/// What a call has asked for so far.
#[derive(Debug, Default)]
struct Out {
    actions: Vec<Action>,
    emits: Vec<(usize, Table)>,
    alarms: Vec<Alarm>,
}

/// Who is called, and what it may do.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) place: &'a Place,
    pub(crate) capabilities: Grants,
    pub(crate) time: Duration,
    /// What `now()` tells; the host's clock if `None`.
    pub(crate) at: Option<Duration>,
    pub(crate) rule: Option<(&'a Rc<RuleInfo>, &'a Table)>,
}

impl Vm {
    /// A new VM with its sandbox.
    ///
    /// # Errors
    /// Its memory limit is too small for the libraries.
    pub fn new(limits: Limits, clock: Clock, shared: Arc<Shared>, grants: Grants) -> Result<Vm, Fault> {
        let state = Rc::new(State {
            clock: clock.clone(),
            shared,
            declarations: Declarations::default(),
            loading: Cell::new(false),
            capabilities: Cell::new(Grants::NONE),
            at: Cell::new(None),
            rule: RefCell::new(None),
            out: RefCell::default(),
            next_alarm: Cell::new(1),
        });
        let meter = Meter::new(clock);
        let made = sandbox::open(&state, &limits).map(|(lua, tools)| {
            meter.install(&lua);
            Inner { lua, limits, grants, meter, state, tools, coverage: RefCell::default() }
        });
        match made {
            Ok(inner) => Ok(Vm { inner: Rc::new(inner) }),
            Err(error) => Err(Fault::at(FaultKind::Memory, &Arc::from("sandbox"), 0, error.to_string())),
        }
    }

    /// Runs a script's top level and returns what it declares.
    ///
    /// # Errors
    /// Whatever went wrong in the script; what it declares is wrong or not granted.
    pub fn load(&self, compiled: &Compiled) -> Result<Vec<Declared>, Fault> {
        self.inner.load(compiled)
    }

    /// Bytes the VM uses, garbage included.
    pub fn used_memory(&self) -> usize {
        self.inner.lua.used_memory()
    }

    /// Collects garbage. For the time between events: it takes a millisecond for each few megabytes.
    pub fn collect(&self) {
        let _ = self.inner.lua.gc_collect();
    }

    /// Which lines ran, of the scripts that were compiled for it.
    pub fn coverage(&self) -> Vec<Coverage> {
        coverage::read(&self.inner.coverage.borrow())
    }
}

impl Inner {
    fn load(self: &Rc<Inner>, compiled: &Compiled) -> Result<Vec<Declared>, Fault> {
        let file = &compiled.script.name;
        let fault =
            |error: &mlua::Error| self.fault_of(error, None, Some(&Place { file: file.clone(), line: 0 }));
        let main = self.tools.environment(&self.lua, compiled).map_err(|error| fault(&error))?;
        if compiled.coverage {
            self.coverage.borrow_mut().push((file.clone(), main.clone()));
        }
        let place = Place { file: file.clone(), line: 0 };
        let call = Call {
            name: file,
            place: &place,
            capabilities: Grants::NONE,
            time: self.limits.load_time,
            at: None,
            rule: None,
        };
        self.state.loading.set(true);
        self.state.declarations.0.borrow_mut().clear();
        let ran = self.run::<()>(&call, &main, (), &mut Effects::default());
        self.state.loading.set(false);
        let declared = std::mem::take(&mut *self.state.declarations.0.borrow_mut());
        ran.map_err(|fault| Fault { rule: None, ..fault })?;
        let read = |(is_rule, table, place): (bool, Table, Place)| {
            declare::read(self, is_rule, &table, place.clone()).map_err(|error| {
                let mut found = self.fault_of(&error, None, Some(&place));
                found.line = place.line;
                found.rule = table.raw_get::<String>("name").ok().map(Arc::from);
                found
            })
        };
        declared.into_iter().map(read).collect()
    }

    /// Calls a function of a script on a budget. What it asks for goes to `effects` only if it ends well.
    pub(crate) fn run<R: FromLuaMulti>(
        self: &Rc<Inner>,
        call: &Call<'_>,
        function: &Function,
        arguments: impl IntoLuaMulti,
        effects: &mut Effects,
    ) -> Result<R, Fault> {
        let state = &self.state;
        state.capabilities.set(call.capabilities);
        state.at.set(call.at);
        *state.rule.borrow_mut() = call.rule.map(|(info, waiting)| (Rc::clone(info), waiting.clone()));
        self.meter.arm(Budget {
            time: call.time,
            steps: self.limits.steps,
            memory: self.limits.call_memory,
            vm: self.limits.vm_memory,
        });
        let ended = catch_unwind(AssertUnwindSafe(|| function.call::<R>(arguments)));
        let stop = self.meter.disarm(&self.lua);
        state.capabilities.set(Grants::NONE);
        *state.rule.borrow_mut() = None;
        let out = std::mem::take(&mut *state.out.borrow_mut());
        let failed = match (ended, stop) {
            (_, Some(stop)) => Fault::stopped(&stop, call),
            (Ok(Ok(result)), None) => {
                effects.actions.extend(out.actions);
                let emits = out.emits.into_iter();
                effects
                    .emits
                    .extend(emits.map(|(output, table)| Emit { output, data: Payload::sealed(self, table) }));
                effects.alarms.extend(out.alarms);
                return Ok(result);
            }
            (Ok(Err(error)), None) => self.fault_of(&error, Some(call.name), Some(call.place)),
            (Err(_), None) => {
                let message = "a function of the host panicked; please report it";
                Fault::at(FaultKind::Runtime, &call.place.file, 0, message).of(call.name)
            }
        };
        Err(failed)
    }

    /// Seals what a rule emits and appends it.
    pub(crate) fn emit(
        self: &Rc<Inner>,
        info: &RuleInfo,
        output: Option<&str>,
        table: Table,
        effects: &mut Effects,
    ) -> mlua::Result<()> {
        let output = output_of(info, output)?;
        let table = self.seal(table, false)?;
        effects.emits.push(Emit { output, data: Payload::sealed(self, table) });
        Ok(())
    }

    /// Makes a table one that cannot be changed.
    pub(crate) fn seal(&self, table: Table, is_list: bool) -> mlua::Result<Table> {
        self.tools.seal(table, is_list)
    }

    /// True if the host made it as a list.
    pub(crate) fn is_list(&self, table: &Table) -> bool {
        self.tools.is_list(table)
    }

    pub(crate) fn fault_of(
        &self,
        error: &mlua::Error,
        name: Option<&Arc<str>>,
        place: Option<&Place>,
    ) -> Fault {
        Fault::raised(error, name, place)
    }
}

/// Which output is meant: the one named, or the only one.
pub(crate) fn output_of(info: &RuleInfo, output: Option<&str>) -> mlua::Result<usize> {
    let message = match output {
        Some(name) => match info.outputs.iter().position(|output| **output == *name) {
            Some(position) => return Ok(position),
            None => format!("'{name}' is none of the outputs it declares"),
        },
        None if info.outputs.len() == 1 => return Ok(0),
        None => format!("it declares {} outputs: call emit with the one meant", info.outputs.len()),
    };
    Err(Raised::error(FaultKind::Type, message))
}
