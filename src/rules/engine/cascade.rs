//! An event's way through the graph: each rule in its turn, everything it emits to rules further on.
//!
//! Rules stand in the graph's order, so what one emits waits at a higher place and the lowest waiting place is
//! always the next: no rule runs before all that feed it have. Tables go from rule to rule as they are, sealed.

use std::{mem, sync::Arc, time::Duration};

use super::{Deed, Engine, clockwork::Due, serving::Seat};
use crate::{Effects, Event, Fault, FaultKind, Payload, Value, graph::NodeId, timer::Now};

/// Deliveries to rules that may come of one event; more are dropped and counted.
const MAX_DELIVERIES: usize = 4096;

/// One call in so many is timed: looking at the clock twice costs a tenth of a small rule.
const SAMPLE: u64 = 8;

/// What waits at each place, and where something waits.
#[derive(Debug)]
pub(super) struct Cascade {
    waiting: Vec<Vec<(Option<Arc<str>>, Payload)>>,
    /// Who reads several topics and is told which one it is.
    several: Vec<bool>,
    /// One bit a place.
    occupied: Vec<u64>,
    deliveries: usize,
    /// What the call that runs has asked for.
    pub(super) effects: Effects,
}

/// What a cascade comes of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) id: u64,
    /// The time rules see, since 1970.
    pub(super) at: Duration,
    /// When it is handled, on the boot clock.
    pub(super) boot: Duration,
}

impl Cascade {
    pub(super) fn new(seats: &[Seat]) -> Cascade {
        let places = seats.len();
        Cascade {
            waiting: std::iter::repeat_with(Vec::new).take(places).collect(),
            several: seats.iter().map(|seat| seat.rule.info.inputs.len() != 1).collect(),
            occupied: vec![0; places.div_ceil(64)],
            deliveries: 0,
            effects: Effects::default(),
        }
    }

    /// Puts something at a place; false if there was too much already.
    fn put(&mut self, node: NodeId, topic: &Arc<str>, data: Payload) -> bool {
        self.deliveries += 1;
        if self.deliveries > MAX_DELIVERIES {
            return false;
        }
        self.waiting[node].push((self.several[node].then(|| topic.clone()), data));
        self.occupied[node / 64] |= 1 << (node % 64);
        true
    }

    /// The lowest place where something waits.
    fn next(&self) -> Option<NodeId> {
        let word = self.occupied.iter().position(|word| *word != 0)?;
        Some(word * 64 + self.occupied[word].trailing_zeros() as usize)
    }

    /// Puts something at several places; how many it did not get to.
    fn spread(&mut self, nodes: &[NodeId], topic: &Arc<str>, data: Payload) -> u64 {
        let Some((last, others)) = nodes.split_last() else { return 0 };
        let missed = others.iter().filter(|&&node| !self.put(node, topic, data.clone())).count();
        missed as u64 + u64::from(!self.put(*last, topic, data))
    }
}

impl Engine {
    /// Handles an event from outside.
    pub(super) fn handle(&mut self, event: Event, now: Now) {
        if let Some(observer) = &mut self.observer {
            observer.event(&event, self.serving.number);
        }
        self.figures.handled += 1;
        let Event { topic, id, at, data } = event;
        let readers = self.serving.graph.readers(&topic);
        if readers.is_empty() {
            self.figures.unread += 1;
            return;
        }
        if !matches!(data, Value::Map(_)) {
            // No rule's fault, and none pays for it.
            let message =
                format!("event {id} of '{topic}' was not handled: it carries a {}, not a map", data.kind());
            return self.fault(Fault::at(FaultKind::Type, &topic, 0, message));
        }
        self.figures.overflow += self.cascade.spread(readers, &topic, Payload::from(data));
        self.run(Origin { id, at, boot: now.boot });
    }

    /// Runs whatever waits, until nothing does.
    pub(super) fn run(&mut self, origin: Origin) {
        while let Some(node) = self.cascade.next() {
            self.cascade.occupied[node / 64] &= !(1 << (node % 64));
            let mut waiting = mem::take(&mut self.cascade.waiting[node]);
            for (topic, data) in waiting.drain(..) {
                self.deliver(node, topic.as_deref().unwrap_or_default(), &data, origin);
            }
            // Nothing was put here meanwhile: rules feed only those further on.
            self.cascade.waiting[node] = waiting;
        }
        self.cascade.deliveries = 0;
    }

