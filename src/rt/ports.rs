//! Descriptors that need privilege or were handed over: opened once, before capabilities are
//! dropped, and kept for the life of the process, so that a restarted service finds them open.
//!
//! A socket passed by the service manager (`LISTEN_FDS`, sd_listen_fds(3)) is used where its name or
//! its address is the one asked for.

use std::collections::HashMap;
use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;

use edgekit_core::{Capability, Error, ErrorContext, Exit};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::{caps, sys};

/// Length of the queue of connections nobody has accepted yet; the kernel caps it at `somaxconn`.
const BACKLOG: i32 = 4096;

/// What is kept open, by name.
#[derive(Debug, Default)]
pub struct Ports {
    inherited: Vec<Inherited>,
    tcp: HashMap<String, Vec<TcpListener>>,
    udp: HashMap<String, UdpSocket>,
    others: HashMap<String, OwnedFd>,
}

#[derive(Debug)]
struct Inherited {
    name: String,
    fd: OwnedFd,
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
            .map(|fd| Inherited { name: names.next().unwrap_or_default().to_owned(), fd })
            .collect();
        Ok(Ports { inherited, ..Ports::default() })
    }

    /// Listens on `address` as `name`.
    ///
    /// # Errors
    /// Those of bind(2), with the address and what to do about it.
    pub fn listen(&mut self, name: &str, address: SocketAddr) -> Result<(), Error> {
        self.listen_shared(name, address, NonZeroUsize::MIN)
    }

    /// Listens with `sockets` sockets that share `address` (SO_REUSEPORT): one for each worker. A
    /// socket handed over by the service manager is one, however many were asked for.
    ///
    /// # Errors
    /// As [`listen`](Ports::listen).
    pub fn listen_shared(
        &mut self,
        name: &str,
        address: SocketAddr,
        sockets: NonZeroUsize,
    ) -> Result<(), Error> {
        if let Some(fd) = self.take_inherited(name, address) {
            let listener = TcpListener::from(fd);
            listener.set_nonblocking(true)?;
            self.tcp.insert(name.to_owned(), vec![listener]);
            return Ok(());
        }
        let mut listeners: Vec<TcpListener> = Vec::with_capacity(sockets.get());
        for _ in 0..sockets.get() {
            // The first socket decides what port 0 is.
            let address = match listeners.first() {
                Some(first) => first.local_addr()?,
                None => address,
            };
            let bound = bind(SocketType::STREAM, address, sockets.get() > 1)
                .and_then(|fd| net::listen(&fd, BACKLOG).map(|()| fd).map_err(io::Error::from));
            listeners.push(TcpListener::from(explained(bound, address)?));
        }
        self.tcp.insert(name.to_owned(), listeners);
        Ok(())
    }

    /// Binds a UDP socket to `address` as `name`.
    ///
    /// # Errors
    /// As [`listen`](Ports::listen).
    pub fn bind_udp(&mut self, name: &str, address: SocketAddr) -> Result<(), Error> {
        let fd = match self.take_inherited(name, address) {
            Some(fd) => fd,
            None => explained(bind(SocketType::DGRAM, address, false), address)?,
        };
        let socket = UdpSocket::from(fd);
        socket.set_nonblocking(true)?;
        self.udp.insert(name.to_owned(), socket);
        Ok(())
    }

    /// Keeps any other descriptor, a device or a BPF object, as `name`.
    pub fn keep(&mut self, name: &str, fd: OwnedFd) {
        self.others.insert(name.to_owned(), fd);
    }

    /// Duplicates of the listeners called `name`, non-blocking; they share the queue of connections.
    pub fn listeners(&self, name: &str) -> Result<Vec<TcpListener>, Error> {
        let found = self.tcp.get(name).ok_or_else(|| not_open(name))?;
        Ok(found.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?)
    }

    /// A duplicate of the UDP socket called `name`, non-blocking.
    pub fn udp(&self, name: &str) -> Result<UdpSocket, Error> {
        Ok(self.udp.get(name).ok_or_else(|| not_open(name))?.try_clone()?)
    }

    /// A duplicate of the descriptor kept as `name`.
    pub fn other(&self, name: &str) -> Result<OwnedFd, Error> {
        Ok(self.others.get(name).ok_or_else(|| not_open(name))?.try_clone()?)
    }

    /// Closes what was handed over and nobody asked for; gives the names.
    pub(crate) fn close_unused(&mut self) -> Vec<String> {
        self.inherited.drain(..).map(|inherited| inherited.name).collect()
    }

    fn take_inherited(&mut self, name: &str, address: SocketAddr) -> Option<OwnedFd> {
        let by_name = self.inherited.iter().position(|inherited| inherited.name == name);
        let found = by_name.or_else(|| {
            let bound_to = |inherited: &Inherited| {
                net::getsockname(&inherited.fd).ok().and_then(|at| SocketAddr::try_from(at).ok())
            };
            self.inherited.iter().position(|inherited| bound_to(inherited) == Some(address))
        })?;
        Some(self.inherited.remove(found).fd)
    }
}

fn bind(kind: SocketType, address: SocketAddr, shared: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if kind == SocketType::STREAM {
        sockopt::set_socket_reuseaddr(&fd, true)?;
    }
    if shared {
        sockopt::set_socket_reuseport(&fd, true)?;
    }
    net::bind(&fd, &address)?;
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
    fn what_was_handed_over_is_used_by_name_or_address() {
        let (named, placed) = (TcpListener::bind(any()).unwrap(), TcpListener::bind(any()).unwrap());
        let (first, second) = (named.local_addr().unwrap(), placed.local_addr().unwrap());
        let inherited = [("web", named), ("unknown", placed)]
            .map(|(name, listener)| Inherited { name: name.to_owned(), fd: listener.into() });
        let mut ports = Ports { inherited: Vec::from(inherited), ..Ports::default() };
        ports.listen("web", any()).unwrap();
        ports.listen("admin", second).unwrap();
        assert_eq!(ports.listeners("web").unwrap()[0].local_addr().unwrap(), first);
        assert_eq!(ports.listeners("admin").unwrap()[0].local_addr().unwrap(), second);
        assert!(ports.close_unused().is_empty());
        assert!(ports.listeners("other").is_err());
    }
}
