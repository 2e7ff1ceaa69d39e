//! What a graph is refused for, said with both places where there are two.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use edgekit_core::text;

use super::{MAX_NAME, MAX_PORTS, MAX_RULES, Node, Place, Sources, order::Edge};

/// Faults after which no near names are looked for.
const MAX_GUESSES: usize = 64;

/// What is wrong with a graph.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphFault {
    /// Two rules of one name.
    #[error("{second}: rule '{name}' has the name of the rule at {first}; rename one of them")]
    Duplicate {
        /// The name.
        name: Arc<str>,
        /// The rule that is first by place.
        first: Place,
        /// The other one.
        second: Place,
    },
    /// An input nobody feeds.
    #[error("{place}: rule '{rule}' reads '{input}', which no rule emits and no source has{}", meant(near))]
    MissingInput {
        /// The rule.
        rule: Arc<str>,
        /// What it wants to read.
        input: Arc<str>,
        /// Names like it, the nearest first.
        near: Vec<String>,
        /// Where the rule is declared.
        place: Place,
    },
    /// Rules that feed each other.
    #[error("{}: rules feed each other in a circle: {}; take one input or output away", place, around(edges))]
    Cycle {
        /// Each rule, its place, and the topic by which it feeds the next; the last one feeds the first.
        edges: Vec<(Arc<str>, Place, Arc<str>)>,
        /// Where the first one is declared.
        place: Place,
    },
    /// An output that is a topic from outside.
    #[error("{place}: rule '{rule}' emits '{output}', which comes from outside; choose another name")]
    OutputIsSource {
        /// The rule.
        rule: Arc<str>,
        /// The output.
        output: Arc<str>,
        /// Where the rule is declared.
        place: Place,
    },
    /// A topic that stands twice in one list.
    #[error("{place}: rule '{rule}' has '{topic}' twice in its {list}; keep one")]
    Twice {
        /// The rule.
        rule: Arc<str>,
        /// The topic.
        topic: Arc<str>,
        /// `inputs` or `outputs`.
        list: &'static str,
        /// Where the rule is declared.
        place: Place,
    },
    /// A name that is none.
    #[error("{place}: {what} '{}' is no name: {why}", shown(name))]
    BadName {
        /// `rule`, `input of rule 'x'`.
        what: String,
        /// The name.
        name: Arc<str>,
        /// What a name is.
        why: &'static str,
        /// Where the rule is declared.
        place: Place,
    },
    /// More inputs or outputs than a rule may have.
    #[error("{place}: rule '{rule}' has {count} {list}, and {MAX_PORTS} are allowed; split the rule")]
    TooManyPorts {
        /// The rule.
        rule: Arc<str>,
        /// `inputs` or `outputs`.
        list: &'static str,
        /// How many it has.
        count: usize,
        /// Where the rule is declared.
        place: Place,
    },
    /// A rule that nothing can call.
    #[error(
        "{place}: rule '{rule}' has no inputs and no timers, so that nothing calls it; add one or the other"
    )]
    NeverCalled {
        /// The rule.
        rule: Arc<str>,
        /// Where it is declared.
        place: Place,
    },
    /// More rules than a graph may have.
    #[error(
        "{place}: {count} rules are declared, and {MAX_RULES} are allowed; this is the first one too many"
    )]
    TooManyRules {
        /// How many there are.
        count: usize,
        /// Where the first one too many is declared.
        place: Place,
    },
}

impl GraphFault {
    /// Where it is.
    pub fn place(&self) -> &Place {
        match self {
            GraphFault::Duplicate { second: place, .. }
            | GraphFault::MissingInput { place, .. }
            | GraphFault::Cycle { place, .. }
            | GraphFault::OutputIsSource { place, .. }
            | GraphFault::Twice { place, .. }
            | GraphFault::BadName { place, .. }
            | GraphFault::TooManyPorts { place, .. }
            | GraphFault::NeverCalled { place, .. }
            | GraphFault::TooManyRules { place, .. } => place,
        }
    }

