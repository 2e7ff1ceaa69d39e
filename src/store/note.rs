//! One line that outlives a restart: the last good time, how far a download is.
//!
//! For what changes seldom and is worthless in part; what changes often is a [`crate::Table`]'s. The file holds
//! `edgekit KIND FORMAT TEXT CRC`: in every format the last word is the CRC-32C of all before it, so that a flipped
//! bit is never taken for a value, nor for a newer format. It is replaced atomically ([`crate::publish`]), without a
//! lock: processes may share it, the last one wins.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{Access, Error, Fs, crc::crc32c, error::Result, publish, quarantine};

/// No note is longer.
const LONGEST: usize = 4096;

/// A note of one kind in one place.
#[derive(Clone, Debug)]
pub struct Note<F> {
    fs: F,
    path: PathBuf,
    kind: &'static str,
    format: u32,
}

/// What is found in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// No file.
    Nothing,
    /// What was written last.
    Text(String),
    /// Not what was written.
    Damage,
    /// A newer edgekit's, of this format; it will want it back.
    Newer(u32),
}

impl<F: Fs> Note<F> {
    /// A note of a `kind` (one word) at `path`, written and read in `format`.
    pub fn new(fs: F, path: &Path, kind: &'static str, format: u32) -> Note<F> {
        Note { fs, path: path.to_path_buf(), kind, format }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(&self) -> Result<Found> {
        let file = match self.fs.open(&self.path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            opened => opened.map_err(Error::io("open", &self.path))?,
        };
        let bytes = crate::fs::read_all(&*file, LONGEST as u64).map_err(Error::io("read", &self.path))?;
        Ok(self.parse(&bytes).unwrap_or(Found::Damage))
    }

    /// Replaces it, durable when this returns. A damaged one is set aside first; gives where.
    ///
    /// # Errors
    /// [`Error::Format`] for a newer one, which is left as it is, [`Error::TooLarge`], and as [`publish::file`].
    pub fn write(&self, text: &str, mode: u32) -> Result<Option<PathBuf>> {
        let line = self.seal(text);
        if line.len() > LONGEST || text.contains('\n') {
            return Err(Error::TooLarge { path: self.path.clone(), len: line.len(), limit: LONGEST });
        }
        let kept = match self.read()? {
            Found::Newer(found) => {
                return Err(Error::Format { path: self.path.clone(), found, known: self.format });
            }
            Found::Damage => Some(quarantine::set_aside(&self.fs, &self.path)?),
            Found::Nothing | Found::Text(_) => None,
        };
        publish::file(&self.fs, &self.path, line.as_bytes(), mode)?;
        Ok(kept)
    }

    /// Removes it, if it is there; durable when this returns.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove(&self) -> Result<()> {
        match self.fs.remove(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(Error::io("remove", &self.path))?,
        }
        let folder = crate::fs::folder_of(&self.path);
        self.fs.sync_folder(folder).map_err(Error::io("flush the folder", folder))
    }

    fn parse(&self, bytes: &[u8]) -> Option<Found> {
        let (line, crc) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.rsplit_once(' ')?;
        if crc != format!("{:08x}", crc32c(0, line.as_bytes())) {
            return None;
        }
        let (format, text) =
            line.strip_prefix("edgekit ")?.strip_prefix(self.kind)?.strip_prefix(' ')?.split_once(' ')?;
        match format.parse().ok()? {
            format if format == self.format => Some(Found::Text(text.to_owned())),
            format if format > self.format => Some(Found::Newer(format)),
            _ => None,
        }
    }

    fn seal(&self, text: &str) -> String {
        let line = format!("edgekit {} {} {text}", self.kind, self.format);
        format!("{line} {:08x}\n", crc32c(0, line.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Disk, proof::Scratch};
    use std::fs;

    fn note(scratch: &Scratch, format: u32) -> Note<Disk> {
        Note::new(Disk, &scratch.path("clock"), "clock", format)
    }

    #[test]
    fn what_was_written_is_read_and_removed() {
        let scratch = Scratch::new();
        let note = note(&scratch, 1);
        assert_eq!(note.read().unwrap(), Found::Nothing);
        for text in ["1790000000", "", "a b  c"] {
            assert_eq!(note.write(text, 0o644).unwrap(), None);
            assert_eq!(note.read().unwrap(), Found::Text(text.to_owned()));
        }
        assert_eq!(fs::read(note.path()).unwrap(), b"edgekit clock 1 a b  c a1a7f63d\n");
        note.remove().unwrap();
        note.remove().unwrap();
        assert_eq!(note.read().unwrap(), Found::Nothing);
        assert!(matches!(note.write("two\nlines", 0o644), Err(Error::TooLarge { .. })));
        assert!(matches!(note.write(&"x".repeat(LONGEST), 0o644), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_damage_which_is_set_aside() {
        let scratch = Scratch::new();
        let note = note(&scratch, 1);
        note.write("1790000000", 0o644).unwrap();
        let whole = fs::read(note.path()).unwrap();
        for at in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(note.parse(&flipped), None, "bit {at}");
        }
        for length in 0..whole.len() {
            assert_eq!(note.parse(&whole[..length]), None, "{length} bytes");
        }
        fs::write(note.path(), &whole[1..]).unwrap();
        assert_eq!(note.read().unwrap(), Found::Damage);
        assert_eq!(note.write("1790000001", 0o644).unwrap(), Some(scratch.path("clock.corrupt-1")));
        assert_eq!(note.read().unwrap(), Found::Text("1790000001".to_owned()));
        assert_eq!(fs::read(scratch.path("clock.corrupt-1")).unwrap(), &whole[1..]);
    }

    #[test]
    fn a_newer_format_is_left_as_it_is_and_another_kind_is_damage() {
        let scratch = Scratch::new();
        note(&scratch, 4711).write("something else", 0o644).unwrap();
        let before = fs::read(scratch.path("clock")).unwrap();
        let note = note(&scratch, 1);
        assert_eq!(note.read().unwrap(), Found::Newer(4711));
        let error = note.write("1", 0o644).unwrap_err();
        assert!(error.to_string().ends_with("is of format 4711, and this version reads up to 1"), "{error}");
        assert_eq!(fs::read(scratch.path("clock")).unwrap(), before);
        let other = Note::new(Disk, &scratch.path("clock"), "part", 1);
        assert_eq!(other.read().unwrap(), Found::Damage);
    }

    #[test]
    fn every_past_format_is_read() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/store");
        let note = Note::new(Disk, &fixtures.join("format-1.note"), "clock", 1);
        assert_eq!(note.read().unwrap(), Found::Text("1790000000".to_owned()));
    }
}
