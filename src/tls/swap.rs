//! A value that is replaced while it is in use: readers keep what they took, the next one gets the new.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Holds one shared value and hands out references to the current one.
///
/// A lock is held only to copy or replace a pointer, a few nanoseconds beside a handshake's
/// hundred microseconds; nothing can panic under it.
pub struct Swap<T: ?Sized> {
    current: RwLock<Arc<T>>,
}

impl<T: ?Sized> Swap<T> {
    /// Holds `value` from now on.
    pub fn new(value: Arc<T>) -> Swap<T> {
        Swap { current: RwLock::new(value) }
    }

    /// The current value.
    pub fn load(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value; whoever took the old one keeps it.
    pub fn store(&self, value: Arc<T>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Swap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Swap").field(&self.load()).finish()
    }
}
