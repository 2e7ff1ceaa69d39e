//! Events through the graph: order, ids, figures, limits, determinism.

use proptest::prelude::*;

use super::*;

#[test]
fn an_event_goes_through_the_graph_in_order_and_keeps_its_id() {
    let mut bench = Bench::new(&[
        &echo("last", "sum"),
        "rule { name = 'join', inputs = { 'left', 'right' }, outputs = { 'sum' }, state = { n = 0 },
            on = function(event, ctx)
                ctx.state.n += event.n
                return { n = ctx.state.n, from = ctx.topic }
            end }",
        "rule { name = 'a', inputs = { 'ev' }, outputs = { 'left' }, on = function(e) return { n = e.n } end }",
        "rule { name = 'b', inputs = { 'ev' }, outputs = { 'right' }, priority = 1,
            on = function(e) emit('right', { n = e.n * 10 }) end }",
    ]);
    bench.offer(n(1));
    bench.offer(n(2));
    assert_eq!(bench.settle(), None);
    let deeds = bench.engine.take_actions();
    // 'b' has priority, so what comes from the right is first.
    let expected = [
        (1, r#"last: out {"from":"right","n":10}"#),
        (1, r#"last: out {"from":"left","n":11}"#),
        (2, r#"last: out {"from":"right","n":31}"#),
        (2, r#"last: out {"from":"left","n":33}"#),
    ];
    let found: Vec<_> = deeds.iter().map(|deed| (deed.id, told(deed))).collect();
    assert_eq!(found, expected.map(|(id, text)| (id, text.to_owned())));
    assert!(deeds.iter().all(|deed| deed.at == START && deed.generation == 1));
    let metrics = bench.engine.metrics();
    let figures: Vec<_> =
        metrics.rules.iter().map(|(name, of)| (&**name, of.events_in, of.events_out)).collect();
    assert_eq!(figures, [("b", 2, 2), ("a", 2, 2), ("join", 4, 4), ("last", 4, 0)]);
    assert_eq!((metrics.handled, metrics.unread, metrics.generation), (2, 0, 1));
    assert!(metrics.rules.iter().all(|(_, of)| of.time.quantile(0.99).is_some()));
    assert_eq!(metrics.rules[3].1.actions, 4);
}

#[test]
fn what_nobody_reads_is_counted() {
    let mut bench = Bench::new(&[&echo("a", "ev")]);
    bench.offer_to("other", n(1));
    bench.settle();
    assert_eq!((bench.engine.metrics().handled, bench.engine.metrics().unread), (1, 1));
    assert_eq!(bench.told(), [] as [&str; 0]);
}

#[test]
fn a_rule_that_fails_is_alone_with_it() {
    let mut bench = Bench::new(&[
        "rule { name = 'bad', inputs = { 'ev' }, outputs = { 'x' }, capabilities = { 'publish' }, priority = 9,
            key = function(event) return event.key end,
            on = function(event)
                publish('never', {})
                if event.n < 0 then error('negative') end
                return event
            end }",
        &echo("good", "ev"),
        &echo("after", "x"),
    ]);
    let event = |key: &str, number: i64| Value::from([("key", key.into()), ("n", Value::Int(number))]);
    assert_eq!(bench.send(event("a", -1)), [r#"good: out {"key":"a","n":-1}"#]);
    assert_eq!(bench.faults().len(), 1);
    // Its key waits a second, another key does not.
    assert_eq!(bench.send(event("a", 1)).len(), 1);
    assert_eq!(bench.send(event("b", 1)).len(), 3);
    let metrics = bench.engine.metrics();
    let bad = &metrics.rules[0].1;
    assert_eq!((bad.events_in, bad.errors, bad.quarantined), (2, 1, 1));
    assert!(bad.last_error.as_ref().unwrap().contains("negative"), "{bad:?}");
    // One trial after the wait; it goes well, so the key is free.
    bench.advance(SECOND);
    assert_eq!(bench.send(event("a", 2)).len(), 3);
    assert_eq!(bench.send(event("a", 3)).len(), 3);
    // Failing trials wait twice as long each time.
    bench.send(event("a", -1));
    bench.advance(SECOND);
    bench.send(event("a", -1));
    bench.advance(SECOND);
    assert_eq!(bench.send(event("a", 4)).len(), 1);
    bench.advance(SECOND);
    assert_eq!(bench.send(event("a", 4)).len(), 3);
    assert_eq!(bench.faults().len(), 2);
}

#[test]
fn a_runaway_is_stopped_and_the_rest_goes_on() {
    let mut bench = Bench::new(&[
        "rule { name = 'loop', inputs = { 'ev' }, priority = 1, on = function() while true do end end }",
        &echo("good", "ev"),
    ]);
    assert_eq!(bench.send(n(1)).len(), 1);
    let bad = &bench.engine.metrics().rules[0].1;
    assert_eq!((bad.errors, bad.budget_hits), (1, 1));
    assert!(bench.faults()[0].contains("s0.luau:1"), "{bad:?}");
}

#[test]
fn deliveries_of_one_event_are_bounded() {
    let fan = |from: &str, to: &str| {
        format!(
            "rule {{ name = '{to}', inputs = {{ '{from}' }}, outputs = {{ '{to}' }},
                on = function(e) for i = 1, 30 do emit({{ n = i }}) end end }}"
        )
    };
    let last = "rule { name = 'last', inputs = { 'c' }, on = function() end }";
    let mut bench = Bench::new(&[&fan("ev", "a"), &fan("a", "b"), &fan("b", "c"), last, &echo("echo", "ev")]);
    bench.offer(n(1));
    bench.settle();
    // 1 + 30 + 900 + 27,000 deliveries to the chain, and one to the echo.
    assert_eq!(bench.engine.metrics().overflow, 27_932 - 4096);
    assert_eq!(bench.told().len(), 1);
    // The next event is none the worse.
    assert_eq!(bench.send(n(2)).len(), 1);
}

/// Rules over some topics: which one reads which, whether it keeps state, how it emits.
fn rules() -> impl Strategy<Value = Vec<String>> {
    let rule = (prop::collection::vec(0usize..8, 1..3), 0i32..3, any::<bool>(), 1i64..5);
    prop::collection::vec(rule, 2..8).prop_map(|rules| {
        let text = |(at, (reads, priority, both, factor)): (usize, (Vec<usize>, i32, bool, i64))| {
            let mut inputs: Vec<String> = reads
                .iter()
                .map(|from| if *from < at { format!("'t{from}'") } else { "'ev'".to_owned() })
                .collect();
            edgekit_core::sort::natural(&mut inputs);
            inputs.dedup();
            let inputs = inputs.join(", ");
            let twice = if both { "emit({ n = event.n + 1 })" } else { "" };
            format!(
                "rule {{ name = 'r{at}', inputs = {{ {inputs} }}, outputs = {{ 't{at}' }}, priority = {priority},
                    capabilities = {{ 'publish' }}, state = {{ sum = 0 }},
                    on = function(event, ctx)
                        ctx.state.sum += event.n * {factor}
                        publish('out', {{ n = ctx.state.sum }})
                        if event.n % {factor} == 0 then {twice} return {{ n = event.n // {factor} }} end
                    end }}"
            )
        };
        rules.into_iter().enumerate().map(text).collect()
    })
}

/// What the rules do with each sequence of events, their files read in this order.
fn logs(texts: &[String], order: &[usize], sequences: &[Vec<i64>]) -> Vec<(u64, String)> {
    let (clock, _hands) = Clock::fake(START);
    let options = options(&clock);
    let scripts = order.iter().map(|at| Script::new(format!("s{at}.luau"), texts[*at].as_str()));
    let generation = Generation::build(scripts.collect(), &options).unwrap();
    let mut engine = Engine::new(options, generation, None).unwrap();
    for (id, number) in sequences.iter().flatten().enumerate() {
        engine.offer(Event { topic: arc("ev"), id: id as u64, at: START, data: n(*number) });
    }
    while engine.step(Now::at(START)).busy {}
    assert!(engine.take_faults().is_empty());
    engine.take_actions().iter().map(|deed| (deed.id, told(deed))).collect()
}

proptest! {
    // 50 graphs with 20 sequences each.
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_same_events_make_the_same_log(
        (texts, order) in rules().prop_flat_map(|texts| {
            let order: Vec<usize> = (0..texts.len()).collect();
            (Just(texts), Just(order).prop_shuffle())
        }),
        sequences in prop::collection::vec(prop::collection::vec(0i64..100, 1..6), 20),
    ) {
        let straight: Vec<usize> = (0..texts.len()).collect();
        let log = logs(&texts, &straight, &sequences);
        prop_assert!(!log.is_empty());
        prop_assert_eq!(&log, &logs(&texts, &order, &sequences));
    }
}
