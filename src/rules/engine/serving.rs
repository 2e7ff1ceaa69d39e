//! A generation that is loaded: its VMs, and a seat for each rule with all that belongs to it while it runs.

use std::sync::Arc;

use super::load::Carried;
use crate::{
    Quarantine, Rule, Vm,
    generation::Generation,
    graph::{Graph, NodeId},
    metrics::RuleMetrics,
};

/// What is served.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) number: u64,
    pub(super) vms: Vec<Vm>,
    pub(super) graph: Arc<Graph>,
    pub(super) generation: Generation,
    /// By [`NodeId`].
    pub(super) seats: Vec<Seat>,
}

/// A rule at its place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) rule: Rule,
    /// Who reads each of its outputs.
    pub(super) readers: Vec<Box<[NodeId]>>,
    pub(super) metrics: RuleMetrics,
    pub(super) quarantine: Quarantine,
    /// Counts its calls: a state that was copied at one count is stale at the next.
    pub(super) calls: u64,
    /// The count at which its state was last saved, and what was saved.
    pub(super) saved_at: u64,
    pub(super) saved: Option<u64>,
    /// Alarms it waits for.
    pub(super) alarms: usize,
}

/// A generation that no longer serves, kept for the alarms it armed: whoever asked to be called gets the call, from
/// the code that asked.
#[derive(Debug)]
pub(super) struct Retired {
    pub(super) serving: Serving,
    /// Alarms it still waits for.
    pub(super) alarms: usize,
}

impl Seat {
    /// A seat for a rule of a generation, with what the rule of that name had before.
    pub(super) fn new(rule: Rule, graph: &Graph, number: u64, carried: Carried) -> Seat {
        let readers = rule.info.outputs.iter().map(|output| graph.readers(output).into()).collect();
        let metrics = RuleMetrics { generation: number, ..carried.metrics };
        Seat {
            rule,
            readers,
            metrics,
            quarantine: carried.quarantine,
            calls: 0,
            // What was carried over is saved anew only if it differs.
            saved_at: u64::MAX,
            saved: carried.saved,
            alarms: 0,
        }
    }
}

impl Serving {
    /// Where a rule sits.
    pub(super) fn find(&self, name: &str) -> Option<NodeId> {
        self.graph.find(name)
    }

    /// The script of a rule.
    pub(super) fn text(&self, node: NodeId) -> &Arc<str> {
        &self.generation.scripts[self.generation.plans[node].script].script().text
    }
}
