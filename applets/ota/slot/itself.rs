//! A program that is exchanged while it runs: edgekit itself, or another that needs no slot of its own.
//!
//! ```text
//! /usr/local/bin/edgekit   .edgekit.a   .edgekit.b       the first is another name of one of the two others
//! ```
//! The new file is written beside the old one, proven as any other, and asked for its version before it counts: a file
//! for another machine ends here. The exchange is a name that is moved over another, in one step, so that whoever starts
//! the program finds the old one or the new; what runs keeps its own file. Going back is the same step the other way.
//! A file that somebody else has put in its place is neither, and is left alone until the next installation keeps it
//! as what runs.
//!
//! Neighbours: `plain` writes and reads, `apply::settle` exchanges, `edgekit upgrade` hands services over.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edgekit_rt::child::Program;
use edgekit_store::{Fs, Stat};

use super::plain::{Nature, Plain, folder_of};
use super::{Durable, Slot};
use crate::boot::Name;
use crate::fault::Fault;
use crate::image::Image;

/// How long a program may take to say its version.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a handed-over service serves before the old one ends, and what that may take beside.
const PROBATION: &str = "10s";
const HANDOVER: Duration = Duration::from_secs(60);
/// Bytes of what it says that are kept.
const KEEP: usize = 2048;

/// A program in a slot.
#[derive(Debug)]
pub(crate) struct Itself {
    plain: Plain,
    fs: Arc<dyn Fs>,
    /// Where it is started from, and its file in this slot.
    path: PathBuf,
    own: PathBuf,
}

impl Itself {
    pub(crate) fn new(fs: Arc<dyn Fs>, path: &Path, slot: Name) -> Itself {
        let own = beside(path, slot.word());
        let plain = Plain::new(fs.clone(), &own, Nature::Anew(path.to_owned(), 0o755));
        Itself { plain, fs, path: path.to_owned(), own }
    }
}

impl Slot for Itself {
    fn place(&self) -> String {
        self.plain.place()
    }

    fn check(&self, size: u64) -> Result<(), Fault> {
        self.plain.check(size)
    }

    fn begin(&mut self, size: u64, resume: Option<&Durable>) -> Result<(), Fault> {
        self.plain.begin(size, resume)
    }

    fn write(&mut self, page: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.plain.write(page, bytes)
    }

    fn flush(&mut self) -> Result<Vec<u8>, Fault> {
        self.plain.flush()
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.plain.finish()
    }

    fn memo(&self) -> Option<Vec<u8>> {
        self.plain.memo()
    }

    fn left(&self) -> Result<Option<Box<dyn Image>>, Fault> {
        self.plain.left()
    }

    fn try_out(&self) -> Result<(), Fault> {
        run(&[self.own.as_os_str(), OsStr::new("--version")], DEADLINE).map_err(|why| {
            Fault::Target(
                format!("the new program does not run here: {why}"),
                "the bundle may be for another machine; what runs is untouched".to_owned(),
            )
        })
    }

    fn image(&self) -> Result<Box<dyn Image>, Fault> {
        match self.plain.image() {
            // Before the first exchange, what runs has only the one name.
            Err(Fault::Absent(..)) => Plain::new(self.fs.clone(), &self.path, Nature::Area).image(),
            other => other,
        }
    }
}

/// `.edgekit.a`, in the same folder: a name can only be moved there.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

/// Keeps what runs under the name of its slot, so that it can be gone back to: before the first exchange, and after
/// somebody else has put a file there.
pub(crate) fn keep(fs: &dyn Fs, path: &Path, running: Name) -> Result<(), Fault> {
    let [here, a, b] = [path.to_owned(), beside(path, "a"), beside(path, "b")].map(|path| look(fs, &path));
    let Some(here) = here? else { return Ok(()) };
    let is_known = |other: &Option<Stat>| other.is_some_and(|other| other.id == here.id);
    if is_known(&a?) || is_known(&b?) {
        return Ok(());
    }
    name(fs, path, &beside(path, running.word()))
}

