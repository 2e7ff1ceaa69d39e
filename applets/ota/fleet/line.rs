//! One origin as it is followed: when to ask it next, what it knows, what it is still to be told.
//!
//! Neighbours: `origin` is the other side, `follow` asks.

use std::time::Duration;

use edgekit_http::Retry;
use rustix::rand::{GetRandomFlags, getrandom};
use serde_json::{Value, json};

use super::job::Report;
use super::origin::{Heard, Kind, Origin, Trouble};
use crate::hex::Hex;

/// How often to ask an origin that does not say.
const EVERY: Duration = Duration::from_secs(300);
/// First and longest wait after a trouble, unless the origin is asked less often anyway.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(900));
/// The spread of a whole fleet that comes back at one moment.
const SPREAD: Duration = Duration::from_secs(60);

/// An origin.
pub(crate) struct Line {
    pub(crate) origin: Box<dyn Origin>,
    /// When it is asked next, by the boot clock.
    due: Duration,
    /// When it was asked last, and how often it wants to be.
    asked: Duration,
    again: Duration,
    watch: Option<Duration>,
    tries: Option<edgekit_http::Attempts>,
    /// Wall time of the last answer, in seconds.
    heard: Option<u64>,
    trouble: Option<Trouble>,
    /// The attributes it was told.
    pub(crate) told: Vec<(String, String)>,
    /// What it knows to run.
    pub(crate) knows: Option<Hex>,
    /// What it is still to be told, and when.
    pub(crate) report: Option<Report>,
    /// The action that waits for a person.
    pub(crate) consent: Option<String>,
    /// The action whose bundle could not be read, and how often.
    tried: (String, u32),
}

impl Line {
    pub(crate) fn new(origin: Box<dyn Origin>, every: Option<Duration>, now: Duration) -> Line {
        let again = every.unwrap_or(EVERY);
        Line {
            origin,
            due: now + random((again / 10).min(SPREAD)),
            asked: now,
            again,
            watch: None,
            tries: None,
            heard: None,
            trouble: None,
            told: Vec::new(),
            knows: None,
            report: None,
            consent: None,
            tried: (String::new(), 0),
        }
    }

    /// Counts an attempt at an action.
    pub(crate) fn tried(&mut self, action: &str) -> u32 {
        if self.tried.0 != action {
            self.tried = (action.to_owned(), 0);
        }
        self.tried.1 += 1;
        self.tried.1
    }

    /// When to ask next, by the boot clock; sooner while an installation of its own is under way.
    pub(crate) fn due(&self, is_watched: bool) -> Duration {
        match self.watch.filter(|_| is_watched && self.tries.is_none()) {
            Some(watch) => self.due.min(self.asked + watch),
            None => self.due,
        }
    }

    /// Ask at once.
    pub(crate) fn hurry(&mut self) {
        (self.due, self.tries) = (Duration::ZERO, None);
    }

    /// It answered.
    pub(crate) fn answered(&mut self, heard: &Heard, now: Duration, wall: u64) {
        self.again = heard.again.unwrap_or(EVERY);
        (self.asked, self.watch, self.tries) = (now, heard.watch, None);
        self.due = now + self.again + random(self.again / 10);
        self.heard = Some(wall);
        if self.trouble.take().is_some() {
            tracing::info!(target: "ota", "{} answers again", self.origin.name());
        }
    }

    /// It did not, or not well.
    pub(crate) fn failed(&mut self, trouble: Trouble, now: Duration) {
        let cap = BACK_OFF.1.min(self.again.max(BACK_OFF.0));
        let tries = self.tries.get_or_insert_with(|| Retry::forever(BACK_OFF.0, cap).start());
        let wait = match trouble.kind {
            Kind::Away => tries.next_wait(trouble.after),
            // Nothing of this passes soon by itself.
            Kind::Denied | Kind::Gone | Kind::Nonsense => {
                Some(trouble.after.unwrap_or_default() + self.again + random(self.again / 10))
            }
        };
        self.asked = now;
        self.due = now + wait.unwrap_or(cap);
        let is_new = self.trouble.as_ref().is_none_or(|before| before.why != trouble.why);
        if is_new {
            let (name, why) = (self.origin.name(), &trouble.why);
            match trouble.kind {
                Kind::Away => tracing::warn!(target: "ota", "{name} does not answer: {why}"),
                Kind::Denied => tracing::error!(target: "ota", "{name} refuses what it is asked: {why}"),
                Kind::Gone => tracing::error!(target: "ota", "{name} has nothing there: {why}"),
                Kind::Nonsense => tracing::error!(target: "ota", "{name} says what makes no sense: {why}"),
            }
        }
        self.trouble = Some(trouble);
    }

    /// For the status.
    pub(crate) fn show(&self, now: Duration, is_watched: bool) -> Value {
        json!({
            "name": self.origin.name(),
            "answers": self.trouble.is_none(),
            "trouble": self.trouble.as_ref().map(|trouble| trouble.why.as_str()),
            "heard_at_s": self.heard,
            "next_in_s": self.due(is_watched).saturating_sub(now).as_secs(),
            "report_waits": self.report.is_some(),
            "consent_waits": self.consent,
        })
    }
}

/// Some part of a time. A kernel without random bytes gives half.
fn random(most: Duration) -> Duration {
    let mut bytes = [0; 4];
    let number = match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(4) => u32::from_ne_bytes(bytes),
        _ => u32::MAX / 2,
    };
    most.mul_f64(f64::from(number) / f64::from(u32::MAX))
}
