//! A client's connection: one task drives it, one more works for each stream.
//!
//! Frames of all streams are gathered and written together: tasks that ran in a turn of the loop wake
//! the driver, which comes after them and writes once. It reads only while its own answers find room,
//! and holds a buffer only while it reads.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::abuse::Abuse;
use super::connection::{Connection, End, Event, Limits, Role};
use super::frame::Code;
use super::io::{self, Turn};
use super::stream::{Asking, Handle, Link};
use crate::http1::{Fault, Next, RequestHead, Session, tunnel};
use crate::l4::Moved;
use crate::peer::Peer;
use crate::wire::{Wire, linger};
use crate::worker::{Accepted, Exchange, Worker};

/// Streams at a time.
const STREAMS: u32 = 128;
/// DATA of one stream that waits to be read, and of all.
const WINDOW: u32 = 64 * 1024;
const WINDOW_OF_ALL: u32 = 1024 * 1024;
/// What streams that are on their way get between the two GOAWAYs (RFC 9113 §6.8).
const GRACE: Duration = Duration::from_millis(500);
/// An idle connection lets go of its memory after that.
const SOON: Duration = Duration::from_secs(1);
/// What a client gets to take our last frames before its connection is closed on it.
const LINGER: Duration = Duration::from_secs(2);

/// What the deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waits {
    /// For the rest of a head, or the first settings.
    Head,
    /// For the client to take what is written.
    Write,
    /// For a stream, memory still held, and without.
    Idle,
    Asleep,
    /// For streams that were on their way when we began to drain.
    Leaving,
    /// Its streams have deadlines of their own.
    Busy,
}

/// What its streams share.
struct Streams {
    socket: usize,
    peer: Rc<Peer>,
    link: Link,
}

/// One connection as its driver sees it.
struct Driver<'a, W> {
    worker: &'a Rc<Worker>,
    client: &'a mut W,
    streams: Streams,
    timer: u32,
    waits: Waits,
    /// Which head is waited for.
    head: u32,
    has_left: bool,
}

/// Serves a connection until its end. `early` was read before it was known what it speaks.
pub async fn serve<W: Wire>(accepted: Accepted<W>, early: Box<Exchange>) {
    let Accepted { worker, socket, mut client, peer, timer } = accepted;
    let Some(head) = worker.view().listener(socket).map(|listener| listener.settings.max_head) else {
        return;
    };
    let limits = Limits {
        streams: STREAMS,
        head: u32::try_from(head.0).unwrap_or(u32::MAX),
        window: WINDOW,
        window_of_all: WINDOW_OF_ALL,
    };
    let link = Rc::new(RefCell::new(Connection::new(Role::Server, limits, worker.timers.now())));
    worker.cells().http2.add(1);
    let mut driver = Driver {
        worker: &worker,
        client: &mut client,
        streams: Streams { socket, peer: Rc::new(peer), link },
        timer,
        waits: Waits::Asleep,
        head: 0,
        has_left: false,
    };
    let end = match driver.streams.take(&worker, early.inbound.filled()) {
        Ok(()) => {
            worker.exchanges.put(early);
            poll_fn(|context| driver.poll(context)).await
        }
        Err(end) => Some(end),
    };
    if let Some(End { abuse: Some(abuse), .. }) = end {
        worker.shared.stats.abuse(worker.index, abuse);
    }
    driver.streams.link.borrow_mut().fail(end.map(|end| end.code));
    driver.last_words().await;
}

