//! HTTP/1.1, both sides: the hot path.
//!
//! A request's way: `mod.rs` waits for bytes without a buffer, `session.rs` reads the head
//! (`line.rs`, `scan.rs`, `request.rs`), asks the router, writes the head anew (`write.rs`) and gets a
//! accepted; `exchange.rs` carries the body up (`pump.rs`, `chunked.rs`, `trailers.rs`) while it waits for the
//! answer (`response.rs`), and the answer down. Whatever two readers could understand differently is
//! refused with a counted reason (`fault.rs`). `tunnel.rs` is what is left after an upgrade.

mod asker;
mod chunked;
mod dial;
mod exchange;
mod fault;
mod field;
mod hold;
mod line;
mod outgoing;
mod pump;
mod request;
mod response;
mod rewrite;
mod scan;
mod session;
mod trailers;
pub(crate) mod tunnel;
mod whole;
mod write;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

pub use asker::{Asker, Own};
pub use chunked::{Chunked, Decoded};
pub use fault::Fault;
pub use field::{Field, Known, Lines, MAX_FIELDS, Span};
pub(crate) use field::{nominated, number};
pub use pump::Pump;
pub(crate) use request::host_fits;
pub use request::{BodyKind, RequestHead, RequestReader};
pub use response::{ResponseHead, ResponseReader};
pub(crate) use scan::is_token;
pub(crate) use write::digits;
pub use write::{Ending, decimal};

use crate::http2;
use crate::l4::Moved;
use crate::wire::{Wire, linger};
use crate::worker::{Accepted, Desk, Exchange};
pub(crate) use session::{Next, Session};

/// What a client gets to take our last answer before its connection is closed on it.
const LINGER: Duration = Duration::from_secs(2);

/// Serves a connection until its end.
#[expect(
    clippy::manual_async_fn,
    reason = "has room for its arguments twice, and an idle connection is nothing else"
)]
pub fn serve<W: Asker + 'static>(mut accepted: Accepted<W>) -> impl Future<Output = ()> {
    async move {
        let Some(seats) = accepted.worker.seats.of(busy::<W>) else { return };
        let mut is_first = true;
        loop {
            let Some(idle) = patience(&accepted, is_first) else { return };
            let is_asked = has_bytes(&mut accepted, idle, is_first).await;
            let was_first = std::mem::take(&mut is_first);
            if !is_asked || accepted.worker.is_full() {
                // Boxed, as all that comes at an end: no idle connection is to hold the room for it.
                return if is_asked {
                    Box::pin(turn_away(&mut accepted.client)).await
                } else {
                    // A request that was sent this very moment is read by nobody, but not answered by a reset.
                    let exchange = accepted.worker.exchanges.take();
                    Box::pin(end(accepted, exchange)).await
                };
            }
            let exchange = accepted.worker.exchanges.take();
            let job = Job { accepted, exchange };
            let (Job { accepted: same, exchange }, next) = seats.begin(job).await;
            accepted = same;
            if !matches!(next, Next::Idle) {
                return Box::pin(leave(accepted, exchange, next, was_first)).await;
            }
            accepted.worker.exchanges.put(exchange);
        }
    }
}

/// A connection that has something to do.
struct Job<W> {
    accepted: Accepted<W>,
    exchange: Box<Exchange>,
}

/// Where it is handed over, and given back with how it goes on.
type JobDesk<W> = Desk<Job<W>, (Job<W>, Next)>;

/// Takes one busy connection after the other, and answers until it is idle or over.
async fn busy<W: Asker>(desk: Rc<JobDesk<W>>) -> Infallible {
    loop {
        let mut job = desk.job().await;
        let Accepted { worker, socket, client, peer, timer } = &mut job.accepted;
        let (socket, timer) = (*socket, *timer);
        let next = Session { worker, socket, client, peer, timer, exchange: &mut job.exchange }.run().await;
        desk.done((job, next));
    }
}

/// Does what is left to do with a connection that brings no more requests of HTTP/1.x.
async fn leave<W: Asker + 'static>(
    accepted: Accepted<W>,
    mut exchange: Box<Exchange>,
    next: Next,
    was_first: bool,
) {
    match next {
        Next::Http2 if was_first => http2::serve(accepted, exchange).await,
        Next::Idle | Next::Close | Next::Http2 => {
            let Accepted { worker, mut client, .. } = accepted;
            client.farewell();
            worker.exchanges.put(exchange);
        }
        Next::Linger => {
            exchange.inbound.clear();
            end(accepted, exchange).await;
        }
        Next::Tunnel(server) => {
            let Accepted { worker, client, socket, timer, .. } = accepted;
            let Some(patience) = worker.view().listener(socket).map(|it| it.settings.tunnel_timeout) else {
                return;
            };
            let moved = Moved::default();
            tunnel::run(&worker, client, server, exchange, timer, patience, &moved).await;
            worker.cells().received.add(moved.received.get());
            worker.cells().sent.add(moved.sent.get());
        }
    }
}

/// How long the client may be idle now.
fn patience<W>(accepted: &Accepted<W>, is_first: bool) -> Option<Duration> {
    let view = accepted.worker.view();
    let settings = &view.listener(accepted.socket)?.settings;
    // The first request is due at once, as the connection was made for it.
    let idle = if is_first { settings.head_timeout } else { settings.idle_timeout };
    Some(accepted.worker.idle_time(idle))
}

/// Waits for bytes without holding a buffer; false if it took too long.
fn has_bytes<W: Wire>(
    accepted: &mut Accepted<W>,
    patience: Duration,
    is_first: bool,
) -> impl Future<Output = bool> {
    let timers = &accepted.worker.timers;
    // The exchange before has read the time at its end.
    let now = if is_first { timers.now() } else { timers.recent() };
    timers.arm(accepted.timer, now, patience);
    let mut drains = accepted.worker.is_draining();
    poll_fn(move |context| {
        let Accepted { worker, client, timer, .. } = &mut *accepted;
        if client.poll_readable(context).is_ready() {
            return Poll::Ready(true);
        }
        if worker.is_draining() && !drains {
            drains = true;
            worker.timers.arm(*timer, worker.timers.now(), worker.idle_time(patience));
        }
        if worker.timers.expired(*timer) || worker.is_tight() { Poll::Ready(false) } else { Poll::Pending }
    })
}

/// Refuses a request that there is no memory to read. A client that does not take so little at once
/// gets nothing.
async fn turn_away<W: Asker>(client: &mut W) {
    const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
                             content-length: 0\r\n\r\n";
    let mut scratch = [0; 512];
    poll_fn(|context| {
        let sent = client.poll_write(context, &[IoSlice::new(REFUSAL)]);
        // What was read is not answered by a reset.
        for _ in 0..64 {
            if !matches!(client.poll_read(context, &mut scratch), Poll::Ready(Ok(bytes)) if bytes > 0) {
                break;
            }
        }
        let ended = client.poll_end(context);
        Poll::Ready((sent.is_ready(), ended.is_ready()))
    })
    .await;
}

/// Closes a connection whose client may not have our last answer yet.
async fn end<W: Wire>(accepted: Accepted<W>, mut exchange: Box<Exchange>) {
    let Accepted { worker, mut client, timer, .. } = accepted;
    worker.timers.arm(timer, worker.timers.now(), LINGER);
    linger(&mut client, exchange.inbound.spare(), || worker.timers.expired(timer)).await;
    worker.exchanges.put(exchange);
}
