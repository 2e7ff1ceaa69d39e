//! Places for work in progress: a connection keeps one while it is busy and gives it back.
//!
//! What an exchange remembers between two wake-ups is several times what an idle connection needs.
//! As part of the connection's own task it would be there for ever; in a box made for each request it
//! would cost an allocation. So the boxes are the worker's, and used again.

use std::any::Any;
use std::cell::OnceCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::free::Free;

/// A box for a future, empty or in use.
pub(crate) type Seat<F> = Pin<Box<Option<F>>>;

/// Empty boxes for futures of one type.
pub(crate) struct Seats<F> {
    free: Free<Seat<F>>,
}

impl<F: Future> Seats<F> {
    /// Begins `work` in a box of the worker's. Not an async function: that would keep room for the work
    /// in the caller's own.
    pub(crate) fn begin(&self, work: F) -> Running<'_, F> {
        let mut seat = self.free.take().unwrap_or_else(|| Box::pin(None));
        seat.set(Some(work));
        Running { seats: self, seat: Some(seat) }
    }
}

/// Work on its seat, which is given back at the end.
pub(crate) struct Running<'a, F> {
    seats: &'a Seats<F>,
    seat: Option<Seat<F>>,
}

impl<F: Future> Future for Running<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let work = self.seat.as_mut().and_then(|seat| seat.as_mut().as_pin_mut());
        let Some(work) = work else { return Poll::Pending };
        let output = ready!(work.poll(context));
        if let Some(mut seat) = self.seat.take() {
            seat.set(None);
            self.seats.free.put(seat);
        }
        Poll::Ready(output)
    }
}

/// The seats of a worker, whatever sits on them: the type of a future has no name.
#[derive(Default)]
pub(crate) struct AnySeats {
    seats: OnceCell<(Rc<dyn Any>, Rc<dyn Shrink>)>,
}

pub(crate) trait Shrink {
    /// Lets go of those that were not needed since the last call. Gives how many.
    fn shrink(&self) -> usize;
}

impl<F> Shrink for Seats<F> {
    fn shrink(&self) -> usize {
        self.free.shrink(0)
    }
}

impl AnySeats {
    /// Those for what `make` makes, which is not called. None if another kind of work has them.
    pub(crate) fn of<A, F: Future + 'static>(&self, _make: &impl Fn(A) -> F) -> Option<Rc<Seats<F>>> {
        let (seats, _) = self.seats.get_or_init(|| {
            let seats = Rc::new(Seats::<F> { free: Free::default() });
            (seats.clone(), seats)
        });
        seats.clone().downcast().ok()
    }

    /// Lets go of what was not needed.
    pub(crate) fn shrink(&self) -> usize {
        self.seats.get().map_or(0, |(_, seats)| seats.shrink())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_seat_is_used_again_and_let_go() {
        async fn work(number: u32) -> u32 {
            std::future::ready(number).await + 1
        }
        let any = AnySeats::default();
        let seats = any.of(&work).unwrap();
        for number in 0..3 {
            let mut run = Box::pin(seats.begin(work(number)));
            let polled = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled, Poll::Ready(number + 1));
        }
        assert_eq!(seats.free.len(), 1);
        assert!(Rc::ptr_eq(&seats, &any.of(&work).unwrap()));
        assert!(any.of(&|text: String| async move { text }).is_none());
        any.shrink();
        any.shrink();
        assert_eq!(seats.free.len(), 0);
    }
}
