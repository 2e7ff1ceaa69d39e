//! One request after the other on one connection: reads a head, decides, answers or has it answered.
//!
//! The bytes of the requests that follow stay in the buffer until the answer before them is out: what
//! was pipelined is answered in order, one at a time.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use super::asker::{Asker, Own};
use super::dial::Way;
use super::fault::Fault;
use super::field::Span;
use super::request::{self, BodyKind, RequestHead, RequestReader};
use super::response::ResponseHead;
use super::rewrite;
use super::write::{self, Client, Ending};
use crate::config::Spoken;
use crate::judge::{Head, Point, Request, Response, Ruling};
use crate::log::Line;
use crate::mirror;
use crate::objective::{Degrade, Detour};
use crate::peer::{ClientCertificate, Peer};
use crate::route::{Action, Injection, Route};
use crate::snapshot::Listener;
use crate::stats::{Ended, Numbers};
use crate::traces::Trace;
use crate::wire::Stream;
use crate::worker::{Exchange, View, Worker};

/// How a connection goes on.
pub(crate) enum Next {
    /// Waits for another request.
    Idle,
    /// Is closed.
    Close,
    /// Is closed once the client has had time to take the last answer.
    Linger,
    /// Speaks HTTP/2, as its first bytes say, which are left in the buffer.
    Http2,
    /// Belongs to another protocol now.
    Tunnel(Stream),
}

/// What is remembered of a request once its head is gone from the buffer.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(super) began: Duration,
    pub(super) body: BodyKind,
    pub(super) is_old: bool,
    pub(super) is_head: bool,
    pub(super) is_idempotent: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrades: bool,
    /// The client wants what follows a body that comes in chunks.
    pub(super) trailers: bool,
    /// Seconds after which another request would be welcome; 0 is not said.
    pub(super) retry_after: u32,
    /// It says nothing of how its route keeps its promise.
    pub(super) apart: bool,
}

impl Asked {
    /// Of a request whose head could not be read.
    fn nothing(began: Duration) -> Asked {
        Asked {
            began,
            body: BodyKind::Empty,
            is_old: false,
            is_head: false,
            is_idempotent: false,
            keep_alive: false,
            upgrades: false,
            trailers: false,
            retry_after: 0,
            apart: false,
        }
    }
}

/// How an exchange ended, for counters and log.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) status: u16,
    pub(super) endpoint: Option<SocketAddr>,
    pub(super) fault: Option<Fault>,
    /// Bytes of the answer's body.
    pub(super) sent: u64,
    /// The server broke the answer off.
    pub(super) broke: bool,
}

/// One connection while it is busy.
pub(crate) struct Session<'a, W> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) socket: usize,
    pub(super) client: &'a mut W,
    pub(super) peer: &'a Peer,
    pub(super) timer: u32,
    pub(super) exchange: &'a mut Exchange,
}

