//! What a script declares: `rule { … }` and `hook { … }`, checked field by field.

use std::{fmt, rc::Rc, sync::Arc, time::Duration};

use edgekit_core::units;
use mlua::{Function, Table, Value as Lv};

use super::{
    Inner, convert,
    fault::Raised,
    memory::Account,
    rule::{Functions, Rule},
};
use crate::{Capability, FaultKind, Grants, Value};

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The script's file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

/// `slow.luau:7`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// When a timer of a rule goes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Again and again after this long.
    Every(Duration),
    /// By a crontab line of five fields; read by the engine.
    Cron(Arc<str>),
}

/// What a rule says about itself.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// Its name, unique in its generation.
    pub name: Arc<str>,
    /// Where it is declared.
    pub place: Place,
    /// The topics it gets.
    pub inputs: Vec<Arc<str>>,
    /// The topics it makes.
    pub outputs: Vec<Arc<str>>,
    /// Among rules that could run next the highest goes first.
    pub priority: i32,
    /// What it may do.
    pub capabilities: Grants,
    /// Its state before the first event.
    pub state: Value,
    /// When its timers go off, in order.
    pub timers: Vec<Schedule>,
    /// True if it has a `key` function.
    pub keyed: bool,
    /// True if it has a `migrate` function.
    pub migrates: bool,
    /// True if it has an `on` function.
    pub handles: bool,
}

/// What happens to an event while its hook fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fail {
    /// It passes.
    #[default]
    Open,
    /// It is dropped.
    Closed,
}

/// What a hook says about itself.
#[derive(Clone, Debug)]
pub struct HookInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub place: Place,
    /// The hook point: the name of a [`Schema`](crate::Schema).
    pub on: Arc<str>,
    /// What happens to an event while it fails.
    pub fail: Fail,
    /// Wall time of one call.
    pub deadline: Duration,
    /// What it may do.
    pub capabilities: Grants,
    /// The field by whose value failures are told apart.
    pub key: Option<Arc<str>>,
}

/// A hook as it was declared; [`Hook::new`](crate::Hook::new) joins it with its schema.
#[derive(Clone, Debug)]
pub struct HookFn {
    /// What it says about itself.
    pub info: Rc<HookInfo>,
    pub(crate) inner: Rc<Inner>,
    pub(crate) account: Rc<Account>,
    pub(crate) run: Function,
}

/// One declaration of a script.
#[derive(Clone, Debug)]
pub enum Declared {
    /// A node of the graph.
    Rule(Rule),
    /// A judge of events.
    Hook(HookFn),
}

/// Reads one declaration.
pub(crate) fn read(
    inner: &Rc<Inner>,
    account: &Rc<Account>,
    is_rule: bool,
    table: &Table,
    place: Place,
) -> mlua::Result<Declared> {
    let form = Form { table, what: if is_rule { "rule" } else { "hook" } };
    if is_rule {
        form.known(&[
            "name",
            "inputs",
            "outputs",
            "priority",
            "capabilities",
            "state",
            "on",
            "timers",
            "key",
            "migrate",
        ])?;
        let mut runs = Vec::new();
        let mut timers = Vec::new();
        for timer in form.list("timers")? {
            let Lv::Table(timer) = timer else { return Err(form.wrong("timers", "a list of tables")) };
            let timer = Form { table: &timer, what: "timer" };
            timer.known(&["every", "cron", "run"])?;
            timers.push(match (timer.text("every")?, timer.text("cron")?) {
                (Some(every), None) => Schedule::Every(duration(&every)?),
                (None, Some(cron)) => Schedule::Cron(cron),
                _ => return Err(timer.error("a timer has either 'every' or 'cron'")),
            });
            runs.push(timer.function("run")?.ok_or_else(|| timer.wrong("run", "a function"))?);
        }
        let (on, key, migrate) = (form.function("on")?, form.function("key")?, form.function("migrate")?);
        let info = RuleInfo {
            name: form.name()?,
            place,
            inputs: form.texts("inputs")?,
            outputs: form.texts("outputs")?,
            priority: form.whole("priority")?,
            capabilities: form.capabilities(inner.grants)?,
            state: convert::pull(&inner.lua, &inner.state, &table.raw_get::<Lv>("state")?)?,
            timers,
            keyed: key.is_some(),
            migrates: migrate.is_some(),
            handles: on.is_some(),
        };
        if !info.inputs.is_empty() && on.is_none() {
            return Err(form.wrong("on", "a function"));
        }
        return Ok(Declared::Rule(Rule::new(
            inner,
            account,
            info,
            &Functions { on, timers: runs, key, migrate },
        )?));
    }
    form.known(&["name", "on", "fail", "deadline", "capabilities", "key", "run"])?;
    let info = HookInfo {
        name: form.name()?,
        place,
        on: form.text("on")?.ok_or_else(|| form.wrong("on", "the name of a hook point"))?,
        fail: match form.text("fail")?.as_deref() {
            None | Some("open") => Fail::Open,
            Some("closed") => Fail::Closed,
            Some(_) => return Err(form.wrong("fail", "'open' or 'closed'")),
        },
        deadline: match form.text("deadline")? {
            None => inner.limits.hook_time,
            Some(text) => duration(&text)?,
        },
        capabilities: form.capabilities(inner.grants)?,
        key: form.text("key")?,
    };
    let run = form.function("run")?.ok_or_else(|| form.wrong("run", "a function"))?;
    Ok(Declared::Hook(HookFn {
        info: Rc::new(info),
        inner: Rc::clone(inner),
        account: Rc::clone(account),
        run,
    }))
}

