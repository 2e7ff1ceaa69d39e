//! An archive that comes in pieces becomes a folder, and can be gone on with at any byte that is durable.
//!
//! What is written down of it ([`Unpacker::memo`]) is the last path, the header at hand and how much came after it; so
//! memory and memo are a header, whatever the size of a file or of the folder. Names that a power cut left behind are
//! those of the same archive, and are made anew when their turn comes. Neighbours: `entry` judges each header, the slot
//! `super::super::folder` flushes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_store::{Access, Dress, File, Fs, Kind};

use super::entry::{Entry, What};
use super::{BLOCK, END, padded};
use crate::fault::Fault;

/// A folder in the making.
#[derive(Debug)]
pub struct Unpacker {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    /// The entry before, and whether it is a folder.
    last: Option<(String, bool)>,
    /// The beginning of a header.
    header: Vec<u8>,
    body: Option<Body>,
    /// Bytes of the end that came.
    end: usize,
}

/// What follows a header.
#[derive(Debug)]
struct Body {
    entry: Entry,
    /// Bytes that came, with those that fill up the last block.
    done: u64,
    file: Box<dyn File>,
}

impl Unpacker {
    /// Ready for the first byte.
    pub fn new(fs: Arc<dyn Fs>, folder: &Path) -> Unpacker {
        Unpacker { fs, folder: folder.to_owned(), last: None, header: Vec::new(), body: None, end: 0 }
    }

