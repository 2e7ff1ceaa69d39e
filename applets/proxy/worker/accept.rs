//! Takes connections from a listening socket and starts a task for each.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::net::{TcpListener, TcpStream};

use super::{View, Worker};
use crate::config::{Preface, Spoken};
use crate::judge::Point;
use crate::l4::{self, Header, Passed};
use crate::peer::Peer;
use crate::secure;
use crate::snapshot::Listener;
use crate::wire::Stream;
use crate::{http1, http2};

/// What accept(2) gets to find descriptors or memory again.
const PAUSE: Duration = Duration::from_millis(100);

/// Keeps the calling thread on one of the CPUs it may run on, the next for each worker: what a
/// connection needs stays in one cache. A machine that refuses it serves as well.
pub(super) fn pin_to_cpu(index: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    let Some(cpu) = cpus.get(index % cpus.len().max(1)) else { return };
    let mut own = CpuSet::new();
    own.set(*cpu);
    if let Err(error) = sched_setaffinity(None, &own) {
        tracing::debug!(cpu, "not pinned: {error}");
    }
}

/// Accepts until it is dropped.
pub(super) async fn accept(worker: Rc<Worker>, socket: usize, listener: TcpListener) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                told = false;
                welcome(&worker, socket, stream, peer);
            }
            Err(error) if is_its_own_fault(&error) => {}
            Err(error) => {
                worker.cells().accept_errors.add(1);
                if !told {
                    tracing::warn!("cannot accept connections now: {error}");
                    told = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The connection was gone before it was accepted.
fn is_its_own_fault(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

fn welcome(worker: &Rc<Worker>, socket: usize, stream: TcpStream, peer: SocketAddr) {
    let cells = worker.cells();
    cells.accepted.add(1);
    let shared = &worker.shared;
    if shared.open.fetch_add(1, Ordering::Relaxed) >= shared.most_open || worker.is_tight() {
        shared.open.fetch_sub(1, Ordering::Relaxed);
        cells.turned_away.add(1);
        return;
    }
    // Answers are written whole; waiting for more of them would only be late.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("nodelay: {error}");
    }
    worker.opened();
    let guest = Guest { worker: worker.clone() };
    tokio::task::spawn_local(async move {
        let worker = &guest.worker;
        let timer = poll_fn(|context| Poll::Ready(worker.timers.enter(context.waker().clone()))).await;
        let _place = Place { worker: worker.clone(), timer };
        // What comes before the first request needs room for a moment, not as long as the connection lasts.
        let arriving = Box::pin(arrive(worker, socket, stream, peer, timer));
        let Some(Arrived { stream, peer, is_http2 }) = arriving.await else { return };
        // Else whether it is HTTP/2 shows by what it begins with.
        if is_http2 {
            let early = worker.exchanges.take();
            Box::pin(http2::serve(worker, socket, stream, peer, timer, early)).await;
        } else {
            http1::serve(worker, socket, stream, peer, timer).await;
        }
    });
}

/// A connection whose first request may come.
struct Arrived {
    stream: Stream,
    peer: Peer,
    is_http2: bool,
}

/// Does with a connection what its listener wants before requests come, or instead of them.
async fn arrive(
    worker: &Rc<Worker>,
    socket: usize,
    stream: TcpStream,
    address: SocketAddr,
    timer: u32,
) -> Option<Arrived> {
    let (mut peer, mut destination) = (Peer::at(address), None);
    let view = worker.view();
    let listener = view.listener(socket)?;
    if listener.settings.proxy_protocol == Preface::Require
        && let Some((from, to)) = introduced(worker, listener, &stream, timer).await?
    {
        (peer, destination) = (Peer::at(from), Some(to));
    }
    let stream = secured(worker, listener, stream, &mut peer, timer).await?;
    if !is_admitted(worker, &view, listener, &peer) {
        return None;
    }
    if listener.streams.is_some() {
        let passed = Passed { peer, destination, socket, timer };
        l4::serve(worker, view, stream, passed).await;
        return None;
    }
    let is_http2 = match &peer.tls {
        Some(secured) => secured.is_http2,
        None => listener.settings.protocol == Spoken::Http2,
    };
    Some(Arrived { stream, peer, is_http2 })
}

/// Reads the PROXY header a connection must begin with; none if it does not.
async fn introduced(
    worker: &Rc<Worker>,
    listener: &Listener,
    stream: &TcpStream,
    timer: u32,
) -> Option<Option<(SocketAddr, SocketAddr)>> {
    worker.timers.arm(timer, worker.timers.now(), listener.settings.head_timeout);
    match l4::forwarded(worker, stream, timer).await {
        Some(Header::Whole { ends, .. }) => Some(ends),
        _ => {
            worker.cells().header_errors.add(1);
            None
        }
    }
}

/// What whoever judges says of a connection.
fn is_admitted(worker: &Worker, view: &View, listener: &Listener, peer: &Peer) -> bool {
    let Some(judge) = view.judge().filter(|judge| judge.asks(Point::Connection)) else { return true };
    let is_admitted = judge.connection(peer, &listener.name);
    if !is_admitted {
        worker.cells().judged.add(1);
    }
    is_admitted
}

/// The connection as its listener wants it: as it is, or after a handshake.
async fn secured(
    worker: &Rc<Worker>,
    listener: &Listener,
    stream: TcpStream,
    peer: &mut Peer,
    timer: u32,
) -> Option<Stream> {
    let Some(termination) = &listener.tls else {
        // What is to be secured is not served in the clear while its certificate is missing.
        let is_clear = listener.settings.tls.cert_files.as_ref().is_none_or(Vec::is_empty);
        return is_clear.then_some(Stream::Clear(stream));
    };
    let patience = listener.settings.head_timeout;
    let shaken = secure::accept(worker, timer, stream, termination, patience).await;
    let (session, secured) = shaken?;
    peer.tls = Some(Box::new(secured));
    Some(Stream::Server(session))
}

/// Counts a connection until its task is gone, panics included.
struct Guest {
    worker: Rc<Worker>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.worker.closed();
    }
}

/// A place among the deadlines.
struct Place {
    worker: Rc<Worker>,
    timer: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.timers.leave(self.timer);
    }
}
