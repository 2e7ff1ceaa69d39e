//! The server: listeners, limits, drain. What it answers is its handler's business.
//!
//! [`Server::serve`] owns the connections of its listener: dropping the future closes them all, which
//! is how the Host ends a failed service. Neighbours: `server/io.rs` for streams that stall, `body.rs`
//! for the request's body, `reply.rs`, `files.rs` and `sse.rs` for answers.

mod io;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use edgekit_rt::BoxFuture;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::Body;
use crate::body::Allowance;
use crate::connect::Stream;
use crate::reply::{Reply, text};

/// Pause after a failed accept: what fails is this process (descriptors, memory), not the client.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What hyper reads at a time, at most.
const BUFFER: usize = 64 * 1024;

/// What clients may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections at a time: 256. Further ones wait in the kernel's queue.
    pub connections: u32,
    /// Requests on one connection: 1000, then it is closed in order.
    pub requests: u32,
    /// Bytes of a request's head: 16 KiB, else 431.
    pub max_head: usize,
    /// Bytes of a request's body: 1 MiB, else 413.
    pub max_body: u64,
    /// TLS handshake; then each head, from the end of the request before: 10 s. An idle connection
    /// ends by it.
    pub head_time: Duration,
    /// Between two pieces of a request's body: 10 s.
    pub body_idle: Duration,
    /// The handler, up to its answer's head: 60 s, else 503.
    pub handler_time: Duration,
    /// A client that takes nothing of its answer: 30 s.
    pub write_stall: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            connections: 256,
            requests: 1000,
            max_head: 16 * 1024,
            max_body: 1024 * 1024,
            head_time: seconds(10),
            body_idle: seconds(10),
            handler_time: seconds(60),
            write_stall: seconds(30),
        }
    }
}

/// Where connections come from.
pub enum Listener {
    /// In clear.
    Tcp(TcpListener),
    /// With TLS; each connection by the configuration of its moment.
    Tls(TcpListener, Arc<edgekit_tls::Server>),
    /// A socket of this machine.
    Unix(UnixListener),
}

impl Listener {
    /// Takes over a bound TCP socket, in clear or with TLS.
    pub fn tcp(
        socket: std::net::TcpListener,
        tls: Option<Arc<edgekit_tls::Server>>,
    ) -> std::io::Result<Listener> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        Ok(match tls {
            Some(tls) => Listener::Tls(socket, tls),
            None => Listener::Tcp(socket),
        })
    }

    /// Takes over a bound Unix socket.
    pub fn unix(socket: std::os::unix::net::UnixListener) -> std::io::Result<Listener> {
        socket.set_nonblocking(true)?;
        UnixListener::from_std(socket).map(Listener::Unix)
    }

    /// The next connection; TLS is not yet spoken.
    async fn accept(&self) -> std::io::Result<(Stream, Option<Arc<edgekit_tls::Server>>, Peer)> {
        match self {
            Listener::Tcp(socket) => {
                let (stream, from) = socket.accept().await?;
                quick(&stream);
                Ok((Box::new(stream), None, Peer::Tcp(from)))
            }
            Listener::Tls(socket, tls) => {
                let (stream, from) = socket.accept().await?;
                quick(&stream);
                Ok((Box::new(stream), Some(Arc::clone(tls)), Peer::Tcp(from)))
            }
            Listener::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                let who = stream.peer_cred()?;
                Ok((Box::new(stream), None, Peer::Unix { uid: who.uid(), gid: who.gid(), pid: who.pid() }))
            }
        }
    }
}

/// Small answers leave at once. A client that is gone already refuses this, and costs nothing more.
fn quick(stream: &TcpStream) {
    drop(stream.set_nodelay(true));
}

/// Who sent a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peer {
    /// By its address.
    Tcp(SocketAddr),
    /// By the kernel's word, at the time it connected.
    Unix {
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its process, where the kernel says so.
        pid: Option<i32>,
    },
}

/// A request.
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its target; the path starts with `/` unless it is `*`.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, limited by [`Limits`].
    pub body: Body,
    /// Who sent it.
    pub peer: Peer,
}

impl Request {
    /// The text of a header.
    pub fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers requests. A panic in it ends that one connection.
pub trait Handler: Send + Sync + 'static {
    /// One request, one answer.
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply>;
}

impl<F, A> Handler for F
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        Box::pin(self(request))
    }
}

/// How far the server is from its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    Open,
    Draining,
    Over,
}

/// Waits until the server is at `wanted` or beyond. One that is gone altogether is.
async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    drop(phase.wait_for(|phase| *phase >= wanted).await);
}

/// What a drain has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drained {
    /// Connections that were closed in the middle of something.
    pub cut: u64,
}

/// Numbers since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Connections open now.
    pub open: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Requests handed to the handler.
    pub requests: u64,
    /// Connections that ended by an error: a broken head, a timeout, a failed TLS handshake, a reset.
    pub failed: u64,
    /// Connections that ended by a panic of the handler.
    pub panics: u64,
}

/// A server; cloning it gives another handle of the same.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    handler: Box<dyn Handler>,
    limits: Limits,
    slots: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
    connections: AtomicU64,
    ended: AtomicU64,
    requests: AtomicU64,
    failed: AtomicU64,
    panics: AtomicU64,
}

