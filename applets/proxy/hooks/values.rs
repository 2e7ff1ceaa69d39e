//! Heads as scripts see them, and what scripts answer as changes that the hot path can make.

use edgekit_rules::{Str, Value};

use crate::judge::{Changes, Head, Point};
use crate::route::{HeaderLine, HeaderName};

/// Bytes an answer of a hook may have.
const MAX_BODY: usize = 64 * 1024;
/// And one that a hook puts in the place of another.
const MOST_BODY: usize = 1024 * 1024;

/// Field lines as text: each begins with a line feed and a name in lower case, so that one search finds it.
pub(super) fn lines(text: &mut Vec<u8>, head: Head<'_>) {
    text.clear();
    for field in head.fields {
        text.push(b'\n');
        let at = text.len();
        text.extend_from_slice(field.name.of(head.bytes));
        text[at..].make_ascii_lowercase();
        text.extend_from_slice(b": ");
        text.extend_from_slice(field.value.of(head.bytes));
    }
    text.push(b'\n');
}

/// Adds what a hook changes; a later hook's word counts.
///
/// # Errors
/// What nobody may change, or what is of the wrong kind.
pub(super) fn add(all: &mut Changes, fields: Vec<(Str, Value)>, point: Point) -> Result<(), String> {
    let is_request = matches!(point, Point::Request | Point::RequestBody);
    let has_body = matches!(point, Point::RequestBody | Point::ResponseBody);
    let most = if has_body { MOST_BODY } else { MAX_BODY };
    let mut new = all.clone();
    for (name, value) in fields {
        match (&*name, value) {
            (b"status", value) => new.status = Some(status(&value, is_request)?),
            (b"body", Value::Str(text)) if text.len() <= most => new.body = Some(text.to_vec()),
            (b"body", Value::Str(text)) => {
                return Err(format!("the body has {} bytes; at most {most} are taken", text.len()));
            }
            (b"target", Value::Str(text)) => new.target = Some(target(&text)?),
            (b"host", Value::Str(text)) => new.host = Some(host(&text)?),
            (b"headers", Value::Map(headers)) => {
                for (name, value) in headers {
                    header(&mut new, &name, value)?;
                }
            }
            (_, value) => return Err(format!("'{}' is no {}", name.lossy(), value.kind())),
        }
    }
    if point == Point::Request && new.status.is_none() && new.body.is_some() {
        return Err("a body needs a status".to_owned());
    }
    *all = new;
    Ok(())
}

fn status(value: &Value, is_request: bool) -> Result<u16, String> {
    let number = match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        Value::UInt(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    match number {
        // The answer of a server has a body, and these have none.
        Some(204 | 304) if !is_request => Err("an answer with a body has another status".to_owned()),
        Some(status @ 200..=599) => Ok(status),
        _ => Err("the status is a number from 200 to 599".to_owned()),
    }
}

fn target(text: &[u8]) -> Result<Vec<u8>, String> {
    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
    match text {
        [b'/', ..] if text.iter().all(plain) => Ok(text.to_vec()),
        _ => Err(format!("'{}' is no path", String::from_utf8_lossy(text))),
    }
}

fn host(text: &[u8]) -> Result<Vec<u8>, String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]~%".contains(byte);
    match text {
        [_, ..] if text.iter().all(plain) => Ok(text.to_vec()),
        _ => Err(format!("'{}' is no host", String::from_utf8_lossy(text))),
    }
}

fn header(changes: &mut Changes, name: &Str, value: Value) -> Result<(), String> {
    let HeaderName(name) = HeaderName::parse(&name.lossy())?;
    let value = match value {
        Value::Bool(false) => None,
        Value::Str(value) => {
            let checked = HeaderLine::parse(&format!("{name}: {}", value.lossy()))?;
            // What is not UTF-8 may be a value all the same, where nothing in it ends a line.
            drop(checked);
            Some(value.to_vec())
        }
        Value::Int(_) | Value::UInt(_) | Value::Num(_) => Some(value.to_json().to_string().into_bytes()),
        other => return Err(format!("the header '{name}' is no {}", other.kind())),
    };
    let name = name.into_bytes();
    changes.fields.retain(|(before, _)| *before != name);
    changes.fields.push((name, value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(fields: &[(&str, Value)], is_request: bool) -> Result<Changes, String> {
        let mut all = Changes::default();
        let fields = fields.iter().map(|(name, value)| (Str::from(*name), value.clone())).collect();
        let point = if is_request { Point::Request } else { Point::Response };
        add(&mut all, fields, point).map(|()| all)
    }

    fn of(text: &str) -> Value {
        Value::Str(Str::from(text))
    }

    #[test]
    fn framing_cannot_be_changed() {
        for (name, value) in [
            ("Content-Length", of("1")),
            ("transfer-encoding", of("chunked")),
            ("host", of("a")),
            ("x", of("a\r\nb: c")),
            ("x", of("a\0")),
            ("x y", of("a")),
            ("x", Value::Bool(true)),
            ("x", Value::List(Vec::new())),
        ] {
            let headers = Value::Map(vec![(Str::from(name), value)]);
            assert!(change(&[("headers", headers)], true).is_err(), "{name}");
        }
        let headers = Value::Map(vec![(Str::from("X-A"), of("b")), (Str::from("x-b"), Value::Bool(false))]);
        let made = change(&[("headers", headers)], true).unwrap();
        assert_eq!(made.fields, [(b"x-a".to_vec(), Some(b"b".to_vec())), (b"x-b".to_vec(), None)]);
    }

    #[test]
    fn targets_hosts_and_statuses_are_checked() {
        for wrong in ["", "a", "/a b", "/a\r\nx", "/\u{e4}", "/#"] {
            assert!(change(&[("target", of(wrong))], true).is_err(), "{wrong}");
        }
        for wrong in ["", "a b", "a/b", "a@b"] {
            assert!(change(&[("host", of(wrong))], true).is_err(), "{wrong}");
        }
        for wrong in [Value::Int(0), Value::Int(100), Value::Int(600), of("200"), Value::Num(200.5)] {
            assert!(change(&[("status", wrong)], true).is_err());
        }
        assert!(change(&[("status", Value::Int(204))], false).is_err());
        assert!(change(&[("body", of("x"))], true).is_err());
        assert_eq!(change(&[("status", Value::Int(204))], true).unwrap().status, Some(204));
    }
}
