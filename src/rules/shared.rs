//! `shared(key)`: the only state that is seen across workers.
//!
//! One map a process, behind a lock that is held for a copy and no longer; bounded by entries and bytes, and a
//! script that would go beyond gets an error, because losing another rule's count silently would be worse.
//! Neighbours: `vm/actions.rs` gives scripts `get`, `set` and `add`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Str, Value};

/// Bytes an entry takes beside its key and value.
const ENTRY: usize = 64;

/// State of all workers.
#[derive(Debug)]
pub struct Shared {
    inner: Mutex<Inner>,
    max_entries: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Str, Value>,
    bytes: usize,
}

/// Why shared state was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// There are as many entries as there may be.
    #[error("shared state is full: {0} entries; set some to nil")]
    Entries(usize),
    /// There are as many bytes as there may be.
    #[error("shared state is full: {0} bytes; set some to nil")]
    Bytes(usize),
    /// `add` on what is no whole number.
    #[error("shared('{0}') holds a {1}; add needs a whole number")]
    NotANumber(String, &'static str),
    /// The sum is beyond 64 bits.
    #[error("shared('{0}'):add goes beyond 64 bits")]
    Overflow(String),
}

impl Default for Shared {
    /// 4,096 entries and 1 MiB.
    fn default() -> Shared {
        Shared::new(4096, 1 << 20)
    }
}

impl Shared {
    /// Empty, with its limits.
    pub fn new(max_entries: usize, max_bytes: usize) -> Shared {
        Shared { inner: Mutex::default(), max_entries, max_bytes }
    }

    /// The value of a key; [`Value::Nil`] if it has none.
    pub fn get(&self, key: &[u8]) -> Value {
        self.lock().entries.get(key).cloned().unwrap_or_default()
    }

    /// Sets a key; [`Value::Nil`] removes it.
    ///
    /// # Errors
    /// A full map; nothing was changed then.
    pub fn set(&self, key: &[u8], value: Value) -> Result<(), SharedError> {
        self.put(&mut self.lock(), key, value)
    }

    /// Adds to a whole number, zero if there is none yet, in one step for all workers. Returns the sum.
    ///
    /// # Errors
    /// The key holds something else, the sum is beyond 64 bits, or the map is full.
    pub fn add(&self, key: &[u8], by: i128) -> Result<Value, SharedError> {
        let mut inner = self.lock();
        let name = || String::from_utf8_lossy(key).into_owned();
        let old = match inner.entries.get(key) {
            None => 0,
            Some(value) => value.as_integer().ok_or_else(|| SharedError::NotANumber(name(), value.kind()))?,
        };
        let sum = old.checked_add(by).ok_or_else(|| SharedError::Overflow(name()))?;
        let sum = match (i64::try_from(sum), u64::try_from(sum)) {
            (Ok(number), _) => Value::Int(number),
            (_, Ok(number)) => Value::UInt(number),
            _ => return Err(SharedError::Overflow(name())),
        };
        self.put(&mut inner, key, sum.clone())?;
        Ok(sum)
    }

    /// How many entries there are, and how many bytes they take.
    pub fn used(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.entries.len(), inner.bytes)
    }

    fn put(&self, inner: &mut Inner, key: &[u8], value: Value) -> Result<(), SharedError> {
        let before = inner.entries.get(key).map_or(0, |old| key.len() + size(old) + ENTRY);
        if matches!(value, Value::Nil) {
            inner.entries.remove(key);
            inner.bytes -= before;
            return Ok(());
        }
        let bytes = inner.bytes - before + key.len() + size(&value) + ENTRY;
        if before == 0 && inner.entries.len() >= self.max_entries {
            return Err(SharedError::Entries(self.max_entries));
        }
        if bytes > self.max_bytes {
            return Err(SharedError::Bytes(self.max_bytes));
        }
        inner.bytes = bytes;
        inner.entries.insert(key.into(), value);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes a value takes, roughly.
pub(crate) fn size(value: &Value) -> usize {
    const SLOT: usize = size_of::<Value>();
    SLOT + match value {
        Value::Str(text) => text.len(),
        Value::List(values) => values.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| key.len() + SLOT + size(value)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_got_and_nil_removes_it() {
        let shared = Shared::default();
        assert_eq!(shared.get(b"seen"), Value::Nil);
        shared.set(b"seen", Value::from("a")).unwrap();
        assert_eq!(shared.get(b"seen"), Value::from("a"));
        shared.set(b"seen", Value::Nil).unwrap();
        assert_eq!(shared.used(), (0, 0));
    }

    #[test]
    fn sums_are_exact_to_the_last_of_64_bits() {
        let shared = Shared::default();
        shared.set(b"n", Value::Int(i64::MAX)).unwrap();
        assert_eq!(shared.add(b"n", 1).unwrap(), Value::UInt(1 << 63));
        shared.set(b"n", Value::UInt(u64::MAX)).unwrap();
        assert_eq!(shared.add(b"n", 1), Err(SharedError::Overflow("n".into())));
        assert_eq!(shared.get(b"n"), Value::UInt(u64::MAX));
        shared.set(b"n", Value::from("text")).unwrap();
        assert_eq!(shared.add(b"n", 1), Err(SharedError::NotANumber("n".into(), "string")));
    }

    #[test]
    fn full_is_an_error_and_loses_nothing() {
        let shared = Shared::new(2, 400);
        shared.set(b"a", Value::Int(1)).unwrap();
        shared.set(b"b", Value::Int(2)).unwrap();
        assert_eq!(shared.set(b"c", Value::Int(3)), Err(SharedError::Entries(2)));
        assert_eq!(shared.set(b"a", Value::from("x".repeat(400))), Err(SharedError::Bytes(400)));
        assert_eq!(shared.get(b"a"), Value::Int(1));
        shared.set(b"b", Value::Int(9)).unwrap();
        assert_eq!(shared.used().0, 2);
    }

    #[test]
    fn workers_add_at_once_and_nothing_is_lost() {
        let shared = Shared::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| drop(shared.add(b"n", 1).unwrap())));
            }
        });
        assert_eq!(shared.get(b"n"), Value::Int(4000));
    }
}
