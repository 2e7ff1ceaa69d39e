//! What a command's long help and man page say beyond its options.
//!
//! Kept as data in the applet's table entry, so that the help, the man page (`cargo xtask gen`) and
//! the test that runs every example read the same lines.

use clap::Command;

/// The prose around the options.
#[derive(Clone, Copy)]
pub struct Manual {
    /// One paragraph: what it does, in which case it is wanted.
    pub paragraph: &'static str,
    /// Commands to copy, most wanted first.
    pub examples: &'static [Example],
    /// Files it reads and writes, each with its use.
    pub files: &'static [(&'static str, &'static str)],
    /// Environment variables it reads, each with its effect.
    pub environment: &'static [(&'static str, &'static str)],
    /// Exit codes other than 0, 2 and 70, each with its meaning here.
    pub exits: &'static [(u8, &'static str)],
}

/// A command line that works as it stands.
#[derive(Clone, Copy)]
pub struct Example {
    /// What to type.
    pub command: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// Codes every command may end with; a manual may give its own words for one.
const SHARED_EXITS: [(u8, &str); 3] = [
    (0, "done"),
    (2, "the command line makes no sense"),
    (70, "a fault of edgekit itself; please report it"),
];

const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

impl Manual {
    /// Nothing to say: what the fields a command does not name are.
    pub const EMPTY: Manual =
        Manual { paragraph: "", examples: &[], files: &[], environment: &[], exits: &[] };

    /// All exit codes, in order.
    pub fn all_exits(&self) -> Vec<(u8, &'static str)> {
        let mut exits: Vec<(u8, &'static str)> = self.exits.to_vec();
        for shared in SHARED_EXITS {
            if !exits.iter().any(|(code, _)| *code == shared.0) {
                exits.push(shared);
            }
        }
        crate::sort::by_key(&mut exits, |(code, _)| *code);
        exits
    }

    /// Lays the help of `command` out: `-h` short, `--help` with examples first and the rest after.
    pub(crate) fn apply(&self, command: Command, name: &str) -> Command {
        let mut examples = String::new();
        if !self.examples.is_empty() {
            examples.push_str("Examples:\n");
            for example in self.examples {
                examples.push_str(&format!("  # {}\n  {}\n", example.does, example.command));
            }
            examples.truncate(examples.trim_end().len());
        }
        command
            .help_template(TEMPLATE)
            .long_about(self.paragraph)
            .before_long_help(examples)
            .after_help(format!("More: edgekit {name} --help, edgekit man {name}"))
            .after_long_help(self.tail(name))
    }

    /// FILES, ENVIRONMENT and EXIT STATUS as the long help shows them.
    fn tail(&self, name: &str) -> String {
        let mut text = String::new();
        section(&mut text, "Files", self.files.iter().map(|(path, use_)| ((*path).to_owned(), *use_)));
        section(
            &mut text,
            "Environment",
            self.environment.iter().map(|(key, use_)| ((*key).to_owned(), *use_)),
        );
        section(
            &mut text,
            "Exit status",
            self.all_exits().iter().map(|(code, use_)| (code.to_string(), *use_)),
        );
        text.push_str(&format!("See also: edgekit man {name}"));
        text
    }
}

fn section<'a>(text: &mut String, title: &str, rows: impl Iterator<Item = (String, &'a str)>) {
    let rows: Vec<(String, &str)> = rows.collect();
    let Some(width) = rows.iter().map(|(key, _)| key.chars().count()).max() else { return };
    text.push_str(&format!("{title}:\n"));
    for (key, use_) in rows {
        text.push_str(&format!("  {key:<width$}  {use_}\n"));
    }
    text.push('\n');
}
