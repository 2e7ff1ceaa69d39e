//! Who keeps how much of a VM.
//!
//! Luau marks each object with a category; each script has one, so that a walk over the heap tells exactly what its
//! rules keep. The walk costs, so it is made only when a cheap estimate says that it could matter: what a script's
//! calls made the heap grow by, since the last walk. There are 255 categories, one for the VM itself: more scripts
//! need a second VM ([`Vm::room`](super::Vm::room)).

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use mlua::Lua;

/// Scripts a VM has categories for.
pub(crate) const SCRIPTS: usize = 254;

/// The categories of a VM.
#[derive(Debug)]
pub(crate) struct Ledger {
    free: Rc<RefCell<Vec<usize>>>,
    /// Whose category is set.
    current: Cell<Option<usize>>,
}

/// One script's account.
#[derive(Debug)]
pub(crate) struct Account {
    slot: usize,
    category: String,
    free: Rc<RefCell<Vec<usize>>>,
    pub(crate) file: Arc<str>,
    /// What it keeps at most, as far as is known without a walk.
    estimate: Cell<isize>,
    /// The estimate at which a walk is worth its cost.
    walk_at: Cell<isize>,
    /// Set when it kept too much.
    pub(crate) overdrawn: Cell<Option<usize>>,
}

impl Drop for Account {
    fn drop(&mut self) {
        self.free.borrow_mut().push(self.slot);
    }
}

impl Ledger {
    pub(crate) fn new() -> Ledger {
        Ledger { free: Rc::new(RefCell::new((0..SCRIPTS).rev().collect())), current: Cell::new(None) }
    }

    /// Categories that are free.
    pub(crate) fn room(&self) -> usize {
        self.free.borrow().len()
    }

    /// Opens an account, if there is a category left.
    pub(crate) fn open(&self, file: &Arc<str>, limit: usize) -> Option<Rc<Account>> {
        let slot = self.free.borrow_mut().pop()?;
        Some(Rc::new(Account {
            slot,
            category: format!("s{slot}"),
            free: Rc::clone(&self.free),
            file: file.clone(),
            estimate: Cell::new(0),
            walk_at: Cell::new(limit.cast_signed()),
            overdrawn: Cell::new(None),
        }))
    }

    /// What is allocated from now on is the account's.
    #[inline]
    pub(crate) fn charge(&self, lua: &Lua, account: &Account) {
        if self.current.get() != Some(account.slot) {
            // Only a bad name or too many names are errors, and these names are ours.
            let _ = lua.set_memory_category(&account.category);
            self.current.set(Some(account.slot));
        }
    }
}

impl Account {
    /// True if a walk is due before the next call: not within the one that made it so, whose time may be over.
    #[inline]
    pub(crate) fn is_doubted(&self) -> bool {
        self.estimate.get() > self.walk_at.get() || self.overdrawn.get().is_some()
    }

    /// Notes what a call made the heap grow by.
    #[inline]
    pub(crate) fn note(&self, lua: &Lua, before: usize) {
        let grown = lua.used_memory().cast_signed() - before.cast_signed();
        let estimate = (self.estimate.get() + grown).max(0);
        self.estimate.set(estimate);
    }

    /// Bytes it keeps, exactly, if the heap can be walked.
    #[cold]
    pub(crate) fn walk(&self, lua: &Lua, limit: usize) {
        let _ = lua.gc_collect();
        let Some(kept) = lua.heap_dump().ok().map(|heap| {
            heap.size_by_category().get(self.category.as_str()).map_or(0, |bytes| *bytes as usize)
        }) else {
            return;
        };
        self.estimate.set(kept.cast_signed());
        // The next walk is due when as much was allocated again as this one had to look at.
        let next = limit.max(2 * lua.used_memory()).saturating_add(kept);
        self.walk_at.set(next.min(isize::MAX as usize).cast_signed());
        self.overdrawn.set((kept > limit).then_some(kept));
    }
}

/// Bytes each account keeps.
pub(crate) fn kept(lua: &Lua, accounts: &[Rc<Account>]) -> Vec<(Arc<str>, u64)> {
    let _ = lua.gc_collect();
    let Ok(heap) = lua.heap_dump() else { return Vec::new() };
    let sizes = heap.size_by_category();
    let of = |account: &Rc<Account>| {
        (account.file.clone(), sizes.get(account.category.as_str()).copied().unwrap_or_default())
    };
    accounts.iter().map(of).collect()
}
