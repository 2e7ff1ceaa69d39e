//! The name of a control socket: one daemon holds it, and a dead one's leftover is no obstacle.
//!
//! `NAME.sock.lock` beside it is locked (flock(2)) for the life of the daemon and holds its process
//! id. Whoever has the lock owns the name, so a socket found then is stale; two daemons started at
//! the same moment cannot both think so.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use edgekit_core::{Error, ErrorContext, Exit};
use rustix::fs::{FlockOperation, flock};

use super::peer;
use crate::handover::Control;

/// A bound control socket; its files are removed when this goes.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    path: PathBuf,
    lock_path: PathBuf,
    /// Held, never read but for the process id in it.
    lock: File,
    pub(super) listener: UnixListener,
    /// Whose files they are: to be removed in the end.
    is_ours: AtomicBool,
}

impl ControlSocket {
    /// Takes the name `path`, making its directory if need be.
    ///
    /// # Errors
    /// Another daemon has it (named by its process id), something that is no socket is there, or the
    /// directory is not ours to write.
    pub(crate) fn bind(path: &Path) -> Result<ControlSocket, Error> {
        let context = || format!("cannot take the control socket '{}'", path.display());
        if let Some(directory) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(directory).with_context(context)?;
        }
        let lock_path = path.with_added_extension("lock");
        let lock = take_lock(&lock_path).with_context(context)?;
        remove_stale(path).with_context(context)?;
        let listener = UnixListener::bind(path).with_context(context)?;
        let is_ours = AtomicBool::new(true);
        let socket = ControlSocket { path: path.to_owned(), lock_path, lock, listener, is_ours };
        // Until the mode is set the peer check alone keeps strangers out.
        fs::set_permissions(path, Permissions::from_mode(0o660)).with_context(context)?;
        if let Some(group) = peer::group()
            && let Err(error) = chown(path, None, Some(group))
        {
            tracing::debug!(%error, group, "the control socket stays with our own group");
        }
        socket.listener.set_nonblocking(true).with_context(context)?;
        Ok(socket)
    }

    /// One that the process before us holds, and goes on to hold until [`ControlSocket::own`].
    ///
    /// # Errors
    /// None but those of fcntl(2).
    pub(crate) fn inherit(held: Control) -> Result<ControlSocket, Error> {
        let Control { path, listener, lock } = held;
        let listener = UnixListener::from(listener);
        listener.set_nonblocking(true)?;
        let (lock_path, is_ours) = (path.with_added_extension("lock"), AtomicBool::new(false));
        // The lock belongs to the open file, which is one for both of us (flock(2)).
        Ok(ControlSocket { path, lock_path, lock: lock.into(), listener, is_ours })
    }

    /// Takes it over for good.
    pub(crate) fn own(&self) {
        if !self.is_ours.swap(true, Ordering::Relaxed)
            && let Err(error) = write_pid(&self.lock)
        {
            tracing::warn!("'{}' names the process before us: {error}", self.lock_path.display());
        }
    }

    /// Leaves it to another process.
    pub(crate) fn leave(&self) {
        self.is_ours.store(false, Ordering::Relaxed);
    }

    /// What another process needs to take it over.
    ///
    /// # Errors
    /// Out of descriptors.
    pub(crate) fn to_hand_over(&self) -> io::Result<Control> {
        let (listener, lock) = (self.listener.try_clone()?.into(), self.lock.try_clone()?.into());
        Ok(Control { path: self.path.clone(), listener, lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if !self.is_ours.load(Ordering::Relaxed) {
            return;
        }
        // The lock is still held: nobody else's socket can be here. Errors have no one to be told.
        drop(fs::remove_file(&self.path));
        drop(fs::remove_file(&self.lock_path));
    }
}

fn take_lock(path: &Path) -> Result<File, Error> {
    loop {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o644).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(held(&mut file)),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        // The daemon before us may have removed the file between our open and our lock.
        let (ours, named) = (file.metadata()?, fs::metadata(path));
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
            write_pid(&file)?;
            return Ok(file);
        }
    }
}

fn write_pid(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn held(file: &mut File) -> Error {
    let mut holder = String::new();
    drop(file.take(32).read_to_string(&mut holder));
    let holder = match holder.trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    Error::new(Exit::TEMPORARY, format!("{holder} is running already"))
        .hint("stop it first, or give this one its own name with '--instance NAME'")
}

/// Removes a socket nobody listens on.
fn remove_stale(path: &Path) -> Result<(), Error> {
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !kind.is_socket() {
        return Err(Error::new(Exit::CANT_CREATE, "something that is no socket is there")
            .hint(format!("move '{}' away", path.display())));
    }
    if let Ok(stream) = UnixStream::connect(path) {
        let holder = peer::Peer::of(&stream).map_or_else(|_| String::new(), |peer| format!(" {}", peer.pid));
        return Err(Error::new(Exit::TEMPORARY, format!("process{holder} listens on it")));
    }
    tracing::info!(path = %path.display(), "a stale control socket is replaced");
    Ok(fs::remove_file(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("edgekit-socket-{}-{name}", std::process::id())).join("a.sock")
    }

    #[test]
    fn it_is_ours_and_gone_afterwards() {
        let path = place("ours");
        let socket = ControlSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        let second = ControlSocket::bind(&path).unwrap_err();
        assert!(second.to_string().ends_with(&format!("process {} is running already", std::process::id())));
        assert_eq!(second.exit(), Exit::TEMPORARY);
        drop(socket);
        let directory = path.parent().unwrap();
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
        fs::remove_dir(directory).unwrap();
    }

    #[test]
    fn a_stale_one_is_replaced_and_a_file_is_not() {
        let path = place("stale");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A listener that dies leaves its name behind.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(ControlSocket::bind(&path).unwrap());
        fs::write(&path, "precious").unwrap();
        let error = ControlSocket::bind(&path).unwrap_err();
        assert!(error.to_string().ends_with("something that is no socket is there"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_listener_without_our_lock_is_left_alone() {
        let path = place("foreign");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        let error = ControlSocket::bind(&path).unwrap_err();
        assert!(
            error.to_string().ends_with(&format!("process {} listens on it", std::process::id())),
            "{error}"
        );
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
