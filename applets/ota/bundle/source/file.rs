//! A bundle that is here: a file, or what comes in.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::Source;
use crate::fault::Fault;

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

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        loop {
            match self.file.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(Fault::io("read", &self.place)),
            }
        }
    }

    fn pass(&mut self, mut bytes: u64) -> Result<(), Fault> {
        if self.jumps {
            let ahead = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput.into());
            return ahead.and_then(|bytes| self.file.jump(bytes)).map_err(Fault::io("read", &self.place));
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
