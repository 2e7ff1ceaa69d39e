//! A hook joined with its schema: asked where the event is, answered at once.
//!
//! The fields go in as arguments of one call of a generated function, which makes the event's table and calls the
//! hook: half the cost of building the table from outside. A failing hook is set aside by key
//! (`quarantine.rs`), and while it is, its `fail` says what happens to an event. Neighbours: `vm/`, and the applet.

use edgekit_core::Clock;
use mlua::Value as Lv;

use crate::{
    Action, Fail, Fault, FaultKind, HookFn, HookInfo, Quarantine, Ref, Schema, Value, Verdict,
    vm::{Call, Effects, convert},
};

/// What became of the events a hook was asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookStats {
    /// Asked.
    pub calls: u64,
    /// Failed.
    pub faults: u64,
    /// Of those, because a budget ran out.
    pub budgets: u64,
    /// Not asked, because the key is set aside.
    pub skipped: u64,
}

/// A hook that can be called.
#[derive(Debug)]
pub struct Hook {
    declared: HookFn,
    schema: &'static Schema,
    clock: Clock,
    quarantine: Quarantine,
    /// Which field tells failures apart.
    key: Option<usize>,
    stats: HookStats,
    fault: Option<Fault>,
    effects: Effects,
}

impl Hook {
    /// Joins a hook with the schema of its hook point.
    ///
    /// # Errors
    /// The hook is for another point, or its `key` is none of the fields.
    pub fn new(declared: HookFn, schema: &'static Schema, clock: Clock) -> Result<Hook, Fault> {
        let info = &declared.info;
        let wrong = |message: String| {
            Fault::at(FaultKind::Type, &info.place.file, info.place.line, message).of(&info.name)
        };
        if *info.on != *schema.name {
            return Err(wrong(format!("it is for '{}', not for '{}'", info.on, schema.name)));
        }
        let key = match &info.key {
            None => None,
            Some(key) => match schema.position(key) {
                None => return Err(wrong(format!("'{key}' is no field of '{}'", schema.name))),
                found => found,
            },
        };
        Ok(Hook {
            schema,
            clock,
            quarantine: Quarantine::new(),
            key,
            stats: HookStats::default(),
            fault: None,
            effects: Effects::default(),
            declared,
        })
    }

    /// What it says about itself.
    pub fn info(&self) -> &HookInfo {
        &self.declared.info
    }

    /// What became of the events so far.
    pub fn stats(&self) -> HookStats {
        self.stats
    }

    /// What went wrong since this was last asked, the newest if it was more than once.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Asks the hook about an event: its fields in the schema's order. What it wants done is appended to `actions`.
    /// Never takes longer than its deadline allows, and never fails: what a failing hook means, `fail` says.
    pub fn call(&mut self, fields: &[Ref<'_>], actions: &mut Vec<Action>) -> Verdict {
        self.stats.calls += 1;
        match self.judge(fields) {
            Ok(verdict) => {
                actions.append(&mut self.effects.actions);
                verdict
            }
            Err(fault) => {
                self.stats.faults += 1;
                self.stats.budgets += u64::from(fault.kind.is_budget());
                self.fault = Some(fault);
                self.failing()
            }
        }
    }

    fn failing(&self) -> Verdict {
        match self.declared.info.fail {
            Fail::Open => Verdict::Pass,
            Fail::Closed => Verdict::Drop,
        }
    }

    fn judge(&mut self, fields: &[Ref<'_>]) -> Result<Verdict, Fault> {
        let info = &self.declared.info;
        let inner = &self.declared.inner;
        let entries = self.schema.fields.iter().zip(fields);
        let data = Value::Map(entries.map(|(field, value)| (field.name.into(), value.to_value())).collect());
        let fault = |error: &mlua::Error| inner.fault_of(error, Some(&info.name), Some(&info.place));
        let table = convert::push_owned(inner, &data).map_err(|error| fault(&error))?;
        let call = Call {
            name: &info.name,
            place: &info.place,
            capabilities: info.capabilities,
            time: info.deadline,
            at: None,
            rule: None,
        };
        match inner.run::<Lv>(&call, &self.declared.run, table, &mut self.effects)? {
            Lv::Nil => Ok(Verdict::Pass),
            other => {
                let message = format!("a hook returns a verdict, not a {}", other.type_name());
                Err(Fault::at(FaultKind::Type, &info.place.file, info.place.line, message).of(&info.name))
            }
        }
    }
}
