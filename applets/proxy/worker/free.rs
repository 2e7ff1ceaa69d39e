//! What nobody uses now and is kept for the next: what the last second needed at most; a burst's goes back.

use std::cell::{Cell, RefCell};

/// Things of one kind, of one worker.
#[derive(Debug)]
pub(crate) struct Free<T> {
    things: RefCell<Vec<T>>,
    /// Fewest that were free since the last look: those nobody needed.
    unused: Cell<usize>,
}

impl<T> Default for Free<T> {
    fn default() -> Free<T> {
        Free { things: RefCell::default(), unused: Cell::default() }
    }
}

impl<T> Free<T> {
    pub(crate) fn take(&self) -> Option<T> {
        let mut things = self.things.borrow_mut();
        let taken = things.pop();
        self.unused.set(self.unused.get().min(things.len()));
        taken
    }

    pub(crate) fn put(&self, thing: T) {
        self.things.borrow_mut().push(thing);
    }

    pub(crate) fn clear(&self) {
        self.things.borrow_mut().clear();
    }

    /// Lets go of those that were not needed since the last call, down to `least`. Gives how many.
    pub(crate) fn shrink(&self, least: usize) -> usize {
        let mut things = self.things.borrow_mut();
        let needless = self.unused.get().min(things.len().saturating_sub(least));
        let keep = things.len() - needless;
        things.truncate(keep);
        things.shrink_to(keep.max(16));
        self.unused.set(keep);
        needless
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.things.borrow().len()
    }
}
