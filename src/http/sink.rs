//! Where downloads go on disk: a plain file, or one that the next process goes on with.
//!
//! Disk work is done on a blocking thread. Neighbours: `download.rs`, whose [`Sink`] these are; `store`, whose note
//! beside a [`PartFile`] says which version it holds and how much of it is surely on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use edgekit_store::note::{Found, Note};
use edgekit_store::{Disk, Fs};

use crate::download::Sink;
use crate::range::Validator;

/// Bytes after which a part is flushed: what a kill or a power cut costs at most.
const FLUSH: u64 = 8 * 1024 * 1024;

/// A version whose name is longer is not written down: it starts over.
const LONGEST_VERSION: usize = 1024;

/// Something that is away while a blocking thread works on it; lost if that thread is.
struct Away<T>(Option<T>);

impl<T: Send + 'static> Away<T> {
    async fn work(&mut self, work: impl FnOnce(&mut T) -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let mut value = self.0.take().ok_or_else(|| io::Error::other("an earlier write was abandoned"))?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut value);
            (value, result)
        });
        let (value, result) = done.await.map_err(io::Error::other)?;
        self.0 = Some(value);
        result
    }
}

/// A file as the sink, for a download that is worth nothing in part.
///
/// The caller makes it durable when the download is complete.
pub struct FileSink(Away<File>);

impl FileSink {
    /// Writes from the file's present position on.
    pub fn new(file: File) -> FileSink {
        FileSink(Away(Some(file)))
    }

    /// The file, unless a write was abandoned.
    pub fn into_file(self) -> Option<File> {
        self.0.0
    }
}

impl Sink for FileSink {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.0.work(move |file| file.write_all(&piece)).await
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.0.work(empty).await
    }
}

fn empty(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0)).map(drop)
}

/// A file whose download goes on in the next process, after a kill or a power cut.
///
/// `PATH.part` beside it says which version it holds and how many bytes of it were flushed, every 8 MiB; what came
/// later is fetched again. One process downloads to a path at a time, and one path is of one URL: the caller sees
/// to both.
pub struct PartFile {
    inner: Away<Part>,
    held: Option<(u64, Validator)>,
}

struct Part {
    path: PathBuf,
    file: File,
    note: Note<Disk>,
    version: Option<Validator>,
    done: u64,
    flushed: u64,
}

impl PartFile {
    /// Opens or makes the file, and cuts it to what is surely there. Blocks.
    ///
    /// # Errors
    /// Those of the disk, and a note of a newer edgekit.
    pub fn open(path: &Path) -> io::Result<PartFile> {
        let note = note_of(path);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let found = match note.read().map_err(io::Error::other)? {
            Found::Text(text) => read(&text),
            Found::Newer(_) => {
                let text = format!("'{}' is of a newer edgekit", note.path().display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            // Set aside by the next note; without one there is nothing to go on from.
            Found::Nothing | Found::Damage => None,
        };
        let held = found.filter(|(done, _)| file.metadata().is_ok_and(|meta| meta.len() >= *done));
        let (done, version) = held.clone().map_or((0, None), |(done, version)| (done, Some(version)));
        file.set_len(done)?;
        file.seek(SeekFrom::Start(done))?;
        let path = path.to_path_buf();
        let part = Part { path, file, note, version, done, flushed: done };
        Ok(PartFile { inner: Away(Some(part)), held })
    }

    /// What an earlier run left: bytes, and the version they are of.
    pub fn held(&self) -> Option<(u64, Validator)> {
        self.held.clone().filter(|(done, _)| *done > 0)
    }

    /// Makes the complete file durable as `to`, in the same folder, and forgets the note. Look at its content
    /// before that.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn finish(mut self, to: &Path) -> io::Result<()> {
        let to = to.to_path_buf();
        self.inner
            .work(move |part| {
                part.file.sync_all()?;
                Disk.rename(&part.path, &to)?;
                Disk.sync_folder(to.parent().filter(|folder| *folder != "").unwrap_or(Path::new(".")))?;
                part.note.remove().map_err(io::Error::other)
            })
            .await
    }
}

impl Part {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.done += piece.len() as u64;
        if self.version.is_some() && self.done - self.flushed >= FLUSH {
            self.file.sync_data()?;
            self.flushed = self.done;
            self.record()?;
        }
        Ok(())
    }

    /// Writes down what is on disk.
    fn record(&self) -> io::Result<()> {
        let Some(version) = &self.version else { return Ok(()) };
        let kind = match version {
            Validator::Tag(_) => "tag",
            Validator::Modified(_) => "modified",
        };
        let text = format!("{} {kind} {}", self.flushed, version.as_str());
        let kept = self.note.write(&text, 0o644).map_err(io::Error::other)?;
        if let Some(kept) = kept {
            let kept = kept.display();
            tracing::error!(%kept, "'{}' was damaged, and is set aside", self.note.path().display());
        }
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        // Before the bytes it speaks of.
        self.note.remove().map_err(io::Error::other)?;
        (self.version, self.done, self.flushed) = (None, 0, 0);
        empty(&mut self.file)
    }
}

impl Sink for PartFile {
    async fn begin(&mut self, version: Option<&Validator>) -> io::Result<()> {
        let version = version.filter(|version| version.as_str().len() <= LONGEST_VERSION).cloned();
        self.inner
            .work(move |part| {
                part.version = version;
                part.record()
            })
            .await
    }

    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.inner.work(move |part| part.write(&piece)).await
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.held = None;
        self.inner.work(Part::restart).await
    }
}

fn note_of(path: &Path) -> Note<Disk> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    Note::new(Disk, &PathBuf::from(name), "part", 1)
}

/// Bytes flushed, and the version they are of.
fn read(text: &str) -> Option<(u64, Validator)> {
    let (done, rest) = text.split_once(' ')?;
    let version = match rest.split_once(' ')? {
        ("tag", tag) => Validator::Tag(tag.to_owned()),
        ("modified", date) => Validator::Modified(date.to_owned()),
        _ => return None,
    };
    Some((done.parse().ok()?, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back() {
        let tag = Validator::Tag("\"a b\"".to_owned());
        let date = Validator::Modified("Sun, 06 Nov 1994 08:49:37 GMT".to_owned());
        assert_eq!(read("8388608 tag \"a b\""), Some((8_388_608, tag)));
        assert_eq!(read("0 modified Sun, 06 Nov 1994 08:49:37 GMT"), Some((0, date)));
        for wrong in ["", "5", "5 tag", "x tag \"a\"", "-1 tag \"a\"", "5 other \"a\""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
