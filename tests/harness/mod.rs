//! What the end-to-end tests share: calling the binary, a directory to work in, golden files.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The file under test.
pub(crate) fn binary() -> PathBuf {
    let given = std::env::var_os("EDGEKIT_BIN").map(PathBuf::from);
    given.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_edgekit")))
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How a call ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Fails unless it ended with `code`.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// Calls the file under test by its own path.
pub(crate) fn edgekit<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Said {
    say(Command::new(binary()).args(arguments))
}

/// Runs a command in an environment that says nothing about colour.
pub(crate) fn say(command: &mut Command) -> Said {
    let output = plain(command).stdin(Stdio::null()).output().expect("the command starts");
    Said {
        code: output.status.code(),
        // A tracer prints what others do meanwhile, paths that are not text included.
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The environment of every call.
pub(crate) fn plain(command: &mut Command) -> &mut Command {
    ["NO_COLOR", "CLICOLOR_FORCE", "PAGER", "COLUMNS"]
        .iter()
        .fold(command, |command, name| command.env_remove(name))
}

/// A directory that is gone when the test ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("edgekit-e2e-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a scratch directory");
        Scratch(fs::canonicalize(path).expect("it exists"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Compares with `tests/cli/golden/NAME`; `EDGEKIT_BLESS=1` writes it instead.
#[track_caller]
pub(crate) fn golden(name: &str, text: &str) {
    let path = root().join("tests/cli/golden").join(name);
    if std::env::var_os("EDGEKIT_BLESS").is_some() {
        fs::write(&path, text).expect("the golden file is written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{name} differs; EDGEKIT_BLESS=1 accepts this:\n{text}\ninstead of:\n{expected}"
    );
}
