//! The sandbox from outside: what scripts get, what they do not, and what stops them.

mod actions;
mod corpus;
mod integers;
mod rules;
mod sandbox;

use std::{sync::Arc, time::Duration};

use edgekit_core::Clock;

use crate::{
    Action, Capability, Declared, Effects, Fault, Grants, Hook, HookFn, Limits, Payload, Rule, Schema,
    Script, Shared, Value, Vm,
};

pub(super) const ALL: Grants = Grants::DEFAULT.with(Capability::Exec).with(Capability::Http);
pub(super) const AT: Duration = Duration::from_secs(1_800_000_000);

pub(super) fn vm_with(limits: Limits) -> Vm {
    Vm::new(limits, Clock::system(), Arc::new(Shared::default()), ALL).unwrap()
}

pub(super) fn vm() -> Vm {
    vm_with(Limits::default())
}

pub(super) fn load(vm: &Vm, text: &str) -> Result<Vec<Declared>, Fault> {
    vm.load(&Script::new("t.luau", text).compile()?)
}

/// The only rule of a script.
pub(super) fn rule(vm: &Vm, text: &str) -> Rule {
    match load(vm, text).unwrap().pop() {
        Some(Declared::Rule(rule)) => rule,
        other => panic!("no rule: {other:?}"),
    }
}

/// The only hook of a script.
pub(super) fn hook_fn(vm: &Vm, text: &str) -> HookFn {
    match load(vm, text).unwrap().pop() {
        Some(Declared::Hook(hook)) => hook,
        other => panic!("no hook: {other:?}"),
    }
}

pub(super) fn hook(vm: &Vm, schema: &'static Schema, text: &str) -> Hook {
    Hook::new(hook_fn(vm, text), schema, Clock::system()).unwrap()
}

/// What a rule with all capabilities and this body for `on` does with an event.
pub(super) fn handle(vm: &Vm, body: &str, data: Value) -> Result<Effects, Fault> {
    let text = format!(
        "rule {{ name = 'r', inputs = {{ 'in' }}, outputs = {{ 'out' }}, \
         capabilities = {{ 'log', 'metric', 'publish', 'exec', 'http', 'shadow', 'shared' }}, \
         on = function(event, ctx)\n{body}\nend }}"
    );
    let mut effects = Effects::default();
    rule(vm, &text).on("in", &Payload::from(data), AT, &mut effects)?;
    Ok(effects)
}

/// The one value the body returns, through an event.
pub(super) fn eval(vm: &Vm, body: &str) -> Result<Value, Fault> {
    let effects = handle(vm, &format!("return {{ v = (function() {body} end)() }}"), Value::Map(Vec::new()))?;
    let [emit] = &*effects.emits else { return Ok(Value::Nil) };
    Ok(emit.data.value()?.get("v").cloned().unwrap_or_default())
}

pub(super) fn only(effects: Effects) -> Action {
    match <[Action; 1]>::try_from(effects.actions) {
        Ok([action]) => action,
        Err(actions) => panic!("not one action: {actions:?}"),
    }
}
