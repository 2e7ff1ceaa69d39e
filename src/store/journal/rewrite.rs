//! Compaction: the state is written to the spare file, and the two files change places.
//!
//! The journal under its own name is whole at every moment; the new one gets that name only after its last byte is
//! flushed, and nothing is appended to it before the folder is. The old file stays as the spare, so that the next
//! rewrite finds its blocks made. Where names cannot be exchanged the old file goes.

use std::{io, sync::PoisonError};

use super::{
    Access, GROUP, Journal, State, Tail,
    format::{Body, HEADER, Header, START},
};
use crate::{
    Access as Open, Error, File, Kind,
    block::BlockBuf,
    error::Result,
    fs::{beside, folder_of},
};

/// The new file while it is written.
struct Draft<'a, S> {
    journal: &'a Journal<S>,
    file: Box<dyn File>,
    epoch: u64,
    salt: u64,
    seq: u64,
    end: u64,
    len: u64,
    buf: BlockBuf,
}

impl<S: State> Journal<S> {
    /// Writes the state anew, leaving room for a group of so many bytes.
    ///
    /// On an error before the files change places, the journal is as it was.
    pub(super) fn rewrite(&self, tail: &mut Tail, room: u64) -> Result<()> {
        let spare = beside(&self.path, ".spare");
        let draft = self.draft(tail, &spare)?;
        if draft.end + room + draft.file.block() as u64 > self.cap() {
            return Err(Error::Full { path: self.path.clone(), used: draft.end + room, limit: self.cap() });
        }
        draft.file.sync().map_err(Error::io("flush", &spare))?;
        let there = self.fs.stat(&self.path).map_err(Error::io("look at", &self.path))?.is_some();
        let moved = match there.then(|| self.fs.exchange(&self.path, &spare)) {
            Some(Err(error)) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            Some(Ok(())) => Ok(()),
            _ => self.fs.rename(&spare, &self.path),
        };
        moved.map_err(Error::io("replace", &self.path))?;
        // From here on the old file may be the one that a power cut leaves, and the new one may be: neither may be
        // written to before this is settled.
        if let Err(error) = self.fs.sync_folder(folder_of(&self.path)) {
            return Err(self.stop(tail, error));
        }
        (tail.epoch, tail.seq, tail.end, tail.len) = (draft.epoch, draft.seq, draft.end, draft.len);
        tail.access = Access::Write(draft.file);
        Ok(())
    }

    /// The state in the spare file, not flushed.
    fn draft(&self, tail: &Tail, spare: &std::path::Path) -> Result<Draft<'_, S>> {
        let access = match self.fs.stat(spare).map_err(Error::io("look at", spare))? {
            Some(stat) if stat.kind == Kind::File => Open::Blocks,
            Some(_) => return Err(Error::io("use", spare)(io::Error::other("not a regular file"))),
            None => Open::NewBlocks(self.options.mode),
        };
        let file = self.fs.open(spare, access).map_err(Error::io("open", spare))?;
        file.set_mode(self.options.mode).map_err(Error::io("set the permissions of", spare))?;
        let len = file.size().map_err(Error::io("look at", spare))?;
        let random = self.fs.random().map_err(Error::io("mark", spare))?;
        let epoch = ((tail.epoch >> 32).wrapping_add(1) << 32) | (random & u64::from(u32::MAX));
        // A spare of an odd size is no file of ours any more; the rest of its last block is made again.
        let len = len - len % START;
        let mut draft = Draft {
            journal: self,
            file,
            epoch,
            salt: tail.salt,
            seq: 1,
            end: START,
            len,
            buf: BlockBuf::default(),
        };
        draft.fill().map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => {
                Error::Full { path: self.path.clone(), used: draft.end, limit: self.cap() }
            }
            _ => Error::io("write", spare)(error),
        })?;
        Ok(draft)
    }
}

impl<S: State> Draft<'_, S> {
    fn fill(&mut self) -> io::Result<()> {
        let journal = self.journal;
        let (mut body, mut outcome) = (Body::default(), Ok(()));
        let state = journal.state.read().unwrap_or_else(PoisonError::into_inner);
        state.snapshot(&mut |record| {
            if !body.is_empty() && body.used() + record.len() > GROUP / 4 && outcome.is_ok() {
                outcome = self.group(&body);
                body.clear();
            }
            body.push(record);
        });
        outcome?;
        if !body.is_empty() {
            self.group(&body)?;
        }
        let header = Header { epoch: self.epoch, snapshot: (self.seq - 1) as u32 };
        journal.grow(&*self.file, &mut self.len, self.end, false)?;
        self.buf.zeroed(START as usize)[..HEADER].copy_from_slice(&header.encode());
        self.file.write_at(0, self.buf.bytes())
    }

    fn group(&mut self, body: &Body) -> io::Result<()> {
        let span = body.span(self.file.block());
        let end = self.end + span as u64;
        if end > self.journal.cap() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.journal.grow(&*self.file, &mut self.len, end, false)?;
        body.encode(self.epoch, self.seq, self.salt, self.buf.zeroed(span));
        self.file.write_at(self.end, self.buf.bytes())?;
        (self.end, self.seq) = (end, self.seq + 1);
        Ok(())
    }
}
