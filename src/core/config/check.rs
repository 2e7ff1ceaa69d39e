//! Does one value fit its key: type, shape, range.
//!
//! The same rules for a file, a variable, a flag and the defaults of the description itself.

use std::cmp::Ordering;

use toml::de::DeValue;

use super::describe::{Format, Key, Kind, MAX_LIST, MAX_TEXT};
use super::value::Value;
use crate::text;

/// Why it does not fit, and what would.
pub(crate) struct Complaint {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

fn complaint(message: impl Into<String>) -> Complaint {
    Complaint { message: message.into(), hint: None }
}

/// Longest name in a collection.
const MAX_NAME: usize = 63;

/// A name of `[listener.NAME]`: it becomes a label of metrics and a part of file names.
pub(crate) fn name(name: &str) -> Result<(), String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    match name {
        "" => Err("a name is empty".to_owned()),
        _ if name.len() > MAX_NAME => Err(format!("a name is longer than {MAX_NAME} letters")),
        _ if !name.chars().all(fits) || name.starts_with(['.', '-']) => {
            Err(format!("the name '{name}' may hold only letters, digits, '_', '-' and '.'"))
        }
        _ => Ok(()),
    }
}

/// What was found instead, with its article.
pub(crate) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value of TOML, other than a table, as `kind`, within the range of `key`.
pub(crate) fn value(key: &Key, kind: &Kind, given: &DeValue<'_>) -> Result<Value, Complaint> {
    let checked = plain(key, kind, given)?;
    within(key, kind, &checked)?;
    Ok(checked)
}

fn plain(key: &Key, kind: &Kind, given: &DeValue<'_>) -> Result<Value, Complaint> {
    match (kind, given) {
        (Kind::Bool, DeValue::Boolean(value)) => Ok(Value::Bool(*value)),
        (Kind::Integer { min, max }, DeValue::Integer(digits)) => {
            match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(value) if (*min..=*max).contains(&value) => Ok(Value::Integer(value)),
                _ => Err(out_of_range(key, digits.as_str(), &min.to_string(), &max.to_string())),
            }
        }
        (Kind::Number, DeValue::Integer(digits)) => match digits.as_str().parse::<f64>() {
            Ok(value) if digits.radix() == 10 => Ok(Value::Number(value)),
            _ => Err(complaint(format!("'{}' must be a decimal number", key.name))),
        },
        (Kind::Number, DeValue::Float(digits)) => match digits.as_str().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Number(value)),
            _ => Err(complaint(format!("'{}' must be a finite number, not {}", key.name, digits.as_str()))),
        },
        (Kind::Text(format), DeValue::String(text)) => formatted(key, format, text),
        (Kind::Text(format), DeValue::Integer(digits)) if format.numbers && digits.radix() == 10 => {
            formatted(key, format, digits.as_str())
        }
        (Kind::Word(words), DeValue::String(word)) => one_of(key, kind, words, word),
        (Kind::List(of), DeValue::Array(items)) if items.len() <= MAX_LIST => {
            items.iter().map(|item| value(key, of, item.get_ref())).collect::<Result<_, _>>().map(Value::List)
        }
        (_, other) => Err(wrong_type(key, kind, other)),
    }
}

fn formatted(key: &Key, format: &Format, text: &str) -> Result<Value, Complaint> {
    if text.len() > MAX_TEXT {
        return Err(complaint(format!("'{}' is longer than {MAX_TEXT} bytes", key.name)));
    }
    match (format.read)(text) {
        Ok(reading) => Ok(Value::Text(reading.canonical)),
        Err(reason) => Err(Complaint {
            message: format!("'{}' must be {}: {reason}", key.name, format.name),
            hint: Some(format!("write it as {}", format.shape)),
        }),
    }
}

