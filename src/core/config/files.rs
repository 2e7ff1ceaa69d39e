//! Finding and reading the files of one applet: `NAME.toml`, then `NAME.d/*.toml` in lexical order.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::problem::{Problem, Problems};
use crate::text;

/// Largest file, in bytes.
pub const MAX_FILE: u64 = 1024 * 1024;

/// Most drop-ins of one applet.
pub const MAX_DROP_INS: usize = 256;

/// A file's bytes; `None` if it is not there.
///
/// # Errors
/// Why it cannot be read, in words.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    // Without O_NONBLOCK a pipe under this name would hold the process for ever.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(text::io_reason(&error)),
    };
    let meta = file.metadata().map_err(|error| text::io_reason(&error))?;
    if meta.is_dir() {
        return Err("it is a directory, not a file".to_owned());
    }
    if !meta.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| text::io_reason(&error))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {}", crate::units::Size(limit)));
    }
    Ok(Some(bytes))
}

/// The drop-ins in the directory, in the order they are laid over each other. A directory that is not
/// there holds none.
pub(crate) fn drop_ins(directory: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let refused = |reason: &str| Problem::new(format!("cannot read {}: {reason}", directory.display()));
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.push(refused(&text::io_reason(&error)));
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => files.push(entry.path()),
            Err(error) => problems.push(refused(&text::io_reason(&error))),
        }
    }
    files.retain(|path| {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && path.extension().is_some_and(|extension| extension == "toml")
    });
    crate::sort::natural(&mut files);
    if files.len() > MAX_DROP_INS {
        problems.push(refused(&format!("{} files, at most {MAX_DROP_INS} are read", files.len())));
        files.truncate(MAX_DROP_INS);
    }
    files
}
