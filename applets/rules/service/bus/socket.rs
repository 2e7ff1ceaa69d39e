//! The name of the bus socket: `rules.bus` beside `rules.sock`, for whoever may use the control socket.
//!
//! It is bound under another name, given its mode and group, and only then renamed to its own: there is no moment
//! at which a stranger could connect, and a dead service's leftover is replaced in one step. That no second service
//! does the same is the control socket's lock.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use edgekit_core::{Error, ErrorContext, Exit};
use edgekit_rt::control;

/// The file name of the bus of an instance.
pub(crate) fn file_name(instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("rules@{instance}.bus"),
        None => "rules.bus".to_owned(),
    }
}

/// A bound bus socket; its file is removed when this goes.
#[derive(Debug)]
pub(super) struct BusSocket {
    path: PathBuf,
}

impl BusSocket {
    /// Takes the name `path`.
    ///
    /// # Errors
    /// Something that is no socket is there, or the directory is not ours to write.
    pub(super) fn bind(path: &Path) -> Result<(BusSocket, UnixListener), Error> {
        let context = || format!("cannot take the bus socket '{}'", path.display());
        if let Some(directory) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(directory).with_context(context)?;
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                let error = Error::new(Exit::CANT_CREATE, "something that is no socket is there");
                return Err(error.hint(format!("move '{}' away", path.display())).context(context()));
            }
            _ => {}
        }
        let before = path.with_added_extension(format!("{}", std::process::id()));
        match fs::remove_file(&before) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(context),
            _ => {}
        }
        let listener = UnixListener::bind(&before).with_context(context)?;
        let named = publish(&before, path);
        if named.is_err() {
            drop(fs::remove_file(&before));
        }
        named.with_context(context)?;
        Ok((BusSocket { path: path.to_owned() }, listener))
    }
}

fn publish(before: &Path, path: &Path) -> io::Result<()> {
    if let Some(group) = group()
        && let Err(error) = chown(before, None, Some(group))
    {
        tracing::debug!(%error, group, "the bus socket stays with our own group");
    }
    fs::set_permissions(before, Permissions::from_mode(0o660))?;
    fs::rename(before, path)
}

impl Drop for BusSocket {
    fn drop(&mut self) {
        // Errors have no one to be told.
        drop(fs::remove_file(&self.path));
    }
}

/// The number of the group that may use control sockets, if this machine has it.
fn group() -> Option<u32> {
    let text = fs::read_to_string("/etc/group").ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split(':');
        let found = words.next() == Some(control::GROUP);
        words.nth(1).filter(|_| found)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_leftover_is_replaced_and_a_file_is_not() {
        let folder = std::env::temp_dir().join(format!("edgekit-bus-{}", std::process::id()));
        let path = folder.join("rules.bus");
        fs::create_dir_all(&folder).expect("a directory");
        drop(UnixListener::bind(&path).expect("a leftover"));
        let (socket, _listener) = BusSocket::bind(&path).expect("it is ours now");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o660);
        UnixStream::connect(&path).expect("somebody listens");
        drop(socket);
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
        fs::write(&path, "precious").expect("written");
        let error = BusSocket::bind(&path).expect_err("it is no socket");
        assert_eq!(error.exit(), Exit::CANT_CREATE);
        assert_eq!(fs::read_to_string(&path).expect("there"), "precious");
        fs::remove_dir_all(folder).expect("gone");
    }
}
