//! Which file this process was started from, and with what words: what is to be started in its place later.
//!
//! The kernel's answer (`/proc/self/exe`) follows links to the file they led to, which is the old one after an
//! upgrade by links. So the name we were called by counts, if it led to us when we started.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program and its arguments, as of the start of this process.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    name: OsString,
    arguments: Vec<OsString>,
}

impl Program {
    /// This process's own. To be asked while nobody has replaced it.
    ///
    /// # Errors
    /// No `/proc`.
    pub(crate) fn own() -> io::Result<Program> {
        let mut words = env::args_os();
        let name = words.next().unwrap_or_else(|| "edgekit".into());
        let called = called_by(Path::new(&name)).filter(|path| is_us(path));
        let path = match called {
            Some(path) => path,
            None => env::current_exe()?,
        };
        Ok(Program { path, name, arguments: words.collect() })
    }

    /// What starts it once more.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.arg0(&self.name).args(&self.arguments);
        command
    }
}

/// Where a name leads that a program was called by, as a shell looks for it.
fn called_by(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 || name.is_absolute() {
        return std::path::absolute(name).ok();
    }
    let places = env::var_os("PATH")?;
    env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_absolute() && path.is_file())
}

fn is_us(path: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    place(path).is_some_and(|found| Some(found) == place(Path::new("/proc/self/exe")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_again_by_the_name_it_was_called_by() {
        let own = Program::own().unwrap();
        assert!(is_us(&own.path), "{}", own.path.display());
        assert!(called_by(Path::new("sh")).is_some_and(|path| path.is_absolute()));
        assert_eq!(called_by(Path::new("no such program")), None);
        assert_eq!(called_by(Path::new("/a/b")), Some("/a/b".into()));
    }
}
