//! Rules as files: which there are, and their text, read whole or not at all.
//!
//! Editors and package managers replace files while we read. A text counts only if the file was the same before
//! and after, and is still the one its name leads to; else it is read again. Neighbours: `check`, `test` and the
//! service's `loader` compile what is read here.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use edgekit_core::text;

/// Files of one set of rules.
pub(crate) const MAX_FILES: usize = 16_384;
/// Bytes of one file.
pub(crate) const MAX_FILE: u64 = 1 << 20;
/// Bytes of all files together.
const MAX_TOTAL: u64 = 64 << 20;
/// Folders within folders.
const MAX_DEPTH: usize = 8;
/// How often a file that changes meanwhile is read again, and after how long.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// How a file of rules ends.
pub(crate) const EXTENSION: &str = "luau";

/// A text with the name it is shown by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Why a file or a folder cannot be used: a whole message that names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unreadable {
    pub(crate) message: String,
    pub(crate) hint: Option<&'static str>,
    /// Nothing is there.
    pub(crate) is_missing: bool,
}

impl Unreadable {
    fn new(message: String) -> Unreadable {
        Unreadable { message, hint: None, is_missing: false }
    }

    fn of(path: &Path, error: &io::Error) -> Unreadable {
        let reason = text::io_reason(error);
        Unreadable {
            message: format!("cannot read '{}': {reason}", path.display()),
            hint: None,
            is_missing: error.kind() == io::ErrorKind::NotFound,
        }
    }
}

/// The files below `path` that `wanted` accepts by name, in order; `path` itself if it is a file.
pub(crate) fn files(path: &Path, wanted: fn(&str) -> bool) -> Result<Vec<PathBuf>, Unreadable> {
    let found = fs::metadata(path).map_err(|error| Unreadable::of(path, &error))?;
    if !found.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    collect(path, wanted, MAX_DEPTH, &mut files)?;
    edgekit_core::sort::natural(&mut files);
    Ok(files)
}

fn collect(
    folder: &Path,
    wanted: fn(&str) -> bool,
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), Unreadable> {
    let entries = fs::read_dir(folder).map_err(|error| Unreadable::of(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Unreadable::of(folder, &error))?.path();
        // Names that are hidden belong to editors; one that is no text cannot be shown in an error.
        let Some(name) =
            path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.'))
        else {
            continue;
        };
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                if depth == 0 {
                    return Err(Unreadable::new(format!("'{}' is too deep a folder", path.display())));
                }
                collect(&path, wanted, depth - 1, files)?;
            }
            Ok(_) if wanted(name) => {
                if files.len() == MAX_FILES {
                    let mut error =
                        Unreadable::new(format!("'{}' has more than {MAX_FILES} files", folder.display()));
                    error.hint = Some("put several rules into one file");
                    return Err(error);
                }
                files.push(path);
            }
            Ok(_) => {}
            // A link that leads nowhere is a missing file where it was meant to be a rule.
            Err(error) if wanted(name) => return Err(Unreadable::of(&path, &error)),
            Err(_) => {}
        }
    }
    Ok(())
}

/// True for the name of a file of rules.
pub(crate) fn is_rules(name: &str) -> bool {
    name.strip_suffix(EXTENSION).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
}

/// Reads all of `paths`; gives every fault there is.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Source>, Vec<Unreadable>> {
    let (mut sources, mut faults, mut total) = (Vec::with_capacity(paths.len()), Vec::new(), 0);
    for path in paths {
        match read(path) {
            Ok(source) => {
                total += source.text.len() as u64;
                sources.push(source);
            }
            Err(fault) => faults.push(fault),
        }
        if total > MAX_TOTAL {
            faults.push(Unreadable::new(format!("the rules are larger than {MAX_TOTAL} bytes together")));
            break;
        }
    }
    if faults.is_empty() { Ok(sources) } else { Err(faults) }
}

