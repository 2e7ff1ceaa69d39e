//! Row 4.6: Luau's own conformance files, each in a sandbox of its own, as a script's top level.
//!
//! `conformance FILE...` prints a JSON object a file: its name, whether it ran to its end, and what stopped it. The
//! limits are wide, so that what fails fails for what the sandbox takes away and not for what it meters.

use std::{error::Error, fs, path::Path, sync::Arc, time::Duration};

use edgekit_core::Clock;
use edgekit_rules::{Grants, Limits, Script, Shared, Vm};

fn main() -> Result<(), Box<dyn Error>> {
    let limits = Limits {
        load_time: Duration::from_secs(60),
        steps: 1 << 40,
        call_memory: 1 << 30,
        rule_memory: 1 << 30,
        vm_memory: 1 << 30,
        value_size: 1 << 28,
        ..Limits::default()
    };
    for path in std::env::args_os().skip(1) {
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read(&path)?;
        let fault = run(&limits, &name, &text).err();
        println!("{}", serde_json::json!({ "file": name, "ok": fault.is_none(), "fault": fault }));
    }
    Ok(())
}

/// What Luau's own runner gives its files, beside the collector's switch and silence. No line is added before them.
const RUNNER: &str = "local function print() end local function collectgarbage() return 0 end \
                      local function is_native_if_supported() return true end coroutine.wrap(function(...) ";

fn run(limits: &Limits, name: &str, text: &[u8]) -> Result<(), String> {
    let vm = Vm::new(*limits, Clock::system(), Arc::new(Shared::default()), Grants::DEFAULT);
    let vm = vm.map_err(|fault| fault.to_string())?;
    let text = format!("{RUNNER}{}\nend)()", in_utf8(text));
    let compiled = Script::new(name, text).compile().map_err(|fault| fault.to_string())?;
    vm.load(&compiled).map(drop).map_err(|fault| fault.to_string())
}

/// The same script in UTF-8: bytes that are not stand as escapes, which means the same in a quoted string.
fn in_utf8(text: &[u8]) -> String {
    let mut written = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        written.push_str(chunk.valid());
        for byte in chunk.invalid() {
            written.push_str(&format!("\\{byte:03}"));
        }
    }
    written
}
