//! Values in and out of Luau.
//!
//! Tables made here are sealed: read-only, with a metatable no script can get or forge, so that an event may be
//! handed from rule to rule without a copy. Neighbours: `int.rs` for whole numbers beyond ±2^53, `payload.rs` for
//! what travels between rules.

use mlua::{IntoLua, Lua, Table, Value as Lv};

use super::{Inner, fault::Raised, int::Int};
use crate::{FaultKind, Ref, Str, Value};

/// How deep a value may nest.
pub(crate) const MAX_DEPTH: usize = 32;
/// The whole numbers a double holds one by one.
pub(crate) const EXACT: i128 = 1 << 53;

/// A value of Luau made of a borrowed one.
pub(crate) fn push(inner: &Inner, value: Ref<'_>) -> mlua::Result<Lv> {
    let lua = &inner.lua;
    Ok(match value {
        Ref::Nil => Lv::Nil,
        Ref::Bool(flag) => Lv::Boolean(flag),
        Ref::Int(number) => Int::push(lua, i128::from(number))?,
        Ref::UInt(number) => Int::push(lua, i128::from(number))?,
        Ref::Num(number) => Lv::Number(number),
        Ref::Str(bytes) => Lv::String(lua.create_string(bytes)?),
        Ref::Value(Value::List(values)) => {
            let table = lua.create_table_with_capacity(values.len(), 0)?;
            for (position, value) in values.iter().enumerate() {
                table.raw_set(position + 1, inside(inner, value)?)?;
            }
            inner.seal(table, true)?.into_lua(lua)?
        }
        Ref::Value(Value::Map(entries)) => {
            let table = lua.create_table_with_capacity(0, entries.len())?;
            for (key, value) in entries {
                table.raw_set(lua.create_string(&**key)?, inside(inner, value)?)?;
            }
            inner.seal(table, false)?.into_lua(lua)?
        }
        Ref::Value(other) => push(inner, Ref::from(other))?,
    })
}

/// Inside of a table nothing is `json.null`.
fn inside(inner: &Inner, value: &Value) -> mlua::Result<Lv> {
    match value {
        Value::Nil => Ok(Lv::NULL),
        other => push(inner, Ref::from(other)),
    }
}

/// The value of a value of Luau.
///
/// # Errors
/// Functions, coroutines and the like; keys that are no strings; tables nested too deep or into themselves.
pub(crate) fn pull(inner: &Inner, value: &Lv) -> mlua::Result<Value> {
    pull_at(inner, value, 0)
}

fn pull_at(inner: &Inner, value: &Lv, depth: usize) -> mlua::Result<Value> {
    Ok(match value {
        Lv::Nil => Value::Nil,
        Lv::LightUserData(pointer) if pointer.0.is_null() => Value::Nil,
        Lv::Boolean(flag) => Value::Bool(*flag),
        Lv::Integer(number) => Value::Int(*number),
        Lv::Number(number) => number_of(*number),
        Lv::String(text) => Value::Str(Str::from(&*text.as_bytes())),
        Lv::UserData(_) => Int::pull(value)?,
        Lv::Table(table) => {
            if depth >= MAX_DEPTH {
                let message = format!("a value nests deeper than {MAX_DEPTH} levels, or into itself");
                return Err(Raised::error(FaultKind::Type, message));
            }
            table_of(inner, table, depth + 1)?
        }
        other => {
            let message = format!("a {} is no value of an event", other.type_name());
            return Err(Raised::error(FaultKind::Type, message));
        }
    })
}

fn table_of(inner: &Inner, table: &Table, depth: usize) -> mlua::Result<Value> {
    let length = table.raw_len();
    if length > 0 || inner.is_list(table) {
        let mut values = Vec::with_capacity(length.min(4096));
        let mut count = 0_usize;
        table.for_each(|_: Lv, _: Lv| {
            count += 1;
            Ok(())
        })?;
        if count != length {
            let message = "a table is a list or a map, not both: its keys are 1 to n or strings";
            return Err(Raised::error(FaultKind::Type, message));
        }
        for position in 1..=length {
            values.push(pull_at(inner, &table.raw_get::<Lv>(position)?, depth)?);
        }
        return Ok(Value::List(values));
    }
    let mut entries = Vec::new();
    table.for_each(|key: Lv, value: Lv| {
        let Lv::String(name) = &key else {
            let message = format!("the key of a map is a string, not a {}", key.type_name());
            return Err(Raised::error(FaultKind::Type, message));
        };
        entries.push((Str::from(&*name.as_bytes()), pull_at(inner, &value, depth)?));
        Ok(())
    })?;
    // Luau's order depends on the table's history; the same input must give the same output.
    entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
    Ok(Value::Map(entries))
}

/// A number that is whole and exact is an integer; -0.0 stays what it is.
fn number_of(number: f64) -> Value {
    let whole = number as i64;
    if whole as f64 == number
        && i128::from(whole).abs() <= EXACT
        && !(whole == 0 && number.is_sign_negative())
    {
        Value::Int(whole)
    } else {
        Value::Num(number)
    }
}

/// Used by the prelude's `tostring` and by tests.
pub(crate) fn is_exact(number: f64) -> Option<i128> {
    match number_of(number) {
        Value::Int(whole) => Some(i128::from(whole)),
        _ if number == 0.0 => Some(0),
        _ => None,
    }
}

/// Puts a value of Luau made of an owned one.
pub(crate) fn push_owned(inner: &Inner, value: &Value) -> mlua::Result<Lv> {
    push(inner, Ref::from(value))
}

/// A table of Luau for a map of a script's own: not sealed, for `ctx.state`.
pub(crate) fn push_open(lua: &Lua, inner: &Inner, value: &Value) -> mlua::Result<Lv> {
    Ok(match value {
        Value::List(values) => {
            let table = lua.create_table_with_capacity(values.len(), 0)?;
            for (position, value) in values.iter().enumerate() {
                let value =
                    if matches!(value, Value::Nil) { Lv::NULL } else { push_open(lua, inner, value)? };
                table.raw_set(position + 1, value)?;
            }
            Lv::Table(table)
        }
        Value::Map(entries) => {
            let table = lua.create_table_with_capacity(0, entries.len())?;
            for (key, value) in entries {
                let value =
                    if matches!(value, Value::Nil) { Lv::NULL } else { push_open(lua, inner, value)? };
                table.raw_set(lua.create_string(&**key)?, value)?;
            }
            Lv::Table(table)
        }
        other => push(inner, Ref::from(other))?,
    })
}
