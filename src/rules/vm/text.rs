//! Texts and small tables that actions are made of, checked; `json`; a search that is linear whatever is searched.
//!
//! Neighbours: `actions.rs`, which appends what is read here.

use std::{rc::Rc, sync::Arc};

use memchr::memmem;
use mlua::{Lua, LuaString, Table, Value as Lv};

use super::{
    State,
    convert::{self, Make, kind_of},
    fault::Raised,
    guard::function,
    reading,
};
use crate::{Action, FaultKind, Ref, Str};

/// Longest JSON that is read or written, in bytes: some milliseconds.
const MAX_JSON: usize = 512 * 1024;
/// Most labels, headers or arguments of one action.
const MAX_PAIRS: usize = 64;

fn wrong(message: impl Into<String>) -> mlua::Error {
    Raised::error(FaultKind::Type, message)
}

/// A text that is UTF-8.
pub(crate) fn utf8(text: &LuaString, what: &str) -> mlua::Result<Arc<str>> {
    match text.to_str() {
        Ok(text) if !text.is_empty() => Ok(Arc::from(&*text)),
        Ok(_) => Err(wrong(format!("{what} is a text, and this one is empty"))),
        Err(_) => Err(wrong(format!("{what} is a text in UTF-8"))),
    }
}

/// A name of a metric.
pub(crate) fn metric(name: &LuaString) -> mlua::Result<Arc<str>> {
    let name = utf8(name, "the name of a metric")?;
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if first && name.len() <= 100 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(name);
    }
    Err(wrong(format!("'{name}' is no name of a metric: up to 100 letters, digits and '_'")))
}

/// A value as the text of a label, a header or an argument.
fn word(value: &Lv, what: &str) -> mlua::Result<Str> {
    match value {
        Lv::String(text) => Ok(Str::from(&*text.as_bytes())),
        Lv::Number(_) | Lv::Integer(_) | Lv::Boolean(_) | Lv::UserData(_) => {
            Ok(Str::from(value.to_string()?))
        }
        other => Err(wrong(format!("a {what} is a text, not a {}", kind_of(other)))),
    }
}

/// Labels or headers, in the order of their names.
pub(crate) fn pairs(table: &Table, what: &str) -> mlua::Result<Vec<(Arc<str>, Str)>> {
    let mut pairs = Vec::new();
    table.for_each(|key: Lv, value: Lv| {
        let Lv::String(name) = &key else {
            return Err(wrong(format!("the name of a {what} is a text, not a {}", kind_of(&key))));
        };
        if pairs.len() >= MAX_PAIRS {
            return Err(wrong(format!("there are more than {MAX_PAIRS} {what}s")));
        }
        pairs.push((utf8(name, what)?, word(&value, what)?));
        Ok(())
    })?;
    edgekit_core::sort::natural(&mut pairs);
    Ok(pairs)
}

/// Bytes that pairs take.
pub(crate) fn size_of_pairs(pairs: &[(Arc<str>, Str)]) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
}

/// The argument vector of a program.
pub(crate) fn arguments(table: &Table) -> mlua::Result<Vec<Str>> {
    let mut argv = Vec::new();
    for value in table.sequence_values::<Lv>() {
        if argv.len() >= MAX_PAIRS {
            return Err(wrong(format!("exec takes at most {MAX_PAIRS} words")));
        }
        let word = word(&value?, "word of exec")?;
        if word.contains(&0) {
            return Err(wrong("a word of exec has a NUL in it"));
        }
        argv.push(word);
    }
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(argv),
        _ => Err(wrong("exec takes a list of words, the program first")),
    }
}

/// A request.
pub(crate) fn request(table: &Table) -> mlua::Result<Action> {
    table.for_each(|key: String, _: Lv| match &*key {
        "method" | "url" | "headers" | "body" => Ok(()),
        other => Err(wrong(format!("http has no field '{other}'; it has method, url, headers, body"))),
    })?;
    let body = table.raw_get::<Option<LuaString>>("body")?.map(|body| Str::from(&*body.as_bytes()));
    let method = match table.raw_get::<Option<LuaString>>("method")? {
        Some(method) => utf8(&method, "a method")?,
        None => Arc::from(if body.is_some() { "POST" } else { "GET" }),
    };
    if !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong(format!("'{method}' is no method: GET, POST and the like")));
    }
    let url = match table.raw_get::<Option<LuaString>>("url")? {
        Some(url) => utf8(&url, "a url")?,
        None => return Err(wrong("http needs a url")),
    };
    let headers = table.raw_get::<Option<Table>>("headers")?;
    let headers = headers.map(|headers| pairs(&headers, "header")).transpose()?.unwrap_or_default();
    Ok(Action::Http { method, url, headers, body })
}

/// `json.encode`, `json.decode`, `json.null`.
pub(crate) fn json(lua: &Lua, state: &Rc<State>) -> mlua::Result<()> {
    let too_long =
        |bytes| Raised::error(FaultKind::Memory, format!("{bytes} bytes of JSON; at most {MAX_JSON}"));
    let json = lua.create_table()?;
    let encode = move |lua: &Lua, state: &Rc<State>, value: Lv| {
        let plain = convert::pull(lua, state, &value)?.to_plain_json();
        let plain = plain.map_err(|error| wrong(error.to_string()))?;
        let text = plain.to_string();
        if text.len() > MAX_JSON { Err(too_long(text.len())) } else { lua.create_string(text) }
    };
    json.raw_set("encode", function(lua, state, encode)?)?;
    let decode = move |lua: &Lua, state: &Rc<State>, text: LuaString| {
        let bytes = text.as_bytes();
        if bytes.len() > MAX_JSON {
            return Err(too_long(bytes.len()));
        }
        let read = reading::read(lua, state, &bytes)?;
        convert::push(lua, state, Ref::from(&read), Make::Open)
    };
    json.raw_set("decode", function(lua, state, decode)?)?;
    json.raw_set("null", Lv::NULL)?;
    lua.globals().raw_set("json", json)
}

/// Where a part is in a text, as `string.find` with `plain` gives it: the first and last byte, from 1.
pub(crate) fn find(text: &[u8], part: &[u8], init: f64) -> Option<(f64, f64)> {
    let start = if init < 0.0 { (text.len() as f64 + init).max(0.0) } else { (init - 1.0).max(0.0) } as usize;
    let found = start + memmem::find(text.get(start..)?, part)?;
    Some(((found + 1) as f64, (found + part.len()) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_counts_as_luau_does() {
        assert_eq!(find(b"abcabc", b"c", 1.0), Some((3.0, 3.0)));
        assert_eq!(find(b"abcabc", b"abc", 2.0), Some((4.0, 6.0)));
        assert_eq!(find(b"abcabc", b"abc", -3.0), Some((4.0, 6.0)));
        assert_eq!(find(b"abc", b"", 4.0), Some((4.0, 3.0)));
        assert_eq!(find(b"abc", b"", 5.0), None);
        assert_eq!(find(b"abc", b"x", 1.0), None);
    }
}
