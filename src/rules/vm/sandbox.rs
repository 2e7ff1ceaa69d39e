//! What a script sees: Luau's libraries without what reaches out of the sandbox, and the functions of the host.
//!
//! All libraries are read-only and shared; a script gets a table of its own for its globals, which reads through to
//! them. Neighbours: `actions.rs` adds the functions that append actions, `prelude.luau` those written in Luau.

use std::rc::Rc;

use mlua::{Function, Lua, LuaOptions, StdLib, Table, Value as Lv, chunk::ChunkMode};

use super::{Limits, State, actions};
use crate::Compiled;

/// What is not for scripts: it reaches other environments, bytecode, the collector or files.
const REMOVED: [&str; 9] =
    ["collectgarbage", "getfenv", "setfenv", "loadstring", "newproxy", "require", "gcinfo", "print", "debug"];

/// The tables and functions of the host's side.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Metatable of every environment: reads through to the libraries.
    globals: Table,
    sealed_map: Table,
    sealed_list: Table,
}

/// Opens a VM.
pub(crate) fn open(state: &Rc<State>, limits: &Limits) -> mlua::Result<(Lua, Tools)> {
    let libraries = StdLib::COROUTINE
        | StdLib::TABLE
        | StdLib::STRING
        | StdLib::UTF8
        | StdLib::BIT
        | StdLib::MATH
        | StdLib::BUFFER
        | StdLib::VECTOR;
    let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
    let globals = lua.globals();
    for name in REMOVED {
        globals.raw_set(name, Lv::Nil)?;
    }
    actions::install(&lua, state, limits)?;
    lua.sandbox(true)?;
    let through = lua.create_table_with_capacity(0, 2)?;
    through.raw_set("__index", lua.globals())?;
    through.raw_set("__metatable", "environment")?;
    through.set_readonly(true);
    let sealed = |word: &str| {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set("__metatable", word)?;
        table.set_readonly(true);
        mlua::Result::Ok(table)
    };
    let tools = Tools { globals: through, sealed_map: sealed("event")?, sealed_list: sealed("list")? };
    Ok((lua, tools))
}

impl Tools {
    /// Loads a script into an environment of its own and returns its top level.
    pub(crate) fn environment(&self, lua: &Lua, compiled: &Compiled) -> mlua::Result<Function> {
        let environment = lua.create_table()?;
        environment.set_metatable(Some(self.globals.clone()))?;
        environment.set_safeenv(true);
        lua.load(&*compiled.bytecode)
            .set_name(format!("={}", compiled.script.name))
            .set_mode(ChunkMode::Binary)
            .set_environment(environment)
            .into_function()
    }

    pub(crate) fn seal(&self, table: Table, is_list: bool) -> mlua::Result<Table> {
        if table.is_readonly() {
            return Ok(table);
        }
        let metatable = if is_list { &self.sealed_list } else { &self.sealed_map };
        table.set_metatable(Some(metatable.clone()))?;
        table.set_readonly(true);
        Ok(table)
    }

    pub(crate) fn is_list(&self, table: &Table) -> bool {
        table.metatable().is_some_and(|metatable| metatable == self.sealed_list)
    }
}
