//! Takes connections from a listening socket and starts a task for each.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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

/// Who is let in at the last moment, at most: as many as may wait.
const LAST_ONES: usize = 4096;

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

/// Accepts until `drain` says that nothing more is to come. Who waits by then is let in, as the socket may be
/// closed on those who are left.
pub(super) async fn accept(
    worker: Rc<Worker>,
    socket: usize,
    listener: TcpListener,
    mut drain: watch::Receiver<bool>,
) {
    let mut told = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = drain.wait_for(|now| *now) => return last_ones(&worker, socket, listener),
        };
        match accepted {
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

/// Lets in who waits at a socket that is about to be closed: they would be reset.
fn last_ones(worker: &Rc<Worker>, socket: usize, listener: TcpListener) {
    let Ok(listener) = listener.into_std() else { return };
    for _ in 0..LAST_ONES {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                let Ok(stream) = stream else { return };
                welcome(worker, socket, stream, peer);
            }
            Err(error) if is_its_own_fault(&error) => {}
            Err(_) => return,
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
    let Some(guest) = Guest::admitted(worker) else {
        cells.turned_away.add(1);
        return;
    };
    // Answers are written whole; waiting for more of them would only be late.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("nodelay: {error}");
    }
    let timer = guest.timer;
    // What comes before the first request needs room for a moment, not as long as the connection lasts.
    let arriving = Box::pin(arrive(worker.clone(), socket, stream, peer, timer));
    tokio::task::spawn_local(async move {
        poll_fn(|context| guest.sits(context.waker())).await;
        let Some((accepted, is_http2)) = arriving.await else { return };
        // Else whether it is HTTP/2 shows by what it begins with.
        if is_http2 {
            let early = accepted.worker.exchanges.take();
            Box::pin(http2::serve(accepted, early)).await;
        } else {
            http1::serve(accepted).await;
        }
    });
}

/// A connection whose first request may come.
pub struct Accepted<W> {
    /// Who serves it.
    pub worker: Rc<Worker>,
    /// The worker's socket it has come by.
    pub socket: usize,
    /// The client's end.
    pub client: W,
    /// What is known of the client.
    pub peer: Peer,
    /// Its place among the worker's deadlines.
    pub timer: u32,
}

/// Does with a connection what its listener wants before requests come, or instead of them. Says
/// whether it speaks HTTP/2, if that is known.
async fn arrive(
    worker: Rc<Worker>,
    socket: usize,
    stream: TcpStream,
    address: SocketAddr,
    timer: u32,
) -> Option<(Accepted<Stream>, bool)> {
    let (mut peer, mut destination) = (Peer::at(address), None);
    let view = worker.view();
    let listener = view.listener(socket)?;
    if listener.settings.proxy_protocol == Preface::Require
        && let Some((from, to)) = introduced(&worker, listener, &stream, timer).await?
    {
        (peer, destination) = (Peer::at(from), Some(to));
    }
    let client = secured(&worker, listener, stream, &mut peer, timer).await?;
    if !worker.admits(&view, listener, &peer) {
        return None;
    }
    if listener.streams.is_some() {
        let passed = Passed { peer, destination, socket, timer };
        l4::serve(&worker, view, client, passed).await;
        return None;
    }
    let is_http2 = match &peer.tls {
        Some(secured) => secured.is_http2,
        None => listener.settings.protocol == Spoken::Http2,
    };
    Some((Accepted { worker, socket, client, peer, timer }, is_http2))
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

impl Worker {
    /// What whoever judges says of a connection.
    pub(crate) fn admits(&self, view: &View, listener: &Listener, peer: &Peer) -> bool {
        let Some(judge) = view.judge().filter(|judge| judge.asks(Point::Connection)) else { return true };
        let is_admitted = judge.connection(peer, &listener.name);
        if !is_admitted {
            self.cells().judged.add(1);
        }
        is_admitted
    }
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

/// Counts a connection until its task is gone, panics included, and has its place among the deadlines.
pub(crate) struct Guest {
    worker: Rc<Worker>,
    timer: u32,
}

impl Guest {
    /// One more, if there may be.
    pub(crate) fn admitted(worker: &Rc<Worker>) -> Option<Guest> {
        let shared = &worker.shared;
        if shared.open.fetch_add(1, Ordering::Relaxed) >= shared.most_open || worker.is_tight() {
            shared.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        worker.opened();
        Some(Guest { worker: worker.clone(), timer: worker.timers.enter(Waker::noop().clone()) })
    }

    /// Its place among the deadlines.
    pub(crate) fn timer(&self) -> u32 {
        self.timer
    }

    /// Its deadline wakes this task.
    pub(crate) fn sits(&self, waker: &Waker) -> Poll<()> {
        self.worker.timers.wake_by(self.timer, waker.clone());
        Poll::Ready(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.worker.timers.leave(self.timer);
        self.worker.closed();
    }
}
