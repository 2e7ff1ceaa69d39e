//! What went through an engine, as JSON lines, and what other rules would have made of it.
//!
//! ```text
//! {"schema":"edgekit.rules.record/1","kind":"event","id":7,"at":…ns,"generation":3,"topic":"trace.event","data":{…}}
//! {"schema":"edgekit.rules.record/1","kind":"action","id":7,"at":…,"generation":3,"rule":"slow-open","action":{…}}
//! {"schema":"edgekit.rules.record/1","kind":"swap","generation":4}
//! ```
//! Values are written exactly (`json.rs`): 64-bit integers, NaN and bytes that are no text come back as they were.
//! An action comes of the event with its id; ids from 2^63 on are those of timers. Neighbours: [`crate::Observer`] feeds
//! a [`Recorder`], the applet decides where lines go; `replay.rs` feeds a [`Recording`] to a generation.

mod action;
mod replay;

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
    sync::Arc,
    time::Duration,
};

use edgekit_core::json;
use serde_json::{Value as Json, json};

use crate::{Deed, Event, Observer, Value};

pub use replay::{Difference, Side, compare, replay};

/// Bytes of one line that are read.
const MAX_LINE: u64 = 16 << 20;
/// The shape's name.
const SCHEMA: &str = "edgekit.rules.record/1";

/// An event as a line, without its schema: `edgekit_core::json::write_line` adds it.
pub fn event_line(event: &Event, generation: u64) -> Json {
    json!({
        "kind": "event",
        "id": event.id,
        "at": nanos(event.at),
        "generation": generation,
        "topic": &*event.topic,
        "data": event.data.to_json(),
    })
}

/// An action as a line, without its schema.
pub fn deed_line(deed: &Deed) -> Json {
    json!({
        "kind": "action",
        "id": deed.id,
        "at": nanos(deed.at),
        "generation": deed.generation,
        "rule": &*deed.rule,
        "action": action::to_json(&deed.action),
    })
}

/// Writes what it sees as lines.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    failed: Option<io::Error>,
}

impl<W: Write> Recorder<W> {
    /// Writes to `out`, which should be buffered and must not wait.
    pub fn new(out: W) -> Recorder<W> {
        Recorder { out, failed: None }
    }

    /// Flushes and hands back where it wrote to.
    ///
    /// # Errors
    /// The first error there was: nothing was written after it.
    pub fn finish(mut self) -> io::Result<W> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.out),
        }
    }

    fn write(&mut self, line: Json) {
        if self.failed.is_none() {
            self.failed = json::write_line(&mut self.out, "rules.record", line).err();
        }
    }
}

impl<W: Write> Observer for Recorder<W> {
    fn event(&mut self, event: &Event, generation: u64) {
        self.write(event_line(event, generation));
    }

    fn deed(&mut self, deed: &Deed) {
        self.write(deed_line(deed));
    }

    fn swapped(&mut self, generation: u64) {
        self.write(json!({ "kind": "swap", "generation": generation }));
    }
}

/// An action that was recorded, or made in a replay: its JSON form is what is compared.
#[derive(Clone, PartialEq, Debug)]
pub struct Done {
    /// The id of the event it came of.
    pub id: u64,
    /// The time of that event, since 1970.
    pub at: Duration,
    /// The rule.
    pub rule: Arc<str>,
    /// The action, as in the record.
    pub action: Json,
}

impl From<&Deed> for Done {
    fn from(deed: &Deed) -> Done {
        Done { id: deed.id, at: deed.at, rule: deed.rule.clone(), action: action::to_json(&deed.action) }
    }
}

/// A record that was read.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Recording {
    /// Events from outside, in order.
    pub events: Vec<Event>,
    /// What rules did then.
    pub done: Vec<Done>,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file could not be read.
    #[error("cannot read line {line}: {}", edgekit_core::text::io_reason(source))]
    Io {
        /// The line, from 1.
        line: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A line is none of a record.
    #[error("line {line}: {why}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Another version wrote it.
    #[error(
        "line {line}: the record is '{found}', and this version reads '{SCHEMA}'; use the edgekit that wrote it"
    )]
    Schema {
        /// The line, from 1.
        line: usize,
        /// What the line says it is.
        found: String,
    },
}

impl Recording {
    /// Reads a record. A last line that is cut off, as a kill leaves it, is left out.
    ///
    /// # Errors
    /// The first line that is none, with its number.
    pub fn read(mut from: impl BufRead) -> Result<Recording, RecordError> {
        let mut recording = Recording::default();
        let mut topics = Names::default();
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let count = io::Read::take(&mut from, MAX_LINE).read_until(b'\n', &mut text);
            if count.map_err(|source| RecordError::Io { line, source })? == 0 {
                break;
            }
            let whole = text.ends_with(b"\n");
            if !whole && text.len() as u64 == MAX_LINE {
                return Err(RecordError::Line { line, why: "it is longer than 16 MiB".to_owned() });
            }
            match serde_json::from_slice::<Json>(&text) {
                Ok(json) => recording.take(line, &json, &mut topics)?,
                Err(_) if !whole => break,
                Err(error) => return Err(RecordError::Line { line, why: format!("it is no JSON: {error}") }),
            }
        }
        Ok(recording)
    }

    fn take(&mut self, line: usize, json: &Json, names: &mut Names) -> Result<(), RecordError> {
        let found = json["schema"].as_str().unwrap_or("nothing").to_owned();
        if found != SCHEMA {
            return Err(RecordError::Schema { line, found });
        }
        let wrong = |why: String| RecordError::Line { line, why };
        let number = |field: &str| {
            json[field]
                .as_u64()
                .ok_or_else(|| wrong(format!("'{field}' is no whole number from 0 to 2^64-1")))
        };
        let text = |field: &str| json[field].as_str().ok_or_else(|| wrong(format!("'{field}' is no text")));
        match text("kind")? {
            "event" => {
                let data =
                    Value::from_json(&json["data"]).map_err(|error| wrong(format!("'data': {error}")))?;
                self.events.push(Event {
                    topic: names.get(text("topic")?),
                    id: number("id")?,
                    at: Duration::from_nanos(number("at")?),
                    data,
                });
            }
            "action" => self.done.push(Done {
                id: number("id")?,
                at: Duration::from_nanos(number("at")?),
                rule: names.get(text("rule")?),
                action: json["action"].clone(),
            }),
            // What a later version adds beside these does not change them.
            _ => {}
        }
        Ok(())
    }
}

/// Each name once in memory.
#[derive(Default)]
struct Names(HashMap<String, Arc<str>>);

impl Names {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let made: Arc<str> = name.into();
        self.0.insert(name.to_owned(), made.clone());
        made
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
