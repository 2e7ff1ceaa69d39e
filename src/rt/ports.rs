//! Descriptors that need privilege or were handed over: opened once, before capabilities are
//! dropped, and kept for the life of the process, so that a restarted service finds them open.
//!
//! A socket passed by the service manager (`LISTEN_FDS`, sd_listen_fds(3)) is used where its name or
//! its address is the one asked for; one of the process before us (`handover/`), where its address is.

use std::collections::HashMap;
use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;

use edgekit_core::{Capability, Error, ErrorContext, Exit};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::handover::Kind;
use crate::scope::lock;
use crate::{caps, sys};

/// Length of the queue of connections nobody has accepted yet; the kernel caps it at `somaxconn`.
const BACKLOG: i32 = 4096;

/// What is kept open, by name.
#[derive(Debug, Default)]
pub struct Ports {
    inherited: Vec<Inherited>,
    kept: Mutex<HashMap<String, Kept>>,
}

/// Descriptors of one name.
#[derive(Debug)]
struct Kept {
    kind: Kind,
    fds: Vec<OwnedFd>,
}

/// A descriptor that somebody else has opened.
#[derive(Debug)]
pub(crate) struct Inherited {
    pub(crate) name: String,
    pub(crate) fd: OwnedFd,
    /// What it is, where the process before us says so; the service manager does not.
    pub(crate) kind: Option<Kind>,
}

impl Ports {
    /// Takes what the service manager passed.
    pub(crate) fn from_environment() -> io::Result<Ports> {
        let number = |name| env::var(name).ok().and_then(|text: String| text.parse::<u32>().ok());
        let ours = number("LISTEN_PID") == Some(std::process::id());
        let count = number("LISTEN_FDS").filter(|_| ours).unwrap_or(0);
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let inherited = sys::passed_descriptors(count)?
            .into_iter()
            .map(|fd| Inherited { name: names.next().unwrap_or_default().to_owned(), fd, kind: None })
            .collect();
        Ok(Ports { inherited, ..Ports::default() })
    }

    /// Adds what the process before us has handed over.
    pub(crate) fn take_over(&mut self, handed: Vec<Inherited>) {
        self.inherited.extend(handed);
    }

    /// Listens on `address` as `name`.
    ///
    /// # Errors
    /// Those of bind(2), with the address and what to do about it.
    pub fn listen(&mut self, name: &str, address: SocketAddr) -> Result<(), Error> {
        self.listen_shared(name, address, NonZeroUsize::MIN)
    }

    /// Listens with `sockets` sockets that share `address` (SO_REUSEPORT): one for each worker. Those that
    /// were handed over may be more or fewer: connections wait in each of them, so that each is to be served.
    ///
    /// # Errors
    /// As [`listen`](Ports::listen).
    pub fn listen_shared(
        &mut self,
        name: &str,
        address: SocketAddr,
        sockets: NonZeroUsize,
    ) -> Result<(), Error> {
        let mut fds = self.take_inherited(name, address, Kind::Tcp);
        for fd in &fds {
            rustix::io::ioctl_fionbio(fd, true).map_err(io::Error::from)?;
        }
        let missing = if fds.is_empty() { sockets.get() } else { may_join(&fds, sockets.get()) };
        for _ in 0..missing {
            // The first socket decides what port 0 is.
            let address = match fds.first() {
                Some(first) => bound_to(first).unwrap_or(address),
                None => address,
            };
            let bound = bind(SocketType::STREAM, address, sockets.get() > 1, fds.is_empty())
                .and_then(|fd| net::listen(&fd, BACKLOG).map(|()| fd).map_err(io::Error::from));
            fds.push(explained(bound, address)?);
        }
        self.put(name, Kind::Tcp, fds);
        Ok(())
    }

    /// Binds a UDP socket to `address` as `name`.
    ///
    /// # Errors
    /// As [`listen`](Ports::listen).
    pub fn bind_udp(&mut self, name: &str, address: SocketAddr) -> Result<(), Error> {
        let fd = match self.take_inherited(name, address, Kind::Udp).pop() {
            Some(fd) => fd,
            None => explained(bind(SocketType::DGRAM, address, false, true), address)?,
        };
        rustix::io::ioctl_fionbio(&fd, true).map_err(io::Error::from)?;
        self.put(name, Kind::Udp, vec![fd]);
        Ok(())
    }

    /// Keeps any other descriptor, a device or a BPF object, as `name`.
    pub fn keep(&mut self, name: &str, fd: OwnedFd) {
        self.put(name, Kind::Other, vec![fd]);
    }

    fn put(&self, name: &str, kind: Kind, fds: Vec<OwnedFd>) {
        lock(&self.kept).insert(name.to_owned(), Kept { kind, fds });
    }

