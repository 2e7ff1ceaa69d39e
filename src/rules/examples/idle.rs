//! What an idle rule takes (row 4.3): a thousand rules, each a script of its own with a handler, a timer and state,
//! loaded as the engine loads them, after an event each. Prints one line of JSON: bytes.

use std::{fs, sync::Arc, time::Duration};

use edgekit_core::Clock;
use edgekit_rules::{Declared, Effects, Grants, Limits, Payload, Script, Shared, Value, Vm};

const RULES: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::system();
    let shared = Arc::new(Shared::default());
    let before = resident()?;
    let mut vms: Vec<Vm> = Vec::new();
    let mut rules = Vec::new();
    let mut effects = Effects::default();
    let data = Payload::from(Value::from([("pid", Value::Int(7)), ("comm", "bash".into())]));
    for number in 0..RULES {
        if vms.last().is_none_or(|vm| vm.room() == 0) {
            vms.push(Vm::new(Limits::default(), clock.clone(), Arc::clone(&shared), Grants::DEFAULT)?);
        }
        let Some(vm) = vms.last() else { continue };
        let text = format!(
            "local slow = 10\nrule {{\n  name = 'rule-{number}', inputs = {{ 'in' }}, outputs = {{ 'out' }},\n  \
             capabilities = {{ 'log', 'metric' }}, state = {{ seen = 0, last = '' }},\n  \
             on = function(event, ctx)\n    ctx.state.seen += 1\n    ctx.state.last = event.comm\n    \
             if event.pid > slow then return {{ pid = event.pid, comm = event.comm }} end\n  end,\n  \
             timers = {{ {{ every = '10s', run = function(ctx) metric.gauge('seen', ctx.state.seen) end }} }},\n}}\n"
        );
        for declared in vm.load(&Script::new(format!("rule-{number}.luau"), text).compile()?)? {
            let Declared::Rule(rule) = declared else { continue };
            rule.on("in", &data, Duration::from_secs(1), &mut effects)?;
            rules.push(rule);
        }
    }
    vms.iter().for_each(Vm::collect);
    let taken = resident()?.saturating_sub(before);
    let luau: usize = vms.iter().map(Vm::used_memory).sum();
    println!(
        "{}",
        serde_json::json!({
            "row": "4.3",
            "unit": "bytes",
            "rules": rules.len(),
            "vms": vms.len(),
            "resident": taken,
            "a_rule": taken / RULES as u64,
            "luau": luau,
        })
    );
    Ok(())
}

/// Private bytes of this process.
fn resident() -> Result<u64, Box<dyn std::error::Error>> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let kilobytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
    };
    let private = kilobytes("Private_Dirty:").zip(kilobytes("Private_Clean:"));
    let (dirty, clean) = private.ok_or("smaps_rollup has no private memory")?;
    Ok((dirty + clean) * 1024)
}
