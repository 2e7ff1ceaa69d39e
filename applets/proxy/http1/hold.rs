//! What a request waits for before it goes to a server: its turn, and its own body.
//!
//! A request that waits for its turn gives its buffers back and keeps only its own bytes. A small body
//! is taken in whole where the route tries again, so that there is something to send again; one of unknown
//! length only if all of it came with its head.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::asker::Asker;
use super::chunked::{Chunked, Decoded};
use super::dial::Way;
use super::fault::Fault;
use super::request::{BodyKind, RequestHead};
use super::session::Session;
use super::trailers;
use crate::buffer::Buffer;
use crate::config::Served;
use crate::resilience::{ShedPermit, Shedder};
use crate::traces::Trace;
use crate::wire::Wire;
use crate::worker::Exchange;

/// The longest body that is kept to be sent again: the rest of a buffer beside a head of usual size.
const KEPT_BODY: u64 = 8 * 1024;

impl<W: Asker> Session<'_, W> {
    /// Waits for what a request waits for before it goes: gives the permits it holds from then on, and
    /// whether its body was taken in. What few clusters and routes want is no part of every task.
    pub(super) async fn hold(
        &mut self,
        way: &Way<'_>,
        head: &RequestHead,
    ) -> Result<(Option<ShedPermit>, bool), Fault> {
        let permit = match way.cluster.settings.shed.permits {
            Some(_) => Box::pin(self.turn(way, head.body)).await?,
            None => None,
        };
        let kept = match head.body {
            _ if way.retry.is_none() => false,
            BodyKind::Empty => false,
            BodyKind::Length(_) => Box::pin(self.keep_body(way, head)).await?,
            BodyKind::Chunked | BodyKind::UntilEnd => Box::pin(self.keep_stream(way, head.body)).await?,
        };
        Ok((permit, kept))
    }

    /// Waits for the request's turn, where its cluster gets only so much work at a time. The head is in
    /// `up.out`, what came of the body in `inbound`; nothing else is kept meanwhile.
    async fn turn(&mut self, way: &Way<'_>, body: BodyKind) -> Result<Option<ShedPermit>, Fault> {
        let settings = &way.cluster.settings.shed;
        let (Some(_), Some(state)) = (settings.permits, way.chooser.state()) else { return Ok(None) };
        let length = match body {
            BodyKind::Length(length) => Some(length),
            _ => None,
        };
        let (shedder, weight) = (&state.breakers.shedder, Shedder::weight(settings, length));
        if let Some(permit) = shedder.now(settings, weight) {
            return Ok(Some(permit));
        }
        let worker = self.worker;
        worker.cells().queued.add(1);
        let parked = Parked::new(self.exchange, |exchange| worker.exchanges.put(exchange));
        let patience = way.patience(worker.timers.now(), Duration::MAX);
        let permit = shedder.wait(settings, weight, patience).await;
        parked.back(self.exchange, *worker.exchanges.take());
        permit.map(Some).ok_or(if worker.timers.now() >= way.until {
            Fault::RequestTimeout
        } else {
            Fault::Shed
        })
    }

    /// Takes a small body in, behind the head in `up.out`; false if it stays where it is.
    async fn keep_body(&mut self, way: &Way<'_>, head: &RequestHead) -> Result<bool, Fault> {
        let BodyKind::Length(length) = head.body else { return Ok(false) };
        let Ok(length) = usize::try_from(length.min(KEPT_BODY + 1)) else { return Ok(false) };
        let here = self.exchange.inbound.filled().len();
        // Who waits for leave to send would wait for a server that is asked later.
        if length as u64 > KEPT_BODY || head.expects && here < length {
            return Ok(false);
        }
        let (worker, timer) = (self.worker, self.timer);
        while self.exchange.inbound.filled().len() < length {
            let now = worker.timers.now();
            worker.timers.arm(timer, now, way.patience(now, way.listener.settings.stall_timeout));
            let inbound = &mut self.exchange.inbound;
            let read = poll_fn(|context| match self.client.poll_read(context, inbound.spare()) {
                Poll::Pending if worker.timers.expired(timer) => Poll::Ready(Err(Fault::SlowBody)),
                read => Poll::Ready(match ready!(read) {
                    Ok(0) | Err(_) => Err(Fault::Truncated),
                    Ok(bytes) => Ok(bytes),
                }),
            });
            let bytes = read.await?;
            self.exchange.inbound.add(bytes);
        }
        let Exchange { inbound, up, .. } = &mut *self.exchange;
        up.out.head.extend_from_slice(&inbound.filled()[..length]);
        inbound.consume(length);
        worker.cells().received.add(length as u64);
        Ok(true)
    }

    /// Takes a small body of unknown length in, if all of it is here; false if it stays where it is. More
    /// is never waited for: who streams may wait for an answer to what it has said so far.
    async fn keep_stream(&mut self, way: &Way<'_>, body: BodyKind) -> Result<bool, Fault> {
        let limit = way.listener.settings.max_body.map_or(KEPT_BODY, |size| size.0.min(KEPT_BODY));
        let chunked = match way.cluster.settings.protocol {
            Served::Http1 => true,
            Served::Http2 => false,
            // How it would be framed is known with the connection.
            Served::Auto => return Ok(false),
        };
        let Exchange { inbound, up, .. } = &mut *self.exchange;
        let (mut copy, mut trailers) = (Vec::new(), Vec::new());
        let (read, payload) = if body == BodyKind::Chunked {
            copy.extend_from_slice(inbound.filled());
            // What is wrong with it is said where it is carried.
            match Chunked::default().decode_with(&mut copy, &mut trailers) {
                Ok(Decoded { read, payload, end: true }) => (read, payload),
                _ => return Ok(false),
            }
        } else {
            let over = poll_fn(|context| Poll::Ready(gather(context, self.client, inbound)));
            if !over.await? {
                return Ok(false);
            }
            if let Some(lines) = self.client.trailers() {
                trailers::text(&mut trailers, &lines);
            }
            copy.extend_from_slice(inbound.filled());
            (copy.len(), copy.len())
        };
        if payload as u64 > limit {
            return Ok(false);
        }
        up.keep(&copy[..payload], trailers, chunked);
        inbound.consume(read);
        self.worker.cells().received.add(payload as u64);
        Ok(true)
    }
}

