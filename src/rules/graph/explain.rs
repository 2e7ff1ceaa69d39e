//! The graph as text, for people, and as DOT, for tools.

use std::fmt::{self, Write as _};

use super::Graph;

impl Graph {
    /// The rules in the order they run, each with what it reads and feeds and where it is declared.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = self.nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0);
        for (id, (node, layer)) in self.nodes.iter().zip(&self.layers).enumerate() {
            let name = &node.name;
            let pad = width - name.chars().count();
            let line = Line { inputs: &node.inputs, outputs: &node.outputs };
            // A String takes all that is written.
            let _ = write!(out, "{:>4}. {name}{:pad$}  layer {layer}  {line}", id + 1, "");
            if node.priority != 0 {
                let _ = write!(out, "  priority {}", node.priority);
            }
            let _ = writeln!(out, "  ({})", node.place);
        }
        if self.nodes.is_empty() {
            out.push_str("no rules\n");
        }
        out
    }

    /// The graph in the language of Graphviz: sources as ellipses, rules as boxes, edges named by their topic.
    pub fn dot(&self) -> String {
        let mut out = String::from("digraph rules {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
        for topic in self.topics(true) {
            let _ =
                writeln!(out, "  {} [shape=ellipse, label={}];", Quoted("source ", topic), Quoted("", topic));
        }
        for node in &self.nodes {
            let tip = format!("{}, priority {}", node.place, node.priority);
            let _ = writeln!(out, "  {} [tooltip={}];", Quoted("", &node.name), Quoted("", &tip));
        }
        for (from, to, topic) in self.edges() {
            let to = Quoted("", &self.nodes[to].name);
            let _ = match from {
                Some(from) => {
                    let from = Quoted("", &self.nodes[from].name);
                    writeln!(out, "  {from} -> {to} [label={}];", Quoted("", topic))
                }
                None => writeln!(out, "  {} -> {to};", Quoted("source ", topic)),
            };
        }
        out.push_str("}\n");
        out
    }

    /// Every edge between rules, and from sources (`None`), in the order of the rules.
    pub(super) fn edges(&self) -> impl Iterator<Item = (Option<usize>, usize, &str)> {
        let outside = self.nodes.iter().enumerate().flat_map(|(to, node)| {
            let inputs = node.inputs.iter().filter(|input| self.is_outside(input));
            inputs.map(move |input| (None, to, &**input))
        });
        let inside = self.nodes.iter().enumerate().flat_map(move |(from, node)| {
            let each = move |topic| self.readers(topic).iter().map(move |&to| (Some(from), to, topic));
            node.outputs.iter().flat_map(move |output| each(&**output))
        });
        outside.chain(inside)
    }
}

/// `inputs → outputs`.
struct Line<'a> {
    inputs: &'a [std::sync::Arc<str>],
    outputs: &'a [std::sync::Arc<str>],
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.inputs.is_empty() { "timers" } else { "" })?;
        f.write_str(&self.inputs.join(", "))?;
        if !self.outputs.is_empty() {
            write!(f, " -> {}", self.outputs.join(", "))?;
        }
        Ok(())
    }
}

/// A string of DOT, with a prefix.
struct Quoted<'a>(&'static str, &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}{}\"", self.0, self.1.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
