//! Loading a generation beside the one that serves, in slices, and the swap.
//!
//! First each script is loaded into a fresh VM, then each rule gets the state of the rule of its name, through its
//! `migrate` if it has one. Rules that were called after their state was copied are copied again, until a slice
//! ends with nothing stale: that is the moment of the swap. An error at any point drops the new generation.

use std::{collections::VecDeque, mem, time::Duration};

use super::{
    Engine, SLICE,
    cascade::Cascade,
    push_bounded,
    save::Saving,
    serving::{Seat, Serving},
};
use crate::{
    Declared, Fault, FaultKind, Quarantine, Rule, Value, Vm,
    generation::{Generation, Options, node},
    graph::NodeId,
    metrics::RuleMetrics,
    timer::Now,
};

/// Rounds of copying stale states in slices; what is stale then is copied at once.
const ROUNDS: usize = 64;

/// A generation on its way.
#[derive(Debug)]
pub(super) struct Loading {
    number: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Refused(Fault),
    Scripts(Half),
    States(Half, Copies),
}

/// What is loaded so far.
#[derive(Debug)]
struct Half {
    generation: Generation,
    options: Options,
    /// One, and another whenever the last takes no more scripts.
    vms: Vec<Vm>,
    /// The next script.
    next: usize,
    rules: Vec<Option<Rule>>,
}

/// Which state was copied when.
#[derive(Debug)]
struct Copies {
    /// The count of calls of the old rule at which its state was copied, by the new rule's place.
    at: Vec<Option<u64>>,
    next: NodeId,
    rounds: usize,
}

/// What a rule takes over from the one of its name.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) metrics: RuleMetrics,
    pub(super) quarantine: Quarantine,
    /// Digest of what is on disk, if anything is.
    pub(super) saved: Option<u64>,
}

impl Loading {
    pub(super) fn new(generation: Generation, number: u64, options: &Options) -> Result<Loading, Fault> {
        let rules = vec![None; generation.plans.len()];
        let vms = vec![options.vm()?];
        let half = Half { generation, options: options.clone(), vms, next: 0, rules };
        Ok(Loading { number, state: State::Scripts(half) })
    }

    /// One that failed before it began.
    pub(super) fn refused(fault: Fault) -> Loading {
        Loading { number: 0, state: State::Refused(fault) }
    }

    /// Loads all at once, with states from the disk.
    pub(super) fn restore(
        self,
        saving: &mut Saving,
        now: Now,
        faults: &mut VecDeque<Fault>,
    ) -> Result<Serving, Fault> {
        let mut half = match self.state {
            State::Scripts(half) | State::States(half, _) => half,
            State::Refused(fault) => return Err(fault),
        };
        while half.load_next()? {}
        let number = self.number;
        half.serve(number, |rule| {
            let mut carried = Carried::default();
            let info = &rule.info;
            match saving.restore(&info.name) {
                Ok(None) => {}
                Ok(Some((state, saved))) => {
                    take_over(rule, state, now.wall)?;
                    carried.saved = Some(saved);
                }
                Err(error) => {
                    let place = &info.place;
                    let fault = Fault::at(FaultKind::Type, &place.file, place.line, error.to_string());
                    push_bounded(faults, fault.of(&info.name));
                }
            }
            Ok(carried)
        })
    }
}

impl Half {
    /// Loads the next script; false if there is none.
    fn load_next(&mut self) -> Result<bool, Fault> {
        let Some(script) = self.generation.scripts.get(self.next) else { return Ok(false) };
        if self.vms.last().is_none_or(|vm| vm.room() == 0) {
            self.vms.push(self.options.vm()?);
        }
        let Some(vm) = self.vms.last() else { return Ok(false) };
        for declared in vm.load(script)? {
            let Declared::Rule(rule) = declared else { continue };
            let place = self.generation.graph.find(&rule.info.name);
            // The graph was checked for what was declared in the dry run.
            let known = |id: &NodeId| {
                self.rules[*id].is_none() && self.generation.graph.nodes()[*id] == node(&rule.info)
            };
            match place.filter(known) {
                Some(id) => self.rules[id] = Some(rule),
                None => return Err(other(&rule)),
            }
        }
        self.next += 1;
        Ok(true)
    }

    /// What serves from now on; `carry` tells what each rule takes over.
    fn serve(
        self,
        number: u64,
        mut carry: impl FnMut(&Rule) -> Result<Carried, Fault>,
    ) -> Result<Serving, Fault> {
        let Half { generation, vms, rules, .. } = self;
        // First, for what is taken over is gone from the rule of before.
        if let Some(missing) = rules.iter().position(Option::is_none) {
            let info = &generation.plans[missing].info;
            let message = "the script no longer declares it, which it did when it was checked";
            let fault = Fault::at(FaultKind::Graph, &info.place.file, info.place.line, message);
            return Err(fault.of(&info.name));
        }
        let mut seats = Vec::with_capacity(rules.len());
        for rule in rules.into_iter().flatten() {
            let carried = carry(&rule)?;
            seats.push(Seat::new(rule, &generation.graph, number, carried));
        }
        Ok(Serving { number, vms, graph: generation.graph.clone(), generation, seats })
    }
}

fn other(rule: &Rule) -> Fault {
    let info = &rule.info;
    let message =
        "the script declares another rule than when it was checked: let it depend on nothing but itself";
    Fault::at(FaultKind::Graph, &info.place.file, info.place.line, message).of(&info.name)
}