impl<'a, W: Asker> Session<'a, W> {
    /// Of a connection, or of a stream of one, that has come by the listener at `socket`.
    pub(crate) fn new(
        worker: &'a Rc<Worker>,
        socket: usize,
        client: &'a mut W,
        peer: &'a Peer,
        timer: u32,
        exchange: &'a mut Exchange,
    ) -> Session<'a, W> {
        Session { worker, socket, client, peer, timer, exchange }
    }

    /// Answers a request whose head was refused before it became one.
    pub(crate) async fn refused(&mut self, fault: Fault, began: Duration) -> Next {
        self.refuse(fault, Asked::nothing(began), None).await
    }

    /// Notes that nobody waits for the answer any more.
    pub(crate) fn cancelled(&self, began: Duration) {
        self.worker.timers.now();
        self.worker.shared.stats.fault(self.worker.index, Fault::Cancelled);
        let outcome = Outcome { fault: Some(Fault::Cancelled), ..Outcome::default() };
        self.log(Asked::nothing(began), &outcome, "");
    }

    /// Answers until nothing more is in the buffer.
    pub(super) async fn run(&mut self) -> Next {
        loop {
            let next = self.one().await;
            if !matches!(next, Next::Idle) || self.exchange.inbound.is_empty() {
                return next;
            }
        }
    }

    async fn one(&mut self) -> Next {
        let view = self.worker.view();
        let Some(listener) = view.listener(self.socket) else { return Next::Close };
        let began = self.worker.timers.now();
        self.exchange.begin();
        match self.read_head(listener, began).await {
            Ok(Some(head)) => self.serve(&view, listener, &head, began).await,
            Ok(None) => Next::Close,
            // HTTP/2 answers for its preface, and for what should have been one (RFC 9113 §3.4).
            Err(fault)
                if listener.settings.protocol != Spoken::Http1
                    && request::is_of_http2(fault, self.exchange.inbound.filled()) =>
            {
                Next::Http2
            }
            Err(fault) => self.refuse(fault, Asked::nothing(began), None).await,
        }
    }

    /// Has one request answered, whose head is at the front of `inbound` and whose fields are noted,
    /// whatever protocol it came by.
    pub(crate) async fn serve(
        &mut self,
        view: &View,
        listener: &Listener,
        head: &RequestHead,
        began: Duration,
    ) -> Next {
        let bytes = self.exchange.inbound.filled();
        let mut asked = Asked {
            began,
            body: head.body,
            is_old: head.minor == 0,
            is_head: head.is_head(bytes),
            is_idempotent: head.is_idempotent(bytes),
            keep_alive: head.keep_alive,
            upgrades: false,
            trailers: head.trailers,
            retry_after: 0,
            apart: false,
        };
        let follows = self.worker.shared.traces.mode();
        if follows.is_on() {
            let Worker { ids, dice, .. } = &**self.worker;
            self.exchange.trace = Some(Trace::of(follows, bytes, &self.exchange.fields, ids, dice));
        }
        if self.worker.shared.log.is_on() || view.judges(Point::Log) || self.is_told() {
            self.note(head);
        }
        self.exchange.judge = view.judge();
        let changed;
        let head = match self.judged(listener, head, asked).await {
            Ok(None) => head,
            Ok(Some(new)) => {
                changed = new;
                &changed
            }
            Err(next) => return next,
        };
        let bytes = self.exchange.inbound.filled();
        let found = listener.router.find(&head.asking(bytes, &self.exchange.fields));
        let Some((at, (route, stats))) = found.and_then(|at| Some((at, view.route(at)?))) else {
            self.exchange.inbound.consume(head.length);
            return self.refuse(Fault::NoRoute, asked, None).await;
        };
        if let Some(guard) = route.extras.as_ref().and_then(|extras| extras.guard.as_ref())
            && !guard.admits(self.peer)
        {
            self.worker.cells().denied[usize::from(guard.shadow)].add(1);
            if !guard.shadow {
                self.exchange.inbound.consume(head.length);
                return self.refuse(Fault::Denied, asked, Some((route, stats))).await;
            }
        }
        if route.is_limited()
            && let Some(rate) = view.rate(at)
            && let Err(wait) = rate.take(self.peer.address.ip(), began)
        {
            self.exchange.inbound.consume(head.length);
            asked.retry_after = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
            return self.refuse(Fault::RateLimited, asked, Some((route, stats))).await;
        }
        let retryable = asked.is_idempotent || route.retry().is_some_and(|retry| retry.any_method);
        let detour =
            stats.objective.as_ref().filter(|objective| objective.is_past()).and_then(|objective| {
                objective.detour(self.worker.index, retryable, self.worker.dice.roll())
            });
        asked.apart = detour.is_some();
        if detour == Some(Detour::Shed) {
            self.exchange.inbound.consume(head.length);
            asked.retry_after = 1;
            return self.refuse(Fault::Budget, asked, Some((route, stats))).await;
        }
        if let Some(extras) = &route.extras
            && extras.injects
            && let Some(status) = self.inject(&route.settings.fault).await
        {
            self.exchange.inbound.consume(head.length);
            let body = super::fault::reason(status).as_bytes();
            return self.answer(status, body, asked, Some((route, stats))).await;
        }
        match &route.action {
            Action::Direct { status, body } => {
                self.exchange.inbound.consume(head.length);
                self.answer(*status, body, asked, Some((route, stats))).await
            }
            Action::Redirect { status, target } => {
                let Exchange { inbound, up, .. } = &mut *self.exchange;
                let bytes = inbound.filled();
                let (asked_for, path) = (head.target.of(bytes), head.path.of(bytes).len());
                target.location(&mut up.out.head, self.peer.scheme(), head.host.of(bytes), asked_for, path);
                inbound.consume(head.length);
                self.answer(*status, &[], asked, Some((route, stats))).await
            }
            Action::Forward(_) | Action::Split(_) => {
                self.forward(view, listener, (at, route, stats), head, asked).await
            }
        }
    }

    /// Asks whoever judges about a request; gives its head, read again, where it was changed.
    async fn judged(
        &mut self,
        listener: &Listener,
        head: &RequestHead,
        asked: Asked,
    ) -> Result<Option<RequestHead>, Next> {
        let Some(judge) = self.exchange.judge.clone().filter(|judge| judge.asks(Point::Request)) else {
            return Ok(None);
        };
        let Exchange { inbound, fields, up, .. } = &mut *self.exchange;
        let bytes = inbound.filled();
        let asking = head.asking(bytes, fields);
        let ruling = judge.request(&Request {
            method: asking.method,
            path: asking.path,
            query: asking.query,
            host: asking.host,
            head: Head { bytes, fields },
            peer: self.peer,
            listener: &listener.name,
        });
        let fault = match ruling {
            Ruling::Pass => return Ok(None),
            Ruling::Refuse => Fault::Hook,
            Ruling::Change(changes) => match changes.status {
                Some(status) => {
                    for (name, value) in &changes.fields {
                        write::line(&mut up.out.head, name, value.as_deref().unwrap_or_default());
                    }
                    inbound.consume(head.length);
                    let body = changes.body.unwrap_or_default();
                    return Err(self.answer(status, &body, asked, None).await);
                }
                None => {
                    let mut new = Vec::new();
                    rewrite::request(&mut new, bytes, head, fields, &changes);
                    match RequestHead::parse(&new, fields) {
                        Ok(read) if inbound.replace(head.length, &new) => {
                            // How it came is not said by its lines.
                            return Ok(Some(RequestHead { minor: head.minor, body: head.body, ..read }));
                        }
                        Ok(_) => Fault::HeadTooLong,
                        Err(fault) => fault,
                    }
                }
            },
        };
        self.exchange.inbound.consume(head.length);
        Err(self.refuse(fault, asked, None).await)
    }

    /// Asks whoever judges about an answer; gives its head, read again, where it was changed.
    pub(super) fn judged_answer(
        &mut self,
        head: &ResponseHead,
        route: &Route,
        asked: Asked,
    ) -> Result<Option<ResponseHead>, Fault> {
        let Some(judge) = self.exchange.judge.clone().filter(|judge| judge.asks(Point::Response)) else {
            return Ok(None);
        };
        let Exchange { answer, fields, .. } = &mut *self.exchange;
        let bytes = answer.filled();
        let response = Response {
            status: head.status,
            head: Head { bytes, fields },
            route: &route.name,
            peer: self.peer,
        };
        let refused = match judge.response(&response) {
            Ruling::Pass => return Ok(None),
            Ruling::Refuse => Fault::HookAnswer,
            Ruling::Change(changes) => {
                let mut new = Vec::new();
                rewrite::response(&mut new, bytes, head, fields, &changes);
                match ResponseHead::parse(&new, fields, asked.is_head) {
                    Ok(read) if answer.replace(head.length, &new) => {
                        // What the connection to the server is good for, its own words say.
                        return Ok(Some(ResponseHead {
                            keep_alive: head.keep_alive,
                            body: head.body,
                            ..read
                        }));
                    }
                    _ => Fault::BadAnswer,
                }
            }
        };
        answer.clear();
        Err(refused)
    }

    /// Holds a request back, or gives the status it is answered with instead, as a route wants it.
    async fn inject(&self, fault: &Injection) -> Option<u16> {
        let dice = &self.worker.dice;
        if let Some(delay) = fault.delay
            && fault.delay_share.takes(dice.roll())
        {
            self.worker.cells().injected.add(1);
            Box::pin(tokio::time::sleep(delay)).await;
        }
        let abort = fault.abort.filter(|_| fault.abort_share.takes(dice.roll()))?;
        self.worker.cells().injected.add(1);
        Some(abort)
    }

    /// Reads until a whole head is there; none if the client is gone and has not begun one.
    async fn read_head(
        &mut self,
        listener: &Listener,
        began: Duration,
    ) -> Result<Option<RequestHead>, Fault> {
        let Exchange { inbound, fields, .. } = &mut *self.exchange;
        let (worker, timer) = (self.worker, self.timer);
        let most = usize::try_from(listener.settings.max_head.0).unwrap_or(usize::MAX);
        let mut reader = RequestReader::default();
        let mut waits = false;
        loop {
            // Empty lines before a request are forgiven (RFC 9112 §2.2).
            while reader.first_line().is_none() && inbound.filled().starts_with(b"\r\n") {
                inbound.consume(2);
                reader = RequestReader::default();
            }
            match reader.read(inbound.filled(), fields)? {
                Some(head) if head.length > most => return Err(too_long(&reader, most)),
                Some(head) => return Ok(Some(head)),
                None if inbound.filled().len() >= most || inbound.is_full() => {
                    return Err(too_long(&reader, most));
                }
                None => {}
            }
            if !waits && !inbound.is_empty() {
                waits = true;
                worker.timers.arm(timer, began, listener.settings.head_timeout);
            }
            let read = poll_fn(|context| match self.client.poll_read(context, inbound.spare()) {
                Poll::Pending if worker.timers.expired(timer) => Poll::Ready(None),
                read => Poll::Ready(Some(ready!(read))),
            });
            match read.await {
                // A client that sent nothing is not told that it was slow.
                None if inbound.is_empty() => return Ok(None),
                None => return Err(Fault::SlowHead),
                Some(Ok(0) | Err(_)) if inbound.is_empty() => return Ok(None),
                Some(Ok(0) | Err(_)) => return Err(Fault::Truncated),
                Some(Ok(bytes)) => inbound.add(bytes),
            }
        }
    }

    /// True if a collector is told of the request.
    fn is_told(&self) -> bool {
        let is_sampled = self.exchange.trace.is_some_and(|trace| trace.is_sampled);
        is_sampled && self.worker.shared.traces.mode().tells()
    }

    /// Keeps what the log says of a request.
    fn note(&mut self, head: &RequestHead) {
        let Exchange { inbound, fields, note, .. } = &mut *self.exchange;
        let bytes = inbound.filled();
        let is_agent = |name: Span| name.of(bytes).eq_ignore_ascii_case(b"user-agent");
        let agent =
            fields.iter().find(|field| is_agent(field.name)).map_or(&[][..], |field| field.value.of(bytes));
        for part in [head.method.of(bytes), head.target.of(bytes), head.host.of(bytes), agent] {
            note.extend_from_slice(part);
            note.push(0);
        }
        for wanted in self.worker.log.borrow_mut().headers(&self.worker.shared.log) {
            let named = |name: Span| name.of(bytes).eq_ignore_ascii_case(wanted.as_bytes());
            if let Some(field) = fields.iter().find(|field| named(field.name)) {
                note.extend_from_slice(field.value.of(bytes));
            }
            note.push(0);
        }
    }

    async fn forward(
        &mut self,
        view: &View,
        listener: &Listener,
        (at, route, stats): (usize, &Route, &Numbers),
        head: &RequestHead,
        mut asked: Asked,
    ) -> Next {
        let limit = listener.settings.max_body.map_or(u64::MAX, |size| size.0);
        if matches!(head.body, BodyKind::Length(length) if length > limit) {
            self.exchange.inbound.consume(head.length);
            return self.refuse(Fault::BodyTooLong, asked, Some((route, stats))).await;
        }
        let whole = match self.judge_of(Point::RequestBody) {
            Some(judge) if head.upgrade.is_none() => {
                // Boxed: few requests are taken in whole.
                let whole = Box::pin(self.whole_request(judge, listener, (route, stats), head, asked));
                match whole.await {
                    Ok(whole) => whole,
                    Err(next) => return next,
                }
            }
            _ => None,
        };
        if whole.is_some() {
            asked.body = BodyKind::Empty;
        }
        let Exchange { inbound, fields, up, trace, .. } = &mut *self.exchange;
        let (bytes, head) = match &whole {
            Some(whole) => (&whole.bytes[..], &whole.head),
            None => (&inbound.filled()[..head.length], head),
        };
        let other = route.extras.as_ref().filter(|_| asked.apart).and_then(|extras| extras.fallback);
        let target = match other {
            Some(fallback) => view.counted_cluster(fallback),
            None => view.cluster(route, &self.worker.dice),
        };
        let forgoes = |what| stats.objective.as_ref().is_some_and(|objective| objective.forgoes(what));
        let hash = match target {
            Some((cluster, chooser, _)) if chooser.wants_hash() => {
                cluster.settings.hash.of(&head.asking(bytes, fields), self.peer.address.ip())
            }
            _ => None,
        };
        asked.upgrades = head.upgrades_to(bytes, &route.settings.upgrade) && head.body == BodyKind::Empty;
        let client = Client {
            address: &self.peer.text,
            scheme: self.peer.scheme(),
            forwarded: listener.settings.forwarded,
            trusted: listener.settings.trust_forwarded,
            trace: trace.as_ref(),
        };
        write::request(&mut up.out.head, bytes, head, fields, &client, &route.request, asked.upgrades);
        match &whole {
            Some(whole) => up.out.head.extend_from_slice(&whole.body),
            None => inbound.consume(head.length),
        }
        let head = &RequestHead { body: asked.body, ..*head };
        if let Some(copy) = route.extras.as_ref().and_then(|extras| extras.mirror)
            && !forgoes(Degrade::Mirrors)
        {
            let body = match head.body {
                BodyKind::Empty => Some(&[][..]),
                BodyKind::Length(length) => {
                    usize::try_from(length).ok().and_then(|length| inbound.filled().get(..length))
                }
                _ => None,
            };
            let share = route.settings.mirror.share;
            mirror::copy(self.worker, view.cluster_at(copy), share, &up.out.head, body);
        }
        let Some((cluster, chooser, tally)) = target else {
            return self.refuse(Fault::NoEndpoint, asked, Some((route, stats))).await;
        };
        let until =
            route.settings.timeout.map_or(Duration::MAX, |timeout| asked.began.saturating_add(timeout));
        let retry = route.retry().filter(|_| !forgoes(Degrade::Retries));
        asked.is_idempotent |= route.retry().is_some_and(|retry| retry.any_method);
        let way = Way { listener, route, cluster, chooser, retry, budget: view.budget(at), hash, until };
        let (_turn, kept) = match self.hold(&way, head).await {
            Ok(held) => held,
            Err(fault) => {
                asked.retry_after = u32::from(fault == Fault::Shed);
                return self.refuse(fault, asked, Some((route, stats))).await;
            }
        };
        if kept {
            asked.body = BodyKind::Empty;
        }
        // Whether it goes in chunks is known with the connection.
        self.exchange.up.start(asked.body, false, limit);
        let (status, next) = match self.carry(&way, asked).await {
            Ok((outcome, next)) => {
                self.count(asked, &outcome, Some((route, stats)));
                (outcome.status, next)
            }
            Err(fault) => (fault.status(), self.refuse(fault, asked, Some((route, stats))).await),
        };
        let ended = self.ended(asked, status);
        self.worker.shared.stats.clusters.add(tally, self.worker.index, ended);
        next
    }

    /// Whether the connection may be kept after an answer of our own.
    fn keeps(&self, asked: &Asked) -> bool {
        asked.keep_alive && asked.body == BodyKind::Empty && !self.worker.is_draining()
    }

    pub(super) async fn answer(
        &mut self,
        status: u16,
        body: &[u8],
        asked: Asked,
        route: Option<(&Route, &Numbers)>,
    ) -> Next {
        let keeps = self.keeps(&asked);
        let ending = Ending { close: !keeps, old: asked.is_old };
        let Exchange { up, down, .. } = &mut *self.exchange;
        let out = &mut down.out;
        out.head.clear();
        {
            let mut dates = self.worker.dates.borrow_mut();
            let own = Own {
                status,
                body,
                to_head: asked.is_head,
                is_fault: false,
                lines: &up.out.head,
                edits: route.map(|(route, _)| &route.response),
            };
            self.client.own(&mut out.head, &own, dates.http(), ending);
        }
        out.start();
        if !(self.send().await && self.client.finish(None).is_ok()) {
            return Next::Close;
        }
        self.worker.timers.now();
        self.count(asked, &Outcome { status, sent: body.len() as u64, ..Outcome::default() }, route);
        if keeps { Next::Idle } else { Next::Linger }
    }

    /// Tells the client why it is not answered by a server.
    pub(super) async fn refuse(
        &mut self,
        fault: Fault,
        asked: Asked,
        route: Option<(&Route, &Numbers)>,
    ) -> Next {
        let keeps = self.keeps(&asked) && !fault.ends_connection();
        let ending = Ending { close: !keeps, old: asked.is_old };
        let out = &mut self.exchange.down.out;
        out.head.clear();
        let text = super::fault::reason(fault.status());
        let mut line = [0; 32];
        let lines = retry_after(asked.retry_after, &mut line);
        {
            let mut dates = self.worker.dates.borrow_mut();
            let own = Own {
                status: fault.status(),
                body: text.as_bytes(),
                is_fault: true,
                to_head: asked.is_head,
                lines,
                edits: None,
            };
            self.client.own(&mut out.head, &own, dates.http(), ending);
        }
        out.start();
        let sent = self.send().await && self.client.finish(None).is_ok();
        self.worker.timers.now();
        let outcome = Outcome {
            status: fault.status(),
            fault: Some(fault),
            sent: text.len() as u64,
            ..Outcome::default()
        };
        self.worker.shared.stats.fault(self.worker.index, fault);
        self.log(asked, &outcome, route.map_or("", |(route, _)| &route.name));
        if let Some((_, stats)) = route {
            self.counted(asked, &outcome, stats);
        }
        match (sent, keeps) {
            (false, _) => Next::Close,
            (true, true) => Next::Idle,
            (true, false) => Next::Linger,
        }
    }

    /// Writes what is in `down.out`; false if the client does not take it.
    pub(super) async fn send(&mut self) -> bool {
        let (worker, timer) = (self.worker, self.timer);
        let Exchange { down, answer, .. } = &mut *self.exchange;
        poll_fn(|context| match down.out.poll_send(context, self.client, answer) {
            Poll::Pending if worker.timers.expired(timer) => Poll::Ready(false),
            sent => Poll::Ready(ready!(sent).is_ok()),
        })
        .await
    }

    fn ended(&self, asked: Asked, status: u16) -> Ended {
        let took = self.worker.timers.recent().saturating_sub(asked.began);
        Ended { status, retryable: asked.is_idempotent, took }
    }

    fn counted(&self, asked: Asked, outcome: &Outcome, stats: &Numbers) {
        let ended = self.ended(asked, outcome.status);
        self.worker.shared.stats.routes.add(&stats.tally, self.worker.index, ended);
        if let Some(objective) = &stats.objective
            && !asked.apart
            && !matches!(outcome.fault, Some(Fault::Denied | Fault::RateLimited))
        {
            objective.count(self.worker.index, ended, outcome.broke);
        }
    }

    fn count(&self, asked: Asked, outcome: &Outcome, route: Option<(&Route, &Numbers)>) {
        if let Some((_, stats)) = route {
            self.counted(asked, outcome, stats);
        }
        let cells = self.worker.cells();
        cells.received.add(self.exchange.up.carried());
        cells.sent.add(outcome.sent);
        self.log(asked, outcome, route.map_or("", |(route, _)| &route.name));
    }

    fn log(&self, asked: Asked, outcome: &Outcome, route: &str) {
        let sink = &self.worker.shared.log;
        let judge = self.exchange.judge.as_ref().filter(|judge| judge.asks(Point::Log));
        let is_told = self.is_told();
        if !sink.is_on() && judge.is_none() && !is_told {
            return;
        }
        let mut room = [0; 64];
        let endpoint = outcome.endpoint.map_or(&[][..], |endpoint| write::address(&mut room, endpoint));
        let identity = self.peer.certificate().map(ClientCertificate::identity).unwrap_or_default();
        let line = Line {
            client: &self.peer.text,
            identity: &identity,
            note: &self.exchange.note,
            status: outcome.status,
            sent: outcome.sent,
            took: self.worker.timers.recent().saturating_sub(asked.began),
            route,
            endpoint,
            fault: outcome.fault.map_or("", Fault::word),
            trace: self.exchange.trace.as_ref(),
        };
        if let Some(trace) = self.exchange.trace.as_ref().filter(|_| is_told) {
            let (queue, now) = (&self.worker.shared.traces.queue, self.worker.shared.clock.wall());
            let lost = self.worker.spans.borrow_mut().add(queue, trace, &line, now);
            self.worker.cells().spans_lost.add(lost);
        }
        if judge.is_some_and(|judge| !judge.log(&line)) || !sink.is_on() {
            return;
        }
        let lost = self.worker.log.borrow_mut().add(sink, &mut self.worker.dates.borrow_mut(), &line);
        self.worker.cells().lines_lost.add(lost);
    }
}

/// The line that says so; nothing for 0.
fn retry_after(seconds: u32, line: &mut [u8; 32]) -> &[u8] {
    use std::io::Write;
    if seconds == 0 {
        return &[];
    }
    let mut left = &mut line[..];
    // The longest number has ten digits.
    let _fits = write!(left, "retry-after: {seconds}\r\n");
    let left = left.len();
    &line[..line.len() - left]
}

/// Which part of a head that is longer than `most` is to blame.
fn too_long(reader: &RequestReader, most: usize) -> Fault {
    match reader.first_line() {
        Some(line) if line <= most => Fault::HeadTooLong,
        _ => Fault::TargetTooLong,
    }
}
