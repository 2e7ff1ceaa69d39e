//! The graph of rules: who feeds whom, in which order they run, and what is wrong with it.
//!
//! Rules and topics are its nodes: a rule reads its inputs and feeds its outputs, so that a thousand rules on one
//! topic are a thousand edges and not a million. Pure: names in, an order or faults out; nothing here knows Lua.
//! Neighbours: [`crate::generation`] makes [`Node`]s of what scripts declare, [`crate::engine`] runs the order;
//! `order.rs` sorts, `check.rs` refuses, `explain.rs` and `svg.rs` draw.

mod check;
mod explain;
mod order;
mod svg;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

pub use check::{GraphFault, Problem};

use crate::Place;

/// Rules one graph may have.
pub const MAX_RULES: usize = 10_000;
/// Inputs, and outputs, one rule may have.
pub const MAX_PORTS: usize = 64;
/// Bytes of a rule's or a topic's name.
pub const MAX_NAME: usize = 128;

/// A rule as the graph sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its name, the only one of its kind in a generation.
    pub name: Arc<str>,
    /// Topics it is called for.
    pub inputs: Vec<Arc<str>>,
    /// Topics it may emit to.
    pub outputs: Vec<Arc<str>>,
    /// Among rules that could run next, the higher goes first.
    pub priority: i64,
    /// True if it has timers, so that it may do without inputs.
    pub timers: bool,
    /// Where it is declared.
    pub place: Place,
}

/// Topics that come from outside: hook points, the bus. A name ending in `.*` stands for every topic that begins
/// with what is before the star (`mqtt.*`), a single `*` for all.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Sources(Vec<Arc<str>>);

impl Sources {
    /// These topics, in any order.
    pub fn new<N: Into<Arc<str>>>(names: impl IntoIterator<Item = N>) -> Sources {
        let mut names: Vec<Arc<str>> = names.into_iter().map(Into::into).collect();
        edgekit_core::sort::natural(&mut names);
        names.dedup();
        Sources(names)
    }

    /// True if the topic comes from outside.
    pub fn contains(&self, topic: &str) -> bool {
        self.0.iter().any(|name| match name.strip_suffix('*') {
            Some("") => true,
            Some(start) if start.ends_with('.') => topic.starts_with(start),
            _ => **name == *topic,
        })
    }

    /// The names that are no patterns.
    fn exact(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name).filter(|name| !name.ends_with('*'))
    }
}

/// Index of a rule in [`Graph::nodes`], which is also when it runs.
pub type NodeId = usize;

/// A graph that was checked, its rules in the order they run.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    /// For each rule, how many rules stand before it on the longest way from a source.
    layers: Vec<usize>,
    readers: HashMap<Arc<str>, Vec<NodeId>>,
    places: HashMap<Arc<str>, NodeId>,
    emitted: HashSet<Arc<str>>,
}

impl Graph {
    /// Checks the rules and puts them in order: every rule after all that feed it; of those that could run next,
    /// the one of the highest priority, then the first by name. The order of `nodes` does not matter.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first: see [`GraphFault`]. Sorted by place.
    pub fn new(nodes: Vec<Node>, sources: &Sources) -> Result<Graph, Vec<GraphFault>> {
        let mut faults = check::names(&nodes, sources);
        // With two rules of a name, what feeds what is anybody's guess: the cycles are looked for first nonetheless,
        // since they are told by index.
        let sorted = order::sort(&nodes);
        let (order, layers) = match sorted {
            Ok(sorted) => sorted,
            Err(cycles) => {
                faults.extend(cycles.into_iter().filter_map(|cycle| GraphFault::cycle(&nodes, cycle)));
                (Vec::new(), Vec::new())
            }
        };
        if !faults.is_empty() {
            edgekit_core::sort::by(&mut faults, |a, b| a.place.cmp(&b.place));
            return Err(faults);
        }
        let mut taken: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
        let nodes: Vec<Node> = order.iter().filter_map(|&index| taken[index].take()).collect();
        let mut readers: HashMap<Arc<str>, Vec<NodeId>> = HashMap::new();
        for (id, node) in nodes.iter().enumerate() {
            for input in &node.inputs {
                readers.entry(input.clone()).or_default().push(id);
            }
        }
        let emitted = nodes.iter().flat_map(|node| node.outputs.iter().cloned()).collect();
        let places = nodes.iter().enumerate().map(|(id, node)| (node.name.clone(), id)).collect();
        Ok(Graph { nodes, layers, readers, places, emitted })
    }

    /// The rules in the order they run.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where a rule stands.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.places.get(name).copied()
    }

    /// The rules called for a topic, in the order they run.
    pub fn readers(&self, topic: &str) -> &[NodeId] {
        self.readers.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Topics some rule reads, sorted; with `outside`, only those that come from outside.
    pub fn topics(&self, outside: bool) -> Vec<&str> {
        let mut topics: Vec<&str> = self.readers.keys().map(|topic| &**topic).collect();
        if outside {
            topics.retain(|topic| self.is_outside(topic));
        }
        edgekit_core::sort::natural(&mut topics);
        topics
    }

    /// True for a topic no rule here feeds. What a pattern of the sources covers may be fed by a rule as well, and
    /// counts as inside then.
    fn is_outside(&self, topic: &str) -> bool {
        !self.emitted.contains(topic)
    }
}

#[cfg(test)]
mod tests;
