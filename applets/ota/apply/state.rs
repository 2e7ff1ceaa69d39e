//! What the device remembers: one table, small and durable, of values in JSON.
//!
//! | key | holds |
//! |---|---|
//! | `format` | of these values, 1; another one is left untouched and refused |
//! | `deployment` | the last one: id, name, version, slot, stage, and how far each component is |
//! | `slot/a`, `slot/b` | what is in a slot that is whole; no key for one that is being written, or that came from elsewhere |
//! | `bad/a`, `bad/b` | why a slot is not started, if somebody said so of what no deployment wrote |
//! | `blocked/ID` | a deployment that is not taken again, why and since when |
//! | `rollbacks` | how many were sent back since one was committed |
//! | `floor` | the version below which nothing is taken |
//! | `keys` | the newest list of keys that a bundle brought and the device's own list leads to |
//! | `boot` | the slot in use where there is no boot loader (`boot::none`) |
//!
//! Neighbours: `settle` and `install` change it, `verbs::status` shows it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use edgekit_core::config::Named;
use edgekit_store::{Batch, Fs, Options, Table};
use serde_json::{Value, json};

use super::{Item, Way};
use crate::boot::Name;
use crate::fault::Fault;
use crate::hex::{self, Hex};
use crate::moment::Moment;
use crate::slot::Durable;
use crate::version::Version;

const FORMAT: &str = "1";
/// Bytes of one of its two files; two fifths of it may be in use, far more than 64 components take.
const CAP: u64 = 1 << 20;
/// Blocked deployments that are remembered; then the oldest is forgotten.
const BLOCKED: usize = 64;

/// How far a deployment is. Those that are steps on the way to another are finished by `settle`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Pages are written into the slot that does not run.
    Writing,
    /// All is read back and proven.
    Written,
    /// It was decided to start it.
    Switching,
    /// It is next, or runs, and waits for its commit.
    Trying,
    /// It was decided to keep it.
    Committing,
    /// It is the version of this device.
    Committed,
    /// It was decided to leave it.
    Returning,
    /// The other slot is in use again: by its boot loader, its health or a person.
    Returned,
    /// A person or a server said that it is bad before it was started.
    Failed,
}

/// Stages and their words.
const STAGES: [(Stage, &str); 9] = [
    (Stage::Writing, "writing"),
    (Stage::Written, "written"),
    (Stage::Switching, "switching"),
    (Stage::Trying, "trying"),
    (Stage::Committing, "committing"),
    (Stage::Committed, "committed"),
    (Stage::Returning, "returning"),
    (Stage::Returned, "returned"),
    (Stage::Failed, "failed"),
];

impl Stage {
    /// As it is written down.
    pub fn word(self) -> &'static str {
        STAGES.iter().find(|(stage, _)| *stage == self).map_or("", |(_, word)| word)
    }

    fn of(word: &str) -> Option<Stage> {
        STAGES.iter().find(|(_, known)| *known == word).map(|(stage, _)| *stage)
    }
}

/// One component of a deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// BLAKE3 of its image.
    pub digest: Hex,
    /// Bytes of its image.
    pub size: u64,
    /// How it comes.
    pub way: Way,
    /// How far it is written.
    pub durable: Durable,
    /// True once its slot was finished.
    pub is_done: bool,
}

/// What is, or was, installed last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deployment {
    /// Digest of the signed manifest.
    pub id: Hex,
    /// What is updated.
    pub name: String,
    /// To which version.
    pub version: Version,
    /// The floor it sets.
    pub floor: Option<Version>,
    /// Into which slot.
    pub slot: Name,
    /// How far it is.
    pub stage: Stage,
    /// Why it was left, or failed.
    pub why: Option<String>,
    /// Its components, by name.
    pub parts: Named<Part>,
}

/// What is in a slot that is whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// Digest of the signed manifest it came with.
    pub id: Hex,
    /// What it is.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The floor it sets.
    pub floor: Option<Version>,
    /// True once it was committed.
    pub is_committed: bool,
    /// Digest and size of each image.
    pub images: Named<(Hex, u64)>,
}

