//! A declared rule and the calls into it.

use std::{rc::Rc, time::Duration};

use mlua::{Function, Table, Value as Lv};

use super::{Call, Effects, Inner, Payload, RuleInfo, convert, fault::Raised};
use crate::{Event, Fault, FaultKind, Value};

/// A node of the graph, with its functions in the VM. Cheap to clone; dies with the last clone.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it says about itself.
    pub info: Rc<RuleInfo>,
    inner: Rc<Inner>,
    on: Option<Function>,
    timers: Rc<[Function]>,
    key: Option<Function>,
    migrate: Option<Function>,
    ctx: Table,
    /// Functions that wait for an alarm, by its number.
    waiting: Table,
}

impl Rule {
    pub(crate) fn new(
        inner: &Rc<Inner>,
        info: RuleInfo,
        on: Option<Function>,
        timers: Vec<Function>,
        key: Option<Function>,
        migrate: Option<Function>,
    ) -> mlua::Result<Rule> {
        let ctx = inner.lua.create_table_with_capacity(0, 3)?;
        ctx.raw_set("name", &*info.name)?;
        let waiting = inner.lua.create_table()?;
        let rule = Rule {
            info: Rc::new(info),
            inner: Rc::clone(inner),
            on,
            timers: timers.into(),
            key,
            migrate,
            ctx,
            waiting,
        };
        rule.put_state(&rule.info.state)?;
        Ok(rule)
    }

    /// Hands the rule an event. What it wants done is appended to `effects`; nothing is, if it fails.
    ///
    /// # Errors
    /// Whatever went wrong in the script, its budgets included.
    pub fn on(&self, topic: &str, data: &Payload, at: Duration, effects: &mut Effects) -> Result<(), Fault> {
        let Some(on) = &self.on else { return Ok(()) };
        let table = data.table(&self.inner).map_err(|error| self.fault(&error))?;
        if self.info.inputs.len() > 1 {
            self.ctx.raw_set("topic", topic).map_err(|error| self.fault(&error))?;
        }
        self.answer(on, (&table, &self.ctx), at, effects)
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
        match self.timers.get(index) {
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
        let run = self.waiting.raw_get::<Lv>(number).map_err(|error| self.fault(&error))?;
        let Lv::Function(run) = run else { return Ok(()) };
        self.waiting.raw_set(number, Lv::Nil).map_err(|error| self.fault(&error))?;
        self.answer(&run, &self.ctx, at, effects)
    }

    /// The key whose failures are counted together; [`Value::Nil`] without a `key` function.
    ///
    /// # Errors
    /// As [`Rule::on`].
    pub fn key(&self, data: &Payload, at: Duration) -> Result<Value, Fault> {
        let Some(key) = &self.key else { return Ok(Value::Nil) };
        let table = data.table(&self.inner).map_err(|error| self.fault(&error))?;
        let mut effects = Effects::default();
        let value: Lv = self.inner.run(&self.call(at), key, &table, &mut effects)?;
        convert::pull(&self.inner, &value).map_err(|error| self.fault(&error))
    }

    /// What `migrate` makes of the state of an older generation; the state itself without such a function.
    ///
    /// # Errors
    /// As [`Rule::on`].
    pub fn migrate(&self, old: Value, at: Duration) -> Result<Value, Fault> {
        let Some(migrate) = &self.migrate else { return Ok(old) };
        let old =
            convert::push_open(&self.inner.lua, &self.inner, &old).map_err(|error| self.fault(&error))?;
        let mut effects = Effects::default();
        let value: Lv = self.inner.run(&self.call(at), migrate, old, &mut effects)?;
        convert::pull(&self.inner, &value).map_err(|error| self.fault(&error))
    }

    /// The state it keeps: what is durable of it.
    ///
    /// # Errors
    /// A fault of kind Type if `ctx.state` holds what is no value.
    pub fn state(&self) -> Result<Value, Fault> {
        let state = self.ctx.raw_get::<Lv>("state").map_err(|error| self.fault(&error))?;
        convert::pull(&self.inner, &state).map_err(|error| self.fault(&error))
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// The VM has no memory left.
    pub fn set_state(&self, state: &Value) -> Result<(), Fault> {
        self.put_state(state).map_err(|error| self.fault(&error))
    }

    fn put_state(&self, state: &Value) -> mlua::Result<()> {
        let state = match state {
            Value::Nil => Lv::Table(self.inner.lua.create_table()?),
            other => convert::push_open(&self.inner.lua, &self.inner, other)?,
        };
        self.ctx.raw_set("state", state)
    }

    fn answer(
        &self,
        run: &Function,
        arguments: impl mlua::IntoLuaMulti,
        at: Duration,
        effects: &mut Effects,
    ) -> Result<(), Fault> {
        match self.inner.run::<Lv>(&self.call(at), run, arguments, effects)? {
            Lv::Nil => Ok(()),
            Lv::Table(table) => {
                let emitted = self.inner.emit(&self.info, None, table, effects);
                emitted.map_err(|error| self.fault(&error))
            }
            other => {
                let message = format!("a handler returns a table or nothing, not a {}", other.type_name());
                Err(self.fault(&Raised::error(FaultKind::Type, message)))
            }
        }
    }

    fn call(&self, at: Duration) -> Call<'_> {
        Call {
            name: &self.info.name,
            place: &self.info.place,
            capabilities: self.info.capabilities,
            time: self.inner.limits.rule_time,
            at: Some(at),
            rule: Some((&self.info, &self.waiting)),
        }
    }

    fn fault(&self, error: &mlua::Error) -> Fault {
        self.inner.fault_of(error, Some(&self.info.name), Some(&self.info.place))
    }
}
