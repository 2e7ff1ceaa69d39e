//! Opening: read everything, cut what a power cut left, set aside what is damaged.
//!
//! A file is first read whole and judged (`scan.rs`), and nothing is written before that. What is damaged is copied
//! beside as it was found and then written anew from what is readable. When that cannot be done, on a full disk, the
//! store can be read all the same, and the first write tries again.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::{
    Access, Damage, Event, Journal, Options, State, Tail, commit,
    format::FORMAT,
    hold,
    scan::{Scan, scan},
};
use crate::{
    Access as Open, Error, Fs, Stat,
    block::BlockBuf,
    error::Result,
    fs::{beside, read_all},
    publish, quarantine,
};

/// What has to be written anew, and why.
#[derive(Debug, Default)]
pub(super) struct Found {
    damage: Vec<Damage>,
    records: usize,
    cut: Option<Range<usize>>,
}

pub(super) fn write<S: State>(
    fs: Arc<dyn Fs>,
    path: &Path,
    options: Options,
    state: S,
) -> Result<Journal<S>> {
    let there = fs.stat(path).map_err(Error::io("look at", path))?;
    if let Some(Stat { uid, .. }) = there.filter(|there| there.uid != fs.user()) {
        return Err(Error::Foreign { path: path.to_path_buf(), owner: uid, user: fs.user() });
    }
    let lock = fs.lock(&beside(path, ".lock"))?;
    let file = match fs.stat(path).map_err(Error::io("look at", path))? {
        Some(_) => Some(load(&*fs, path)?),
        None => None,
    };
    let salt = fs.random().map_err(Error::io("mark", path))?;
    let journal = Journal {
        tail: Mutex::new(Tail {
            access: Access::Rewrite(Found::default()),
            epoch: 0,
            seq: 1,
            salt,
            end: 0,
            len: 0,
            buf: BlockBuf::default(),
        }),
        queue: Mutex::new(commit::Queue::empty()),
        state: RwLock::new(state),
        path: path.to_path_buf(),
        options,
        fs,
        _lock: Some(lock),
    };
    let mut tail = hold(&journal.tail);
    let Some(file) = file else {
        journal.writable(&mut tail)?;
        drop(tail);
        return Ok(journal);
    };
    let scan = journal.judge(&file)?;
    (tail.epoch, tail.seq, tail.end, tail.len) = (scan.epoch, scan.seq, scan.end, file.len() as u64);
    if scan.damage.is_empty() && scan.salvaged == 0 {
        if let Some(cut) = scan.cut {
            let kept = journal.keep_cut(&file[cut.clone()]).ok();
            journal.tell(&Event::Cut { path: path.to_path_buf(), bytes: cut.len() as u64, kept });
        }
        let file = journal.fs.open(path, Open::Blocks).map_err(Error::io("open", path))?;
        tail.access = Access::Write(file);
    } else {
        tail.access =
            Access::Rewrite(Found { damage: scan.damage, records: scan.records.len(), cut: scan.cut });
        if let Err(error) = journal.writable(&mut tail) {
            journal.tell(&Event::Unrepaired { error });
        }
    }
    drop(tail);
    Ok(journal)
}

pub(super) fn read<S: State>(fs: Arc<dyn Fs>, path: &Path, options: Options, state: S) -> Result<Journal<S>> {
    // What was never made is empty: who only looks need not make it.
    let file = match fs.stat(path).map_err(Error::io("look at", path))? {
        Some(_) => Some(load(&*fs, path)?),
        None => None,
    };
    let buf = BlockBuf::default();
    let journal = Journal {
        tail: Mutex::new(Tail { access: Access::Read, epoch: 0, seq: 0, salt: 0, end: 0, len: 0, buf }),
        queue: Mutex::new(commit::Queue::empty()),
        state: RwLock::new(state),
        path: path.to_path_buf(),
        options,
        fs,
        _lock: None,
    };
    let Some(file) = file else { return Ok(journal) };
    let Scan { damage, .. } = journal.judge(&file)?;
    if let Some(damage) = damage.first() {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, damage.to_string());
        journal.tell(&Event::Unrepaired { error: Error::io("read all of", path)(error) });
    }
    Ok(journal)
}

/// The whole file. Its size is bounded by the cap it was written under.
fn load(fs: &dyn Fs, path: &Path) -> Result<Vec<u8>> {
    let file = fs.open(path, Open::Read).map_err(Error::io("open", path))?;
    read_all(&*file, u64::MAX).map_err(Error::io("read", path))
}

impl<S: State> Journal<S> {
    /// Reads a file into the state.
    fn judge(&self, file: &[u8]) -> Result<Scan> {
        let mut found = scan(file).map_err(|format| Error::Format {
            path: self.path.clone(),
            found: format,
            known: FORMAT,
        })?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for record in &found.records {
            if !state.apply(&file[record.clone()]) {
                found.damage.push(Damage { offset: record.start as u64, what: "a record makes no sense" });
            }
        }
        Ok(found)
    }

    /// Sees to it that the file can be appended to, or says why not.
    pub(super) fn writable(&self, tail: &mut Tail) -> Result<()> {
        match &tail.access {
            Access::Write(_) => Ok(()),
            Access::Read => Err(Error::ReadOnly { path: self.path.clone() }),
            Access::Stopped(error) => Err(error.clone()),
            Access::Rewrite(found) => {
                let event = self.set_aside(found)?;
                self.rewrite(tail, 0)?;
                if let Some(event) = event {
                    self.tell(&event);
                }
                Ok(())
            }
        }
    }

    /// Copies what is about to be written anew, if there is something wrong with it.
    fn set_aside(&self, found: &Found) -> Result<Option<Event>> {
        if found.damage.is_empty() && found.cut.is_none() {
            return Ok(None);
        }
        let file = load(&*self.fs, &self.path)?;
        let path = self.path.clone();
        if let (true, Some(cut)) = (found.damage.is_empty(), &found.cut) {
            let kept = self.keep_cut(file.get(cut.clone()).unwrap_or_default())?;
            return Ok(Some(Event::Cut { path, bytes: cut.len() as u64, kept: Some(kept) }));
        }
        let kept = quarantine::free_name(&*self.fs, &self.path)?;
        publish::file(&*self.fs, &kept, &file, self.options.mode)?;
        Ok(Some(Event::Damaged { path, kept, damage: found.damage.clone(), records: found.records }))
    }

    /// Keeps the bytes of an unfinished write; those of the one before go.
    fn keep_cut(&self, bytes: &[u8]) -> Result<PathBuf> {
        let path = beside(&self.path, ".cut");
        publish::file(&*self.fs, &path, bytes, self.options.mode)?;
        Ok(path)
    }
}