/// Makes the program of a slot the one that is started. A file that is of neither slot is left alone.
pub(crate) fn exchange(fs: &dyn Fs, path: &Path, running: Name) -> Result<(), Fault> {
    let (own, other) = (beside(path, running.word()), beside(path, running.other().word()));
    let [here, own_, other_] = [path, &own, &other].map(|path| look(fs, path));
    let (Some(here), Some(own_), other_) = (here?, own_?, other_?) else { return Ok(()) };
    match here.id != own_.id && other_.is_some_and(|other| other.id == here.id) {
        true => name(fs, &own, path),
        false => Ok(()),
    }
}

/// Hands services over to the new program.
pub(crate) fn hand_over(path: &Path, daemons: &[String]) -> Result<(), String> {
    daemons.iter().try_for_each(|daemon| {
        let words = ["upgrade", "--probation", PROBATION, daemon].map(OsStr::new);
        run(&[&[path.as_os_str()], &words[..]].concat(), HANDOVER)
    })
}

/// Gives a file another name, over whatever had it.
fn name(fs: &dyn Fs, file: &Path, to: &Path) -> Result<(), Fault> {
    let new = beside(to, "new");
    if look(fs, &new)?.is_some() {
        fs.remove(&new).map_err(Fault::io("remove", &new))?;
    }
    fs.link(file, &new).map_err(Fault::io("create", &new))?;
    fs.rename(&new, to).map_err(Fault::io("replace", to))?;
    fs.sync_folder(folder_of(to)).map_err(Fault::io("flush the folder of", to))
}

fn look(fs: &dyn Fs, path: &Path) -> Result<Option<Stat>, Fault> {
    fs.stat(path).map_err(Fault::io("look at", path))
}

fn run(words: &[&OsStr], deadline: Duration) -> Result<(), String> {
    Program { argv: words.to_vec(), env: Vec::new(), deadline, keep: KEEP }.succeed_here().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_store::Access;
    use edgekit_store::proof::Recorder;

    fn file(disk: &Recorder, path: &str) {
        disk.open(Path::new(path), Access::New(0o755))
            .expect("made")
            .write_at(0, path.as_bytes())
            .expect("written");
    }

    fn same(disk: &Recorder, a: &str, b: &str) -> bool {
        let id = |path: &str| look(disk, Path::new(path)).expect("looked").map(|stat| stat.id);
        id(a).is_some() && id(a) == id(b)
    }

    #[test]
    fn the_program_is_exchanged_and_comes_back() {
        let disk = Recorder::new(1);
        let path = Path::new("/edgekit");
        file(&disk, "/edgekit");
        exchange(&disk, path, Name::B).expect("nothing to do");
        keep(&disk, path, Name::A).expect("kept");
        assert!(same(&disk, "/edgekit", "/.edgekit.a"));
        file(&disk, "/.edgekit.b");
        exchange(&disk, path, Name::A).expect("nothing to do");
        for slot in [Name::B, Name::B, Name::A, Name::B] {
            exchange(&disk, path, slot).expect("exchanged");
            assert!(same(&disk, "/edgekit", &format!("/.edgekit.{slot}")));
        }
        keep(&disk, path, Name::B).expect("nothing to do");
        disk.remove(path).expect("removed");
        file(&disk, "/edgekit");
        exchange(&disk, path, Name::A).expect("not ours");
        assert!(!same(&disk, "/edgekit", "/.edgekit.a"));
        keep(&disk, path, Name::B).expect("kept");
        exchange(&disk, path, Name::A).expect("exchanged");
        assert!(same(&disk, "/edgekit", "/.edgekit.a"));
    }

    #[test]
    fn a_program_that_does_not_run_is_told() {
        assert_eq!(run(&[OsStr::new("/bin/true")], DEADLINE), Ok(()));
        assert!(run(&[OsStr::new("/bin/false")], DEADLINE).is_err());
        assert!(run(&[OsStr::new("/etc/passwd")], DEADLINE).is_err());
    }
}
