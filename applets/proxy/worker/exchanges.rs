//! The memory of an exchange: taken when a request comes, given back when the answer is out.
//!
//! An idle connection holds none of it. What is kept for the next exchange is what the last second
//! needed at most; a burst's memory goes back to the system.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::buffer::Buffer;
use crate::http1::{Field, Pump};
use crate::judge::Judge;

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
            seat: None,
            judge: None,
        }
    }

    /// Forgets the request before; what is in the buffers stays.
    pub fn begin(&mut self) {
        self.note.clear();
        self.up.clear();
        self.down.clear();
    }
}

/// Exchanges nobody uses now.
#[derive(Default)]
pub struct Exchanges {
    #[expect(clippy::vec_box, reason = "a connection takes the pointer, not the tables")]
    free: RefCell<Vec<Box<Exchange>>>,
    /// Fewest that were free since the last look: those nobody needed.
    unused: Cell<usize>,
    /// Those that are not free.
    in_use: Rc<Cell<usize>>,
    /// Nothing is kept.
    lean: Cell<bool>,
}

impl Exchanges {
    /// One to work with.
    pub fn take(&self) -> Box<Exchange> {
        let mut free = self.free.borrow_mut();
        let taken = free.pop();
        self.unused.set(self.unused.get().min(free.len()));
        self.in_use.set(self.in_use.get() + 1);
        let mut exchange = taken.unwrap_or_default();
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
            self.free.borrow_mut().clear();
        }
    }

    /// Gives one back.
    pub fn put(&self, mut exchange: Box<Exchange>) {
        exchange.judge = None;
        exchange.inbound.clear();
        exchange.answer.clear();
        exchange.seat = None;
        if !self.lean.get() {
            self.free.borrow_mut().push(exchange);
        }
    }

    /// Lets go of half of those that were not needed since the last call, and of the last but one.
    pub fn shrink(&self) {
        let mut free = self.free.borrow_mut();
        let needless = self.unused.get().min(free.len());
        let keep = free.len() - needless.div_ceil(2).min(free.len().saturating_sub(1));
        free.truncate(keep);
        free.shrink_to(keep.max(16));
        self.unused.set(free.len());
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
        assert!(exchanges.free.borrow().len() <= 2, "{}", exchanges.free.borrow().len());
        assert!(!exchanges.free.borrow().is_empty());
    }
}
