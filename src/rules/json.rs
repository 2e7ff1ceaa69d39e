//! Values as JSON: exactly for records and state, plainly for the world.
//!
//! The exact form reads back as the same value. What JSON cannot say is an object with one member whose name
//! begins with `$`: `{"$bytes": "00ff"}` for a string that is not UTF-8, `{"$num": "nan"}`, and `{"$map": {…}}`
//! around a map that looks like one of these. The plain form refuses what JSON cannot say.

use serde_json::{Map, Number, Value as Json};

use crate::{Str, Value};

/// Why a value has no plain JSON, or JSON is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// NaN or an infinity.
    #[error("JSON has no number for {0}")]
    Number(String),
    /// A string or key that is not UTF-8.
    #[error("JSON has no string for bytes that are not UTF-8: \"{0}\"")]
    Bytes(String),
    /// An object with a `$` member that is none of ours.
    #[error("'{0}' marks no value that is known here")]
    Mark(String),
}

impl Value {
    /// The exact form.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Num(number) => match Number::from_f64(*number) {
                Some(number) => Json::Number(number),
                None => mark("$num", Json::from(number_word(*number))),
            },
            Value::Str(text) => match text.as_str() {
                Some(text) => Json::from(text),
                None => mark("$bytes", Json::from(hex(text))),
            },
            Value::List(values) => Json::Array(values.iter().map(Value::to_json).collect()),
            Value::Map(entries) if entries.iter().all(|(key, _)| key.as_str().is_some()) => {
                let map: Map<_, _> = entries
                    .iter()
                    .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.to_json())))
                    .collect();
                let marked = map.len() == 1 && map.keys().any(|key| key.starts_with('$'));
                // Two equal keys cannot be told in an object.
                if map.len() == entries.len() && !marked { Json::Object(map) } else { pairs(entries) }
            }
            Value::Map(entries) => pairs(entries),
            simple => simple.to_plain_json().unwrap_or_default(),
        }
    }

    /// The value of an exact form; any JSON that has no marks reads as what it says.
    ///
    /// # Errors
    /// A mark that is not known.
    pub fn from_json(json: &Json) -> Result<Value, JsonError> {
        let Json::Object(map) = json else {
            return Ok(match json {
                Json::Array(values) => {
                    Value::List(values.iter().map(Value::from_json).collect::<Result<_, _>>()?)
                }
                simple => Value::from_plain_json(simple),
            });
        };
        match map.iter().next() {
            Some((key, value)) if map.len() == 1 && key.starts_with('$') => unmark(key, value),
            _ => {
                let entry =
                    |(key, value): (&String, &Json)| Ok((Str::from(&**key), Value::from_json(value)?));
                Ok(Value::Map(map.iter().map(entry).collect::<Result<_, _>>()?))
            }
        }
    }

    /// The plain form.
    ///
    /// # Errors
    /// NaN, an infinity, a string or key that is not UTF-8.
    pub fn to_plain_json(&self) -> Result<Json, JsonError> {
        let text = |text: &Str| {
            text.as_str().map(str::to_owned).ok_or_else(|| JsonError::Bytes(text.escape_ascii().to_string()))
        };
        Ok(match self {
            Value::Nil => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Int(number) => Json::from(*number),
            Value::UInt(number) => Json::from(*number),
            Value::Num(number) => {
                let known =
                    Number::from_f64(*number).ok_or_else(|| JsonError::Number(number_word(*number).into()));
                Json::Number(known?)
            }
            Value::Str(bytes) => Json::String(text(bytes)?),
            Value::List(values) => {
                Json::Array(values.iter().map(Value::to_plain_json).collect::<Result<_, _>>()?)
            }
            Value::Map(entries) => {
                let entry = |(key, value): &(Str, Value)| Ok((text(key)?, value.to_plain_json()?));
                Json::Object(entries.iter().map(entry).collect::<Result<_, JsonError>>()?)
            }
        })
    }

    /// What any JSON says, marks taken as they stand.
    pub fn from_plain_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Nil,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Value::Int(number),
                (None, Some(number)) => Value::UInt(number),
                (None, None) => Value::Num(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::from(&**text),
            Json::Array(values) => Value::List(values.iter().map(Value::from_plain_json).collect()),
            Json::Object(map) => {
                let entry =
                    |(key, value): (&String, &Json)| (Str::from(&**key), Value::from_plain_json(value));
                Value::Map(map.iter().map(entry).collect())
            }
        }
    }
}