/// A deployment that is not taken again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocked {
    /// Its id.
    pub id: Hex,
    /// Its version.
    pub version: Version,
    /// Why.
    pub why: String,
    /// Since when.
    pub when: Moment,
}

/// The table.
#[derive(Clone, Debug)]
pub struct State {
    table: Arc<Table>,
    /// What the store said when it was opened.
    notes: Arc<Mutex<Vec<String>>>,
}

impl State {
    /// Opens the state, or makes it; `is_read` takes no lock and changes nothing.
    ///
    /// # Errors
    /// Those of the store; [`Fault::Store`] with exit code 75 while another edgekit has it.
    pub fn open(fs: Arc<dyn Fs>, path: &Path, is_read: bool) -> Result<State, Fault> {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let heard = notes.clone();
        let on_event: edgekit_store::journal::OnEvent = Box::new(move |event| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(event.to_string());
        });
        let table = match is_read {
            true => Table::open_to_read(fs, path, on_event)?,
            false => Table::open(fs, path, Options { cap: CAP, mode: 0o644, on_event })?,
        };
        let state = State { table: Arc::new(table), notes };
        match state.table.get(b"format") {
            None => {}
            Some(format) if format == FORMAT.as_bytes() => {}
            Some(format) => {
                return Err(Fault::Input {
                    place: path.display().to_string(),
                    what: format!(
                        "holds values of format {}, and this version reads {FORMAT}",
                        String::from_utf8_lossy(&format)
                    ),
                    hint: "it was left as it is; use the edgekit that wrote it, or a newer one",
                });
            }
        }
        Ok(state)
    }

    /// A state elsewhere with the same values, but for those of these keys.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn copy(&self, fs: Arc<dyn Fs>, path: &Path, without: &[&str]) -> Result<State, Fault> {
        let other = State::open(fs, path, false)?;
        let mut batch = Batch::new();
        self.table.read(|map| {
            for (key, value) in
                map.iter().filter(|(key, _)| !without.iter().any(|not| not.as_bytes() == *key))
            {
                batch.put(key, value);
            }
        });
        other.table.apply(&batch)?;
        Ok(other)
    }

    /// The table itself, for `boot::none`.
    pub fn table(&self) -> Arc<Table> {
        self.table.clone()
    }

    /// What the store said when it was opened; each is said once.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last deployment.
    ///
    /// # Errors
    /// [`Fault::Text`] for a value nobody here wrote; so for all that follow.
    pub fn deployment(&self) -> Result<Option<Deployment>, Fault> {
        self.value("deployment", deployment)
    }

    /// What is in a slot, if it is whole and known.
    pub fn set(&self, slot: Name) -> Result<Option<Set>, Fault> {
        self.value(&format!("slot/{slot}"), set)
    }

    /// Why a slot is bad, if somebody said so.
    pub fn bad(&self, slot: Name) -> Result<Option<String>, Fault> {
        self.value(&format!("bad/{slot}"), |value| value.as_str().map(str::to_owned))
    }

    /// Why a deployment is not taken, if it is not.
    pub fn blocked(&self, id: &Hex) -> Result<Option<Blocked>, Fault> {
        self.value(&format!("blocked/{id}"), |value| blocked(*id, value))
    }

    /// All that are not taken.
    pub fn all_blocked(&self) -> Result<Vec<Blocked>, Fault> {
        let keys: Vec<String> = self.table.read(|map| {
            let keys = map.keys().filter_map(|key| std::str::from_utf8(key).ok()?.strip_prefix("blocked/"));
            keys.map(str::to_owned).collect()
        });
        let ids = keys.iter().filter_map(|key| hex::decode(key).map(Hex));
        ids.filter_map(|id| self.blocked(&id).transpose()).collect()
    }

    /// How many were sent back since one was committed.
    pub fn rollbacks(&self) -> Result<u32, Fault> {
        let count = |value: &Value| value["count"].as_u64().and_then(|count| u32::try_from(count).ok());
        Ok(self.value("rollbacks", count)?.unwrap_or(0))
    }

    /// Below this nothing is taken.
    pub fn floor(&self) -> Result<Option<Version>, Fault> {
        self.value("floor", |value| value.as_str()?.parse().ok())
    }

    /// The text of the newest list of keys.
    pub fn keys(&self) -> Option<Vec<u8>> {
        self.table.get(b"keys")
    }

    fn value<T>(&self, key: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.table.get(key.as_bytes()) else { return Ok(None) };
        match serde_json::from_slice(&bytes).ok().as_ref().and_then(read) {
            Some(value) => Ok(Some(value)),
            None => Err(Fault::Text(format!("what the state holds as '{key}' makes no sense"))),
        }
    }

    /// Begins a change.
    pub fn change(&self) -> Change {
        let mut change = Change { batch: Batch::new(), state: self.clone() };
        if self.table.get(b"format").is_none() {
            change.batch.put(b"format", FORMAT.as_bytes());
        }
        change
    }
}

