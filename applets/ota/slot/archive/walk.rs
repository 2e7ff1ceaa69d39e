//! A folder read as its archive: the image of it, at any place, without ever being written down.
//!
//! The names are read once; headers are made again when they are asked for, and bytes come from the files themselves.
//! A folder that changes meanwhile makes another archive than its digest, which is seen where digests are compared.
//! Neighbours: `entry` writes headers, `unpack` does the opposite.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use edgekit_store::{Access, File, Fs, Kind, Stat};

use super::entry::{Entry, What};
use super::{END, padded};
use crate::bundle::MAX_SIZE;
use crate::fault::Fault;
use crate::image::Image;
use crate::slot::plain::fill;

/// A folder as an image.
#[derive(Debug)]
pub struct Archive {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    /// Where each entry begins, in order.
    entries: Vec<(u64, Entry)>,
    size: u64,
    /// The file that was read last.
    open: Mutex<Option<(usize, Box<dyn File>)>>,
}

impl Archive {
    /// Reads the names of a folder.
    ///
    /// # Errors
    /// Those of the file system; [`Fault::Input`] for what an archive cannot hold: a device, a link that leads out.
    pub fn of(fs: Arc<dyn Fs>, folder: &Path) -> Result<Archive, Fault> {
        let open = Mutex::new(None);
        let mut archive = Archive { fs, folder: folder.to_owned(), entries: Vec::new(), size: 0, open };
        archive.walk(String::new())?;
        archive.size += END as u64;
        if archive.size > MAX_SIZE {
            return Err(archive.cannot(
                "",
                format!("would be an image of {} bytes, and one may have {MAX_SIZE}", archive.size),
            ));
        }
        Ok(archive)
    }

    fn walk(&mut self, path: String) -> Result<(), Fault> {
        let place = self.place(&path);
        let stat = self.fs.stat(&place).map_err(Fault::io("look at", &place))?;
        let stat = stat.ok_or_else(|| Fault::io("read", &place)(std::io::ErrorKind::NotFound.into()))?;
        let what = self.what(&path, &stat)?;
        let is_folder = what == What::Folder;
        let mtime = if is_folder { 0 } else { u64::try_from(stat.mtime).unwrap_or(0) };
        let entry = Entry { path: path.clone(), what, mode: stat.mode, uid: stat.uid, gid: stat.gid, mtime };
        let entry =
            Entry { mode: if matches!(entry.what, What::Link(_)) { 0o777 } else { entry.mode }, ..entry };
        if let Some(fault) = entry.fault() {
            return Err(self.cannot(&path, format!("cannot be in a bundle: {fault}")));
        }
        let at = self.size;
        self.size = at + entry.encode().len() as u64 + padded(entry.size());
        self.entries.push((at, entry));
        if is_folder {
            let mut names = self.fs.list(&place).map_err(Fault::io("list", &place))?;
            edgekit_core::sort::natural(&mut names);
            for name in names {
                self.walk(if path.is_empty() { name } else { format!("{path}/{name}") })?;
            }
        }
        Ok(())
    }

    fn what(&self, path: &str, stat: &Stat) -> Result<What, Fault> {
        let place = self.place(path);
        Ok(match stat.kind {
            Kind::Folder => What::Folder,
            Kind::File => What::File(stat.len),
            Kind::Link => {
                let target = self.fs.read_link(&place).map_err(Fault::io("read the link", &place))?;
                match target.to_str() {
                    Some(target) => What::Link(target.to_owned()),
                    None => return Err(self.cannot(path, "leads to a name that is not UTF-8".to_owned())),
                }
            }
            Kind::Other => {
                return Err(self
                    .cannot(path, "is a device, a socket or a pipe, and cannot be in a bundle".to_owned()));
            }
        })
    }

    fn place(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.folder.clone() } else { self.folder.join(path) }
    }

    fn cannot(&self, path: &str, what: String) -> Fault {
        Fault::Input {
            place: self.place(path).display().to_string(),
            what,
            hint: "leave it out of the folder, or make an image of a file system instead: mkfs.erofs, mke2fs -d",
        }
    }

    /// Bytes of a file of the archive.
    fn content(&self, number: usize, entry: &Entry, at: u64, into: &mut [u8]) -> Result<(), Fault> {
        let place = self.place(&entry.path);
        // What a reader that panicked left there is a file or none.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_none_or(|(of, _)| *of != number) {
            let file = self.fs.open(&place, Access::Read).map_err(Fault::io("open", &place))?;
            file.forget(0, entry.size());
            *open = Some((number, file));
        }
        match &*open {
            Some((_, file)) => fill(&**file, &place, at, into),
            None => Ok(()),
        }
    }
}

impl Image for Archive {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, mut at: u64, mut into: &mut [u8]) -> Result<(), Fault> {
        let mut number = self.entries.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        while !into.is_empty() {
            let Some((start, entry)) = self.entries.get(number) else {
                into.fill(0);
                return Ok(());
            };
            let header = entry.encode();
            let (body, end) = (header.len() as u64, header.len() as u64 + entry.size());
            let from = at - start;
            if from >= body + padded(entry.size()) {
                number += 1;
                continue;
            }
            let piece =
                |until: u64, len: usize| usize::try_from(until - from).map_or(len, |left| left.min(len));
            let len = if from < body {
                let len = piece(body, into.len());
                // A header is a few blocks.
                let begin = usize::try_from(from).unwrap_or(0);
                into[..len].copy_from_slice(&header[begin..begin + len]);
                len
            } else if from < end {
                let len = piece(end, into.len());
                self.content(number, entry, from - body, &mut into[..len])?;
                len
            } else {
                let len = piece(body + padded(entry.size()), into.len());
                into[..len].fill(0);
                len
            };
            at += len as u64;
            into = &mut into[len..];
        }
        Ok(())
    }
}

/// Whether every name of a folder is text: others would be left out without a word.
pub(crate) fn is_text(folder: &Path) -> Result<(), Fault> {
    for entry in std::fs::read_dir(folder).map_err(Fault::io("list", folder))? {
        let entry = entry.map_err(Fault::io("list", folder))?;
        if entry.file_name().to_str().is_none() {
            return Err(Fault::Input {
                place: entry.path().display().to_string(),
                what: "has a name that is not UTF-8".to_owned(),
                hint: "rename it: archives are for any system",
            });
        }
        if entry.file_type().map_err(Fault::io("look at", entry.path()))?.is_dir() {
            is_text(&entry.path())?;
        }
    }
    Ok(())
}
