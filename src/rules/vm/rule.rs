//! A declared rule and the calls into it.

use std::{rc::Rc, time::Duration};

use mlua::{Function, IntoLuaMulti, Table, Value as Lv};

use super::{
    Call, Effects, Emit, Inner, Payload, RuleInfo,
    convert::{self, Make, kind_of},
    fault::Raised,
    memory::Account,
    output_of,
    state::Asking,
};
use crate::{Event, Fault, FaultKind, Ref, Value};

/// A node of the graph, with its functions in the VM. Cheap to clone; dies with the last clone.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it says about itself.
    pub info: Rc<RuleInfo>,
    inner: Rc<Inner>,
    account: Rc<Account>,
    functions: Rc<Functions>,
    ctx: Table,
    asking: Rc<Asking>,
}

/// The functions of a declaration.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) on: Option<Function>,
    pub(crate) timers: Vec<Function>,
    pub(crate) key: Option<Function>,
    pub(crate) migrate: Option<Function>,
}

impl Rule {
    pub(crate) fn new(
        inner: &Rc<Inner>,
        account: &Rc<Account>,
        info: RuleInfo,
        declared: &Functions,
    ) -> mlua::Result<Rule> {
        let ctx = inner.lua.create_table_with_capacity(0, 4)?;
        ctx.raw_set("name", &*info.name)?;
        if let [topic] = &*info.inputs {
            ctx.raw_set("topic", &**topic)?;
        }
        let answering = |run: &Function| inner.answering(run);
        let functions = Functions {
            on: declared.on.as_ref().map(answering).transpose()?,
            timers: declared.timers.iter().map(answering).collect::<mlua::Result<_>>()?,
            key: declared.key.clone(),
            migrate: declared.migrate.clone(),
        };
        let info = Rc::new(info);
        let asking = Rc::new(Asking { info: Rc::clone(&info), waiting: inner.lua.create_table()? });
        let rule = Rule {
            info,
            inner: Rc::clone(inner),
            account: Rc::clone(account),
            functions: Rc::new(functions),
            ctx,
            asking,
        };
        rule.put_state(&rule.info.state)?;
        Ok(rule)
    }

    /// Hands the rule an event. What it wants done is appended to `effects`; nothing is, if it fails.
    ///
    /// # Errors
    /// Whatever went wrong in the script, its budgets included.
    pub fn on(&self, topic: &str, data: &Payload, at: Duration, effects: &mut Effects) -> Result<(), Fault> {
        let Some(on) = &self.functions.on else { return Ok(()) };
        let table = data.table(&self.inner).map_err(|error| self.fault(&error))?;
        if self.info.inputs.len() != 1 {
            self.ctx.raw_set("topic", topic).map_err(|error| self.fault(&error))?;
        }
        self.answer(on, (&*table, &self.ctx), at, effects)
    }

    /// As [`Rule::on`], for an event that comes from outside.
    ///
    /// # Errors
    /// As [`Rule::on`].
    pub fn event(&self, event: &Event, effects: &mut Effects) -> Result<(), Fault> {
        self.on(&event.topic, &Payload::from(event.data.clone()), event.at, effects)
    }

    /// Runs a timer of [`RuleInfo::timers`] that went off.
    ///
    /// # Errors
    /// As [`Rule::on`].
    pub fn timer(&self, index: usize, at: Duration, effects: &mut Effects) -> Result<(), Fault> {
        match self.functions.timers.get(index) {
            Some(run) => self.answer(run, &self.ctx, at, effects),
            None => Ok(()),
        }
    }

    /// Runs what waits for an [`Alarm`](crate::Alarm); nothing, if it is gone.
    ///
    /// # Errors
    /// As [`Rule::on`].
    pub fn wake(&self, alarm: u64, at: Duration, effects: &mut Effects) -> Result<(), Fault> {
        let number = alarm as f64;
        let run = self.asking.waiting.raw_get::<Lv>(number).map_err(|error| self.fault(&error))?;
        let Lv::Function(run) = run else { return Ok(()) };
        self.asking.waiting.raw_set(number, Lv::Nil).map_err(|error| self.fault(&error))?;
        self.answer(&run, &self.ctx, at, effects)
    }

