//! What can be configured, as data: the one description everything else is made from.
//!
//! The macro [`config!`](crate::config!) writes these tables beside the struct they fill; `read.rs`
//! checks files against them, `example.rs` and `schema.rs` print them, `cargo xtask gen` makes the
//! table of the manual page. `formats.rs` holds the texts with a shape (durations, sizes, paths).

/// A table of keys: a whole file, `[tls]`, or each of `[listener.NAME]`.
#[derive(Debug)]
pub struct Section {
    /// What it is for: one line, no full stop.
    pub about: &'static str,
    /// Its keys, in the order the example shows them.
    pub keys: &'static [Key],
}

/// One key of a [`Section`].
#[derive(Debug)]
pub struct Key {
    /// As written in the file: lower case, words joined by `_`.
    pub name: &'static str,
    /// What it does: one line, no full stop.
    pub about: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// The value where nobody gives one, as it would be written in the file.
    pub default: Option<&'static str>,
    /// A value for the example, as written in the file, where there is no default.
    pub like: Option<&'static str>,
    /// Least and greatest value, both allowed, as written in the file.
    pub range: Option<(&'static str, &'static str)>,
    /// True if there is neither a default nor a meaning in its absence.
    pub required: bool,
    /// When a change takes effect.
    pub reload: Reload,
}

/// When a changed key takes effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reload {
    /// At the next reload.
    Live,
    /// When the process starts again.
    Restart,
}

impl Reload {
    /// The word shown in text, JSON and manuals.
    pub const fn word(self) -> &'static str {
        match self {
            Reload::Live => "live",
            Reload::Restart => "restart",
        }
    }
}

/// What a key may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number, both ends allowed.
    Integer {
        /// The least the Rust type holds.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A finite number, with or without a fraction.
    Number,
    /// Text of a shape.
    Text(&'static Format),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// `[a, b]`, at most [`MAX_LIST`] of one kind; a later layer replaces the whole list.
    List(&'static Kind),
    /// `[tls]`: merged key by key.
    Section(&'static Section),
    /// `[listener.NAME]`: merged by name, then key by key.
    Named(&'static Section),
}

/// The longest list.
pub const MAX_LIST: usize = 4096;

/// The longest text, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;

/// A shape of text.
#[derive(Debug)]
pub struct Format {
    /// With its article: `a duration`.
    pub name: &'static str,
    /// How it looks: `10s, 5m or 1h30m`.
    pub shape: &'static str,
    /// A regular expression (ECMA 262) for the JSON Schema; empty for any text. It may accept what
    /// `read` refuses, never the reverse.
    pub pattern: &'static str,
    /// True if a bare whole number may stand for the text.
    pub numbers: bool,
    /// Checks it.
    pub read: fn(&str) -> Result<Reading, String>,
}

/// A text that has its shape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The one way to write this value, so that `60s` and `1m` are the same.
    pub canonical: String,
    /// Its size among its like, where a range has a meaning.
    pub measure: Option<u128>,
}

impl Kind {
    /// What it is, with its article: `a whole number`.
    pub fn name(&self) -> String {
        match self {
            Kind::Bool => "true or false".to_owned(),
            Kind::Integer { .. } => "a whole number".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Text(format) => format.name.to_owned(),
            Kind::Word(words) => match words.split_last() {
                Some((last, [])) => format!("'{last}'"),
                Some((last, rest)) => {
                    let rest: Vec<String> = rest.iter().map(|word| format!("'{word}'")).collect();
                    format!("{} or '{last}'", rest.join(", "))
                }
                None => "nothing".to_owned(),
            },
            Kind::List(of) => format!("a list, each {}", of.name()),
            Kind::Section(_) => "a table".to_owned(),
            Kind::Named(_) => "a table of named tables".to_owned(),
        }
    }
}

impl Section {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
