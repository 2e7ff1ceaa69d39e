//! One link: what is there, whether it is ours, and what to do about it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use edgekit_core::{Error, ErrorContext};

/// The two sorts of links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Symbolic,
    Hard,
}

/// What came of one link.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Done, or what would be done, in words.
    Done(String),
    /// It was already as asked.
    Nothing,
    /// Something else has the name.
    Foreign(PathBuf),
}

/// How links are made.
pub(super) struct Links {
    pub(super) kind: Kind,
    /// What they lead to; canonical.
    pub(super) file: PathBuf,
    /// Where they are; canonical.
    pub(super) directory: PathBuf,
    pub(super) dry_run: bool,
}

/// What stands at a link's path.
enum Standing {
    Free,
    Ours,
    /// The file itself, which is no link.
    Itself,
    Foreign,
}

impl Links {
    /// Makes the link `name`, unless it is there.
    pub(super) fn make(&self, name: &str) -> Result<Outcome, Error> {
        let path = self.directory.join(name);
        match self.standing(&path).with_context(|| format!("cannot look at '{}'", path.display()))? {
            Standing::Ours | Standing::Itself => Ok(Outcome::Nothing),
            Standing::Foreign => Ok(Outcome::Foreign(path)),
            Standing::Free => {
                let target = self.target();
                if !self.dry_run {
                    let made = match self.kind {
                        Kind::Symbolic => symlink(&target, &path),
                        Kind::Hard => fs::hard_link(&self.file, &path),
                    };
                    made.map_err(|error| failed(&path, error))?;
                }
                let arrow = if self.kind == Kind::Symbolic { "->" } else { "=" };
                Ok(self.say("made", format!("{} {arrow} {}", path.display(), target.display())))
            }
        }
    }

    /// Removes the link `name`, if it is ours.
    pub(super) fn remove(&self, name: &str) -> Result<Outcome, Error> {
        let path = self.directory.join(name);
        match self.standing(&path).with_context(|| format!("cannot look at '{}'", path.display()))? {
            Standing::Free | Standing::Itself => Ok(Outcome::Nothing),
            Standing::Foreign => Ok(Outcome::Foreign(path)),
            Standing::Ours => {
                if !self.dry_run {
                    fs::remove_file(&path).with_context(|| format!("cannot remove '{}'", path.display()))?;
                }
                Ok(self.say("removed", path.display().to_string()))
            }
        }
    }

    fn say(&self, done: &str, what: String) -> Outcome {
        let would = if done == "made" { "would make" } else { "would remove" };
        Outcome::Done(format!("{} {what}", if self.dry_run { would } else { done }))
    }

    /// Beside the file a name is enough, and survives a move of the whole directory.
    fn target(&self) -> PathBuf {
        match self.file.file_name() {
            Some(name) if self.file.parent() == Some(&self.directory) => PathBuf::from(name),
            _ => self.file.clone(),
        }
    }

    fn standing(&self, path: &Path) -> io::Result<Standing> {
        let there = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Free),
            Err(error) => return Err(error),
        };
        if path == self.file {
            return Ok(Standing::Itself);
        }
        let ours = if there.is_symlink() {
            fs::canonicalize(path).is_ok_and(|led_to| led_to == self.file)
        } else {
            let file = fs::metadata(&self.file)?;
            (there.dev(), there.ino()) == (file.dev(), file.ino())
        };
        Ok(if ours { Standing::Ours } else { Standing::Foreign })
    }
}

/// Only one of the reasons has a next step.
fn failed(path: &Path, error: io::Error) -> Error {
    let crosses = error.kind() == io::ErrorKind::CrossesDevices;
    let error = Error::from(error).context(format!("cannot make '{}'", path.display()));
    if crosses { error.hint("hard links cannot leave a file system; try --symlink") } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(name: &str, kind: Kind) -> Links {
        let directory = std::env::temp_dir().join(format!("edgekit-links-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let directory = fs::canonicalize(directory).unwrap();
        let file = directory.join("edgekit");
        fs::write(&file, "x").unwrap();
        Links { kind, file, directory, dry_run: false }
    }

    #[test]
    fn made_once_and_removed_once() {
        for (name, kind) in [("sym", Kind::Symbolic), ("hard", Kind::Hard)] {
            let links = links(name, kind);
            assert!(matches!(links.make("edgekit-a").unwrap(), Outcome::Done(_)));
            assert!(matches!(links.make("edgekit-a").unwrap(), Outcome::Nothing));
            assert!(matches!(links.make("edgekit").unwrap(), Outcome::Nothing));
            assert!(matches!(links.remove("edgekit-a").unwrap(), Outcome::Done(_)));
            assert!(matches!(links.remove("edgekit-a").unwrap(), Outcome::Nothing));
            assert!(matches!(links.remove("edgekit").unwrap(), Outcome::Nothing));
            assert!(links.file.exists());
            fs::remove_dir_all(&links.directory).unwrap();
        }
    }

    #[test]
    fn what_is_not_ours_stays() {
        let links = links("foreign", Kind::Symbolic);
        fs::write(links.directory.join("edgekit-a"), "mine").unwrap();
        symlink("nowhere", links.directory.join("edgekit-b")).unwrap();
        for name in ["edgekit-a", "edgekit-b"] {
            assert!(matches!(links.make(name).unwrap(), Outcome::Foreign(_)));
            assert!(matches!(links.remove(name).unwrap(), Outcome::Foreign(_)));
        }
        assert_eq!(fs::read_to_string(links.directory.join("edgekit-a")).unwrap(), "mine");
        fs::remove_dir_all(&links.directory).unwrap();
    }
}
