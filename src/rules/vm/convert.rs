//! Values in and out of Luau.
//!
//! What goes in as an event is sealed: read-only, with a metatable no script can get or forge, so that it may be
//! handed from rule to rule without a copy. What comes out is bounded: by depth, and by bytes, because a small table
//! that holds another one many times is a large value. Neighbours: `int.rs` for whole numbers beyond ±2^53,
//! `payload.rs` for what travels between rules.

use mlua::{Lua, Table, Value as Lv};

use super::{
    State,
    fault::Raised,
    int::{EXACT, Int},
};
use crate::{FaultKind, Ref, Str, Value};

/// How deep a value may nest.
pub(crate) const MAX_DEPTH: usize = 32;
/// Bytes a value takes beside its strings.
const SLOT: usize = size_of::<Value>();
/// Slots between two looks at the clock.
const LOOK_EVERY: usize = 1024;

/// Metatables of tables that cannot be changed.
#[derive(Clone, Debug)]
pub(crate) struct Seals {
    pub(crate) map: Table,
    pub(crate) list: Table,
}

impl Seals {
    /// Empty: what counts is which one it is.
    pub(crate) fn new(lua: &Lua) -> mlua::Result<Seals> {
        let seals = Seals { map: lua.create_table()?, list: lua.create_table()? };
        seals.map.set_readonly(true);
        seals.list.set_readonly(true);
        Ok(seals)
    }
}

/// How tables are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// Read-only: an event.
    Sealed,
    /// The script's own: state, what `json.decode` gives.
    Open,
}

/// What a script would call it.
pub(crate) fn kind_of(value: &Lv) -> &'static str {
    match value {
        Lv::Integer(_) => "number",
        other => other.type_name(),
    }
}

/// A value of Luau.
pub(crate) fn push(lua: &Lua, state: &State, value: Ref<'_>, make: Make) -> mlua::Result<Lv> {
    let look = |position: usize| {
        if position.is_multiple_of(LOOK_EVERY) { state.meter.check(lua) } else { Ok(()) }
    };
    let (table, is_list) = match value {
        Ref::Nil => return Ok(Lv::Nil),
        Ref::Bool(flag) => return Ok(Lv::Boolean(flag)),
        Ref::Int(number) => return Int::push(lua, i128::from(number)),
        Ref::UInt(number) => return Int::push(lua, i128::from(number)),
        Ref::Num(number) => return Ok(Lv::Number(number)),
        Ref::Str(bytes) => return Ok(Lv::String(lua.create_string(bytes)?)),
        Ref::Value(Value::List(values)) => {
            let table = lua.create_table_with_capacity(values.len(), 0)?;
            for (position, value) in values.iter().enumerate() {
                look(position)?;
                table.raw_set(position + 1, inside(lua, state, value, make)?)?;
            }
            (table, true)
        }
        Ref::Value(Value::Map(entries)) => {
            let table = lua.create_table_with_capacity(0, entries.len())?;
            for (position, (key, value)) in entries.iter().enumerate() {
                look(position)?;
                table.raw_set(lua.create_string(&**key)?, inside(lua, state, value, make)?)?;
            }
            (table, false)
        }
        Ref::Value(other) => return push(lua, state, Ref::from(other), make),
    };
    if make == Make::Sealed {
        let seals = state.seals()?;
        table.set_metatable(Some(if is_list { seals.list.clone() } else { seals.map.clone() }))?;
        table.set_readonly(true);
    }
    Ok(Lv::Table(table))
}

/// Inside of a table nothing is `json.null`.
fn inside(lua: &Lua, state: &State, value: &Value, make: Make) -> mlua::Result<Lv> {
    match value {
        Value::Nil => Ok(Lv::NULL),
        other => push(lua, state, Ref::from(other), make),
    }
}

