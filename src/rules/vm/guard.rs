//! Functions of the host, as scripts call them: a panic in one becomes an error of the script.
//!
//! mlua would carry a panic through the VM and on into whoever called it; one rule's bad luck must not end the
//! worker of all. Neighbours: everything in this room that gives scripts a function.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use mlua::{FromLuaMulti, Function, IntoLuaMulti, Lua};

use super::{State, fault::Raised};
use crate::FaultKind;

/// A function of the host.
pub(crate) fn function<A, R>(
    lua: &Lua,
    state: &Rc<State>,
    body: impl Fn(&Lua, &Rc<State>, A) -> mlua::Result<R> + 'static,
) -> mlua::Result<Function>
where
    A: FromLuaMulti,
    R: IntoLuaMulti,
{
    let state = Rc::clone(state);
    lua.create_function(move |lua, arguments: A| {
        match catch_unwind(AssertUnwindSafe(|| body(lua, &state, arguments))) {
            Ok(result) => result,
            Err(_) => {
                Err(Raised::error(FaultKind::Runtime, "a function of the host panicked; please report it"))
            }
        }
    })
}
