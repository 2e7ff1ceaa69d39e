//! One Luau VM: many scripts, each in an environment of its own, each call on a budget.
//!
//! `sandbox.rs` takes away what a script must not have, `prelude.luau`, `actions.rs`, `text.rs` and `int.rs` give what
//! it may; `declare.rs` reads what it declares, `rule.rs` calls it; `meter.rs` stops what runs away, `memory.rs`
//! knows who keeps how much; `convert.rs`, `shape.rs`, `arguments.rs` and `payload.rs` are the boundary. A VM belongs
//! to one thread. Its neighbours are `hook.rs` and the engine.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use edgekit_core::Clock;
use mlua::{Function, Lua, Table};

use crate::{Action, Alarm, Compiled, Grants, Shared, Value};

mod actions;
pub(crate) mod arguments;
pub(crate) mod convert;
mod coverage;
mod declare;
mod fault;
mod guard;
mod int;
mod limits;
mod memory;
mod meter;
mod payload;
mod reading;
mod rule;
mod sandbox;
mod shape;
mod state;
mod text;

pub use coverage::Coverage;
pub use declare::{Declared, Fail, HookFn, HookInfo, Place, RuleInfo, Schedule};
pub use fault::{Fault, FaultKind};
pub use limits::Limits;
pub use payload::Payload;
pub use rule::Rule;

pub(crate) use convert::{Make, kind_of};
pub(crate) use fault::Raised;
pub(crate) use shape::asking;

use memory::{Account, Ledger};
use meter::Budget;
use state::{Asking, State};

#[cfg(test)]
mod tests;

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
    pub(crate) state: Rc<State>,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) tools: sandbox::Tools,
    ledger: Ledger,
    scripts: RefCell<Vec<Weak<Account>>>,
    /// Top levels of scripts that were compiled for it.
    coverage: RefCell<Vec<(Arc<str>, Function)>>,
}

/// Who is called, and what it may do.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) place: &'a Place,
    pub(crate) account: &'a Account,
    pub(crate) capabilities: Grants,
    pub(crate) time: Duration,
    /// Bytes the VM may grow by.
    pub(crate) memory: usize,
    /// What `now()` tells; the host's clock if `None`.
    pub(crate) at: Option<Duration>,
    pub(crate) rule: Option<&'a Rc<Asking>>,
    /// Somebody waits for its answer.
    pub(crate) waited_for: bool,
}

impl Vm {
    /// A new VM with its sandbox.
    ///
    /// # Errors
    /// There is no memory for the libraries.
    pub fn new(limits: Limits, clock: Clock, shared: Arc<Shared>, grants: Grants) -> Result<Vm, Fault> {
        let state = State::new(limits, clock, shared);
        match sandbox::open(&state) {
            Ok((lua, tools)) => {
                state.meter.install(&lua);
                let inner = Inner {
                    lua,
                    state,
                    limits,
                    grants,
                    tools,
                    ledger: Ledger::new(),
                    scripts: RefCell::default(),
                    coverage: RefCell::default(),
                };
                Ok(Vm { inner: Rc::new(inner) })
            }
            Err(error) => Err(Fault::at(FaultKind::Memory, &Arc::from("sandbox"), 0, error.to_string())),
        }
    }

    /// Runs a script's top level and returns what it declares.
    ///
    /// # Errors
    /// Whatever went wrong in the script; what it declares is wrong or not granted; the VM has no [`Vm::room`].
    pub fn load(&self, compiled: &Compiled) -> Result<Vec<Declared>, Fault> {
        self.inner.load(compiled)
    }

    /// What an event from outside carries, made once for all rules of this VM.
    ///
    /// # Errors
    /// It is no map, or there is no memory for it.
    pub fn payload(&self, data: &Value) -> Result<Payload, Fault> {
        let table =
            payload::table_of(&self.inner, data).map_err(|error| Fault::raised(&error, None, None))?;
        Ok(Payload::sealed(&self.inner, table))
    }

    /// Scripts this VM can still take. At zero another VM takes the next.
    pub fn room(&self) -> usize {
        self.inner.ledger.room()
    }

    /// Bytes the VM uses, garbage included.
    pub fn used_memory(&self) -> usize {
        self.inner.lua.used_memory()
    }

    /// Bytes each script keeps, by a walk over the heap: milliseconds, for `list` and for tests.
    pub fn kept_memory(&self) -> Vec<(Arc<str>, u64)> {
        let scripts: Vec<_> = self.inner.scripts.borrow().iter().filter_map(Weak::upgrade).collect();
        memory::kept(&self.inner.lua, &scripts)
    }