/// Changes that are made together or not at all.
#[derive(Debug)]
pub struct Change {
    batch: Batch,
    state: State,
}

impl Change {
    fn put(mut self, key: &str, value: &Value) -> Change {
        self.batch.put(key.as_bytes(), value.to_string().as_bytes());
        self
    }

    /// This is the deployment now.
    pub fn deployment(self, deployment: &Deployment) -> Change {
        let value = show_deployment(deployment);
        self.put("deployment", &value)
    }

    /// A slot is bad for this reason, or not any more, until something is written to it.
    pub fn bad(mut self, slot: Name, why: Option<&str>) -> Change {
        let key = format!("bad/{slot}");
        match why {
            Some(why) => self.put(&key, &json!(why)),
            None => {
                self.batch.delete(key.as_bytes());
                self
            }
        }
    }

    /// This is in a slot; `None` if nothing whole is. It is not bad yet.
    pub fn set(mut self, slot: Name, set: Option<&Set>) -> Change {
        self = self.bad(slot, None);
        let key = format!("slot/{slot}");
        match set {
            Some(set) => {
                let value = show_set(set);
                self.put(&key, &value)
            }
            None => {
                self.batch.delete(key.as_bytes());
                self
            }
        }
    }

    /// This is not taken again.
    ///
    /// # Errors
    /// Those of [`State::all_blocked`].
    pub fn block(mut self, blocked: &Blocked) -> Result<Change, Fault> {
        let mut known = self.state.all_blocked()?;
        known.retain(|known| known.id != blocked.id);
        edgekit_core::sort::by_key(&mut known, |known| known.when.0);
        for old in known.iter().take((known.len() + 1).saturating_sub(BLOCKED)) {
            self.batch.delete(format!("blocked/{}", old.id).as_bytes());
        }
        let value = json!({
            "version": blocked.version.to_string(), "why": blocked.why, "when": blocked.when.to_string(),
        });
        Ok(self.put(&format!("blocked/{}", blocked.id), &value))
    }

    /// This may be taken again.
    pub fn unblock(mut self, id: &Hex) -> Change {
        self.batch.delete(format!("blocked/{id}").as_bytes());
        self
    }

    /// So many were sent back.
    pub fn rollbacks(self, count: u32) -> Change {
        self.put("rollbacks", &json!({ "count": count }))
    }

    /// Below this nothing is taken.
    pub fn floor(self, floor: &Version) -> Change {
        self.put("floor", &json!(floor.to_string()))
    }

    /// The newest list of keys.
    pub fn keys(mut self, text: &str) -> Change {
        self.batch.put(b"keys", text.as_bytes());
        self
    }

    /// Makes them; durable when this returns.
    ///
    /// # Errors
    /// Those of the store; none was made then.
    pub fn make(self) -> Result<(), Fault> {
        Ok(self.state.table.apply(&self.batch)?)
    }
}

