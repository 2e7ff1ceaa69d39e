//! What is wrong with a configuration: every fault of a run at once, each with its place.
//!
//! ```text
//! edgekit proxy: /etc/edgekit/proxy.toml:3:1: unknown key 'wrokers'
//!   3 | wrokers = 4
//!     | ^^^^^^^
//! hint: did you mean 'workers'?
//! ```

use std::fmt;

use super::value::{Origin, Text};
use crate::{Ctx, Error, Exit};

/// Faults shown of one run; the rest is counted.
const SHOWN: usize = 20;

/// Characters of a line shown around the culprit.
const EXCERPT: usize = 100;

/// One fault.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What it is about; none for a file that could not be read, whose message names it.
    pub origin: Option<Origin>,
    /// Lower case, no full stop, values quoted.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

impl Problem {
    /// A fault at a place.
    pub fn at(origin: Origin, message: impl Into<String>) -> Problem {
        Problem { origin: Some(origin), message: message.into(), hint: None }
    }

    /// A fault whose message says where.
    pub fn new(message: impl Into<String>) -> Problem {
        Problem { origin: None, message: message.into(), hint: None }
    }

    /// Adds the next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// The excerpt below the message, where the place is in a file.
    fn excerpt(&self) -> Option<String> {
        let Some(Origin::File(text, span)) = &self.origin else { return None };
        Some(excerpt(text, span.start, span.end))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            None | Some(Origin::Default) => f.write_str(&self.message),
            Some(origin) => write!(f, "{origin}: {}", self.message),
        }
    }
}

/// The line with a row of `^` under the piece.
fn excerpt(text: &Text, start: usize, end: usize) -> String {
    let (line, column) = text.place(start);
    let content = text.content.lines().nth(line - 1).unwrap_or("");
    let skip = column.saturating_sub(EXCERPT / 2);
    let shown: String = content
        .chars()
        .skip(skip)
        .take(EXCERPT)
        .map(|letter| match letter {
            '\t' => ' ',
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect();
    let piece = text.content.get(start..end).unwrap_or("");
    let width = piece.lines().next().unwrap_or("").chars().count();
    let before = column - 1 - skip;
    let room = shown.chars().count().saturating_sub(before);
    let carets = "^".repeat(width.min(room).max(1));
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    format!("  {number} | {}\n  {margin} | {}{carets}", shown.trim_end(), " ".repeat(before))
}

/// Every fault of a run; never empty where it is an error.
#[derive(Clone, Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Notes one more.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// `value` if nothing is wrong.
    pub fn or<T>(self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Shows each on standard error; what is left is the exit code.
    pub fn show(&self, ctx: &mut Ctx) -> Error {
        let program = ctx.program().to_owned();
        let paint = ctx.stderr_paint();
        for problem in self.0.iter().take(SHOWN) {
            ctx.say(format_args!("{} {problem}", paint.red(&format!("{program}:"))));
            if let Some(excerpt) = problem.excerpt() {
                ctx.say(excerpt);
            }
            if let Some(hint) = &problem.hint {
                ctx.say(format_args!("{} {hint}", paint.cyan("hint:")));
            }
        }
        if self.0.len() > SHOWN {
            ctx.say(format_args!("{program}: and {} more", self.0.len() - SHOWN));
        }
        Error::already_shown(self.exit())
    }

    /// Whoever wrote a wrong flag is at the command line; anything else is for who keeps the configuration.
    fn exit(&self) -> Exit {
        let is_flag = |problem: &Problem| matches!(problem.origin, Some(Origin::Flag(_)));
        if self.0.iter().all(is_flag) { Exit::USAGE } else { Exit::CONFIG }
    }
}

impl fmt::Display for Problems {
    /// All of them on one line, as a log or the answer to a reload wants it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{problem}", if position > 0 { "; " } else { "" })?;
            if let Some(hint) = &problem.hint {
                write!(f, " ({hint})")?;
            }
        }
        if self.0.len() > SHOWN {
            write!(f, "; and {} more", self.0.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Error {
        Error::new(problems.exit(), problems.to_string())
    }
}
