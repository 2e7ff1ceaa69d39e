//! A disk in memory that remembers the order of everything done to it.

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Dice;
use crate::{Access, Dress, Error, File, Fs, Kind, Lock, Stat};

/// A file, folder or link by number; 0 is the root folder.
pub(super) type Id = usize;

/// What is stored under a number.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) what: What,
    pub(super) dress: Dress,
}

/// Bytes, names or a target.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Shared between the disks of a proof until one writes to it.
    File(Arc<Vec<u8>>),
    Folder(BTreeMap<String, Id>),
    Link(PathBuf),
}

/// What everything has from the start, whatever it was made with: only what is set later can be lost.
const NAKED: Dress = Dress { mode: 0o700, uid: 0, gid: 0, mtime: Some(0) };

/// One thing done to the disk. Files and folders go by number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// An empty file, a folder or a link that no name stands for yet.
    Made(Made),
    /// Bytes written to a file at a place.
    Write(usize, u64, Vec<u8>),
    /// A file made longer.
    Grow(usize, u64),
    /// A file flushed.
    Flush(usize),
    /// Names of a folder changed together: each now stands for a number, or for nothing.
    Names(usize, Vec<(String, Option<usize>)>),
    /// A folder flushed.
    FlushFolder(usize),
    /// What a file, folder or link has beside its bytes was set.
    Dress(usize, Dress),
    /// Everything flushed.
    FlushAll,
    /// On FAT: the room of a file that has no name any more is free.
    Free(usize),
    /// The test's own mark: it handed over its change of this number.
    Handed(u64),
    /// The test's own mark: it was told that all changes up to this number are durable.
    Told(u64),
}

/// What was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Made {
    /// An empty file.
    File,
    /// An empty folder.
    Folder,
    /// A symbolic link, which has its target from the start.
    Link(PathBuf),
}

impl Made {
    pub(super) fn node(&self) -> Node {
        let what = match self {
            Made::File => What::File(Arc::default()),
            Made::Folder => What::Folder(BTreeMap::new()),
            Made::Link(target) => What::Link(target.clone()),
        };
        Node { what, dress: NAKED }
    }
}

/// An operation and where it was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What was done.
    pub op: Op,
    /// The name the file had then, digits as `N`: tells one place of the code from another.
    pub name: String,
}

/// The disk.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    nodes: Vec<Node>,
    steps: Vec<Step>,
    dice: Dice,
    /// Bytes that may still be taken; for a full disk.
    space: u64,
    process: u32,
    /// Names are kept as FAT keeps them.
    fat: bool,
    /// How often a file is open.
    open: BTreeMap<Id, u32>,
    /// Open files whose room is free once they are closed, by the name they had.
    nameless: BTreeMap<Id, String>,
}

impl Recorder {
    /// An empty disk.
    pub fn new(seed: u64) -> Recorder {
        Recorder::of(vec![Made::Folder.node()], false, seed)
    }

    /// The same, of a FAT file system.
    pub fn fat(seed: u64) -> Recorder {
        Recorder::of(vec![Made::Folder.node()], true, seed)
    }

    /// A disk as a power cut left it, met by another process.
    pub(super) fn of(nodes: Vec<Node>, fat: bool, seed: u64) -> Recorder {
        let inner = Inner {
            nodes,
            steps: Vec::new(),
            dice: Dice(seed),
            space: u64::MAX,
            process: 2 + (seed >> 40) as u32,
            fat,
            open: BTreeMap::new(),
            nameless: BTreeMap::new(),
        };
        Recorder(Arc::new(Mutex::new(inner)))
    }

    /// The same disk for another process, with nothing recorded yet: what a record begins on.
    pub fn again(&self, seed: u64) -> Recorder {
        Recorder::of(self.nodes(), self.keeps_fat(), seed)
    }

    /// Whether names are kept as FAT keeps them.
    pub(super) fn keeps_fat(&self) -> bool {
        self.inner().fat
    }

    /// Writes down a mark of the test.
    pub fn mark(&self, op: Op) {
        self.inner().steps.push(Step { op, name: String::new() });
    }

    /// What was done so far.
    pub fn steps(&self) -> Vec<Step> {
        self.inner().steps.clone()
    }

    /// The disk as it is, to begin a record from.
    pub(super) fn nodes(&self) -> Vec<Node> {
        self.inner().nodes.clone()
    }