/// For those who show it, too.
pub(crate) fn show_deployment(deployment: &Deployment) -> Value {
    let parts: serde_json::Map<String, Value> = deployment
        .parts
        .iter()
        .map(|(name, part)| {
            let (way, payload) = part.way.words();
            let part = json!({
                "digest": part.digest.to_string(), "size": part.size, "way": way, "payload": payload,
                "pages": part.durable.pages, "memo": hex::encode(&part.durable.memo), "done": part.is_done,
            });
            (name.clone(), part)
        })
        .collect();
    json!({
        "id": deployment.id.to_string(), "name": deployment.name, "version": deployment.version.to_string(),
        "floor": deployment.floor.as_ref().map(ToString::to_string), "slot": deployment.slot.word(),
        "stage": deployment.stage.word(), "why": deployment.why, "parts": parts,
    })
}

fn deployment(value: &Value) -> Option<Deployment> {
    let part = |(name, value): (&String, &Value)| {
        let part = Part {
            digest: digest(&value["digest"])?,
            size: value["size"].as_u64()?,
            way: Way::of(value["way"].as_str()?, value["payload"].as_str())?,
            durable: Durable { pages: value["pages"].as_u64()?, memo: bytes(value["memo"].as_str()?)? },
            is_done: value["done"].as_bool()?,
        };
        Some((name.clone(), part))
    };
    Some(Deployment {
        id: digest(&value["id"])?,
        name: value["name"].as_str()?.to_owned(),
        version: value["version"].as_str()?.parse().ok()?,
        floor: optional(&value["floor"])?,
        slot: Name::of(value["slot"].as_str()?)?,
        stage: Stage::of(value["stage"].as_str()?)?,
        why: value["why"].as_str().map(str::to_owned),
        parts: named(value["parts"].as_object()?.iter().map(part))?,
    })
}

/// For those who show it, too.
pub(crate) fn show_set(set: &Set) -> Value {
    let images: serde_json::Map<String, Value> = set
        .images
        .iter()
        .map(|(name, (digest, size))| (name.clone(), json!({ "digest": digest.to_string(), "size": size })))
        .collect();
    json!({
        "id": set.id.to_string(), "name": set.name, "version": set.version.to_string(),
        "floor": set.floor.as_ref().map(ToString::to_string), "committed": set.is_committed, "images": images,
    })
}

fn set(value: &Value) -> Option<Set> {
    let image = |(name, value): (&String, &Value)| {
        Some((name.clone(), (digest(&value["digest"])?, value["size"].as_u64()?)))
    };
    Some(Set {
        id: digest(&value["id"])?,
        name: value["name"].as_str()?.to_owned(),
        version: value["version"].as_str()?.parse().ok()?,
        floor: optional(&value["floor"])?,
        is_committed: value["committed"].as_bool()?,
        images: named(value["images"].as_object()?.iter().map(image))?,
    })
}

fn blocked(id: Hex, value: &Value) -> Option<Blocked> {
    Some(Blocked {
        id,
        version: value["version"].as_str()?.parse().ok()?,
        why: value["why"].as_str()?.to_owned(),
        when: value["when"].as_str()?.parse().ok()?,
    })
}

/// All of them, or nothing if one is none.
fn named<T>(pairs: impl Iterator<Item = Option<(String, T)>>) -> Option<Named<T>> {
    let mut map = Named::new();
    for pair in pairs {
        let (name, value) = pair?;
        map.insert(name, value);
    }
    Some(map)
}

fn digest(value: &Value) -> Option<Hex> {
    hex::decode(value.as_str()?).map(Hex)
}

fn optional(value: &Value) -> Option<Option<Version>> {
    match value.as_str() {
        Some(text) => text.parse().ok().map(Some),
        None => Some(None),
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| hex::decode::<1>(std::str::from_utf8(pair).ok()?).map(|[byte]| byte))
        .collect()
}

