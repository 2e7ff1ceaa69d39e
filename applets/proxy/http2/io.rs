//! Bytes between a connection's machine and its wire: as many writes and reads as make sense in one
//! turn, and one buffer only while they last.

use std::io::IoSlice;
use std::task::{Context, Poll};

use super::connection::End;
use super::stream::Link;
use crate::wire::Wire;
use crate::worker::Worker;

/// Reads of one turn: others want theirs.
const READS: usize = 4;

/// What a turn came to.
pub(super) enum Turn {
    /// Nothing more can be done now; something was, or was not.
    Still(bool),
    /// There is more, later.
    More,
    /// The connection is over; why, if the other side is to be told.
    Over(Option<End>),
}

/// Writes and reads as far as it goes. `take` is given what was read.
pub(super) fn turn<W: Wire>(
    context: &mut Context<'_>,
    worker: &Worker,
    wire: &mut W,
    link: &Link,
    mut take: impl FnMut(&[u8]) -> Result<(), End>,
) -> Turn {
    link.borrow_mut().drive(context.waker());
    let mut moved = false;
    for _ in 0..READS {
        match write(context, wire, link) {
            Poll::Ready(Err(())) => return Turn::Over(None),
            Poll::Ready(Ok(wrote)) => moved |= wrote,
            Poll::Pending => {}
        }
        if link.borrow().out.is_clogged() {
            return Turn::Still(moved);
        }
        match wire.poll_readable(context) {
            Poll::Pending => return Turn::Still(moved),
            Poll::Ready(Err(_)) => return Turn::Over(None),
            Poll::Ready(Ok(())) => {}
        }
        let mut exchange = worker.exchanges.take();
        let taken = match wire.poll_read(context, exchange.inbound.spare()) {
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                exchange.inbound.add(bytes);
                moved = true;
                Some(take(exchange.inbound.filled()))
            }
            Poll::Ready(_) => None,
            Poll::Pending => Some(Ok(())),
        };
        worker.exchanges.put(exchange);
        match taken {
            None => return Turn::Over(None),
            Some(Err(end)) => return Turn::Over(Some(end)),
            Some(Ok(())) => {}
        }
    }
    Turn::More
}

/// Writes what waits; says whether there was anything.
pub(super) fn write<W: Wire>(context: &mut Context<'_>, wire: &mut W, link: &Link) -> Poll<Result<bool, ()>> {
    let mut wrote = false;
    loop {
        let mut link = link.borrow_mut();
        if link.out.unsent().is_empty() {
            if wrote {
                link.unblock();
            }
            return Poll::Ready(Ok(wrote));
        }
        match wire.poll_write(context, &[IoSlice::new(link.out.unsent())]) {
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                link.out.wrote(bytes);
                wrote = true;
            }
            Poll::Ready(_) => return Poll::Ready(Err(())),
            Poll::Pending => {
                link.out.offered();
                return Poll::Pending;
            }
        }
    }
}
