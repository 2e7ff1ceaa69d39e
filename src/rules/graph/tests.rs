//! Bad graphs by the dozen, and orders that do not depend on the order of reading.

use proptest::prelude::*;

use super::*;

/// Reads `name[!priority][@] [inputs] > [outputs]`, one rule a line; `@` says it has timers. Its line is its number.
fn parse(text: &str) -> Vec<Node> {
    let nodes = text.split(';').enumerate().filter(|(_, line)| !line.trim().is_empty());
    let nodes = nodes.map(|(at, line)| {
        let (left, right) = line.split_once('>').unwrap_or((line, ""));
        let (head, inputs) = left.trim_start().split_once(' ').unwrap_or((left.trim(), ""));
        let (head, timers) = head.strip_suffix('@').map_or((head, false), |head| (head, true));
        let (name, priority) = head.split_once('!').unwrap_or((head, "0"));
        let names =
            |list: &str| list.split_whitespace().map(|name| Arc::from(name.replace('_', ""))).collect();
        Node {
            name: Arc::from(name.replace('_', "")),
            inputs: names(inputs),
            outputs: names(right),
            priority: priority.parse().unwrap(),
            timers,
            place: Place { file: Arc::from("r.luau"), line: at as u32 + 1 },
        }
    });
    nodes.collect()
}

fn graph(text: &str) -> Result<Graph, Vec<GraphFault>> {
    Graph::new(parse(text), &Sources::new(["ev", "trace.event", "mqtt.*"]))
}

fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes().iter().map(|node| &*node.name).collect()
}

