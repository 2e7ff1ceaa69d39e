//! Where the newest snapshot lies: the control runtime puts, workers look once a request.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Change, Snapshot};

/// The newest snapshot and its number.
#[derive(Debug)]
pub struct SnapshotCell {
    /// Read without the lock, to learn that there is nothing new.
    number: AtomicU64,
    newest: Mutex<Arc<Snapshot>>,
    news: Notify,
}

impl SnapshotCell {
    /// Begins with `snapshot`, number 1.
    pub fn new(snapshot: Snapshot) -> SnapshotCell {
        SnapshotCell {
            number: AtomicU64::new(1),
            newest: Mutex::new(Arc::new(snapshot)),
            news: Notify::new(),
        }
    }

    /// Replaces it.
    pub fn put(&self, snapshot: Snapshot) {
        self.replace(self.lock(), snapshot);
    }

    /// Changes one resource of it.
    pub fn apply(&self, change: Change) {
        let newest = self.lock();
        let snapshot = newest.apply(change);
        self.replace(newest, snapshot);
    }

    /// The newest.
    pub fn get(&self) -> Arc<Snapshot> {
        self.lock().clone()
    }

    /// Its number: the same as before means the same snapshot.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Waits until there is another one than number `seen`.
    pub async fn changed(&self, seen: u64) {
        loop {
            let mut news = pin!(self.news.notified());
            // From here on none is missed.
            news.as_mut().enable();
            if self.number() != seen {
                return;
            }
            news.await;
        }
    }

    fn replace(&self, mut newest: MutexGuard<'_, Arc<Snapshot>>, snapshot: Snapshot) {
        *newest = Arc::new(snapshot);
        self.number.fetch_add(1, Ordering::Release);
        drop(newest);
        self.news.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Snapshot>> {
        // A snapshot is replaced in one statement: a panic leaves the old one.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
