//! Datagrams passed on: each client is a flow with a socket of its own towards one endpoint, so that what
//! comes back is known by the socket it comes to.
//!
//! A listener's socket belongs to one worker, which reads it into one buffer for all flows. A flow is a
//! task, an entry in a table and a deadline; how many there are is bounded by `max_flows` and by the
//! descriptors of the process, how long one is silent by `flow_timeout`. What a socket does not take at
//! once is lost and counted, as anywhere on the way of a datagram. Neighbour: `worker/accept.rs` says who
//! is let in.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, SendFlags};
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::{Ended, Passed, TRIES};
use crate::balance::{Choice, Pick, xxh64};
use crate::health::{Report, Visit};
use crate::http1::Fault;
use crate::peer::Peer;
use crate::worker::{Guest, View, Worker};

/// The longest there is (RFC 768).
const LONGEST: usize = 65_535;
/// Datagrams that are read before others of the worker have their turn.
const TURN: usize = 64;
/// What an endpoint may still answer once we drain.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// One client's datagrams.
struct Flow {
    /// Towards the endpoint, and to nobody else.
    server: UdpSocket,
    /// Its place among the deadlines.
    timer: u32,
    ended: Ended,
}

/// The flows of one listener.
struct Flows {
    worker: Rc<Worker>,
    socket: usize,
    listening: UdpSocket,
    by_client: RefCell<HashMap<SocketAddr, Rc<Flow>>>,
    buffer: RefCell<Box<[u8]>>,
}

