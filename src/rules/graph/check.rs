//! What a graph is refused for, said with both places where there are two.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use edgekit_core::text;

use super::{MAX_NAME, MAX_PORTS, MAX_RULES, Node, Sources, order::Edge};
use crate::Place;

/// Faults after which no near names are looked for.
const MAX_GUESSES: usize = 64;

/// What is wrong with a graph, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: rule '{}': {problem}", shown(rule))]
pub struct GraphFault {
    /// The rule it is told of.
    pub rule: Arc<str>,
    /// Where that is declared.
    pub place: Place,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a rule among the others.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another rule has its name.
    #[error("it has the name of the rule at {0}; rename one of them")]
    Duplicate(Place),
    /// An input nobody feeds, and names like it, the nearest first.
    #[error("it reads '{input}', which no rule emits and no source has{}", meant(near))]
    MissingInput {
        /// What it wants to read.
        input: Arc<str>,
        /// What it may have meant.
        near: Vec<String>,
    },
    /// Rules that feed each other: each with its place and the topic by which it feeds the next; the last one
    /// feeds the first.
    #[error("it feeds itself in a circle: {}; take one input or output away", Around(.0))]
    Cycle(Vec<(Arc<str>, Place, Arc<str>)>),
    /// An output that is a topic from outside.
    #[error("it emits '{0}', which comes from outside; choose another name")]
    OutputIsSource(Arc<str>),
    /// A topic that stands twice in `inputs` or `outputs`.
    #[error("it has '{0}' twice in its {1}; keep one")]
    Twice(Arc<str>, &'static str),
    /// A name that is none.
    #[error("its {what} '{}' is no name: {why}", shown(name))]
    BadName {
        /// `name`, `input` or `output`.
        what: &'static str,
        /// The name.
        name: Arc<str>,
        /// Why it is none.
        why: &'static str,
    },
    /// More `inputs` or `outputs` than a rule may have.
    #[error("it has {1} {0}, and {MAX_PORTS} are allowed; split the rule")]
    TooManyPorts(&'static str, usize),
    /// Nothing can call it.
    #[error("it has no inputs and no timers, so that nothing calls it; add one or the other")]
    NeverCalled,
    /// The graph has so many rules, and this is the first one too many.
    #[error("it is one of {0} rules, and {MAX_RULES} are allowed; start a second service for the others")]
    TooManyRules(usize),
}

impl GraphFault {
    fn new(node: &Node, problem: Problem) -> GraphFault {
        GraphFault { rule: node.name.clone(), place: node.place.clone(), problem }
    }

    /// True if another rule that could not be read may be the cause.
    pub(crate) fn may_follow(&self) -> bool {
        matches!(self.problem, Problem::MissingInput { .. })
    }

    /// A cycle, which is never empty.
    pub(super) fn cycle(nodes: &[Node], edges: Vec<Edge>) -> Option<GraphFault> {
        let first = &nodes[edges.first()?.0];
        let tell = |(from, topic): Edge| (nodes[from].name.clone(), nodes[from].place.clone(), topic);
        Some(GraphFault::new(first, Problem::Cycle(edges.into_iter().map(tell).collect())))
    }
}

/// Everything that can be said without knowing the order.
pub(super) fn names(nodes: &[Node], sources: &Sources) -> Vec<GraphFault> {
    let mut faults = Vec::new();
    let mut by_place: Vec<&Node> = nodes.iter().collect();
    edgekit_core::sort::by(&mut by_place, |a, b| a.place.cmp(&b.place));
    if let Some(extra) = by_place.get(MAX_RULES) {
        faults.push(GraphFault::new(extra, Problem::TooManyRules(nodes.len())));
    }
    let emitted: HashSet<&str> = nodes.iter().flat_map(|node| &node.outputs).map(|name| &**name).collect();
    let mut first_of: HashMap<&str, &Place> = HashMap::new();
    for node in by_place {
        let mut fault = |problem: Problem| faults.push(GraphFault::new(node, problem));
        if let Some(why) = wrong_name(&node.name) {
            fault(Problem::BadName { what: "name", name: node.name.clone(), why });
        }
        if let Some(&first) = first_of.get(&*node.name) {
            fault(Problem::Duplicate(first.clone()));
        } else {
            first_of.insert(&node.name, &node.place);
        }
        ports("inputs", "input", &node.inputs, &mut fault);
        ports("outputs", "output", &node.outputs, &mut fault);
        if node.inputs.is_empty() && !node.timers {
            fault(Problem::NeverCalled);
        }
        for output in node.outputs.iter().filter(|output| sources.0.contains(output)) {
            fault(Problem::OutputIsSource(output.clone()));
        }
        for input in &node.inputs {
            if emitted.contains(&**input) || sources.contains(input) || wrong_name(input).is_some() {
                continue;
            }
            // Weighing names takes time, and who has so many faults needs no guesses.
            let known = emitted.iter().copied().chain(sources.exact()).filter(|_| faults.len() < MAX_GUESSES);
            let near = text::near(input, known, 3).into_iter().map(str::to_owned).collect();
            faults.push(GraphFault::new(node, Problem::MissingInput { input: input.clone(), near }));
        }
    }
    faults
}

fn ports(list: &'static str, one: &'static str, topics: &[Arc<str>], fault: &mut impl FnMut(Problem)) {
    if topics.len() > MAX_PORTS {
        fault(Problem::TooManyPorts(list, topics.len()));
        return;
    }
    let mut seen: HashSet<&str> = HashSet::new();
    for topic in topics {
        if let Some(why) = wrong_name(topic) {
            fault(Problem::BadName { what: one, name: topic.clone(), why });
        }
        if !seen.insert(topic) {
            fault(Problem::Twice(topic.clone(), list));
        }
    }
}

/// Why a text is no name of a rule or topic, if it is none: names stand in files, metrics and commands.
pub(crate) fn wrong_name(name: &str) -> Option<&'static str> {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_NAME {
        Some("it is longer than 128 bytes")
    } else if !name.chars().all(letter) {
        Some("letters, digits, '_', '-', '.' and '/' make a name")
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        Some("it begins with a letter, a digit or '_'")
    } else {
        None
    }
}

/// A name from outside, made fit for a message.
fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    if name.chars().nth(40).is_some() {
        text.push('…');
    }
    text
}

fn meant(near: &[String]) -> String {
    match near {
        [] => "; add a rule that emits it, or the source to the configuration".to_owned(),
        [one] => format!("; did you mean '{one}'?"),
        several => {
            let list: Vec<String> = several.iter().map(|name| format!("'{name}'")).collect();
            format!("; did you mean one of {}?", list.join(", "))
        }
    }
}

/// A cycle as `a (f:1) -[x]-> b (f:5) -[y]-> a`.
struct Around<'a>(&'a [(Arc<str>, Place, Arc<str>)]);

impl fmt::Display for Around<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, place, topic) in self.0 {
            write!(f, "{name} ({place}) -[{topic}]-> ")?;
        }
        f.write_str(self.0.first().map_or("", |(name, _, _)| name))
    }
}