    /// Collects garbage: a millisecond for each few megabytes. For the time between events, and after unloading.
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
        let place = Place { file: file.clone(), line: 0 };
        let account = self.ledger.open(file, self.limits.rule_memory).ok_or_else(|| {
            let message = format!("a VM takes {} scripts; load it into another", memory::SCRIPTS);
            Fault::at(FaultKind::Memory, file, 0, message)
        })?;
        self.ledger.charge(&self.lua, &account);
        let main = self.tools.environment(&self.lua, compiled);
        let main = main.map_err(|error| Fault::raised(&error, None, Some(&place)))?;
        if compiled.coverage {
            self.coverage.borrow_mut().push((file.clone(), main.clone()));
        }
        let call = Call {
            name: file,
            place: &place,
            account: &account,
            capabilities: Grants::NONE,
            time: self.limits.load_time,
            memory: self.limits.call_memory,
            at: None,
            rule: None,
            waited_for: false,
        };
        self.state.loading.set(true);
        self.state.declared.borrow_mut().clear();
        let ran = self.run(&call, &mut Effects::default(), || main.call::<()>(()));
        self.state.loading.set(false);
        let declared = std::mem::take(&mut *self.state.declared.borrow_mut());
        ran.map_err(|fault| Fault { rule: None, ..fault })?;
        {
            let mut scripts = self.scripts.borrow_mut();
            scripts.retain(|script| script.strong_count() > 0);
            scripts.push(Rc::downgrade(&account));
        }
        let read = |(is_rule, table, place): (bool, Table, Place)| {
            declare::read(self, &account, is_rule, &table, place.clone()).map_err(|error| {
                let mut fault = Fault::raised(&error, None, Some(&place));
                fault.line = place.line;
                fault.rule = table.raw_get::<String>("name").ok().map(Arc::from);
                fault
            })
        };
        declared.into_iter().map(read).collect()
    }

    /// Makes a call on a budget. What it asks for goes to `effects` only if it ends well.
    pub(crate) fn run<R>(
        self: &Rc<Inner>,
        call: &Call<'_>,
        effects: &mut Effects,
        act: impl FnOnce() -> mlua::Result<R>,
    ) -> Result<R, Fault> {
        if call.account.is_doubted() {
            self.recheck(call)?;
        }
        let before = self.lua.used_memory();
        if before.saturating_add(call.memory) > self.limits.vm_memory {
            // Rather a pause than an error for want of memory that is garbage.
            let _ = self.lua.gc_collect();
        }
        self.ledger.charge(&self.lua, call.account);
        self.state.enter(call);
        self.state.meter.arm(Budget {
            time: call.time,
            steps: self.limits.steps,
            memory: call.memory,
            vm: self.limits.vm_memory,
            on_core: !call.waited_for,
        });
        let ended = catch_unwind(AssertUnwindSafe(act));
        let stop = self.state.meter.disarm(&self.lua);
        self.state.leave(call);
        let result = match (ended, stop) {
            (_, Some(stop)) => Err(Fault::stopped(&stop, call)),
            (Ok(Ok(result)), None) => Ok(result),
            (Ok(Err(error)), None) => Err(Fault::raised(&error, Some(call.name), Some(call.place))),
            (Err(_), None) => {
                let message = "a function of the host panicked; please report it";
                Err(Fault::at(FaultKind::Runtime, &call.place.file, 0, message).of(call.name))
            }
        };
        call.account.note(&self.lua, before);
        let mut out = self.state.out.borrow_mut();
        match &result {
            Ok(_) if !out.is_empty() => {
                effects.actions.append(&mut out.actions);
                let emits = out.emits.drain(..);
                effects
                    .emits
                    .extend(emits.map(|(output, table)| Emit { output, data: Payload::sealed(self, table) }));
                effects.alarms.append(&mut out.alarms);
            }
            Ok(_) => {}
            Err(fault) => {
                out.actions.clear();
                out.emits.clear();
                out.alarms.clear();
                if fault.kind == FaultKind::Memory {
                    // What filled the VM is garbage now; the next rule must not pay for it.
                    let _ = self.lua.gc_collect();
                }
            }
        }
        out.bytes = 0;
        result
    }

    /// Refuses a call into a script that keeps too much, unless it no longer does.
    #[cold]
    fn recheck(&self, call: &Call<'_>) -> Result<(), Fault> {
        let limit = self.limits.rule_memory;
        call.account.walk(&self.lua, limit);
        match call.account.overdrawn.get() {
            None => Ok(()),
            Some(kept) => {
                let message = format!("it keeps {kept} bytes, and may keep {limit}");
                let file = &call.account.file;
                Err(Fault::at(FaultKind::Memory, file, call.place.line, message).of(call.name))
            }
        }
    }

    /// A handler whose answer is sealed while its budget counts.
    pub(crate) fn answering(&self, run: &Function) -> mlua::Result<Function> {
        self.tools.answering(run)
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