fn mark(name: &str, value: Json) -> Json {
    Json::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// A map no object can hold, as pairs.
fn pairs(entries: &[(Str, Value)]) -> Json {
    let pair =
        |(key, value): &(Str, Value)| Json::from(vec![Value::Str(key.clone()).to_json(), value.to_json()]);
    mark("$map", Json::Array(entries.iter().map(pair).collect()))
}

fn unmark(name: &str, value: &Json) -> Result<Value, JsonError> {
    let unknown = || JsonError::Mark(name.to_owned());
    match (name, value) {
        ("$num", Json::String(word)) => Ok(Value::Num(match &**word {
            "nan" => f64::NAN,
            "inf" => f64::INFINITY,
            "-inf" => f64::NEG_INFINITY,
            _ => return Err(unknown()),
        })),
        ("$bytes", Json::String(digits)) => {
            unhex(digits).map(|bytes| Value::Str(bytes.into())).ok_or_else(unknown)
        }
        ("$map", Json::Array(entries)) => {
            let entry = |pair: &Json| match pair.as_array().map(Vec::as_slice) {
                Some([key, value]) => match Value::from_json(key)? {
                    Value::Str(key) => Ok((key, Value::from_json(value)?)),
                    _ => Err(unknown()),
                },
                _ => Err(unknown()),
            };
            Ok(Value::Map(entries.iter().map(entry).collect::<Result<_, _>>()?))
        }
        _ => Err(unknown()),
    }
}

fn number_word(number: f64) -> &'static str {
    match number {
        number if number.is_nan() => "nan",
        f64::INFINITY => "inf",
        _ => "-inf",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::Num),
            Just(Value::Num(f64::NAN)),
            proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Value::from(&*bytes)),
            "[$a-z]{0,5}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = prop_oneof![
                "[$a-c]{0,2}".prop_map(Str::from),
                Just(Str::from("$num")),
                proptest::collection::vec(any::<u8>(), 0..3).prop_map(Str::from),
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                proptest::collection::vec((key, inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    /// Objects come back in the order of their keys.
    fn sorted(value: Value) -> Value {
        match value {
            Value::List(values) => Value::List(values.into_iter().map(sorted).collect()),
            Value::Map(mut entries) => {
                let unmarked = value_is_object(&entries);
                if unmarked {
                    edgekit_core::sort::by(&mut entries, |(left, _), (right, _)| left.cmp(right));
                }
                Value::Map(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
            }
            other => other,
        }
    }

    fn value_is_object(entries: &[(Str, Value)]) -> bool {
        matches!(Value::Map(entries.to_vec()).to_json(), Json::Object(map) if !map.contains_key("$map") || map.len() > 1)
    }

    proptest! {
        #[test]
        fn the_exact_form_reads_back_through_text(value in value()) {
            let text = value.to_json().to_string();
            let read = Value::from_json(&serde_json::from_str(&text).unwrap()).unwrap();
            prop_assert_eq!(sorted(read), sorted(value), "{}", text);
        }
    }

    #[test]
    fn the_plain_form_says_what_it_cannot_say() {
        let bad = Value::from([("a", Value::List(vec![Value::Num(f64::INFINITY)]))]);
        assert_eq!(bad.to_plain_json().unwrap_err().to_string(), "JSON has no number for inf");
        let bad = Value::from(&b"a\xff"[..]);
        assert_eq!(
            bad.to_plain_json().unwrap_err().to_string(),
            "JSON has no string for bytes that are not UTF-8: \"a\\xff\""
        );
        assert!(Value::from_json(&serde_json::json!({"$what": 1})).is_err());
    }

    #[test]
    fn whole_numbers_are_exact() {
        for text in ["18446744073709551615", "-9223372036854775808", "9007199254740993"] {
            let value = Value::from_json(&serde_json::from_str(text).unwrap()).unwrap();
            assert_eq!(value.to_json().to_string(), text);
        }
    }
}
