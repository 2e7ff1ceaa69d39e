//! From a bounded queue to a collector: batches, second tries, and a count of what was lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edgekit_rt::metrics::Metrics;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::proto::{self, Value};
use crate::{Call, Client, Options, Retry, Timeouts, Url};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

/// A batch is sent once it has so many bytes, or once nothing more waits.
const BATCH: usize = 512 * 1024;
/// The answer of a collector is a few words.
const MAX_ANSWER: u64 = 64 * 1024;
/// The media type of protobuf in OTLP.
const MEDIA: &str = "application/x-protobuf";

/// What is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Spans of traces.
    Traces,
    /// Lines of a log.
    Logs,
}

impl Signal {
    fn word(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
        }
    }
}

/// Where it is told, and by whom.
pub struct Target {
    /// The collector's address with its path, such as `http://127.0.0.1:4318/v1/traces`.
    pub url: Url,
    /// Headers of each request, such as Authorization.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is known of the process: `service.name` and its like.
    pub resource: Vec<(&'static str, String)>,
    /// How the collector is reached; time-outs and redirects are the exporter's own.
    pub options: Options,
}

/// Encoded items: for traces each a field 2 of `ScopeSpans`, for logs a field 2 of `ScopeLogs`.
#[derive(Default, Debug)]
pub struct Piece {
    /// One after the other.
    pub items: Vec<u8>,
    /// How many there are.
    pub count: u64,
}

enum Message {
    Piece(Piece),
    /// Answered once all before it was sent, or given up.
    Settle(oneshot::Sender<()>),
}

/// Where items are offered. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    sender: mpsc::Sender<Message>,
    target: watch::Sender<Option<Arc<Target>>>,
}

/// The other end.
pub struct Exporter {
    signal: Signal,
    receiver: mpsc::Receiver<Message>,
    target: watch::Receiver<Option<Arc<Target>>>,
    metrics: Metrics,
    retry: Retry,
    /// The last failure was told.
    told: bool,
}

/// Both ends, for `pieces` that may wait; nothing is sent until there is a [`Target`].
pub fn queue(signal: Signal, pieces: usize, metrics: Metrics) -> (Queue, Exporter) {
    let (sender, receiver) = mpsc::channel(pieces);
    let (told, target) = watch::channel(None);
    let retry = Retry { attempts: 8, base: Duration::from_millis(500), ..Retry::default() };
    (Queue { sender, target: told }, Exporter { signal, receiver, target, metrics, retry, told: false })
}

impl Queue {
    /// Takes a piece, or gives it back where there is no room. Never waits.
    ///
    /// # Errors
    /// The piece.
    pub fn offer(&self, piece: Piece) -> Result<(), Piece> {
        self.sender.try_send(Message::Piece(piece)).map_err(|refused| match refused.into_inner() {
            Message::Piece(piece) => piece,
            Message::Settle(_) => Piece::default(),
        })
    }

    /// Sends to another collector from now on; to none, and all that waits is dropped.
    pub fn send_to(&self, target: Option<Arc<Target>>) {
        self.target.send_replace(target);
    }

    /// Returns once all that was offered is sent, given up, or `patience` is over.
    pub async fn settle(&self, patience: Duration) {
        let settled = async {
            let (done, settled) = oneshot::channel();
            if self.sender.send(Message::Settle(done)).await.is_ok() {
                // An error means that the exporter is gone.
                drop(settled.await);
            }
        };
        // What is late is lost with the process.
        drop(timeout(patience, settled).await);
    }
}

/// How an attempt to send ended.
enum Sent {
    Yes,
    /// Another may do better, not before this time.
    Later(Option<Duration>, String),
    Never(String),
}

impl Exporter {
    /// Sends until every [`Queue`] is gone.
    pub async fn run(mut self) {
        while let Some(message) = self.receiver.recv().await {
            let (mut pieces, mut bytes, mut next) = (Vec::new(), 0, Some(message));
            let mut settled = None;
            while let Some(message) = next {
                match message {
                    Message::Piece(piece) => {
                        bytes += piece.items.len();
                        pieces.push(piece);
                    }
                    Message::Settle(done) => {
                        settled = Some(done);
                        break;
                    }
                }
                next = if bytes < BATCH { self.receiver.try_recv().ok() } else { None };
            }
            if !pieces.is_empty() {
                self.send(&pieces).await;
            }
            if let Some(done) = settled {
                // Whoever asked may have gone.
                let _gone = done.send(());
            }
        }
    }

