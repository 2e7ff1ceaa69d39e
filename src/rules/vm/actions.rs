//! The functions of the sandbox that declare, or ask the host for something.
//!
//! Each action is checked against the capabilities of the rule that is called, turned into a value, and appended;
//! nothing is done here. Neighbours: `prelude.luau` has those that need no host, `json`, `int` have rooms of their own.

use std::{rc::Rc, time::Duration};

use mlua::{Lua, LuaString, Table, Value as Lv, Variadic};

use super::{
    Place, State,
    convert::{self, Make},
    declare,
    fault::Raised,
    guard::function,
    int, meter, output_of, text,
};
use crate::{Action, Alarm, Capability, FaultKind, Level, Metric, Ref, Str, Value, shared::size};

/// Puts the functions into the globals, before they are closed; returns those for the prelude.
pub(crate) fn install(lua: &Lua, state: &Rc<State>) -> mlua::Result<Table> {
    let globals = lua.globals();
    for (name, is_rule) in [("rule", true), ("hook", false)] {
        globals.raw_set(
            name,
            function(lua, state, move |lua, state, table| declares(lua, state, is_rule, table))?,
        )?;
    }
    let now = |_: &Lua, state: &Rc<State>, ()| Ok(state.now().as_micros() as f64 / 1e6);
    globals.raw_set("now", function(lua, state, now)?)?;
    let debug = lua.create_table()?;
    let traceback = |lua: &Lua, _: &Rc<State>, message: Option<LuaString>| {
        lua.traceback(message.map(|message| message.to_string_lossy()).as_deref(), 1)
    };
    debug.raw_set("traceback", function(lua, state, traceback)?)?;
    globals.raw_set("debug", debug)?;
    texts(lua, state, &globals)?;
    asking(lua, state, &globals)?;
    shared(lua, state, &globals)?;
    for_prelude(lua, state)
}

fn declares(lua: &Lua, state: &Rc<State>, is_rule: bool, table: Table) -> mlua::Result<()> {
    if !state.loading.get() {
        let message = "rules and hooks are declared at the top level of a script, not in a handler";
        return Err(Raised::error(FaultKind::Runtime, message));
    }
    if state.declared.borrow().len() >= state.limits.actions {
        let message = format!("a script declares more than {} rules and hooks", state.limits.actions);
        return Err(Raised::error(FaultKind::Memory, message));
    }
    let (file, line) = meter::place_of(lua).unwrap_or_default();
    state.declared.borrow_mut().push((is_rule, table, Place { file: file.into(), line }));
    Ok(())
}

/// `log` and `metric`.
fn texts(lua: &Lua, state: &Rc<State>, globals: &Table) -> mlua::Result<()> {
    let log = lua.create_table()?;
    for level in [Level::Info, Level::Warn, Level::Error] {
        let write = move |lua: &Lua, state: &Rc<State>, (text, fields): (LuaString, Option<Table>)| {
            state.needs(Capability::Log)?;
            let fields = match fields {
                Some(fields) => convert::pull(lua, state, &Lv::Table(fields))?,
                None => Value::Nil,
            };
            let text = Str::from(&*text.as_bytes());
            let bytes = text.len() + size(&fields);
            state.ask(bytes, |out| out.actions.push(Action::Log { level, text, fields }))
        };
        log.raw_set(level.word(), function(lua, state, write)?)?;
    }
    globals.raw_set("log", log)?;
    let metric = lua.create_table()?;
    for kind in [Metric::Count, Metric::Gauge, Metric::Observe] {
        let write = move |_: &Lua, state: &Rc<State>, arguments: (LuaString, Option<f64>, Option<Table>)| {
            state.needs(Capability::Metric)?;
            let (name, number, labels) = arguments;
            let name = text::metric(&name)?;
            let number = match (kind, number) {
                (Metric::Count, None) => 1.0,
                (Metric::Count, Some(number)) if !(number >= 0.0 && number.is_finite()) => {
                    let message = format!("a counter only grows: {number}");
                    return Err(Raised::error(FaultKind::Type, message));
                }
                (_, Some(number)) => number,
                (_, None) => return Err(Raised::error(FaultKind::Type, "a metric needs its number")),
            };
            let labels = labels.map(|labels| text::pairs(&labels, "label")).transpose()?.unwrap_or_default();
            let bytes = name.len() + text::size_of_pairs(&labels);
            state.ask(bytes, |out| out.actions.push(Action::Metric { kind, name, number, labels }))
        };
        metric.raw_set(kind.word(), function(lua, state, write)?)?;
    }
    globals.raw_set("metric", metric)
}

