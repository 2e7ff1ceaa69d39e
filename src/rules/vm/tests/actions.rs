//! What scripts ask for, and what they may not ask for.

use std::sync::Arc;

use edgekit_core::Clock;

use super::{AT, eval, handle, load, only, rule, vm};
use crate::{
    Action, Alarm, Capability, Declared, Effects, FaultKind, Grants, Level, Limits, Metric, Payload, Shared,
    Value, Vm,
};

const EMPTY: Value = Value::Map(Vec::new());

#[test]
fn actions_are_values() {
    let vm = vm();
    let asked = |body: &str| only(handle(&vm, body, EMPTY).unwrap());
    assert_eq!(
        asked("log.warn('slow', { ms = 5 })"),
        Action::Log { level: Level::Warn, text: "slow".into(), fields: Value::from([("ms", Value::Int(5))]) }
    );
    assert_eq!(
        asked("metric.count('opens', 2, { path = '/etc', n = 1 })"),
        Action::Metric {
            kind: Metric::Count,
            name: "opens".into(),
            number: 2.0,
            labels: vec![("n".into(), "1".into()), ("path".into(), "/etc".into())],
        }
    );
    assert_eq!(
        asked("publish('a/b', { 1, 2, json.null })"),
        Action::Publish {
            topic: "a/b".into(),
            payload: Value::List(vec![Value::Int(1), Value::Int(2), Value::Nil]),
        }
    );
    assert_eq!(asked("exec { 'ip', 'link' }"), Action::Exec { argv: vec!["ip".into(), "link".into()] });
    assert_eq!(
        asked("http { url = 'http://a/', body = 'x', headers = { a = 'b' } }"),
        Action::Http {
            method: "POST".into(),
            url: "http://a/".into(),
            headers: vec![("a".into(), "b".into())],
            body: Some("x".into()),
        }
    );
    assert_eq!(
        asked("shadow.set('lamp.on', true)"),
        Action::ShadowSet { path: "lamp.on".into(), value: Value::Bool(true) }
    );
}

#[test]
fn what_is_not_declared_is_refused_and_named() {
    let vm = vm();
    let rule = rule(&vm, "rule { name = 'r', inputs = { 'in' }, on = function() log.info('x') end }");
    let fault = rule.on("in", &Payload::from(EMPTY), AT, &mut Effects::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Capability);
    assert_eq!(fault.message, "it needs the capability 'log': add it to its 'capabilities'");
}

#[test]
fn what_is_not_granted_refuses_the_load() {
    let shared = Arc::new(Shared::default());
    let vm = Vm::new(Limits::default(), Clock::system(), shared, Grants::DEFAULT).unwrap();
    let fault = load(&vm, "rule { name = 'r', capabilities = { 'exec' }, on = function() end }").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Capability);
    assert!(fault.message.starts_with("capability 'exec' is not granted"), "{fault}");
    assert!(!Grants::DEFAULT.has(Capability::Http));
}

#[test]
fn a_call_that_fails_asks_for_nothing() {
    let vm = vm();
    let text = "rule { name = 'r', inputs = { 'in' }, outputs = { 'out' }, capabilities = { 'log' },
        on = function(event) log.info('a') emit('out', {}) after('1s', function() end) if event.bad then error('x') end end }";
    let rule = rule(&vm, text);
    let mut effects = Effects::default();
    let bad = Payload::from(Value::from([("bad", Value::Bool(true))]));
    rule.on("in", &bad, AT, &mut effects).unwrap_err();
    assert_eq!((effects.actions.len(), effects.emits.len(), effects.alarms.len()), (0, 0, 0));
    rule.on("in", &Payload::from(EMPTY), AT, &mut effects).unwrap();
    assert_eq!((effects.actions.len(), effects.emits.len(), effects.alarms.len()), (1, 1, 1));
}

#[test]
fn an_alarm_wakes_its_function_once() {
    let vm = vm();
    let text = "rule { name = 'r', inputs = { 'in' }, capabilities = { 'log' },
        on = function(event) after('1500ms', function(ctx) log.info(ctx.name .. tostring(now())) end) end }";
    let rule = rule(&vm, text);
    let mut effects = Effects::default();
    rule.on("in", &Payload::from(EMPTY), AT, &mut effects).unwrap();
    let [Alarm { id, after }] = *effects.alarms else { panic!("{:?}", effects.alarms) };
    assert_eq!(after.as_millis(), 1500);
    effects.clear();
    rule.wake(id, AT + after, &mut effects).unwrap();
    rule.wake(id, AT + after, &mut effects).unwrap();
    assert_eq!(effects.actions.len(), 1);
    assert!(matches!(only(effects), Action::Log { text, .. } if text == "r1800000001.5".into()));
}

