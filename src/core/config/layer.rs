//! Layers over each other: named tables merge by name, all else the later one replaces.

use std::collections::BTreeMap;

use super::check;
use super::describe::{Key, Kind, Section};
use super::problem::{Problem, Problems};
use super::value::{Node, Origin, Table};

/// Lays `upper` over `lower`.
pub(crate) fn merge(lower: &mut Table, upper: Table) {
    if matches!(lower.origin, Origin::Default) {
        lower.origin = upper.origin;
    }
    for (name, node) in upper.entries {
        match (lower.entries.get_mut(&name), node) {
            (Some(Node::Table(below)), Node::Table(above)) => merge(below, above),
            (_, node) => drop(lower.entries.insert(name, node)),
        }
    }
}

/// Fills in what nobody gave; a required key that is missing is a problem.
pub(crate) fn complete(section: &Section, table: &mut Table, place: &str, problems: &mut Problems) {
    for key in section.keys {
        let place = join(place, key.name);
        match (&key.kind, table.entries.get_mut(key.name)) {
            (Kind::Section(section), given) => {
                if given.is_none() {
                    table.entries.insert(key.name.to_owned(), Node::Table(Table::new(Origin::Default)));
                }
                if let Some(Node::Table(below)) = table.entries.get_mut(key.name) {
                    complete(section, below, &place, problems);
                }
            }
            (Kind::Named(section), Some(Node::Table(tables))) => {
                for (name, node) in &mut tables.entries {
                    if let Node::Table(below) = node {
                        complete(section, below, &join(&place, name), problems);
                    }
                }
            }
            (Kind::Named(_), _) => {
                table.entries.insert(key.name.to_owned(), Node::Table(Table::new(Origin::Default)));
            }
            (_, Some(_)) => {}
            (kind, None) => match key.default.and_then(|text| check::literal(key, kind, text)) {
                Some(value) => {
                    drop(table.entries.insert(key.name.to_owned(), Node::Value(value, Origin::Default)))
                }
                None if key.required => problems.push(missing(key, &place, &table.origin)),
                None => {}
            },
        }
    }
}

/// What somebody gave, as TOML: a line a value (`listener.web.address = "…"`), tables of a collection
/// that say nothing as empty ones.
pub(crate) fn given(section: &Section, table: &Table, place: &str, into: &mut String) {
    for key in section.keys {
        let place = join(place, key.name);
        match (&key.kind, table.entries.get(key.name)) {
            (Kind::Section(section), Some(Node::Table(below))) => given(section, below, &place, into),
            (Kind::Named(section), Some(Node::Table(tables))) => {
                for (name, node) in &tables.entries {
                    let Node::Table(below) = node else { continue };
                    let (place, start) = (join(&place, name), into.len());
                    given(section, below, &place, into);
                    if into.len() == start {
                        into.push_str(&format!("{place} = {{}}\n"));
                    }
                }
            }
            (_, Some(Node::Value(value, origin))) if !matches!(origin, Origin::Default) => {
                into.push_str(&format!("{place} = {value}\n"));
            }
            _ => {}
        }
    }
}

fn missing(key: &Key, place: &str, origin: &Origin) -> Problem {
    let hint = match key.like {
        Some(like) => format!("add, for example: {} = {like}", key.name),
        None => format!("it is {}", key.kind.name()),
    };
    Problem::at(origin.clone(), format!("'{place}' is missing")).hint(hint)
}

/// `listener` and `web` → `listener.web`.
pub(crate) fn join(place: &str, name: &str) -> String {
    let name = super::value::bare_or_quoted(name);
    if place.is_empty() { name } else { format!("{place}.{name}") }
}

/// Every value with its key, by the path of the key, tables opened up.
pub(crate) fn leaves<'a>(
    section: &'a Section,
    table: &'a Table,
    place: &str,
    into: &mut BTreeMap<String, (&'a Key, &'a Node)>,
) {
    for key in section.keys {
        let place = join(place, key.name);
        match (&key.kind, table.entries.get(key.name)) {
            (Kind::Section(section), Some(Node::Table(below))) => leaves(section, below, &place, into),
            (Kind::Named(section), Some(Node::Table(tables))) => {
                for (name, node) in &tables.entries {
                    if let Node::Table(below) = node {
                        leaves(section, below, &join(&place, name), into);
                    }
                }
            }
            (_, Some(node)) => drop(into.insert(place, (key, node))),
            (_, None) => {}
        }
    }
}