/// `publish`, `exec`, `http` and `shadow`.
fn asking(lua: &Lua, state: &Rc<State>, globals: &Table) -> mlua::Result<()> {
    let publish = |lua: &Lua, state: &Rc<State>, (topic, payload): (LuaString, Lv)| {
        state.needs(Capability::Publish)?;
        let topic = text::utf8(&topic, "a topic")?;
        let payload = convert::pull(lua, state, &payload)?;
        let bytes = topic.len() + size(&payload);
        state.ask(bytes, |out| out.actions.push(Action::Publish { topic, payload }))
    };
    globals.raw_set("publish", function(lua, state, publish)?)?;
    let exec = |_: &Lua, state: &Rc<State>, argv: Table| {
        state.needs(Capability::Exec)?;
        let argv = text::arguments(&argv)?;
        let bytes = argv.iter().map(|word| word.len() + 16).sum();
        state.ask(bytes, |out| out.actions.push(Action::Exec { argv }))
    };
    globals.raw_set("exec", function(lua, state, exec)?)?;
    let http = |_: &Lua, state: &Rc<State>, request: Table| {
        state.needs(Capability::Http)?;
        let action = text::request(&request)?;
        let bytes = match &action {
            Action::Http { url, headers, body, .. } => {
                url.len() + text::size_of_pairs(headers) + body.as_ref().map_or(0, |body| body.len())
            }
            _ => 0,
        };
        state.ask(bytes, |out| out.actions.push(action))
    };
    globals.raw_set("http", function(lua, state, http)?)?;
    let shadow = lua.create_table()?;
    let set = |lua: &Lua, state: &Rc<State>, (path, value): (LuaString, Lv)| {
        state.needs(Capability::Shadow)?;
        let path = text::utf8(&path, "a path")?;
        if path.split('.').any(str::is_empty) {
            let message = format!("'{path}' is no path: names joined by dots");
            return Err(Raised::error(FaultKind::Type, message));
        }
        let value = convert::pull(lua, state, &value)?;
        let bytes = path.len() + size(&value);
        state.ask(bytes, |out| out.actions.push(Action::ShadowSet { path, value }))
    };
    shadow.raw_set("set", function(lua, state, set)?)?;
    globals.raw_set("shadow", shadow)
}

