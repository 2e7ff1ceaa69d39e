//! Input nobody should send.

use super::*;

#[test]
fn events_that_are_strange_arrive_as_they_are() {
    let mut bench = Bench::new(&[
        "rule { name = 'look', inputs = { 'ev' }, capabilities = { 'publish' },
            on = function(e)
                publish('out', { nan = e.nan ~= e.nan, next = e.big + 1, size = #e.text, bytes = e.bytes, most = e.most })
            end }",
    ]);
    let event = Value::from([
        ("nan", Value::from(f64::NAN)),
        ("big", Value::from(1u64 << 63)),
        ("most", Value::from(u64::MAX)),
        ("bytes", Value::from(&b"\xff\xfe\x00"[..])),
        ("text", Value::from("x".repeat(1 << 20))),
    ]);
    bench.offer(event);
    bench.settle();
    assert_eq!(bench.faults(), [] as [&str; 0]);
    let deeds = bench.engine.take_actions();
    let Action::Publish { payload, .. } = &deeds[0].action else { panic!("{deeds:?}") };
    assert_eq!(payload.get("nan"), Some(&Value::Bool(true)));
    assert_eq!(payload.get("next"), Some(&Value::from((1u64 << 63) + 1)));
    assert_eq!(payload.get("most"), Some(&Value::from(u64::MAX)));
    assert_eq!(payload.get("size"), Some(&Value::Int(1 << 20)));
    assert_eq!(payload.get("bytes"), Some(&Value::from(&b"\xff\xfe\x00"[..])));
}

#[test]
fn an_event_that_is_no_map_is_told_and_left_out() {
    let mut bench = Bench::new(&[&echo("a", "ev")]);
    assert_eq!(bench.send(Value::from("text")), [] as [&str; 0]);
    let faults = bench.faults();
    assert!(faults[0].contains("event 1 of 'ev' was not handled"), "{faults:?}");
    assert_eq!(bench.send(n(1)).len(), 1);
}

#[test]
fn what_a_rule_returns_must_be_a_table() {
    for returned in ["7", "'x'", "true", "{ 1, 2 }, 3"] {
        let text = format!(
            "rule {{ name = 'r', inputs = {{ 'ev' }}, outputs = {{ 'x' }},\n on = function(e)\n return {returned} end }}"
        );
        let mut bench = Bench::new(&[&text]);
        bench.send(n(1));
        let faults = bench.faults();
        if returned.starts_with('{') {
            assert_eq!(faults, [] as [&str; 0]);
        } else {
            let says = "rule 'r': a handler returns a table or nothing, not a";
            assert!(faults[0].starts_with("s0.luau:") && faults[0].contains(says), "{faults:?}");
        }
    }
}

#[test]
fn scripts_that_are_wrong_are_refused_with_their_lines() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["rule {"], &["s0.luau:1"]),
        (&["\n\nlocal x = = 1"], &["s0.luau:3"]),
        (&["error('top')"], &["s0.luau:1: top"]),
        (&["while true do end"], &["s0.luau"]),
        (&["rule { name = 'a', inputs = { 'ev' } }"], &["s0.luau:1: rule 'a': 'on' of a rule is a function"]),
        (&["rule { name = 7, inputs = { 'ev' }, on = function() end }"], &["s0.luau:1"]),
        (&["rule { nam = 'a' }"], &["s0.luau:1: a rule has no field 'nam'"]),
        (
            &["rule { name = 'a', timers = { { every = '0s', run = function() end } } }"],
            &["s0.luau:1: rule 'a'"],
        ),
        (
            &["rule { name = 'a', timers = { { cron = '61 * * * *', run = function() end } } }"],
            &["s0.luau:1: rule 'a': '61 * * * *' is no cron line: '61' is no minute: 0 to 59"],
        ),
        (
            &["rule { name = 'a', inputs = { 'ev' }, capabilities = { 'exec' }, on = function() end }"],
            &["s0.luau:1: rule 'a': capability 'exec' is not granted"],
        ),
        (
            &[
                "rule { name = 'a', inputs = { 'y' }, outputs = { 'x' }, on = function() end }",
                "\nrule { name = 'b', inputs = { 'x' }, outputs = { 'y' }, on = function() end }",
            ],
            &[
                "s0.luau:1: rule 'a': it feeds itself in a circle: a (s0.luau:1) -[x]-> b (s1.luau:2) -[y]-> a",
            ],
        ),
        (
            &[
                "rule { name = 'a', inputs = { 'ev' }, on = function() end }",
                "\nrule { name = 'a', inputs = { 'ev' }, on = function() end }",
            ],
            &["s1.luau:2: rule 'a': it has the name of the rule at s0.luau:1"],
        ),
        // A script that cannot be read is not missed by those who read from its rules.
        (
            &["rule { name = 'a', inputs = { 'gone' }, on = function() end }", "this is no Luau"],
            &["s1.luau:1"],
        ),
        (
            &["rule { name = 'a', inputs = { 'gone' }, on = function() end }"],
            &["s0.luau:1: rule 'a': it reads 'gone'"],
        ),
        (&["error('one')", "error('two')"], &["s0.luau:1: one", "s1.luau:1: two"]),
    ];
    for (texts, expected) in cases {
        let faults = build(texts).map(|_| ()).expect_err(texts[0]);
        assert_eq!(faults.len(), expected.len(), "{texts:?}: {faults:?}");
        for (fault, expected) in faults.iter().zip(*expected) {
            assert!(fault.starts_with(expected), "{texts:?}: '{fault}' does not begin with '{expected}'");
        }
    }
}

#[test]
fn ten_thousand_files_are_a_generation_and_one_more_is_refused() {
    let script = |at: usize| {
        let text = format!("rule {{ name = 'r{at}', inputs = {{ 'ev' }}, on = function() end }}");
        Script::new(format!("{at:05}.luau"), text)
    };
    let options = options(&Clock::fixed(START));
    let generation = Generation::build((0..10_000).map(script).collect(), &options).unwrap();
    assert_eq!((generation.rules().len(), generation.scripts()), (10_000, 10_000));
    let faults = Generation::build((0..10_001).map(script).collect(), &options).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].to_string().starts_with("10000.luau:1: rule 'r10000': it is one of 10001 rules"),
        "{}",
        faults[0]
    );
    let twice = Generation::build(vec![script(1), script(1)], &options).unwrap_err();
    assert!(twice[0].to_string().contains("the file is there twice"));
}

#[test]
fn no_rules_at_all_is_a_generation_too() {
    let mut bench = Bench::new(&[]);
    assert_eq!(bench.send(n(1)), [] as [&str; 0]);
    assert_eq!(bench.swap(&[&echo("a", "ev")]), Ok(2));
    assert_eq!(bench.send(n(1)).len(), 1);
    assert_eq!(bench.swap(&["-- only a comment"]), Ok(3));
    assert_eq!(bench.engine.explain(), "no rules\n");
}
