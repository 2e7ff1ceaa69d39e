//! The log of a daemon: `tracing` events as lines on standard error, with a level that changes live.
//!
//! Set up once a process by the Host. The filter is a level, with exceptions by target
//! (`info,http=debug`): names only, no patterns. Lines of the target `audit` are always written.
//! Neighbour: `line.rs` lays a line out in one of the four formats.

mod line;

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use edgekit_core::{Clock, Error, Exit, text};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

use crate::scope::lock;
use line::Fields;

/// Target of the lines that say who changed what; no level hides them.
pub const AUDIT: &str = "audit";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How a line is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// For people: time, level, target, message, fields.
    #[default]
    Text,
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object.
    Json,
    /// For journald, which knows the time: `<6>`, target, message, fields (sd-daemon(3)).
    Journal,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(word: &str) -> Result<Format, Error> {
        match word {
            "text" => Ok(Format::Text),
            "logfmt" => Ok(Format::Logfmt),
            "json" => Ok(Format::Json),
            "journal" => Ok(Format::Journal),
            _ => Err(Error::new(Exit::USAGE, format!("unknown log format '{word}'"))
                .hint("there are: text, logfmt, json, journal")),
        }
    }
}

/// The process's log. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    words: Arc<Mutex<String>>,
    filter: reload::Handle<Targets, tracing_subscriber::Registry>,
}

impl Log {
    /// Sets the log of the process up; panics are logged from now on as well.
    ///
    /// # Errors
    /// A filter that makes no sense, or a log that is set up already.
    pub fn install(format: Format, filter: &str, clock: Clock) -> Result<Log, Error> {
        let (targets, filter) = (parse(filter)?, filter.trim().to_owned());
        let (layer, handle) = reload::Layer::new(targets);
        let subscriber = tracing_subscriber::registry().with(layer).with(Lines { format, clock });
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| Error::new(Exit::BUG, "the log of this process is set up twice"))?;
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = crate::scope::message_of(panic.payload());
            tracing::error!(target: "panic", place, "{message}");
        }));
        Ok(Log { words: Arc::new(Mutex::new(filter)), filter: handle })
    }

    /// The filter in use, as it was given.
    pub fn level(&self) -> String {
        lock(&self.words).clone()
    }

    /// Changes the filter.
    ///
    /// # Errors
    /// Words that make no sense; the filter in use stays.
    pub fn set_level(&self, filter: &str) -> Result<(), Error> {
        let targets = parse(filter)?;
        let gone = |_| Error::new(Exit::BUG, "the log of this process is gone");
        self.filter.reload(targets).map_err(gone)?;
        filter.trim().clone_into(&mut lock(&self.words));
        Ok(())
    }
}

/// `LEVEL[,TARGET=LEVEL]…`
fn parse(filter: &str) -> Result<Targets, Error> {
    let mut targets = Targets::new().with_target(AUDIT, LevelFilter::INFO);
    for part in filter.split(',').map(str::trim) {
        match part.split_once('=') {
            None => targets = targets.with_default(level(part)?),
            Some((name, word)) if !name.trim().is_empty() => {
                let (name, level) = (name.trim(), level(word.trim())?);
                // Our crates are written without their prefix, in lines as in filters.
                targets = targets.with_target(name, level).with_target(format!("edgekit_{name}"), level);
            }
            Some(_) => {
                return Err(Error::new(Exit::USAGE, format!("no target before '{part}'"))
                    .hint("write it as 'info,http=debug'"));
            }
        }
    }
    Ok(targets)
}

fn level(word: &str) -> Result<LevelFilter, Error> {
    if !LEVELS.contains(&word.to_ascii_lowercase().as_str()) {
        let hint = match text::nearest(word, LEVELS) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are: {}", LEVELS.join(", ")),
        };
        return Err(Error::new(Exit::USAGE, format!("unknown log level '{word}'")).hint(hint));
    }
    word.parse().map_err(|_| Error::new(Exit::USAGE, format!("unknown log level '{word}'")))
}

/// Writes events to standard error, each by one call, so that lines of threads do not mix.
struct Lines {
    format: Format,
    clock: Clock,
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.extend(outer);
            }
        }
        event.record(&mut fields);
        let line = line::lay_out(self.format, self.clock.wall(), event.metadata(), &fields);
        // Nobody is left to be told that the log cannot be written.
        drop(io::stderr().lock().write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn filters_by_level_and_target() {
        let targets = parse("warn, http=debug").unwrap();
        assert!(targets.would_enable("edgekit_rt", &Level::WARN));
        assert!(!targets.would_enable("edgekit_rt", &Level::INFO));
        assert!(targets.would_enable("edgekit_http::client", &Level::DEBUG));
        assert!(targets.would_enable(AUDIT, &Level::INFO));
        assert!(parse("off").unwrap().would_enable(AUDIT, &Level::INFO));
    }

    #[test]
    fn nonsense_is_refused_with_a_hint() {
        assert_eq!(parse("inof").unwrap_err().hint_text(), Some("did you mean 'info'?"));
        for words in ["", "info,", "=info", "http=", "5"] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
