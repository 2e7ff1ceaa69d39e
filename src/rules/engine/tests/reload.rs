//! Swaps: at an event's boundary, with state, or not at all.

use super::*;
use crate::state::tests::Scratch;

const COUNT: &str =
    "rule { name = 'count', inputs = { 'ev' }, capabilities = { 'publish' }, state = { n = 0 },
    on = function(event, ctx) ctx.state.n += 1 publish('n', { n = ctx.state.n }) end }";

#[test]
fn every_event_is_handled_by_exactly_one_generation() {
    let mut bench = Bench::new(&[&echo("a", "ev"), COUNT]);
    let seen = Seen::default();
    bench.engine.observe(Some(Box::new(seen.clone())));
    for round in 0..50 {
        let generation = Generation::build(scripts(&[&echo("a", "ev"), COUNT]), &bench.options).unwrap();
        for _ in 0..7 {
            bench.offer(n(round));
        }
        bench.engine.swap(generation);
        for _ in 0..5 {
            bench.offer(n(round));
            bench.step();
        }
    }
    bench.settle();
    let seen = seen.0.borrow();
    assert!(seen.iter().map(|(id, _)| *id).eq(1..=600));
    assert!(seen.iter().map(|(_, generation)| *generation).is_sorted());
    assert_eq!(seen.last().unwrap().1, 51);
    // Each event was counted once, over all generations.
    let last = bench.engine.take_actions().iter().map(told).rfind(|told| told.starts_with("count")).unwrap();
    assert_eq!(last, r#"count: n {"n":600}"#);
    let metrics = bench.engine.metrics();
    assert_eq!((metrics.handled, metrics.swaps, metrics.refused), (600, 50, 0));
    assert_eq!(metrics.rules[1].1.events_in, 600);
    assert_eq!(metrics.rules[1].1.generation, 51);
}

#[test]
fn state_is_carried_over_and_migrated() {
    let mut bench = Bench::new(&[COUNT]);
    bench.send(n(0));
    bench.send(n(0));
    // What the new declaration adds begins as it says.
    let grown = COUNT
        .replace("state = { n = 0 }", "state = { n = 100, seen = 5 }")
        .replace("{ n = ctx.state.n }", "ctx.state");
    assert_eq!(bench.swap(&[&grown]), Ok(2));
    assert_eq!(bench.send(n(0)), [r#"count: n {"n":3,"seen":5}"#]);
    // migrate decides alone.
    let migrated =
        COUNT.replace("state =", "migrate = function(old) return { n = old.n * 1000 } end, state =");
    assert_eq!(bench.swap(&[&migrated]), Ok(3));
    assert_eq!(bench.send(n(0)), [r#"count: n {"n":3001}"#]);
}

#[test]
fn a_migrate_that_fails_refuses_the_swap_and_the_old_one_goes_on() {
    let mut bench = Bench::new(&[COUNT]);
    bench.send(n(0));
    let failing = COUNT.replace("state =", "migrate = function(old) error('cannot') end, state =");
    let faults = bench.swap(&[&failing]).unwrap_err();
    assert!(faults[0].starts_with("s0.luau:1: rule 'count'") && faults[0].contains("cannot"), "{faults:?}");
    assert_eq!(bench.send(n(0)), [r#"count: n {"n":2}"#]);
    let metrics = bench.engine.metrics();
    assert_eq!((metrics.generation, metrics.swaps, metrics.refused), (1, 0, 1));
    assert_eq!(bench.swap(&[COUNT]).map(|number| number > 1), Ok(true));
}

#[test]
fn a_state_that_changes_while_it_is_copied_is_copied_again() {
    let many: Vec<String> = (0..200).map(|at| COUNT.replace("count", &format!("c{at:03}"))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut bench = Bench::new(&many);
    let generation = Generation::build(scripts(&many), &bench.options).unwrap();
    bench.engine.swap(generation);
    while bench.engine.generation() == 1 {
        bench.offer(n(0));
        bench.step();
    }
    bench.engine.take_actions();
    let counts = bench.send(n(0));
    let total = bench.engine.metrics().handled;
    assert_eq!(counts.len(), 200);
    assert!(counts.iter().all(|told| told.ends_with(&format!("n {{\"n\":{total}}}"))), "{total}: {counts:?}");
}

#[test]
fn a_script_that_declares_something_else_than_when_it_was_checked_is_refused() {
    let mut bench = Bench::new(&[COUNT]);
    for (other, says) in [
        (echo("b", "ev"), "rule 'b': the script declares another rule than when it was checked"),
        (echo("a", "other"), "rule 'a': the script declares another rule"),
        (String::new(), "rule 'a': the script no longer declares it"),
    ] {
        let mut generation = Generation::build(scripts(&[&echo("a", "ev")]), &bench.options).unwrap();
        generation.scripts[0] = Script::new("s0.luau", other).compile().unwrap();
        bench.engine.swap(generation);
        let faults = bench.settle().unwrap().unwrap_err();
        assert!(faults[0].contains(says), "{faults:?}");
        assert_eq!(bench.send(n(0)).len(), 1);
    }
}

#[test]
fn the_last_of_several_swaps_wins() {
    let mut bench = Bench::new(&[COUNT]);
    for name in ["x", "y", "z"] {
        let generation = Generation::build(scripts(&[&echo(name, "ev")]), &bench.options).unwrap();
        bench.engine.swap(generation);
    }
    bench.settle();
    assert_eq!(bench.send(n(1)), [r#"z: out {"n":1}"#]);
    assert_eq!(bench.engine.metrics().swaps, 1);
}

#[test]
fn what_was_set_aside_stays_set_aside() {
    let failing = "rule { name = 'bad', inputs = { 'ev' }, on = function(e) error('no') end }";
    let mut bench = Bench::new(&[failing]);
    bench.send(n(1));
    bench.swap(&[failing]).unwrap();
    bench.send(n(1));
    assert_eq!(bench.engine.metrics().rules[0].1.quarantined, 1);
}

#[test]
fn state_is_on_disk_and_comes_back() {
    let scratch = Scratch::new();
    let mut bench = Bench::with_keeper(&[COUNT], Some(scratch.keeper()));
    bench.send(n(0));
    bench.send(n(0));
    assert!(bench.engine.settle(20 * SECOND));
    assert!(bench.engine.metrics().rules[0].1.state_bytes > 5);
    drop(bench);
    let mut bench = Bench::with_keeper(&[COUNT], Some(scratch.keeper()));
    assert_eq!(bench.send(n(0)), [r#"count: n {"n":3}"#]);
    // Saved without being asked, a second after the first change.
    bench.step();
    bench.advance(2 * SECOND);
    drop(bench);
    let migrated = COUNT.replace("state =", "migrate = function(old) return { n = old.n * 10 } end, state =");
    let mut bench = Bench::with_keeper(&[&migrated], Some(scratch.keeper()));
    assert_eq!(bench.send(n(0)), [r#"count: n {"n":31}"#]);
}

#[test]
fn too_large_a_state_is_a_fault_of_its_rule() {
    let scratch = Scratch::new();
    let large = "rule { name = 'large', inputs = { 'ev' },
        on = function(e, ctx) ctx.state.text = string.rep('x', 70000) end }";
    let mut bench = Bench::with_keeper(&[large, COUNT], Some(scratch.keeper()));
    bench.send(n(0));
    assert!(bench.engine.settle(20 * SECOND));
    let faults = bench.faults();
    assert!(faults[0].contains("large") && faults[0].contains("65536 are kept"), "{faults:?}");
    drop(bench);
    let mut bench = Bench::with_keeper(&[COUNT], Some(scratch.keeper()));
    assert_eq!(bench.send(n(0)), [r#"count: n {"n":2}"#]);
}

#[test]
fn what_cannot_be_read_back_is_told_and_the_rule_begins_anew() {
    let scratch = Scratch::new();
    let keeper = scratch.keeper();
    keeper.save("count", b"{".to_vec());
    let mut bench = Bench::with_keeper(&[COUNT], Some(keeper));
    assert!(bench.faults()[0].contains("cannot be read"));
    assert_eq!(bench.send(n(0)), [r#"count: n {"n":1}"#]);
}