fn one_of(key: &Key, kind: &Kind, words: &[&'static str], word: &str) -> Result<Value, Complaint> {
    if words.contains(&word) {
        return Ok(Value::Text(word.to_owned()));
    }
    let near = text::nearest(word, words.iter().copied());
    Err(Complaint {
        message: format!("'{}' must be {}, not '{word}'", key.name, kind.name()),
        hint: near.map(|near| format!("did you mean '{near}'?")),
    })
}

fn wrong_type(key: &Key, kind: &Kind, given: &DeValue<'_>) -> Complaint {
    let hint = match (kind, given) {
        (Kind::Bool | Kind::Integer { .. } | Kind::Number, DeValue::String(text)) => {
            word(key, kind, text).ok().map(|_| "write it without quotes".to_owned())
        }
        (Kind::Text(format), DeValue::Integer(_)) => Some(format!("write it as {}, in quotes", format.shape)),
        (Kind::Text(_) | Kind::Word(_), _) => Some("write it in quotes".to_owned()),
        (Kind::List(of), other) if !matches!(other, DeValue::Table(_)) => {
            plain(key, of, other).ok().map(|value| format!("write it in brackets: [{value}]"))
        }
        _ => None,
    };
    let message = format!("'{}' must be {}, not {}", key.name, kind.name(), found(given));
    Complaint { message, hint }
}

/// A value that is a word on a command line or in a variable: a text without quotes, a list with
/// commas or as TOML writes it.
pub(crate) fn word(key: &Key, kind: &Kind, given: &str) -> Result<Value, Complaint> {
    let trimmed = given.trim();
    let toml = || DeValue::parse(trimmed).map(toml::Spanned::into_inner);
    let checked = match kind {
        Kind::Text(format) => formatted(key, format, given)?,
        Kind::Word(words) => one_of(key, kind, words, trimmed)?,
        Kind::List(of) if !trimmed.starts_with('[') => {
            let items = trimmed.split(',').map(str::trim).filter(|item| !item.is_empty());
            let items: Vec<Value> = items.map(|item| word(key, of, item)).collect::<Result<_, _>>()?;
            match items.len() > MAX_LIST {
                true => return Err(complaint(format!("'{}' has over {MAX_LIST} entries", key.name))),
                false => Value::List(items),
            }
        }
        Kind::Section(_) | Kind::Named(_) => {
            return Err(complaint(format!("'{}' is a table; set one of its keys", key.name)));
        }
        Kind::Bool | Kind::Integer { .. } | Kind::Number | Kind::List(_) => match toml() {
            Ok(value) if !matches!(value, DeValue::String(_)) => plain(key, kind, &value)?,
            _ => {
                let message = format!("'{}' must be {}, not '{given}'", key.name, kind.name());
                return Err(complaint(message));
            }
        },
    };
    within(key, kind, &checked)?;
    Ok(checked)
}

/// A default or an end of a range: text of the description, as it would stand in a file.
pub(crate) fn literal(key: &Key, kind: &Kind, text: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    plain(key, kind, value.get_ref()).ok()
}

/// Ranges hold for the entries of a list, not for the list.
fn within(key: &Key, kind: &Kind, value: &Value) -> Result<(), Complaint> {
    let Some((low, high)) = key.range else { return Ok(()) };
    if matches!(kind, Kind::List(_)) {
        // Its entries have been through here.
        return Ok(());
    }
    let outside = |end: &str, wrong: Ordering| {
        literal(key, kind, end).is_some_and(|end| compare(kind, value, &end) == Some(wrong))
    };
    if outside(low, Ordering::Less) || outside(high, Ordering::Greater) {
        return Err(out_of_range(key, &value.to_string(), low, high));
    }
    Ok(())
}

fn compare(kind: &Kind, a: &Value, b: &Value) -> Option<Ordering> {
    match (kind, a, b) {
        (_, Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (_, Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Kind::Text(format), Value::Text(a), Value::Text(b)) => {
            let measure = |text: &str| (format.read)(text).ok()?.measure;
            Some(measure(a)?.cmp(&measure(b)?))
        }
        _ => None,
    }
}

fn out_of_range(key: &Key, given: &str, low: &str, high: &str) -> Complaint {
    let (low, high) = key.range.unwrap_or((low, high));
    complaint(format!("'{}' must be between {low} and {high}, not {given}", key.name))
}
