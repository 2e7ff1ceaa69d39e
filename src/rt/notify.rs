//! What systemd is told: READY, RELOADING, STOPPING, WATCHDOG (sd_notify(3)).
//!
//! One datagram a message to `$NOTIFY_SOCKET`, a path or, with a leading `@`, an abstract name.
//! Without the variable nothing is sent; a message that cannot be sent is not worth failing for.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use edgekit_core::Clock;

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// As the environment says.
    pub(crate) fn from_environment() -> io::Result<Notify> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Notify::default());
        };
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold us up.
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        Ok(Notify { socket: Some(socket), watchdog: watchdog() })
    }

    /// How often the manager wants to hear [`Notify::alive`]: half of what it allows. `None`: never.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    pub(crate) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", status.replace('\n', " ")));
    }

    /// `MONOTONIC_USEC` tells the manager which reload a later READY belongs to.
    pub(crate) fn reloading(&self, clock: &Clock) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", clock.monotonic().as_micros()));
    }

    /// Another process serves from now on: what the manager watches is that one.
    pub(crate) fn succeeded_by(&self, pid: u32) {
        self.send(&format!("MAINPID={pid}\nREADY=1"));
    }

    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    pub(crate) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(message.as_bytes())
        {
            tracing::debug!(%error, message, "the service manager was not told");
        }
    }
}

/// `$WATCHDOG_USEC`, meant for us if `$WATCHDOG_PID` is absent or ours.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let allowed = number("WATCHDOG_USEC").filter(|allowed| *allowed > 0 && ours)?;
    Some(Duration::from_micros(allowed / 2))
}
