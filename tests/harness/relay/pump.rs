//! One relayed connection: two threads, a direction each, and the plan's accidents.
//!
//! Neighbour: `lib.rs`, which accepts the connection and chooses its plan. The sockets' buffers are
//! kept small, so that a limit in bytes is met within tens of kilobytes and a reset loses no more
//! than a real link would.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::sockopt;

use crate::{Plan, Shared};

/// Bytes moved at a time, and the socket buffer on either side (the kernel doubles it).
const PIECE: usize = 16 * 1024;
const BUFFER: usize = 32 * 1024;

/// How long a sleeping pump takes to notice that its connection is over.
const NAP: Duration = Duration::from_millis(10);

/// The two sockets of a connection.
pub(crate) struct Pair {
    client: TcpStream,
    server: TcpStream,
    plan: Plan,
    over: AtomicBool,
}

/// What is left to do with a piece after the plan was asked.
enum Fate {
    Pass(usize),
    Stall,
    Reset,
    Close,
}

impl Pair {
    pub(crate) fn new(client: TcpStream, server: TcpStream, plan: Plan) -> io::Result<Pair> {
        sockopt::set_socket_send_buffer_size(&client, BUFFER)?;
        sockopt::set_socket_recv_buffer_size(&server, BUFFER)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        Ok(Pair { client, server, plan, over: AtomicBool::new(false) })
    }

    /// Ends both sides with a reset, as soon as both pumps have let go of them.
    pub(crate) fn abort(&self) {
        self.over.store(true, Ordering::Relaxed);
        // A socket that cannot linger is closed in order instead; the peers see an end either way.
        let _ = sockopt::set_socket_linger(&self.client, Some(Duration::ZERO));
        // Wakes our own reader without a word to the peer; the reset comes with the close.
        drop(self.client.shutdown(Shutdown::Read));
        drop(self.server.shutdown(Shutdown::Both));
    }

    /// Sleeps unless the connection ends meanwhile.
    fn sleep(&self, mut time: Duration) {
        while !time.is_zero() && !self.over.load(Ordering::Relaxed) {
            let nap = time.min(NAP);
            thread::sleep(nap);
            time -= nap;
        }
    }

    /// What the plan says about the next `length` bytes when `sent` have gone to the client.
    fn fate(&self, sent: u64, length: usize) -> Fate {
        let room =
            |limit: Option<u64>| limit.map_or(length, |limit| clamp(limit.saturating_sub(sent), length));
        let plan = &self.plan;
        let pass = room(plan.stall_after).min(room(plan.reset_after)).min(room(plan.close_after));
        match () {
            () if pass > 0 => Fate::Pass(pass),
            () if plan.reset_after.is_some_and(|limit| limit <= sent) => Fate::Reset,
            () if plan.close_after.is_some_and(|limit| limit <= sent) => Fate::Close,
            () => Fate::Stall,
        }
    }
}

fn clamp(room: u64, length: usize) -> usize {
    usize::try_from(room).map_or(length, |room| room.min(length))
}

/// Starts both directions. A thread that cannot be made ends the connection.
pub(crate) fn start(pair: &Arc<Pair>, shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let directions: [fn(&Pair, &Shared) -> io::Result<()>; 2] = [down, up];
    let mut pumps = Vec::new();
    for run in directions {
        let (ours, counters) = (Arc::clone(pair), Arc::clone(shared));
        let pump = thread::Builder::new().name("relay-pump".to_owned()).spawn(move || {
            // A failed read or write is a peer that went away: the other side learns it too.
            if run(&ours, &counters).is_err() {
                ours.abort();
            }
        });
        match pump {
            Ok(pump) => pumps.push(pump),
            Err(_) => pair.abort(),
        }
    }
    pumps
}

/// From the server to the client, with the accidents.
fn down(pair: &Pair, shared: &Shared) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut sent = 0;
    loop {
        let length = (&pair.server).read(&mut piece)?;
        if length == 0 {
            return pair.client.shutdown(Shutdown::Write);
        }
        pair.sleep(pair.plan.delay);
        let mut rest = piece.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            match pair.fate(sent, rest.len()) {
                Fate::Pass(count) => {
                    let (now, later) = rest.split_at(count);
                    // Counted first: whoever has read the bytes finds them counted.
                    shared.down.fetch_add(count as u64, Ordering::Relaxed);
                    (&pair.client).write_all(now)?;
                    sent += count as u64;
                    pair.pace(count);
                    rest = later;
                }
                Fate::Stall => {
                    pair.sleep(Duration::MAX);
                    return Ok(());
                }
                Fate::Reset => {
                    pair.abort();
                    return Ok(());
                }
                Fate::Close => {
                    pair.over.store(true, Ordering::Relaxed);
                    drop(pair.server.shutdown(Shutdown::Both));
                    return pair.client.shutdown(Shutdown::Both);
                }
            }
        }
    }
}

/// From the client to the server.
fn up(pair: &Pair, shared: &Shared) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = (&pair.client).read(&mut piece)?;
        if length == 0 {
            // A client that is gone for good would leave a stalled pump asleep for ever.
            if pair.plan.stall_after.is_some() {
                pair.over.store(true, Ordering::Relaxed);
            }
            return pair.server.shutdown(Shutdown::Write);
        }
        pair.sleep(pair.plan.delay);
        shared.up.fetch_add(length as u64, Ordering::Relaxed);
        (&pair.server).write_all(piece.get(..length).unwrap_or_default())?;
    }
}

impl Pair {
    /// Waits as long as `count` bytes take at the plan's rate.
    fn pace(&self, count: usize) {
        if let Some(rate) = self.plan.rate {
            self.sleep(Duration::from_secs_f64(count as f64 / rate.max(1) as f64));
        }
    }
}
