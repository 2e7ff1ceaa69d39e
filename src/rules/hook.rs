//! A hook joined with its schema: asked where the event is, answered at once.
//!
//! The fields go in as arguments of one call of a generated function, which makes the event's table and calls the
//! hook: half the cost of building the table from outside. A failing hook is set aside by key
//! (`quarantine.rs`), and while it is, its `fail` says what happens to an event. Neighbours: `vm/`, and the applet.

use std::borrow::Cow;

use edgekit_core::Clock;
use mlua::{Function, Value as Lv};

use crate::{
    Action, Fail, Fault, FaultKind, HookFn, HookInfo, Quarantine, Ref, Schema, Value, Verdict,
    vm::{Call, Effects, Inner, Make, Raised, arguments, asking, convert, kind_of},
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
    /// Makes the event of the fields and asks.
    ask: Function,
    schema: &'static Schema,
    clock: Clock,
    quarantine: Quarantine,
    /// Which field tells failures apart.
    key: Option<usize>,
    stats: HookStats,
    /// The key that was late last.
    late: Option<Vec<u8>>,
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
        let names: Vec<&[u8]> = schema.fields.iter().map(|field| field.name.as_bytes()).collect();
        let ask = asking(&declared.inner.lua, &names, &declared.run);
        let ask = ask.map_err(|error| Fault::raised(&error, Some(&info.name), Some(&info.place)))?;
        Ok(Hook {
            ask,
            schema,
            clock,
            quarantine: Quarantine::new(),
            key,
            stats: HookStats::default(),
            late: None,
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
        // Without failures, the usual case, neither the key nor the clock is looked at.
        let doubted = !self.quarantine.is_empty();
        if doubted && !self.quarantine.admits(&self.key_of(fields), self.clock.monotonic()) {
            self.stats.skipped += 1;
            return self.failing();
        }
        match self.judge(fields) {
            Ok(verdict) => {
                actions.append(&mut self.effects.actions);
                if doubted {
                    let key = self.key_of(fields);
                    self.quarantine.succeeded(&key);
                }
                verdict
            }
            Err(fault) => self.failed(fields, fault),
        }
    }

    #[cold]
    fn failed(&mut self, fields: &[Ref<'_>], fault: Fault) -> Verdict {
        self.stats.faults += 1;
        self.stats.budgets += u64::from(fault.kind.is_budget());
        self.effects.clear();
        let key = self.key_of(fields);
        // Wall time also passes while the machine runs something else: the first time late is no reason yet.
        let excused = fault.kind == FaultKind::Deadline && self.late.as_deref() != Some(&*key);
        if excused {
            self.late = Some(key.into_owned());
        } else {
            self.late = None;
            self.quarantine.failed(&key, self.clock.monotonic());
        }
        self.fault = Some(fault);
        self.failing()
    }

    fn failing(&self) -> Verdict {
        match self.declared.info.fail {
            Fail::Open => Verdict::Pass,
            Fail::Closed => Verdict::Drop,
        }
    }

    /// The bytes of the field that tells failures apart; none without one.
    fn key_of<'a>(&self, fields: &[Ref<'a>]) -> Cow<'a, [u8]> {
        match self.key.and_then(|key| fields.get(key)) {
            None => Cow::Borrowed(b""),
            Some(Ref::Str(bytes)) => Cow::Borrowed(bytes),
            Some(other) => Cow::Owned(other.to_value().to_json().to_string().into_bytes()),
        }
    }

    fn judge(&mut self, fields: &[Ref<'_>]) -> Result<Verdict, Fault> {
        let HookFn { info, inner, account, .. } = &self.declared;
        let call = Call {
            name: &info.name,
            place: &info.place,
            account,
            capabilities: info.capabilities,
            time: info.deadline,
            memory: inner.limits.hook_memory,
            at: None,
            rule: None,
            waited_for: true,
        };
        inner.run(&call, &mut self.effects, || {
            let answer: Lv = arguments::call(&inner.lua, &inner.state, &self.ask, fields, Make::Open)?;
            match answer {
                Lv::Nil => Ok(Verdict::Pass),
                answer => verdict(inner, self.schema, &answer),
            }
        })
    }
}

/// Reads what `drop()` and `change{…}` give.
fn verdict(inner: &Inner, schema: &Schema, answer: &Lv) -> mlua::Result<Verdict> {
    let wrong = |message: String| Raised::error(FaultKind::Type, message);
    let Lv::Table(table) = answer else {
        return Err(wrong(format!("a hook returns a verdict or nothing, not a {}", kind_of(answer))));
    };
    let word: Option<mlua::LuaString> = table.raw_get("verdict")?;
    match word.as_ref().map(|word| word.as_bytes()).as_deref() {
        Some(b"drop") if schema.verdicts.drop => Ok(Verdict::Drop),
        Some(b"drop") => Err(wrong(format!("an event of '{}' cannot be dropped", schema.name))),
        Some(b"change") => {
            let fields = convert::pull(&inner.lua, &inner.state, &table.raw_get::<Lv>("fields")?)?;
            let Value::Map(changes) = fields else {
                return Err(wrong("change takes a table of fields".to_owned()));
            };
            for (name, _) in &changes {
                if !schema.verdicts.change.iter().any(|field| field.as_bytes() == &**name) {
                    let known = match schema.verdicts.change {
                        [] => "nothing can".to_owned(),
                        fields => format!("{} can", fields.join(", ")),
                    };
                    let message = format!("'{name}' of '{}' cannot be changed; {known}", schema.name);
                    return Err(wrong(message));
                }
            }
            Ok(Verdict::Change(changes))
        }
        _ => Err(wrong("a hook returns pass(), drop(), change{…} or nothing".to_owned())),
    }
}
