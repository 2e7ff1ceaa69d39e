//! Connections to endpoints: kept while nobody uses them, a pool a worker and endpoint.
//!
//! A connection that its server has closed is noticed when it is taken, without a system call: its
//! readiness says so. The one that closes in that very moment is what the one retry is for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpSocket;

use crate::secure;
use crate::snapshot::Cluster;
use crate::wire::Stream;
use crate::worker::Worker;

/// The idle connections of one worker.
#[derive(Default)]
pub struct Pool {
    idle: RefCell<HashMap<SocketAddr, Waiting>>,
    /// Endpoints that could not be connected to, and until when they are spared.
    down: RefCell<HashMap<SocketAddr, Duration>>,
}

/// How long an endpoint is spared after a connection to it failed, where there are others.
const SPARED: Duration = Duration::from_secs(3);

/// The idle connections to one endpoint.
#[derive(Default)]
struct Waiting {
    idle: Vec<Idle>,
    /// Since the last sweep: an endpoint in use keeps its place, also while nothing waits in it.
    used: bool,
}

struct Idle {
    stream: Stream,
    until: Duration,
}

impl Pool {
    /// A connection that still stands.
    pub fn take(&self, endpoint: SocketAddr, now: Duration) -> Option<Stream> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(&endpoint)?;
        // The one used last has its window open, and the others get a chance to age.
        while let Some(Idle { mut stream, until }) = waiting.idle.pop() {
            if until > now && stream.is_quiet() {
                return Some(stream);
            }
        }
        None
    }

    /// Keeps a connection for the next exchange, unless there are `most` already.
    pub fn put(&self, endpoint: SocketAddr, mut stream: Stream, until: Duration, most: u32) {
        // Asked now, a server that has already closed is not kept; and whoever waited last lets go.
        if !stream.is_quiet() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.entry(endpoint).or_default();
        waiting.used = true;
        if waiting.idle.len() < most as usize {
            waiting.idle.push(Idle { stream, until });
        }
    }

    /// Notes that `endpoint` could not be connected to.
    pub fn failed(&self, endpoint: SocketAddr, now: Duration) {
        self.down.borrow_mut().insert(endpoint, now + SPARED);
    }

    /// True if `endpoint` could not be connected to a moment ago.
    pub fn is_down(&self, endpoint: SocketAddr, now: Duration) -> bool {
        let down = self.down.borrow();
        !down.is_empty() && down.get(&endpoint).is_some_and(|until| *until > now)
    }

    /// Closes those that waited too long or were closed by their servers; true if some are left.
    pub fn sweep(&self, now: Duration) -> bool {
        self.down.borrow_mut().retain(|_, until| *until > now);
        let mut idle = self.idle.borrow_mut();
        idle.retain(|_, waiting| {
            waiting.idle.retain_mut(|idle| idle.until > now && idle.stream.is_quiet());
            std::mem::take(&mut waiting.used) || !waiting.idle.is_empty()
        });
        !idle.is_empty()
    }

    /// Closes all.
    pub fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.idle.borrow().values().map(|waiting| waiting.idle.len()).sum()
    }
}

/// Makes a connection as `cluster` wants it; the caller bounds the time.
///
/// # Errors
/// Those of connect(2), and of the handshake.
pub(crate) async fn connect(worker: &Worker, cluster: &Cluster, endpoint: SocketAddr) -> io::Result<Stream> {
    let socket = if endpoint.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    let stream = socket.connect(endpoint).await?;
    match &cluster.tls {
        None if cluster.settings.tls.enabled => Err(io::ErrorKind::NotConnected.into()),
        None => Ok(Stream::Clear(stream)),
        // Rare and large: its memory is not every exchange's.
        Some(origination) => {
            let session = secure::connect(worker.spares.clone(), stream, origination, endpoint);
            Ok(Stream::Client(Box::pin(session).await?))
        }
    }
}