    pub(super) fn cycle(nodes: &[Node], edges: Vec<Edge>) -> GraphFault {
        let told: Vec<_> = edges
            .into_iter()
            .map(|(from, topic)| (nodes[from].name.clone(), nodes[from].place.clone(), topic))
            .collect();
        let place = told.first().map_or_else(Place::nowhere, |(_, place, _)| place.clone());
        GraphFault::Cycle { edges: told, place }
    }
}

impl Place {
    fn nowhere() -> Place {
        Place { file: Arc::from("?"), line: 0 }
    }
}

/// Everything that can be said without knowing the order.
pub(super) fn names(nodes: &[Node], sources: &Sources) -> Vec<GraphFault> {
    let mut faults = Vec::new();
    let mut by_place: Vec<&Node> = nodes.iter().collect();
    by_place.sort_by(|a, b| a.place.cmp(&b.place));
    if let Some(extra) = by_place.get(MAX_RULES) {
        faults.push(GraphFault::TooManyRules { count: nodes.len(), place: extra.place.clone() });
    }
    let emitted: HashSet<&str> = nodes.iter().flat_map(|node| &node.outputs).map(|name| &**name).collect();
    let mut first_of: HashMap<&str, &Place> = HashMap::new();
    for node in by_place {
        named(&mut faults, node, "rule".to_owned(), &node.name);
        match first_of.get(&*node.name) {
            Some(&first) => faults.push(GraphFault::Duplicate {
                name: node.name.clone(),
                first: first.clone(),
                second: node.place.clone(),
            }),
            None => {
                first_of.insert(&node.name, &node.place);
            }
        }
        ports(&mut faults, node, "inputs", &node.inputs);
        ports(&mut faults, node, "outputs", &node.outputs);
        if node.inputs.is_empty() && !node.timers {
            faults.push(GraphFault::NeverCalled { rule: node.name.clone(), place: node.place.clone() });
        }
        for output in node.outputs.iter().filter(|output| sources.0.contains(output)) {
            faults.push(GraphFault::OutputIsSource {
                rule: node.name.clone(),
                output: output.clone(),
                place: node.place.clone(),
            });
        }
        for input in &node.inputs {
            if emitted.contains(&**input) || sources.contains(input) || wrong_name(input).is_some() {
                continue;
            }
            // Weighing names takes time, and who has so many missing inputs has another problem.
            let known = emitted.iter().copied().chain(sources.exact()).filter(|_| faults.len() < MAX_GUESSES);
            let near = text::near(input, known, 3).into_iter().map(str::to_owned).collect();
            faults.push(GraphFault::MissingInput {
                rule: node.name.clone(),
                input: input.clone(),
                near,
                place: node.place.clone(),
            });
        }
    }
    faults
}

fn ports(faults: &mut Vec<GraphFault>, node: &Node, list: &'static str, topics: &[Arc<str>]) {
    if topics.len() > MAX_PORTS {
        faults.push(GraphFault::TooManyPorts {
            rule: node.name.clone(),
            list,
            count: topics.len(),
            place: node.place.clone(),
        });
        return;
    }
    let mut seen: HashSet<&str> = HashSet::new();
    for topic in topics {
        let what = list.trim_end_matches('s');
        named(faults, node, format!("{what} of rule '{}'", shown(&node.name)), topic);
        if !seen.insert(topic) {
            faults.push(GraphFault::Twice {
                rule: node.name.clone(),
                topic: topic.clone(),
                list,
                place: node.place.clone(),
            });
        }
    }
}

fn named(faults: &mut Vec<GraphFault>, node: &Node, what: String, name: &Arc<str>) {
    if let Some(why) = wrong_name(name) {
        faults.push(GraphFault::BadName { what, name: name.clone(), why, place: node.place.clone() });
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

fn around(edges: &[(Arc<str>, Place, Arc<str>)]) -> Around<'_> {
    Around(edges)
}

impl fmt::Display for Around<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, place, topic) in self.0 {
            write!(f, "{name} ({place}) -[{topic}]-> ")?;
        }
        f.write_str(self.0.first().map_or("", |(name, _, _)| name))
    }
}
