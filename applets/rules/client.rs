//! The caller's side of the bus: what `list`, `watch` and `record` know of a running service.
//!
//! Neighbours: `service/bus` answers; `live` prints what comes.

use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::{Clock, Error, ErrorContext, Exit, Paths};
use edgekit_http::{Body, Call, Client, EventParser, Method, Options, Retry, StatusCode, Timeouts};
use edgekit_rt::Resolver;
use serde_json::Value;

use crate::service::file_name;

/// A service that says nothing for this long, not even that nothing happens, is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// A running service, by its socket.
pub(crate) struct Service {
    client: Client,
    path: PathBuf,
}

impl Service {
    /// The service of an instance.
    ///
    /// # Errors
    /// Exit 69 if it has no socket.
    pub(crate) fn find(instance: Option<&str>, clock: &Clock) -> Result<Service, Error> {
        let path = Paths::process().run.join(file_name(instance));
        let is_there = std::fs::metadata(&path).is_ok_and(|found| found.file_type().is_socket());
        if !is_there {
            let error =
                Error::new(Exit::UNAVAILABLE, format!("no rules service runs at '{}'", path.display()));
            return Err(error.hint("start it with 'edgekit rules run', or name it with '--instance NAME'"));
        }
        let client = Client::new(Options {
            timeouts: Timeouts { idle: SILENCE, ..Timeouts::default() },
            unix: Some(path.clone()),
            resolver: Resolver::system(),
            clock: clock.clone(),
            ..Options::default()
        });
        Ok(Service { client, path })
    }

    /// The rules and what they did.
    pub(crate) async fn rules(&self) -> Result<Value, Error> {
        let body = self.get("/rules").await?;
        Ok(body.json().await?)
    }

    /// What happens from now on.
    pub(crate) async fn watch(&self) -> Result<Happenings, Error> {
        let body = self.get("/watch").await?.limit(u64::MAX);
        Ok(Happenings { body, parser: EventParser::new(MAX_EVENT), ready: Vec::new().into_iter() })
    }

    async fn get(&self, path: &str) -> Result<Body, Error> {
        let context = || format!("cannot ask '{}'", self.path.display());
        let call = Call::new(Method::GET, &format!("http://rules{path}")).map_err(Error::from)?;
        let answer = self.client.send(&call, &Retry::never()).await.map_err(Error::from);
        let answer = answer.map_err(|error| {
            let error = match error.exit() {
                Exit::NO_PERMISSION => error,
                _ => error.with_exit(Exit::UNAVAILABLE),
            };
            error.hint("see 'edgekit status rules'")
        });
        let answer = answer.with_context(context)?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => {
                Err(Error::new(Exit::TEMPORARY, format!("the service answers {status}")).context(context()))
            }
        }
    }
}

/// Bytes of one thing that happens: an event of 1 MB, escaped.
const MAX_EVENT: usize = 16 << 20;

/// What happens, one after the other.
pub(crate) struct Happenings {
    body: Body,
    parser: EventParser,
    ready: std::vec::IntoIter<edgekit_http::Event>,
}

impl Happenings {
    /// True if another one has arrived already.
    pub(crate) fn has_more(&self) -> bool {
        self.ready.len() > 0
    }

    /// The next one: its kind, and what it says. `None` when the service ends, or lets a slow watcher go.
    pub(crate) async fn next(&mut self) -> Result<Option<(String, Value)>, Error> {
        loop {
            if let Some(event) = self.ready.next() {
                let said = serde_json::from_str(&event.data).map_err(|error| {
                    Error::new(Exit::PROTOCOL, format!("the service sent what is no JSON: {error}"))
                })?;
                return Ok(Some((event.name, said)));
            }
            let Ok(Some(piece)) = self.body.chunk().await else { return Ok(None) };
            let mut found = Vec::new();
            if !self.parser.push(&piece, &mut found) {
                return Err(Error::new(Exit::PROTOCOL, "the service sent more than can be followed"));
            }
            self.ready = found.into_iter();
        }
    }
}