/// Takes over what a stream has brought, as far as it may be kept; true if it is over.
fn gather<W: Wire>(context: &mut Context<'_>, client: &mut W, inbound: &mut Buffer) -> Result<bool, Fault> {
    while inbound.filled().len() as u64 <= KEPT_BODY && !inbound.is_full() {
        match client.poll_read(context, inbound.spare()) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0)) => return Ok(true),
            Poll::Ready(Ok(bytes)) => inbound.add(bytes),
            Poll::Ready(Err(_)) => return Err(Fault::Truncated),
        }
    }
    Ok(false)
}

/// What is kept of a request that waits.
struct Parked {
    head: Box<[u8]>,
    rest: Box<[u8]>,
    note: Box<[u8]>,
    trace: Option<Trace>,
}

impl Parked {
    /// Takes the request's own bytes; the buffers go to `put`.
    fn new(exchange: &mut Exchange, put: impl FnOnce(Box<Exchange>)) -> Parked {
        let parked = Parked {
            head: exchange.up.out.head.as_slice().into(),
            rest: exchange.inbound.filled().into(),
            note: exchange.note.as_slice().into(),
            trace: exchange.trace,
        };
        put(Box::new(std::mem::replace(exchange, Exchange::hollow())));
        parked
    }

    /// Goes on with other buffers.
    fn back(self, exchange: &mut Exchange, mut fresh: Exchange) {
        fresh.begin();
        fresh.up.out.head.extend_from_slice(&self.head);
        fresh.note.extend_from_slice(&self.note);
        fresh.trace = self.trace;
        let spare = fresh.inbound.spare();
        // It came out of a buffer of the same size.
        let length = self.rest.len().min(spare.len());
        spare[..length].copy_from_slice(&self.rest[..length]);
        fresh.inbound.add(length);
        *exchange = fresh;
    }
}
