//! One event as one line of text: whatever a peer sends, a line of the log stays a line.

use std::error::Error;
use std::fmt::{Debug, Write};
use std::time::Duration;

use edgekit_core::calendar::Civil;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

use super::Format;

/// The message and the fields of an event and its spans, outermost first.
#[derive(Debug, Default)]
pub(super) struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    pub(super) fn extend(&mut self, outer: &Fields) {
        self.others.extend(outer.others.iter().cloned());
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(words)) => self.message = words,
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, Value::from(value.to_string()));
    }
}

pub(super) fn lay_out(format: Format, wall: Duration, about: &Metadata<'_>, fields: &Fields) -> String {
    let target = about.target().strip_prefix("edgekit_").unwrap_or(about.target());
    let mut line = String::with_capacity(160);
    match format {
        Format::Text => {
            line.push_str(&format!("{} {:>5} {target}: ", stamp(wall), about.level()));
            plain(&mut line, &fields.message);
            pairs(&mut line, fields);
        }
        Format::Journal => {
            line.push_str(&format!("<{}>{target}: ", priority(about.level())));
            plain(&mut line, &fields.message);
            pairs(&mut line, fields);
        }
        Format::Logfmt => {
            let level = about.level().as_str().to_ascii_lowercase();
            line.push_str(&format!("ts={} level={level} target={target} msg=", stamp(wall)));
            quoted(&mut line, &fields.message);
            pairs(&mut line, fields);
        }
        Format::Json => {
            let mut object = Map::new();
            for (name, value) in &fields.others {
                object.insert((*name).to_owned(), value.clone());
            }
            object.insert("ts".to_owned(), stamp(wall).into());
            object.insert("level".to_owned(), about.level().as_str().to_ascii_lowercase().into());
            object.insert("target".to_owned(), target.into());
            object.insert("msg".to_owned(), fields.message.as_str().into());
            line = Value::Object(object).to_string();
        }
    }
    line.push('\n');
    line
}

fn pairs(line: &mut String, fields: &Fields) {
    for (name, value) in &fields.others {
        line.push_str(&format!(" {name}="));
        match value {
            Value::String(words) => quoted(line, words),
            other => line.push_str(&other.to_string()),
        }
    }
}

/// Bare where it reads as one word, else in quotes.
fn quoted(line: &mut String, words: &str) {
    let bare = |letter: char| !letter.is_whitespace() && !letter.is_control() && !"\"=\\".contains(letter);
    if !words.is_empty() && words.chars().all(bare) {
        line.push_str(words);
    } else {
        line.push('"');
        for letter in words.chars() {
            match letter {
                '"' => line.push_str("\\\""),
                '\\' => line.push_str("\\\\"),
                letter => visible(line, letter),
            }
        }
        line.push('"');
    }
}

fn plain(line: &mut String, words: &str) {
    words.chars().for_each(|letter| visible(line, letter));
}

/// Control characters end lines and steer terminals: they are shown, not sent.
fn visible(line: &mut String, letter: char) {
    if letter.is_control() {
        let _infallible = write!(line, "{}", letter.escape_default());
    } else {
        line.push(letter);
    }
}

/// The number syslog(3) has for a level.
fn priority(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// RFC 3339 in UTC with milliseconds.
fn stamp(wall: Duration) -> String {
    format!("{}.{:03}Z", Civil::since_1970(wall.as_secs()), wall.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_at_the_edges() {
        assert_eq!(stamp(Duration::ZERO), "1970-01-01T00:00:00.000Z");
        assert_eq!(stamp(Duration::from_millis(951_782_399_999)), "2000-02-28T23:59:59.999Z");
        assert_eq!(stamp(Duration::from_secs(951_782_400)), "2000-02-29T00:00:00.000Z");
        assert_eq!(stamp(Duration::from_secs(4_107_542_399)), "2100-02-28T23:59:59.000Z");
        assert_eq!(stamp(Duration::from_secs(4_107_542_400)), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn what_a_peer_sends_stays_on_its_line() {
        let mut line = String::new();
        quoted(&mut line, "a\nb\x1b[31m \"c\"");
        assert_eq!(line, "\"a\\nb\\u{1b}[31m \\\"c\\\"\"");
        line.clear();
        quoted(&mut line, "plain");
        quoted(&mut line, "");
        assert_eq!(line, "plain\"\"");
    }
}