    async fn send(&mut self, pieces: &[Piece]) {
        let count = pieces.iter().map(|piece| piece.count).sum();
        let Some(target) = self.target.borrow_and_update().clone() else {
            return self.count("dropped", count);
        };
        let body = Bytes::from(request(&target, pieces));
        let client = Client::new(Options {
            timeouts: Timeouts { total: Some(Duration::from_secs(10)), ..target.options.timeouts.clone() },
            max_body: MAX_ANSWER,
            redirects: 0,
            ..target.options.clone()
        });
        let mut attempts = self.retry.start();
        loop {
            let (wait, reason) = match once(&client, &target, body.clone()).await {
                Sent::Yes => {
                    if self.told {
                        tracing::info!(collector = %target.url, "the collector takes telemetry again");
                    }
                    self.told = false;
                    return self.count("sent", count);
                }
                Sent::Later(told, reason) => (attempts.next_wait(told), reason),
                Sent::Never(reason) => (None, reason),
            };
            if !std::mem::replace(&mut self.told, true) {
                tracing::warn!("telemetry cannot be sent: {reason}");
            }
            let Some(wait) = wait else { return self.count("dropped", count) };
            tokio::select! {
                () = sleep(wait) => {}
                // Another collector is not to wait for this one.
                changed = self.target.changed() => {
                    drop(changed);
                    return self.count("dropped", count);
                }
            }
        }
    }

    fn count(&self, outcome: &str, count: u64) {
        let help = "Spans and lines by what became of them.";
        let labels = [("signal", self.signal.word()), ("outcome", outcome)];
        self.metrics.counter("edgekit_otlp_items_total", help, &labels).add(count);
    }
}

async fn once(client: &Client, target: &Target, body: Bytes) -> Sent {
    let call = match Call::new(Method::POST, &target.url.absolute()) {
        Ok(call) => call.body(MEDIA, body),
        Err(error) => return Sent::Never(error.to_string()),
    };
    let call =
        target.headers.iter().fold(call, |call, (name, value)| call.header(name.clone(), value.clone()));
    match client.send(&call, &Retry::never()).await {
        Ok(answer) if answer.status.is_success() => Sent::Yes,
        Ok(answer) => {
            let (status, error) = (answer.status, answer.refusal());
            let again = [
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::BAD_GATEWAY,
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::GATEWAY_TIMEOUT,
            ];
            match again.contains(&status) {
                true => Sent::Later(error.retry_after(), error.to_string()),
                false => Sent::Never(error.to_string()),
            }
        }
        Err(error) if error.is_temporary() => Sent::Later(None, error.to_string()),
        Err(error) => Sent::Never(error.to_string()),
    }
}

/// `ExportTraceServiceRequest` or `ExportLogsServiceRequest`: their fields have the same numbers.
fn request(target: &Target, pieces: &[Piece]) -> Vec<u8> {
    let items: usize = pieces.iter().map(|piece| piece.items.len()).sum();
    let mut out = Vec::with_capacity(items + 512);
    let all = proto::begin(&mut out, 1);
    let resource = proto::begin(&mut out, 1);
    for (key, value) in &target.resource {
        proto::attribute(&mut out, 1, key, Value::Text(value.as_bytes()));
    }
    proto::end(&mut out, resource);
    let scoped = proto::begin(&mut out, 2);
    let scope = proto::begin(&mut out, 1);
    proto::text(&mut out, 1, b"edgekit");
    proto::text(&mut out, 2, env!("CARGO_PKG_VERSION").as_bytes());
    proto::end(&mut out, scope);
    for piece in pieces {
        out.extend_from_slice(&piece.items);
    }
    proto::end(&mut out, scoped);
    proto::end(&mut out, all);
    out
}
