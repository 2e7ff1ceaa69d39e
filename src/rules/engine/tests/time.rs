//! Timers and alarms under a fake clock, over swaps and when the wall clock is set.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn beat(schedule: &str) -> String {
    format!(
        "rule {{ name = 'beat', capabilities = {{ 'publish' }}, timers = {{ {{ {schedule}, \
         run = function(ctx) publish('beat', {{ at = now() }}) end }} }} }}"
    )
}

#[test]
fn a_timer_keeps_its_beat_over_swaps_without_drift() {
    let text = beat("every = '10s'");
    let mut bench = Bench::new(&[&text]);
    let start = bench.now().boot;
    let mut beats = Vec::new();
    for turn in 0..3000u32 {
        // Looked at every 97 ms or so; reloaded now and then.
        bench.hands.advance(97 * MS);
        if turn % 100 == 7 {
            bench.swap(&[&text]).unwrap();
        }
        bench.settle();
        beats.extend(bench.engine.take_actions().into_iter().map(|deed| deed.at));
    }
    assert_eq!(beats.len(), 29);
    for (turn, at) in beats.iter().enumerate() {
        assert_eq!(*at - START, 10 * SECOND * (turn as u32 + 1), "of {start:?}");
    }
    let (_, figures) = &bench.engine.metrics().rules[0];
    assert_eq!((figures.timers, figures.generation), (29, 31));
}

#[test]
fn a_timer_that_was_missed_comes_once() {
    let mut bench = Bench::new(&[&beat("every = '10s'")]);
    assert_eq!(bench.advance(95 * SECOND).len(), 1);
    assert_eq!(bench.advance(4 * SECOND).len(), 0);
    assert_eq!(bench.advance(SECOND).len(), 1);
    assert_eq!(bench.step().next, Some(bench.now().boot + 10 * SECOND));
}

#[test]
fn another_schedule_begins_anew_and_a_removed_one_ends() {
    let mut bench = Bench::new(&[&beat("every = '10s'")]);
    bench.advance(6 * SECOND);
    bench.swap(&[&beat("every = '5s'")]).unwrap();
    assert_eq!(bench.advance(4 * SECOND).len(), 0);
    assert_eq!(bench.advance(SECOND).len(), 1);
    bench.swap(&[&echo("a", "ev")]).unwrap();
    assert_eq!(bench.advance(100 * SECOND).len(), 0);
    assert_eq!(bench.step().next, None);
}

#[test]
fn cron_follows_the_wall_clock_when_it_is_set() {
    let mut bench = Bench::new(&[&beat("cron = '0 * * * *'")]);
    assert_eq!(bench.advance(3599 * SECOND).len(), 0);
    assert_eq!(bench.advance(SECOND).len(), 1);
    // Someone sets the clock to three seconds before another hour.
    bench.hands.set_wall(START + 90_000 * SECOND - 3 * SECOND);
    assert_eq!(bench.advance(2 * SECOND).len(), 0);
    assert_eq!(bench.advance(SECOND).len(), 1);
    // And back by years: intervals and cron go on.
    bench.hands.set_wall(Duration::from_secs(59));
    bench.settle();
    assert_eq!(bench.advance(3541 * SECOND).len(), 1);
}

#[test]
fn timers_begin_a_trace_of_their_own() {
    let mut bench = Bench::new(&[
        "rule { name = 'tick', outputs = { 'tick' }, timers = { { every = '1s', run = function() return { n = 1 } end } } }",
        &echo("a", "tick"),
    ]);
    bench.hands.advance(SECOND);
    bench.settle();
    let deeds = bench.engine.take_actions();
    assert_eq!(told(&deeds[0]), r#"a: out {"n":1}"#);
    assert!(deeds[0].id > 1 << 63);
}

#[test]
fn a_timer_that_fails_waits_and_others_go_on() {
    let failing = "rule { name = 'bad', timers = { { every = '100ms', run = function() error('no') end } } }";
    let mut bench = Bench::new(&[failing, &beat("every = '100ms'")]);
    let mut beats = 0;
    for _ in 0..50 {
        beats += bench.advance(100 * MS).len();
    }
    let bad = &bench.engine.metrics().rules[0].1;
    // Tried at once, after 1 s, after 2 s more.
    assert_eq!((beats, bad.errors), (50, 3));
}

const ALARM: &str = "rule { name = 'later', inputs = { 'ev' }, outputs = { 'x' }, state = { n = 0 },
    on = function(event, ctx)
        after('5s', function(ctx) ctx.state.n += 1 emit({ n = event.n, count = ctx.state.n }) end)
    end }";

#[test]
fn an_alarm_rings_once_and_survives_a_swap() {
    let mut bench = Bench::new(&[ALARM, &echo("a", "x")]);
    bench.send(n(7));
    assert_eq!(bench.advance(4 * SECOND).len(), 0);
    bench.swap(&[ALARM, &echo("b", "x")]).unwrap();
    bench.send(n(8));
    // Armed before the swap, it is heard by who reads now, and shares the state.
    assert_eq!(bench.advance(SECOND), [r#"b: out {"count":1,"n":7}"#]);
    assert_eq!(bench.advance(4 * SECOND), [r#"b: out {"count":2,"n":8}"#]);
    assert_eq!(bench.advance(100 * SECOND), [] as [&str; 0]);
    assert_eq!(bench.engine.retired.len(), 0);
}

#[test]
fn generations_kept_for_their_alarms_are_few() {
    let mut bench = Bench::new(&[ALARM, &echo("a", "x")]);
    for turn in 0..8 {
        bench.send(n(turn));
        bench.swap(&[ALARM, &echo("a", "x")]).unwrap();
    }
    assert_eq!(bench.engine.metrics().lost_alarms, 4);
    assert_eq!(bench.advance(5 * SECOND).len(), 4);
}
