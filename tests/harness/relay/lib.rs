//! A bad network in one place: a TCP relay that drops, delays, stalls, resets and limits rate.
//!
//! Tests and measurements put it between a client and a server of theirs. It is plain threads, so
//! that it works the same beside any runtime, and it counts what it passed on. What it does to a
//! connection is a [`Plan`], chosen when the connection arrives; `pump.rs` carries it out.
#![forbid(unsafe_code)]

mod pump;

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use pump::Pair;

/// What happens to a connection. The default passes everything on.
///
/// The limits in bytes count what goes from the server to the client, where downloads flow.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Accepted and closed at once.
    pub drop: bool,
    /// Each piece waits this long in the relay, in both directions.
    pub delay: Duration,
    /// At most this many bytes a second.
    pub rate: Option<u64>,
    /// Nothing moves any more after this many bytes; the connection stays open.
    pub stall_after: Option<u64>,
    /// A reset (RST) after this many bytes: what was not yet delivered is lost.
    pub reset_after: Option<u64>,
    /// An orderly end (FIN) after this many bytes, as of a server that lies about its length.
    pub close_after: Option<u64>,
}

/// Chooses the plan of connection number 0, 1, …
type Choose = dyn Fn(u64) -> Plan + Send + Sync;

/// The relay; dropping it ends its connections and threads.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the acceptor and the pumps share.
struct Shared {
    upstream: SocketAddr,
    choose: Mutex<Arc<Choose>>,
    stop: AtomicBool,
    connections: AtomicU64,
    down: AtomicU64,
    up: AtomicU64,
    live: Mutex<Vec<Live>>,
}

/// A connection as the relay remembers it. Only its pumps own the sockets: when both have ended,
/// the sockets are closed.
struct Live {
    pair: Weak<Pair>,
    pumps: Vec<JoinHandle<()>>,
}

impl Live {
    fn abort(&self) {
        if let Some(pair) = self.pair.upgrade() {
            pair.abort();
        }
    }

    fn is_over(&self) -> bool {
        self.pumps.iter().all(JoinHandle::is_finished)
    }
}

impl Relay {
    /// Listens on a free port of 127.0.0.1; every connection goes to `upstream` by the same plan.
    pub fn start(upstream: SocketAddr, plan: Plan) -> io::Result<Relay> {
        Relay::choosing(upstream, move |_| plan.clone())
    }

    /// As [`Relay::start`], with a plan a connection, counted from 0.
    pub fn choosing(
        upstream: SocketAddr,
        choose: impl Fn(u64) -> Plan + Send + Sync + 'static,
    ) -> io::Result<Relay> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            choose: Mutex::new(Arc::new(choose)),
            stop: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            down: AtomicU64::new(0),
            up: AtomicU64::new(0),
            live: Mutex::new(Vec::new()),
        });
        let ours = Arc::clone(&shared);
        let acceptor =
            std::thread::Builder::new().name("relay".to_owned()).spawn(move || accept(&listener, &ours))?;
        Ok(Relay { address, shared, acceptor: Some(acceptor) })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, new connections follow this plan.
    pub fn set(&self, plan: Plan) {
        *lock(&self.shared.choose) = Arc::new(move |_| plan.clone());
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Bytes handed to clients so far.
    pub fn down(&self) -> u64 {
        self.shared.down.load(Ordering::Relaxed)
    }

    /// Bytes handed to the server so far.
    pub fn up(&self) -> u64 {
        self.shared.up.load(Ordering::Relaxed)
    }

    /// Ends the connections of this moment, as pulling the cable and plugging it in again does.
    pub fn cut(&self) {
        lock(&self.shared.live).iter().for_each(Live::abort);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the acceptor; if this fails, its listener is gone already.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
        for live in lock(&self.shared.live).drain(..) {
            live.abort();
            live.pumps.into_iter().for_each(|pump| drop(pump.join()));
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(client) = client else { continue };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let choose = Arc::clone(&lock(&shared.choose));
        let plan = choose(number);
        if plan.drop {
            drop(client.shutdown(Shutdown::Both));
            continue;
        }
        // The client sees a server that cannot be reached as a connection that ends.
        let Ok(server) = TcpStream::connect(shared.upstream) else { continue };
        let Ok(pair) = Pair::new(client, server, plan) else { continue };
        let pair = Arc::new(pair);
        let pumps = pump::start(&pair, shared);
        let mut live = lock(&shared.live);
        live.retain(|live| !live.is_over());
        live.push(Live { pair: Arc::downgrade(&pair), pumps });
    }
}

/// A pump that panicked leaves counters and lists as they are: they stay usable.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