    fn deliver(&mut self, node: NodeId, topic: &str, data: &Payload, origin: Origin) {
        let seat = &mut self.serving.seats[node];
        let mut key = None;
        if !seat.quarantine.is_empty() {
            let known = key.insert(key_of(seat, data, origin.at));
            if !seat.quarantine.admits(known, origin.boot) {
                seat.metrics.quarantined += 1;
                return;
            }
        }
        seat.metrics.events_in += 1;
        let from = seat.calls.is_multiple_of(SAMPLE).then(|| self.options.clock.monotonic());
        let ended = seat.rule.on(topic, data, origin.at, &mut self.cascade.effects);
        let took = from.map(|from| self.options.clock.monotonic().saturating_sub(from));
        if key.is_none() && ended.is_err() {
            key = Some(key_of(&self.serving.seats[node], data, origin.at));
        }
        self.called(node, ended, took, key.as_deref(), origin);
    }

    /// Books a call that ended, and passes on what it asked for.
    pub(super) fn called(
        &mut self,
        node: NodeId,
        ended: Result<(), Fault>,
        took: Option<Duration>,
        key: Option<&[u8]>,
        origin: Origin,
    ) {
        let seat = &mut self.serving.seats[node];
        seat.calls += 1;
        if let Some(took) = took {
            seat.metrics.time.observe(took);
        }
        match ended {
            Ok(()) => {
                if let Some(key) = key {
                    seat.quarantine.succeeded(key);
                }
            }
            Err(fault) => {
                failed(seat, &fault, key.unwrap_or_default(), origin.boot);
                self.cascade.effects.clear();
                return self.fault(fault);
            }
        }
        self.pass_on(node, origin);
    }

    /// Passes on what a rule that serves asked for.
    fn pass_on(&mut self, node: NodeId, origin: Origin) {
        let mut effects = mem::take(&mut self.cascade.effects);
        let seat = &mut self.serving.seats[node];
        seat.metrics.events_out += effects.emits.len() as u64;
        seat.metrics.actions += effects.actions.len() as u64;
        for emit in effects.emits.drain(..) {
            let topic = &seat.rule.info.outputs[emit.output];
            self.figures.overflow += self.cascade.spread(&seat.readers[emit.output], topic, emit.data);
        }
        for alarm in effects.alarms.drain(..) {
            seat.alarms += 1;
            let due = Due::Alarm { generation: self.serving.number, node, alarm: alarm.id };
            self.timers.arm(origin.boot.saturating_add(alarm.after), due);
        }
        if !effects.actions.is_empty() {
            let (rule, generation) = (seat.rule.info.name.clone(), self.serving.number);
            self.deed(&rule, generation, effects.actions.drain(..), origin);
        }
        self.cascade.effects = effects;
    }

    pub(super) fn deed(
        &mut self,
        rule: &Arc<str>,
        generation: u64,
        actions: impl Iterator<Item = crate::Action>,
        origin: Origin,
    ) {
        for action in actions {
            let deed = Deed { id: origin.id, rule: rule.clone(), generation, at: origin.at, action };
            if let Some(observer) = &mut self.observer {
                observer.deed(&deed);
            }
            self.deeds.push(deed);
        }
    }

    /// Hands what a retired rule emitted to those who read it now; how many did not get it.
    pub(super) fn spread(&mut self, topic: &Arc<str>, data: Payload) -> u64 {
        self.cascade.spread(self.serving.graph.readers(topic), topic, data)
    }
}

fn failed(seat: &mut Seat, fault: &Fault, key: &[u8], boot: Duration) {
    seat.metrics.errors += 1;
    seat.metrics.budget_hits += u64::from(fault.kind.is_budget());
    seat.metrics.last_error = Some(fault.to_string().into());
    seat.quarantine.failed(key, boot);
}

/// Under which key failures on an event are counted; without a key that can be told, under none.
fn key_of(seat: &Seat, data: &Payload, at: Duration) -> Vec<u8> {
    if !seat.rule.info.keyed {
        return Vec::new();
    }
    match seat.rule.key(data, at) {
        Ok(Value::Nil) | Err(_) => Vec::new(),
        Ok(Value::Str(text)) => text.to_vec(),
        Ok(other) => other.to_json().to_string().into_bytes(),
    }
}
