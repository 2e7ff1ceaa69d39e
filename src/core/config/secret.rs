//! Secrets are never in a flag, a variable or the configuration itself: a `*_file` key names the file.
//!
//! A bare name is a credential of the service manager, below `$CREDENTIALS_DIRECTORY`
//! (systemd.exec(5), `LoadCredential=`).

use std::fmt;
use std::path::{Path, PathBuf};

use super::files;
use crate::{Error, Exit, Paths};

/// Largest secret, in bytes: a key with its whole chain is smaller.
pub const MAX_SECRET: u64 = 64 * 1024;

/// The value of a `*_file` key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretFile(String);

/// What such a file holds. It is not shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl SecretFile {
    /// An absolute path or the name of a credential, as the format of the key has checked.
    pub fn new(text: impl Into<String>) -> SecretFile {
        SecretFile(text.into())
    }

    /// The file to open, and to watch.
    ///
    /// # Errors
    /// A bare name where the service manager has handed over no credentials.
    pub fn path(&self, paths: &Paths) -> Result<PathBuf, Error> {
        if self.0.starts_with('/') {
            return Ok(PathBuf::from(&self.0));
        }
        match &paths.credentials {
            Some(directory) => Ok(directory.join(&self.0)),
            None => Err(Error::new(
                Exit::CONFIG,
                format!("no credential '{}': $CREDENTIALS_DIRECTORY is not set", self.0),
            )
            .hint(format!("give an absolute path, or LoadCredential={}:FILE in the unit", self.0))),
        }
    }

    /// Reads the secret, without the one newline at its end that editors add.
    ///
    /// # Errors
    /// A file that is not there, not readable, not a file, empty, or over [`MAX_SECRET`].
    pub fn read(&self, paths: &Paths) -> Result<Secret, Error> {
        let path = self.path(paths)?;
        let refused = |reason: String| {
            Error::new(Exit::CONFIG, format!("cannot read the secret {}: {reason}", path.display()))
        };
        let mut bytes = read(&path).map_err(refused)?;
        if bytes.ends_with(b"\n") {
            bytes.pop();
        }
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
        match bytes.is_empty() {
            true => Err(refused("it is empty".to_owned())),
            false => Ok(Secret(bytes)),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    match files::read(path, MAX_SECRET) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("no such file or directory".to_owned()),
        Err(reason) => Err(reason),
    }
}

impl Secret {
    /// The secret itself.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}
