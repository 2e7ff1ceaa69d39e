//! The commented example of an applet's file: every key with its default, ready to be edited.
//!
//! As it stands it changes nothing; each line that begins with `#` and no space can be uncommented
//! alone, below the header of its table.

use super::describe::{Key, Kind, Section};
use crate::text;

/// Columns of the comments.
const WIDTH: usize = 90;

/// The name that stands in for the names of a collection.
const NAME: &str = "example";

/// The text of `NAME.toml`.
pub fn example(applet: &str, section: &Section) -> String {
    let mut text = format!("# {applet}.toml: {}\n", lower_first(section.about));
    text.push_str("# Every key is shown with its default. Remove the '#' before a line to change it.\n");
    keys(section, "", &mut text);
    text
}

fn keys(section: &Section, place: &str, into: &mut String) {
    // Values come before tables: TOML would take them for the table's.
    let is_table = |key: &&Key| matches!(key.kind, Kind::Section(_) | Kind::Named(_));
    for key in section.keys.iter().filter(|key| !is_table(key)) {
        into.push('\n');
        comment(&format!("{}: {}", key.about, notes(key)), into);
        let value = key.default.or(key.like).unwrap_or("\"\"");
        into.push_str(&format!("#{} = {value}\n", key.name));
    }
    for key in section.keys.iter().filter(is_table) {
        into.push('\n');
        comment(key.about, into);
        let place = if place.is_empty() { key.name.to_owned() } else { format!("{place}.{}", key.name) };
        match key.kind {
            Kind::Named(below) => {
                let place = format!("{place}.{NAME}");
                into.push_str(&format!("#[{place}]\n"));
                keys(below, &place, into);
            }
            Kind::Section(below) => {
                into.push_str(&format!("#[{place}]\n"));
                keys(below, &place, into);
            }
            _ => {}
        }
    }
}

/// What a key holds: `a whole number, 1 to 64, restart`.
pub fn notes(key: &Key) -> String {
    let mut notes = vec![key.kind.name()];
    if let Some((low, high)) = key.range {
        notes.push(format!("{} to {}", low.trim_matches('"'), high.trim_matches('"')));
    }
    if key.required {
        notes.push("required".to_owned());
    } else if key.default.is_none() {
        notes.push("not set".to_owned());
    }
    notes.push(key.reload.word().to_owned());
    notes.join(", ")
}

fn comment(words: &str, into: &mut String) {
    for line in text::wrap(words, 0, WIDTH).lines() {
        into.push_str(&format!("# {line}\n"));
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + letters.as_str())
}
