//! Bodies taken in whole, for who judges them: bounded, and only where somebody asks.
//!
//! A body is collected by the same pump that would carry it on, into memory instead of a connection, and goes on
//! behind its head with a length. Neighbours: `judge.rs` says how much is taken, `rewrite.rs` puts changes into
//! heads.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::asker::Asker;
use super::dial::{Server, Way};
use super::exchange::Upload;
use super::fault::Fault;
use super::field::Lines;
use super::pump::{Broken, Pump};
use super::request::{BodyKind, RequestHead};
use super::response::ResponseHead;
use super::rewrite;
use super::session::{Asked, Next, Session};
use super::write::{self, Ending};
use crate::judge::{Bodies, Changes, Head, Judge, Point, Request, Response, Ruling};
use crate::route::Route;
use crate::snapshot::Listener;
use crate::stats::Numbers;
use crate::wire::Wire;
use crate::worker::Exchange;

/// What a client that waits for leave to send is told.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Where a body is collected.
#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    trailers: Option<Box<Lines>>,
}

impl Wire for Taken {
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    fn poll_end(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {}

    fn finish(&mut self, trailers: Option<Box<Lines>>) -> io::Result<()> {
        self.trailers = trailers;
        Ok(())
    }
}

/// A request whose body is here: its head as it is read again, and the body.
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    pub(super) head: RequestHead,
    pub(super) body: Vec<u8>,
}

/// An answer whose body is here; what follows it, where something does.
pub(super) struct WholeAnswer {
    pub(super) bytes: Vec<u8>,
    pub(super) head: ResponseHead,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<Box<Lines>>,
}

/// Whether a body of this kind is looked at: where it says that it is too long, as is configured.
fn takes(kind: BodyKind, bodies: Bodies) -> Result<bool, Fault> {
    match kind {
        BodyKind::Length(length) if length > bodies.most => {
            if bodies.passes {
                Ok(false)
            } else {
                Err(Fault::BodyTooLong)
            }
        }
        _ => Ok(true),
    }
}

/// How a message of `length` bytes is framed.
fn framed(length: usize) -> BodyKind {
    if length == 0 { BodyKind::Empty } else { BodyKind::Length(length as u64) }
}

