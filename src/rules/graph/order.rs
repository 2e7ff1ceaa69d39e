//! The order rules run in, or the cycles that leave none.
//!
//! Rules and topics are sorted together: a topic is ready when all that feed it are placed, a rule when all its
//! topics are. The result depends on names and priorities alone, never on the order the files were read in.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

use super::Node;

/// One edge of a cycle: this rule feeds the next one through this topic.
pub(super) type Edge = (usize, Arc<str>);

/// Indices of the rules in order and, in that order, their layers.
pub(super) type Sorted = (Vec<usize>, Vec<usize>);

/// What the sort knows of a topic.
#[derive(Default)]
struct Topic {
    /// Rules that feed it and are not placed.
    waits: usize,
    /// The layer of what comes through it.
    layer: usize,
    feeders: Vec<usize>,
    readers: Vec<usize>,
}

/// Sorts the rules.
///
/// # Errors
/// Cycles, each as its edges; when there are several, none shares a rule with another one told.
pub(super) fn sort(nodes: &[Node]) -> Result<Sorted, Vec<Vec<Edge>>> {
    let mut topics: HashMap<&str, Topic> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for output in distinct(&node.outputs) {
            let topic = topics.entry(output).or_default();
            topic.waits += 1;
            topic.feeders.push(index);
        }
        for input in distinct(&node.inputs) {
            topics.entry(input).or_default().readers.push(index);
        }
    }
    // Topics a rule waits for.
    let mut waits: Vec<usize> = nodes
        .iter()
        .map(|node| distinct(&node.inputs).filter(|input| topics[input].waits > 0).count())
        .collect();
    let mut layers = vec![0; nodes.len()];
    let ticket = |index: usize| {
        let node = &nodes[index];
        // The place decides between two of a name, which are refused, yet must be sorted to look for cycles.
        (node.priority, Reverse((&node.name, &node.place, index)))
    };
    let mut ready: BinaryHeap<_> = (0..nodes.len()).filter(|&i| waits[i] == 0).map(ticket).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some((_, Reverse((_, _, index)))) = ready.pop() {
        order.push(index);
        for output in distinct(&nodes[index].outputs) {
            let Some(topic) = topics.get_mut(output) else { continue };
            topic.layer = topic.layer.max(layers[index] + 1);
            topic.waits -= 1;
            if topic.waits > 0 {
                continue;
            }
            for &reader in &topic.readers {
                layers[reader] = layers[reader].max(topic.layer);
                waits[reader] -= 1;
                if waits[reader] == 0 {
                    ready.push(ticket(reader));
                }
            }
        }
    }
    if order.len() < nodes.len() {
        return Err(cycles(nodes, &topics, &order));
    }
    let layers = order.iter().map(|&index| layers[index]).collect();
    Ok((order, layers))
}

/// Walks from each rule that could not be placed to one that feeds it, until a rule comes again.
fn cycles(nodes: &[Node], topics: &HashMap<&str, Topic>, placed: &[usize]) -> Vec<Vec<Edge>> {
    let mut left = vec![true; nodes.len()];
    for &index in placed {
        left[index] = false;
    }
    // 0: not seen, n: seen by the n-th walk.
    let mut seen = vec![0; nodes.len()];
    let mut starts: Vec<usize> = (0..nodes.len()).filter(|&index| left[index]).collect();
    edgekit_core::sort::by_key(&mut starts, |&index| (&nodes[index].name, &nodes[index].place));
    let feeder = |index: usize| -> Option<Edge> {
        distinct(&nodes[index].inputs)
            .flat_map(|input| topics[input].feeders.iter().map(move |&from| (from, input)))
            .filter(|&(from, _)| left[from])
            .min_by_key(|&(from, input)| (&nodes[from].name, input))
            .map(|(from, input)| (from, Arc::from(input)))
    };
    let mut found = Vec::new();
    for (walk, start) in starts.into_iter().enumerate() {
        let (mut at, mut path) = (start, Vec::new());
        while seen[at] == 0 {
            seen[at] = walk + 1;
            let Some((from, topic)) = feeder(at) else { break };
            path.push((at, from, topic));
            at = from;
        }
        if seen[at] == walk + 1
            && let Some(first) = path.iter().position(|(node, _, _)| *node == at)
        {
            // The walk went against the edges.
            let edges = path.drain(first..).rev().map(|(_, from, topic)| (from, topic));
            found.push(turned(nodes, edges.collect()));
        }
    }
    found
}

/// The same cycle, told from the rule that is first by name.
fn turned(nodes: &[Node], mut edges: Vec<Edge>) -> Vec<Edge> {
    let first = (0..edges.len()).min_by_key(|&at| (&nodes[edges[at].0].name, &nodes[edges[at].0].place));
    edges.rotate_left(first.unwrap_or(0));
    edges
}

/// Names without those that were there before.
fn distinct(names: &[Arc<str>]) -> impl Iterator<Item = &str> {
    names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name)).map(|(_, name)| &**name)
}
