//! The worker's engine: events in, rules in order, actions out; one generation serves at a time.
//!
//! ```text
//! Bus ─▶ step ─┬─ timers that are due ─┐
//!              ├─ events of the bus ───┼─▶ cascade ─▶ rules in the graph's order ─▶ Deeds, faults, figures
//!              └─ a slice of loading, carrying over or saving (`load.rs`, `save.rs`), then perhaps the swap
//! ```
//! Nothing here waits, reads a socket or starts a thread: the host calls [`Engine::step`] when something was offered
//! or [`Step::next`] has come. The same events and times in the same order make the same deeds in the same order.
//! An event and all that comes of it is handled between two swaps, so by one generation.
//!
//! Neighbours: [`crate::generation`] checks what is served, [`crate::bus`] queues, [`crate::timer`] and
//! [`crate::state`] keep time and state. `cascade.rs` follows an event through the graph, `serving.rs` holds what
//! runs, `clockwork.rs` fires timers and alarms.

mod cascade;
mod clockwork;
mod load;
mod save;
mod serving;

use std::{collections::VecDeque, fmt, mem, sync::Arc, time::Duration};

use crate::{
    Action, Event, Fault,
    bus::Bus,
    generation::{Generation, Options},
    graph::Graph,
    metrics::Metrics,
    state::Keeper,
    timer::{Now, Timers},
};

use cascade::Cascade;
use clockwork::Due;
use load::Loading;
use save::Saving;
use serving::{Retired, Serving};

/// Events one step takes from the bus.
const BATCH: usize = 256;
/// Faults that are kept until the host takes them.
const FAULTS: usize = 256;
/// How long a step may load, carry over or save.
const SLICE: Duration = Duration::from_millis(1);
/// Ids of what timers start, apart from the ids of events.
pub(crate) const TIMER_IDS: u64 = 1 << 63;

/// Something a rule wants done, and because of what.
#[derive(Clone, PartialEq, Debug)]
pub struct Deed {
    /// The id of the event it comes of; of what a timer started, an id from 2^63 on.
    pub id: u64,
    /// The rule.
    pub rule: Arc<str>,
    /// The generation it belongs to.
    pub generation: u64,
    /// The time of the event, since 1970.
    pub at: Duration,
    /// What is to be done.
    pub action: Action,
}

/// What a step did, and when the next one is wanted.
#[derive(Debug)]
pub struct Step {
    /// Events handled.
    pub handled: usize,
    /// When a timer is due, on the boot clock; the next step may wait so long, unless something is offered.
    pub next: Option<Duration>,
    /// True if there is more to do at once: events wait, or a generation is being loaded.
    pub busy: bool,
    /// A swap that was made, by the number of the new generation, or refused.
    pub swap: Option<Result<u64, Vec<Fault>>>,
}

/// Sees what goes through an engine, in order. Called on the worker: quick, and never waiting.
pub trait Observer {
    /// An event from outside is about to be handled, by this generation.
    fn event(&mut self, event: &Event, generation: u64);
    /// A rule wants something done.
    fn deed(&mut self, deed: &Deed);
    /// Another generation serves from here on.
    fn swapped(&mut self, generation: u64);
}

/// One worker's engine. Lives and dies on its thread; [`Engine::bus`] is for all others.
pub struct Engine {
    options: Options,
    bus: Bus,
    inbox: VecDeque<Event>,
    serving: Serving,
    /// Generations that still have alarms of their own, the oldest first.
    retired: VecDeque<Retired>,
    /// Generations that are being freed.
    leaving: Vec<Serving>,
    loading: Option<Box<Loading>>,
    cascade: Cascade,
    timers: Timers<Due>,
    /// How far the wall clock is ahead of the boot clock, as cron timers were planned.
    ahead: Option<Duration>,
    saving: Saving,
    next_id: u64,
    deeds: Vec<Deed>,
    faults: VecDeque<Fault>,
    observer: Option<Box<dyn Observer>>,
    figures: Metrics,
}

impl Engine {
    /// An engine that serves a generation, its state restored from `keeper` if there is one. Loads it at once.
    ///
    /// # Errors
    /// The generation cannot be loaded, or a `migrate` fails on the state that was kept.
    pub fn new(
        options: Options,
        generation: Generation,
        keeper: Option<Keeper>,
    ) -> Result<Engine, Vec<Fault>> {
        Engine::with_bus(options, generation, keeper, Bus::default())
    }

