//! Faults of a description itself, found by a test over every applet, never by a user.

use std::collections::BTreeSet;

use super::check;
use super::describe::{Key, Kind, Section};
use super::formats::SECRET;

/// Words that make a key a secret, which only a file may hold.
const SECRETS: [&str; 5] = ["password", "passphrase", "secret", "token", "private_key"];

impl Section {
    /// What is wrong with this description, one line each: nothing, in a build that is shipped.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        look(self, "", &mut faults);
        faults
    }
}

fn look(section: &Section, place: &str, faults: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    for key in section.keys {
        let place = super::layer::join(place, key.name);
        let mut fault = |what: &str| faults.push(format!("{place}: {what}"));
        if !names.insert(key.name) {
            fault("described twice");
        }
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if !key.name.starts_with(|first: char| first.is_ascii_lowercase()) || !key.name.chars().all(fits) {
            fault("a key is lower case, words joined by '_'");
        }
        // Two of them part the levels of a variable.
        if key.name.contains("__") {
            fault("a key holds no '__'");
        }
        if key.about.is_empty() || key.about.ends_with('.') {
            fault("the manual is one line without a full stop");
        }
        values(key, &mut fault);
        match key.kind {
            Kind::Section(below) | Kind::Named(below) => look(below, &place, faults),
            _ => {}
        }
    }
}

fn values(key: &Key, fault: &mut impl FnMut(&str)) {
    let is_table = matches!(key.kind, Kind::Section(_) | Kind::Named(_));
    if is_table && (key.default.is_some() || key.range.is_some()) {
        fault("a table has neither default nor range");
    }
    if !is_table && key.default.is_none() && key.like.is_none() {
        fault("a key without a default needs a value for the example");
    }
    for text in [key.default, key.like].into_iter().flatten() {
        let parsed = toml::de::DeValue::parse(text);
        if !parsed.is_ok_and(|value| check::value(key, &key.kind, value.get_ref()).is_ok()) {
            fault(&format!("{text} is no value of it"));
        }
    }
    let element = match &key.kind {
        Kind::List(of) => of,
        kind => kind,
    };
    if let Some((low, high)) = key.range {
        for end in [low, high] {
            if check::literal(key, element, end).is_none() {
                fault(&format!("{end} is no end of its range"));
            }
        }
    }
    let is_secret = matches!(key.kind, Kind::Text(format) if std::ptr::eq(format, &SECRET));
    let sounds_secret = SECRETS.iter().any(|word| key.name.contains(word));
    if is_secret && !key.name.ends_with("_file") || sounds_secret && !is_secret && !is_table {
        fault("a secret is a SecretFile, and its key ends in '_file'");
    }
}
