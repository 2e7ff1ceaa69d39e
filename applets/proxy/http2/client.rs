//! Connections to servers that answer in HTTP/2: shared by the streams of many requests.
//!
//! To the exchange above it a stream is a connection of its own that is asked once: it takes a head
//! as text and gives one back (`asked.rs`), so that retries, time-outs and edits are the same as for
//! HTTP/1.1. A connection is driven by a task; it is found by cluster and endpoint, and taken for new
//! streams while the server allows more and does not leave. Where the handshake decides, one that agreed
//! on HTTP/1.1 goes to whoever made it, and nobody waits for the next one to be made.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::asked::Asked;
use super::connection::{Connection, Limits, Role};
use super::frame::Code;
use super::io::{self as bytes, Turn};
use super::stream::{Handle, Link};
use crate::buffer::CAPACITY;
use crate::config::Served;
use crate::secure::Origination;
use crate::snapshot::{Cluster, Name};
use crate::wire::{Stream, Wire as _};
use crate::worker::Worker;

/// Streams at a time, whatever the server would take.
const STREAMS: u32 = 256;
/// DATA of one stream that waits to be read, and of all.
const WINDOW: u32 = 64 * 1024;
const WINDOW_OF_ALL: u32 = 1024 * 1024;
/// What a server gets to take what is written, or to greet.
const STALL: Duration = Duration::from_secs(30);

/// A server that was silent so long while a stream was given up is asked for a sign of life, and gets
/// so long to give one. Meanwhile others are asked on another connection.
const SILENT: Duration = Duration::from_secs(1);
const ALIVE: Duration = Duration::from_secs(5);

/// The connections of one worker.
#[derive(Default)]
pub struct Links {
    by_endpoint: RefCell<HashMap<(Name, SocketAddr), Shared>>,
}

/// Those to one endpoint.
#[derive(Default)]
struct Shared {
    /// Each with how TLS was spoken when it was made: one of before takes no new streams.
    links: Vec<(Link, Option<Origination>)>,
    /// One is being made: others wait for it rather than make their own.
    is_connecting: bool,
    waiting: Vec<Waker>,
}

/// What a look for a connection came to.
enum Found {
    Stream(Handle),
    Wait,
    Make,
}

impl Links {
    /// A place on a connection. `alone` says that none is worth waiting for.
    fn find(&self, key: &(Name, SocketAddr), tls: &Option<Origination>, alone: bool, waker: &Waker) -> Found {
        let mut all = self.by_endpoint.borrow_mut();
        let shared = match all.get_mut(key) {
            Some(shared) => shared,
            None => all.entry(key.clone()).or_default(),
        };
        for (link, _) in shared.links.iter().filter(|(_, with)| with == tls) {
            let place = link.borrow_mut().open();
            if let Some(place) = place {
                return Found::Stream(Handle::new(link.clone(), place));
            }
        }
        if alone {
            return Found::Make;
        }
        if shared.is_connecting {
            if !shared.waiting.iter().any(|one| one.will_wake(waker)) {
                shared.waiting.push(waker.clone());
            }
            return Found::Wait;
        }
        shared.is_connecting = true;
        Found::Make
    }

    /// Whoever waited looks again.
    fn settle(&self, key: &(Name, SocketAddr), made: Option<(Link, Option<Origination>)>) {
        if let Some(shared) = self.by_endpoint.borrow_mut().get_mut(key) {
            shared.is_connecting = false;
            shared.links.extend(made);
            std::mem::take(&mut shared.waiting).into_iter().for_each(Waker::wake);
        }
        self.tidy(key);
    }

    /// Forgets an endpoint without connections.
    fn tidy(&self, key: &(Name, SocketAddr)) {
        let mut all = self.by_endpoint.borrow_mut();
        if all.get(key).is_some_and(|shared| shared.links.is_empty() && !shared.is_connecting) {
            all.remove(key);
        }
    }

    fn remove(&self, key: &(Name, SocketAddr), link: &Link) {
        if let Some(shared) = self.by_endpoint.borrow_mut().get_mut(key) {
            shared.links.retain(|(one, _)| !Rc::ptr_eq(one, link));
        }
        self.tidy(key);
    }
}

/// Lets others make a connection, should the one who makes it give up.
struct Making<'a> {
    links: &'a Links,
    key: &'a (Name, SocketAddr),
    made: Option<(Link, Option<Origination>)>,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.links.settle(self.key, self.made.take());
    }
}

