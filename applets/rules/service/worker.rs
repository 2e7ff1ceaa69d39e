//! The engine's thread: steps when there is something to do, hands over what rules want done, answers questions.
//!
//! The engine's VMs never leave this thread. Around it only values move: events come over the bus, generations and
//! questions through a channel, deeds leave through another one. Where the world is slow in carrying deeds out,
//! the worker waits with them and the bus loses its oldest: nothing grows. Neighbours: `mod.rs` starts it,
//! `reload.rs` sends generations, `export.rs` asks for figures, `act` carries out.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Clock, Error, Exit};
use edgekit_http::Events;
use edgekit_rules::graph::Node;
use edgekit_rules::metrics::Metrics;
use edgekit_rules::record::event_line;
use edgekit_rules::state::Keeper;
use edgekit_rules::timer::Now;
use edgekit_rules::{Bus, Deed, Engine, Event, Fault, Generation, Observer, Options, Step};
use serde_json::json;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::load;
use crate::problem::{self, Problem};

/// A suspended machine is noticed after so long.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Bytes of an event that watchers are shown.
const MAX_SHOWN: usize = 64 << 10;
/// A rule's faults are logged so often.
const FAULT_EVERY: Duration = Duration::from_secs(1);
/// Rules whose faults are told apart in the log.
const MAX_COMPLAINTS: usize = 4096;

/// What the worker is asked.
pub(super) enum Ask {
    /// Serve this from the next event on; the number of the generation, or why not, comes back.
    Swap(Box<Generation>, oneshot::Sender<Result<u64, Vec<Problem>>>),
    /// What it has done so far.
    Figures(oneshot::Sender<Figures>),
    /// Handle what waits, within this time, and make all state durable.
    Drain(Duration, oneshot::Sender<()>),
}

/// What an engine has done, and the rules in the order they run.
pub(super) struct Figures {
    pub(super) metrics: Metrics,
    pub(super) nodes: Vec<Node>,
}

/// What the worker is made of; everything here may go to its thread.
pub(super) struct Parts {
    pub(super) options: Options,
    pub(super) generation: Generation,
    pub(super) keeper: Option<Keeper>,
    pub(super) bus: Bus,
    pub(super) woken: Arc<Notify>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) deeds: mpsc::Sender<Deed>,
    pub(super) watchers: Events,
}

/// The worker's life: until it is drained or nobody is left to ask.
pub(super) async fn work(
    parts: Parts,
    ready: oneshot::Sender<Result<(), Vec<Problem>>>,
) -> Result<(), Error> {
    let Parts { options, generation, keeper, bus, woken, mut asks, deeds, watchers } = parts;
    let clock = options.clock.clone();
    let engine = match Engine::with_bus(options, generation, keeper, bus) {
        Ok(engine) => engine,
        Err(faults) => {
            // The service tells; that nobody listens means that it has been ended.
            drop(ready.send(Err(load::problems(&faults))));
            return Ok(());
        }
    };
    let mut worker = Worker {
        engine,
        clock,
        deeds,
        watchers: watchers.clone(),
        swaps: VecDeque::new(),
        complaints: Complaints::default(),
    };
    worker.engine.observe(Some(Box::new(Shower(watchers))));
    drop(ready.send(Ok(())));
    loop {
        let step = worker.step().await?;
        while let Ok(ask) = asks.try_recv() {
            if worker.answer(ask).await? {
                return Ok(());
            }
        }
        if step.busy {
            // The service may have been ended meanwhile.
            tokio::task::yield_now().await;
            continue;
        }
        let pause = step.next.map_or(LONGEST_SLEEP, |next| next.saturating_sub(worker.clock.boot()));
        tokio::select! {
            () = woken.notified() => {}
            () = tokio::time::sleep(pause.min(LONGEST_SLEEP)) => {}
            ask = asks.recv() => match ask {
                Some(ask) => if worker.answer(ask).await? {
                    return Ok(());
                },
                None => return Ok(()),
            },
        }
    }
}

struct Worker {
    engine: Engine,
    clock: Clock,
    deeds: mpsc::Sender<Deed>,
    watchers: Events,
    /// Who waits for a swap, the oldest first. One that was begun before another is given up.
    swaps: VecDeque<oneshot::Sender<Result<u64, Vec<Problem>>>>,
    complaints: Complaints,
}

