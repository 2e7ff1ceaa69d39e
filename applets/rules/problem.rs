//! What is wrong with rules, as people and programs read it: place, excerpt, next step.
//!
//! ```text
//! edgekit rules: rules/a.luau:3: rule 'a': unknown field 'inptus'
//!   3 |   inptus = { "trace.event" },
//!     |   ^^^^^^^^^^^^^^^^^^^^^^^^^^
//! hint: did you mean 'inputs'?
//! ```
//! Made of the faults of the engine, of fixtures and of unreadable files alike. Neighbours: `check`, `test`, `load`.

use edgekit_core::{Ctx, Error, Exit, json};
use serde_json::{Value, json};

use crate::folder::{Source, Unreadable};

/// Faults shown of one run; the rest is counted.
const SHOWN: usize = 50;
/// Characters of a line shown.
const EXCERPT: usize = 100;

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    /// The file, if it is in one.
    pub(crate) file: Option<String>,
    /// Its line, from 1; 0 if it is not known.
    pub(crate) line: usize,
    /// Without the place.
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// A word for programs: `syntax`, `graph`, `unreadable`.
    pub(crate) kind: &'static str,
}

impl Problem {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Problem {
        Problem { file: None, line: 0, message: message.into(), hint: None, kind }
    }

    /// A fault whose message begins with its place, if it has one: `a.luau:3: …`.
    pub(crate) fn placed(kind: &'static str, file: Option<&str>, line: usize, message: &str) -> Problem {
        let Some(file) = file else { return Problem::new(kind, message) };
        let place = if line > 0 { format!("{file}:{line}: ") } else { format!("{file}: ") };
        let message = message.strip_prefix(&place).unwrap_or(message).to_owned();
        Problem { file: Some(file.to_owned()), line, message, hint: None, kind }
    }

    fn to_json(&self) -> Value {
        json!({
            "kind": self.kind, "file": self.file, "line": (self.line > 0).then_some(self.line),
            "message": self.message, "hint": self.hint,
        })
    }

    /// The line it is on, with a row of `^` below what is written there.
    fn excerpt(&self, sources: &[Source]) -> Option<String> {
        let file = self.file.as_deref()?;
        let text = &sources.iter().find(|source| source.name == file)?.text;
        let line = text.lines().nth(self.line.checked_sub(1)?)?;
        let shown: String = line
            .trim_end()
            .chars()
            .take(EXCERPT)
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        let indent = shown.chars().take_while(|letter| *letter == ' ').count();
        let carets = "^".repeat(shown.chars().count().saturating_sub(indent).max(1));
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        Some(format!("  {number} | {shown}\n  {margin} | {}{carets}", " ".repeat(indent)))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.file {
            Some(file) if self.line > 0 => write!(f, "{file}:{}: {}", self.line, self.message),
            Some(file) => write!(f, "{file}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl From<Unreadable> for Problem {
    fn from(error: Unreadable) -> Problem {
        let kind = if error.is_missing { "missing" } else { "unreadable" };
        Problem { hint: error.hint.map(str::to_owned), ..Problem::new(kind, error.message) }
    }
}

/// The code that fits: nothing there, or something wrong.
fn exit(problems: &[Problem]) -> Exit {
    match problems.iter().all(|problem| problem.kind == "missing") {
        true => Exit::NO_INPUT,
        false => Exit::DATA,
    }
}

/// Shows each, on standard error for people and as JSON lines on standard output for programs; what is left is
/// the exit code.
pub(crate) fn show(ctx: &mut Ctx, problems: &[Problem], sources: &[Source], as_json: bool) -> Error {
    if as_json {
        let written = write_json(ctx, problems);
        return written.err().unwrap_or_else(|| Error::already_shown(exit(problems)));
    }
    let program = ctx.program().to_owned();
    let paint = ctx.stderr_paint();
    for problem in problems.iter().take(SHOWN) {
        ctx.say(format_args!("{} {problem}", paint.red(&format!("{program}:"))));
        if let Some(excerpt) = problem.excerpt(sources) {
            ctx.say(excerpt);
        }
        if let Some(hint) = &problem.hint {
            ctx.say(format_args!("{} {hint}", paint.cyan("hint:")));
        }
    }
    if problems.len() > SHOWN {
        ctx.say(format_args!("{program}: and {} more", problems.len() - SHOWN));
    }
    Error::already_shown(exit(problems))
}

fn write_json(ctx: &mut Ctx, problems: &[Problem]) -> Result<(), Error> {
    for problem in problems {
        json::write_line(ctx.out()?, "rules.fault", problem.to_json())?;
    }
    Ok(())
}

/// All of them in one line for a log or a verdict: the first, and how many more.
pub(crate) fn summary(problems: &[Problem]) -> String {
    match problems {
        [] => "no fault".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_where_it_is() {
        let source = Source { name: "a.luau".to_owned(), text: "rule {\n\tname = 1,\n}\n".to_owned() };
        let problem = Problem::placed("type", Some("a.luau"), 2, "a.luau:2: 'name' is a text");
        let mut ctx = Ctx::capturing(&[]);
        ctx.set_program("edgekit rules");
        let error = show(&mut ctx, &[problem], &[source], false);
        assert_eq!(error.exit(), Exit::DATA);
        let (_, said) = ctx.into_captured();
        let said = String::from_utf8(said).expect("text");
        assert_eq!(said, "edgekit rules: a.luau:2: 'name' is a text\n  2 |  name = 1,\n    |  ^^^^^^^^^\n");
    }

    #[test]
    fn programs_get_one_object_a_fault() {
        let mut ctx = Ctx::capturing(&[]);
        let missing = Problem::new("missing", "cannot read 'x'");
        assert_eq!(show(&mut ctx, &[missing], &[], true).exit(), Exit::NO_INPUT);
        let (out, _) = ctx.into_captured();
        let value: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!((&value["schema"], &value["kind"]), (&json!("edgekit.rules.fault/1"), &json!("missing")));
    }
}
