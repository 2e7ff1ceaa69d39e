//! Connections passed on as they are: bytes of TCP, chosen by nothing or by the host of a TLS client's
//! first message, which is not opened.
//!
//! `worker/accept.rs` hands a connection over after an address was read from a PROXY header
//! (`address.rs`). `detect.rs` looks at what came without taking it; `splice.rs` moves bytes from socket
//! to socket without their passing through the process, over pipes of the worker's. Where one side
//! speaks TLS with us they are copied, as after an upgrade of HTTP. `datagrams.rs` does the same for UDP.

mod address;
mod datagrams;
mod detect;
mod splice;
mod streams;

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use address::{Header, write};
pub(crate) use datagrams::serve as serve_datagrams;
pub(crate) use detect::{forwarded, hello};
pub(crate) use splice::Pipes;
pub use streams::{Passage, Streams};

use crate::balance::{Choice, Pick, Tried, xxh64};
use crate::config;
use crate::health::{Report, Visit};
use crate::http1::{Fault, tunnel};
use crate::log::Line;
use crate::peer::Peer;
use crate::secure::hello::Wanted;
use crate::snapshot::Cluster;
use crate::upstream;
use crate::wire::{Stream, Wire};
use crate::worker::{View, Worker};

/// Endpoints that are tried when connections cannot be made.
const TRIES: usize = 3;

/// What is known of a connection that is passed on.
pub(crate) struct Passed {
    pub(crate) peer: Peer,
    /// Where its client believes to be, where a PROXY header said so.
    pub(crate) destination: Option<SocketAddr>,
    pub(crate) socket: usize,
    pub(crate) timer: u32,
}

/// How it ended, for the log.
#[derive(Default)]
struct Ended {
    cluster: Option<Arc<Cluster>>,
    endpoint: Option<SocketAddr>,
    /// Counts it at its endpoint while it lasts.
    visit: Option<Visit>,
    fault: Option<Fault>,
    moved: Moved,
}

/// Bytes from the client and to it.
#[derive(Default)]
pub(crate) struct Moved {
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
}

/// Passes one connection on until its end.
pub(crate) async fn serve(worker: &Rc<Worker>, view: Rc<View>, mut stream: Stream, passed: Passed) {
    let Some(listener) = view.listener(passed.socket) else { return };
    let Some(streams) = &listener.streams else { return };
    let settings = listener.settings.clone();
    let began = worker.timers.now();
    let mut name = passed.peer.tls.as_ref().and_then(|tls| tls.server_name.clone());
    if let (Stream::Clear(tcp), true) = (&stream, streams.asks_for_names()) {
        // Who speaks first may be the server: then nothing is detected, and nobody waits long.
        worker.timers.arm(passed.timer, began, settings.detect_timeout);
        if let Some(Wanted { server_name, .. }) = hello(worker, tcp, passed.timer).await {
            name = server_name;
        }
    }
    let mut ended = Ended::default();
    let made = dial(worker, &view, streams.cluster(name.as_deref()), &stream, &passed, &mut ended).await;
    // It may last for days: what is configured meanwhile is not to be held by it.
    drop(view);
    match made {
        Err(fault) => {
            worker.shared.stats.fault(worker.index, fault);
            ended.fault = Some(fault);
            stream.reset();
        }
        Ok(server) => {
            worker.cells().streams.add(1);
            let lives = async {
                let (timer, patience) = (passed.timer, settings.tunnel_timeout);
                match (stream, server) {
                    (Stream::Clear(client), Stream::Clear(server)) => {
                        splice::run(worker, client, server, timer, patience, &ended.moved).await;
                    }
                    (stream, server) => {
                        let exchange = worker.exchanges.take();
                        tunnel::run(worker, stream, server, exchange, timer, patience, &ended.moved).await;
                    }
                }
            };
            match settings.max_lifetime {
                None => lives.await,
                // Whoever lives too long is cut off; that is what was asked for.
                Some(longest) => drop(tokio::time::timeout(longest, lives).await),
            }
        }
    }
    log(worker, &passed, "TCP", began, name.as_deref(), &ended);
}