impl<W: Asker> Session<'_, W> {
    /// Who judges bodies at a point.
    pub(super) fn judge_of(&self, point: Point) -> Option<Rc<dyn Judge>> {
        self.exchange.judge.clone().filter(|judge| judge.asks(point))
    }

    /// Takes a request's body in and has it judged; none where it goes on as it comes. The head is consumed.
    pub(super) async fn whole_request(
        &mut self,
        judge: Rc<dyn Judge>,
        listener: &Listener,
        (route, stats): (&Route, &Numbers),
        head: &RequestHead,
        asked: Asked,
    ) -> Result<Option<Whole>, Next> {
        let taken = match takes(head.body, judge.bodies()) {
            Ok(false) => return Ok(None),
            Ok(true) => self.take_request(judge.bodies().most, listener, head, asked).await,
            Err(fault) => {
                self.exchange.inbound.consume(head.length);
                Err(fault)
            }
        };
        let (bytes, body) = match taken {
            Ok(taken) => taken,
            Err(fault) => return Err(self.refuse(fault, asked, Some((route, stats))).await),
        };
        // All of the request was read.
        let asked = Asked { body: BodyKind::Empty, ..asked };
        let fields = &self.exchange.fields;
        let asking = head.asking(&bytes, fields);
        let request = Request {
            method: asking.method,
            path: asking.path,
            query: asking.query,
            host: asking.host,
            head: Head { bytes: &bytes, fields },
            peer: self.peer,
            listener: &listener.name,
        };
        let mut changes = match judge.request_body(&request, &body) {
            Ruling::Pass => Box::<Changes>::default(),
            Ruling::Change(changes) => changes,
            Ruling::Refuse => return Err(self.refuse(Fault::Hook, asked, Some((route, stats))).await),
        };
        if let Some(status) = changes.status {
            for (name, value) in &changes.fields {
                let out = &mut self.exchange.up.out.head;
                write::line(out, name, value.as_deref().unwrap_or_default());
            }
            let body = changes.body.unwrap_or_default();
            return Err(self.answer(status, &body, asked, None).await);
        }
        let body = changes.body.take().unwrap_or(body);
        let (mut new, head) = (Vec::new(), RequestHead { body: framed(body.len()), ..*head });
        rewrite::request(&mut new, &bytes, &head, &self.exchange.fields, &changes);
        match RequestHead::parse(&new, &mut self.exchange.fields) {
            // The body is here: nobody waits for leave to send it.
            Ok(read) => {
                let head = RequestHead { minor: head.minor, expects: false, ..read };
                Ok(Some(Whole { bytes: new, head, body }))
            }
            Err(fault) => Err(self.refuse(fault, asked, Some((route, stats))).await),
        }
    }

    async fn take_request(
        &mut self,
        most: u64,
        listener: &Listener,
        head: &RequestHead,
        asked: Asked,
    ) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        let inbound = &mut self.exchange.inbound;
        let bytes = inbound.filled()[..head.length].to_vec();
        inbound.consume(head.length);
        if head.body == BodyKind::Empty {
            return Ok((bytes, Vec::new()));
        }
        if head.expects && inbound.is_empty() {
            let mut none = Vec::new();
            let leave = ResponseHead::parse(CONTINUE, &mut none, false)?;
            self.pass_leave(&leave, asked).await?;
        }
        let (worker, timer) = (self.worker, self.timer);
        let limit = most.min(listener.settings.max_body.map_or(u64::MAX, |size| size.0));
        let (mut pump, mut taken) = (Pump::default(), Taken::default());
        pump.start(head.body, false, limit);
        let patience = listener.settings.stall_timeout;
        worker.timers.arm(timer, worker.timers.now(), patience);
        let Exchange { inbound, .. } = &mut *self.exchange;
        let all = poll_fn(|context| match pump.poll(context, self.client, &mut taken, inbound) {
            Poll::Ready(all) => Poll::Ready(all.map_err(|broken| match broken {
                Broken::Framing(fault) => fault,
                Broken::Source | Broken::Sink => Fault::Truncated,
            })),
            Poll::Pending => {
                if pump.has_moved() {
                    worker.timers.arm(timer, worker.timers.now(), patience);
                }
                if worker.timers.expired(timer) { Poll::Ready(Err(Fault::SlowBody)) } else { Poll::Pending }
            }
        });
        all.await?;
        worker.cells().received.add(taken.bytes.len() as u64);
        Ok((bytes, taken.bytes))
    }

    /// Lets a client send what it waits to send.
    async fn pass_leave(&mut self, leave: &ResponseHead, asked: Asked) -> Result<(), Fault> {
        if asked.is_old {
            return Ok(());
        }
        let out = &mut self.exchange.down.out;
        out.head.clear();
        let (none, ending) = (crate::route::Edits::new(&[], &[]), Ending { close: false, old: false });
        self.client.answer(&mut out.head, CONTINUE, leave, &[], &none, false, ending);
        out.start();
        if self.send().await { Ok(()) } else { Err(Fault::Truncated) }
    }

    /// Takes the body of a server's answer in and has it judged; none where it goes on as it comes.
    pub(super) async fn whole_answer(
        &mut self,
        judge: Rc<dyn Judge>,
        server: &mut Server,
        way: &Way<'_>,
        head: &ResponseHead,
        upload: &mut Upload,
    ) -> Result<Option<WholeAnswer>, Fault> {
        let bodies = judge.bodies();
        match takes(head.body, bodies) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(_) => return Err(Fault::HookAnswer),
        }
        let (worker, timer) = (self.worker, self.timer);
        let answer = &mut self.exchange.answer;
        let bytes = answer.filled()[..head.length].to_vec();
        answer.consume(head.length);
        let (mut pump, mut taken) = (Pump::default(), Taken::default());
        pump.start(head.body, false, bodies.most);
        let all = poll_fn(|context| {
            if *upload == Upload::Runs && self.upload(context, &mut server.stream, upload).is_err() {
                *upload = Upload::Refused;
            }
            let Exchange { answer, up, .. } = &mut *self.exchange;
            if let Poll::Ready(all) = pump.poll(context, &mut server.stream, &mut taken, answer) {
                return Poll::Ready(all.map_err(|broken| match broken {
                    Broken::Framing(Fault::BodyTooLong) => Fault::HookAnswer,
                    Broken::Framing(_) => Fault::BadAnswer,
                    Broken::Source | Broken::Sink => Fault::NoAnswer,
                }));
            }
            if pump.has_moved() | up.has_moved() {
                let now = worker.timers.now();
                worker.timers.arm(timer, now, way.patience(now, way.listener.settings.stall_timeout));
            }
            if worker.timers.expired(timer) {
                Poll::Ready(Err(Fault::ResponseTimeout))
            } else {
                Poll::Pending
            }
        });
        all.await?;
        let fields = &mut self.exchange.fields;
        let response = Response {
            status: head.status,
            head: Head { bytes: &bytes, fields },
            route: &way.route.name,
            peer: self.peer,
        };
        let changes = match judge.response_body(&response, &taken.bytes) {
            Ruling::Refuse => return Err(Fault::HookAnswer),
            Ruling::Pass => Box::default(),
            Ruling::Change(changes) => changes,
        };
        let Taken { bytes: body, trailers } = taken;
        let is_head = head.body == BodyKind::Empty;
        let body = changes.body.clone().filter(|_| !is_head).unwrap_or(body);
        // How long a body would be that is not here, nobody knows who may change it.
        let told = head.content_length.filter(|length| *length == 0);
        let length = if is_head { told } else { Some(body.len() as u64) };
        // What has trailers is not over with its head, however empty it is.
        let is_open = body.is_empty() && trailers.is_some() && !W::CHUNKS;
        let (kind, length) = if is_open { (BodyKind::UntilEnd, None) } else { (framed(body.len()), length) };
        let framed = ResponseHead { body: kind, content_length: length, ..*head };
        let mut new = Vec::new();
        rewrite::response(&mut new, &bytes, &framed, fields, &changes);
        let read = ResponseHead::parse(&new, fields, is_head).map_err(|_| Fault::BadAnswer)?;
        // What the connection to the server is good for, its own words say.
        let head = ResponseHead { keep_alive: head.keep_alive, body: framed.body, ..read };
        Ok(Some(WholeAnswer { bytes: new, head, body, trailers }))
    }
}
