//! The memory of an exchange: taken when a request comes, given back when the answer is out.
//!
//! An idle connection holds none of it. What is kept for the next exchange is what the last second
//! needed at most; a burst's memory goes back to the system.

use std::cell::Cell;
use std::rc::Rc;

use super::free::Free;
use crate::buffer::Buffer;
use crate::http1::{Field, Pump};
use crate::judge::Judge;
use crate::traces::Trace;

/// Buffers and tables of one exchange.
#[derive(Default)]
pub struct Exchange {
    /// From the client: the head of a request, its body, requests after it.
    pub inbound: Buffer,
    /// From the server.
    pub answer: Buffer,
    /// To the server.
    pub up: Pump,
    /// To the client.
    pub down: Pump,
    /// Of the head that is looked at.
    pub fields: Vec<Field>,
    /// What the access log says of the request.
    pub note: Vec<u8>,
    /// Its place in a trace, where requests are followed.
    pub trace: Option<Trace>,
    /// Who judges it, if anybody does.
    pub judge: Option<Rc<dyn Judge>>,
    /// Counted as long as it is in use.
    seat: Option<Seat>,
}

/// A place among the exchanges of a worker.
struct Seat(Rc<Cell<usize>>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Exchange {
    /// One without buffers, to stand where another will be.
    pub fn hollow() -> Exchange {
        Exchange {
            inbound: Buffer::hollow(),
            answer: Buffer::hollow(),
            up: Pump::default(),
            down: Pump::default(),
            fields: Vec::new(),
            note: Vec::new(),
            trace: None,
            seat: None,
            judge: None,
        }
    }

    /// Forgets the request before; what is in the buffers stays.
    pub fn begin(&mut self) {
        self.note.clear();
        self.trace = None;
        self.up.clear();
        self.down.clear();
    }
}

/// Exchanges nobody uses now.
#[derive(Default)]
pub struct Exchanges {
    free: Free<Box<Exchange>>,
    /// Those that are not free.
    in_use: Rc<Cell<usize>>,
    /// Nothing is kept.
    lean: Cell<bool>,
}

impl Exchanges {
    /// One to work with.
    pub fn take(&self) -> Box<Exchange> {
        self.in_use.set(self.in_use.get() + 1);
        let mut exchange = self.free.take().unwrap_or_default();
        exchange.seat = Some(Seat(self.in_use.clone()));
        exchange
    }

    /// How many are in use.
    pub fn in_use(&self) -> usize {
        self.in_use.get()
    }

    /// True while nothing is kept.
    pub fn is_lean(&self) -> bool {
        self.lean.get()
    }

    /// Whether memory is so short that nothing is kept.
    pub fn lean(&self, lean: bool) {
        self.lean.set(lean);
        if lean {
            self.free.clear();
        }
    }

    /// Gives one back.
    pub fn put(&self, mut exchange: Box<Exchange>) {
        exchange.judge = None;
        exchange.inbound.clear();
        exchange.answer.clear();
        exchange.seat = None;
        if !self.lean.get() {
            self.free.put(exchange);
        }
    }

    /// Lets go of those that were not needed since the last call, but for one. Gives how many.
    pub fn shrink(&self) -> usize {
        self.free.shrink(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_burst_needed_goes_back() {
        let exchanges = Exchanges::default();
        let many: Vec<_> = (0..100).map(|_| exchanges.take()).collect();
        many.into_iter().for_each(|exchange| exchanges.put(exchange));
        exchanges.shrink();
        for _ in 0..10 {
            let one = exchanges.take();
            exchanges.put(one);
            exchanges.shrink();
        }
        assert!(exchanges.free.len() <= 2, "{}", exchanges.free.len());
        assert_ne!(exchanges.free.len(), 0);
    }
}
