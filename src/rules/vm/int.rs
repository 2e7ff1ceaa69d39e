//! Whole numbers beyond ±2^53, exact.
//!
//! A double counts one by one up to 2^53. A whole number within is a plain number of Luau; beyond, it is an
//! [`Int`]: one value, one form, so that `==` is right between any two of them. What an operator gives is exact, or
//! an error that says so, never rounded. Neighbours: `convert.rs` makes them at the boundary, `int("…")` in scripts.

use mlua::{FromLua, Lua, MetaMethod, UserData, UserDataMethods, Value as Lv};

use super::{convert::EXACT, fault::Raised};
use crate::{FaultKind, Value};

/// A whole number from `i64::MIN` to `u64::MAX`, beyond ±2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Int(i128);

const LOWEST: i128 = i64::MIN as i128;
const HIGHEST: i128 = u64::MAX as i128;

impl Int {
    /// The one form of a whole number.
    pub(crate) fn push(lua: &Lua, number: i128) -> mlua::Result<Lv> {
        if number.abs() <= EXACT {
            return Ok(Lv::Number(number as f64));
        }
        if !(LOWEST..=HIGHEST).contains(&number) {
            return Err(Raised::error(FaultKind::Runtime, "a whole number goes beyond 64 bits"));
        }
        Ok(Lv::UserData(lua.create_userdata(Int(number))?))
    }

    /// The value of a userdata, if it is one of these.
    pub(crate) fn pull(value: &Lv) -> mlua::Result<Value> {
        if let Lv::UserData(data) = value
            && let Ok(number) = data.borrow_scoped(|int: &Int| int.0)
        {
            return Ok(i64::try_from(number).map_or(Value::UInt(number as u64), Value::Int));
        }
        Err(Raised::error(FaultKind::Type, format!("a {} is no value of an event", value.type_name())))
    }
}

impl UserData for Int {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.0.to_string()));
    }
}

impl FromLua for Int {
    fn from_lua(value: Lv, _: &Lua) -> mlua::Result<Int> {
        match &value {
            Lv::UserData(data) => data.borrow_scoped(|int: &Int| *int),
            other => Err(Raised::error(
                FaultKind::Type,
                format!("expected a whole number, got a {}", other.type_name()),
            )),
        }
    }
}
