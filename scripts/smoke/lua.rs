//! Luau by mlua: errors and panics cross between Rust and Lua, time and memory have limits.

use std::error::Error;
use std::time::{Duration, Instant};

use mlua::{Lua, VmState};

use crate::{Outcome, Seen, ensure, quietly};

const BUDGET: Duration = Duration::from_millis(100);

pub(crate) fn sandbox() -> Seen {
    let lua = Lua::new();
    lua.sandbox(true)?;

    let (ok, message): (bool, String) =
        lua.load(r#"return pcall(function() error("wrong key") end)"#).eval()?;
    ensure(!ok && message.contains("wrong key"), "error did not come back through pcall")?;

    let panics = lua.create_function(|_, ()| -> mlua::Result<()> { panic!("a hook went wrong") })?;
    let caught = quietly(|| panics.call::<()>(()));
    ensure(caught.is_err(), "a Rust panic did not come out of Lua")?;
    let after: i64 = lua.load("return 6 * 7").eval()?;
    ensure(after == 42, "Lua did not live on after the panic")?;

    let endless = stopped(&lua, "while true do end")?;
    // Backtracking with no call back into Lua: most engines cannot be stopped here.
    let bomb = stopped(
        &lua,
        r#"return string.find(string.rep("a", 40), string.rep("a?", 40) .. string.rep("a", 40) .. "b")"#,
    )?;

    lua.set_memory_limit(lua.used_memory() + 1024 * 1024)?;
    let hog = lua.load(r#"local t = {} for i = 1, 1e7 do t[i] = tostring(i) end"#).exec();
    ensure(matches!(hog, Err(ref error) if error.to_string().contains("memory")), "memory was not limited")?;
    Ok(Outcome::Ok(format!(
        "pcall, a panic across Lua, loop stopped at {endless} ms and pattern at {bomb} ms of 100, memory limit"
    )))
}

/// Milliseconds until `source`, which does not end by itself, was stopped.
fn stopped(lua: &Lua, source: &str) -> Result<u128, Box<dyn Error>> {
    let start = Instant::now();
    lua.set_interrupt(move |_| {
        if start.elapsed() > BUDGET {
            return Err(mlua::Error::runtime("out of time"));
        }
        Ok(VmState::Continue)
    });
    let result = lua.load(source).exec();
    lua.remove_interrupt();
    let took = start.elapsed();
    ensure(result.is_err(), "it ended by itself")?;
    ensure(took < 10 * BUDGET, "it was stopped far too late")?;
    Ok(took.as_millis())
}
