//! The engine with a fake clock: order, swaps, state, quarantine, timers, bad input.

mod bad;
mod reload;
mod run;
mod time;

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use edgekit_core::{Clock, Hands};

use crate::{
    Action, Event, Fault, Script, Value,
    engine::{Deed, Engine, Observer, Step},
    generation::{Generation, Options},
    graph::Sources,
    state::Keeper,
    timer::Now,
};

const SECOND: Duration = Duration::from_secs(1);
/// 2026-03-01 00:00 UTC.
const START: Duration = Duration::from_secs(1_772_323_200);

/// An engine under a fake clock.
struct Bench {
    engine: Engine,
    options: Options,
    clock: Clock,
    hands: Hands,
    next_id: u64,
}

fn scripts(texts: &[&str]) -> Vec<Script> {
    let named = texts.iter().enumerate();
    named.map(|(at, text)| Script::new(format!("s{at}.luau"), *text)).collect()
}

fn options(clock: &Clock) -> Options {
    Options { clock: clock.clone(), sources: Sources::new(["ev", "other"]), ..Options::default() }
}

fn build(texts: &[&str]) -> Result<Generation, Vec<String>> {
    let built = Generation::build(scripts(texts), &options(&Clock::fixed(START)));
    built.map_err(|faults| faults.iter().map(Fault::to_string).collect())
}

impl Bench {
    fn new(texts: &[&str]) -> Bench {
        Bench::with_keeper(texts, None)
    }

    fn with_keeper(texts: &[&str], keeper: Option<Keeper>) -> Bench {
        let (clock, hands) = Clock::fake(START);
        let options = options(&clock);
        let generation = Generation::build(scripts(texts), &options).unwrap();
        let engine = Engine::new(options.clone(), generation, keeper).unwrap();
        Bench { engine, options, clock, hands, next_id: 0 }
    }

    fn now(&self) -> Now {
        Now::of(&self.clock)
    }

    fn offer(&mut self, data: Value) {
        self.offer_to("ev", data);
    }

    fn offer_to(&mut self, topic: &str, data: Value) {
        self.next_id += 1;
        let at = self.clock.wall();
        self.engine.offer(Event { topic: topic.into(), id: self.next_id, at, data });
    }

    fn step(&mut self) -> Step {
        self.engine.step(self.now())
    }

    /// Steps until nothing is to be done at once, and tells what came of a swap.
    fn settle(&mut self) -> Option<Result<u64, Vec<String>>> {
        let mut swap = None;
        for _ in 0..1000 {
            let step = self.step();
            swap = step.swap.or(swap);
            if !step.busy {
                return swap.map(|swap| swap.map_err(|faults| faults.iter().map(Fault::to_string).collect()));
            }
        }
        panic!("the engine does not come to rest");
    }

    /// Handles one event and returns what was done, as texts.
    fn send(&mut self, data: Value) -> Vec<String> {
        self.offer(data);
        self.settle();
        self.told()
    }

    fn advance(&mut self, by: Duration) -> Vec<String> {
        self.hands.advance(by);
        self.settle();
        self.told()
    }

    fn swap(&mut self, texts: &[&str]) -> Result<u64, Vec<String>> {
        let generation = Generation::build(scripts(texts), &self.options).unwrap();
        self.engine.swap(generation);
        self.settle().expect("a swap was begun")
    }

    fn told(&mut self) -> Vec<String> {
        self.engine.take_actions().iter().map(told).collect()
    }

    fn faults(&mut self) -> Vec<String> {
        self.engine.take_faults().iter().map(Fault::to_string).collect()
    }
}

/// `rule: topic payload`
fn told(deed: &Deed) -> String {
    match &deed.action {
        Action::Publish { topic, payload } => format!("{}: {topic} {}", deed.rule, payload.to_json()),
        other => format!("{}: {other:?}", deed.rule),
    }
}

fn n(number: i64) -> Value {
    Value::from([("n", Value::Int(number))])
}

/// Writes down which generation saw which event.
#[derive(Clone, Default)]
struct Seen(Rc<RefCell<Vec<(u64, u64)>>>);

impl Observer for Seen {
    fn event(&mut self, event: &Event, generation: u64) {
        self.0.borrow_mut().push((event.id, generation));
    }

    fn deed(&mut self, _: &Deed) {}

    fn swapped(&mut self, _: u64) {}
}

/// A rule that publishes what it gets, with its name.
fn echo(name: &str, input: &str) -> String {
    format!(
        "rule {{ name = '{name}', inputs = {{ '{input}' }}, capabilities = {{ 'publish' }}, \
         on = function(event) publish('out', event) end }}"
    )
}

fn arc(text: &str) -> Arc<str> {
    text.into()
}
