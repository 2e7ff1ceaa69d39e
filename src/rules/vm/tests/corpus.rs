//! The escape corpus: every snippet of `hostile/` ends within twice its budget, as an error of its rule alone.
//!
//! A snippet is the body of a handler. Most never end by themselves; a few end with an error at once. Whatever they
//! do, another rule of the same VM answers right afterwards, and the VM stays within its memory.

use std::{fs, path::Path, time::Duration};

use rustix::time::{ClockId, clock_gettime};

use super::{AT, rule, vm_with};
use crate::{Effects, Limits, Payload, Value};

const BUDGET: Duration = Duration::from_millis(15);
/// What ends a call and hands the VM on may take this long in a build that is not optimized.
const NOISE: Duration = Duration::from_millis(5);

const LIMITS: Limits = Limits {
    rule_time: BUDGET,
    hook_time: BUDGET,
    load_time: BUDGET,
    steps: 100_000_000,
    call_memory: 4 << 20,
    hook_memory: 1 << 20,
    rule_memory: 2 << 20,
    vm_memory: 16 << 20,
    value_size: 1 << 20,
    actions: 1024,
};

/// Why a snippet got away, if it did.
fn escaped(name: &str, body: &str) -> Option<String> {
    let vm = vm_with(LIMITS);
    let hostile = rule(
        &vm,
        &format!(
            "rule {{ name = 'hostile', inputs = {{ 'in' }}, outputs = {{ 'out' }}, \
             capabilities = {{ 'log', 'metric', 'publish', 'shared' }}, on = function(event, ctx)\n{body}\nend }}"
        ),
    );
    let good = rule(
        &vm,
        "rule { name = 'good', inputs = { 'in' }, outputs = { 'out' }, state = { seen = 0 }, on = function(event, ctx)
             ctx.state.seen += 1
             return { seen = ctx.state.seen, text = string.rep('x', 100000) .. event.n }
         end }",
    );
    let data = Payload::from(Value::from([("n", Value::Int(1))]));
    // The budget is wall time; what a call took is told by the thread's own clock, because tests run beside each
    // other and the machine may take this one off its processor at any time.
    let spent = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let mut effects = Effects::default();
    for round in 1..=2 {
        // What may keep too much is looked at before it runs: a walk over the heap, slow in this build.
        let walked = hostile.is_doubted();
        let before = spent();
        let ended = hostile.on("in", &data, AT, &mut effects);
        let took = spent() - before;
        let Err(fault) = ended else { return Some(format!("{name}: ended well")) };
        if took > 2 * BUDGET + NOISE && !walked {
            return Some(format!("{name}: took {took:?}: {fault}"));
        }
        if fault.rule.as_deref() != Some("hostile") || fault.message.is_empty() {
            return Some(format!("{name}: {fault:?}"));
        }
        if vm.used_memory() > LIMITS.vm_memory {
            return Some(format!("{name}: the VM has {} bytes", vm.used_memory()));
        }
        effects.clear();
        if let Err(fault) = good.on("in", &data, AT, &mut effects) {
            return Some(format!("{name}: harmed another: {fault}"));
        }
        let seen = effects.emits.pop().and_then(|emit| emit.data.value().ok()?.get("seen").cloned());
        if seen != Some(Value::Int(round)) {
            return Some(format!("{name}: another rule answered {seen:?}"));
        }
    }
    None
}

#[test]
fn no_snippet_escapes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/tests/hostile");
    let mut count = 0;
    let mut failures = Vec::new();
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    edgekit_core::sort::natural(&mut files);
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        failures.extend(escaped(&name, &fs::read_to_string(&file).unwrap()));
        count += 1;
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 60, "only {count} snippets");
}