    /// Leaves so many bytes of space.
    pub fn set_space(&self, bytes: u64) {
        self.inner().space = bytes;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes names in one folder.
    fn rename_all(&self, folder: &Path, name: &str, names: Vec<(String, Option<Id>)>) -> io::Result<()> {
        let mut inner = self.inner();
        let id = inner.find(folder)?;
        let mut gone = Vec::new();
        if inner.fat {
            let kept: Vec<Id> = names.iter().filter_map(|(_, id)| *id).collect();
            let entries = inner.folder(id)?;
            gone.extend(names.iter().filter_map(|(name, _)| Some((*entries.get(name)?, pattern(name)))));
            gone.retain(|(id, _)| !kept.contains(id));
        }
        inner.folder(id)?.apply(&names);
        inner.steps.push(Step { op: Op::Names(id, names), name: pattern(name) });
        inner.nameless.extend(gone.iter().cloned());
        gone.iter().for_each(|(id, _)| inner.free(*id));
        Ok(())
    }

    fn make(&self, path: &Path, made: Made) -> io::Result<Id> {
        let (folder, name) = split(path)?;
        let id = {
            let mut inner = self.inner();
            let at = inner.find(folder)?;
            if inner.folder(at)?.contains_key(&name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            inner.nodes.push(made.node());
            inner.steps.push(Step { op: Op::Made(made), name: String::new() });
            inner.nodes.len() - 1
        };
        self.rename_all(folder, &name, vec![(name.clone(), Some(id))])?;
        Ok(id)
    }

    fn take(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = split(path)?;
        self.inner().find(path)?;
        self.rename_all(folder, &name, vec![(name.clone(), None)])
    }
}

impl Inner {
    fn find(&self, path: &Path) -> io::Result<Id> {
        path.components().try_fold(0, |at, part| match (part, &self.nodes[at].what) {
            (Component::RootDir | Component::CurDir, _) => Ok(at),
            (Component::Normal(name), What::Folder(names)) => name
                .to_str()
                .and_then(|name| names.get(name))
                .copied()
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        })
    }

    fn folder(&mut self, id: Id) -> io::Result<&mut BTreeMap<String, Id>> {
        match &mut self.nodes[id].what {
            What::Folder(names) => Ok(names),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&mut self, id: Id) -> io::Result<&mut Vec<u8>> {
        match &mut self.nodes[id].what {
            What::File(bytes) => Ok(Arc::make_mut(bytes)),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn bytes(&self, id: Id) -> io::Result<&[u8]> {
        match &self.nodes[id].what {
            What::File(bytes) => Ok(bytes),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn grow(&mut self, id: Id, len: u64) -> io::Result<()> {
        let more = len.saturating_sub(self.bytes(id)?.len() as u64);
        self.space = self.space.checked_sub(more).ok_or(io::ErrorKind::StorageFull)?;
        if more > 0 {
            self.file(id)?.resize(len as usize, 0);
        }
        Ok(())
    }

    /// Frees the room of a file without a name, unless it is open.
    fn free(&mut self, id: Id) {
        if self.open.get(&id).is_some_and(|times| *times > 0) {
            return;
        }
        if let (Some(name), What::File(bytes)) = (self.nameless.remove(&id), &mut self.nodes[id].what) {
            *bytes = Arc::default();
            self.steps.push(Step { op: Op::Free(id), name });
        }
    }

    /// The name a file has now.
    fn name_of(&self, id: Id) -> String {
        let named = |node: &Node| match &node.what {
            What::Folder(names) => names.iter().find(|(_, at)| **at == id).map(|(name, _)| pattern(name)),
            _ => None,
        };
        self.nodes.iter().find_map(named).unwrap_or_default()
    }

    fn record(&mut self, op: Op, id: Id) {
        let name = self.name_of(id);
        self.steps.push(Step { op, name });
    }
}

/// Changes of names, on the disk and on what a power cut leaves of it.
pub(super) trait Names {
    fn apply(&mut self, names: &[(String, Option<Id>)]);
}

impl Names for BTreeMap<String, Id> {
    fn apply(&mut self, names: &[(String, Option<Id>)]) {
        for (name, id) in names {
            match id {
                Some(id) => self.insert(name.clone(), *id),
                None => self.remove(name),
            };
        }
    }
}

impl Dress {
    /// Changes all that another one says.
    pub(super) fn set(&mut self, other: &Dress) {
        *self = Dress { mtime: other.mtime.or(self.mtime), ..*other };
    }
}

/// A name with its numbers made alike.
fn pattern(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '0'..='9' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            c => out.push(c),
        }
    }
    out
}

fn split(path: &Path) -> io::Result<(&Path, String)> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok((path.parent().unwrap_or(Path::new("/")), name.to_owned()))
}

impl Fs for Recorder {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let id = match access {
            Access::New(_) | Access::NewBlocks(_) => self.make(path, Made::File)?,
            Access::Read | Access::Change | Access::Blocks | Access::Image | Access::Target => {
                let inner = self.inner();
                let id = inner.find(path)?;
                inner.bytes(id)?;
                id
            }
        };
        *self.inner().open.entry(id).or_default() += 1;
        Ok(Box::new(RecordedFile { disk: self.clone(), id }))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let inner = self.inner();
        let id = match inner.find(path) {
            Ok(id) => id,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (kind, len) = match &inner.nodes[id].what {
            What::File(bytes) => (Kind::File, bytes.len() as u64),
            What::Folder(_) => (Kind::Folder, 0),
            What::Link(_) => (Kind::Link, 0),
        };
        let Dress { mode, uid, gid, mtime } = inner.nodes[id].dress;
        Ok(Some(Stat { kind, len, mode, uid, gid, mtime: mtime.unwrap_or(0), id: (0, id as u64) }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut inner = self.inner();
        let id = inner.find(folder)?;
        Ok(inner.folder(id)?.keys().cloned().collect())
    }

    fn make_folder(&self, path: &Path, _: u32) -> io::Result<()> {
        self.make(path, Made::Folder).map(drop)
    }

    fn make_link(&self, target: &Path, link: &Path) -> io::Result<()> {
        self.make(link, Made::Link(target.to_path_buf())).map(drop)
    }

    fn read_link(&self, link: &Path) -> io::Result<PathBuf> {
        let inner = self.inner();
        match &inner.nodes[inner.find(link)?].what {
            What::Link(target) => Ok(target.clone()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((folder, from_name), (_, to_name)) = (split(from)?, split(to)?);
        let id = self.inner().find(from)?;
        self.rename_all(folder, &to_name.clone(), vec![(from_name, None), (to_name, Some(id))])
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        let ((folder, a_name), (_, b_name)) = (split(a)?, split(b)?);
        let a = self.inner().find(a)?;
        let b = self.inner().find(b)?;
        self.rename_all(folder, &a_name.clone(), vec![(a_name, Some(b)), (b_name, Some(a))])
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (folder, name) = split(to)?;
        let id = self.inner().find(from)?;
        if self.inner().find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.rename_all(folder, &name, vec![(name.clone(), Some(id))])
    }

    fn dress(&self, path: &Path, dress: &Dress) -> io::Result<()> {
        let mut inner = self.inner();
        let id = inner.find(path)?;
        inner.nodes[id].dress.set(dress);
        inner.record(Op::Dress(id, *dress), id);
        Ok(())
    }

    fn sync_all(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        let id = inner.find(folder)?;
        inner.record(Op::FlushAll, id);
        Ok(())
    }

    fn space(&self, _: &Path) -> io::Result<u64> {
        Ok(self.inner().space)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.take(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        if !self.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.take(path)
    }

    fn is_fat(&self, _: &Path) -> io::Result<bool> {
        Ok(self.keeps_fat())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        let id = inner.find(folder)?;
        // Told apart by what was last done in it, since one folder is flushed from several places.
        let last = inner.steps.iter().rev().find(|step| matches!(&step.op, Op::Names(at, _) if *at == id));
        let name = format!("{} after {}", inner.name_of(id), last.map_or("nothing", |step| &step.name));
        inner.steps.push(Step { op: Op::FlushFolder(id), name });
        Ok(())
    }

    fn lock(&self, _: &Path) -> Result<Lock, Error> {
        Ok(Lock::nobody())
    }

    fn user(&self) -> u32 {
        0
    }

    fn process(&self) -> u32 {
        self.inner().process
    }

    fn random(&self) -> io::Result<u64> {
        Ok(self.inner().dice.roll())
    }

    fn is_alive(&self, _: u32) -> bool {
        false
    }
}

#[derive(Debug)]
struct RecordedFile {
    disk: Recorder,
    id: Id,
}

impl Drop for RecordedFile {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        if let Some(times) = inner.open.get_mut(&self.id) {
            *times -= 1;
        }
        inner.free(self.id);
    }
}

impl File for RecordedFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.inner().bytes(self.id)?.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let inner = self.disk.inner();
        let bytes = inner.bytes(self.id)?.get(offset as usize..).unwrap_or_default();
        let len = bytes.len().min(into.len());
        into[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let end = offset as usize + bytes.len();
        inner.grow(self.id, end as u64)?;
        inner.file(self.id)?[offset as usize..end].copy_from_slice(bytes);
        inner.record(Op::Write(self.id, offset, bytes.to_vec()), self.id);
        Ok(())
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.grow(self.id, len)?;
        inner.record(Op::Grow(self.id, len), self.id);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        // A file is flushed for two reasons, from two places.
        let since =
            inner.steps.iter().rev().take_while(|step| !matches!(step.op, Op::Flush(id) if id == self.id));
        let grown = since.filter(|step| matches!(step.op, Op::Grow(id, _) if id == self.id)).count() > 0;
        let name = inner.name_of(self.id) + if grown { " grown" } else { "" };
        inner.steps.push(Step { op: Op::Flush(self.id), name });
        Ok(())
    }

    fn forget(&self, _: u64, _: u64) {}

    fn set_owner(&self, _: u32, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn set_mode(&self, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn block(&self) -> usize {
        512
    }
}
