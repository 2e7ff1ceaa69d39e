//! Load shedding: so much work at a time, large requests counted as several, the others wait in order.
//!
//! A server that works on all requests at once finishes none in time, and each one holds memory
//! meanwhile. Here the excess waits outside, in the order it came and for so long at most, without
//! any buffer of its own; what the queue has no room for is refused at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::units::Size;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

edgekit_core::config! {
    /// How much work a cluster gets at a time; the others wait
    pub struct Shed {
        /// Permits; none is no limit
        live permits: Option<u32>, in 1..=1000000, like 24;
        /// A request takes one permit, and one more for each so many bytes of its body
        live permit_bytes: Size = "64KiB", in "1KiB"..="1GiB";
        /// Requests that may wait
        live queue: u32 = 16384, in 0..=1000000;
        /// How long they may wait
        live wait: Duration = "30s", in "1ms"..="10m";
    }
}

/// Permits of one cluster.
#[derive(Debug, Default)]
pub struct Shedder {
    permits: Mutex<Option<(u32, Arc<Semaphore>)>>,
    waiting: AtomicU32,
}

/// Permits that a request holds.
pub type ShedPermit = OwnedSemaphorePermit;

/// A place in the queue.
struct Waits<'a>(&'a AtomicU32);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shedder {
    /// How many permits a request with a body of this length takes.
    pub fn weight(settings: &Shed, length: Option<u64>) -> u32 {
        let most = settings.permits.unwrap_or(1);
        let more = length.unwrap_or(0) / settings.permit_bytes.0.max(1);
        u32::try_from(more).unwrap_or(most).saturating_add(1).min(most)
    }

    /// Permits without waiting; none if others are before.
    pub fn now(&self, settings: &Shed, weight: u32) -> Option<ShedPermit> {
        let semaphore = self.semaphore(settings)?;
        // Whoever waits was here before.
        if self.waiting.load(Ordering::Acquire) > 0 {
            return None;
        }
        semaphore.try_acquire_many_owned(weight).ok()
    }

    /// Permits once it is this request's turn; none if the queue is full or the wait too long, by the
    /// settings or by `patience`.
    pub async fn wait(&self, settings: &Shed, weight: u32, patience: Duration) -> Option<ShedPermit> {
        let semaphore = self.semaphore(settings)?;
        let room = |waiting: u32| (waiting < settings.queue).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, room).ok()?;
        let place = Waits(&self.waiting);
        let got =
            tokio::time::timeout(settings.wait.min(patience), semaphore.acquire_many_owned(weight)).await;
        drop(place);
        got.ok()?.ok()
    }

    /// Requests that wait.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Those of the configured size; after a reload new ones, beside which the old run out.
    fn semaphore(&self, settings: &Shed) -> Option<Arc<Semaphore>> {
        let wanted = settings.permits?;
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        match &*permits {
            Some((size, semaphore)) if *size == wanted => Some(semaphore.clone()),
            _ => {
                let semaphore = Arc::new(Semaphore::new(wanted as usize));
                *permits = Some((wanted, semaphore.clone()));
                Some(semaphore)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(queue: u32) -> Shed {
        Shed { permits: Some(4), permit_bytes: Size(1000), queue, wait: Duration::from_millis(50) }
    }

    #[test]
    fn large_requests_weigh_more() {
        let settings = settings(1);
        for (length, wanted) in
            [(None, 1), (Some(0), 1), (Some(999), 1), (Some(1000), 2), (Some(u64::MAX), 4)]
        {
            assert_eq!(Shedder::weight(&settings, length), wanted, "{length:?}");
        }
    }

    #[test]
    fn the_queue_is_bounded_and_so_is_the_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (shedder, settings) = (Shedder::default(), settings(1));
            let wait = |weight| shedder.wait(&settings, weight, Duration::MAX);
            let held = shedder.now(&settings, 3).unwrap();
            assert!(shedder.now(&settings, 2).is_none());
            let (first, second) = tokio::join!(wait(2), wait(2));
            assert!(first.is_none() && second.is_none());
            drop(held);
            let got = wait(4).await;
            assert!(got.is_some() && shedder.waiting() == 0);
        });
    }
}
