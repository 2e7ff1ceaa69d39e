//! The environment and the flags: `EDGEKIT_PROXY_LISTENER__WEB__ADDRESS=…`, `--listen …`.
//!
//! A variable names its key in capitals, `__` between levels. The name of a collection's table is
//! found among those of the files without regard to case and signs (`web-1` is `WEB_1`); one that no
//! file has is new, in lower case.

use super::check::{self, Complaint};
use super::describe::{Kind, Section};
use super::problem::{Problem, Problems};
use super::read::unknown;
use super::value::{Node, Origin, Table};
use crate::Environment;

/// A value a flag gives to a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flag {
    /// The flag as typed: `--listen`.
    pub name: String,
    /// Its key, level by level: `["listener", "web", "address"]`.
    pub key: Vec<String>,
    /// The word after it.
    pub value: String,
}

/// `proxy` → `EDGEKIT_PROXY_`.
pub(crate) fn prefix(applet: &str) -> String {
    format!("EDGEKIT_{}_", shout(applet))
}

/// Capitals, every sign a `_`.
fn shout(name: &str) -> String {
    let sign = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    name.chars().map(sign).collect()
}

/// Lays the variables of one applet over `table`, in the order of their names.
pub(crate) fn environment(
    section: &'static Section,
    applet: &str,
    environment: &Environment,
    table: &mut Table,
    problems: &mut Problems,
) {
    let prefix = prefix(applet);
    let mut ours: Vec<(&str, &std::ffi::OsStr)> = environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value)))
        .filter(|(name, _)| name.starts_with(&prefix))
        .collect();
    crate::sort::natural(&mut ours);
    for (name, value) in ours {
        let key = name.strip_prefix(&prefix).unwrap_or(name);
        if is_service_link(section, key) {
            continue;
        }
        let levels: Vec<&str> = key.split("__").collect();
        let origin = Origin::Environment(name.to_owned());
        match value.to_str() {
            Some(value) => place(section, table, &levels, value, &Spelling::Shouted, &origin, problems),
            None => problems.push(Problem::at(origin, "not UTF-8 text")),
        }
    }
}

/// Kubernetes tells every container of a service named `edgekit-proxy` by variables such as
/// `EDGEKIT_PROXY_SERVICE_HOST` and `EDGEKIT_PROXY_PORT_443_TCP`. They are no one's settings.
fn is_service_link(section: &Section, key: &str) -> bool {
    let links = ["SERVICE_HOST", "SERVICE_PORT", "PORT_"];
    let known = section.keys.iter().any(|described| Spelling::Shouted.same(described.name, key));
    !known && !key.contains("__") && (key == "PORT" || links.iter().any(|link| key.starts_with(link)))
}

/// Lays the flags over `table`.
pub(crate) fn flags(section: &'static Section, flags: &[Flag], table: &mut Table, problems: &mut Problems) {
    for flag in flags {
        let levels: Vec<&str> = flag.key.iter().map(String::as_str).collect();
        let origin = Origin::Flag(flag.name.clone());
        place(section, table, &levels, &flag.value, &Spelling::Exact, &origin, problems);
    }
}

/// How names of keys are compared.
enum Spelling {
    Exact,
    Shouted,
}

impl Spelling {
    fn same(&self, ours: &str, given: &str) -> bool {
        match self {
            Spelling::Exact => ours == given,
            Spelling::Shouted => shout(ours) == shout(given),
        }
    }

    fn new_name(&self, given: &str) -> String {
        match self {
            Spelling::Exact => given.to_owned(),
            Spelling::Shouted => given.to_ascii_lowercase(),
        }
    }
}

fn place(
    section: &'static Section,
    table: &mut Table,
    levels: &[&str],
    value: &str,
    spelling: &Spelling,
    origin: &Origin,
    problems: &mut Problems,
) {
    let Some((first, rest)) = levels.split_first() else { return };
    let complain =
        |message: String, hint: Option<String>| Problem { origin: Some(origin.clone()), message, hint };
    let Some(key) = section.keys.iter().find(|key| spelling.same(key.name, first)) else {
        let (message, hint) = unknown(section, &first.to_ascii_lowercase());
        problems.push(complain(message, Some(hint)));
        return;
    };
    match (&key.kind, rest) {
        (Kind::Section(below), [_, ..]) => {
            if let Some(table) = table.open(key.name, origin) {
                place(below, table, rest, value, spelling, origin, problems);
            }
        }
        (Kind::Named(below), [name, rest @ ..]) if !rest.is_empty() => {
            let Some(tables) = table.open(key.name, origin) else { return };
            let known: Vec<&String> =
                tables.entries.keys().filter(|known| spelling.same(known, name)).collect();
            let name = match known.as_slice() {
                [] => spelling.new_name(name),
                [one] => (*one).clone(),
                [one, two, ..] => {
                    problems.push(complain(format!("it could mean '{one}' or '{two}'"), None));
                    return;
                }
            };
            if let Err(reason) = check::name(&name) {
                problems.push(complain(reason, None));
                return;
            }
            if let Some(table) = tables.open(&name, origin) {
                place(below, table, rest, value, spelling, origin, problems);
            }
        }
        (Kind::Section(_) | Kind::Named(_), _) => {
            problems.push(complain(format!("'{}' is a table; set one of its keys", key.name), None));
        }
        (_, [_, ..]) => problems.push(complain(format!("'{}' has no keys below it", key.name), None)),
        (kind, []) => match check::word(key, kind, value) {
            Ok(checked) => {
                table.entries.insert(key.name.to_owned(), Node::Value(checked, origin.clone()));
            }
            Err(Complaint { message, hint }) => problems.push(complain(message, hint)),
        },
    }
}
