//! What a script wants done: values that the host carries out after the verdict.
//!
//! A script reaches nothing itself. It appends actions, each checked against the capabilities its rule declares
//! ([`Capability`]), which were checked at load against those the host's configuration allows ([`Grants`]).
//! Neighbours: `vm/actions.rs` makes them, the host (`applets/rules`, or the applet a hook runs in) carries them out.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use crate::{Str, Value};

/// What a rule or hook may do beside answering. Declared as `capabilities = { "log", … }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Capability {
    /// `log.info` and its like.
    Log,
    /// `metric.count` and its like.
    Metric,
    /// `publish`.
    Publish,
    /// `exec`.
    Exec,
    /// `http`.
    Http,
    /// `shadow.set`.
    Shadow,
    /// `shared`.
    Shared,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 7] = [
        Capability::Log,
        Capability::Metric,
        Capability::Publish,
        Capability::Exec,
        Capability::Http,
        Capability::Shadow,
        Capability::Shared,
    ];

    /// The word of scripts and configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Capability::Log => "log",
            Capability::Metric => "metric",
            Capability::Publish => "publish",
            Capability::Exec => "exec",
            Capability::Http => "http",
            Capability::Shadow => "shadow",
            Capability::Shared => "shared",
        }
    }

    /// The capability of a word.
    pub fn of(word: &str) -> Option<Capability> {
        Capability::ALL.into_iter().find(|capability| capability.word() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of capabilities: what the host allows, or what a rule declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants(u8);

impl Grants {
    /// Nothing.
    pub const NONE: Grants = Grants(0);

    /// What touches nothing outside of the kit: log, metric, publish, shadow and shared. `exec` and `http` are off
    /// unless they are granted by name.
    pub const DEFAULT: Grants = Grants(
        Capability::Log.bit()
            | Capability::Metric.bit()
            | Capability::Publish.bit()
            | Capability::Shadow.bit()
            | Capability::Shared.bit(),
    );

    /// With one more.
    pub const fn with(self, capability: Capability) -> Grants {
        Grants(self.0 | capability.bit())
    }

    /// Without one.
    pub const fn without(self, capability: Capability) -> Grants {
        Grants(self.0 & !capability.bit())
    }

    /// True if it is in the set.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Those in the set, in order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.has(*capability))
    }
}

impl FromIterator<Capability> for Grants {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Grants {
        capabilities.into_iter().fold(Grants::NONE, Grants::with)
    }
}

/// How loud a line of log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// A line of log with the fields after its text, `name=value`: text as it is, the rest as JSON.
pub fn log_line(text: &Str, fields: &Value) -> String {
    let mut line = text.lossy().into_owned();
    if let Value::Map(fields) = fields {
        for (name, value) in fields {
            // Writing to a string cannot fail.
            let _ = write!(line, " {name}={}", value.shown());
        }
    }
    line
}

impl Level {
    /// The word of the log.
    pub const fn word(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// What is done with a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Added to a counter; never negative.
    Count,
    /// Set.
    Gauge,
    /// Put into a histogram.
    Observe,
}

impl Metric {
    /// The word of scripts and records.
    pub const fn word(self) -> &'static str {
        match self {
            Metric::Count => "count",
            Metric::Gauge => "gauge",
            Metric::Observe => "observe",
        }
    }
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A line of log.
    Log {
        /// How loud.
        level: Level,
        /// The line.
        text: Str,
        /// What goes with it: a map, or nothing.
        fields: Value,
    },
    /// A metric.
    Metric {
        /// What is done with it.
        kind: Metric,
        /// Its name: letters, digits and `_`.
        name: Arc<str>,
        /// By how much, or to what.
        number: f64,
        /// Its labels, in order.
        labels: Vec<(Arc<str>, Str)>,
    },
    /// A message for the bus and whoever the host feeds from it.
    Publish {
        /// Its topic.
        topic: Arc<str>,
        /// What it says.
        payload: Value,
    },
    /// A program, by argument vector: no shell.
    Exec {
        /// At least the program.
        argv: Vec<Str>,
    },
    /// A request.
    Http {
        /// `GET` and so on.
        method: Arc<str>,
        /// Where to.
        url: Arc<str>,
        /// In order.
        headers: Vec<(Arc<str>, Str)>,
        /// What it carries, if anything.
        body: Option<Str>,
    },
    /// A value of the device's shadow.
    ShadowSet {
        /// Names joined by dots.
        path: Arc<str>,
        /// What it becomes; [`Value::Nil`] removes it.
        value: Value,
    },
}

/// What a hook decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verdict {
    /// The event goes on as it is.
    #[default]
    Pass,
    /// The event ends here.
    Drop,
    /// The event goes on with these fields changed.
    Change(Vec<(Str, Value)>),
}

/// A call the rule asked to get later: `after("5s", fn)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Handed back to [`Rule::wake`](crate::Rule::wake); unique in the rule's life.
    pub id: u64,
    /// How long after the event it was asked in.
    pub after: Duration,
}