    /// Duplicates of the descriptors of a kind called `name`.
    fn copies(&self, name: &str, kind: Kind) -> Result<Vec<OwnedFd>, Error> {
        let kept = lock(&self.kept);
        let found = kept.get(name).filter(|kept| kept.kind == kind).ok_or_else(|| not_open(name))?;
        Ok(found.fds.iter().map(OwnedFd::try_clone).collect::<io::Result<_>>()?)
    }

    fn copy(&self, name: &str, kind: Kind) -> Result<OwnedFd, Error> {
        self.copies(name, kind)?.pop().ok_or_else(|| not_open(name))
    }

    /// Duplicates of the listeners called `name`, non-blocking; they share the queue of connections.
    pub fn listeners(&self, name: &str) -> Result<Vec<TcpListener>, Error> {
        Ok(self.copies(name, Kind::Tcp)?.into_iter().map(TcpListener::from).collect())
    }

    /// A duplicate of the UDP socket called `name`, non-blocking.
    pub fn udp(&self, name: &str) -> Result<UdpSocket, Error> {
        Ok(self.copy(name, Kind::Udp)?.into())
    }

    /// A duplicate of the descriptor kept as `name`.
    pub fn other(&self, name: &str) -> Result<OwnedFd, Error> {
        self.copy(name, Kind::Other)
    }

