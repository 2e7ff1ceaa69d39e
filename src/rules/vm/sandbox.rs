//! What a script sees: Luau's libraries without what reaches out of the sandbox, and the functions of the host.
//!
//! All libraries are read-only and shared; a script gets a table of its own for its globals, which reads through to
//! them. Neighbours: `actions.rs` and `int.rs` add what is written in Rust, `prelude.luau` what is written in Luau.

use std::rc::Rc;

use mlua::{
    Function, Lua, LuaOptions, StdLib, Table, Value as Lv,
    chunk::{ChunkMode, Compiler},
};

use super::{State, actions, convert::Seals, int, shape::Shapes};
use crate::Compiled;

/// What is not for scripts: it reaches other environments, bytecode, the collector or files.
const REMOVED: [&str; 9] =
    ["collectgarbage", "getfenv", "setfenv", "loadstring", "newproxy", "require", "gcinfo", "print", "_G"];
/// Where `math.random` starts: the same input gives the same output.
const SEED: u32 = 0x0ed6_e517;

const PRELUDE: &str = include_str!("prelude.luau");

/// What the host keeps of the sandbox.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) shapes: Shapes,
    /// Metatable of every environment: reads through to the libraries.
    through: Table,
    /// Of the prelude: seals what a handler returns.
    answering: Function,
}

/// Opens a VM.
pub(crate) fn open(state: &Rc<State>) -> mlua::Result<(Lua, Tools)> {
    let libraries = StdLib::COROUTINE
        | StdLib::TABLE
        | StdLib::STRING
        | StdLib::UTF8
        | StdLib::BIT
        | StdLib::MATH
        | StdLib::BUFFER
        | StdLib::VECTOR;

    let lua = Lua::new_with(libraries, LuaOptions::new())?;
    let globals = lua.globals();
    globals.raw_get::<Table>("math")?.raw_get::<Function>("randomseed")?.call::<()>(SEED)?;
    for name in REMOVED {
        globals.raw_set(name, Lv::Nil)?;
    }
    // A seed that all rules share is nobody's to set.
    globals.raw_get::<Table>("math")?.raw_set("randomseed", Lv::Nil)?;
    state.set_seals(Seals::new(&lua)?);
    let host = actions::install(&lua, state)?;
    int::install(&lua, state)?;
    let prelude: Table = prelude(&lua)?.call(host)?;
    prelude.raw_get::<Table>("globals")?.for_each(|name: String, value: Lv| globals.raw_set(name, value))?;
    // Tables of functions that were added are libraries too.
    globals.for_each(|_: Lv, value: Lv| {
        if let Lv::Table(library) = value {
            library.set_readonly(true);
        }
        Ok(())
    })?;
    let shapes = Shapes::new(&lua)?;
    lua.sandbox(true)?;
    let through = lua.create_table_with_capacity(0, 2)?;
    through.raw_set("__index", globals)?;
    through.raw_set("__metatable", "environment")?;
    through.set_readonly(true);
    Ok((lua, Tools { shapes, through, answering: prelude.raw_get("answering")? }))
}

fn prelude(lua: &Lua) -> mlua::Result<Function> {
    let bytecode = Compiler::new().set_optimization_level(2).set_debug_level(1).compile(PRELUDE)?;
    lua.load(&*bytecode).set_name("=[rules]").set_mode(ChunkMode::Binary).into_function()
}

impl Tools {
    /// Loads a script into an environment of its own and returns its top level.
    pub(crate) fn environment(&self, lua: &Lua, compiled: &Compiled) -> mlua::Result<Function> {
        let environment = lua.create_table()?;
        environment.raw_set("_G", environment.clone())?;
        environment.set_metatable(Some(self.through.clone()))?;
        environment.set_safeenv(true);
        lua.load(&*compiled.bytecode)
            .set_name(format!("={}", compiled.script.name))
            .set_mode(ChunkMode::Binary)
            .set_environment(environment)
            .into_function()
    }

    /// A handler whose answer is sealed.
    pub(crate) fn answering(&self, run: &Function) -> mlua::Result<Function> {
        self.answering.call(run)
    }
}
