//! Who offers updates: what every kind of origin is asked, and what it answers.
//!
//! An origin is asked again and again, and told what became of what it offered; whether and when that is taken is
//! decided elsewhere. Neighbours: `poll` (a file on a server or in a folder) and `hawkbit` are origins, `follow`
//! asks them.

use std::time::Duration;

use edgekit_http::header::HeaderValue;
use edgekit_http::{Error, Kind as HttpKind};
use edgekit_rt::BoxFuture;

use super::rules::Hints;
use crate::version::Version;

/// Something to install.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// What the origin calls it; empty where it keeps no account.
    pub(crate) action: String,
    /// An address of HTTP or a path.
    pub(crate) place: String,
    /// Changes when what is there changes, as far as that is known.
    pub(crate) mark: String,
    /// A word for the server of `place`, and no other.
    pub(crate) login: Option<HeaderValue>,
    /// What it is said to be, before anything was fetched; the bundle's signed head decides.
    pub(crate) version: Option<Version>,
    /// When, as the origin wants it.
    pub(crate) hints: Hints,
    /// It may be fetched and written.
    pub(crate) may_write: bool,
    /// It may be switched to.
    pub(crate) may_switch: bool,
    /// False if what is offered makes no sense: `place` is why.
    pub(crate) is_sound: bool,
}

/// The answer to one question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// When to ask again, if the origin says.
    pub(crate) again: Option<Duration>,
    /// How often to ask while an update is written, for somebody may stop it.
    pub(crate) watch: Option<Duration>,
    /// What is offered: the best that fits is taken.
    pub(crate) offers: Vec<Offer>,
    /// An action that is to be stopped.
    pub(crate) cancel: Option<String>,
    /// Somebody is to be asked about this action first.
    pub(crate) consent: Option<String>,
    /// It was told the attributes.
    pub(crate) has_told: bool,
    /// It was told what runs.
    pub(crate) knows_what_runs: bool,
}

/// What an origin is told of a device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct About {
    /// Attributes, by name.
    pub(crate) attributes: Vec<(String, String)>,
    /// Name and version of what runs, if an update ever was committed.
    pub(crate) runs: Option<(String, String)>,
    /// What runs is not what this origin was told last.
    pub(crate) is_news: bool,
    /// The attributes that it was told.
    pub(crate) told: Vec<(String, String)>,
    /// What a person said of the action that waits for consent.
    pub(crate) consent: Option<(String, bool)>,
}

/// What is said of an action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// It is known, and waits: why.
    Scheduled(String),
    /// It is fetched and written; percent.
    Download(u8),
    /// It is written and proven.
    Downloaded,
    /// It goes on after a restart of this program or of the device.
    Resumed(String),
    /// It is being done: what.
    Proceeding(String),
    /// It is over: whether it is good, a code for machines, and in words.
    Closed {
        /// The new version runs and was committed.
        is_good: bool,
        /// An exit code of ours.
        code: i32,
        /// What happened.
        details: Vec<String>,
    },
    /// The cancellation is obeyed.
    Cancelled,
    /// The cancellation comes too late: why.
    TooLate(String),
}

/// Why an origin could not be asked or told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trouble {
    /// What follows from it.
    pub(crate) kind: Kind,
    /// In words.
    pub(crate) why: String,
    /// The server's own wish when to come back.
    pub(crate) after: Option<Duration>,
}

/// What follows from a trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Try again later.
    Away,
    /// The server does not believe who we are: try again later, and tell somebody here.
    Denied,
    /// There is no such thing any more.
    Gone,
    /// It makes no sense to the other side, or to us; saying it again would not either.
    Nonsense,
}

/// Someone who offers updates.
pub(crate) trait Origin: Send {
    /// One word: `hawkbit`.
    fn name(&self) -> &'static str;
    /// Asks once.
    fn ask<'a>(&'a mut self, about: &'a About) -> BoxFuture<'a, Result<Heard, Trouble>>;
    /// Tells news of an action; nothing to do where no account is kept.
    fn tell<'a>(&'a mut self, action: &'a str, news: &'a News) -> BoxFuture<'a, Result<(), Trouble>>;
    /// True if someone wants to hear how an action ends.
    fn keeps_account(&self) -> bool;
}

impl Trouble {
    pub(crate) fn new(kind: Kind, why: impl Into<String>) -> Trouble {
        Trouble { kind, why: why.into(), after: None }
    }

    /// Of a status that is not what was hoped for.
    pub(crate) fn of_status(status: u16, error: &Error) -> Trouble {
        let kind = match status {
            401 | 403 | 407 => Kind::Denied,
            404 | 410 => Kind::Gone,
            408 | 425 | 429 | 500.. => Kind::Away,
            _ => Kind::Nonsense,
        };
        Trouble { kind, why: error.to_string(), after: error.retry_after() }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error.kind() {
            HttpKind::Status { status, .. } => Trouble::of_status(status.as_u16(), &error),
            HttpKind::Json(_) | HttpKind::TooLarge { .. } => Trouble::new(Kind::Nonsense, error.to_string()),
            // Names that do not resolve, a clock that makes a certificate too young, a link that is down: all may pass.
            _ => Trouble { kind: Kind::Away, why: error.to_string(), after: error.retry_after() },
        }
    }
}
