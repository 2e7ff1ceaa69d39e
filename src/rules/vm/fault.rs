//! What goes wrong in a script: whose, where, why; one line to log, an excerpt to read.
//!
//! Neighbours: `convert.rs` and `actions.rs` raise [`Raised`] inside of Luau, the meter stops with its own; both
//! come out here as one [`Fault`] with the place that Luau gives.

use std::{fmt, sync::Arc};

use super::{Call, Place, meter::Stop};
use crate::Script;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The text is no Luau.
    Syntax,
    /// The script raised an error.
    Runtime,
    /// It ran out of time.
    Deadline,
    /// It ran out of steps.
    Steps,
    /// It wanted more memory than it may have.
    Memory,
    /// It did what it did not declare, or declared what is not granted.
    Capability,
    /// It gave or declared a value of the wrong type.
    Type,
    /// It does not fit the other rules: a circle, a name that is taken, an input nobody feeds.
    Graph,
}

impl FaultKind {
    /// The word of metrics and records.
    pub const fn word(self) -> &'static str {
        match self {
            FaultKind::Syntax => "syntax",
            FaultKind::Runtime => "runtime",
            FaultKind::Deadline => "deadline",
            FaultKind::Steps => "steps",
            FaultKind::Memory => "memory",
            FaultKind::Capability => "capability",
            FaultKind::Type => "type",
            FaultKind::Graph => "graph",
        }
    }

    /// True if a budget ran out.
    pub const fn is_budget(self) -> bool {
        matches!(self, FaultKind::Deadline | FaultKind::Steps | FaultKind::Memory)
    }
}

/// A failure of one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule or hook, if it was one.
    pub rule: Option<Arc<str>>,
    /// The script's file.
    pub file: Arc<str>,
    /// The line, from 1; 0 if it has none.
    pub line: u32,
    /// What happened: lower case, no full stop.
    pub message: String,
    /// What kind of failure it is.
    pub kind: FaultKind,
    /// The line's text and the column of the caret, for a syntax error.
    pub(crate) excerpt: Option<(String, usize)>,
}

/// `slow.luau:7: rule 'slow-open': attempt to index nil with 'pid'`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        f.write_str(": ")?;
        if let Some(rule) = &self.rule {
            write!(f, "rule '{rule}': ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// A fault at a place of a file; line 0 if it has none.
    pub fn at(kind: FaultKind, file: &Arc<str>, line: u32, message: impl Into<String>) -> Fault {
        Fault { rule: None, file: file.clone(), line, message: message.into(), kind, excerpt: None }
    }

    /// Names the rule or hook.
    pub fn of(mut self, rule: &Arc<str>) -> Fault {
        self.rule.get_or_insert_with(|| rule.clone());
        self
    }

    /// What the compiler said: `2: message`.
    pub(crate) fn syntax(script: &Script, error: &mlua::Error) -> Fault {
        let text = match error {
            mlua::Error::SyntaxError { message, .. } => message.clone(),
            other => other.to_string(),
        };
        let text = text.lines().next().unwrap_or_default();
        let rest = text.trim_start_matches(':');
        let placed =
            rest.split_once(':').and_then(|(line, rest)| Some((line.parse::<u32>().ok()?, rest.trim())));
        let Some((line, message)) = placed else {
            return Fault::at(FaultKind::Syntax, &script.name, 0, decapitalized(text));
        };
        let mut fault = Fault::at(FaultKind::Syntax, &script.name, line, decapitalized(message));
        let shown = script.text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        fault.excerpt = Some((shown.chars().take(MAX_EXCERPT).collect(), column(shown, message)));
        fault
    }

    /// The one line, and for a syntax error the script's line with a caret below.
    pub fn excerpt(&self) -> String {
        let Some((text, column)) = &self.excerpt else { return self.to_string() };
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        // A tab stays a tab, so that the caret stands where the eye expects it.
        let pad: String =
            text.chars().take(*column).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        format!("{self}\n{gutter} |\n{number} | {text}\n{gutter} | {pad}^")
    }
}

/// Longest line that is shown, in characters.
const MAX_EXCERPT: usize = 200;
/// Longest message that is kept, in bytes.
const MAX_MESSAGE: usize = 500;

/// Where the culprit stands, from 0: Luau names it but not its column.
fn column(line: &str, message: &str) -> usize {
    let named = message.rsplit_once("got '").or_else(|| message.rsplit_once('\''));
    let culprit = named.and_then(|(_, rest)| rest.split_once('\'')).map(|(culprit, _)| culprit);
    let found = culprit.filter(|culprit| !culprit.is_empty()).and_then(|culprit| line.rfind(culprit));
    let byte = found.unwrap_or(line.len() - line.trim_start().len());
    line.get(..byte).map_or(0, |before| before.chars().count().min(MAX_EXCERPT))
}

/// In the house's style: no capital, no full stop.
fn decapitalized(message: &str) -> String {
    let mut letters = message.trim_end_matches('.').chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), second) if second.is_none_or(|second| !second.is_uppercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => message.to_owned(),
    }
}