/// `shared(key)`: a table with the key inside and the three functions behind it.
fn shared(lua: &Lua, state: &Rc<State>, globals: &Table) -> mlua::Result<()> {
    fn key(handle: &Table) -> mlua::Result<Str> {
        let key = handle.raw_get::<LuaString>("key")?;
        Ok(Str::from(&*key.as_bytes()))
    }
    let raised = |error: crate::SharedError| Raised::error(FaultKind::Runtime, error.to_string());
    let methods = lua.create_table()?;
    let get = |lua: &Lua, state: &Rc<State>, handle: Table| {
        convert::push(lua, state, Ref::from(&state.shared.get(&key(&handle)?)), Make::Open)
    };
    methods.raw_set("get", function(lua, state, get)?)?;
    let set = move |lua: &Lua, state: &Rc<State>, (handle, value): (Table, Lv)| {
        state.shared.set(&key(&handle)?, convert::pull(lua, state, &value)?).map_err(raised)
    };
    methods.raw_set("set", function(lua, state, set)?)?;
    let add = move |lua: &Lua, state: &Rc<State>, (handle, by): (Table, Option<Lv>)| {
        let by = by.map_or(Ok(1), |by| int::whole(&by))?;
        let sum = state.shared.add(&key(&handle)?, by).map_err(raised)?;
        convert::push(lua, state, Ref::from(&sum), Make::Open)
    };
    methods.raw_set("add", function(lua, state, add)?)?;
    methods.set_readonly(true);
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", methods)?;
    metatable.raw_set("__metatable", "shared")?;
    metatable.set_readonly(true);
    let handle = move |lua: &Lua, state: &Rc<State>, name: LuaString| {
        state.needs(Capability::Shared)?;
        let handle = lua.create_table_with_capacity(0, 1)?;
        handle.raw_set("key", name)?;
        handle.set_metatable(Some(metatable.clone()))?;
        handle.set_readonly(true);
        Ok(handle)
    };
    globals.raw_set("shared", function(lua, state, handle)?)
}

/// What the prelude builds on; no script sees it.
fn for_prelude(lua: &Lua, state: &Rc<State>) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    host.raw_set("sealed", state.seals()?.map.clone())?;
    host.raw_set("sealed_list", state.seals()?.list.clone())?;
    let emit = |_: &Lua, state: &Rc<State>, (output, data): (Option<LuaString>, Table)| {
        let output = output.map(|output| text::utf8(&output, "an output")).transpose()?;
        let output = state.rule("emit", |info, _| output_of(info, output.as_deref()))?;
        state.ask(0, |out| out.emits.push((output, data)))
    };
    host.raw_set("emit", function(lua, state, emit)?)?;
    let after = |_: &Lua, state: &Rc<State>, (micros, run): (f64, mlua::Function)| {
        if !(1.0..=1e15).contains(&micros) {
            return Err(Raised::error(FaultKind::Type, "after takes a time above zero"));
        }
        let id = state.next_alarm.get();
        state.rule("after", |_, waiting| waiting.raw_set(id as f64, run))?;
        state.next_alarm.set(id + 1);
        let after = Duration::from_micros(micros as u64);
        state.ask(0, |out| out.alarms.push(Alarm { id, after }))
    };
    host.raw_set("after", function(lua, state, after)?)?;
    let face = lua.create_buffer([0; 8])?;
    state.set_face(face.clone());
    host.raw_set("face", face)?;
    let micros = |_: &Lua, state: &Rc<State>, ()| Ok(state.now().as_micros() as f64);
    host.raw_set("micros", function(lua, state, micros)?)?;
    let duration = |_: &Lua, _: &Rc<State>, value: Lv| match value {
        Lv::Integer(seconds @ 1..=1_000_000_000) => Ok(seconds as f64 * 1e6),
        Lv::Number(seconds) if (1e-6..=1e9).contains(&seconds) => Ok((seconds * 1e6).round()),
        Lv::String(word) => Ok(declare::duration(&text::utf8(&word, "a duration")?)?.as_micros() as f64),
        _ => Err(Raised::error(FaultKind::Type, "a duration is a text such as \"10s\", or seconds")),
    };
    host.raw_set("duration", function(lua, state, duration)?)?;
    let is_value = |_: &Lua, _: &Rc<State>, values: Variadic<Lv>| {
        Ok(values.first().is_some_and(|value| *value == Lv::NULL || int::Int::pull(value).is_ok()))
    };
    host.raw_set("is_value", function(lua, state, is_value)?)?;
    let find = |_: &Lua, _: &Rc<State>, (text, part, init): (LuaString, LuaString, f64)| {
        Ok(match text::find(&text.as_bytes(), &part.as_bytes(), init) {
            Some((first, last)) => (Some(first), Some(last)),
            None => (None, None),
        })
    };
    host.raw_set("find", function(lua, state, find)?)?;
    text::json(lua, state)?;
    Ok(host)
}
