//! Functions of the host, as scripts call them: a panic in one becomes an error of the script.
//!
//! mlua would carry a panic through the VM and on into whoever called it; one rule's bad luck must not end the
//! worker of all. Neighbours: everything in this room that gives scripts a function.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use mlua::{FromLuaMulti, Function, IntoLuaMulti, Lua, MultiValue, Value as Lv};

use super::{State, fault::Raised};
use crate::FaultKind;

/// What mlua calls: one kind of closure for all, because it makes two kilobytes of code for each kind.
type Body = Box<dyn Fn(&Lua, MultiValue) -> mlua::Result<MultiValue>>;

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
    guarded(
        lua,
        Box::new(move |lua, given| {
            body(lua, &state, A::from_lua_args(given, 1, None, lua)?)?.into_lua_multi(lua)
        }),
    )
}

/// No function takes more than four values; what is given beyond is not looked at.
fn guarded(lua: &Lua, body: Body) -> mlua::Result<Function> {
    lua.create_function(move |lua, (first, second, third, fourth): (Lv, Lv, Lv, Lv)| {
        let mut given = MultiValue::from_vec(vec![first, second, third, fourth]);
        while matches!(given.back(), Some(Lv::Nil)) {
            given.pop_back();
        }
        match catch_unwind(AssertUnwindSafe(|| body(lua, given))) {
            Ok(result) => result,
            Err(_) => {
                Err(Raised::error(FaultKind::Runtime, "a function of the host panicked; please report it"))
            }
        }
    })
}
