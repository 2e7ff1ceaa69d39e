//! What a script must not have, and the faults that say so.

use super::{eval, handle, load, rule, vm};
use crate::{FaultKind, Value};

#[test]
fn what_reaches_out_is_not_there() {
    let vm = vm();
    for name in [
        "io",
        "os",
        "package",
        "load",
        "loadstring",
        "dofile",
        "loadfile",
        "require",
        "getfenv",
        "setfenv",
        "newproxy",
        "collectgarbage",
        "gcinfo",
        "print",
        "math.randomseed",
        "debug.info",
        "debug.getinfo",
        "string.dump",
        "integer",
        "class",
    ] {
        assert_eq!(eval(&vm, &format!("return {name} == nil")).unwrap(), Value::Bool(true), "{name}");
    }
}

#[test]
fn libraries_and_what_the_host_made_cannot_be_changed() {
    let vm = vm();
    for attack in [
        "string.rep = nil",
        "math.x = 1",
        "log.info = nil",
        "json.null = 1",
        "rawset(string, 'rep', nil)",
        "window.x = 1",
        "debug.traceback = nil",
        "getmetatable('').__index = {}",
        "setmetatable(string, {})",
        "setmetatable(_G, nil)",
        "event.pid = 1",
        "rawset(event, 'pid', 1)",
        "event.list[1] = 2",
        "table.insert(event.list, 1)",
        "table.clear(event)",
        "setmetatable(event, {})",
        "setmetatable(int, nil)",
        "int('99999999999999999').x = 1",
    ] {
        let data = Value::from([("pid", Value::Int(7)), ("list", Value::List(vec![Value::Int(1)]))]);
        let fault = handle(&vm, attack, data).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Runtime, "{attack}: {fault}");
    }
}

#[test]
fn no_metatable_of_the_host_is_given_away() {
    let vm = vm();
    let data = Value::from([("pid", Value::Int(7))]);
    let body = "local m = getmetatable(event); return { a = type(m), b = tostring(m), c = tostring(getmetatable(_G)) }";
    let effects = handle(&vm, body, data).unwrap();
    let expected = Value::from([("a", "string".into()), ("b", "event".into()), ("c", "environment".into())]);
    assert_eq!(*effects.emits[0].data.value().unwrap(), expected);
}

#[test]
fn scripts_do_not_see_each_others_globals() {
    let vm = vm();
    rule(&vm, "secret = 42 rule { name = 'a', on = function() end }");
    assert_eq!(eval(&vm, "return secret == nil and _G.secret == nil").unwrap(), Value::Bool(true));
    assert_eq!(eval(&vm, "mine = 3 return _G.mine").unwrap(), Value::Int(3));
    assert_eq!(eval(&vm, "return mine == nil").unwrap(), Value::Bool(true));
}

#[test]
fn faults_name_the_rule_the_file_and_the_line() {
    let vm = vm();
    let cases = [
        ("local x = nil\nreturn x.y", FaultKind::Runtime, 3, "attempt to index nil with 'y'"),
        ("error('boom')", FaultKind::Runtime, 2, "boom"),
        ("error({})", FaultKind::Runtime, 2, "it raised a table; raise a text"),
        ("\nlog.info()", FaultKind::Type, 3, ""),
        ("string.rep()", FaultKind::Runtime, 2, ""),
        ("string.find('a')", FaultKind::Runtime, 2, ""),
        ("return 7", FaultKind::Type, 1, "a handler returns a table or nothing, not a number"),
        ("return { f = function() end }", FaultKind::Runtime, 1, "a function is no value of an event"),
        ("emit('other', {})", FaultKind::Type, 2, "'other' is none of the outputs it declares"),
    ];
    for (body, kind, line, message) in cases {
        let fault = handle(&vm, body, Value::Map(Vec::new())).unwrap_err();
        assert_eq!((fault.kind, fault.line), (kind, line), "{body}: {fault}");
        assert!(message.is_empty() || fault.message == message, "{body}: {fault}");
        assert!(!fault.message.contains("[rules]"), "{body}: {fault}");
        assert_eq!(fault.to_string(), format!("t.luau:{line}: rule 'r': {}", fault.message));
    }
}

#[test]
fn a_syntax_error_has_a_caret() {
    let fault = load(&vm(), "local a = 1\nlocal b = = 2\n").unwrap_err();
    assert_eq!((fault.kind, fault.line), (FaultKind::Syntax, 2));
    let shown = fault.excerpt();
    assert!(shown.contains("local b = = 2\n"), "{shown}");
    assert!(shown.contains("^"), "{shown}");
    assert!(shown.starts_with("t.luau:2: "), "{shown}");
}

#[test]
fn bytecode_is_no_text() {
    let vm = vm();
    let bytecode = mlua::chunk::Compiler::new().compile("return 1").unwrap();
    let text: String = bytecode.iter().map(|byte| char::from(*byte)).collect();
    let fault = load(&vm, &text).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Syntax);
}

#[test]
fn declarations_are_checked_where_they_stand() {
    let vm = vm();
    let cases = [
        ("\nrule { inputs = {} }", FaultKind::Type, 2, "'name' of a rule is a text"),
        ("rule { name = 'a', inputs = { 'x' } }", FaultKind::Type, 1, "'on' of a rule is a function"),
        (
            "rule { name = 'a', capabilities = { 'fly' } }",
            FaultKind::Capability,
            1,
            "there is no capability 'fly'",
        ),
        ("rule { name = 'a', input = { 'x' } }", FaultKind::Type, 1, "a rule has no field 'input'"),
        (
            "rule { name = 'a', timers = { { run = function() end } } }",
            FaultKind::Type,
            1,
            "either 'every' or 'cron'",
        ),
        ("rule { name = 'a', timers = { { every = '10', run = 1 } } }", FaultKind::Type, 1, "no unit"),
        (
            "hook { name = 'a', on = 'x', fail = 'maybe', run = function() end }",
            FaultKind::Type,
            1,
            "'open' or 'closed'",
        ),
        (
            "rule { name = 'a', state = { f = print, g = error } }",
            FaultKind::Type,
            1,
            "a function is no value",
        ),
        ("log.info('x')", FaultKind::Capability, 1, "the top level of a script only declares"),
    ];
    for (text, kind, line, message) in cases {
        let fault = load(&vm, text).unwrap_err();
        assert_eq!((fault.kind, fault.line), (kind, line), "{text}: {fault}");
        assert!(fault.message.contains(message), "{text}: {fault}");
    }
}

#[test]
fn the_top_level_has_a_budget_too() {
    let fault = load(&vm(), "local n = 0\nwhile true do n += 1 end").unwrap_err();
    assert!(fault.kind.is_budget() && fault.line == 2, "{fault}");
}