impl<W: Wire> Driver<'_, W> {
    /// Goes on until the connection is over, and says why if it was not by the client's wish.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<End>> {
        let Driver { worker, client, streams, .. } = self;
        match io::turn(context, worker, *client, &streams.link, |input| streams.take(worker, input)) {
            Turn::Over(end) => Poll::Ready(end),
            Turn::Still(moved) => self.pause(context, moved),
            Turn::More => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Nothing more can be done now: looks at the time.
    fn pause(&mut self, context: &mut Context<'_>, moved: bool) -> Poll<Option<End>> {
        let worker = self.worker;
        if worker.is_draining() && !self.has_left && self.waits != Waits::Leaving {
            self.streams.link.borrow_mut().leave(false);
            self.waits = Waits::Leaving;
            worker.timers.arm(self.timer, worker.timers.now(), GRACE);
            // GOAWAY goes out at once.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let expired = worker.timers.expired(self.timer);
        let mut link = self.streams.link.borrow_mut();
        if self.waits == Waits::Leaving {
            if !expired {
                return Poll::Pending;
            }
            self.has_left = true;
            link.leave(true);
            drop(link);
            self.waits = Waits::Busy;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let has_streams = link.streams.len() > 0;
        let waits = match () {
            () if !link.out.unsent().is_empty() => Waits::Write,
            () if self.has_left && !has_streams => return Poll::Ready(None),
            () if !has_streams && worker.is_tight() => return Poll::Ready(Some(Code::None.into())),
            () if link.is_in_head() => Waits::Head,
            () if has_streams => Waits::Busy,
            () if self.waits == Waits::Asleep => Waits::Asleep,
            () => Waits::Idle,
        };
        let is_next = std::mem::replace(&mut self.head, link.begun()) != self.head && waits == Waits::Head;
        if waits == self.waits && expired && !is_next {
            match waits {
                Waits::Busy | Waits::Leaving => {}
                Waits::Idle => {
                    link.rest();
                    drop(link);
                    self.waits = Waits::Asleep;
                    self.arm(Waits::Asleep);
                    return Poll::Pending;
                }
                Waits::Asleep => return Poll::Ready(Some(Code::None.into())),
                Waits::Head => return Poll::Ready(Some(Abuse::SlowHead.into())),
                Waits::Write => return Poll::Ready(None),
            }
        }
        drop(link);
        // A client that reads or asks is alive; one that sends a head byte by byte is not.
        if waits != self.waits
            || is_next
            || moved && matches!(waits, Waits::Write | Waits::Idle | Waits::Asleep)
        {
            let waits = if waits == Waits::Asleep { Waits::Idle } else { waits };
            self.waits = waits;
            self.arm(waits);
        }
        Poll::Pending
    }

    fn arm(&self, waits: Waits) {
        let worker = self.worker;
        let view = worker.view();
        let Some(settings) = view.listener(self.streams.socket).map(|listener| &listener.settings) else {
            return;
        };
        let after = match waits {
            Waits::Head => settings.head_timeout,
            Waits::Write => settings.stall_timeout,
            Waits::Idle => SOON.min(settings.idle_timeout),
            Waits::Asleep => settings.idle_timeout.saturating_sub(SOON),
            Waits::Leaving => GRACE,
            Waits::Busy => return,
        };
        worker.timers.arm(self.timer, worker.timers.recent(), after);
    }

    /// Gives the client our last frames, and time to read them.
    async fn last_words(&mut self) {
        let (worker, timer) = (self.worker, self.timer);
        worker.timers.arm(timer, worker.timers.now(), LINGER);
        let written = poll_fn(|context| match io::write(context, self.client, &self.streams.link) {
            Poll::Pending if worker.timers.expired(timer) => Poll::Ready(false),
            wrote => Poll::Ready(ready!(wrote).is_ok()),
        });
        if written.await {
            let mut exchange = worker.exchanges.take();
            linger(self.client, exchange.inbound.spare(), || worker.timers.expired(timer)).await;
            worker.exchanges.put(exchange);
        }
    }
}

impl Streams {
    /// Takes bytes that were read, and starts what they ask for.
    fn take(&self, worker: &Rc<Worker>, input: &[u8]) -> Result<(), End> {
        let now = worker.timers.now();
        let mut at = 0;
        loop {
            let mut link = self.link.borrow_mut();
            let Some(event) = link.receive(input, &mut at, now)? else { return Ok(()) };
            if worker.is_full() {
                // Nothing was done with it: it may be asked again, here or elsewhere.
                let (Event::Request { place, .. } | Event::Refused { place, .. }) = event;
                link.reset(place, Code::Refused);
                link.release(place);
                continue;
            }
            let mut exchange = worker.exchanges.take();
            exchange.begin();
            let (place, what) = match event {
                Event::Request { place, request } => {
                    let spare = exchange.inbound.spare();
                    match spare.get_mut(..link.lines.bytes.len()) {
                        Some(room) => {
                            room.copy_from_slice(&link.lines.bytes);
                            exchange.inbound.add(request.head.length);
                            std::mem::swap(&mut exchange.fields, &mut link.lines.fields);
                            (place, Ok(request.head))
                        }
                        None => (place, Err(Fault::HeadTooLong)),
                    }
                }
                Event::Refused { place, fault } => (place, Err(fault)),
            };
            drop(link);
            let client = Asking { handle: Handle::new(self.link.clone(), place) };
            let task = work(worker.clone(), self.socket, self.peer.clone(), client, exchange, what, now);
            tokio::task::spawn_local(task);
        }
    }
}

/// A place among the deadlines.
struct Place<'a> {
    worker: &'a Worker,
    timer: u32,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.worker.timers.leave(self.timer);
    }
}

/// Has one stream answered.
async fn work(
    worker: Rc<Worker>,
    socket: usize,
    peer: Rc<Peer>,
    mut client: Asking,
    mut exchange: Box<Exchange>,
    what: Result<RequestHead, Fault>,
    began: Duration,
) {
    let timer = poll_fn(|context| Poll::Ready(worker.timers.enter(context.waker().clone()))).await;
    let place = Place { worker: &worker, timer };
    let view = worker.view();
    let Some(listener) = view.listener(socket) else { return };
    let (link, id) = (client.handle.link().clone(), client.handle.place());
    let next = {
        let mut session = Session::new(&worker, socket, &mut client, &peer, timer, &mut exchange);
        let next = {
            let mut served = pin!(async {
                match what {
                    Ok(head) => session.serve(&view, listener, &head, began).await,
                    Err(fault) => session.refused(fault, began).await,
                }
            });
            poll_fn(|context| {
                {
                    // Whoever resets a stream wants no answer any more: the work for it ends.
                    let mut link = link.borrow_mut();
                    let stream = link.streams.at(id);
                    if stream.reset.is_some() {
                        return Poll::Ready(None);
                    }
                    stream.await_with(context.waker());
                }
                served.as_mut().poll(context).map(Some)
            })
            .await
        };
        if next.is_none() {
            session.cancelled(began);
        }
        next
    };
    match next {
        Some(Next::Tunnel(server)) => {
            let patience = listener.settings.tunnel_timeout;
            let moved = Moved::default();
            tunnel::run(&worker, client, server, exchange, timer, patience, &moved).await;
            worker.cells().received.add(moved.received.get());
            worker.cells().sent.add(moved.sent.get());
        }
        Some(_) => {
            drop(client);
            worker.exchanges.put(exchange);
        }
        None => {
            worker.cells().cancelled.add(1);
            drop(client);
            worker.exchanges.put(exchange);
        }
    }
    drop(place);
}