#[test]
fn windows_close_by_alarms_and_keep_the_order_of_keys() {
    let vm = vm();
    let text = "
        local w = window.tumbling('10s', {
            key = function(event) return event.k end,
            close = function(events, key, from, to) return { k = key, n = #events, width = to - from } end,
        })
        rule { name = 'r', inputs = { 'in' }, outputs = { 'out' }, on = function(event) w:add(event) end }";
    let rule = rule(&vm, text);
    let mut effects = Effects::default();
    for key in ["b", "a", "b"] {
        rule.on("in", &Payload::from(Value::from([("k", key.into())])), AT, &mut effects).unwrap();
    }
    let [Alarm { id, after }] = *effects.alarms else { panic!("{:?}", effects.alarms) };
    assert_eq!(after.as_secs(), 10);
    rule.wake(id, AT + after, &mut effects).unwrap();
    let emitted: Vec<_> = effects.emits.iter().map(|emit| emit.data.value().unwrap().clone()).collect();
    let row = |key: &str, count| {
        Value::from([("k", key.into()), ("n", Value::Int(count)), ("width", Value::Int(10))])
    };
    assert_eq!(emitted, [row("b", 2), row("a", 1)]);
}

#[test]
fn a_sliding_window_holds_an_event_in_each_of_its_panes() {
    let vm = vm();
    let text = "
        local w = window.sliding('10s', '5s', {
            fold = function(sum, event) return (sum or 0) + event.n end,
            close = function(sum) return { sum = sum } end,
        })
        rule { name = 'r', inputs = { 'in' }, outputs = { 'out' }, on = function(event) w:add(event) end }";
    let rule = rule(&vm, text);
    let mut effects = Effects::default();
    rule.on("in", &Payload::from(Value::from([("n", Value::Int(3))])), AT, &mut effects).unwrap();
    let due: Vec<_> = effects.alarms.iter().map(|alarm| alarm.after.as_secs()).collect();
    assert_eq!(due, [10, 5]);
}

#[test]
fn a_join_matches_both_sides_within_its_time() {
    let vm = vm();
    let text = "
        local j = join('5s', {
            key = function(event) return event.k end,
            match = function(left, right) return { l = left.v, r = right.v } end,
        })
        rule { name = 'r', inputs = { 'a', 'b' }, outputs = { 'out' },
            on = function(event, ctx) if ctx.topic == 'a' then j:left(event) else j:right(event) end end }";
    let rule = rule(&vm, text);
    let mut effects = Effects::default();
    let event = |key: &str, value| Payload::from(Value::from([("k", key.into()), ("v", Value::Int(value))]));
    rule.on("a", &event("x", 1), AT, &mut effects).unwrap();
    rule.on("b", &event("y", 2), AT, &mut effects).unwrap();
    rule.on("b", &event("x", 3), AT, &mut effects).unwrap();
    assert_eq!(effects.emits.len(), 1);
    let joined = Value::from([("l", Value::Int(1)), ("r", Value::Int(3))]);
    assert_eq!(*effects.emits[0].data.value().unwrap(), joined);
    for alarm in std::mem::take(&mut effects.alarms) {
        rule.wake(alarm.id, AT + alarm.after, &mut effects).unwrap();
    }
    rule.on("a", &event("x", 9), AT, &mut effects).unwrap();
    assert_eq!(effects.emits.len(), 1);
}

#[test]
fn shared_state_and_json() {
    let vm = vm();
    assert_eq!(eval(&vm, "local s = shared('n') s:add() return s:add(4)").unwrap(), Value::Int(5));
    assert_eq!(eval(&vm, "return shared('n'):get()").unwrap(), Value::Int(5));
    let body = "local v = json.decode('{\"a\":[1,null,18446744073709551615]}') return json.encode(v)";
    assert_eq!(eval(&vm, body).unwrap(), Value::from("{\"a\":[1,null,18446744073709551615]}"));
    assert!(eval(&vm, "return json.encode(0/0)").unwrap_err().message.contains("JSON has no number"));
    assert!(eval(&vm, "return json.decode('[')").unwrap_err().message.starts_with("this is no JSON"));
}

#[test]
fn a_hook_may_not_emit_or_wait() {
    let vm = vm();
    for body in ["emit('x', {})", "after('1s', function() end)"] {
        let text = format!("hook {{ name = 'h', on = 'test.event', run = function() {body} end }}");
        let Some(Declared::Hook(_)) = load(&vm, &text).unwrap().pop() else { panic!("no hook") };
    }
}