pub(crate) fn duration(text: &str) -> mlua::Result<Duration> {
    let parsed =
        units::parse_duration(text).map_err(|error| Raised::error(FaultKind::Type, error.to_string()))?;
    if parsed.is_zero() {
        return Err(Raised::error(FaultKind::Type, format!("'{text}' is no time at all")));
    }
    Ok(parsed)
}

/// A table that describes something.
struct Form<'a> {
    table: &'a Table,
    what: &'static str,
}

impl Form<'_> {
    fn error(&self, message: &str) -> mlua::Error {
        Raised::error(FaultKind::Type, message)
    }

    fn wrong(&self, field: &str, expected: &str) -> mlua::Error {
        Raised::error(FaultKind::Type, format!("'{field}' of a {} is {expected}", self.what))
    }

    fn known(&self, fields: &[&str]) -> mlua::Result<()> {
        self.table.for_each(|key: Lv, _: Lv| {
            let name = key.to_string()?;
            if fields.contains(&name.as_str()) {
                return Ok(());
            }
            let known = fields.join(", ");
            let message = format!("a {} has no field '{name}'; it has {known}", self.what);
            Err(Raised::error(FaultKind::Type, message))
        })
    }

    fn get(&self, field: &str) -> mlua::Result<Lv> {
        self.table.raw_get(field)
    }

    fn name(&self) -> mlua::Result<Arc<str>> {
        match self.text("name")? {
            Some(name) if !name.is_empty() => Ok(name),
            _ => Err(self.wrong("name", "a text")),
        }
    }

    fn text(&self, field: &str) -> mlua::Result<Option<Arc<str>>> {
        match self.get(field)? {
            Lv::Nil => Ok(None),
            Lv::String(text) => match text.to_str() {
                Ok(text) => Ok(Some(Arc::from(&*text))),
                Err(_) => Err(self.wrong(field, "a text in UTF-8")),
            },
            _ => Err(self.wrong(field, "a text")),
        }
    }

    fn list(&self, field: &str) -> mlua::Result<Vec<Lv>> {
        match self.get(field)? {
            Lv::Nil => Ok(Vec::new()),
            Lv::Table(table) => table.sequence_values::<Lv>().collect(),
            _ => Err(self.wrong(field, "a list")),
        }
    }

    fn texts(&self, field: &str) -> mlua::Result<Vec<Arc<str>>> {
        let mut texts = Vec::new();
        for value in self.list(field)? {
            let Some(text) = value.as_string().and_then(|text| text.to_str().ok()) else {
                return Err(self.wrong(field, "a list of texts"));
            };
            texts.push(Arc::from(&*text));
        }
        Ok(texts)
    }

    fn whole(&self, field: &str) -> mlua::Result<i32> {
        match self.get(field)? {
            Lv::Nil => Ok(0),
            Lv::Integer(number) => {
                i32::try_from(number).map_err(|_| self.wrong(field, "a number of 32 bits"))
            }
            _ => Err(self.wrong(field, "a whole number")),
        }
    }

    fn function(&self, field: &str) -> mlua::Result<Option<Function>> {
        match self.get(field)? {
            Lv::Nil => Ok(None),
            Lv::Function(function) => Ok(Some(function)),
            _ => Err(self.wrong(field, "a function")),
        }
    }

    fn capabilities(&self, granted: Grants) -> mlua::Result<Grants> {
        let mut declared = Grants::NONE;
        for word in self.texts("capabilities")? {
            let Some(capability) = Capability::of(&word) else {
                let known: Vec<_> = Capability::ALL.iter().map(|capability| capability.word()).collect();
                let message = format!("there is no capability '{word}'; there are {}", known.join(", "));
                return Err(Raised::error(FaultKind::Capability, message));
            };
            if !granted.has(capability) {
                let message = format!("capability '{word}' is not granted; grant it in the configuration");
                return Err(Raised::error(FaultKind::Capability, message));
            }
            declared = declared.with(capability);
        }
        Ok(declared)
    }
}
