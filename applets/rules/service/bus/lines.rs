//! Events as they come over the bus: one JSON object a line, in pieces of any size.
//!
//! ```json
//! {"topic":"app.door","data":{"open":true},"at":1767225600.5}
//! ```
//! `at` is seconds since 1970, now without it. A line that is no event is counted and told; those around it count.
//! Pure: bytes in, events out.

use std::sync::Arc;
use std::time::Duration;

use edgekit_rules::Value;
use serde_json::Value as Json;

/// Bytes of one line: a string of 1 MB, even if each of its bytes is escaped.
pub(super) const MAX_LINE: usize = 8 << 20;
/// Bytes of a topic.
const MAX_TOPIC: usize = 128;

/// An event as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    pub(super) topic: Arc<str>,
    pub(super) at: Option<Duration>,
    pub(super) data: Value,
}

/// Cuts pieces into lines, and lines into events.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// The line under way is too long: what is left of it is passed over.
    is_skipping: bool,
    number: u64,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Counted from 1.
    pub(super) line: u64,
    pub(super) message: String,
}

impl Lines {
    /// Takes a piece; gives what each line that ends in it is.
    pub(super) fn take(&mut self, piece: &[u8], mut each: impl FnMut(Result<Sent, Wrong>)) {
        let mut ahead = piece;
        while let Some(end) = ahead.iter().position(|byte| *byte == b'\n') {
            let (line, after) = ahead.split_at(end);
            ahead = &after[1..];
            self.line(line, &mut each);
        }
        if self.is_skipping {
            return;
        }
        if self.rest.len() + ahead.len() > MAX_LINE {
            self.is_skipping = true;
            self.rest = Vec::new();
            return;
        }
        self.rest.extend_from_slice(ahead);
    }

    /// The end of the last line, if it had no newline.
    pub(super) fn end(&mut self, mut each: impl FnMut(Result<Sent, Wrong>)) {
        if self.is_skipping || !self.rest.is_empty() {
            self.line(&[], &mut each);
        }
    }

    fn line(&mut self, end: &[u8], each: &mut impl FnMut(Result<Sent, Wrong>)) {
        self.number += 1;
        let wrong = |message: String| Wrong { line: self.number, message };
        if self.is_skipping || self.rest.len() + end.len() > MAX_LINE {
            self.is_skipping = false;
            self.rest = Vec::new();
            each(Err(wrong(format!("the line is longer than {MAX_LINE} bytes"))));
            return;
        }
        let joined;
        let line = if self.rest.is_empty() {
            end
        } else {
            self.rest.extend_from_slice(end);
            joined = std::mem::take(&mut self.rest);
            &joined
        };
        // An empty line keeps a connection alive.
        if !line.trim_ascii().is_empty() {
            each(event(line).map_err(wrong));
        }
    }
}

fn event(line: &[u8]) -> Result<Sent, String> {
    let value: Json = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    let Json::Object(entries) = value else { return Err("an event is an object".to_owned()) };
    let (mut topic, mut at, mut data) = (None, None, Value::Map(Vec::new()));
    for (name, value) in entries {
        match (name.as_str(), value) {
            ("topic", Json::String(text)) => topic = Some(text),
            ("topic", _) => return Err("'topic' is a text".to_owned()),
            ("at", Json::Null) => {}
            ("at", value) => at = Some(moment(&value).ok_or("'at' is seconds since 1970")?),
            ("data", map @ Json::Object(_)) => {
                data = Value::from_json(&map).map_err(|error| error.to_string())?
            }
            ("data", _) => return Err("'data' is an object: the fields of the event".to_owned()),
            (name, _) => return Err(format!("unknown key '{name}'; an event has topic, data and at")),
        }
    }
    // A number that is marked as no number is no map of fields.
    if !matches!(data, Value::Map(_)) {
        return Err("'data' is an object: the fields of the event".to_owned());
    }
    let topic = topic.ok_or("'topic' is missing: the name of what happened")?;
    if topic.is_empty() || topic.len() > MAX_TOPIC {
        return Err(format!("'topic' is a text of 1 to {MAX_TOPIC} bytes"));
    }
    Ok(Sent { topic: topic.into(), at, data })
}

/// Seconds with their fraction; whole ones exactly.
fn moment(value: &Json) -> Option<Duration> {
    match value.as_u64() {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => Duration::try_from_secs_f64(value.as_f64()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Result<Sent, Wrong>> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.take(piece, |one| found.push(one));
        }
        lines.end(|one| found.push(one));
        found
    }

    #[test]
    fn pieces_of_any_size_are_the_same_lines() {
        let text = b"{\"topic\":\"a\",\"data\":{\"n\":1}}\n\n{\"topic\":\"b\",\"at\":1.5}";
        let whole = all(&[text]);
        assert_eq!(whole.len(), 2);
        let second = whole[1].as_ref().expect("an event");
        assert_eq!((&*second.topic, second.at), ("b", Some(Duration::from_millis(1500))));
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(all(&bytes), whole);
    }

    #[test]
    fn a_wrong_line_costs_no_other() {
        let found = all(&[
            b"{}\n[1]\nnonsense\n{\"topic\":\"\"}\n{\"topic\":\"a\",\"x\":1}\n{\"topic\":\"a\",\"data\":3}\n\
                            {\"topic\":\"a\",\"at\":-1}\n{\"topic\":\"a\"}\n",
        ]);
        assert_eq!(found.len(), 8);
        assert_eq!(found.iter().filter(|one| one.is_ok()).count(), 1);
        assert_eq!(found[2].as_ref().expect_err("no JSON").line, 3);
        assert!(found[4].as_ref().expect_err("unknown").message.starts_with("unknown key 'x'"));
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for _ in 0..20 {
            lines.take(&vec![b'x'; 1 << 20], |one| found.push(one));
            assert!(lines.rest.len() <= MAX_LINE);
        }
        lines.take(b"\n{\"topic\":\"a\"}\n", |one| found.push(one));
        assert!(found[0].is_err() && found[1].is_ok(), "{found:?}");
        assert_eq!(found[0].as_ref().expect_err("too long").line, 1);
    }

    #[test]
    fn large_numbers_and_long_strings_arrive_whole() {
        let long = "y".repeat(1_000_000);
        let text = format!("{{\"topic\":\"a\",\"data\":{{\"n\":18446744073709551615,\"s\":\"{long}\"}}}}\n");
        let found = all(&text.as_bytes().chunks(65_536).collect::<Vec<_>>());
        let sent = found[0].as_ref().expect("an event");
        assert_eq!(sent.data.get("n"), Some(&Value::UInt(u64::MAX)));
        assert_eq!(sent.data.get("s").and_then(Value::as_str).map(str::len), Some(1_000_000));
    }
}
