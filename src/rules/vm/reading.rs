//! JSON into values, on the budget of the script that asks.
//!
//! Half a megabyte of JSON is a quarter of a million values: too many to make between two looks at the clock, so the
//! values are made one by one as the text is read. Neighbours: `text.rs`, whose `json.decode` this is.

use std::{cell::RefCell, fmt};

use mlua::Lua;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;

use super::{State, fault::Raised};
use crate::{FaultKind, Str, Value};

/// Values between two looks at the clock.
const LOOK_EVERY: u32 = 1024;

/// Reads one value.
///
/// # Errors
/// It is no JSON, or the budget ran out meanwhile.
pub(crate) fn read(lua: &Lua, state: &State, bytes: &[u8]) -> mlua::Result<Value> {
    let reading = Reading { lua, state, count: RefCell::new((0, None)) };
    let mut source = Deserializer::from_slice(bytes);
    let read = Seed(&reading).deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    match (read, reading.count.into_inner().1) {
        (_, Some(stopped)) => Err(stopped),
        (Ok(value), None) => Ok(value),
        (Err(error), None) => Err(Raised::error(FaultKind::Runtime, format!("this is no JSON: {error}"))),
    }
}

struct Reading<'a> {
    lua: &'a Lua,
    state: &'a State,
    /// Values so far, and what stopped it.
    count: RefCell<(u32, Option<mlua::Error>)>,
}

#[derive(Clone, Copy)]
struct Seed<'a>(&'a Reading<'a>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        let mut count = self.0.count.borrow_mut();
        count.0 = count.0.wrapping_add(1);
        if count.0.is_multiple_of(LOOK_EVERY)
            && let Err(stopped) = self.0.state.meter.check(self.0.lua)
        {
            count.1 = Some(stopped);
            return Err(D::Error::custom("stopped"));
        }
        drop(count);
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Num(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = source.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = source.next_key::<String>()? {
            entries.push((Str::from(key), source.next_value_seed(self)?));
        }
        Ok(Value::Map(entries))
    }
}