    /// Shows each name with its kind and descriptors to `with`.
    pub(crate) fn each<E>(
        &self,
        mut with: impl FnMut(&str, Kind, Vec<BorrowedFd<'_>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let kept = lock(&self.kept);
        kept.iter()
            .try_for_each(|(name, kept)| with(name, kept.kind, kept.fds.iter().map(AsFd::as_fd).collect()))
    }

    /// Closes all: nothing new is to come to this process. Duplicates live on.
    pub(crate) fn close(&self) {
        lock(&self.kept).clear();
    }

    /// Closes what was handed over and nobody asked for; gives the names.
    pub(crate) fn close_unused(&mut self) -> Vec<String> {
        let mut names: Vec<String> = self.inherited.drain(..).map(|inherited| inherited.name).collect();
        names.dedup();
        names
    }

    /// All that are bound to `address`, or that the service manager calls `name`.
    fn take_inherited(&mut self, name: &str, address: SocketAddr, kind: Kind) -> Vec<OwnedFd> {
        let is_one = |inherited: &Inherited| {
            let bound = bound_to(&inherited.fd);
            let is_named = inherited.name == name;
            match inherited.kind {
                None => is_named || bound == Some(address),
                // Whatever port it was given is the port it is to keep.
                Some(of) => {
                    of == kind
                        && bound.is_some_and(|bound| {
                            bound == address || is_named && address.port() == 0 && bound.ip() == address.ip()
                        })
                }
            }
        };
        let (taken, left) = std::mem::take(&mut self.inherited).into_iter().partition(is_one);
        self.inherited = left;
        let taken: Vec<Inherited> = taken;
        taken.into_iter().map(|inherited| inherited.fd).collect()
    }
}

/// How many sockets are still to be opened beside those that were handed over: none where they do not share
/// their address.
fn may_join(handed: &[OwnedFd], sockets: usize) -> usize {
    let shares = |fd: &OwnedFd| sockopt::socket_reuseport(fd).unwrap_or(false);
    if handed.iter().all(shares) { sockets.saturating_sub(handed.len()) } else { 0 }
}

fn bound_to(fd: &OwnedFd) -> Option<SocketAddr> {
    net::getsockname(fd).ok().and_then(|at| SocketAddr::try_from(at).ok())
}

/// A bound socket. One that is to share its address and comes first does not share it with another process's.
fn bind(kind: SocketType, address: SocketAddr, shared: bool, is_first: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if kind == SocketType::STREAM {
        sockopt::set_socket_reuseaddr(&fd, true)?;
    }
    if shared && !is_first {
        sockopt::set_socket_reuseport(&fd, true)?;
    }
    net::bind(&fd, &address)?;
    if shared && is_first {
        sockopt::set_socket_reuseport(&fd, true)?;
    }
    Ok(fd)
}

fn explained(bound: io::Result<OwnedFd>, address: SocketAddr) -> Result<OwnedFd, Error> {
    let low = address.port() != 0 && address.port() < 1024;
    bound
        .map_err(|error| {
            let (kind, error) = (error.kind(), Error::from(error));
            match kind {
                io::ErrorKind::PermissionDenied if low => match caps::hint(&[Capability::NetBindService]) {
                    Some(hint) => error.hint(hint),
                    None => error,
                },
                io::ErrorKind::AddrInUse => error
                    .with_exit(Exit::TEMPORARY)
                    .hint(format!("'ss -lntup sport = :{}' shows who has it", address.port())),
                io::ErrorKind::AddrNotAvailable => {
                    error.hint("no interface has this address now; see 'ip address'")
                }
                _ => error,
            }
        })
        .context(format!("cannot listen on {address}"))
}

fn not_open(name: &str) -> Error {
    Error::new(Exit::BUG, format!("no descriptor called '{name}' was opened"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn a_second_user_of_a_port_finds_the_same_queue() {
        let mut ports = Ports::default();
        ports.listen("web", any()).unwrap();
        let first = ports.listeners("web").unwrap().remove(0);
        let address = first.local_addr().unwrap();
        let _client = TcpStream::connect(address).unwrap();
        drop(first);
        let again = ports.listeners("web").unwrap().remove(0);
        assert!(again.accept().is_ok());
        let error = Ports::default().listen("web", address).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot listen on {address}: address ")), "{error}");
        assert_eq!(error.exit(), Exit::TEMPORARY);
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn workers_share_a_port() {
        let mut ports = Ports::default();
        let three = NonZeroUsize::new(3).unwrap();
        ports.listen_shared("web", any(), three).unwrap();
        let listeners = ports.listeners("web").unwrap();
        let numbers: Vec<u16> = listeners.iter().map(|one| one.local_addr().unwrap().port()).collect();
        assert_eq!(numbers, [numbers[0]; 3]);
    }

    #[test]
    fn a_shared_port_is_not_shared_with_strangers() {
        let (mut ports, mut others) = (Ports::default(), Ports::default());
        let two = NonZeroUsize::new(2).unwrap();
        ports.listen_shared("web", any(), two).unwrap();
        let address = ports.listeners("web").unwrap()[0].local_addr().unwrap();
        assert!(others.listen_shared("web", address, two).is_err());
        ports.close();
        assert!(ports.listeners("web").is_err());
        others.listen_shared("web", address, two).unwrap();
    }

    #[test]
    fn what_was_handed_over_is_used_by_name_or_address() {
        let (named, placed) = (TcpListener::bind(any()).unwrap(), TcpListener::bind(any()).unwrap());
        let (first, second) = (named.local_addr().unwrap(), placed.local_addr().unwrap());
        let inherited = [("web", named), ("unknown", placed)].map(|(name, listener)| Inherited {
            name: name.to_owned(),
            fd: listener.into(),
            kind: None,
        });
        let mut ports = Ports { inherited: Vec::from(inherited), ..Ports::default() };
        ports.listen("web", any()).unwrap();
        ports.listen("admin", second).unwrap();
        assert_eq!(ports.listeners("web").unwrap()[0].local_addr().unwrap(), first);
        assert_eq!(ports.listeners("admin").unwrap()[0].local_addr().unwrap(), second);
        assert!(ports.close_unused().is_empty());
        assert!(ports.listeners("other").is_err());
    }

    #[test]
    fn sockets_of_the_process_before_are_all_served_and_only_where_they_are_bound() {
        let hand = |before: &Ports| {
            let mut handed = Vec::new();
            let copied: io::Result<()> = before.each(|name, kind, fds| {
                for fd in fds {
                    let fd = fd.try_clone_to_owned()?;
                    handed.push(Inherited { name: name.to_owned(), fd, kind: Some(kind) });
                }
                Ok(())
            });
            copied.unwrap();
            let mut ports = Ports::default();
            ports.take_over(handed);
            ports
        };
        let count = |number| NonZeroUsize::new(number).unwrap();
        let mut before = Ports::default();
        before.listen_shared("web", any(), count(3)).unwrap();
        let address = before.listeners("web").unwrap()[0].local_addr().unwrap();
        // Fewer workers serve them all, more open what is missing; port 0 is the port it became.
        for (workers, sockets) in [(1, 3), (3, 3), (5, 5)] {
            let mut after = hand(&before);
            after.listen_shared("web", any(), count(workers)).unwrap();
            let listeners = after.listeners("web").unwrap();
            assert_eq!(listeners.len(), sockets);
            assert!(listeners.iter().all(|one| one.local_addr().unwrap() == address));
        }
        // A listener that moved gets a socket of its own.
        let elsewhere = TcpListener::bind(any()).unwrap().local_addr().unwrap();
        let mut after = hand(&before);
        after.listen("web", elsewhere).unwrap();
        assert_eq!(after.listeners("web").unwrap()[0].local_addr().unwrap(), elsewhere);
        assert_eq!(after.close_unused(), ["web"]);
    }
}
