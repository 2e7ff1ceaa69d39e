//! The dynamic table of RFC 7541 §2.3.2: what was sent before, the newest first.
//!
//! The text of all entries lies in one piece of memory, in the order they came, so that an entry
//! costs no allocation of its own and leaves by moving a mark.

use std::collections::VecDeque;

/// What an entry counts beside its text (RFC 7541 §4.1).
const OVERHEAD: usize = 32;

#[derive(Clone, Copy)]
struct Entry {
    /// Where its text begins, counted since the table was made.
    at: usize,
    name: u32,
    value: u32,
}

/// The entries.
pub(super) struct Table {
    text: Vec<u8>,
    /// What [`Table::text`] begins with, and what of it is still used, counted like [`Entry::at`].
    base: usize,
    used: usize,
    entries: VecDeque<Entry>,
    size: usize,
    max: usize,
}

impl Table {
    /// An empty one of at most `max` bytes.
    pub(super) fn new(max: usize) -> Table {
        Table { text: Vec::new(), base: 0, used: 0, entries: VecDeque::new(), size: 0, max }
    }

    /// How large it may be.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Changes how large it may be.
    pub(super) fn resize(&mut self, max: usize) {
        self.max = max;
        self.evict(0);
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Name and value of an entry; the newest is 0.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let at = self.entries.len().checked_sub(index + 1)?;
        let Entry { at, name, value } = *self.entries.get(at)?;
        let text = self.text.get(at - self.base..)?;
        let (name, value) = (name as usize, value as usize);
        Some((text.get(..name)?, text.get(name..name + value)?))
    }

    /// Adds an entry; true if there was room for it. One that is too large empties the table, which
    /// is no fault (RFC 7541 §4.4).
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) -> bool {
        let size = name.len() + value.len() + OVERHEAD;
        self.evict(size);
        if size > self.max {
            return false;
        }
        let end = self.text.len();
        if end + size > 2 * self.max {
            self.text.drain(..self.used - self.base);
            self.base = self.used;
        }
        let at = self.base + self.text.len();
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        self.entries.push_back(Entry { at, name: name.len() as u32, value: value.len() as u32 });
        self.size += size;
        true
    }

    /// Lets the oldest go until there is room for `more`.
    fn evict(&mut self, more: usize) {
        while self.size + more > self.max {
            let Some(oldest) = self.entries.pop_front() else { break };
            let length = oldest.name as usize + oldest.value as usize;
            self.size -= length + OVERHEAD;
            self.used = oldest.at + length;
        }
        if self.entries.is_empty() {
            self.text.clear();
            self.base = self.used;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same as a plain list that is cut.
        #[test]
        fn it_is_a_list(steps in proptest::collection::vec((0_usize..40, 0_usize..60, 0_usize..40), 1..200)) {
            let (mut table, mut list) = (Table::new(200), Vec::<(Vec<u8>, Vec<u8>)>::new());
            let mut max = 200;
            for (number, (name, value, step)) in steps.into_iter().enumerate() {
                if step == 0 {
                    max = name * 10;
                    table.resize(max);
                } else {
                    let entry = (vec![number as u8; name], vec![!number as u8; value]);
                    table.insert(&entry.0, &entry.1);
                    list.insert(0, entry);
                }
                let (mut size, mut keep) = (0, 0);
                for (name, value) in &list {
                    size += name.len() + value.len() + OVERHEAD;
                    if size > max {
                        break;
                    }
                    keep += 1;
                }
                list.truncate(keep);
                prop_assert_eq!(table.len(), list.len());
                for (at, (name, value)) in list.iter().enumerate() {
                    prop_assert_eq!(table.get(at), Some((&name[..], &value[..])));
                }
                prop_assert!(table.text.len() <= 800 && table.get(list.len()).is_none());
            }
        }
    }
}