/// A graph, and what each of its faults says, in the order told. `_` in a name stands for nothing.
const BAD: &[(&str, &[&str])] = &[
    // Cycles.
    ("a x > x", &["r.luau:1: rule 'a': it feeds itself in a circle: a (r.luau:1) -[x]-> a; take"]),
    ("a y > x; b x > y", &["a (r.luau:1) -[x]-> b (r.luau:2) -[y]-> a;"]),
    (
        "b x > y; a y > x",
        &["r.luau:2: rule 'a': it feeds itself in a circle: a (r.luau:2) -[x]-> b (r.luau:1) -[y]-> a;"],
    ),
    ("a z > x; b x > y; c y > z", &["a (r.luau:1) -[x]-> b (r.luau:2) -[y]-> c (r.luau:3) -[z]-> a;"]),
    ("a ev y > x; b x > y", &["-[x]-> b (r.luau:2) -[y]-> a;"]),
    ("s ev > x; a x z > y; b y > z; t z > w", &["circle: a (r.luau:2) -[y]-> b (r.luau:3) -[z]-> a;"]),
    ("a y > x; b x > y; c w > v; d v > w", &["circle: a (r.luau:1)", "circle: c (r.luau:3)"]),
    ("a x > y; b y > x; c x > z", &["circle: a (r.luau:1) -[y]-> b (r.luau:2) -[x]-> a;"]),
    ("a@ x > x", &["circle: a (r.luau:1) -[x]-> a;"]),
    ("a!9 x > y; b!-9 y > x", &["circle: a (r.luau:1) -[y]-> b (r.luau:2) -[x]-> a;"]),
    ("a x ev > x y", &["circle: a (r.luau:1) -[x]-> a;"]),
    (
        "a e > b; b b > c; c c > d; d d > e; e e > f",
        &["-[b]-> b (r.luau:2) -[c]-> c (r.luau:3) -[d]-> d (r.luau:4) -[e]-> a;"],
    ),
    ("a q > x; b q > x; c x > q", &["circle: a (r.luau:1) -[x]-> c (r.luau:3) -[q]-> a;"]),
    ("a ev > x; b x > y; c y b2 > z; d z > b2", &["circle: c (r.luau:3) -[z]-> d (r.luau:4) -[b2]-> c;"]),
    // Missing inputs.
    (
        "a nothing > x",
        &[
            "r.luau:1: rule 'a': it reads 'nothing', which no rule emits and no source has; add a rule that emits it, or the source",
        ],
    ),
    (
        "a trace.evnt > x",
        &[
            "rule 'a': it reads 'trace.evnt', which no rule emits and no source has; did you mean 'trace.event'?",
        ],
    ),
    ("a ev > alarm; b alram > y", &["r.luau:2: rule 'b': it reads 'alram'"]),
    ("a ev > alarm1 alarm2; b alarm3 > y", &["did you mean one of 'alarm1', 'alarm2'?"]),
    ("a ev > x; b X > y", &["rule 'b': it reads 'X', which no rule emits"]),
    ("a p > x; b q > y", &["r.luau:1: rule 'a': it reads 'p'", "r.luau:2: rule 'b': it reads 'q'"]),
    ("a ev p > x", &["rule 'a': it reads 'p'"]),
    ("a mqtt > x", &["rule 'a': it reads 'mqtt', which"]),
    ("a mqttx.y > x", &["rule 'a': it reads 'mqttx.y', which"]),
    ("a TRACE.EVENT > x", &["did you mean 'trace.event'?"]),
    // Names that are there already.
    (
        "a ev > x; a ev > y",
        &["r.luau:2: rule 'a': it has the name of the rule at r.luau:1; rename one of them"],
    ),
    (
        "a ev > x; b ev > y; a ev > z; a ev > w",
        &["r.luau:3: rule 'a': it has the name of the rule at r.luau:1", "r.luau:4: rule 'a': it has"],
    ),
    ("a ev > x; a x > y", &["r.luau:2: rule 'a': it has the name"]),
    ("a y > x; a x > y", &["r.luau:1: rule 'a': it feeds itself", "r.luau:2: rule 'a': it has the name"]),
    ("a ev ev > x", &["r.luau:1: rule 'a': it has 'ev' twice in its inputs; keep one"]),
    ("a ev > x x", &["rule 'a': it has 'x' twice in its outputs"]),
    ("a ev > ev2 trace.event", &["rule 'a': it emits 'trace.event', which comes from outside"]),
    (
        "a ev > x; b x > trace.event y",
        &["r.luau:2: rule 'b': it emits 'trace.event', which comes from outside"],
    ),
    // Names that are none.
    ("_ ev > x", &["r.luau:1: rule '': its name '' is no name: it is empty"]),
    ("a ev > __ y", &["r.luau:1: rule 'a': its output '' is no name: it is empty"]),
    ("ä ev > x", &["its name 'ä' is no name: letters, digits"]),
    ("a\u{1b}[2J ev > x", &["its name 'a\\u{1b}[2J' is no name"]),
    ("-a ev > x", &["its name '-a' is no name: it begins with"]),
    ("a ev > ../x", &["rule 'a': its output '../x' is no name: it begins with"]),
    ("a ev\u{7}x > x", &["rule 'a': its input 'ev\\u{7}x' is no name"]),
    ("a ev > x*", &["rule 'a': its output 'x*' is no name"]),
    // Never called.
    ("a > x", &["r.luau:1: rule 'a': it has no inputs and no timers, so that nothing calls it"]),
    ("a > x; b x > y", &["rule 'a': it has no inputs and no timers"]),
    ("a", &["rule 'a': it has no inputs and no timers"]),
    // Several at once.
    (
        "a ev > x x; b p > ev; b > y",
        &[
            "r.luau:1: rule 'a': it has 'x' twice",
            "r.luau:2: rule 'b': it emits 'ev'",
            "r.luau:2: rule 'b': it reads 'p'",
            "r.luau:3: rule 'b': it has the name",
            "r.luau:3: rule 'b': it has no inputs",
        ],
    ),
];

#[test]
fn bad_graphs_are_refused_with_their_places() {
    assert!(BAD.len() >= 40, "{}", BAD.len());
    for (text, expected) in BAD {
        let faults = graph(text).map(|graph| format!("{:?}", names(&graph))).expect_err(text);
        let mut told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        for expected in *expected {
            let at = told.iter().position(|fault| fault.contains(expected));
            told.remove(at.unwrap_or_else(|| panic!("{text}: no '{expected}' in {faults:#?}")));
        }
        assert!(told.is_empty(), "{text}: also {told:#?}");
        let places: Vec<&Place> = faults.iter().map(|fault| &fault.place).collect();
        assert!(places.is_sorted(), "{text}: {places:?}");
    }
}

#[test]
fn limits_are_said() {
    let port = |count: usize| format!("a ev > {}", (0..count).map(|n| format!("x{n} ")).collect::<String>());
    assert!(graph(&port(MAX_PORTS)).is_ok());
    let faults = graph(&port(MAX_PORTS + 1)).unwrap_err();
    assert!(faults[0].to_string().contains("has 65 outputs, and 64 are allowed"), "{faults:?}");
    let rules = |count: usize| (0..count).map(|n| format!("r{n} ev;")).collect::<String>();
    assert!(graph(&rules(MAX_RULES)).is_ok());
    let faults = graph(&rules(MAX_RULES + 1)).unwrap_err();
    assert!(faults[0].to_string().contains("it is one of 10001 rules"), "{}", faults[0]);
    let long = format!("{} ev", "n".repeat(MAX_NAME + 1));
    assert!(graph(&long).unwrap_err()[0].to_string().contains("longer than 128"));
}

