//! Functions made for a shape: a table with these names is a third of the cost when Luau makes it itself.
//!
//! Events of one kind have the same fields again and again. For each list of names there is one small compiled
//! function that takes the values and gives the table. Neighbours: `payload.rs` for events, `hook.rs` for hooks.

use std::cell::RefCell;

use mlua::{Function, Lua, Table, Value as Lv, chunk::ChunkMode, chunk::Compiler};

use super::{
    State,
    arguments::{self, MOST},
    convert::Make,
};
use crate::{Ref, Str, Value};

/// Shapes that are remembered, the last used first.
const KEPT: usize = 32;

/// What Luau does not take for a name.
const KEYWORDS: [&str; 21] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// The functions made so far.
#[derive(Debug)]
pub(crate) struct Shapes {
    kept: RefCell<Vec<(Vec<Str>, Function)>>,
    setmetatable: Function,
    freeze: Function,
}

impl Shapes {
    /// With Luau's own functions, before the sandbox closes.
    pub(crate) fn new(lua: &Lua) -> mlua::Result<Shapes> {
        let globals = lua.globals();
        Ok(Shapes {
            kept: RefCell::default(),
            setmetatable: globals.raw_get("setmetatable")?,
            freeze: globals.raw_get::<Table>("table")?.raw_get("freeze")?,
        })
    }

    /// The sealed table of a map, or `None` if it has no fields or too many for a shape.
    pub(crate) fn table(&self, lua: &Lua, state: &State, value: &Value) -> mlua::Result<Option<Table>> {
        let Value::Map(entries) = value else { return Ok(None) };
        if entries.is_empty() || entries.len() > MOST || entries.iter().any(|(_, value)| *value == Value::Nil)
        {
            return Ok(None);
        }
        let function = self.function(lua, state, entries)?;
        let mut fields = [Ref::Nil; MOST];
        for (field, (_, value)) in fields.iter_mut().zip(entries) {
            *field = Ref::from(value);
        }
        let fields = fields.get(..entries.len()).unwrap_or_default();
        match arguments::call(lua, state, &function, fields, Make::Sealed)? {
            Lv::Table(table) => Ok(Some(table)),
            _ => Ok(None),
        }
    }

    fn function(&self, lua: &Lua, state: &State, entries: &[(Str, Value)]) -> mlua::Result<Function> {
        let mut kept = self.kept.borrow_mut();
        let same = |names: &[Str]| {
            names.len() == entries.len() && names.iter().zip(entries).all(|(a, (b, _))| a == b)
        };
        if let Some(found) = kept.iter().position(|(names, _)| same(names)) {
            // One step forward, so that what is used most stands first.
            let at = found.saturating_sub(1);
            kept.swap(found, at);
            return Ok(kept[at].1.clone());
        }
        let names: Vec<&[u8]> = entries.iter().map(|(name, _)| &**name).collect();
        let source = format!(
            "local setmetatable, freeze, sealed = ...\n\
             return function({}) return freeze(setmetatable({}, sealed)) end",
            parameters(names.len()),
            constructor(&names),
        );
        let made: Function =
            compile(lua, &source)?.call((&self.setmetatable, &self.freeze, &state.seals()?.map))?;
        kept.truncate(KEPT - 1);
        kept.push((entries.iter().map(|(name, _)| name.clone()).collect(), made.clone()));
        Ok(made)
    }
}

/// The function that makes a hook's event and asks the hook.
pub(crate) fn asking(lua: &Lua, names: &[&[u8]], run: &Function) -> mlua::Result<Function> {
    let source = format!(
        "local run = ...\nreturn function({}) return run({}) end",
        parameters(names.len()),
        constructor(names),
    );
    compile(lua, &source)?.call(run)
}

fn compile(lua: &Lua, source: &str) -> mlua::Result<Function> {
    let bytecode = Compiler::new().set_optimization_level(2).set_debug_level(0).compile(source)?;
    lua.load(&*bytecode).set_name("=[rules]").set_mode(ChunkMode::Binary).into_function()
}

fn parameters(count: usize) -> String {
    (0..count).map(|position| format!("a{position}")).collect::<Vec<_>>().join(",")
}

/// A table by any names. Names that Luau takes as they are give it a template of the table to copy; others are escaped
/// byte by byte, so that none is read as code.
fn constructor(names: &[&[u8]]) -> String {
    let mut text = String::from("{");
    for (position, name) in names.iter().enumerate() {
        match std::str::from_utf8(name) {
            Ok(name) if is_plain(name) => text += name,
            _ => {
                text += "[\"";
                text.extend(name.iter().map(|byte| format!("\\x{byte:02x}")));
                text += "\"]";
            }
        }
        text += &format!("=a{position},");
    }
    text + "}"
}

fn is_plain(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    letters && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && !KEYWORDS.contains(&name)
}