/// An error a function of the host raises inside of Luau, with its kind.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Raised {
    pub(crate) kind: FaultKind,
    pub(crate) message: String,
}

impl Raised {
    pub(crate) fn error(kind: FaultKind, message: impl Into<String>) -> mlua::Error {
        mlua::Error::external(Raised { kind, message: message.into() })
    }
}

impl Fault {
    /// What the meter stopped.
    pub(crate) fn stopped(stop: &Stop, call: &Call<'_>) -> Fault {
        let line = match &stop.place {
            Some((file, line)) if **file == *call.place.file => *line,
            _ => call.place.line,
        };
        Fault::at(stop.kind, &call.place.file, line, stop.message.clone()).of(call.name)
    }

    /// What came out of Luau.
    pub(crate) fn raised(error: &mlua::Error, name: Option<&Arc<str>>, place: Option<&Place>) -> Fault {
        let unknown: Arc<str> = Arc::from("script");
        let file = place.map_or(&unknown, |place| &place.file);
        let (kind, text) = match innermost(error) {
            mlua::Error::RuntimeError(text) => (FaultKind::Runtime, text.clone()),
            mlua::Error::MemoryError(_) => (FaultKind::Memory, "not enough memory".to_owned()),
            mlua::Error::SyntaxError { message, .. } => (FaultKind::Syntax, message.clone()),
            other => match other.downcast_ref::<Raised>() {
                Some(raised) => (raised.kind, raised.message.clone()),
                None => (FaultKind::Type, other.to_string()),
            },
        };
        // Luau puts `file:line: ` in front of what a script raises; of what a function of the host or of the
        // prelude raised, the traceback tells where the script was.
        let (first, traceback) = text.split_once('\n').unwrap_or((&text, ""));
        let (line, message) = match placed(first, file) {
            Some((line, rest)) => (Some(line), rest),
            None => (line_in(traceback, file), placed(first, PRELUDE).map_or(first, |(_, rest)| rest)),
        };
        let line = line.or_else(|| traced(error, file)).or(place.map(|place| place.line)).unwrap_or(0);
        // An address says nothing, and differs from run to run.
        let message = match message.split_once(": 0x") {
            Some((thing, _)) if kind == FaultKind::Runtime => format!("it raised a {thing}; raise a text"),
            _ => message.get(..message.floor_char_boundary(MAX_MESSAGE)).unwrap_or_default().to_owned(),
        };
        let fault = Fault::at(kind, file, line, message);
        match name {
            Some(name) => fault.of(name),
            None => fault,
        }
    }
}

/// How Luau names the prelude.
const PRELUDE: &str = "[rules]";

fn innermost(error: &mlua::Error) -> &mlua::Error {
    match error {
        mlua::Error::CallbackError { cause, .. } | mlua::Error::WithContext { cause, .. } => innermost(cause),
        other => other,
    }
}

/// The line and the rest of `file:12: rest`.
fn placed<'a>(text: &'a str, file: &str) -> Option<(u32, &'a str)> {
    let rest = text.strip_prefix(file)?.strip_prefix(':')?;
    let (line, rest) = rest.split_once(':')?;
    Some((line.parse().ok()?, rest.trim_start()))
}

/// The innermost line of the file in the traceback of a function of the host.
fn traced(error: &mlua::Error, file: &str) -> Option<u32> {
    let mlua::Error::CallbackError { traceback, cause } = error else { return None };
    traced(cause, file).or_else(|| line_in(traceback, file))
}

fn line_in(traceback: &str, file: &str) -> Option<u32> {
    traceback.lines().find_map(|line| {
        let rest = line.trim_start().strip_prefix(file)?.strip_prefix(':')?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    })
}
