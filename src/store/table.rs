//! Keys and values in memory, durable through a journal: what most daemons keep.
//!
//! A [`Batch`] is one record, so all of it is there after a power cut or none. What is kept is limited to two
//! fifths of the cap: that leaves three fifths between two rewrites, so that a rewrite costs at most two thirds of
//! what was accepted since the last.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use crate::{Error, Fs, Journal, Options, State, Ticket, error::Result, journal::OnEvent};

/// Bytes an entry takes beside its key and value.
const ENTRY: usize = 32;
const PUT: u8 = 1;
const DELETE: u8 = 2;

/// A durable map from bytes to bytes, in the order of its keys. Shared between threads by reference.
#[derive(Debug)]
pub struct Table {
    journal: Journal<Map>,
}

/// Changes that are made together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    record: Vec<u8>,
    /// Bytes it may add to what is kept.
    adds: usize,
}

impl Batch {
    /// No changes yet.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Sets a key.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> &mut Batch {
        self.record.push(PUT);
        self.field(key);
        self.field(value);
        self.adds += key.len() + value.len() + ENTRY;
        self
    }

    /// Removes a key, if it is there.
    pub fn delete(&mut self, key: &[u8]) -> &mut Batch {
        self.record.push(DELETE);
        self.field(key);
        self
    }

    /// True if there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.record.is_empty()
    }

    fn field(&mut self, bytes: &[u8]) {
        // Longer than this no record is taken anyway, so that a cut-off length never reaches the disk.
        self.record.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.record.extend_from_slice(bytes);
    }
}

impl Table {
    /// Opens the table at `path`, or makes it.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open(fs: Arc<dyn Fs>, path: &Path, options: Options) -> Result<Table> {
        Ok(Table { journal: Journal::open(fs, path, options, Map::default())? })
    }

    /// Reads the table at `path` and takes no lock.
    ///
    /// # Errors
    /// As [`Journal::open_to_read`].
    pub fn open_to_read(fs: Arc<dyn Fs>, path: &Path, on_event: OnEvent) -> Result<Table> {
        Ok(Table { journal: Journal::open_to_read(fs, path, on_event, Map::default())? })
    }

    /// Sets a key; durable when this returns.
    ///
    /// # Errors
    /// [`Error::Full`] when two fifths of the cap are in use, and as [`Journal::append`].
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(key, value);
        self.apply(&batch)
    }

    /// Removes a key; durable when this returns.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn delete(&self, key: &[u8]) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(key);
        self.apply(&batch)
    }

    /// Makes all changes of a batch; durable when this returns.
    ///
    /// # Errors
    /// As [`Table::put`]; none of them was made then.
    pub fn apply(&self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.wait(self.submit(batch)?)
    }

    /// Hands over a batch without waiting, so that several share a flush.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooLarge`].
    pub fn submit(&self, batch: &Batch) -> Result<Ticket> {
        let limit = self.limit();
        let used = self.used() + batch.adds as u64;
        if batch.adds > 0 && used > limit {
            return Err(Error::Full { path: self.journal.path().to_path_buf(), used, limit });
        }
        self.journal.submit(&batch.record)
    }

    /// Waits for a batch that was handed over.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn wait(&self, ticket: Ticket) -> Result<()> {
        self.journal.wait(ticket)
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.read(|map| map.get(key).cloned())
    }

    /// Looks at all of it at one moment, in the order of the keys. Writers wait meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&BTreeMap<Vec<u8>, Vec<u8>>) -> R) -> R {
        self.journal.read(|map| look(&map.entries))
    }

    /// Bytes in use, of [`Table::limit`].
    pub fn used(&self) -> u64 {
        self.journal.read(|map| map.used as u64)
    }

    /// Bytes that may be in use: two fifths of the cap.
    pub fn limit(&self) -> u64 {
        self.journal.cap() / 5 * 2
    }
}

/// The state of a table.
#[derive(Default)]
struct Map {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    used: usize,
}

impl State for Map {
    fn apply(&mut self, record: &[u8]) -> bool {
        // Looked through before anything changes, so that a record counts as a whole.
        if !Changes(record).all(|change| change.is_some()) {
            return false;
        }
        for change in Changes(record).flatten() {
            let (key, added) = match change {
                (key, Some(value)) => {
                    self.used += key.len() + value.len() + ENTRY;
                    (key, self.entries.insert(key.to_vec(), value.to_vec()))
                }
                (key, None) => (key, self.entries.remove(key)),
            };
            if let Some(old) = added {
                self.used -= key.len() + old.len() + ENTRY;
            }
        }
        true
    }

    fn snapshot(&self, emit: &mut dyn FnMut(&[u8])) {
        let mut batch = Batch::new();
        for (key, value) in &self.entries {
            batch.record.clear();
            batch.put(key, value);
            emit(&batch.record);
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        write!(f, "Map({} entries)", self.entries.len())
    }
}

/// The changes in a record: a key, and the value it is set to. `None` for what is not one, and then no more.
struct Changes<'a>(&'a [u8]);

impl<'a> Iterator for Changes<'a> {
    type Item = Option<(&'a [u8], Option<&'a [u8]>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        let change = match *tag {
            PUT => {
                field(rest).and_then(|(key, rest)| field(rest).map(|(value, rest)| (key, Some(value), rest)))
            }
            DELETE => field(rest).map(|(key, rest)| (key, None, rest)),
            _ => None,
        };
        self.0 = change.map_or(&[], |(_, _, rest)| rest);
        Some(change.map(|(key, value, _)| (key, value)))
    }
}

/// A length and its bytes, and what follows.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

#[cfg(test)]
mod tests;
