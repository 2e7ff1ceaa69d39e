//! Any text as a script, any bytes as an event: compiled, loaded, called on a small budget, its answer taken out.
//! What must hold: no crash, no time beyond the budget, no value that does not read back from its JSON.
#![no_main]

use std::{sync::Arc, time::Duration};

use edgekit_core::Clock;
use edgekit_rules::{Declared, Effects, Grants, Limits, Payload, Script, Shared, Value, Vm};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits {
    rule_time: Duration::from_millis(20),
    hook_time: Duration::from_millis(20),
    load_time: Duration::from_millis(20),
    steps: 100_000,
    call_memory: 4 << 20,
    hook_memory: 1 << 20,
    rule_memory: 2 << 20,
    vm_memory: 16 << 20,
    value_size: 1 << 20,
    actions: 64,
};

// The text before a zero byte is the body of a handler, or a whole script if it declares one; the rest is the event.
fuzz_target!(|input: &[u8]| {
    let cut = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (text, rest) = input.split_at(cut);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let text = if text.contains("rule") || text.contains("hook") {
        text.to_owned()
    } else {
        format!("rule {{ name = 'r', inputs = {{ 'in' }}, outputs = {{ 'out' }}, on = function(event, ctx)\n{text}\nend }}")
    };
    let shared = Arc::new(Shared::default());
    let vm = Vm::new(LIMITS, Clock::system(), shared, Grants::DEFAULT).expect("a VM");
    let Ok(compiled) = Script::new("fuzz.luau", text).compile() else { return };
    let Ok(declared) = vm.load(&compiled) else { return };
    let event = match serde_json::from_slice(rest).ok().and_then(|json| Value::from_json(&json).ok()) {
        Some(map @ Value::Map(_)) => map,
        _ => Value::from([("bytes", Value::from(rest))]),
    };
    let data = Payload::from(event);
    for declared in declared.iter().take(4) {
        let Declared::Rule(rule) = declared else { continue };
        let mut effects = Effects::default();
        let _ = rule.on("in", &data, Duration::from_secs(1), &mut effects);
        for alarm in std::mem::take(&mut effects.alarms).iter().take(4) {
            let _ = rule.wake(alarm.id, Duration::from_secs(2), &mut effects);
        }
        for emit in &effects.emits {
            if let Ok(value) = emit.data.value() {
                let json = value.to_json().to_string();
                let read = serde_json::from_str(&json).expect("JSON");
                assert_eq!(&Value::from_json(&read).expect("a value"), value);
            }
        }
        let _ = rule.state();
    }
});
