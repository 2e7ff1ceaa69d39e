//! The functions of the sandbox that declare, or ask the host for something.

use std::rc::Rc;

use mlua::{Lua, Table, Value as Lv};

use super::{Limits, Place, State, fault::Raised, meter::place_of, output_of};
use crate::FaultKind;

/// Puts the functions into the globals, before they are closed.
pub(crate) fn install(lua: &Lua, state: &Rc<State>, limits: &Limits) -> mlua::Result<()> {
    let globals = lua.globals();
    for (name, is_rule) in [("rule", true), ("hook", false)] {
        let state = Rc::clone(state);
        let declare = lua.create_function(move |lua, table: Table| {
            if !state.loading.get() {
                let message = format!("'{name}' declares at the top level of a script, not in a handler");
                return Err(Raised::error(FaultKind::Runtime, message));
            }
            let (file, line) = place_of(lua).unwrap_or_default();
            state.declarations.0.borrow_mut().push((is_rule, table, Place { file: file.into(), line }));
            Ok(())
        })?;
        globals.raw_set(name, declare)?;
    }
    let limit = limits.actions;
    let emit = {
        let state = Rc::clone(state);
        lua.create_function(move |_, (first, second): (Lv, Lv)| {
            let rule = state.rule.borrow();
            let Some((info, _)) = rule.as_ref() else {
                return Err(Raised::error(FaultKind::Runtime, "emit is for the handlers of a rule"));
            };
            let (name, data) = match (&first, second) {
                (Lv::String(name), Lv::Table(data)) => (Some(name.to_str()?.to_owned()), data),
                (Lv::Table(data), Lv::Nil) => (None, data.clone()),
                _ => return Err(Raised::error(FaultKind::Type, "emit takes an output and a table")),
            };
            let output = output_of(info, name.as_deref())?;
            let mut out = state.out.borrow_mut();
            if out.emits.len() + out.actions.len() + out.alarms.len() >= limit {
                let message = format!("a call asks for more than {limit} actions");
                return Err(Raised::error(FaultKind::Steps, message));
            }
            out.emits.push((output, data));
            Ok(())
        })?
    };
    globals.raw_set("emit", emit)?;
    Ok(())
}
