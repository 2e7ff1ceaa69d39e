//! Places for work in progress: a connection keeps one while it is busy and gives it back.
//!
//! What an exchange remembers between two wake-ups is several times what an idle connection needs.
//! As part of the connection's own task it would be there for ever; in a box made for each request it
//! would cost an allocation. So the boxes are the worker's, and used again.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::free::Free;

/// Where whoever sits there is handed a job, and gives it back done.
pub(crate) struct Desk<J, O> {
    job: Cell<Option<J>>,
    done: Cell<Option<O>>,
}

impl<J, O> Desk<J, O> {
    /// The next job, once there is one.
    pub(crate) async fn job(&self) -> J {
        poll_fn(|_| self.job.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// What the job came to.
    pub(crate) fn done(&self, outcome: O) {
        self.done.set(Some(outcome));
    }
}

/// A future that does one job after the other, and never moves: it is larger than what it works on.
struct Seat<J, O, F> {
    desk: Rc<Desk<J, O>>,
    work: Pin<Box<F>>,
}

/// Futures of one type that wait for a job.
pub(crate) struct Seats<J, O, F> {
    sit: fn(Rc<Desk<J, O>>) -> F,
    free: Free<Seat<J, O, F>>,
}

impl<J, O, F: Future<Output = Infallible>> Seats<J, O, F> {
    /// Has a job done on a seat of the worker's. Not an async function: that would keep room for the
    /// job in the caller's own.
    pub(crate) fn begin(&self, job: J) -> Running<'_, J, O, F> {
        let seat = self.free.take().unwrap_or_else(|| {
            let desk = Rc::new(Desk { job: Cell::default(), done: Cell::default() });
            Seat { work: Box::pin((self.sit)(desk.clone())), desk }
        });
        seat.desk.job.set(Some(job));
        Running { seats: self, seat: Some(seat) }
    }
}

/// A job on its seat, which is given back at the end.
pub(crate) struct Running<'a, J, O, F> {
    seats: &'a Seats<J, O, F>,
    seat: Option<Seat<J, O, F>>,
}

impl<J, O, F: Future<Output = Infallible>> Future for Running<'_, J, O, F> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O> {
        let Some(seat) = &mut self.seat else { return Poll::Pending };
        let Poll::Pending = seat.work.as_mut().poll(context);
        let Some(outcome) = seat.desk.done.take() else { return Poll::Pending };
        if let Some(seat) = self.seat.take() {
            self.seats.free.put(seat);
        }
        Poll::Ready(outcome)
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

impl<J, O, F> Shrink for Seats<J, O, F> {
    fn shrink(&self) -> usize {
        self.free.shrink(0)
    }
}

impl AnySeats {
    /// Those of work that `sit` makes. None if another kind of work has them.
    pub(crate) fn of<J: 'static, O: 'static, F: 'static>(
        &self,
        sit: fn(Rc<Desk<J, O>>) -> F,
    ) -> Option<Rc<Seats<J, O, F>>> {
        let (seats, _) = self.seats.get_or_init(|| {
            let seats = Rc::new(Seats { sit, free: Free::default() });
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
        async fn work(desk: Rc<Desk<u32, u32>>) -> Infallible {
            loop {
                let number = desk.job().await;
                // Wakes itself once.
                tokio::task::yield_now().await;
                desk.done(number + 1);
            }
        }
        async fn other(desk: Rc<Desk<u8, u8>>) -> Infallible {
            loop {
                let number = desk.job().await;
                desk.done(number);
            }
        }
        let any = AnySeats::default();
        let seats = any.of(work).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        for number in 0..3 {
            let mut run = Box::pin(seats.begin(number));
            assert_eq!(run.as_mut().poll(&mut context), Poll::Pending);
            assert_eq!(seats.free.len(), 0);
            assert_eq!(run.as_mut().poll(&mut context), Poll::Ready(number + 1));
        }
        assert_eq!(seats.free.len(), 1);
        // A job that is given up takes its seat with it.
        let mut run = Box::pin(seats.begin(7));
        assert_eq!(run.as_mut().poll(&mut context), Poll::Pending);
        drop(run);
        assert_eq!(seats.free.len(), 0);
        assert_eq!(Box::pin(any.of(work).unwrap().begin(8)).as_mut().poll(&mut context), Poll::Pending);
        assert!(any.of(other).is_none());
        let mut runs: Vec<_> = (0..4).map(|number| Box::pin(seats.begin(number))).collect();
        for run in &mut runs {
            assert_eq!(run.as_mut().poll(&mut context), Poll::Pending);
            assert!(run.as_mut().poll(&mut context).is_ready());
        }
        assert_eq!(seats.free.len(), 4);
        for _ in 0..4 {
            any.shrink();
        }
        assert_eq!(seats.free.len(), 0);
    }
}