/// A stream to `endpoint`, of a connection that is there or of a new one that `connect` makes; that one
/// itself where its ends may agree on HTTP/1.1, and did.
///
/// # Errors
/// Those of `connect`; the server takes no stream.
pub(crate) async fn ask<F>(
    worker: &Rc<Worker>,
    cluster: &Cluster,
    endpoint: SocketAddr,
    connect: impl FnOnce() -> F,
) -> io::Result<Stream>
where
    F: Future<Output = io::Result<Stream>>,
{
    let key = (cluster.name.clone(), endpoint);
    let scheme = if cluster.settings.tls.enabled { "https" } else { "http" };
    let is_open = cluster.settings.protocol == Served::Auto;
    let found = poll_fn(|context| {
        let alone = is_open && worker.pool.is_unshared(endpoint);
        match worker.links.find(&key, &cluster.tls, alone, context.waker()) {
            Found::Stream(handle) => Poll::Ready(Some(handle)),
            Found::Wait => Poll::Pending,
            Found::Make => Poll::Ready(None),
        }
    });
    if let Some(handle) = found.await {
        return Ok(Stream::Shared(Box::new(Asked::new(handle, scheme, true))));
    }
    let mut making = Making { links: &worker.links, key: &key, made: None };
    let stream = connect().await?;
    if is_open && !stream.is_http2() {
        worker.pool.unshared(endpoint);
        return Ok(stream);
    }
    let limits =
        Limits { streams: STREAMS, head: CAPACITY as u32, window: WINDOW, window_of_all: WINDOW_OF_ALL };
    let link = Rc::new(RefCell::new(Connection::new(Role::Client, limits, worker.timers.now())));
    let place = link.borrow_mut().open().ok_or(io::ErrorKind::ConnectionRefused)?;
    let handle = Handle::new(link.clone(), place);
    making.made = Some((link.clone(), cluster.tls.clone()));
    drop(making);
    let patience = cluster.settings.idle_timeout;
    tokio::task::spawn_local(drive(worker.clone(), key, stream, link, patience));
    Ok(Stream::Shared(Box::new(Asked::new(handle, scheme, false))))
}

/// Drives a connection until its end.
async fn drive(
    worker: Rc<Worker>,
    key: (Name, SocketAddr),
    mut stream: Stream,
    link: Link,
    patience: Duration,
) {
    let timer = poll_fn(|context| Poll::Ready(worker.timers.enter(context.waker().clone()))).await;
    let mut armed = None;
    let end =
        poll_fn(|context| poll(context, &worker, &mut stream, &link, timer, patience, &mut armed)).await;
    worker.links.remove(&key, &link);
    link.borrow_mut().fail(end);
    // The server may already be gone: what it does not take now it does not need.
    let _told = poll_fn(|context| Poll::Ready(bytes::write(context, &mut stream, &link))).await;
    stream.farewell();
    worker.timers.leave(timer);
}

fn poll(
    context: &mut Context<'_>,
    worker: &Worker,
    stream: &mut Stream,
    link: &Link,
    timer: u32,
    patience: Duration,
    armed: &mut Option<Duration>,
) -> Poll<Option<Code>> {
    let now = worker.timers.now();
    let take = |input: &[u8]| {
        let mut at = 0;
        // A server asks for nothing.
        link.borrow_mut().receive(input, &mut at, now).map(|_| ())
    };
    let moved = match bytes::turn(context, worker, stream, link, take) {
        Turn::Over(end) => return Poll::Ready(end.map(|end| end.code)),
        Turn::Still(moved) => moved,
        Turn::More => {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
    };
    let mut open = link.borrow_mut();
    let is_idle = open.streams.len() == 0;
    if is_idle && (open.is_leaving() || worker.is_draining()) {
        return Poll::Ready(Some(Code::None));
    }
    // Streams have deadlines of their own; the connection has one while nothing else looks after it.
    let is_doubted = open.is_doubted(now, SILENT);
    let waits = match () {
        () if is_doubted => Some(ALIVE),
        () if is_idle => Some(patience),
        () if open.is_in_head() || !open.out.unsent().is_empty() => Some(STALL),
        () => None,
    };
    if is_doubted && waits != *armed {
        open.ask_for_life();
    }
    if let Some(after) = waits.filter(|_| waits != *armed || moved && !is_doubted) {
        worker.timers.arm(timer, now, after);
    } else if waits.is_some() && worker.timers.expired(timer) {
        return Poll::Ready(Some(Code::None));
    }
    *armed = waits;
    Poll::Pending
}
