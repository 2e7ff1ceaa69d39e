//! The daemon's side: who may, what they want, and a line in the log for each write.

use std::task::Context;
use std::time::Duration;

use edgekit_core::{Error, Exit};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::peer::{self, Peer};
use super::wire::{self, Head, MAX_HEAD, Response};
use super::{ControlSocket, callers};
use crate::BoxFuture;
use crate::log::{AUDIT, Log};
use crate::metrics::Metrics;

/// Callers served at a time; the others wait in the backlog.
const MAX_CALLERS: usize = 16;
/// Time to send a request.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time for the caller to take the answer and go.
const LINGER: Duration = Duration::from_millis(500);

/// What only the Host can answer.
pub(crate) enum Asked {
    /// The Host and all its services.
    Status(oneshot::Sender<Value>),
    /// What each service runs by.
    Config(oneshot::Sender<Value>),
    /// Have a new process take over; the answer is its verdict.
    Upgrade(Duration, oneshot::Sender<Result<Value, Error>>),
    /// Finish what runs within that time, and end.
    Drain(Option<Duration>, oneshot::Sender<Value>),
    /// Reload one service, or all; `None` comes back if there is none of this name.
    Reload(Option<String>, oneshot::Sender<Option<Value>>),
}

/// Whose turn it is to answer on a control socket that is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// The process before us.
    Waits,
    Ours,
    /// The process after us.
    Left,
}

/// What the routes need.
#[derive(Clone)]
pub(crate) struct Routes {
    pub(crate) host: mpsc::Sender<Asked>,
    pub(crate) log: Log,
    pub(crate) metrics: Metrics,
}

/// Serves, when it is our turn, until dropped or until it is another's: then those who have called are answered
/// still.
pub(crate) async fn serve(
    socket: &ControlSocket,
    routes: Routes,
    mut turn: watch::Receiver<Turn>,
) -> std::io::Result<()> {
    // Whoever sends is there as long as we are.
    drop(turn.wait_for(|turn| *turn != Turn::Waits).await);
    let listener = UnixListener::from_std(socket.listener.try_clone()?)?;
    let group = peer::group();
    let accept = move |context: &mut Context<'_>| listener.poll_accept(context).map_ok(|(stream, _)| stream);
    let answer = |stream| -> BoxFuture<'static, std::io::Result<()>> {
        let routes = routes.clone();
        Box::pin(async move { answer(stream, group, &routes).await })
    };
    callers::serve("the control socket", MAX_CALLERS, turn, accept, answer).await;
    Ok(())
}

async fn answer(mut stream: UnixStream, group: Option<u32>, routes: &Routes) -> std::io::Result<()> {
    let peer = Peer::of(&stream)?;
    let response = match read_in_time(&mut stream).await? {
        Ok(_) if !peer.may_enter(group) => {
            tracing::warn!(target: AUDIT, pid = peer.pid, uid = peer.user, "a caller was refused");
            Response::error(
                403,
                &format!("user {} is neither root, ours nor in group '{}'", peer.user, super::GROUP),
            )
        }
        Ok((head, body)) => {
            let response = routes.respond(&head, &body).await;
            if head.method != "GET" {
                let Head { method, path, .. } = &head;
                let (pid, uid, status) = (peer.pid, peer.user, response.status);
                tracing::info!(target: AUDIT, pid, uid, method, path, status, "control");
            }
            response
        }
        Err(refused) => refused,
    };
    close(&mut stream, &response).await
}

