//! What differs between two loads, and what of it has to wait for a restart.

use std::fmt;

use super::describe::{Kind, Reload, Section};
use super::layer::join;
use super::load::Loaded;
use super::value::{Node, Table};
use crate::sort;

/// One key that changed, or one named table that came or went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// `listener.web.address`, or `listener.web` for a whole table.
    pub key: String,
    /// The value before; none if there was none.
    pub from: Option<String>,
    /// The value after.
    pub to: Option<String>,
    /// When it takes effect.
    pub reload: Reload,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{}: {from} → {to}", self.key),
            (None, Some(to)) => write!(f, "{}: {to} is new", self.key),
            (Some(from), None) => write!(f, "{}: {from} is gone", self.key),
            (None, None) => f.write_str(&self.key),
        }
    }
}

/// All changes from `old` to `new`, by key. A reload applies those that are live and lists the others
/// in its verdict.
pub fn diff(old: &Loaded, new: &Loaded) -> Vec<Change> {
    let (section, before) = old.parts();
    let (_, after) = new.parts();
    let mut changes = Vec::new();
    compare(section, &before, &after, "", &mut changes);
    changes
}

fn compare(section: &Section, old: &Table, new: &Table, place: &str, changes: &mut Vec<Change>) {
    for key in section.keys {
        let place = join(place, key.name);
        match (&key.kind, old.entries.get(key.name), new.entries.get(key.name)) {
            (Kind::Section(below), Some(Node::Table(old)), Some(Node::Table(new))) => {
                compare(below, old, new, &place, changes);
            }
            (Kind::Named(below), Some(Node::Table(old)), Some(Node::Table(new))) => {
                let mut names: Vec<&String> = old.entries.keys().chain(new.entries.keys()).collect();
                sort::natural(&mut names);
                names.dedup();
                for name in names {
                    let place = join(&place, name);
                    let table = || Some("table".to_owned());
                    match (old.entries.get(name), new.entries.get(name)) {
                        (Some(Node::Table(old)), Some(Node::Table(new))) => {
                            compare(below, old, new, &place, changes);
                        }
                        (None, Some(_)) => {
                            changes.push(Change { key: place, from: None, to: table(), reload: key.reload });
                        }
                        _ => changes.push(Change { key: place, from: table(), to: None, reload: key.reload }),
                    }
                }
            }
            (_, old, new) => {
                let (from, to) = (old.map(shown), new.map(shown));
                if from != to {
                    changes.push(Change { key: place, from, to, reload: key.reload });
                }
            }
        }
    }
}

fn shown(node: &Node) -> String {
    match node {
        Node::Value(value, _) => value.to_string(),
        Node::Table(_) => "table".to_owned(),
    }
}
