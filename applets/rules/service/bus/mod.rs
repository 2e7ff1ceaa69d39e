//! Where events come in and watchers listen: HTTP/1.1 on `rules.bus`.
//!
//! | route | answer |
//! |---|---|
//! | `POST /events` | takes events, a JSON object a line, for as long as the body lasts; then how many |
//! | `GET /watch` | events, actions and reloads as they happen (server-sent events) |
//! | `GET /rules` | the rules and what they did |
//!
//! Nobody who sends an event waits for a rule: the queue behind is bounded and loses its oldest. `curl` is enough:
//! `curl --unix-socket /run/edgekit/rules.bus --data-binary @FILE http://rules/events`. Neighbours: `socket.rs`
//! owns the name, `lines.rs` reads events, the `worker` takes them.

mod lines;
mod socket;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edgekit_core::{Clock, Error};
use edgekit_http::{Events, Limits, Listener, Method, Reply, Request, Server, StatusCode, header, json};
use edgekit_rt::metrics::Counter;
use edgekit_rules::{Bus, Event};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::export;
use super::worker::Ask;
use lines::{Lines, Sent, Wrong};
use socket::BusSocket;

pub(crate) use socket::file_name;

/// Publishers may be silent this long; an empty line keeps them.
const SILENCE: Duration = Duration::from_secs(600);
/// A request of a publisher lasts as long as the publisher.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Connections at a time.
const CONNECTIONS: u32 = 64;
/// Wrong lines that are told; the others are counted.
const TOLD: usize = 5;

/// The bus as the service holds it.
pub(super) struct Entry {
    pub(super) server: Server,
    listener: Listener,
    _socket: BusSocket,
}

impl Entry {
    /// Takes the socket's name and begins to listen; [`Entry::serve`] answers.
    pub(super) fn open(path: &Path, state: State) -> Result<Entry, Error> {
        let (socket, listener) = BusSocket::bind(path)?;
        let state = Arc::new(state);
        let handler = move |request: Request| {
            let state = Arc::clone(&state);
            async move { state.answer(request).await }
        };
        let limits = Limits {
            connections: CONNECTIONS,
            max_body: u64::MAX,
            body_idle: SILENCE,
            handler_time: FOR_EVER,
            ..Limits::default()
        };
        let server = Server::new(handler, limits);
        Ok(Entry { server, listener: Listener::unix(listener)?, _socket: socket })
    }

    /// Serves until the server is drained; the name is given up then.
    pub(super) async fn serve(self) {
        self.server.serve(self.listener).await;
    }
}

/// What the routes need.
pub(super) struct State {
    pub(super) bus: Bus,
    pub(super) watchers: Events,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) clock: Clock,
    pub(super) ids: AtomicU64,
    pub(super) refused: Counter,
}

impl State {
    async fn answer(&self, request: Request) -> Reply {
        match (&request.method, request.uri.path()) {
            (&Method::POST, "/events") => self.take(request).await,
            (&Method::GET, "/watch") => self.watchers.subscribe(request.header("last-event-id")),
            (&Method::GET, "/rules") => self.list().await,
            (_, "/events") => wrong_method("POST"),
            (_, "/watch" | "/rules") => wrong_method("GET"),
            (_, path) => json(StatusCode::NOT_FOUND, &json!({ "error": format!("there is no '{path}'") })),
        }
    }

    async fn take(&self, mut request: Request) -> Reply {
        let (mut lines, mut accepted, mut refused) = (Lines::default(), 0_u64, 0_u64);
        let mut told: Vec<Wrong> = Vec::new();
        let mut each = |one: Result<Sent, Wrong>| match one {
            Ok(sent) => {
                accepted += 1;
                self.offer(sent);
            }
            Err(wrong) => {
                refused += 1;
                self.refused.add_one();
                if told.len() < TOLD {
                    told.push(wrong);
                }
            }
        };
        let ended = loop {
            match request.body.chunk().await {
                Ok(Some(piece)) => lines.take(&piece, &mut each),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // A line that was cut off with its connection is not one.
        if ended.is_ok() {
            lines.end(&mut each);
        }
        let told: Vec<_> =
            told.iter().map(|wrong| json!({ "line": wrong.line, "error": wrong.message })).collect();
        if let Some(first) = told.first() {
            tracing::warn!(refused, first = first.to_string(), "events that make no sense were refused");
        }
        let status = if refused > 0 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        json(status, &json!({ "accepted": accepted, "refused": refused, "errors": told }))
    }

    fn offer(&self, sent: Sent) {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let at = sent.at.unwrap_or_else(|| self.clock.wall());
        self.bus.offer(Event { topic: sent.topic, id, at, data: sent.data });
    }

    async fn list(&self) -> Reply {
        let (reply, answer) = oneshot::channel();
        let asked = self.asks.send(Ask::Figures(reply)).await.is_ok();
        match answer.await {
            Ok(figures) if asked => json(StatusCode::OK, &export::list(&figures)),
            _ => json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": "the service is stopping" })),
        }
    }
}

fn wrong_method(allow: &'static str) -> Reply {
    let mut reply =
        json(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": format!("this path takes {allow}") }));
    reply.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allow));
    reply
}
