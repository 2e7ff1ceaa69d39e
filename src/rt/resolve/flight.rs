//! One question at a time for a name, however many want to know, and a bounded number of questions in all.
//!
//! A thousand connections to one upstream begin with one lookup. Whoever comes first asks, the others wait for its
//! answer; if the first gives up, the next of them asks. Neighbour: `cache.rs`, which answers those who come later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OnceCell, Semaphore};

use super::ask::Outcome;
use super::{Known, lock};

/// Names asked for at the same time; each takes a few sockets. Further ones wait for their turn.
const MAX_ASKED: usize = 64;

type Told = Result<Known, Outcome>;

/// The questions under way.
#[derive(Debug)]
pub(super) struct Flights {
    names: Mutex<HashMap<String, Arc<OnceCell<Told>>>>,
    turns: Semaphore,
}

impl Default for Flights {
    fn default() -> Flights {
        Flights { names: Mutex::default(), turns: Semaphore::new(MAX_ASKED) }
    }
}

impl Flights {
    /// The answer of `ask`, or of the same question of another caller.
    pub(super) async fn join(&self, name: &str, ask: impl Future<Output = Told>) -> Told {
        let flight = Flight { flights: self, name, answer: self.enter(name) };
        let asked = flight.answer.get_or_init(|| async {
            // It is never closed, so that without a turn there is nobody to take one from.
            let _turn = self.turns.acquire().await;
            ask.await
        });
        asked.await.clone()
    }

    fn enter(&self, name: &str) -> Arc<OnceCell<Told>> {
        let mut names = lock(&self.names);
        match names.get(name) {
            // One that has its answer is about to go; its age is not known any more.
            Some(flight) if !flight.initialized() => Arc::clone(flight),
            _ => {
                let flight = Arc::default();
                names.insert(name.to_owned(), Arc::clone(&flight));
                flight
            }
        }
    }
}

/// One caller's part in a question; the last to leave takes it off the list.
struct Flight<'a> {
    flights: &'a Flights,
    name: &'a str,
    answer: Arc<OnceCell<Told>>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut names = lock(&self.flights.names);
        let is_ours = names.get(self.name).is_some_and(|listed| Arc::ptr_eq(listed, &self.answer));
        // The list's and this one.
        if is_ours && (self.answer.initialized() || Arc::strong_count(&self.answer) == 2) {
            names.remove(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::task::JoinSet;
    use tokio::time::{sleep, timeout};

    const SOON: Duration = Duration::from_millis(50);

    fn nothing() -> Told {
        Ok(Known::Nothing(Duration::ZERO, ([127, 0, 0, 1], 53).into()))
    }

    #[tokio::test]
    async fn all_wait_for_the_first_and_nothing_is_left() {
        let (flights, asked) = (Arc::new(Flights::default()), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let (flights, asked) = (flights.clone(), asked.clone());
            callers.spawn(async move {
                flights
                    .join("broker", async {
                        asked.fetch_add(1, Ordering::Relaxed);
                        sleep(SOON).await;
                        nothing()
                    })
                    .await
            });
        }
        while let Some(told) = callers.join_next().await {
            assert!(told.unwrap().is_ok());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(lock(&flights.names).is_empty());
        drop(flights.join("broker", async { nothing() }).await);
        assert!(lock(&flights.names).is_empty());
    }

    #[tokio::test]
    async fn the_next_asks_when_the_first_gives_up() {
        let flights = Flights::default();
        let first = timeout(SOON, flights.join("broker", std::future::pending()));
        let second = flights.join("broker", async { nothing() });
        let (first, second) = tokio::join!(first, second);
        assert!(first.is_err() && second.is_ok());
        assert!(lock(&flights.names).is_empty());
    }

    #[tokio::test]
    async fn questions_are_bounded_and_take_turns() {
        let (flights, now, most) =
            (Arc::new(Flights::default()), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for number in 0..2 * MAX_ASKED {
            let (flights, now, most) = (flights.clone(), now.clone(), most.clone());
            callers.spawn(async move {
                flights
                    .join(&number.to_string(), async {
                        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                        sleep(SOON).await;
                        now.fetch_sub(1, Ordering::Relaxed);
                        nothing()
                    })
                    .await
            });
        }
        while let Some(told) = callers.join_next().await {
            assert!(told.unwrap().is_ok());
        }
        assert_eq!(most.load(Ordering::Relaxed), MAX_ASKED);
    }
}
