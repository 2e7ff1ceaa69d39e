//! Checked values and where each came from.
//!
//! `read.rs` makes them from a file, `words.rs` from the environment and from flags, `layer.rs`
//! lays them over each other; `typed.rs` turns the result into an applet's struct.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde_json::json;

/// One text that was read, kept so that a later complaint can show its line.
#[derive(Debug)]
pub struct Text {
    /// The file's path.
    pub name: String,
    /// All of it.
    pub content: String,
}

impl Text {
    /// Line and column of a byte, both from 1; columns count characters.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.content.get(..offset).unwrap_or(&self.content);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before[start..].chars().count() + 1)
    }
}

/// Where a value came from, the weakest first.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The description.
    Default,
    /// A piece of a file.
    File(Arc<Text>, Range<usize>),
    /// A variable of this name.
    Environment(String),
    /// A flag of this name.
    Flag(String),
}

impl Origin {
    /// The object of `config show --json`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Origin::Default => json!({ "kind": "default" }),
            Origin::File(text, span) => {
                let (line, column) = text.place(span.start);
                json!({ "kind": "file", "path": text.name, "line": line, "column": column })
            }
            Origin::Environment(name) => json!({ "kind": "environment", "name": name }),
            Origin::Flag(name) => json!({ "kind": "flag", "name": name }),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(text, span) => {
                let (line, column) = text.place(span.start);
                write!(f, "{}:{line}:{column}", text.name)
            }
            Origin::Environment(name) | Origin::Flag(name) => f.write_str(name),
        }
    }
}

/// A value that fits its key.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// Text in its canonical form.
    Text(String),
    /// A list of one kind.
    List(Vec<Value>),
}

impl Value {
    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Bool(value) => json!(value),
            Value::Integer(value) => json!(value),
            Value::Number(value) => json!(value),
            Value::Text(value) => json!(value),
            Value::List(values) => values.iter().map(Value::to_json).collect(),
        }
    }
}

impl fmt::Display for Value {
    /// As it would be written in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            // Debug keeps the fraction that makes it a float: `1.0`.
            Value::Number(value) => write!(f, "{value:?}"),
            Value::Text(value) => f.write_str(&quoted(value)),
            Value::List(values) => {
                f.write_str("[")?;
                for (position, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if position > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// A TOML basic string.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

/// A name as it stands in a table header: bare if it can be.
pub(crate) fn bare_or_quoted(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

/// A value or a table of them.
#[derive(Clone, Debug)]
pub enum Node {
    /// A leaf.
    Value(Value, Origin),
    /// A section, or all of one name.
    Table(Table),
}

/// The checked keys of a section, or the tables of a collection by name.
#[derive(Clone, Debug)]
pub struct Table {
    /// By key or name.
    pub entries: BTreeMap<String, Node>,
    /// Where it was first opened.
    pub origin: Origin,
}

impl Table {
    /// An empty one.
    pub fn new(origin: Origin) -> Table {
        Table { entries: BTreeMap::new(), origin }
    }

    /// The table below `name`, made if it is not there; none if a value is.
    pub(crate) fn open(&mut self, name: &str, origin: &Origin) -> Option<&mut Table> {
        let made = || Node::Table(Table::new(origin.clone()));
        match self.entries.entry(name.to_owned()).or_insert_with(made) {
            Node::Table(table) => Some(table),
            Node::Value(..) => None,
        }
    }
}
