//! Connections to endpoints: kept while nobody uses them, a pool a worker and endpoint.
//!
//! A connection that its server has closed is noticed when it is taken, without a system call: its
//! readiness says so. The one that closes in that very moment is what the one retry is for.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpSocket;

use crate::config::Served;
use crate::http2;
use crate::resilience::Permit;
use crate::secure::{self, Origination};
use crate::snapshot::Cluster;
use crate::wire::Stream;
use crate::worker::Worker;

/// The idle connections of one worker.
#[derive(Default)]
pub struct Pool {
    idle: RefCell<HashMap<SocketAddr, Waiting, BuildHasherDefault<Quick>>>,
    /// Endpoints that could not be connected to, and until when they are spared.
    down: RefCell<HashMap<SocketAddr, Duration>>,
    /// Tasks of this worker that wait for a connection to be given back.
    waiters: Cell<usize>,
}

/// How long an endpoint is spared after a connection to it failed, where there are others.
const SPARED: Duration = Duration::from_secs(3);

/// Hashes the addresses of endpoints: no client chooses them, so nothing need be secret about it.
#[derive(Default)]
struct Quick(u64);

impl Quick {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u16(&mut self, number: u16) {
        self.add(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.add(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        // A product's high half is its better one; a table looks at the low bits as well.
        self.0 ^ self.0 >> 32
    }
}

/// The idle connections to one endpoint.
#[derive(Default)]
struct Waiting {
    idle: Vec<Idle>,
    /// Since the last sweep: an endpoint in use keeps its place, also while nothing waits in it.
    used: bool,
}

struct Idle {
    kept: Kept,
    until: Duration,
}

/// A connection that is kept.
#[derive(Debug)]
pub struct Kept {
    /// The connection.
    pub stream: Stream,
    /// Its place among the cluster's connections, where they are limited.
    pub permit: Option<Permit>,
    /// How TLS was spoken when it was made: who else asks this endpoint may prove and believe other things.
    pub tls: Option<Origination>,
}

impl Kept {
    /// True if others wait for the place it takes.
    fn is_wanted(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_wanted)
    }
}

/// A task of this worker that waits for a connection.
#[derive(Debug)]
pub struct Waiter<'a>(&'a Cell<usize>);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Pool {
    /// A connection that still stands, with `tls` as it is wanted.
    pub fn take(&self, endpoint: SocketAddr, tls: &Option<Origination>, now: Duration) -> Option<Kept> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(&endpoint)?;
        // The one used last has its window open, and the others get a chance to age.
        while let Some(at) = waiting.idle.iter().rposition(|idle| idle.kept.tls == *tls) {
            let Idle { mut kept, until } = waiting.idle.remove(at);
            if until > now && kept.stream.is_quiet() {
                return Some(kept);
            }
        }
        None
    }

    /// Keeps a connection for the next exchange, unless there are `most` already.
    pub fn put(&self, endpoint: SocketAddr, mut kept: Kept, until: Duration, most: u32) {
        // Asked now, a server that has already closed is not kept; and whoever waited last lets go.
        if !kept.stream.is_quiet() {
            return;
        }
        if kept.is_wanted() {
            // Another worker cannot take it, only its place.
            if self.waiters.get() == 0 {
                return;
            }
            if let Some(permit) = &kept.permit {
                permit.offer();
            }
        }
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.entry(endpoint).or_default();
        waiting.used = true;
        if waiting.idle.len() < most as usize {
            waiting.idle.push(Idle { kept, until });
        }
    }

    /// Notes that a connection to `endpoint` is not shared: each request needs one of its own.
    pub fn unshared(&self, endpoint: SocketAddr) {
        self.idle.borrow_mut().entry(endpoint).or_default().used = true;
    }

    /// True if connections to `endpoint` were not shared of late.
    pub fn is_unshared(&self, endpoint: SocketAddr) -> bool {
        self.idle.borrow().contains_key(&endpoint)
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
            waiting
                .idle
                .retain_mut(|idle| idle.until > now && idle.kept.stream.is_quiet() && !idle.kept.is_wanted());
            std::mem::take(&mut waiting.used) || !waiting.idle.is_empty()
        });
        !idle.is_empty()
    }

    /// Counts a task that waits for a connection.
    pub fn wait(&self) -> Waiter<'_> {
        self.waiters.set(self.waiters.get() + 1);
        Waiter(&self.waiters)
    }

    /// Closes those whose place others wait for.
    pub fn release(&self) {
        for waiting in self.idle.borrow_mut().values_mut() {
            waiting.idle.retain(|idle| !idle.kept.is_wanted());
        }
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
pub(crate) async fn connect(
    worker: &Rc<Worker>,
    cluster: &Cluster,
    endpoint: SocketAddr,
) -> io::Result<Stream> {
    match cluster.settings.protocol {
        Served::Http1 => make(worker, cluster, endpoint).await,
        // Its connections are shared: this is a stream of one, unless another protocol was agreed on.
        Served::Http2 | Served::Auto => {
            let asked = http2::ask(worker, cluster, endpoint, || make(worker, cluster, endpoint));
            Box::pin(asked).await
        }
    }
}

/// The same for one who needs the connection alone.
pub(crate) async fn make(worker: &Worker, cluster: &Cluster, endpoint: SocketAddr) -> io::Result<Stream> {
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
