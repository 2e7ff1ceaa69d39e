//! What rules keep over a restart: one entry a rule in a `store::Table`, written beside the worker.
//!
//! The worker hands over a rule's state and goes on; a thread of its own writes what has gathered as one group and
//! flushes once, so that a slow disk delays the acknowledgement and never an event. Of a rule that changed again
//! meanwhile only the newest state is written. What was acknowledged survives a kill and a power cut.
//! Neighbours: [`crate::engine`] hands over and restores; `store` keeps.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use edgekit_store::{Batch, Table};

use crate::Value;

/// Bytes the state of one rule may have, encoded.
pub const MAX_STATE: usize = 64 << 10;
/// Bytes of one record of the journal; more go into several.
const GROUP: usize = 256 << 10;
/// Keys of this prefix are states of rules; others are for what comes later.
const PREFIX: &[u8] = b"rule/";

/// Why a state was not kept or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is larger than a rule may keep.
    #[error(
        "the state of rule '{rule}' has {size} bytes, and {MAX_STATE} are kept; drop old entries from it"
    )]
    TooLarge {
        /// The rule.
        rule: Arc<str>,
        /// Its size, encoded.
        size: usize,
    },
    /// What was kept is no state.
    #[error(
        "what was kept for rule '{rule}' cannot be read: {why}; it is left as it is until the rule's state changes"
    )]
    Unreadable {
        /// The rule.
        rule: Arc<str>,
        /// What is wrong with it.
        why: String,
    },
    /// The thread that writes could not be started.
    #[error("cannot start a thread: {}", edgekit_core::text::io_reason(.0))]
    Thread(#[from] io::Error),
}

/// Keeps states durable. Shared by nobody: the engine owns it.
pub struct Keeper {
    table: Arc<Table>,
    desk: Arc<Desk>,
    writer: Option<JoinHandle<()>>,
}

/// What lies between the worker and the writer.
#[derive(Default)]
struct Desk {
    work: Mutex<Work>,
    changed: Condvar,
}

/// Encoded states by key; none for one that is to be removed.
type States = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

#[derive(Default)]
struct Work {
    /// The newest state of each rule that waits for the writer.
    pending: States,
    /// What the writer has taken and not yet written.
    writing: Arc<States>,
    /// Calls of `save` so far, and how many of these are on disk.
    saved: u64,
    acknowledged: u64,
    /// Calls of `save` that the last write covered, whether it went well or not.
    tried: u64,
    /// Why the last write failed, if it did.
    failed: Option<String>,
    stop: bool,
}

impl Keeper {
    /// Keeps states in a table.
    ///
    /// # Errors
    /// [`StateError::Thread`].
    pub fn new(table: Table) -> Result<Keeper, StateError> {
        let (table, desk) = (Arc::new(table), Arc::new(Desk::default()));
        let writer = std::thread::Builder::new().name("rules-state".to_owned());
        let theirs = (table.clone(), desk.clone());
        let writer = writer.spawn(move || theirs.1.write(&theirs.0))?;
        Ok(Keeper { table, desk, writer: Some(writer) })
    }

    /// The state a rule had, newest first: what waits for the disk counts.
    ///
    /// # Errors
    /// [`StateError::Unreadable`].
    pub fn load(&self, rule: &Arc<str>) -> Result<Option<Value>, StateError> {
        let key = key(rule);
        let work = self.desk.lock();
        let newer = work.pending.get(&key).or_else(|| work.writing.get(&key)).cloned();
        drop(work);
        let Some(bytes) = newer.unwrap_or_else(|| self.table.get(&key)) else { return Ok(None) };
        let unreadable = |why: String| StateError::Unreadable { rule: rule.clone(), why };
        let json = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        Value::from_json(&json).map(Some).map_err(|error| unreadable(error.to_string()))
    }

    /// Hands over a rule's state, encoded as [`encode`] does. Returns a number that [`Keeper::acknowledged`] reaches
    /// when it is on disk.
    pub fn save(&self, rule: &str, encoded: Vec<u8>) -> u64 {
        self.put(rule, Some(encoded))
    }