/// A request, or the answer to one that is none.
pub(super) async fn read_in_time(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Asking> {
    match timeout(PATIENCE, read(stream)).await {
        Ok(read) => read,
        Err(_) => Ok(Err(Response::error(408, "the request took too long"))),
    }
}

/// Answers and lets the caller go.
pub(super) async fn close(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    response: &Response,
) -> std::io::Result<()> {
    match timeout(PATIENCE, stream.write_all(&response.to_bytes())).await {
        Ok(written) => written?,
        Err(_) => return Ok(()),
    }
    stream.shutdown().await?;
    // Closing on bytes that were not read would take the answer back from the caller.
    let passed_over = timeout(LINGER, async {
        let mut rest = [0; 1024];
        for _ in 0..wire::MAX_BODY / rest.len() {
            if stream.read(&mut rest).await? == 0 {
                break;
            }
        }
        Ok(())
    });
    passed_over.await.unwrap_or(Ok(()))
}

/// A request with its body, or the answer to one that is none.
type Asking = Result<(Head, Vec<u8>), Response>;

/// Reads one request with its body.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Asking> {
    let mut bytes = Vec::with_capacity(1024);
    let end = loop {
        if let Some(end) = wire::end_of_head(&bytes) {
            break end;
        }
        if bytes.len() >= MAX_HEAD {
            return Ok(Err(Response::error(431, "the head of the request is too long")));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let mut body = bytes.split_off(end);
    let head = match wire::parse_head(&bytes) {
        Ok(head) => head,
        Err(refused) => return Ok(Err(refused)),
    };
    while body.len() < head.body {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    body.truncate(head.body);
    Ok(Ok((head, body)))
}

impl Routes {
    async fn respond(&self, head: &Head, body: &[u8]) -> Response {
        let path = head.path.split('?').next().unwrap_or_default();
        match (path, head.method.as_str()) {
            ("/status", "GET") => match self.ask(Asked::Status).await {
                Some(status) => Response::json(200, &status),
                None => stopping(),
            },
            ("/config", "GET") => match self.ask(Asked::Config).await {
                Some(config) => Response::json(200, &config),
                None => stopping(),
            },
            ("/metrics", "GET") => Response::text(self.metrics.to_text()),
            ("/log-level", "GET") => Response::json(200, &json!({ "level": self.log.level() })),
            ("/log-level", "PUT") => self.set_level(body),
            ("/reload", "POST") => self.reload(None).await,
            ("/upgrade", "POST") => self.upgrade(body).await,
            ("/drain", "POST") => self.drain(body).await,
            ("/status" | "/config" | "/metrics", _) => Response::wrong_method("GET"),
            ("/log-level", _) => Response::wrong_method("GET, PUT"),
            ("/reload" | "/upgrade" | "/drain", _) => Response::wrong_method("POST"),
            (path, method) => match path.strip_prefix("/reload/") {
                Some(service) if method == "POST" => self.reload(Some(service.to_owned())).await,
                Some(_) => Response::wrong_method("POST"),
                None => Response::error(
                    404,
                    "there are: /status, /config, /reload, /upgrade, /drain, /log-level, /metrics",
                ),
            },
        }
    }

    async fn reload(&self, service: Option<String>) -> Response {
        match self.ask(|reply| Asked::Reload(service, reply)).await {
            Some(Some(verdicts)) => Response::json(200, &verdicts),
            Some(None) => Response::error(404, "this process has no such service"),
            None => stopping(),
        }
    }

    async fn upgrade(&self, body: &[u8]) -> Response {
        let probation = seconds(body, "probation_s").unwrap_or_default();
        match self.ask(|reply| Asked::Upgrade(probation, reply)).await {
            Some(Ok(verdict)) => Response::json(200, &verdict),
            Some(Err(error)) => {
                let (message, hint) = (error.to_string(), error.hint_text());
                Response::json(200, &json!({ "verdict": "refused", "error": message, "hint": hint }))
            }
            None => stopping(),
        }
    }

    async fn drain(&self, body: &[u8]) -> Response {
        match self.ask(|reply| Asked::Drain(seconds(body, "deadline_s"), reply)).await {
            Some(said) => Response::json(200, &said),
            None => stopping(),
        }
    }

    fn set_level(&self, body: &[u8]) -> Response {
        let wanted: Option<Value> = serde_json::from_slice(body).ok();
        let wanted = wanted.as_ref().and_then(|value| value.get("level")).and_then(Value::as_str);
        let outcome = match wanted {
            Some(level) => self.log.set_level(level),
            None => Err(Error::new(Exit::DATA, "expected {\"level\": \"info\"}")),
        };
        match outcome {
            Ok(()) => Response::json(200, &json!({ "level": self.log.level() })),
            Err(error) => {
                let body = json!({ "error": error.to_string(), "hint": error.hint_text() });
                Response::json(400, &body)
            }
        }
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Asked) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.host.send(question(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// A time that a body asks for.
fn seconds(body: &[u8], key: &str) -> Option<Duration> {
    let value: Value = serde_json::from_slice(body).ok()?;
    Duration::try_from_secs_f64(value.get(key)?.as_f64()?).ok()
}

fn stopping() -> Response {
    Response::error(503, "the process is stopping")
}
