//! Row 4.4: 1,000 rules are replaced again and again under 10,000 events a second.
//!
//! A thread offers events by the clock; the worker steps; another thread builds each next generation. Counted: events
//! offered and handled, by which generation; measured: the longest wait of an event, the longest pause a step made for
//! anything but events, and the longest step by the core's time, which a busy machine does not lengthen. Beside them
//! stands the machine's own gap: how late a thread that does nothing but sleep was woken at worst. Prints one JSON
//! object.

use std::{
    cell::RefCell,
    error::Error,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use edgekit_core::Clock;
use edgekit_rules::{Deed, Engine, Event, Generation, Observer, Options, Script, Value, timer::Now};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const RULES: u64 = 1000;
const RATE: u64 = 10_000;
const SECONDS: u64 = 5;

/// What went by.
#[derive(Default)]
struct Seen {
    next: u64,
    last: u64,
    mixed: u64,
    lost: u64,
    longest: Duration,
}

struct Watcher {
    seen: Rc<RefCell<Seen>>,
    clock: Clock,
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event, generation: u64) {
        let mut seen = self.seen.borrow_mut();
        // Ids are in order: a gap is a loss, a repetition or an older generation a mixture.
        seen.lost += event.id.saturating_sub(seen.next);
        seen.mixed += u64::from(event.id < seen.next || generation < seen.last);
        seen.next = seen.next.max(event.id + 1);
        seen.last = generation;
        let waited = self.clock.wall().saturating_sub(event.at);
        seen.longest = seen.longest.max(waited);
    }

    fn deed(&mut self, _: &Deed) {}

    fn swapped(&mut self, _: u64) {}
}

fn scripts(version: u64) -> Vec<Script> {
    let script = |at: u64| {
        let text = format!(
            "-- version {version}\n\
             rule {{ name = 'r{at}', inputs = {{ 'ev{at}' }}, state = {{ seen = 0 }}, timers = {{ {{ every = '10s', \
             run = function(ctx) end }} }},\n  on = function(event, ctx) ctx.state.seen += 1 end }}"
        );
        Script::new(format!("r{at}.luau"), text)
    };
    (0..RULES).map(script).collect()
}

fn told(faults: Vec<edgekit_rules::Fault>) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock::system();
    let options = Options::default();
    let first = Generation::build(scripts(0), &options).map_err(told)?;
    let mut engine = Engine::new(options.clone(), first, None).map_err(told)?;
    let seen = Rc::new(RefCell::new(Seen::default()));
    engine.observe(Some(Box::new(Watcher { seen: seen.clone(), clock: clock.clone() })));

    let (bus, done) = (engine.bus().clone(), Arc::new(AtomicBool::new(false)));
    let (their_clock, finished) = (clock.clone(), done.clone());
    let source = thread::spawn(move || {
        let topics: Vec<Arc<str>> = (0..RULES).map(|at| format!("ev{at}").into()).collect();
        let (from, mut id) = (their_clock.monotonic(), 0);
        while id < RATE * SECONDS {
            let due = u64::try_from((their_clock.monotonic() - from).as_micros()).unwrap_or(u64::MAX) * RATE
                / 1_000_000;
            while id < due.min(RATE * SECONDS) {
                let data = Value::from([("n", Value::from(id)), ("name", Value::from("x"))]);
                let topic = topics[(id % RULES) as usize].clone();
                bus.offer(Event { topic, id, at: their_clock.wall(), data });
                id += 1;
            }
            thread::sleep(Duration::from_micros(500));
        }
        finished.store(true, Ordering::Release);
    });
    let (their_clock, finished) = (clock.clone(), done.clone());
    let sleeper = thread::spawn(move || {
        const NAP: Duration = Duration::from_millis(1);
        let mut gap = Duration::ZERO;
        while !finished.load(Ordering::Acquire) {
            let before = their_clock.monotonic();
            thread::sleep(NAP);
            gap = gap.max(their_clock.monotonic().saturating_sub(before + NAP));
        }
        gap
    });
    // One generation is built while another is loaded.
    let (send, built) = mpsc::sync_channel(0);
    let builder = thread::spawn(move || {
        for version in 1.. {
            let Ok(generation) = Generation::build(scripts(version), &options) else { return };
            if send.send(generation).is_err() {
                return;
            }
        }
    });
    let (mut refused, mut longest_step, mut longest_on_core) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    let mut loading = false;
    while !done.load(Ordering::Acquire) || !engine.bus().is_empty() {
        let now = Now::of(&clock);
        let from = on_core();
        let step = engine.step(now);
        if step.handled < 256 {
            // A full batch is work done, not a stall.
            longest_step = longest_step.max(clock.boot() - now.boot);
            longest_on_core = longest_on_core.max(on_core().saturating_sub(from));
        }
        match step.swap {
            Some(Ok(_)) => loading = false,
            Some(Err(faults)) => {
                loading = false;
                refused.extend(faults.iter().map(ToString::to_string));
            }
            None => {}
        }
        if !loading && let Ok(generation) = built.try_recv() {
            engine.swap(generation);
            loading = true;
        }
        if !step.busy && step.handled == 0 {
            thread::sleep(Duration::from_micros(200));
        }
    }
    drop(built);
    source.join().map_err(|_| "the source panicked")?;
    let gap = sleeper.join().map_err(|_| "the sleeper panicked")?;
    builder.join().map_err(|_| "the builder panicked")?;
    let metrics = engine.metrics();
    let seen = seen.borrow();
    let counted: u64 = metrics.rules.iter().map(|(_, rule)| rule.events_in).sum();
    let offered = RATE * SECONDS;
    let dropped: u64 = metrics.bus.dropped.iter().map(|(_, count)| count).sum();
    let line = json!({
        "row": "4.4",
        "rules": RULES,
        "events": offered,
        "reloads": metrics.swaps,
        "lost": seen.lost + dropped + (offered - counted.min(offered)),
        "two_generations": seen.mixed + counted.saturating_sub(offered),
        "longest_stall_ms": millis(metrics.longest_pause),
        "longest_step_ms": millis(longest_step),
        "longest_step_on_core_ms": millis(longest_on_core),
        "longest_wait_ms": millis(seen.longest),
        "longest_gap_of_the_machine_ms": millis(gap),
        "refused": refused,
    });
    println!("{line}");
    Ok(())
}

/// How long this thread was on a core.
fn on_core() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), spent.tv_nsec as u32)
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
