//! What the functions of the sandbox know of the call they are called in.
//!
//! One a VM, shared with every function of the host. It holds no `Lua`, which holds those functions.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use edgekit_core::Clock;
use mlua::{Buffer, Table};

use super::{Call, Limits, Place, RuleInfo, convert::Seals, fault::Raised, meter::Meter};
use crate::{Action, Alarm, Capability, FaultKind, Grants, Shared};

/// What a call has asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) actions: Vec<Action>,
    pub(crate) emits: Vec<(usize, Table)>,
    pub(crate) alarms: Vec<Alarm>,
    /// Bytes the actions carry.
    pub(crate) bytes: usize,
}

impl Out {
    pub(crate) fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.emits.is_empty() && self.alarms.is_empty()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) limits: Limits,
    pub(crate) meter: Rc<Meter>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) out: RefCell<Out>,
    /// What a script declared so far: a rule or not, its table, where.
    pub(crate) declared: RefCell<Vec<(bool, Table, Place)>>,
    pub(crate) loading: Cell<bool>,
    pub(crate) next_alarm: Cell<u64>,
    clock: Clock,
    seals: OnceCell<Seals>,
    /// Where the prelude reads the time of the event, in microseconds: a call of the host would cost ten times that.
    face: OnceCell<Buffer>,
    capabilities: Cell<Grants>,
    at: Cell<Option<Duration>>,
    rule: RefCell<Option<Rc<Asking>>>,
}

/// A rule, as the functions that ask for something know it.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) info: Rc<RuleInfo>,
    /// Functions that wait for an alarm, by its number.
    pub(crate) waiting: Table,
}

impl State {
    pub(crate) fn new(limits: Limits, clock: Clock, shared: Arc<Shared>) -> Rc<State> {
        Rc::new(State {
            limits,
            meter: Meter::new(clock.clone()),
            shared,
            out: RefCell::default(),
            declared: RefCell::default(),
            loading: Cell::new(false),
            next_alarm: Cell::new(1),
            clock,
            seals: OnceCell::new(),
            face: OnceCell::new(),
            capabilities: Cell::new(Grants::NONE),
            at: Cell::new(None),
            rule: RefCell::new(None),
        })
    }

    /// A call begins.
    pub(crate) fn enter(&self, call: &Call<'_>) {
        self.capabilities.set(call.capabilities);
        if self.at.replace(call.at) != call.at {
            self.show(call.at);
        }
        if let Some(rule) = call.rule {
            *self.rule.borrow_mut() = Some(Rc::clone(rule));
        }
    }

    /// A call is over.
    pub(crate) fn leave(&self, call: &Call<'_>) {
        self.capabilities.set(Grants::NONE);
        if call.rule.is_some() {
            *self.rule.borrow_mut() = None;
        }
    }

    /// A double of Luau with the time of the event; not a number where the host's clock counts.
    pub(crate) fn set_face(&self, face: Buffer) {
        let _ = self.face.set(face);
        self.show(self.at.get());
    }

    fn show(&self, at: Option<Duration>) {
        if let Some(face) = self.face.get() {
            let micros = at.map_or(f64::NAN, |at| at.as_micros() as f64);
            face.write_bytes(0, &micros.to_le_bytes());
        }
    }

    pub(crate) fn set_seals(&self, seals: Seals) {
        let _ = self.seals.set(seals);
    }

    /// Set before any script is loaded.
    pub(crate) fn seals(&self) -> mlua::Result<&Seals> {
        self.seals.get().ok_or_else(|| Raised::error(FaultKind::Runtime, "the sandbox is not open yet"))
    }

    /// The rule that is called.
    pub(crate) fn rule<R>(
        &self,
        what: &str,
        act: impl FnOnce(&RuleInfo, &Table) -> mlua::Result<R>,
    ) -> mlua::Result<R> {
        match &*self.rule.borrow() {
            Some(rule) => act(&rule.info, &rule.waiting),
            None => {
                let message = format!("'{what}' is for the handlers of a rule");
                Err(Raised::error(FaultKind::Capability, message))
            }
        }
    }

    /// Refuses what the rule or hook that is called does not declare.
    pub(crate) fn needs(&self, capability: Capability) -> mlua::Result<()> {
        if self.capabilities.get().has(capability) {
            return Ok(());
        }
        let word = capability.word();
        let message = if self.loading.get() {
            format!("'{word}' is for handlers: the top level of a script only declares")
        } else {
            format!("it needs the capability '{word}': add it to its 'capabilities'")
        };
        Err(Raised::error(FaultKind::Capability, message))
    }

    /// Counts one more thing that is asked for, of so many bytes.
    pub(crate) fn ask(&self, bytes: usize, put: impl FnOnce(&mut Out)) -> mlua::Result<()> {
        let mut out = self.out.borrow_mut();
        let count = out.actions.len() + out.emits.len() + out.alarms.len();
        let message = if count >= self.limits.actions {
            format!("a call asks for more than {} actions", self.limits.actions)
        } else if out.bytes.saturating_add(bytes) > self.limits.value_size {
            format!("the actions of a call take more than {} bytes", self.limits.value_size)
        } else {
            out.bytes += bytes;
            put(&mut out);
            return Ok(());
        };
        Err(Raised::error(FaultKind::Memory, message))
    }

    /// What `now()` tells.
    pub(crate) fn now(&self) -> Duration {
        self.at.get().unwrap_or_else(|| self.clock.wall())
    }
}
