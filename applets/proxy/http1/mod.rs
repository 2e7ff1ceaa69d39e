//! HTTP/1.1, both sides: the hot path.
//!
//! A request's way: `mod.rs` waits for bytes without a buffer, `session.rs` reads the head
//! (`field.rs`, `request.rs`), asks the router, writes the head anew (`write.rs`) and gets a
//! connection; `exchange.rs` carries the body up (`pump.rs`, `chunked.rs`) while it waits for the
//! answer (`response.rs`), and the answer down. Whatever two readers could understand differently is
//! refused with a counted reason (`fault.rs`). `tunnel.rs` is what is left after an upgrade.

mod asker;
mod chunked;
mod dial;
mod exchange;
mod fault;
mod field;
mod hold;
mod outgoing;
mod pump;
mod request;
mod response;
mod rewrite;
mod session;
pub(crate) mod tunnel;
mod write;

use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

pub use asker::{Asker, Own};
pub use chunked::{Chunked, Decoded};
pub use fault::Fault;
pub(crate) use field::is_token;
pub use field::{Field, Known, Lines, MAX_FIELDS, Scan, Span};
pub(crate) use field::{nominated, number};
pub use pump::Pump;
pub(crate) use request::host_fits;
pub use request::{BodyKind, RequestHead};
pub use response::ResponseHead;
pub(crate) use write::digits;
pub use write::{Ending, decimal};

use crate::http2;
use crate::l4::Moved;
use crate::peer::Peer;
use crate::wire::{Wire, linger};
use crate::worker::{Exchange, Worker};
pub(crate) use session::{Next, Session};

/// What a client gets to take our last answer before its connection is closed on it.
const LINGER: Duration = Duration::from_secs(2);

/// Serves one connection until its end.
pub async fn serve<W: Asker + 'static>(
    worker: &Rc<Worker>,
    socket: usize,
    mut client: W,
    mut peer: Peer,
    timer: u32,
) {
    let Some(seats) = worker.seats.of(&busy::<W>) else { return };
    let mut is_first = true;
    loop {
        let Some((idle, tunnel)) = patience(worker, socket, is_first) else { return };
        // The exchange before has read the time at its end.
        let now = if is_first { worker.timers.now() } else { worker.timers.recent() };
        if !has_bytes(worker, &mut client, timer, now, idle).await {
            // A request that was sent this very moment is read by nobody, but not answered by a reset.
            let mut exchange = worker.exchanges.take();
            Box::pin(end(worker, &mut client, timer, exchange.inbound.spare())).await;
            worker.exchanges.put(exchange);
            return;
        }
        let was_first = std::mem::take(&mut is_first);
        if worker.is_full() {
            // Boxed: no idle connection is to hold the room for it.
            Box::pin(turn_away(&mut client)).await;
            return;
        }
        let job =
            Job { worker: worker.clone(), socket, client, peer, timer, exchange: worker.exchanges.take() };
        let (Job { client: same, peer: known, mut exchange, .. }, next) = seats.begin(busy(job)).await;
        (client, peer) = (same, known);
        match next {
            Next::Idle => worker.exchanges.put(exchange),
            Next::Http2 if was_first => {
                // A connection of HTTP/1.1 does not pay for what one of HTTP/2 remembers.
                return Box::pin(http2::serve(worker, socket, client, peer, timer, exchange)).await;
            }
            Next::Close | Next::Http2 => {
                client.farewell();
                worker.exchanges.put(exchange);
                return;
            }
            Next::Linger => {
                exchange.inbound.clear();
                Box::pin(end(worker, &mut client, timer, exchange.inbound.spare())).await;
                worker.exchanges.put(exchange);
                return;
            }
            Next::Tunnel(server) => {
                let moved = Moved::default();
                // Few connections come here, and all of them would have the room for it.
                Box::pin(tunnel::run(worker, client, server, exchange, timer, tunnel, &moved)).await;
                worker.cells().received.add(moved.received.get());
                worker.cells().sent.add(moved.sent.get());
                return;
            }
        }
    }
}

/// A connection that has something to do.
struct Job<W> {
    worker: Rc<Worker>,
    socket: usize,
    client: W,
    peer: Peer,
    timer: u32,
    exchange: Box<Exchange>,
}

/// Answers until the connection is idle or over.
async fn busy<W: Asker>(mut job: Job<W>) -> (Job<W>, Next) {
    let Job { worker, socket, client, peer, timer, exchange } = &mut job;
    let (socket, timer) = (*socket, *timer);
    let next = Session { worker, socket, client, peer, timer, exchange }.run().await;
    (job, next)
}

/// How long the client may be idle now, and after an upgrade.
fn patience(worker: &Worker, socket: usize, is_first: bool) -> Option<(Duration, Duration)> {
    let view = worker.view();
    let settings = &view.listener(socket)?.settings;
    // The first request is due at once, as the connection was made for it.
    let idle = if is_first { settings.head_timeout } else { settings.idle_timeout };
    Some((worker.idle_time(idle), settings.tunnel_timeout))
}

/// Waits for bytes without holding a buffer; false if it took too long.
async fn has_bytes<W: Wire>(
    worker: &Worker,
    client: &mut W,
    timer: u32,
    now: Duration,
    patience: Duration,
) -> bool {
    let mut drains = worker.is_draining();
    worker.timers.arm(timer, now, patience);
    poll_fn(|context| {
        if client.poll_readable(context).is_ready() {
            return Poll::Ready(true);
        }
        if worker.is_draining() && !drains {
            drains = true;
            worker.timers.arm(timer, worker.timers.now(), worker.idle_time(patience));
        }
        if worker.timers.expired(timer) || worker.is_tight() { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
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

async fn end<W: Wire>(worker: &Worker, client: &mut W, timer: u32, scratch: &mut [u8]) {
    worker.timers.arm(timer, worker.timers.now(), LINGER);
    linger(client, scratch, || worker.timers.expired(timer)).await;
}