/// Takes a value out of Luau, of so many bytes at most.
///
/// # Errors
/// Functions, coroutines and the like; keys that are no strings; tables nested too deep or into themselves; too
/// large a value; a budget that ran out meanwhile.
pub(crate) fn pull(lua: &Lua, state: &State, value: &Lv) -> mlua::Result<Value> {
    Pull { lua, state, room: state.limits.value_size, slots: 0 }.value(value, 0)
}

struct Pull<'a> {
    lua: &'a Lua,
    state: &'a State,
    room: usize,
    slots: usize,
}

impl Pull<'_> {
    fn take(&mut self, bytes: usize) -> mlua::Result<()> {
        self.slots += 1;
        if self.slots.is_multiple_of(LOOK_EVERY) {
            self.state.meter.check(self.lua)?;
        }
        match self.room.checked_sub(bytes) {
            Some(left) => {
                self.room = left;
                Ok(())
            }
            None => {
                let most = self.state.limits.value_size;
                Err(Raised::error(FaultKind::Memory, format!("a value takes more than {most} bytes")))
            }
        }
    }

    fn text(&mut self, text: &mlua::LuaString) -> mlua::Result<Str> {
        let bytes = text.as_bytes();
        self.take(bytes.len())?;
        Ok(Str::from(&*bytes))
    }

    fn value(&mut self, value: &Lv, depth: usize) -> mlua::Result<Value> {
        self.take(SLOT)?;
        Ok(match value {
            Lv::Nil => Value::Nil,
            Lv::LightUserData(pointer) if pointer.0.is_null() => Value::Nil,
            Lv::Boolean(flag) => Value::Bool(*flag),
            // mlua shows a double that is whole as an integer.
            Lv::Integer(number) if *number as f64 as i64 == *number => number_of(*number as f64),
            Lv::Integer(number) => Value::Int(*number),
            Lv::Number(number) => number_of(*number),
            Lv::String(text) => Value::Str(self.text(text)?),
            Lv::Table(_) if depth >= MAX_DEPTH => {
                let message = format!("a value nests deeper than {MAX_DEPTH} levels, or into itself");
                return Err(Raised::error(FaultKind::Type, message));
            }
            Lv::Table(table) => self.table(table, depth + 1)?,
            other => Int::pull(other)?,
        })
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<Value> {
        let length = table.raw_len();
        let seal = &self.state.seals()?.list;
        let list = table.metatable().is_some_and(|metatable| metatable == *seal);
        if length == 0 && !list {
            return self.map(table, depth);
        }
        let mut values = Vec::with_capacity(length.min(1024));
        for position in 1..=length {
            values.push(self.value(&table.raw_get::<Lv>(position)?, depth)?);
        }
        let mut count = 0_usize;
        table.for_each(|_: Lv, _: Lv| {
            count += 1;
            self.take(0)
        })?;
        if count != length {
            let message = "a table is a list or a map, not both: its keys are 1 to n, or strings";
            return Err(Raised::error(FaultKind::Type, message));
        }
        Ok(Value::List(values))
    }

    fn map(&mut self, table: &Table, depth: usize) -> mlua::Result<Value> {
        let mut entries = Vec::new();
        table.for_each(|key: Lv, value: Lv| {
            let Lv::String(name) = &key else {
                let message = format!("the key of a map is a string, not a {}", kind_of(&key));
                return Err(Raised::error(FaultKind::Type, message));
            };
            entries.push((self.text(name)?, self.value(&value, depth)?));
            Ok(())
        })?;
        // Luau's order depends on the table's history; the same input must give the same output.
        edgekit_core::sort::by(&mut entries, |(left, _), (right, _)| left.cmp(right));
        Ok(Value::Map(entries))
    }
}

/// A number that is whole and exact is an integer; -0.0 stays what it is.
fn number_of(number: f64) -> Value {
    let whole = number as i64;
    let exact = whole as f64 == number && i128::from(whole).abs() <= EXACT;
    if exact && !(whole == 0 && number.is_sign_negative()) { Value::Int(whole) } else { Value::Num(number) }
}