/// Reads one file whole.
pub(crate) fn read(path: &Path) -> Result<Source, Unreadable> {
    let failed = |error: io::Error| Unreadable::of(path, &error);
    for _ in 0..ATTEMPTS {
        let mut file = File::open(path).map_err(failed)?;
        let before = file.metadata().map_err(failed)?;
        if !before.is_file() {
            return Err(Unreadable::new(format!("cannot read '{}': it is no file", path.display())));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.len().min(MAX_FILE)).unwrap_or(0));
        (&mut file).take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(Unreadable::new(format!(
                "cannot read '{}': it is larger than {MAX_FILE} bytes",
                path.display()
            )));
        }
        let after = file.metadata().map_err(failed)?;
        let named = fs::metadata(path).map_err(failed)?;
        let is_same = |one: &fs::Metadata, other: &fs::Metadata| {
            let of = |it: &fs::Metadata| {
                (it.dev(), it.ino(), it.len(), it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec())
            };
            of(one) == of(other)
        };
        if is_same(&before, &after) && is_same(&after, &named) && bytes.len() as u64 == after.len() {
            return decode(path, bytes);
        }
        thread::sleep(PAUSE);
    }
    let mut error = Unreadable::new(format!("cannot read '{}': it changes all the time", path.display()));
    error.hint = Some("write a new file beside it and rename that over it");
    Err(error)
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<Source, Unreadable> {
    let name = path.display().to_string();
    String::from_utf8(bytes).map(|text| Source { name: name.clone(), text }).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        Unreadable::new(format!("{name}:{line}: the text is not UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("edgekit-folder-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        path
    }

    #[test]
    fn only_rules_are_found_in_order() {
        let folder = scratch("order");
        fs::create_dir(folder.join("sub")).expect("a directory");
        for name in ["b.luau", "a.luau", ".a.luau", "a.luau~", "a_test.toml", "sub/c.luau", ".luau"] {
            fs::write(folder.join(name), "").expect("written");
        }
        let found = files(&folder, is_rules).expect("readable");
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(&folder).expect("below")).collect();
        assert_eq!(names, [Path::new("a.luau"), Path::new("b.luau"), Path::new("sub/c.luau")]);
        fs::remove_dir_all(folder).expect("gone");
    }

    #[test]
    fn a_missing_link_and_a_wrong_encoding_are_named() {
        let folder = scratch("wrong");
        std::os::unix::fs::symlink("nowhere", folder.join("gone.luau")).expect("a link");
        let error = files(&folder, is_rules).expect_err("it leads nowhere");
        assert!(error.is_missing && error.message.contains("gone.luau"), "{error:?}");
        let path = folder.join("latin.luau");
        fs::write(&path, b"-- one\n-- \xe9\n").expect("written");
        let error = read(&path).expect_err("not UTF-8");
        assert!(error.message.ends_with("latin.luau:2: the text is not UTF-8"), "{error:?}");
        fs::write(&path, vec![b' '; MAX_FILE as usize + 1]).expect("written");
        assert!(read(&path).expect_err("too large").message.contains("larger than"));
        fs::remove_dir_all(folder).expect("gone");
    }

    #[test]
    fn a_text_is_never_a_mixture() {
        let folder = scratch("mixture");
        let path = folder.join("rule.luau");
        let (one, two) = ("a".repeat(300_000), "b".repeat(300_001));
        fs::write(&path, &one).expect("written");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let beside = folder.join("new");
                while !stop.load(Ordering::Relaxed) {
                    for text in [&two, &one] {
                        fs::write(&beside, text).expect("written");
                        fs::rename(&beside, &path).expect("renamed");
                    }
                }
            });
            for _ in 0..100 {
                // A file that changes all the time may be refused, never be half of each.
                if let Ok(source) = read(&path) {
                    assert!(source.text == one || source.text == two);
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        fs::remove_dir_all(folder).expect("gone");
    }
}
