//! Rules and hooks as the engine and the applets call them.

use std::{sync::Arc, time::Duration};

use edgekit_core::Clock;

use super::{ALL, AT, handle, hook, hook_fn, load, rule, vm, vm_with};
use crate::{
    Action, Declared, Effects, FaultKind, Field, Hook, Kind, Limits, Payload, Ref, Schedule, Schema, Script,
    Shared, Str, Value, Verdict, Verdicts, Vm,
};

const SCHEMA: Schema = Schema {
    name: "test.event",
    about: "For tests.",
    fields: &[
        Field { name: "pid", kind: Kind::Int, about: "" },
        Field { name: "comm", kind: Kind::Str, about: "" },
        Field { name: "text", kind: Kind::Str, about: "" },
    ],
    verdicts: Verdicts { drop: true, change: &["text"] },
};

fn ask(hook: &mut Hook, pid: i64, comm: &str) -> Verdict {
    hook.call(&[Ref::Int(pid), comm.into(), Ref::Nil], &mut Vec::new())
}

#[test]
fn a_rule_says_what_it_is() {
    let text = "rule { name = 'slow', inputs = { 'a', 'b' }, outputs = { 'c' }, priority = -3, capabilities = { 'log' },
        state = { seen = 0 }, on = function() end, key = function() end,
        timers = { { every = '10s', run = function() end }, { cron = '*/5 * * * *', run = function() end } } }";
    let info = rule(&vm(), text).info;
    assert_eq!((&*info.name, info.place.line, info.priority), ("slow", 1, -3));
    assert_eq!(info.inputs, ["a".into(), "b".into()] as [Arc<str>; 2]);
    assert_eq!(info.timers, [Schedule::Every(Duration::from_secs(10)), Schedule::Cron("*/5 * * * *".into())]);
    assert!(info.keyed && info.handles && !info.migrates);
    assert_eq!(info.state, Value::from([("seen", Value::Int(0))]));
}

#[test]
fn state_is_kept_and_migrated() {
    let vm = vm();
    let text = "rule { name = 'r', inputs = { 'in' }, state = { seen = 0 },
        on = function(event, ctx) ctx.state.seen += 1 end,
        migrate = function(old) return { seen = old.count } end }";
    let rule = rule(&vm, text);
    for _ in 0..3 {
        rule.on("in", &Payload::from(Value::Map(Vec::new())), AT, &mut Effects::default()).unwrap();
    }
    assert_eq!(rule.state().unwrap(), Value::from([("seen", Value::Int(3))]));
    let migrated = rule.migrate(Value::from([("count", Value::Int(8))]), AT).unwrap();
    rule.set_state(&migrated).unwrap();
    assert_eq!(rule.state().unwrap(), Value::from([("seen", Value::Int(8))]));
}

#[test]
fn events_go_from_rule_to_rule_and_from_vm_to_vm() {
    let (one, other) = (vm(), vm());
    let make = rule(
        &one,
        "rule { name = 'a', inputs = { 'in' }, outputs = { 'x' }, on = function(e) return { n = e.n + 1, l = { 1 } } end }",
    );
    let text = "rule { name = 'b', inputs = { 'x' }, outputs = { 'y' }, on = function(e) return { n = e.n * 2, same = e } end }";
    for vm in [&one, &other] {
        let mut effects = Effects::default();
        make.on("in", &Payload::from(Value::from([("n", Value::Int(4))])), AT, &mut effects).unwrap();
        let payload = effects.emits.remove(0).data;
        rule(vm, text).on("x", &payload, AT, &mut effects).unwrap();
        let out = effects.emits[0].data.value().unwrap().clone();
        assert_eq!(out.get("n"), Some(&Value::Int(10)));
        let inner = Value::from([("l", Value::List(vec![Value::Int(1)])), ("n", Value::Int(5))]);
        assert_eq!(out.get("same"), Some(&inner));
    }
}