#[test]
fn good_graphs_run_sources_first_then_by_priority_then_by_name() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("b ev; a ev", &["a", "b"]),
        ("a ev; b!1 ev", &["b", "a"]),
        ("c x > y; a y; b ev > x", &["b", "c", "a"]),
        // Priority never overtakes what feeds.
        ("z!100 x; a ev > x", &["a", "z"]),
        ("d l r; l ev > l; r!5 ev > r; t@ > q", &["r", "l", "d", "t"]),
        ("two x; one ev > x; other ev > x", &["one", "other", "two"]),
        ("a mqtt.room.1; b trace.event", &["a", "b"]),
        // A pattern does not keep a rule from feeding a topic it covers.
        ("b mqtt.out; c mqtt.in > mqtt.out", &["c", "b"]),
    ];
    for (text, expected) in cases {
        assert_eq!(names(&graph(text).unwrap()), *expected, "{text}");
    }
}

#[test]
fn readers_and_topics() {
    let graph = graph("a ev > x; b x ev; c x > z").unwrap();
    assert_eq!(graph.readers("x"), [1, 2]);
    assert_eq!(graph.readers("nothing"), [] as [usize; 0]);
    assert_eq!((graph.topics(true), graph.topics(false)), (vec!["ev"], vec!["ev", "x"]));
}

#[test]
fn explained_as_text_dot_and_svg() {
    let graph = graph("join!3 left right > both; l ev > left; r ev > right; end both; tick@ > beat").unwrap();
    assert_eq!(
        graph.text(),
        "   1. l     layer 0  ev -> left  (r.luau:2)\n   2. r     layer 0  ev -> right  (r.luau:3)\n   \
         3. join  layer 1  left, right -> both  priority 3  (r.luau:1)\n   4. end   layer 2  both  (r.luau:4)\n   \
         5. tick  layer 0  timers -> beat  (r.luau:5)\n"
    );
    let dot = graph.dot();
    for line in [
        "\"source ev\" -> \"l\";",
        "\"l\" -> \"join\" [label=\"left\"];",
        "\"join\" -> \"end\" [label=\"both\"];",
    ] {
        assert!(dot.contains(line), "{line} in {dot}");
    }
    let svg = graph.svg();
    assert_eq!(svg.matches("<rect").count(), 6, "{svg}");
    assert_eq!(svg.matches("marker-end").count(), 5);
    assert_eq!(svg.matches("<g").count(), svg.matches("</g>").count());
    assert_eq!(super::Graph::new(Vec::new(), &Sources::default()).unwrap().text(), "no rules\n");
}

/// Layers of rules that read from those before; some with the same priority.
fn layered() -> impl Strategy<Value = Vec<Node>> {
    proptest::collection::vec((0i64..3, proptest::collection::vec(0usize..40, 0..4)), 1..40).prop_map(
        |rules| {
            let nodes = rules.iter().enumerate().map(|(at, (priority, reads))| {
                let topic = |from: &usize| if *from < at { format!("t{from}") } else { "ev".to_owned() };
                let mut inputs: Vec<Arc<str>> = reads.iter().map(|from| Arc::from(topic(from))).collect();
                inputs.push(Arc::from("trace.event"));
                edgekit_core::sort::natural(&mut inputs);
                inputs.dedup();
                Node {
                    name: Arc::from(format!("r{at}")),
                    inputs,
                    outputs: vec![Arc::from(format!("t{at}"))],
                    priority: *priority,
                    timers: false,
                    place: Place { file: Arc::from(format!("{at}.luau")), line: 1 },
                }
            });
            nodes.collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_order_does_not_depend_on_the_order_of_reading(
        (nodes, shuffled) in layered().prop_flat_map(|nodes| (Just(nodes.clone()), Just(nodes).prop_shuffle()))
    ) {
        let sources = Sources::new(["ev", "trace.event"]);
        let one = Graph::new(nodes, &sources).unwrap();
        let other = Graph::new(shuffled, &sources).unwrap();
        prop_assert_eq!(one.text(), other.text());
        prop_assert_eq!(one.svg(), other.svg());
        // Every rule stands behind all that feed it.
        for (to, node) in one.nodes().iter().enumerate() {
            for (from, feeder) in one.nodes().iter().enumerate() {
                if feeder.outputs.iter().any(|topic| node.inputs.contains(topic)) {
                    prop_assert!(from < to);
                }
            }
        }
    }
}
