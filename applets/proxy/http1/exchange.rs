//! One exchange with a server: a connection, the request up, the answer down, both at once if need be.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use super::asker::Asker;
use super::dial::{Server, Way};
use super::fault::Fault;
use super::pump::Broken;
use super::request::BodyKind;
use super::response::{ResponseHead, ResponseReader};
use super::session::{Asked, Next, Outcome, Session};
use super::write::Ending;
use crate::health::Report;
use crate::judge::Point;
use crate::resilience::{Permit, Tries, Why};
use crate::route::Route;
use crate::upstream::Kept;
use crate::wire::{Stream, Wire};
use crate::worker::Exchange;

/// How far the request's body is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Upload {
    Runs,
    Done,
    /// The server takes no more of it; its answer may still come.
    Refused,
}

/// Why there is no answer.
enum Lost {
    /// The server ended before it said anything.
    Silent,
    /// It took longer than one try may.
    Late,
    Fault(Fault),
    /// The client ended, or sent what is no body.
    Client(Fault),
}

impl<W: Asker> Session<'_, W> {
    /// Has the request, whose head is in `up.out`, answered by the cluster of `way`.
    pub(super) async fn carry(&mut self, way: &Way<'_>, asked: Asked) -> Result<(Outcome, Next), Fault> {
        let worker = self.worker;
        let mut tries = Tries::new(way.retry);
        if let Some(budget) = way.budget {
            budget.asked(asked.began);
        }
        let _place = match (way.cluster.settings.limits.max_requests, way.chooser.state()) {
            (Some(most), Some(state)) => {
                Some(Permit::new(state, |breakers| &breakers.requests, most).ok_or(Fault::Overflow)?)
            }
            _ => None,
        };
        let mut began = asked.began;
        let (server, head, upload) = loop {
            let tried = self.attempt(way, asked, &mut tries, began).await;
            let why = match &tried {
                Ok((_, head, _)) if tries.minds(head.status) => Why::Status(head.status),
                Ok(_) => break tried.map_err(|(_, fault)| fault)?,
                Err((Some(why), _)) => *why,
                Err((None, fault)) => return Err(*fault),
            };
            let (is_safe, now) = (self.may_repeat(asked), worker.timers.now());
            let Some(pause) = tries.again(why, is_safe, &way.means(), &worker.dice, now) else {
                // An answer that cannot be made better is passed on as it is.
                break tried.map_err(|(_, fault)| fault)?;
            };
            drop(tried);
            if now + pause >= way.until {
                return Err(Fault::RequestTimeout);
            }
            worker.cells().retries.add(1);
            if !pause.is_zero() {
                Box::pin(tokio::time::sleep(pause)).await;
            }
            began = worker.timers.now();
            self.exchange.up.out.rewind();
            self.exchange.answer.clear();
        };
        if head.status == 101 {
            return self.switch(server, &head, way.route, asked).await;
        }
        self.relay(server, way, &head, asked, upload).await
    }

    /// One try: a connection, and the request on it until the head of the answer is there.
    async fn attempt(
        &mut self,
        way: &Way<'_>,
        asked: Asked,
        tries: &mut Tries<'_>,
        began: Duration,
    ) -> Result<(Server, ResponseHead, Upload), (Option<Why>, Fault)> {
        let refused = |fault| (matches!(fault, Fault::Connect).then_some(Why::Connect), fault);
        let mut server = self.dial(way, &mut tries.tried, began, true).await.map_err(refused)?;
        self.frame(&server, asked);
        let (mut upload, mut retried) = (Upload::Runs, false);
        loop {
            let answer = self.await_answer(&mut server, way, asked, began, tries, &mut upload).await;
            match answer {
                Ok(head) => {
                    if head.status >= 200 || head.status == 101 {
                        if server.visit.is_some() {
                            let now = self.worker.timers.now();
                            self.told(way, server.visit.as_ref(), Report::Answered(head.status), now);
                        }
                        return Ok((server, head, upload));
                    }
                    self.pass_interim(&head, asked).await.map_err(|fault| (None, fault))?;
                }
                // What was never read by the server may be sent again, and so may what does no harm twice.
                Err(Lost::Silent) if !retried && self.may_ask_again(&server, asked) => {
                    retried = true;
                    self.worker.cells().retries.add(1);
                    self.exchange.up.out.rewind();
                    upload = Upload::Runs;
                    // It is the connection that was dead, not its endpoint.
                    tries.tried.forget_last();
                    drop(server);
                    let now = self.worker.timers.now();
                    server = self.dial(way, &mut tries.tried, now, false).await.map_err(refused)?;
                    self.frame(&server, asked);
                }
                Err(lost) => {
                    let (why, fault) = match lost {
                        Lost::Silent => (Some(Why::Reset), Fault::NoAnswer),
                        Lost::Late => (Some(Why::Timeout), Fault::ResponseTimeout),
                        Lost::Fault(fault) => (None, fault),
                        Lost::Client(fault) => return Err((None, fault)),
                    };
                    let now = self.worker.timers.now();
                    self.told(way, server.visit.as_ref(), Report::Lost, now);
                    return Err((why, fault));
                }
            }
        }
    }

    /// Has the body framed as the connection wants it.
    fn frame(&mut self, server: &Server, asked: Asked) {
        let is_open = matches!(asked.body, BodyKind::Chunked | BodyKind::UntilEnd);
        self.exchange.up.send_in_chunks(is_open && !server.stream.frames());
    }

    fn may_ask_again(&self, server: &Server, asked: Asked) -> bool {
        server.is_kept && self.may_repeat(asked) || server.stream.was_refused() && self.exchange.up.is_fresh()
    }

    fn may_repeat(&self, asked: Asked) -> bool {
        let up = &self.exchange.up;
        !up.out.has_begun() && up.is_fresh() || asked.is_idempotent && asked.body == BodyKind::Empty
    }

    /// Sends the request until the head of an answer is there.
    async fn await_answer(
        &mut self,
        server: &mut Server,
        way: &Way<'_>,
        asked: Asked,
        began: Duration,
        tries: &Tries<'_>,
        upload: &mut Upload,
    ) -> Result<ResponseHead, Lost> {
        let (worker, timer) = (self.worker, self.timer);
        let (answers, stalls) = (way.cluster.settings.response_timeout, way.listener.settings.stall_timeout);
        // A try is over when its own time is, or that of the whole request.
        let over = tries.patience().map_or(Duration::MAX, |patience| began.saturating_add(patience));
        let whole = way.until.min(over);
        let has_body = asked.body != BodyKind::Empty;
        let begins = if has_body { worker.timers.now() } else { began };
        let patience = if has_body && *upload == Upload::Runs { stalls } else { answers };
        worker.timers.arm(timer, begins, patience.min(whole.saturating_sub(begins)));
        let mut reader = ResponseReader::default();
        poll_fn(|context| {
            if *upload == Upload::Runs {
                self.upload(context, &mut server.stream, upload).map_err(Lost::Client)?;
                if has_body && (*upload != Upload::Runs || self.exchange.up.has_moved()) {
                    let (now, patience) =
                        (worker.timers.now(), if *upload == Upload::Runs { stalls } else { answers });
                    worker.timers.arm(timer, now, patience.min(whole.saturating_sub(now)));
                }
            }
            let Exchange { answer, fields, .. } = &mut *self.exchange;
            loop {
                match reader.read(answer.filled(), fields, asked.is_head) {
                    // Nobody goes over to another protocol unasked.
                    Ok(Some(head)) if head.status != 101 || asked.upgrades => {
                        return Poll::Ready(Ok(head));
                    }
                    Ok(None) if !answer.is_full() => {}
                    _ => return Poll::Ready(Err(Lost::Fault(Fault::BadAnswer))),
                }
                match server.stream.poll_read(context, answer.spare()) {
                    Poll::Ready(Ok(bytes)) if bytes > 0 => answer.add(bytes),
                    Poll::Ready(_) if answer.is_empty() => return Poll::Ready(Err(Lost::Silent)),
                    Poll::Ready(_) => return Poll::Ready(Err(Lost::Fault(Fault::BadAnswer))),
                    Poll::Pending => break,
                }
            }
            if worker.timers.expired(timer) {
                let now = worker.timers.now();
                return Poll::Ready(Err(match *upload {
                    _ if now >= way.until => Lost::Fault(Fault::RequestTimeout),
                    _ if now >= over => Lost::Late,
                    Upload::Runs => Lost::Client(Fault::SlowBody),
                    _ => Lost::Fault(Fault::ResponseTimeout),
                }));
            }
            Poll::Pending
        })
        .await
    }

    /// Carries the body up as far as it goes now.
    pub(super) fn upload(
        &mut self,
        context: &mut Context<'_>,
        server: &mut Stream,
        upload: &mut Upload,
    ) -> Result<(), Fault> {
        let Exchange { inbound, up, .. } = &mut *self.exchange;
        match up.poll(context, self.client, server, inbound) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => *upload = Upload::Done,
            Poll::Ready(Err(Broken::Sink)) => *upload = Upload::Refused,
            Poll::Ready(Err(Broken::Source)) => return Err(Fault::Truncated),
            Poll::Ready(Err(Broken::Framing(fault))) => return Err(fault),
        }
        Ok(())
    }

    /// Passes 100 and 103 on; HTTP/1.0 does not know them.
    async fn pass_interim(&mut self, head: &ResponseHead, asked: Asked) -> Result<(), Fault> {
        let Exchange { answer, fields, down, .. } = &mut *self.exchange;
        if asked.is_old {
            answer.consume(head.length);
            return Ok(());
        }
        down.out.head.clear();
        let bytes = &answer.filled()[..head.length];
        let (none, ending) = (crate::route::Edits::new(&[], &[]), Ending { close: false, old: false });
        self.client.answer(&mut down.out.head, bytes, head, fields, &none, false, ending);
        down.out.start();
        answer.consume(head.length);
        if self.send().await { Ok(()) } else { Err(Fault::Truncated) }
    }

    /// Sends the answer that goes over to another protocol.
    async fn switch(
        &mut self,
        server: Server,
        head: &ResponseHead,
        route: &Route,
        asked: Asked,
    ) -> Result<(Outcome, Next), Fault> {
        let Exchange { answer, fields, down, .. } = &mut *self.exchange;
        down.out.head.clear();
        let ending = Ending { close: false, old: asked.is_old };
        let bytes = &answer.filled()[..head.length];
        self.client.answer(&mut down.out.head, bytes, head, fields, &route.response, false, ending);
        down.out.start();
        answer.consume(head.length);
        let outcome = Outcome { status: 101, endpoint: Some(server.endpoint), ..Outcome::default() };
        let next = if self.send().await { Next::Tunnel(server.stream) } else { Next::Close };
        self.worker.cells().tunnels.add(1);
        Ok((outcome, next))
    }

    /// Carries the answer down, and what is left of the request up.
    async fn relay(
        &mut self,
        mut server: Server,
        way: &Way<'_>,
        head: &ResponseHead,
        asked: Asked,
        mut upload: Upload,
    ) -> Result<(Outcome, Next), Fault> {
        let (worker, timer) = (self.worker, self.timer);
        let changed = self.judged_answer(head, way.route, asked)?;
        let head = changed.as_ref().unwrap_or(head);
        let mut whole = match self.judge_of(Point::ResponseBody) {
            // Boxed: few answers are taken in whole.
            Some(judge) => Box::pin(self.whole_answer(judge, &mut server, way, head, &mut upload)).await?,
            None => None,
        };
        let mut trailers = whole.as_mut().and_then(|whole| whole.trailers.take());
        let head = whole.as_ref().map_or(head, |whole| &whole.head);
        let endless = matches!(head.body, BodyKind::Chunked | BodyKind::UntilEnd);
        // Who sends a body to a server that has answered already gets the answer and the end.
        let keeps =
            asked.keep_alive && upload == Upload::Done && !(endless && asked.is_old) && !worker.is_draining();
        let chunked = endless && !asked.is_old && W::CHUNKS;
        let Exchange { answer, fields, down, .. } = &mut *self.exchange;
        down.out.head.clear();
        let bytes = match &whole {
            Some(whole) => &whole.bytes[..],
            None => &answer.filled()[..head.length],
        };
        let ending = Ending { close: !keeps, old: asked.is_old };
        self.client.answer(&mut down.out.head, bytes, head, fields, &way.route.response, chunked, ending);
        match &whole {
            Some(whole) => {
                down.out.head.extend_from_slice(&whole.body);
                down.start(BodyKind::Empty, false, u64::MAX);
            }
            None => {
                answer.consume(head.length);
                down.start(head.body, chunked, u64::MAX);
                down.let_trail(asked.trailers);
            }
        }
        let mut moved = worker.timers.recent();
        let whole_sent = match &whole {
            Some(_) => Some(self.send().await),
            None => None,
        };
        let arrived = poll_fn(|context| {
            if let Some(sent) = whole_sent {
                let is_told = sent && self.client.finish(trailers.take()).is_ok();
                return Poll::Ready(if is_told { Ok(()) } else { Err(Broken::Sink) });
            }
            if upload == Upload::Runs && self.upload(context, &mut server.stream, &mut upload).is_err() {
                upload = Upload::Refused;
            }
            let Exchange { answer, down, up, .. } = &mut *self.exchange;
            if let Poll::Ready(arrived) = down.poll(context, &mut server.stream, self.client, answer) {
                return Poll::Ready(arrived);
            }
            if down.has_moved() | up.has_moved() {
                let now = worker.timers.now();
                moved = now;
                worker.timers.arm(timer, now, way.patience(now, way.listener.settings.stall_timeout));
            }
            let gives_up = worker.gives_up(moved);
            if gives_up {
                worker.cells().memory_cuts.add(1);
            }
            if gives_up || worker.timers.expired(timer) {
                return Poll::Ready(Err(Broken::Source));
            }
            Poll::Pending
        })
        .await;
        let ended = worker.timers.now();
        let outcome = Outcome {
            status: head.status,
            endpoint: Some(server.endpoint),
            fault: None,
            sent: whole.as_ref().map_or(self.exchange.down.carried(), |whole| whole.body.len() as u64),
            // What still waits here waits for the client.
            broke: matches!(arrived, Err(Broken::Source | Broken::Framing(_)))
                && self.exchange.down.out.is_empty(),
        };
        if arrived.is_err() {
            worker.cells().broken.add(1);
            if !chunked && head.body == BodyKind::UntilEnd {
                // Without a length only a reset tells the client that this is not all.
                self.client.reset();
            }
            return Ok((outcome, Next::Close));
        }
        if head.keep_alive && upload == Upload::Done && self.exchange.answer.is_empty() {
            let settings = &way.cluster.settings;
            let kept = Kept { stream: server.stream, permit: server.permit, tls: way.cluster.tls.clone() };
            worker.pool.put(server.endpoint, kept, ended + settings.idle_timeout, settings.max_idle);
        }
        let next = match keeps {
            true => Next::Idle,
            false if upload == Upload::Done && !asked.keep_alive => Next::Close,
            false => Next::Linger,
        };
        Ok((outcome, next))
    }
}