#[test]
fn what_is_emitted_is_a_copy_nobody_can_change() {
    let vm = vm();
    let text = "kept = {} rule { name = 'a', inputs = { 'in' }, outputs = { 'x' }, on = function()
        local t = { list = { 1 } } emit('x', t) t.list[1] = 2 table.insert(kept, t) return t end }";
    let rule = rule(&vm, text);
    let mut effects = Effects::default();
    rule.on("in", &Payload::from(Value::Map(Vec::new())), AT, &mut effects).unwrap();
    let first = |at: usize| effects.emits[at].data.value().unwrap().get("list").cloned();
    assert_eq!(first(0), Some(Value::List(vec![Value::Int(1)])));
    assert_eq!(first(1), Some(Value::List(vec![Value::Int(2)])));
}

#[test]
fn verdicts() {
    let vm = vm();
    let text = "hook { name = 'h', on = 'test.event', capabilities = { 'log' }, run = function(e)
        if e.pid == 1 then return pass() elseif e.pid == 2 then return drop()
        elseif e.pid == 3 then return change { text = e.comm .. '!' }
        elseif e.pid == 4 then return change { pid = 1 } elseif e.pid == 5 then return 7
        else log.info('seen') end end }";
    let mut hook = hook(&vm, &SCHEMA, text);
    assert_eq!(ask(&mut hook, 1, "a"), Verdict::Pass);
    assert_eq!(ask(&mut hook, 2, "a"), Verdict::Drop);
    assert_eq!(ask(&mut hook, 3, "a"), Verdict::Change(vec![("text".into(), "a!".into())]));
    let mut actions = Vec::new();
    assert_eq!(hook.call(&[Ref::Int(0), "a".into(), Ref::Nil], &mut actions), Verdict::Pass);
    assert!(matches!(&*actions, [Action::Log { .. }]));
    assert_eq!(ask(&mut hook, 4, "a"), Verdict::Pass);
    assert!(hook.take_fault().unwrap().message.contains("'pid' of 'test.event' cannot be changed; text can"));
    let mut hook = super::hook(&vm, &SCHEMA, text);
    assert_eq!(ask(&mut hook, 5, "a"), Verdict::Pass);
    assert!(hook.take_fault().unwrap().message.starts_with("a hook returns a verdict"));
    assert_eq!(hook.stats().faults, 1);
}

#[test]
fn a_failing_key_is_set_aside_and_tried_again() {
    let (clock, hands) = Clock::fake(AT);
    let vm = Vm::new(Limits::default(), clock.clone(), Arc::new(Shared::default()), ALL).unwrap();
    let text = "local bad = true hook { name = 'h', on = 'test.event', key = 'comm', fail = 'closed',
        run = function(e) if e.comm == 'bad' and e.pid == 1 then error('no') end end }";
    let mut hook = Hook::new(hook_fn(&vm, text), &SCHEMA, clock).unwrap();
    assert_eq!(ask(&mut hook, 1, "bad"), Verdict::Drop);
    assert_eq!(hook.take_fault().unwrap().message, "no");
    // Set aside: not asked, and the others are.
    assert_eq!(ask(&mut hook, 2, "bad"), Verdict::Drop);
    assert_eq!(ask(&mut hook, 1, "good"), Verdict::Pass);
    assert_eq!((hook.stats().skipped, hook.stats().faults), (1, 1));
    hands.advance(Duration::from_secs(1));
    assert_eq!(ask(&mut hook, 2, "bad"), Verdict::Pass);
    assert_eq!(ask(&mut hook, 2, "bad"), Verdict::Pass);
    assert_eq!(hook.stats().skipped, 1);
}

#[test]
fn a_hook_fits_its_point() {
    let vm = vm();
    let wrong = hook_fn(&vm, "hook { name = 'h', on = 'other', run = function() end }");
    let fault = Hook::new(wrong, &SCHEMA, Clock::system()).unwrap_err();
    assert_eq!(fault.to_string(), "t.luau:1: rule 'h': it is for 'other', not for 'test.event'");
    let wrong = hook_fn(&vm, "hook { name = 'h', on = 'test.event', key = 'x', run = function() end }");
    assert!(Hook::new(wrong, &SCHEMA, Clock::system()).unwrap_err().message.contains("no field"));
}