impl Way {
    /// As it is written down: a word, and the payload if there is one.
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Way::Full(payload) => ("full", Some(payload)),
            Way::Delta(payload) => ("delta", Some(payload)),
            Way::Copied => ("copied", None),
            Way::There => ("there", None),
        }
    }

    fn of(word: &str, payload: Option<&str>) -> Option<Way> {
        Some(match (word, payload) {
            ("full", Some(payload)) => Way::Full(payload.to_owned()),
            ("delta", Some(payload)) => Way::Delta(payload.to_owned()),
            ("copied", _) => Way::Copied,
            ("there", _) => Way::There,
            _ => return None,
        })
    }
}

impl Part {
    /// Of a plan, as far as an earlier attempt has come.
    pub(super) fn of(item: &Item, durable: Durable) -> Part {
        Part {
            digest: item.digest,
            size: item.size,
            way: item.way.clone(),
            durable,
            is_done: item.way == Way::There,
        }
    }
}

impl Deployment {
    /// What is in its slot once it is whole.
    pub fn set(&self, is_committed: bool) -> Set {
        let images = self.parts.iter().map(|(name, part)| (name.clone(), (part.digest, part.size)));
        Set {
            id: self.id,
            name: self.name.clone(),
            version: self.version.clone(),
            floor: self.floor.clone(),
            is_committed,
            images: edgekit_core::sort::map(images),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_store::proof::Recorder;

    fn deployed() -> Deployment {
        let part = Part {
            digest: Hex([7; 32]),
            size: 5,
            way: Way::Delta("delta-1".to_owned()),
            durable: Durable { pages: 3, memo: vec![0, 255, 16] },
            is_done: false,
        };
        Deployment {
            id: Hex([1; 32]),
            name: "gw".to_owned(),
            version: "1.4".parse().expect("a version"),
            floor: None,
            slot: Name::B,
            stage: Stage::Trying,
            why: Some("it \"failed\"".to_owned()),
            parts: edgekit_core::sort::map([("rootfs".to_owned(), part)]),
        }
    }

    fn open(disk: &Recorder) -> State {
        State::open(Arc::new(disk.clone()), Path::new("/state"), false).expect("opened")
    }

    #[test]
    fn what_is_remembered_reads_back() {
        let disk = Recorder::new(1);
        let (state, deployed) = (open(&disk), deployed());
        let set = deployed.set(true);
        let version: Version = "1.3".parse().expect("a version");
        let change =
            state.change().deployment(&deployed).set(Name::A, Some(&set)).rollbacks(2).floor(&version);
        change.make().expect("made");
        drop(state);
        let state = open(&disk);
        assert_eq!(state.deployment().expect("read"), Some(deployed));
        assert_eq!(state.set(Name::A).expect("read"), Some(set));
        assert_eq!(state.set(Name::B).expect("read"), None);
        assert_eq!((state.rollbacks().expect("read"), state.floor().expect("read")), (2, Some(version)));
    }

    #[test]
    fn the_oldest_blocked_one_is_forgotten() {
        let state = open(&Recorder::new(1));
        let blocked = |number: u8| Blocked {
            id: Hex([number; 32]),
            version: "1".parse().expect("a version"),
            why: "bad".to_owned(),
            when: Moment(1_800_000_000 + u64::from(number)),
        };
        for number in 0..BLOCKED as u8 + 3 {
            state.change().block(&blocked(number)).and_then(Change::make).expect("blocked");
        }
        assert_eq!(state.all_blocked().expect("read").len(), BLOCKED);
        assert_eq!(state.blocked(&Hex([2; 32])).expect("read"), None);
        assert_eq!(state.blocked(&Hex([3; 32])).expect("read"), Some(blocked(3)));
        state.change().unblock(&Hex([3; 32])).make().expect("unblocked");
        assert_eq!(state.blocked(&Hex([3; 32])).expect("read"), None);
    }

    #[test]
    fn another_format_is_left_untouched() {
        let disk = Recorder::new(1);
        let state = open(&disk);
        state.table().put(b"format", b"2").expect("put");
        drop(state);
        let refused = State::open(Arc::new(disk.clone()), Path::new("/state"), false).expect_err("newer");
        assert!(refused.to_string().contains("format 2"), "{refused}");
    }
}