    /// Ready to go on.
    pub fn resume(fs: Arc<dyn Fs>, folder: &Path, memo: &[u8]) -> Result<Unpacker, Fault> {
        let wrong = || Fault::Text(format!("how far '{}' is unpacked cannot be read", folder.display()));
        let mut unpacker = Unpacker::new(fs, folder);
        let (flags, rest) = memo.split_first().ok_or_else(wrong)?;
        let (last, rest) = field(rest).ok_or_else(wrong)?;
        let (header, rest) = field(rest).ok_or_else(wrong)?;
        let (end, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        if flags & 1 != 0 {
            unpacker.last = Some((String::from_utf8(last.to_vec()).map_err(|_| wrong())?, flags & 2 != 0));
        }
        unpacker.end = u32::from_le_bytes(*end) as usize;
        match rest.split_first_chunk().map(|(done, _)| u64::from_le_bytes(*done)) {
            Some(done) if flags & 4 != 0 => {
                let entry = Entry::decode(header).map_err(|_| wrong())?;
                let path = unpacker.place(&entry.path);
                let file = unpacker.reopen(&path).map_err(Fault::io("write to", &path))?;
                unpacker.body = Some(Body { entry, done, file });
            }
            _ => unpacker.header = header.to_vec(),
        }
        Ok(unpacker)
    }

    /// Opens a file that was begun. It may have come to its end since, and belong to those who may only read it.
    fn reopen(&self, path: &Path) -> io::Result<Box<dyn File>> {
        match self.fs.open(path, Access::Change) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let Some(there) = self.fs.stat(path)? else { return Err(error) };
                let dress = Dress { mode: 0o600, uid: there.uid, gid: there.gid, mtime: None };
                self.fs.dress(path, &dress)?;
                self.fs.open(path, Access::Change)
            }
            opened => opened,
        }
    }

    /// What to go on from, once all that was made is durable.
    pub fn memo(&self) -> Vec<u8> {
        let (last, is_folder) =
            self.last.as_ref().map_or(("", false), |(last, is_folder)| (last, *is_folder));
        let flags =
            u8::from(self.last.is_some()) | u8::from(is_folder) << 1 | u8::from(self.body.is_some()) << 2;
        let header = self.body.as_ref().map_or_else(|| self.header.clone(), |body| body.entry.encode());
        let mut memo = vec![flags];
        for bytes in [last.as_bytes(), &header] {
            // Both are far shorter than 4 GiB.
            memo.extend((bytes.len() as u32).to_le_bytes());
            memo.extend(bytes);
        }
        memo.extend((self.end as u32).to_le_bytes());
        if let Some(body) = &self.body {
            memo.extend(body.done.to_le_bytes());
        }
        memo
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`Fault::Text`] for what is no archive of ours; those of the file system.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            bytes = match &mut self.body {
                Some(_) => self.feed_body(bytes)?,
                None => self.feed_header(bytes)?,
            };
        }
        Ok(())
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`Fault::Text`] if it ends too early.
    pub fn finish(&self) -> Result<(), Fault> {
        match self.end == END && self.header.is_empty() && self.body.is_none() {
            true => Ok(()),
            false => Err(self.wrong("it ends too early".to_owned())),
        }
    }

    fn feed_header<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Fault> {
        let wanted = Entry::header_len(&self.header).map_err(|what| self.wrong(what))?;
        let (taken, rest) = bytes.split_at(bytes.len().min(wanted - self.header.len()));
        self.header.extend_from_slice(taken);
        if self.header.len() < wanted
            || Entry::header_len(&self.header).map_err(|what| self.wrong(what))? > self.header.len()
        {
            return Ok(rest);
        }
        let header = std::mem::take(&mut self.header);
        if crate::image::is_zero(&header) || self.end > 0 {
            self.end += BLOCK;
            return match crate::image::is_zero(&header) && self.end <= END && self.last.is_some() {
                true => Ok(rest),
                false => Err(self.wrong("something follows its end".to_owned())),
            };
        }
        let entry = Entry::decode(&header).map_err(|what| self.wrong(what))?;
        let last = self.last.as_ref().map(|(last, is_folder)| (last.as_str(), *is_folder));
        entry.follows(last).map_err(|what| self.wrong(what))?;
        self.make(entry)?;
        Ok(rest)
    }

    /// Makes the name of an entry; a file gets its bytes after.
    fn make(&mut self, entry: Entry) -> Result<(), Fault> {
        let path = self.place(&entry.path);
        if self.fs.user() != 0 && entry.uid != self.fs.user() {
            return Err(Fault::Target(
                format!(
                    "'{}' belongs to user {}, and this process is user {}",
                    path.display(),
                    entry.uid,
                    self.fs.user()
                ),
                "run it as root, or make the bundle from files of that user".to_owned(),
            ));
        }
        let there = self.fs.stat(&path).map_err(Fault::io("look at", &path))?;
        let is_kept = entry.what == What::Folder && there.is_some_and(|there| there.kind == Kind::Folder);
        if there.is_some() && !is_kept {
            remove(&*self.fs, &path)?;
        }
        self.last = Some((entry.path.clone(), entry.what == What::Folder));
        match &entry.what {
            What::Folder => {
                if !is_kept {
                    self.fs.make_folder(&path, 0o700).map_err(Fault::io("create", &path))?;
                }
                self.dress(&entry)
            }
            What::Link(target) => {
                self.fs.make_link(Path::new(target), &path).map_err(Fault::io("create", &path))?;
                self.dress(&entry)
            }
            What::File(size) => {
                let file = self.fs.open(&path, Access::New(0o600)).map_err(Fault::io("create", &path))?;
                match size {
                    0 => self.dress(&entry),
                    _ => {
                        self.body = Some(Body { entry, done: 0, file });
                        Ok(())
                    }
                }
            }
        }
    }

    fn feed_body<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Fault> {
        let Some(body) = &mut self.body else { return Ok(bytes) };
        let (size, all) = (body.entry.size(), padded(body.entry.size()));
        let len = usize::try_from(all - body.done).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (taken, rest) = bytes.split_at(len);
        let real = usize::try_from(size.saturating_sub(body.done)).map_or(len, |left| left.min(len));
        let (content, fill) = taken.split_at(real);
        if !content.is_empty() {
            let path = self.folder.join(&body.entry.path);
            body.file.write_at(body.done, content).map_err(Fault::io("write to", path))?;
            body.file.forget(body.done, content.len() as u64);
        }
        body.done += len as u64;
        let is_over = body.done == all;
        if !crate::image::is_zero(fill) {
            return Err(self.wrong("a file goes on after its end".to_owned()));
        }
        if is_over && let Some(body) = self.body.take() {
            drop(body.file);
            self.dress(&body.entry)?;
        }
        Ok(rest)
    }

    fn dress(&self, entry: &Entry) -> Result<(), Fault> {
        let path = self.place(&entry.path);
        let mtime = (entry.what != What::Folder).then(|| i64::try_from(entry.mtime).unwrap_or(i64::MAX));
        let dress = Dress { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime };
        self.fs.dress(&path, &dress).map_err(Fault::io("set owner and permissions of", &path))
    }

    fn place(&self, path: &str) -> PathBuf {
        // Joining nothing would end in a slash.
        if path.is_empty() { self.folder.clone() } else { self.folder.join(path) }
    }

    fn wrong(&self, what: String) -> Fault {
        Fault::Text(format!("the image for '{}' is no archive of a folder: {what}", self.folder.display()))
    }
}

/// Removes a name and all that is below it.
pub(crate) fn remove(fs: &dyn Fs, path: &Path) -> Result<(), Fault> {
    let stat = fs.stat(path).map_err(Fault::io("look at", path))?;
    match stat.map(|stat| stat.kind) {
        None => Ok(()),
        Some(Kind::Folder) => {
            for name in fs.list(path).map_err(Fault::io("list", path))? {
                remove(fs, &path.join(name))?;
            }
            fs.remove_folder(path).map_err(Fault::io("remove", path))
        }
        Some(_) => fs.remove(path).map_err(Fault::io("remove", path)),
    }
}

/// A length and its bytes, and what follows.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}