#[test]
fn a_hook_ends_by_its_deadline() {
    let vm = vm();
    let text =
        "hook { name = 'h', on = 'test.event', deadline = '2ms', run = function() while true do end end }";
    let mut hook = hook(&vm, &SCHEMA, text);
    let clock = Clock::system();
    let before = clock.monotonic();
    assert_eq!(ask(&mut hook, 1, "a"), Verdict::Pass);
    assert!(clock.monotonic() - before < Duration::from_millis(50));
    let fault = hook.take_fault().unwrap();
    assert_eq!((fault.kind, fault.line), (FaultKind::Deadline, 1));
    assert_eq!(hook.stats().budgets, 1);
    // Late once may be the machine's fault; late twice is its own.
    ask(&mut hook, 1, "a");
    ask(&mut hook, 1, "a");
    assert_eq!((hook.stats().budgets, hook.stats().skipped), (2, 1));
}

#[test]
fn a_busy_machine_stops_a_hook_that_is_waited_for_and_no_rule() {
    // On this clock an hour passes whenever somebody looks elsewhere; the work itself is a few milliseconds.
    let (clock, hands) = Clock::fake(AT);
    let vm = Vm::new(Limits::default(), clock.clone(), Arc::new(Shared::default()), ALL).unwrap();
    let rule =
        rule(&vm, "rule { name = 'r', inputs = { 'in' }, on = function() for n = 1, 100000 do end end }");
    let text = "hook { name = 'h', on = 'test.event', run = function() for n = 1, 1e7 do end end }";
    let mut hook = Hook::new(hook_fn(&vm, text), &SCHEMA, clock).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                hands.advance(Duration::from_secs(3600));
                std::thread::yield_now();
            }
        });
        let handled = rule.on("in", &Payload::from(Value::Map(Vec::new())), AT, &mut Effects::default());
        ask(&mut hook, 1, "a");
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        handled.unwrap();
    });
    assert_eq!(hook.take_fault().unwrap().kind, FaultKind::Deadline);
}

#[test]
fn a_rule_that_runs_away_ends_by_its_time_on_a_core() {
    let limits = Limits { rule_time: Duration::from_millis(4), ..Limits::default() };
    let rule = rule(
        &vm_with(limits),
        "rule { name = 'r', inputs = { 'in' }, on = function() while true do end end }",
    );
    let fault =
        rule.on("in", &Payload::from(Value::Map(Vec::new())), AT, &mut Effects::default()).unwrap_err();
    assert_eq!((fault.kind, &*fault.message), (FaultKind::Deadline, "stopped after 4ms"));
}

#[test]
fn steps_end_at_the_same_place_each_time() {
    let limits = Limits { steps: 10_000, ..Limits::default() };
    let text = "rule { name = 'r', inputs = { 'in' }, state = { n = 0 },
        on = function(e, ctx) while true do ctx.state.n += 1 end end }";
    let counted = || {
        // On a clock that stands still only steps can end it.
        let vm = Vm::new(limits, Clock::fixed(AT), Arc::new(Shared::default()), ALL).unwrap();
        let rule = rule(&vm, text);
        let fault =
            rule.on("in", &Payload::from(Value::Map(Vec::new())), AT, &mut Effects::default()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Steps);
        rule.state().unwrap()
    };
    assert_eq!(counted(), counted());
}

