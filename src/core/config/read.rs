//! One file against the description: what fits becomes a [`Table`], what does not a [`Problem`].
//!
//! Faults of TOML itself end a file's reading, all of them told; faults against the description do
//! not hide each other. `check.rs` knows what a single value must be.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{self, Complaint};
use super::describe::{Key, Kind, MAX_LIST, Section};
use super::problem::{Problem, Problems};
use super::value::{Node, Origin, Table, Text, Value};
use crate::text;

/// Reads a whole file. `bytes` is its content as it lies on disk.
pub(crate) fn file(section: &Section, name: &str, bytes: Vec<u8>, problems: &mut Problems) -> Table {
    let content = match String::from_utf8(bytes) {
        Ok(content) => content,
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let content = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let text = Arc::new(Text { name: name.to_owned(), content });
            let origin = Origin::File(text, good..good + '\u{fffd}'.len_utf8());
            problems.push(Problem::at(origin, "not UTF-8 text").hint("save the file as UTF-8"));
            return Table::new(Origin::Default);
        }
    };
    let text = Arc::new(Text { name: name.to_owned(), content });
    let (root, errors) = DeTable::parse_recoverable(&text.content);
    let mut reader = Reader { text: &text, problems };
    if errors.is_empty() {
        return reader.section(section, root.get_ref(), Origin::File(text.clone(), 0..0));
    }
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        // The parser's own words are in our style; only its first line is about this place.
        let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
        reader.complain(span, message, None);
    }
    Table::new(Origin::Default)
}

struct Reader<'a> {
    text: &'a Arc<Text>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        Origin::File(self.text.clone(), span)
    }

    fn complain(&mut self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        let mut problem = Problem::at(self.origin(span), message);
        problem.hint = hint;
        self.problems.push(problem);
    }

    fn section(&mut self, section: &Section, table: &DeTable<'_>, origin: Origin) -> Table {
        let mut checked = Table::new(origin);
        // In the order of the file, so that its faults are told from top to bottom.
        let mut entries: Vec<_> = table.iter().collect();
        crate::sort::by_key(&mut entries, |(name, _)| name.span().start);
        for (name, value) in entries {
            match section.key(name.get_ref()) {
                Some(key) => {
                    if let Some(node) = self.key(key, name.span(), value) {
                        checked.entries.insert(key.name.to_owned(), node);
                    }
                }
                None => {
                    let (message, hint) = unknown(section, name.get_ref());
                    self.complain(name.span(), message, Some(hint));
                }
            }
        }
        checked
    }

    fn key(&mut self, key: &Key, name: Range<usize>, value: &Spanned<DeValue<'_>>) -> Option<Node> {
        match (&key.kind, value.get_ref()) {
            (Kind::Section(section), DeValue::Table(table)) => {
                let origin = self.origin(name);
                Some(Node::Table(self.section(section, table, origin)))
            }
            (Kind::Named(section), DeValue::Table(tables)) => Some(self.named(key, section, name, tables)),
            (Kind::Section(_) | Kind::Named(_), other) => {
                let shape = match key.kind {
                    Kind::Section(_) => format!("[{}]", key.name),
                    _ => format!("[{}.NAME]", key.name),
                };
                let message = format!("'{}' must be a table, not {}", key.name, check::found(other));
                self.complain(value.span(), message, Some(format!("write its keys below {shape}")));
                None
            }
            _ => {
                let checked = self.value(key, &key.kind, value)?;
                Some(Node::Value(checked, self.origin(name.start..value.span().end)))
            }
        }
    }

    fn named(&mut self, key: &Key, section: &Section, at: Range<usize>, tables: &DeTable<'_>) -> Node {
        let mut checked = Table::new(self.origin(at));
        let mut entries: Vec<_> = tables.iter().collect();
        crate::sort::by_key(&mut entries, |(name, _)| name.span().start);
        for (name, value) in entries {
            if let Err(reason) = check::name(name.get_ref()) {
                self.complain(name.span(), reason, None);
                continue;
            }
            let DeValue::Table(table) = value.get_ref() else {
                let name_ = name.get_ref();
                let message =
                    format!("'{}.{name_}' must be a table, not {}", key.name, check::found(value.get_ref()));
                let hint = format!("each is a table with a name of your choice: [{}.{name_}]", key.name);
                self.complain(name.span(), message, Some(hint));
                continue;
            };
            let origin = self.origin(name.span());
            let table = self.section(section, table, origin);
            checked.entries.insert(name.get_ref().to_string(), Node::Table(table));
        }
        Node::Table(checked)
    }

    fn value(&mut self, key: &Key, kind: &Kind, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        if let (Kind::List(of), DeValue::Array(items)) = (kind, value.get_ref()) {
            if items.len() > MAX_LIST {
                let message = format!("'{}' has {} entries, at most {MAX_LIST}", key.name, items.len());
                self.complain(value.span(), message, None);
                return None;
            }
            // Each wrong entry is told; one is enough to refuse the list.
            let mut wrong = false;
            let mut checked = Vec::with_capacity(items.len());
            for item in items.iter() {
                match self.value(key, of, item) {
                    Some(item) => checked.push(item),
                    None => wrong = true,
                }
            }
            return (!wrong).then_some(Value::List(checked));
        }
        match check::value(key, kind, value.get_ref()) {
            Ok(value) => Some(value),
            Err(Complaint { message, hint }) => {
                self.complain(value.span(), message, hint);
                None
            }
        }
    }
}

/// What to say of a key that is not there.
pub(crate) fn unknown(section: &Section, name: &str) -> (String, String) {
    let names = || section.keys.iter().map(|key| key.name);
    let hint = match text::nearest(name, names()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    };
    (format!("unknown key '{name}'"), hint)
}
