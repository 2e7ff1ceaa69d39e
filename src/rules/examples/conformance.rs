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
        let name = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read(&path)?;
        let fault = run(&limits, &name, &text).err();
        println!("{}", serde_json::json!({ "file": name, "ok": fault.is_none(), "fault": fault }));
    }
    Ok(())
}

fn run(limits: &Limits, name: &str, text: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
    let vm = Vm::new(*limits, Clock::system(), Arc::new(Shared::default()), Grants::DEFAULT);
    let vm = vm.map_err(|fault| fault.to_string())?;
    let compiled = Script::new(name, text).compile().map_err(|fault| fault.to_string())?;
    vm.load(&compiled).map(drop).map_err(|fault| fault.to_string())
}