#[test]
fn a_rule_that_keeps_too_much_is_stopped_alone() {
    let limits = Limits { rule_memory: 1 << 20, call_memory: 1 << 20, ..Limits::default() };
    let vm = vm_with(limits);
    let hoard = rule(
        &vm,
        "kept = {} rule { name = 'hoard', inputs = { 'in' }, on = function() table.insert(kept, string.rep('x', 50000) .. #kept) end }",
    );
    let text = "rule { name = 'good', inputs = { 'in' }, outputs = { 'o' }, on = function(e) return { x = string.rep('y', 50000) } end }";
    let Some(Declared::Rule(good)) =
        vm.load(&Script::new("good.luau", text).compile().unwrap()).unwrap().pop()
    else {
        panic!("no rule")
    };
    let data = Payload::from(Value::Map(Vec::new()));
    let mut stopped = None;
    for count in 0..200 {
        if stopped.is_none()
            && let Err(fault) = hoard.on("in", &data, AT, &mut Effects::default())
        {
            stopped = Some((count, fault));
        }
        good.on("in", &data, AT, &mut Effects::default()).unwrap();
    }
    let (count, fault) = stopped.unwrap();
    assert_eq!(fault.kind, FaultKind::Memory);
    assert!((20..120).contains(&count), "after {count}");
    assert!(fault.message.starts_with("it keeps "), "{fault}");
    let kept = vm.kept_memory();
    let of = |file: &str| kept.iter().find(|(name, _)| **name == *file).unwrap().1;
    assert!(of("t.luau") > 1 << 20 && of("good.luau") < 100_000, "{kept:?}");
    // Unloaded, its memory and its place are free again.
    let room = vm.room();
    drop(hoard);
    vm.collect();
    assert_eq!(vm.room(), room + 1);
    assert!(vm.used_memory() < 4 << 20, "{}", vm.used_memory());
}

#[test]
fn a_vm_takes_only_so_many_scripts() {
    let vm = vm();
    let mut loaded = Vec::new();
    while vm.room() > 0 {
        loaded.extend(load(&vm, "rule { name = 'r', on = function() end }").unwrap());
    }
    assert_eq!(loaded.len(), 254);
    let fault = load(&vm, "rule { name = 'r', on = function() end }").unwrap_err();
    assert!(fault.message.contains("load it into another"), "{fault}");
    loaded.clear();
    assert_eq!(vm.room(), 254);
}

#[test]
fn lines_that_ran_are_known() {
    let vm = vm();
    let text = "rule { name = 'r', inputs = { 'in' }, on = function(e)\n  if e.n > 1 then\n    e = nil\n  else\n    e = 1\n  end\nend }";
    let compiled = Script::new("t.luau", text).compile_for_coverage().unwrap();
    let Some(Declared::Rule(rule)) = vm.load(&compiled).unwrap().pop() else { panic!("no rule") };
    rule.on("in", &Payload::from(Value::from([("n", Value::Int(1))])), AT, &mut Effects::default()).unwrap();
    let coverage = vm.coverage();
    let lines: Vec<_> = coverage[0].lines.iter().map(|(line, hits)| (*line, *hits)).collect();
    assert_eq!(lines, [(1, 1), (2, 1), (3, 0), (5, 1)]);
}

#[test]
fn a_billion_laughs_are_no_value() {
    let vm = vm();
    let text = "rule { name = 'r', inputs = { 'in' }, capabilities = { 'publish' }, on = function()
        local t = { 'ha' } for i = 1, 30 do t = { t, t } end publish('x', t) end }";
    let fault = rule(&vm, text).on("in", &Payload::from(Value::Map(Vec::new())), AT, &mut Effects::default());
    let fault = fault.unwrap_err();
    assert!(fault.kind.is_budget(), "{fault}");
}

#[test]
fn fields_of_any_name_and_number_come_as_they_are() {
    let vm = vm();
    let names = ["end", "", "0x", "a b", "\"]={}--", "not", "é", "_", "\\", "x", "continue", "type"];
    for count in 1..=names.len() {
        let fields = names[..count].iter().enumerate();
        let mut fields: Vec<(Str, Value)> =
            fields.map(|(at, name)| (Str::from(*name), Value::from(at as u64))).collect();
        let effects = handle(&vm, "return event", Value::Map(fields.clone())).unwrap();
        edgekit_core::sort::by(&mut fields, |(left, _), (right, _)| left.cmp(right));
        assert_eq!(effects.emits[0].data.value().unwrap(), &Value::Map(fields));
    }
}