impl Server {
    /// A server that answers by `handler`.
    pub fn new(handler: impl Handler, limits: Limits) -> Server {
        let slots = usize::try_from(limits.connections.max(1)).unwrap_or(usize::MAX);
        let slots = Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
        let zero = || AtomicU64::new(0);
        Server {
            shared: Arc::new(Shared {
                handler: Box::new(handler),
                limits,
                slots,
                phase: watch::Sender::new(Phase::Open),
                connections: zero(),
                ended: zero(),
                requests: zero(),
                failed: zero(),
                panics: zero(),
            }),
        }
    }

    /// Serves a listener until the server is drained. Several may be served at a time; they share the limits.
    pub async fn serve(&self, listener: Listener) {
        let shared = &self.shared;
        let mut phase = shared.phase.subscribe();
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                () = reached(&mut phase, Phase::Draining) => break,
                Some(ended) = running.join_next() => shared.note(&ended),
                accepted = shared.next(&listener) => match accepted {
                    Some((slot, connection)) => {
                        let serve: BoxFuture<'static, ()> = Box::pin(async move {
                            Arc::clone(&slot.shared).connection(connection).await;
                            drop(slot);
                        });
                        running.spawn(serve);
                    }
                    None => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        // Whoever connects from now on is refused by the kernel.
        drop(listener);
        loop {
            tokio::select! {
                () = reached(&mut phase, Phase::Over) => break,
                ended = running.join_next() => match ended {
                    Some(ended) => shared.note(&ended),
                    None => return,
                },
            }
        }
        running.shutdown().await;
    }

    /// Accepts nothing new, lets requests finish, closes idle connections; cuts what is left at the deadline.
    /// Streams without end ([`crate::Events`]) are closed by their owner before.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        let shared = &self.shared;
        shared.phase.send_if_modified(|phase| {
            let is_open = *phase == Phase::Open;
            if is_open {
                *phase = Phase::Draining;
            }
            is_open
        });
        // The semaphore is never closed.
        let idle = shared.slots.acquire_many(shared.limits.connections.max(1));
        let cut = match tokio::time::timeout(deadline, idle).await {
            Ok(_) => 0,
            Err(_) => self.counts().open,
        };
        shared.phase.send_replace(Phase::Over);
        Drained { cut }
    }

    /// Numbers since the start.
    pub fn counts(&self) -> Counts {
        let shared = &self.shared;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            open: of(&shared.connections).saturating_sub(of(&shared.ended)),
            connections: of(&shared.connections),
            requests: of(&shared.requests),
            failed: of(&shared.failed),
            panics: of(&shared.panics),
        }
    }
}

/// The place a connection holds from its accept to its end, however it ends.
struct Slot {
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection just accepted.
type Accepted = (Stream, Option<Arc<edgekit_tls::Server>>, Peer);

impl Shared {
    /// Waits for a slot, then for a connection. `None` if accepting failed.
    async fn next(self: &Arc<Shared>, listener: &Listener) -> Option<(Slot, Accepted)> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let accepted = listener.accept().await.ok()?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        Some((Slot { shared: Arc::clone(self), _permit: permit }, accepted))
    }

    fn note(&self, ended: &Result<(), tokio::task::JoinError>) {
        if ended.as_ref().is_err_and(tokio::task::JoinError::is_panic) {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection from its first byte to its last.
    async fn connection(self: Arc<Shared>, (stream, tls, peer): Accepted) {
        let limits = &self.limits;
        let stream: Stream = Box::new(io::Watched::new(stream, limits.write_stall));
        let stream = match tls {
            None => Some(stream),
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.config()).accept(stream);
                match tokio::time::timeout(limits.head_time, handshake).await {
                    Ok(Ok(stream)) => Some(Box::new(stream) as Stream),
                    Ok(Err(_)) | Err(_) => None,
                }
            }
        };
        let ended = match stream {
            Some(stream) => self.talk(stream, peer).await.is_ok(),
            None => false,
        };
        if !ended {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn talk(self: &Arc<Shared>, stream: Stream, peer: Peer) -> hyper::Result<()> {
        let limits = &self.limits;
        let served = Arc::new(AtomicU32::new(0));
        let service = service_fn(|request| {
            let (shared, peer, served) = (Arc::clone(self), peer.clone(), Arc::clone(&served));
            async move {
                let mut reply = shared.answer(request, peer).await;
                if served.fetch_add(1, Ordering::Relaxed) + 1 >= shared.limits.requests {
                    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(reply)
            }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(BUFFER.max(limits.max_head))
            .max_header_size(limits.max_head);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut phase = self.phase.subscribe();
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = reached(&mut phase, Phase::Draining) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    async fn answer(&self, request: hyper::Request<Incoming>, peer: Peer) -> Reply {
        let limits = &self.limits;
        let (head, incoming) = request.into_parts();
        if incoming.size_hint().lower() > limits.max_body {
            let words = format!("the body is larger than {} bytes", limits.max_body);
            let mut reply = text(StatusCode::PAYLOAD_TOO_LARGE, &words);
            // Reading all of it only to keep the connection would be the client's wish, not ours.
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return reply;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let place = format!("{} {}", head.method, head.uri.path());
        let allowed = Allowance { limit: limits.max_body, idle: limits.body_idle, deadline: None };
        let body = Body::new(incoming, None, allowed, place);
        let request = Request { method: head.method, uri: head.uri, headers: head.headers, body, peer };
        match tokio::time::timeout(limits.handler_time, self.handler.handle(request)).await {
            Ok(reply) => reply,
            Err(_) => {
                let mut reply = text(StatusCode::SERVICE_UNAVAILABLE, "this took too long, try again later");
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                reply
            }
        }
    }
}