    /// Removes what is kept for a rule.
    pub fn forget(&self, rule: &str) -> u64 {
        self.put(rule, None)
    }

    fn put(&self, rule: &str, value: Option<Vec<u8>>) -> u64 {
        let mut work = self.desk.lock();
        work.saved += 1;
        work.pending.insert(key(rule), value);
        self.desk.changed.notify_all();
        work.saved
    }

    /// How many of the states handed over are on disk.
    pub fn acknowledged(&self) -> u64 {
        self.desk.lock().acknowledged
    }

    /// Why the last write failed, until one succeeds.
    pub fn failure(&self) -> Option<String> {
        self.desk.lock().failed.clone()
    }

    /// Waits until all that was handed over is on disk; false if that failed or took longer.
    pub fn settle(&self, patience: Duration) -> bool {
        let work = self.desk.lock();
        let wanted = work.saved;
        let waiting = |work: &mut Work| work.tried < wanted;
        let waited = self.desk.changed.wait_timeout_while(work, patience, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0.acknowledged >= wanted
    }

    /// Rules something is kept for, sorted.
    pub fn rules(&self) -> Vec<Arc<str>> {
        self.table.read(|entries| {
            let keys = entries.keys().filter_map(|key| key.strip_prefix(PREFIX));
            keys.map(|rule| String::from_utf8_lossy(rule).into()).collect()
        })
    }
}

impl Drop for Keeper {
    /// What was handed over is written first.
    fn drop(&mut self) {
        self.desk.lock().stop = true;
        self.desk.changed.notify_all();
        if let Some(writer) = self.writer.take() {
            // It only fails if the writer panicked, which has been told on standard error.
            let _panicked = writer.join();
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's thread.
    fn write(&self, table: &Table) {
        loop {
            let work = self.lock();
            // What failed is tried again with the next state, not over and over.
            let idle = |work: &mut Work| !work.stop && (work.pending.is_empty() || work.saved == work.tried);
            let mut work = self.changed.wait_while(work, idle).unwrap_or_else(PoisonError::into_inner);
            let last = work.stop;
            let covered = work.saved;
            let taken = Arc::new(std::mem::take(&mut work.pending));
            work.writing = taken.clone();
            drop(work);
            let outcome = commit(table, &taken);
            let mut work = self.lock();
            work.tried = covered;
            match outcome {
                Ok(()) => {
                    work.acknowledged = covered;
                    work.failed = None;
                }
                Err(error) => {
                    work.failed = Some(error.to_string());
                    for (key, value) in taken.iter() {
                        work.pending.entry(key.clone()).or_insert_with(|| value.clone());
                    }
                }
            }
            work.writing = Arc::default();
            self.changed.notify_all();
            if last {
                return;
            }
        }
    }
}

/// Writes states, as many at once as a record takes; what is removed makes room first.
fn commit(table: &Table, states: &States) -> Result<(), edgekit_store::Error> {
    let mut batch = Batch::new();
    for (key, _) in states.iter().filter(|(_, value)| value.is_none()) {
        batch.delete(key);
    }
    table.apply(&std::mem::take(&mut batch))?;
    let limit = GROUP.min(usize::try_from(table.limit() / 8).unwrap_or(GROUP));
    let mut size = 0;
    for (key, value) in states {
        let Some(value) = value else { continue };
        let more = key.len() + value.len();
        if size > 0 && size + more > limit {
            table.apply(&std::mem::take(&mut batch))?;
            size = 0;
        }
        size += more;
        batch.put(key, value);
    }
    table.apply(&batch)
}

/// A state as bytes, if a rule may keep so much.
///
/// # Errors
/// [`StateError::TooLarge`].
pub fn encode(rule: &Arc<str>, state: &Value) -> Result<Vec<u8>, StateError> {
    let bytes = state.to_json().to_string().into_bytes();
    match bytes.len() {
        size if size > MAX_STATE => Err(StateError::TooLarge { rule: rule.clone(), size }),
        _ => Ok(bytes),
    }
}

fn key(rule: &str) -> Vec<u8> {
    [PREFIX, rule.as_bytes()].concat()
}

#[cfg(test)]
pub(crate) mod tests;