    /// Forgets an alarm that will not go off.
    pub fn forget(&self, alarm: u64) {
        // Only a full VM could refuse, and removing takes nothing.
        let _ = self.asking.waiting.raw_set(alarm as f64, Lv::Nil);
    }

    /// The key whose failures are counted together; [`Value::Nil`] without a `key` function.
    ///
    /// # Errors
    /// As [`Rule::on`].
    pub fn key(&self, data: &Payload, at: Duration) -> Result<Value, Fault> {
        let Some(key) = &self.functions.key else { return Ok(Value::Nil) };
        let table = data.table(&self.inner).map_err(|error| self.fault(&error))?;
        self.ask(key, &*table, at)
    }

    /// What `migrate` makes of the state of an older generation; the state itself without such a function.
    ///
    /// # Errors
    /// As [`Rule::on`].
    pub fn migrate(&self, old: Value, at: Duration) -> Result<Value, Fault> {
        let Some(migrate) = &self.functions.migrate else { return Ok(old) };
        let old = convert::push(&self.inner.lua, &self.inner.state, Ref::from(&old), Make::Open);
        let old = old.map_err(|error| self.fault(&error))?;
        self.ask(migrate, old, at)
    }

    /// The state it keeps: what is durable of it.
    ///
    /// # Errors
    /// A fault of kind Type if `ctx.state` holds what is no value, Memory if it is too large.
    pub fn state(&self) -> Result<Value, Fault> {
        let state = self.ctx.raw_get::<Lv>("state");
        let state = state.and_then(|state| convert::pull(&self.inner.lua, &self.inner.state, &state));
        state.map_err(|error| {
            let fault = self.fault(&error);
            Fault { message: format!("ctx.state: {}", fault.message), ..fault }
        })
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// The VM has no memory left.
    pub fn set_state(&self, state: &Value) -> Result<(), Fault> {
        self.put_state(state).map_err(|error| self.fault(&error))
    }

    fn put_state(&self, state: &Value) -> mlua::Result<()> {
        let lua = &self.inner.lua;
        let state = match state {
            Value::Nil => Lv::Table(lua.create_table()?),
            other => convert::push(lua, &self.inner.state, Ref::from(other), Make::Open)?,
        };
        self.ctx.raw_set("state", state)
    }

    /// Calls a function for its value.
    fn ask(&self, run: &Function, argument: impl IntoLuaMulti, at: Duration) -> Result<Value, Fault> {
        let mut effects = Effects::default();
        let inner = &self.inner;
        inner.run(&self.call(at), &mut effects, || {
            convert::pull(&inner.lua, &inner.state, &run.call::<Lv>(argument)?)
        })
    }

    /// Calls a function for its effects; the table it returns is emitted.
    fn answer(
        &self,
        run: &Function,
        arguments: impl IntoLuaMulti,
        at: Duration,
        effects: &mut Effects,
    ) -> Result<(), Fault> {
        // The prelude has sealed the table, and what is emitted goes after what was emitted by a call.
        let answer = self.inner.run(&self.call(at), effects, || match run.call::<Lv>(arguments)? {
            Lv::Nil => Ok(None),
            Lv::Table(table) => Ok(Some((output_of(&self.info, None)?, table))),
            other => {
                let message = format!("a handler returns a table or nothing, not a {}", kind_of(&other));
                Err(Raised::error(FaultKind::Type, message))
            }
        })?;
        if let Some((output, table)) = answer {
            effects.emits.push(Emit { output, data: Payload::sealed(&self.inner, table) });
        }
        Ok(())
    }

    fn call(&self, at: Duration) -> Call<'_> {
        Call {
            name: &self.info.name,
            place: &self.info.place,
            account: &self.account,
            capabilities: self.info.capabilities,
            time: self.inner.limits.rule_time,
            memory: self.inner.limits.call_memory,
            at: Some(at),
            rule: Some(&self.asking),
            waited_for: false,
        }
    }

    #[cfg(test)]
    pub(crate) fn is_doubted(&self) -> bool {
        self.account.is_doubted()
    }

    fn fault(&self, error: &mlua::Error) -> Fault {
        Fault::raised(error, Some(&self.info.name), Some(&self.info.place))
    }
}
