//! Records come back as they were, and replays tell what is different.

use super::*;
use crate::{Action, Engine, Fault, Generation, Level, Metric, Options, Script, graph::Sources, timer::Now};
use edgekit_core::Clock;

const START: Duration = Duration::from_secs(1_772_323_200);

fn generation(text: &str) -> Generation {
    Generation::build(vec![Script::new("r.luau", text)], &options(&Clock::fixed(START))).unwrap()
}

fn options(clock: &Clock) -> Options {
    Options { clock: clock.clone(), sources: Sources::new(["ev"]), ..Options::default() }
}

/// Records what a rule does with numbers, one a second.
fn record(text: &str, numbers: &[i64]) -> Vec<u8> {
    let (clock, hands) = Clock::fake(START);
    let mut engine = Engine::new(options(&clock), generation(text), None).unwrap();
    let lines = Lines::default();
    engine.observe(Some(Box::new(Recorder::new(lines.clone()))));
    for (id, number) in numbers.iter().enumerate() {
        hands.advance(Duration::from_secs(1));
        engine.step(Now::of(&clock));
        let data = Value::from([("n", Value::Int(*number))]);
        engine.offer(Event { topic: "ev".into(), id: id as u64, at: clock.wall(), data });
        engine.step(Now::of(&clock));
    }
    lines.bytes()
}

#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl Lines {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn rule(limit: i64) -> String {
    format!(
        "rule {{ name = 'r', inputs = {{ 'ev' }}, capabilities = {{ 'publish', 'metric' }}, state = {{ seen = 0 }},
            on = function(e, ctx)
                ctx.state.seen += 1
                if e.n > {limit} then publish('high', {{ n = e.n, seen = ctx.state.seen }}) end
            end,
            timers = {{ {{ every = '2s', run = function() metric.count('beats', 1) end }} }} }}"
    )
}

#[test]
fn a_replay_of_the_same_rules_differs_in_nothing() {
    let bytes = record(&rule(5), &[1, 9, 3, 7, 8]);
    let recording = Recording::read(&*bytes).unwrap();
    assert_eq!((recording.events.len(), recording.done.len()), (5, 3 + 2));
    let options = options(&Clock::fixed(START));
    let (done, faults) = replay(&recording, generation(&rule(5)), &options).unwrap();
    assert_eq!((compare(&recording.done, &done), faults), (vec![], vec![]));
    // And a replay is the same each time.
    let (again, _) = replay(&recording, generation(&rule(5)), &options).unwrap();
    assert_eq!(done, again);
}

#[test]
fn a_replay_of_other_rules_tells_what_they_would_do() {
    let recording = Recording::read(&*record(&rule(5), &[1, 9, 3, 7, 8])).unwrap();
    let (done, _) = replay(&recording, generation(&rule(7)), &options(&Clock::fixed(START))).unwrap();
    let differences = compare(&recording.done, &done);
    let told: Vec<_> = differences.iter().map(|each| (each.side, each.done.id)).collect();
    assert_eq!(told, [(Side::Before, 3)]);
    let (done, faults) = replay(
        &recording,
        generation("rule { name = 'r', inputs = { 'ev' }, on = function(e) error('broken') end }"),
        &options(&Clock::fixed(START)),
    )
    .unwrap();
    assert_eq!(compare(&recording.done, &done).len(), 5);
    assert!(faults.iter().map(Fault::to_string).all(|fault| fault.contains("broken")), "{faults:?}");
}

#[test]
fn every_value_and_action_comes_back() {
    let data = Value::from([
        ("big", Value::from(u64::MAX)),
        ("bytes", Value::from(&b"\xff\xfe"[..])),
        ("least", Value::Int(i64::MIN)),
        ("nan", Value::Num(f64::NAN)),
        ("tiny", Value::Num(1.9312631165943848e-81)),
    ]);
    let event = Event { topic: "ev".into(), id: u64::MAX, at: START + Duration::from_nanos(7), data };
    let actions = [
        Action::Log { level: Level::Warn, text: "t".into(), fields: Value::Nil },
        Action::Metric {
            kind: Metric::Count,
            name: "m".into(),
            number: 0.1,
            labels: vec![("l".into(), "v".into())],
        },
        Action::Publish { topic: "p".into(), payload: Value::from(1u64 << 63) },
        Action::Exec { argv: vec!["a".into(), (&b"\xff"[..]).into()] },
        Action::Http {
            method: "GET".into(),
            url: "u".into(),
            headers: vec![("h".into(), "v".into())],
            body: None,
        },
        Action::ShadowSet { path: "a.b".into(), value: Value::Nil },
    ];
    let mut recorder = Recorder::new(Vec::new());
    recorder.event(&event, 3);
    let mut done = Vec::new();
    for action in actions {
        let deed = Deed { id: 1, rule: "r".into(), generation: 3, at: START, action };
        recorder.deed(&deed);
        done.push(Done::from(&deed));
    }
    recorder.swapped(4);
    let bytes = recorder.finish().unwrap();
    let recording = Recording::read(&*bytes).unwrap();
    assert_eq!((recording.events, recording.done), (vec![event], done));
}

#[test]
fn what_is_no_record_says_which_line() {
    let good = record(&rule(5), &[9]);
    let lines = |more: &str| [&good[..], more.as_bytes()].concat();
    let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    for (more, says) in [
        ("{}\n", "the record is 'nothing', and this version reads 'edgekit.rules.record/1'"),
        ("{\"schema\":\"edgekit.rules.record/2\"}\n", "the record is 'edgekit.rules.record/2'"),
        ("what\n", "it is no JSON"),
        ("{\"schema\":\"edgekit.rules.record/1\"}\n", "'kind' is no text"),
        (
            "{\"schema\":\"edgekit.rules.record/1\",\"kind\":\"event\",\"topic\":\"x\",\"id\":-1,\"data\":{}}\n",
            "'id' is no whole number",
        ),
    ] {
        let error = Recording::read(&*lines(more)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("line {line}: ")) && error.contains(says), "{error}");
    }
    // Cut off by a kill, and of a kind that comes later.
    let later = "{\"schema\":\"edgekit.rules.record/1\",\"kind\":\"later\"}\n{\"schema\":\"edgek";
    assert_eq!(Recording::read(&*lines(later)).unwrap().events.len(), 1);
    assert_eq!(Recording::read(&b""[..]).unwrap(), Recording::default());
}

#[test]
fn a_recorder_that_cannot_write_says_so_at_the_end() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut recorder = Recorder::new(Full);
    recorder.swapped(1);
    recorder.swapped(2);
    assert_eq!(recorder.finish().err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
}
