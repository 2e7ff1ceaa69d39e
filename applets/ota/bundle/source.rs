//! Where a bundle comes from: a file or standard input today; HTTP with ranges, OCI and a job's link later.
//!
//! A bundle is read forwards, and what is not needed is passed over: a source that can jump does, one that cannot
//! reads on. Going back is never asked for. Neighbours: `head` and `read`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::fault::Fault;

/// The bytes of a bundle, in order.
pub trait Source {
    /// What it is called in messages.
    fn place(&self) -> &str;
    /// Reads up to a buffer's length; 0 at the end.
    ///
    /// # Errors
    /// What the system or the other side said.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Passes over bytes.
    ///
    /// # Errors
    /// As [`Source::read`]; the end may be found only by the next read.
    fn pass(&mut self, bytes: u64) -> io::Result<()>;
}

/// A file, or what comes in.
#[derive(Debug)]
pub struct FileSource {
    file: Box<dyn Stream>,
    place: String,
    jumps: bool,
}

trait Stream: Read + std::fmt::Debug {
    fn jump(&mut self, bytes: i64) -> io::Result<()>;
}

impl Stream for File {
    fn jump(&mut self, bytes: i64) -> io::Result<()> {
        self.seek(SeekFrom::Current(bytes)).map(drop)
    }
}

impl Stream for io::Stdin {
    fn jump(&mut self, _bytes: i64) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }
}

impl FileSource {
    /// Opens a bundle; `-` is standard input.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn open(path: &Path) -> Result<FileSource, Fault> {
        if path.as_os_str() == "-" {
            return Ok(FileSource {
                file: Box::new(io::stdin()),
                place: "standard input".to_owned(),
                jumps: false,
            });
        }
        let file = File::open(path).map_err(Fault::io("open", path))?;
        let jumps = file.metadata().map_err(Fault::io("look at", path))?.is_file();
        Ok(FileSource { file: Box::new(file), place: path.display().to_string(), jumps })
    }
}

impl Source for FileSource {
    fn place(&self) -> &str {
        &self.place
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn pass(&mut self, mut bytes: u64) -> io::Result<()> {
        if self.jumps {
            return self.file.jump(i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?);
        }
        let mut buffer = vec![0; 64 << 10];
        while bytes > 0 {
            let most = usize::try_from(bytes).map_or(buffer.len(), |bytes| bytes.min(buffer.len()));
            match self.read(&mut buffer[..most])? {
                0 => return Ok(()),
                read => bytes -= read as u64,
            }
        }
        Ok(())
    }
}

/// A bundle in memory.
#[derive(Clone, Copy, Debug)]
pub struct BytesSource<'a>(pub &'a [u8]);

impl Source for BytesSource<'_> {
    fn place(&self) -> &str {
        "memory"
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.0.len());
        self.0 = &self.0[bytes..];
        Ok(())
    }
}

/// A source that counts, and says what is missing when the end comes early.
pub(crate) struct Reader<'a> {
    source: &'a mut dyn Source,
    at: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a mut dyn Source) -> Reader<'a> {
        Reader { source, at: 0 }
    }

    pub(crate) fn place(&self) -> &str {
        self.source.place()
    }

    /// Where the next byte lies.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Fills all of it; `what` is what would be incomplete.
    pub(crate) fn fill(&mut self, into: &mut [u8], what: &'static str) -> Result<(), Fault> {
        let start = self.at;
        let mut filled = 0;
        while filled < into.len() {
            match self.read(&mut into[filled..])? {
                0 => {
                    let (place, end) = (self.place().to_owned(), self.at);
                    return Err(Fault::Short { place, what, at: start + into.len() as u64, end });
                }
                read => filled += read,
            }
        }
        Ok(())
    }

    /// Goes on at a place, which lies ahead.
    pub(crate) fn go_to(&mut self, at: u64) -> Result<(), Fault> {
        let ahead = at.checked_sub(self.at);
        let ahead = ahead.ok_or_else(|| Fault::Machine("a bundle is read forwards only".to_owned()))?;
        if ahead > 0 {
            self.source.pass(ahead).map_err(|error| Fault::io("read", self.source.place())(error))?;
            self.at = at;
        }
        Ok(())
    }

    /// Nothing may follow.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let at = self.at;
        match self.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(self.damaged(at, "the bundle ends here, and the file goes on")),
        }
    }

    pub(crate) fn damaged(&self, at: u64, what: impl Into<String>) -> Fault {
        Fault::Damaged { place: self.place().to_owned(), at, what: what.into() }
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let read = self.source.read(into).map_err(|error| Fault::io("read", self.source.place())(error))?;
        self.at += read as u64;
        Ok(read)
    }
}