/// A connection to one of the endpoints, told of the client if the cluster wants to know.
async fn dial(
    worker: &Rc<Worker>,
    view: &View,
    at: Option<usize>,
    client: &Stream,
    passed: &Passed,
    ended: &mut Ended,
) -> Result<Stream, Fault> {
    let (cluster, chooser) = at.and_then(|at| view.cluster_at(at)).ok_or(Fault::NoRoute)?;
    ended.cluster = Some(cluster.clone());
    if cluster.endpoints.is_empty() {
        return Err(Fault::NoEndpoint);
    }
    // Who hashes has nothing here but where the client is.
    let hash = chooser.wants_hash().then(|| xxh64(passed.peer.text.as_bytes(), 0));
    let mut tried = Tried::default();
    for _ in 0..TRIES {
        let now = worker.timers.now();
        let address = |at: usize| cluster.endpoints.get(at).map(|endpoint| endpoint.address);
        let is_down = |at: usize| address(at).is_none_or(|address| worker.pool.is_down(address, now));
        let wanted = Pick { hash, is_again: tried.count() > 0 };
        let chosen = chooser
            .pick(cluster, wanted, now, |at| tried.has(at) || is_down(at))
            .or_else(|| chooser.pick(cluster, Pick { is_again: true, ..wanted }, now, |at| tried.has(at)));
        let Some(Choice { at, state }) = chosen else { break };
        let Some(endpoint) = address(at) else { break };
        tried.add(at);
        let visit = state.map(|state| Visit::new(state, now));
        worker.timers.arm(passed.timer, now, cluster.settings.connect_timeout);
        let made = {
            let mut making = Box::pin(async {
                let mut stream = upstream::make(worker, cluster, endpoint).await?;
                introduce(cluster, client, passed, &mut stream).await?;
                io::Result::Ok(stream)
            });
            poll_fn(|context| match making.as_mut().poll(context) {
                Poll::Pending if worker.timers.expired(passed.timer) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
                Poll::Ready(made) => Poll::Ready(made.ok()),
            })
            .await
        };
        match made {
            Some(stream) => {
                worker.cells().connects.add(1);
                (ended.endpoint, ended.visit) = (Some(endpoint), visit);
                return Ok(stream);
            }
            None => {
                let now = worker.timers.now();
                worker.cells().connect_errors.add(1);
                worker.pool.failed(endpoint, now);
                if let (Some(state), Some(visit)) = (chooser.state(), &visit)
                    && state.report(cluster, visit, Report::Refused, now)
                {
                    worker.cells().ejections.add(1);
                }
            }
        }
    }
    Err(Fault::Connect)
}

/// Tells a server who the client is, before the client's first byte.
async fn introduce(
    cluster: &Cluster,
    client: &Stream,
    passed: &Passed,
    server: &mut Stream,
) -> io::Result<()> {
    let version = cluster.settings.proxy_protocol;
    if version == config::Introduction::None {
        return Ok(());
    }
    let here = match passed.destination {
        Some(destination) => destination,
        None => client.local_address()?,
    };
    let mut header = Vec::new();
    write(&mut header, version == config::Introduction::V2, passed.peer.address, here);
    let mut sent = 0;
    while sent < header.len() {
        let rest = &header[sent..];
        sent += poll_fn(|context| server.poll_write(context, &[IoSlice::new(rest)])).await?;
    }
    Ok(())
}

fn log(worker: &Worker, passed: &Passed, what: &str, began: Duration, name: Option<&str>, ended: &Ended) {
    let cells = worker.cells();
    cells.received.add(ended.moved.received.get());
    cells.sent.add(ended.moved.sent.get());
    let sink = &worker.shared.log;
    if !sink.is_on() {
        return;
    }
    let note = [what, "", name.unwrap_or_default(), ""].join("\0");
    let identity = passed.peer.certificate().map(crate::peer::ClientCertificate::identity);
    let endpoint = ended.endpoint.map(|endpoint| endpoint.to_string()).unwrap_or_default();
    let line = Line {
        client: &passed.peer.text,
        identity: identity.as_deref().unwrap_or_default(),
        note: note.as_bytes(),
        status: 0,
        sent: ended.moved.sent.get(),
        took: worker.timers.now().saturating_sub(began),
        route: ended.cluster.as_ref().map_or("", |cluster| &cluster.name),
        endpoint: endpoint.as_bytes(),
        fault: ended.fault.map_or("", Fault::word),
        trace: None,
    };
    let lost = worker.log.borrow_mut().add(sink, &mut worker.dates.borrow_mut(), &line);
    cells.lines_lost.add(lost);
}

impl Stream {
    /// Where the client came to.
    fn local_address(&self) -> io::Result<SocketAddr> {
        match self {
            Stream::Clear(stream) => stream.local_addr(),
            Stream::Server(session) => session.socket().local_addr(),
            Stream::Client(session) => session.socket().local_addr(),
            Stream::Shared(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