    /// As [`Engine::new`], fed by a bus that was made before.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with_bus(
        options: Options,
        generation: Generation,
        keeper: Option<Keeper>,
        bus: Bus,
    ) -> Result<Engine, Vec<Fault>> {
        let now = Now::of(&options.clock);
        let mut saving = Saving::new(keeper);
        let mut faults = VecDeque::new();
        let serving = Loading::new(generation, 1, &options)
            .and_then(|loading| loading.restore(&mut saving, now, &mut faults))
            .map_err(|fault| vec![fault])?;
        let mut engine = Engine {
            bus,
            inbox: VecDeque::new(),
            cascade: Cascade::new(&serving.seats),
            serving,
            retired: VecDeque::new(),
            leaving: Vec::new(),
            loading: None,
            timers: Timers::default(),
            ahead: None,
            saving,
            next_id: TIMER_IDS,
            deeds: Vec::new(),
            faults,
            observer: None,
            figures: Metrics::default(),
            options,
        };
        engine.plan(now);
        Ok(engine)
    }

    /// The queue that feeds it: to be cloned and given to other threads.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Puts an event into the queue.
    pub fn offer(&self, event: Event) {
        self.bus.offer(event);
    }

    /// Begins to replace the generation that serves. It goes on serving until the new one is loaded and has its
    /// state, some steps later; the step of the swap tells. A swap that was begun before is given up.
    pub fn swap(&mut self, generation: Generation) {
        let number = self.figures.swaps + self.figures.refused + 2;
        let number = number.max(self.serving.number + 1);
        match Loading::new(generation, number, &self.options) {
            Ok(loading) => self.loading = Some(Box::new(loading)),
            Err(fault) => self.loading = Some(Box::new(Loading::refused(fault))),
        }
    }

    /// Fires what is due, handles some of the events that wait, and does a slice of what is in the background.
    pub fn step(&mut self, now: Now) -> Step {
        self.follow_wall_clock(now);
        self.fire(now);
        let mut handled = 0;
        self.bus.take(BATCH.saturating_sub(self.inbox.len()), &mut self.inbox);
        while let Some(event) = self.inbox.pop_front() {
            self.handle(event, now);
            handled += 1;
        }
        let swap = self.background(now);
        Step {
            handled,
            next: self.next(),
            busy: self.loading.is_some()
                || !self.leaving.is_empty()
                || self.saving.is_busy()
                || !self.bus.is_empty(),
            swap,
        }
    }

    /// Hands over all state there is and waits until it is durable; false if that failed or took longer.
    pub fn settle(&mut self, patience: Duration) -> bool {
        self.save_all();
        self.saving.keeper().is_none_or(|keeper| keeper.settle(patience))
    }

    /// What rules wanted done since this was last asked, in order.
    pub fn take_actions(&mut self) -> Vec<Deed> {
        mem::take(&mut self.deeds)
    }

    /// What went wrong in rules since this was last asked, in order; of very many the newest.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        self.faults.drain(..).collect()
    }

    /// Lets someone see what goes through, or nobody.
    pub fn observe(&mut self, observer: Option<Box<dyn Observer>>) -> Option<Box<dyn Observer>> {
        mem::replace(&mut self.observer, observer)
    }

    /// A copy of the figures.
    pub fn metrics(&self) -> Metrics {
        let rules = self.serving.seats.iter().map(|seat| (seat.rule.info.name.clone(), seat.metrics.clone()));
        Metrics {
            generation: self.serving.number,
            bus: self.bus.stats(),
            rules: rules.collect(),
            ..self.figures.clone()
        }
    }

    /// The graph that is served.
    pub fn graph(&self) -> &Graph {
        &self.serving.graph
    }

    /// The graph as text.
    pub fn explain(&self) -> String {
        self.serving.graph.text()
    }

    /// The number of the generation that serves; the first is 1.
    pub fn generation(&self) -> u64 {
        self.serving.number
    }

    /// The VMs that serve, for their coverage and memory: one, and more when one cannot take all scripts.
    pub fn vms(&self) -> &[crate::Vm] {
        &self.serving.vms
    }

    /// When the first timer or alarm is due, on the boot clock.
    pub fn next_timer(&self) -> Option<Duration> {
        self.timers.next()
    }

    fn next(&self) -> Option<Duration> {
        [self.timers.next(), self.saving.next()].into_iter().flatten().min()
    }

    fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn fault(&mut self, fault: Fault) {
        push_bounded(&mut self.faults, fault);
    }
}

/// Keeps the newest.
fn push_bounded(faults: &mut VecDeque<Fault>, fault: Fault) {
    if faults.len() >= FAULTS {
        faults.pop_front();
    }
    faults.push_back(fault);
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("generation", &self.serving.number)
            .field("rules", &self.serving.seats.len())
            .field("bus", &self.bus)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
