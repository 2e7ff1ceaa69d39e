//! Values that cross the boundary: what an event holds, what a rule keeps, what an action says.
//!
//! Luau's numbers are doubles; here whole numbers stay whole. A number of a script that is integral and within
//! ±2^53 comes back as [`Value::Int`]; beyond that a script holds an `int` (`vm/int.rs`), so that 64 bits are
//! never rounded on the way. Strings are bytes. Neighbours: `vm/convert.rs` takes values in and out of Luau,
//! `json.rs` writes them down, [`Ref`] is the borrowed form an applet hands over without copying.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

/// A string of Luau: bytes, mostly UTF-8. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(Arc<[u8]>);

impl Str {
    /// The text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text, with `U+FFFD` where it is not UTF-8: to be shown, not to be stored.
    pub fn lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Deref for Str {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Str {
    fn from(bytes: &[u8]) -> Str {
        Str(bytes.into())
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Str {
        Str(bytes.into())
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Str {
        Str(text.as_bytes().into())
    }
}

impl From<String> for Str {
    fn from(text: String) -> Str {
        Str(text.into_bytes().into())
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lossy())
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// What an event holds, a rule keeps, an action says. Owned, and free to go to another thread.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing; `json.null` inside of lists and maps.
    #[default]
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number; above `i64::MAX` it has no other form, below it equals [`Value::Int`].
    UInt(u64),
    /// Any other number, with NaN and the infinities.
    Num(f64),
    /// Bytes.
    Str(Str),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name, in the order they were given; in the order of their keys when a script made them.
    Map(Vec<(Str, Value)>),
}

impl Value {
    /// The entry of a map, if this is one and it has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(entries) => {
                entries.iter().find(|(name, _)| **name == *key.as_bytes()).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Within a line: text as it is, the rest as JSON.
    pub fn shown(&self) -> String {
        match self {
            Value::Str(text) => text.lossy().into_owned(),
            other => other.to_json().to_string(),
        }
    }

    /// What kind of value it is, as a script would say.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::UInt(_) => "integer",
            Value::Num(_) => "number",
            Value::Str(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }

    /// The whole number it is, if it is one.
    pub fn as_integer(&self) -> Option<i128> {
        match self {
            Value::Int(number) => Some(i128::from(*number)),
            Value::UInt(number) => Some(i128::from(*number)),
            _ => None,
        }
    }

    /// The text it is, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => text.as_str(),
            _ => None,
        }
    }
}

/// Equal values are equal: [`Value::UInt`] and [`Value::Int`] by what they count; NaN equals NaN, so that what was
/// recorded can be compared; 1 and 1.0 differ, as they do on paper.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Num(left), Value::Num(right)) => {
                left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
            }
            (Value::Str(left), Value::Str(right)) => left == right,
            (Value::List(left), Value::List(right)) => left == right,
            (Value::Map(left), Value::Map(right)) => left == right,
            _ => self.as_integer().is_some() && self.as_integer() == other.as_integer(),
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        i64::try_from(number).map_or(Value::UInt(number), Value::Int)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Num(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Str(text.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Value {
        Value::Str(bytes.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Value {
        Value::List(values)
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Value {
    fn from(entries: [(&str, Value); N]) -> Value {
        Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

/// A value that is borrowed: how an applet hands the fields of an event to a hook.
#[derive(Clone, Copy, Debug)]
pub enum Ref<'a> {
    /// Nothing: the field is absent.
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number.
    UInt(u64),
    /// Any other number.
    Num(f64),
    /// Bytes.
    Str(&'a [u8]),
    /// Anything, by reference.
    Value(&'a Value),
}

impl Ref<'_> {
    /// A copy of its own.
    pub fn to_value(self) -> Value {
        match self {
            Ref::Nil => Value::Nil,
            Ref::Bool(flag) => Value::Bool(flag),
            Ref::Int(number) => Value::Int(number),
            Ref::UInt(number) => Value::from(number),
            Ref::Num(number) => Value::Num(number),
            Ref::Str(bytes) => Value::from(bytes),
            Ref::Value(value) => value.clone(),
        }
    }
}

impl<'a> From<&'a str> for Ref<'a> {
    fn from(text: &'a str) -> Ref<'a> {
        Ref::Str(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Ref<'a> {
    fn from(bytes: &'a [u8]) -> Ref<'a> {
        Ref::Str(bytes)
    }
}

impl<'a> From<&'a Value> for Ref<'a> {
    fn from(value: &'a Value) -> Ref<'a> {
        match value {
            Value::Nil => Ref::Nil,
            Value::Bool(flag) => Ref::Bool(*flag),
            Value::Int(number) => Ref::Int(*number),
            Value::UInt(number) => Ref::UInt(*number),
            Value::Num(number) => Ref::Num(*number),
            Value::Str(text) => Ref::Str(text),
            Value::List(_) | Value::Map(_) => Ref::Value(value),
        }
    }
}