/// Gives a rule a state from before: what its `migrate` makes of it, or itself, completed by what the rule declares
/// and the state does not have.
fn take_over(rule: &Rule, old: Value, at: Duration) -> Result<(), Fault> {
    let migrated = rule.migrate(old, at)?;
    let state = match (migrated, &rule.info.state) {
        (Value::Map(mut entries), Value::Map(declared)) if !rule.info.migrates => {
            let new = declared.iter().filter(|(key, _)| !entries.iter().any(|(old, _)| old == key));
            let new: Vec<_> = new.cloned().collect();
            entries.extend(new);
            Value::Map(entries)
        }
        (state, _) => state,
    };
    rule.set_state(&state)
}

impl Engine {
    /// Does a slice of what is in the background; tells of a swap.
    pub(super) fn background(&mut self, now: Now) -> Option<Result<u64, Vec<Fault>>> {
        let from = self.options.clock.monotonic();
        let until = from + SLICE;
        self.save(now, until);
        let mut swap = None;
        if !self.leaving.is_empty() {
            // The memory of the last generation is freed before the next one takes some.
            self.dismiss(until);
        } else if !self.saving.is_busy()
            && let Some(loading) = self.loading.take()
        {
            swap = self.advance(*loading, now, until);
        }
        let took = self.options.clock.monotonic().saturating_sub(from);
        self.figures.longest_pause = self.figures.longest_pause.max(took);
        swap
    }

    /// Frees what a generation held that no longer serves: its rules, then a VM a slice, since closing one takes a
    /// millisecond or two, then what it was made of.
    fn dismiss(&mut self, until: Duration) {
        let Some(leaving) = self.leaving.last_mut() else { return };
        let time_is_up = || self.options.clock.monotonic() >= until;
        if !leaving.seats.is_empty() {
            while leaving.seats.pop().is_some() && !time_is_up() {}
        } else if leaving.vms.pop().is_none() && leaving.generation.dismantle(time_is_up) {
            self.leaving.pop();
        }
    }

    fn advance(&mut self, loading: Loading, now: Now, until: Duration) -> Option<Result<u64, Vec<Fault>>> {
        let Loading { number, mut state } = loading;
        let outcome = loop {
            match self.slice(state, now, until) {
                Ok((next, false)) => {
                    self.loading = Some(Box::new(Loading { number, state: next }));
                    return None;
                }
                Ok((State::States(half, copies), true)) if copies.next == half.rules.len() => {
                    break self.swap_to(half, number, now);
                }
                Ok((next, true)) => state = next,
                Err(fault) => break Err(fault),
            }
        };
        self.figures.refused += u64::from(outcome.is_err());
        Some(outcome.map_err(|fault| vec![fault]))
    }

    /// Goes on until a stage is done (true) or the time is up.
    fn slice(&mut self, state: State, now: Now, until: Duration) -> Result<(State, bool), Fault> {
        let clock = self.options.clock.clone();
        let time_is_up = || clock.monotonic() >= until;
        match state {
            State::Refused(fault) => Err(fault),
            State::Scripts(mut half) => {
                while half.load_next()? {
                    if time_is_up() {
                        return Ok((State::Scripts(half), false));
                    }
                }
                let at = vec![None; half.rules.len()];
                Ok((State::States(half, Copies { at, next: 0, rounds: 0 }), !time_is_up()))
            }
            State::States(half, mut copies) => {
                let begun = clock.monotonic();
                while copies.next < half.rules.len() || self.has_stale(&half, &copies) {
                    if copies.next == half.rules.len() {
                        copies.next = 0;
                        copies.rounds += 1;
                    }
                    self.copy(&half, &mut copies, now)?;
                    if time_is_up() && copies.rounds < ROUNDS {
                        return Ok((State::States(half, copies), false));
                    }
                }
                // The swap takes a step of its own, but for what went stale since the last one.
                let late = clock.monotonic().saturating_sub(begun) > SLICE / 4 && copies.rounds < ROUNDS;
                copies.rounds += usize::from(late);
                Ok((State::States(half, copies), !late))
            }
        }
    }

    /// The old rule of a new one's name.
    fn ancestor(&self, half: &Half, node: NodeId) -> Option<&Seat> {
        let old = self.serving.find(&half.generation.plans[node].info.name)?;
        self.serving.seats.get(old)
    }

    fn has_stale(&self, half: &Half, copies: &Copies) -> bool {
        (0..half.rules.len()).any(|node| self.is_stale(half, copies, node))
    }

    fn is_stale(&self, half: &Half, copies: &Copies, node: NodeId) -> bool {
        self.ancestor(half, node).is_some_and(|seat| copies.at[node] != Some(seat.calls))
    }

    /// Copies the next state that is stale.
    fn copy(&self, half: &Half, copies: &mut Copies, now: Now) -> Result<(), Fault> {
        while copies.next < half.rules.len() {
            let node = copies.next;
            copies.next += 1;
            if let Some(seat) = self.ancestor(half, node)
                && let Some(rule) = &half.rules[node]
                && copies.at[node] != Some(seat.calls)
            {
                take_over(rule, seat.rule.state()?, now.wall)?;
                copies.at[node] = Some(seat.calls);
                break;
            }
        }
        Ok(())
    }

    fn swap_to(&mut self, half: Half, number: u64, now: Now) -> Result<u64, Fault> {
        let seats = &mut self.serving.seats;
        let graph = self.serving.graph.clone();
        let new = half.serve(number, |rule| {
            let seat = graph.find(&rule.info.name).and_then(|old| seats.get_mut(old));
            Ok(seat.map_or_else(Carried::default, |seat| Carried {
                metrics: mem::take(&mut seat.metrics),
                quarantine: mem::take(&mut seat.quarantine),
                saved: seat.saved,
            }))
        })?;
        self.cascade = Cascade::new(&new.seats);
        self.enthrone(new, now);
        self.figures.swaps += 1;
        if let Some(observer) = &mut self.observer {
            observer.swapped(number);
        }
        Ok(number)
    }
}
