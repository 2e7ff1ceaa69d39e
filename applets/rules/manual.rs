//! What the long help and the man page say beyond the options.

use edgekit_core::{Example, Manual};

pub(crate) const MANUAL: Manual = Manual {
    paragraph: "Runs rules and hooks written in Luau: small functions that look at an event (something traced, a \
                request, a change) and say what is to be done. Rules are nodes of a graph without cycles; they see \
                only what they were granted, run on a budget of time, steps and memory, and are exchanged while \
                running: the folder is watched, a new generation is tried dry and then taken over whole, and on any \
                fault the old one goes on. How rules are written is in edgekit-rules(7).",
    examples: &[
        Example {
            command: "edgekit rules examples --write rules && edgekit rules check rules",
            does: "start from the examples, and check them",
        },
        Example {
            command: "edgekit rules examples --write rules && edgekit rules test rules --coverage",
            does: "run the fixtures beside the rules, and show the lines none of them reaches",
        },
        Example {
            command: "edgekit rules examples count | edgekit rules check -",
            does: "check one rule from standard input",
        },
        Example {
            command: "edgekit rules examples --write rules && edgekit rules explain rules --format dot",
            does: "draw how the rules depend on each other",
        },
    ],
    files: &[
        ("/etc/edgekit/rules.toml", "grants and limits; edgekit-config(5) has every key"),
        ("/etc/edgekit/rules/*.luau", "the rules; *_test.toml beside them are their fixtures"),
        ("/var/lib/edgekit/rules", "state of rules that outlives a restart"),
        ("/run/edgekit/rules[@NAME].sock", "control socket: status, reload, log-level, metrics"),
        ("/run/edgekit/rules[@NAME].bus", "where events come in and watchers listen"),
    ],
    environment: &[
        ("EDGEKIT_RULES_<KEY>", "a key of rules.toml, such as EDGEKIT_RULES_LIMITS__DEADLINE=50ms"),
        ("CONFIGURATION_DIRECTORY", "where rules.toml and the folder are, instead of /etc/edgekit"),
        ("STATE_DIRECTORY", "where state is kept, instead of /var/lib/edgekit"),
        ("RUNTIME_DIRECTORY", "where the sockets are, instead of /run/edgekit"),
    ],
    exits: &[
        (1, "test: a fixture failed; replay: something differs; record, watch: cut short"),
        (65, "a rule is wrong: each fault was shown with file and line"),
        (66, "there are no rules where they were looked for"),
        (69, "no service runs"),
        (73, "a file is there already, or cannot be made"),
        (75, "another service of this name runs"),
        (77, "the socket may not be used"),
        (78, "rules.toml is wrong"),
    ],
};
