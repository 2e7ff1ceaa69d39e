//! What an applet finds when it looks at the machine it is on: the lines of `doctor`.
//!
//! An applet's `check` returns these; `edgekit doctor` and `edgekit APPLET doctor` print them.

use serde_json::{Value, json};

/// How far a thing can be used here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Tried or read, and usable.
    Works,
    /// Usable with a limit the detail names.
    Limited,
    /// Not usable here.
    Missing,
    /// Could not be found out, for the reason in the detail.
    Unknown,
}

impl Status {
    /// The word shown in text and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Works => "works",
            Status::Limited => "limited",
            Status::Missing => "missing",
            Status::Unknown => "unknown",
        }
    }
}

/// One fact about this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub name: String,
    /// How far it can be used.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do about it, where something can be done.
    pub hint: Option<String>,
}

impl Finding {
    /// A fact without a hint.
    pub fn new(name: impl Into<String>, status: Status, detail: impl Into<String>) -> Finding {
        Finding { name: name.into(), status, detail: detail.into(), hint: None }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }

    /// The object of `doctor --json`.
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "name": self.name, "status": self.status.word(), "detail": self.detail });
        if let Some(hint) = &self.hint {
            object["hint"] = json!(hint);
        }
        object
    }
}
