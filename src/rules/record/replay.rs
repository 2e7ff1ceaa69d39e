//! The same events once more, through other rules, at the times they had: what would be done differently?
//!
//! The clock is a fake one that stands at each event's time, so a replay of an hour takes seconds and two replays
//! are equal. Actions are compared by the event they come of; those of timers by their rule, in order, because a
//! timer's phase depends on when its rules were loaded.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use edgekit_core::Clock;
use serde_json::Value as Json;

use super::{Done, Recording};
use crate::{
    Fault,
    engine::{Engine, TIMER_IDS},
    generation::{Generation, Options},
    timer::Now,
};

/// Feeds a recording to a generation, and returns what it does and what fails in it.
///
/// # Errors
/// The generation cannot be loaded.
pub fn replay(
    recording: &Recording,
    generation: Generation,
    options: &Options,
) -> Result<(Vec<Done>, Vec<Fault>), Vec<Fault>> {
    let start = recording.events.first().map_or(Duration::ZERO, |event| event.at);
    let (clock, hands) = Clock::fake(start);
    let mut engine = Engine::new(Options { clock: clock.clone(), ..options.clone() }, generation, None)?;
    let (mut done, mut faults) = (Vec::new(), Vec::new());
    let mut run = |engine: &mut Engine, to: Duration| {
        // Time only passes, also where the machine's clock was set back. The fake clock booted at the start.
        let to = to.saturating_sub(start).max(clock.boot());
        // A timer that comes at the same moment comes first.
        while let Some(next) = engine.next_timer().filter(|next| *next <= to) {
            hands.advance(next.saturating_sub(clock.boot()));
            engine.step(Now::of(&clock));
        }
        hands.advance(to - clock.boot());
        while engine.step(Now::of(&clock)).busy {}
        done.extend(engine.take_actions().iter().map(Done::from));
        faults.extend(engine.take_faults());
    };
    for event in &recording.events {
        run(&mut engine, event.at);
        engine.offer(event.clone());
        run(&mut engine, event.at);
    }
    let end = recording.done.iter().map(|done| done.at).max().unwrap_or(start);
    run(&mut engine, end);
    Ok((done, faults))
}

/// Which of two runs did something the other one did not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// The first: it is no longer done.
    Before,
    /// The second: it is done now.
    After,
}

/// An action only one of two runs took.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// Which one.
    pub side: Side,
    /// The action.
    pub done: Done,
}

/// What two runs over the same events did differently, by event in their order, then what timers did.
pub fn compare(before: &[Done], after: &[Done]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut order: HashMap<u64, usize> = HashMap::new();
    let mut groups: BTreeMap<Group, [Vec<&Done>; 2]> = BTreeMap::new();
    for (side, run) in [before, after].into_iter().enumerate() {
        for done in run {
            let group = if done.id >= TIMER_IDS {
                Group::Timers(done.rule.clone())
            } else {
                let seen = order.len();
                Group::Event(done.at, *order.entry(done.id).or_insert(seen))
            };
            groups.entry(group).or_default()[side].push(done);
        }
    }
    for [before, after] in groups.into_values() {
        let only = |side: Side, these: &[&Done], others: &[&Done]| {
            // As often as the other run did it, it is no difference.
            let mut left: HashMap<String, usize> = HashMap::new();
            for other in others {
                *left.entry(key(other)).or_default() += 1;
            }
            let here = these.iter().filter(|done| match left.get_mut(&key(done)) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            });
            here.map(|done| Difference { side, done: (*done).clone() }).collect::<Vec<_>>()
        };
        differences.extend(only(Side::Before, &before, &after));
        differences.extend(only(Side::After, &after, &before));
    }
    differences
}

/// What is compared with what.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Event(Duration, usize),
    Timers(Arc<str>),
}

fn key(done: &Done) -> String {
    Json::Array(vec![Json::from(&*done.rule), done.action.clone()]).to_string()
}
