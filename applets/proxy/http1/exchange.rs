//! One exchange with a server: a connection, the request up, the answer down, both at once if need be.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::asker::Asker;
use super::fault::Fault;
use super::field::Scan;
use super::pump::Broken;
use super::request::BodyKind;
use super::response::ResponseHead;
use super::session::{Asked, Next, Outcome, Session};
use super::write::Ending;
use crate::balance::Balance;
use crate::route::Route;
use crate::snapshot::{Cluster, Listener};
use crate::upstream;
use crate::wire::{Stream, Wire};
use crate::worker::Exchange;

/// Endpoints that are tried when connections cannot be made.
const TRIES: usize = 3;

/// A connection to an endpoint.
struct Server {
    stream: Stream,
    endpoint: SocketAddr,
    /// It was kept from an exchange before: the server may have closed it by now.
    is_kept: bool,
}

/// How far the request's body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Upload {
    Runs,
    Done,
    /// The server takes no more of it; its answer may still come.
    Refused,
}

/// Why there is no answer.
enum Lost {
    /// The server ended before it said anything.
    Silent,
    Fault(Fault),
    /// The client ended, or sent what is no body.
    Client(Fault),
}

impl<W: Asker> Session<'_, W> {
    /// Has the request, whose head is in `up.out`, answered by `cluster`.
    pub(super) async fn carry(
        &mut self,
        listener: &Listener,
        cluster: &Cluster,
        chooser: &dyn Balance,
        route: &Route,
        asked: Asked,
    ) -> Result<(Outcome, Next), Fault> {
        let mut server = self.dial(cluster, chooser, asked.began, true).await?;
        let mut upload = Upload::Runs;
        let mut retried = false;
        let head = loop {
            match self.await_answer(&mut server, listener, cluster, asked, &mut upload).await {
                Ok(length) => {
                    let head = self.read_answer(length, asked)?;
                    if head.status >= 200 || head.status == 101 {
                        break head;
                    }
                    self.pass_interim(&head, asked).await?;
                }
                // What was never read by the server may be sent again, and so may what does no harm twice.
                Err(Lost::Silent) if server.is_kept && !retried && self.may_repeat(asked) => {
                    retried = true;
                    self.worker.cells().retries.add(1);
                    self.exchange.up.out.rewind();
                    upload = Upload::Runs;
                    server = self.dial(cluster, chooser, self.worker.timers.now(), false).await?;
                }
                Err(Lost::Silent) => return Err(Fault::NoAnswer),
                Err(Lost::Fault(fault) | Lost::Client(fault)) => return Err(fault),
            }
        };
        if head.status == 101 {
            return self.switch(server, &head, route, asked).await;
        }
        self.relay(server, listener, cluster, &head, route, asked, upload).await
    }

    fn may_repeat(&self, asked: Asked) -> bool {
        let up = &self.exchange.up;
        !up.out.has_begun() && up.is_fresh() || asked.is_idempotent && asked.body == BodyKind::Empty
    }

    /// A connection to one of the endpoints: one that was kept, if it may be, or a new one.
    async fn dial(
        &mut self,
        cluster: &Cluster,
        chooser: &dyn Balance,
        now: Duration,
        may_be_kept: bool,
    ) -> Result<Server, Fault> {
        let (worker, timer) = (self.worker, self.timer);
        let count = cluster.endpoints.len();
        if count == 0 {
            return Err(Fault::NoEndpoint);
        }
        let first = chooser.pick(count);
        let all_down = cluster.endpoints.iter().all(|endpoint| worker.pool.is_down(*endpoint, now));
        let mut tries = TRIES;
        for attempt in 0..count {
            let endpoint = cluster.endpoints[(first + attempt) % count];
            if tries == 0 || !all_down && worker.pool.is_down(endpoint, now) {
                continue;
            }
            tries -= 1;
            if may_be_kept && let Some(stream) = worker.pool.take(endpoint, now) {
                worker.cells().reuses.add(1);
                return Ok(Server { stream, endpoint, is_kept: true });
            }
            worker.timers.arm(timer, worker.timers.now(), cluster.settings.connect_timeout);
            let mut connecting = pin!(upstream::connect(worker, cluster, endpoint));
            let made = poll_fn(|context| match connecting.as_mut().poll(context) {
                Poll::Pending if worker.timers.expired(timer) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
                Poll::Ready(made) => Poll::Ready(made.ok()),
            });
            match made.await {
                Some(stream) => {
                    worker.cells().connects.add(1);
                    return Ok(Server { stream, endpoint, is_kept: false });
                }
                None => {
                    worker.cells().connect_errors.add(1);
                    worker.pool.failed(endpoint, worker.timers.now());
                }
            }
        }
        Err(Fault::Connect)
    }

    /// Sends the request until the head of an answer is there; gives its length.
    async fn await_answer(
        &mut self,
        server: &mut Server,
        listener: &Listener,
        cluster: &Cluster,
        asked: Asked,
        upload: &mut Upload,
    ) -> Result<usize, Lost> {
        let (worker, timer) = (self.worker, self.timer);
        let (answers, stalls) = (cluster.settings.response_timeout, listener.settings.stall_timeout);
        let has_body = asked.body != BodyKind::Empty;
        let begins = if has_body { worker.timers.now() } else { asked.began };
        worker.timers.arm(timer, begins, if has_body && *upload == Upload::Runs { stalls } else { answers });
        let mut scan = Scan::default();
        poll_fn(|context| {
            if *upload == Upload::Runs {
                self.upload(context, &mut server.stream, upload).map_err(Lost::Client)?;
                if has_body && (*upload != Upload::Runs || self.exchange.up.has_moved()) {
                    let patience = if *upload == Upload::Runs { stalls } else { answers };
                    worker.timers.arm(timer, worker.timers.now(), patience);
                }
            }
            let answer = &mut self.exchange.answer;
            loop {
                match scan.end(answer.filled()) {
                    Ok(Some(length)) => return Poll::Ready(Ok(length)),
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
                return Poll::Ready(Err(match *upload {
                    Upload::Runs => Lost::Client(Fault::SlowBody),
                    _ => Lost::Fault(Fault::ResponseTimeout),
                }));
            }
            Poll::Pending
        })
        .await
    }

    /// Carries the body up as far as it goes now.
    fn upload(
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

    fn read_answer(&mut self, length: usize, asked: Asked) -> Result<ResponseHead, Fault> {
        let Exchange { answer, fields, .. } = &mut *self.exchange;
        let head = ResponseHead::parse(&answer.filled()[..length], fields, asked.is_head)?;
        // Nobody goes over to another protocol unasked.
        if head.status == 101 && !asked.upgrades { Err(Fault::BadAnswer) } else { Ok(head) }
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
    #[expect(clippy::too_many_arguments, reason = "the whole exchange ends here")]
    async fn relay(
        &mut self,
        mut server: Server,
        listener: &Listener,
        cluster: &Cluster,
        head: &ResponseHead,
        route: &Route,
        asked: Asked,
        mut upload: Upload,
    ) -> Result<(Outcome, Next), Fault> {
        let (worker, timer) = (self.worker, self.timer);
        let endless = matches!(head.body, BodyKind::Chunked | BodyKind::UntilEnd);
        // Who sends a body to a server that has answered already gets the answer and the end.
        let keeps =
            asked.keep_alive && upload == Upload::Done && !(endless && asked.is_old) && !worker.is_draining();
        let chunked = endless && !asked.is_old && W::CHUNKS;
        let Exchange { answer, fields, down, .. } = &mut *self.exchange;
        down.out.head.clear();
        let bytes = &answer.filled()[..head.length];
        let ending = Ending { close: !keeps, old: asked.is_old };
        self.client.answer(&mut down.out.head, bytes, head, fields, &route.response, chunked, ending);
        answer.consume(head.length);
        down.start(head.body, chunked, u64::MAX);
        let arrived = poll_fn(|context| {
            if upload == Upload::Runs && self.upload(context, &mut server.stream, &mut upload).is_err() {
                upload = Upload::Refused;
            }
            let Exchange { answer, down, up, .. } = &mut *self.exchange;
            if let Poll::Ready(arrived) = down.poll(context, &mut server.stream, self.client, answer) {
                return Poll::Ready(arrived);
            }
            if down.has_moved() | up.has_moved() {
                worker.timers.arm(timer, worker.timers.now(), listener.settings.stall_timeout);
            }
            if worker.timers.expired(timer) { Poll::Ready(Err(Broken::Source)) } else { Poll::Pending }
        })
        .await;
        let ended = worker.timers.now();
        let outcome = Outcome {
            status: head.status,
            endpoint: Some(server.endpoint),
            fault: None,
            sent: self.exchange.down.carried(),
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
            let until = ended + cluster.settings.idle_timeout;
            worker.pool.put(server.endpoint, server.stream, until, cluster.settings.max_idle);
        }
        let next = match keeps {
            true => Next::Idle,
            false if upload == Upload::Done && !asked.keep_alive => Next::Close,
            false => Next::Linger,
        };
        Ok((outcome, next))
    }
}