/// Passes on what comes to `listening` until `drain` says so.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    socket: usize,
    listening: UdpSocket,
    mut drain: watch::Receiver<bool>,
) {
    let buffer = RefCell::new(vec![0; LONGEST].into_boxed_slice());
    let flows = Rc::new(Flows { worker, socket, listening, by_client: RefCell::default(), buffer });
    loop {
        tokio::select! {
            ready = flows.listening.readable() => if let Err(error) = ready {
                tracing::warn!("cannot receive datagrams: {error}");
                return;
            },
            _ = drain.wait_for(|now| *now) => return,
        }
        for _ in 0..TURN {
            let received = flows.listening.try_recv_from(&mut flows.buffer.borrow_mut());
            match received {
                Ok((length, client)) => flows.pass(client, length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // What one client's network says of an answer of ours is not about the others.
                Err(_) => {}
            }
        }
        tokio::task::yield_now().await;
    }
}

impl Flows {
    /// Passes the first `length` bytes of the buffer on for `client`.
    fn pass(self: &Rc<Flows>, client: SocketAddr, length: usize) {
        let view = self.worker.view();
        let Some(listener) = view.listener(self.socket) else { return };
        let patience = listener.settings.flow_timeout;
        // An endpoint that is found to be gone takes no datagram with it: it is for the next one.
        for _ in 0..TRIES {
            let known = self.by_client.borrow().get(&client).cloned();
            let Some(flow) = known.or_else(|| self.begin(&view, client)) else { break };
            let now = self.worker.timers.now();
            self.worker.timers.arm(flow.timer, now, patience);
            // Not asked whether there is room: the runtime does not know yet of a socket made this moment.
            match net::send(&flow.server, &self.buffer.borrow()[..length], SendFlags::DONTWAIT) {
                Ok(_) => {
                    let moved = &flow.ended.moved.received;
                    moved.set(moved.get() + length as u64);
                    return self.count(true);
                }
                // What the endpoint's machine said of the datagram before this one.
                Err(Errno::CONNREFUSED) => {
                    self.refused(&flow);
                    self.forget(client, &flow);
                    self.worker.timers.arm(flow.timer, now, Duration::ZERO);
                }
                Err(_) => break,
            }
        }
        self.count(false);
    }

    /// A client has this flow no more.
    fn forget(&self, client: SocketAddr, flow: &Rc<Flow>) {
        let mut by_client = self.by_client.borrow_mut();
        if by_client.get(&client).is_some_and(|known| Rc::ptr_eq(known, flow)) {
            by_client.remove(&client);
        }
    }

    fn count(&self, is_sent: bool) {
        let cells = self.worker.cells();
        if is_sent { &cells.datagrams } else { &cells.datagrams_lost }.add(1);
    }

    /// A flow for a client that has none, if there may be one more.
    fn begin(self: &Rc<Flows>, view: &View, client: SocketAddr) -> Option<Rc<Flow>> {
        let (worker, cells) = (&self.worker, self.worker.cells());
        let listener = view.listener(self.socket)?;
        let peer = Peer::at(client);
        let is_full = self.by_client.borrow().len() >= listener.settings.max_flows as usize;
        let guest = if is_full { None } else { Guest::admitted(worker) };
        let Some(guest) = guest.filter(|_| worker.admits(view, listener, &peer)) else {
            cells.flows_refused.add(1);
            return None;
        };
        let timer = guest.timer();
        let passed = Passed { peer, destination: None, socket: self.socket, timer };
        let (server, ended) = match self.choose(view, &passed) {
            Ok(chosen) => chosen,
            Err(fault) => {
                worker.shared.stats.fault(worker.index, fault);
                return None;
            }
        };
        cells.flows.add(1);
        let flow = Rc::new(Flow { server, timer, ended });
        self.by_client.borrow_mut().insert(client, flow.clone());
        tokio::task::spawn_local(self.clone().live(flow.clone(), passed, guest));
        Some(flow)
    }

    /// An endpoint for a client, and a socket that speaks with it.
    fn choose(&self, view: &View, passed: &Passed) -> Result<(UdpSocket, Ended), Fault> {
        let worker = &self.worker;
        let streams = view.listener(self.socket).and_then(|listener| listener.streams.as_ref());
        let at = streams.and_then(|streams| streams.cluster(None));
        let (cluster, chooser) = at.and_then(|at| view.cluster_at(at)).ok_or(Fault::NoRoute)?;
        let now = worker.timers.now();
        // One client, one key: also from another port it is the same endpoint's.
        let hash = chooser.wants_hash().then(|| xxh64(passed.peer.text.as_bytes(), 0));
        let address = |at: usize| cluster.endpoints.get(at).map(|endpoint| endpoint.address);
        let is_down = |at: usize| address(at).is_none_or(|address| worker.pool.is_down(address, now));
        let chosen = chooser
            .pick(cluster, Pick { hash, is_again: false }, now, is_down)
            .or_else(|| chooser.pick(cluster, Pick { hash, is_again: true }, now, |_| false));
        let Some(Choice { at, state }) = chosen else { return Err(Fault::NoEndpoint) };
        let endpoint = address(at).ok_or(Fault::NoEndpoint)?;
        let server = connect(endpoint).map_err(|_| Fault::Connect)?;
        let ended = Ended {
            cluster: Some(cluster.clone()),
            endpoint: Some(endpoint),
            visit: state.map(|state| Visit::new(state, now)),
            ..Ended::default()
        };
        Ok((server, ended))
    }

    /// Carries what comes back until the flow was silent for too long.
    async fn live(self: Rc<Flows>, flow: Rc<Flow>, passed: Passed, guest: Guest) {
        let worker = &self.worker;
        let began = worker.timers.now();
        let client = passed.peer.address;
        let mut drains = worker.is_draining();
        poll_fn(|context| {
            let _sits = guest.sits(context.waker());
            for _ in 0..TURN {
                match flow.server.poll_recv_ready(context) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                }
                let mut buffer = self.buffer.borrow_mut();
                match flow.server.try_recv(&mut buffer) {
                    Ok(length) => {
                        let answer = &buffer[..length];
                        let sent = net::sendto(&self.listening, answer, SendFlags::DONTWAIT, &client);
                        self.count(sent.is_ok());
                        let moved = &flow.ended.moved.sent;
                        moved.set(moved.get() + if sent.is_ok() { length as u64 } else { 0 });
                        let patience = if drains { LAST_ANSWERS } else { self.patience() };
                        worker.timers.arm(flow.timer, worker.timers.now(), patience);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // Nobody is there: the client's next datagram goes elsewhere, if there is anywhere.
                    Err(_) => {
                        self.refused(&flow);
                        return Poll::Ready(());
                    }
                }
            }
            if worker.is_draining() && !drains {
                drains = true;
                worker.timers.arm(flow.timer, worker.timers.now(), LAST_ANSWERS.min(self.patience()));
            }
            if worker.timers.expired(flow.timer) || worker.is_tight() {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
        self.forget(client, &flow);
        super::log(worker, &passed, "UDP", began, None, &flow.ended);
    }

    /// How long a flow may be silent.
    fn patience(&self) -> Duration {
        let view = self.worker.view();
        view.listener(self.socket).map_or(Duration::ZERO, |listener| listener.settings.flow_timeout)
    }

    /// An endpoint's machine says that nobody listens there.
    fn refused(&self, flow: &Flow) {
        let (worker, now) = (&self.worker, self.worker.timers.now());
        worker.cells().connect_errors.add(1);
        let Ended { cluster: Some(cluster), endpoint: Some(endpoint), visit, .. } = &flow.ended else {
            return;
        };
        worker.pool.failed(*endpoint, now);
        if let (Some(state), Some(visit)) = (worker.shared.states.of(cluster), visit)
            && state.report(cluster, visit, Report::Refused, now)
        {
            worker.cells().ejections.add(1);
        }
    }
}

/// A socket that hears from `endpoint` alone.
fn connect(endpoint: SocketAddr) -> io::Result<UdpSocket> {
    let any = match endpoint {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(endpoint)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}
