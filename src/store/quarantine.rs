//! Damaged files are set aside under a numbered name, never wiped, and a bounded number of them.
//!
//! The journal copies its file and goes on with what is readable (`journal/open.rs`); a note, which is whole or
//! worthless, is moved (`note.rs`).

use std::path::{Path, PathBuf};

use crate::{
    Error, Fs,
    error::Result,
    fs::{beside, folder_of},
};

/// Damaged copies that may lie beside a file; a disk that makes more needs a person.
const COPIES: usize = 16;

/// Moves a damaged file out of the way, to `PATH.corrupt-N`; gives its new name, durable when this returns.
///
/// # Errors
/// [`Error::Copies`] when enough of them are there already, [`Error::Io`]. The file stays where it is then.
pub(crate) fn set_aside(fs: &dyn Fs, path: &Path) -> Result<PathBuf> {
    let kept = free_name(fs, path)?;
    fs.rename(path, &kept).map_err(Error::io("set aside", path))?;
    let folder = folder_of(path);
    fs.sync_folder(folder).map_err(Error::io("flush the folder", folder))?;
    Ok(kept)
}

/// A free name for a damaged copy.
pub(crate) fn free_name(fs: &dyn Fs, path: &Path) -> Result<PathBuf> {
    let folder = folder_of(path);
    let prefix = beside(path, ".corrupt-");
    let prefix = prefix.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let names = fs.list(folder).map_err(Error::io("list", folder))?;
    let numbers: Vec<u64> = names.iter().filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect();
    if numbers.len() >= COPIES {
        return Err(Error::Copies { path: path.to_path_buf(), count: numbers.len() });
    }
    let next = numbers.into_iter().max().unwrap_or(0) + 1;
    Ok(beside(path, &format!(".corrupt-{next}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Disk, proof::Scratch};

    #[test]
    fn sixteen_are_set_aside_and_the_next_is_left_where_it_is() {
        let scratch = Scratch::new();
        let path = scratch.path("clock");
        for number in 1..=COPIES {
            std::fs::write(&path, number.to_string()).unwrap();
            assert_eq!(set_aside(&Disk, &path).unwrap(), scratch.path(&format!("clock.corrupt-{number}")));
        }
        std::fs::write(&path, "one more").unwrap();
        let error = set_aside(&Disk, &path).unwrap_err();
        assert!(error.to_string().ends_with("and 16 damaged copies are beside it already"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"one more");
        assert_eq!(std::fs::read(scratch.path("clock.corrupt-3")).unwrap(), b"3");
    }
}
