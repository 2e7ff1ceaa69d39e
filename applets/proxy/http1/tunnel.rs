//! After an upgrade: bytes both ways, whatever they mean, until both sides have ended.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::request::BodyKind;
use crate::l4::Moved;
use crate::wire::{Stream, Wire};
use crate::worker::{Exchange, Worker};

/// What one round came to.
enum Round {
    /// Both sides are silent: no memory is needed to wait.
    Silent,
    Over,
}

/// Which directions have ended.
#[derive(Clone, Copy, Default)]
struct Ended {
    up: bool,
    down: bool,
}

/// Carries until the end; `patience` bounds the silence. What was carried is added to `moved`.
pub(crate) async fn run<W: Wire>(
    worker: &Rc<Worker>,
    mut client: W,
    mut server: Stream,
    mut exchange: Box<Exchange>,
    timer: u32,
    patience: Duration,
    moved: &Moved,
) {
    let mut ended = Ended::default();
    loop {
        worker.timers.arm(timer, worker.timers.now(), patience);
        let round = carry(worker, &mut client, &mut server, &mut exchange, timer, patience, &mut ended).await;
        moved.received.set(moved.received.get() + exchange.up.carried());
        moved.sent.set(moved.sent.get() + exchange.down.carried());
        worker.exchanges.put(exchange);
        if matches!(round, Round::Over) {
            return;
        }
        let waits = poll_fn(|context| {
            let up = !ended.up && client.poll_readable(context).is_ready();
            let down = !ended.down && server.poll_readable(context).is_ready();
            match up || down {
                true => Poll::Ready(true),
                false if worker.timers.expired(timer) => Poll::Ready(false),
                false => Poll::Pending,
            }
        });
        if !waits.await {
            return;
        }
        exchange = worker.exchanges.take();
    }
}

async fn carry<W: Wire>(
    worker: &Worker,
    client: &mut W,
    server: &mut Stream,
    exchange: &mut Exchange,
    timer: u32,
    patience: Duration,
    ended: &mut Ended,
) -> Round {
    let Exchange { inbound, answer, up, down, .. } = exchange;
    for (pump, over) in [(&mut *up, ended.up), (&mut *down, ended.down)] {
        pump.clear();
        pump.start(if over { BodyKind::Empty } else { BodyKind::UntilEnd }, false, u64::MAX);
    }
    poll_fn(|context| {
        if !ended.up {
            match up.poll(context, client, server, inbound) {
                Poll::Ready(Ok(())) => {
                    ended.up = true;
                    if matches!(server.poll_end(context), Poll::Ready(Err(_))) {
                        return Poll::Ready(Round::Over);
                    }
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Round::Over),
                Poll::Pending => {}
            }
        }
        if !ended.down {
            match down.poll(context, server, client, answer) {
                Poll::Ready(Ok(())) => {
                    ended.down = true;
                    if matches!(client.poll_end(context), Poll::Ready(Err(_))) {
                        return Poll::Ready(Round::Over);
                    }
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Round::Over),
                Poll::Pending => {}
            }
        }
        if ended.up && ended.down {
            return Poll::Ready(Round::Over);
        }
        if up.has_moved() | down.has_moved() {
            worker.timers.arm(timer, worker.timers.now(), patience);
        }
        if worker.timers.expired(timer) {
            return Poll::Ready(Round::Over);
        }
        let is_still = up.out.is_empty() && down.out.is_empty() && inbound.is_empty() && answer.is_empty();
        if is_still { Poll::Ready(Round::Silent) } else { Poll::Pending }
    })
    .await
}