impl Worker {
    async fn step(&mut self) -> Result<Step, Error> {
        let mut step = self.engine.step(Now::of(&self.clock));
        for deed in self.engine.take_actions() {
            let sent = self.deeds.send(deed).await;
            sent.map_err(|_| Error::new(Exit::BUG, "nobody carries actions out"))?;
        }
        let faults = self.engine.take_faults();
        self.complaints.log(&faults, self.clock.monotonic());
        if self.watchers.clients() > 0 {
            for fault in &faults {
                let shown = json!({
                    "kind": "fault", "rule": fault.rule.as_deref(), "fault": fault.kind.word(), "error": fault.to_string(),
                });
                self.watchers.send("action", &shown.to_string());
            }
        }
        if let Some(swap) = step.swap.take() {
            let swap = swap.map_err(|faults| load::problems(&faults));
            // Of several that were begun, all but the last were given up: what comes is the last one's.
            for waiting in self.swaps.drain(..) {
                drop(waiting.send(swap.clone()));
            }
        }
        Ok(step)
    }

    /// True if it is over.
    async fn answer(&mut self, ask: Ask) -> Result<bool, Error> {
        match ask {
            Ask::Swap(generation, reply) => {
                self.engine.swap(*generation);
                self.swaps.push_back(reply);
            }
            Ask::Figures(reply) => {
                let figures =
                    Figures { metrics: self.engine.metrics(), nodes: self.engine.graph().nodes().to_vec() };
                drop(reply.send(figures));
            }
            Ask::Drain(patience, done) => {
                self.drain(patience).await?;
                // The service may have lost its patience.
                let _unheard = done.send(());
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn drain(&mut self, patience: Duration) -> Result<(), Error> {
        let end = self.clock.monotonic().saturating_add(patience);
        while !self.engine.bus().is_empty() && self.clock.monotonic() < end {
            self.step().await?;
            tokio::task::yield_now().await;
        }
        let left = self.engine.bus().stats().waiting;
        if left > 0 {
            tracing::warn!(left, "events were still waiting at the end of the drain, and are lost");
        }
        let rest = end.saturating_sub(self.clock.monotonic()).max(FAULT_EVERY);
        if !self.engine.settle(rest) {
            tracing::error!("the state of rules could not be made durable in time");
        }
        Ok(())
    }
}

/// Shows watchers what goes through.
struct Shower(Events);

impl Observer for Shower {
    fn event(&mut self, event: &Event, generation: u64) {
        if self.0.clients() == 0 {
            return;
        }
        let mut shown = event_line(event, generation);
        let mut text = shown.to_string();
        if text.len() > MAX_SHOWN {
            // A queue of these would be memory without a bound.
            shown["data"] = serde_json::Value::Null;
            shown["bytes"] = text.len().into();
            text = shown.to_string();
        }
        self.0.send("event", &text);
    }

    /// Shown where it is carried out, with what became of it.
    fn deed(&mut self, _: &Deed) {}

    fn swapped(&mut self, generation: u64) {
        let shown = json!({ "kind": "swapped", "generation": generation });
        self.0.send("reload", &shown.to_string());
    }
}

/// Faults in the log, a bounded number of lines of each rule.
#[derive(Default)]
struct Complaints {
    /// When a rule's last line was written, and the faults since.
    rules: HashMap<Option<Arc<str>>, (Duration, u64)>,
}

impl Complaints {
    fn log(&mut self, faults: &[Fault], now: Duration) {
        if self.rules.len() > MAX_COMPLAINTS {
            self.rules.clear();
        }
        for fault in faults {
            let is_new = !self.rules.contains_key(&fault.rule);
            let (last, silent) = self.rules.entry(fault.rule.clone()).or_insert((now, 0));
            if !is_new && now.saturating_sub(*last) < FAULT_EVERY {
                *silent += 1;
                continue;
            }
            let more = std::mem::take(silent);
            *last = now;
            let shown = problem::summary(&[load::problem(fault)]);
            tracing::warn!(target: "rules", fault = fault.kind.word(), more, "{shown}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_rules::FaultKind;

    #[test]
    fn a_rule_that_always_fails_does_not_flood_the_log() {
        let mut complaints = Complaints::default();
        let file: Arc<str> = "a.luau".into();
        let rule: Arc<str> = "r".into();
        let fault = Fault::at(FaultKind::Runtime, &file, 3, "no").of(&rule);
        complaints.log(&vec![fault.clone(); 1000], Duration::from_secs(10));
        assert_eq!(complaints.rules[&Some(rule.clone())], (Duration::from_secs(10), 999));
        complaints.log(&[fault], Duration::from_secs(11));
        assert_eq!(complaints.rules[&Some(rule)], (Duration::from_secs(11), 0));
    }
}
