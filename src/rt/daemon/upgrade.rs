//! When a new process takes over: the old one's side of it, and the new one's.
//!
//! The mechanism is `handover/`. Here are the two decisions: when the old process may stop (the new one serves, has
//! served as long as it was to, and has said that it takes over) and what the new one does by then.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Error, ErrorContext, Exit};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::events::Handle;
use super::supervise::Order;
use super::{Host, Settings};
use crate::BoxFuture;
use crate::control::{ControlSocket, Turn};
use crate::handover::{self, Handed, Kind, Program, Reader, Start, Successor};
use crate::metrics::Metrics;
use crate::scope::Shared;

/// How long a service may take to say what it hands over.
const STATE_PATIENCE: Duration = Duration::from_secs(5);

/// What is needed to start a new process.
pub(super) struct Upgrades {
    pub(super) program: io::Result<Program>,
    pub(super) control: Option<Arc<ControlSocket>>,
    /// The way to the first process of a container, to be handed on.
    pub(super) minder: Option<UnixStream>,
}

/// A new process that is being started.
pub(super) struct Upgrade {
    pub(super) work: BoxFuture<'static, Result<Successor, Error>>,
    /// Who asked; nobody where it was a signal.
    pub(super) reply: Option<oneshot::Sender<Result<Value, Error>>>,
}

impl Upgrades {
    /// Begins; nothing of this process changes by it.
    pub(super) fn begin(
        &self,
        services: &[Handle],
        shared: &Shared,
        settings: &Settings,
        probation: Duration,
    ) -> Result<BoxFuture<'static, Result<Successor, Error>>, Error> {
        let unknown =
            |error: &io::Error| Error::new(Exit::IO, format!("cannot tell which file was started: {error}"));
        let program = self.program.as_ref().map_err(unknown)?.clone();
        let control = self.control.as_ref().map(|socket| socket.to_hand_over()).transpose()?;
        let minder = self.minder.as_ref().map(|line| rustix::io::fcntl_dupfd_cloexec(line, 3)).transpose();
        let minder = minder.map_err(io::Error::from)?;
        let orders: Vec<(String, mpsc::Sender<Order>)> =
            services.iter().map(|handle| (handle.name.clone(), handle.orders.clone())).collect();
        let (ports, deadline) = (shared.ports.clone(), settings.upgrade);
        Ok(Box::pin(async move {
            let mut states = Vec::with_capacity(orders.len());
            for (name, orders) in orders {
                let state = timeout(STATE_PATIENCE, state(&orders)).await.ok().flatten();
                let state = state.ok_or_else(|| {
                    let hint = format!("'edgekit reload {name}' takes over its configuration; stop and start it for a new program");
                    Error::new(Exit::TEMPORARY, format!("'{name}' cannot run in two processes at a time")).hint(hint)
                })?;
                states.push((name, state));
            }
            Start { program, ports, control, states, minder, deadline, probation }.run().await
        }))
    }
}

/// What a service hands over; none if it cannot.
async fn state(orders: &mpsc::Sender<Order>) -> Option<Vec<u8>> {
    let (reply, answer) = oneshot::channel();
    orders.send(Order::HandOver(reply)).await.ok()?;
    answer.await.ok()?
}

impl Upgrade {
    /// Says that it came to nothing.
    pub(super) fn refused(reply: Option<oneshot::Sender<Result<Value, Error>>>, error: Error) {
        tracing::error!(
            hint = error.hint_text(),
            "the upgrade came to nothing, this process serves on: {error}"
        );
        if let Some(reply) = reply {
            drop(reply.send(Err(error)));
        }
    }

    /// Says that the new process has taken over, and how long this one may still be there.
    pub(super) fn succeeded(reply: Option<oneshot::Sender<Result<Value, Error>>>, pid: u32, drain: Duration) {
        tracing::info!(pid, "a new process has taken over");
        if let Some(reply) = reply {
            let verdict = json!({ "verdict": "upgraded", "pid": pid, "drain_s": drain.as_secs_f64() });
            drop(reply.send(Ok(verdict)));
        }
    }
}

/// The new process's side: what is left to do once it serves.
pub(super) struct Succession {
    line: UnixStream,
    reader: Reader,
    metrics: Metrics,
}

impl Succession {
    pub(super) fn new(
        line: std::os::unix::net::UnixStream,
        reader: Reader,
        metrics: Metrics,
    ) -> io::Result<Succession> {
        line.set_nonblocking(true)?;
        Ok(Succession { line: UnixStream::from_std(line)?, reader, metrics })
    }

    /// Says that it serves, and waits until it is to take over. Gives the old one's standard error; none if that
    /// process is gone.
    pub(super) async fn await_turn(mut self) -> (Succession, Option<OwnedFd>) {
        if handover::send(&self.line, Kind::Ready, &[], &[]).await.is_err() {
            return (self, None);
        }
        loop {
            match self.reader.wait(&self.line).await {
                Ok(Some(mut frame)) if frame.is(Kind::Go) => return (self, frame.descriptors.pop()),
                Ok(Some(frame)) => self.heed(&frame),
                Ok(None) | Err(_) => return (self, None),
            }
        }
    }

    fn heed(&self, frame: &handover::Frame) {
        if frame.is(Kind::Counts) && !self.metrics.carry(&frame.body) {
            tracing::warn!(
                "what the process before has counted is written in another way; counters begin anew"
            );
        }
    }

    /// Says that it has taken over, and goes on to hear what the old one still counts.
    pub(super) async fn listen(mut self) {
        if handover::send(&self.line, Kind::Ready, &[], &[]).await.is_err() {
            return;
        }
        while let Ok(Some(frame)) = self.reader.wait(&self.line).await {
            self.heed(&frame);
        }
    }
}

/// Takes the old process's standard error, or what is left to say something on.
pub(super) fn speak_on(stderr: Option<OwnedFd>) {
    let taken = match stderr {
        Some(stderr) => rustix::stdio::dup2_stderr(stderr),
        // The pipe we had ends nowhere.
        None => rustix::stdio::dup2_stderr(rustix::stdio::stdout()),
    };
    if taken.is_err()
        && let Ok(null) = File::options().write(true).open("/dev/null")
    {
        // There is nobody left to be told.
        let _silent = rustix::stdio::dup2_stderr(null);
    }
}

/// Takes what a process before us hands over, if one does.
pub(super) fn handed() -> Result<Option<Handed>, Error> {
    Handed::take().context("cannot take over from the process before this one")
}

/// Whose turn it is to answer on the control socket, as this process starts.
pub(super) fn first_turn(host: &Host) -> Turn {
    if host.handed.is_some() { Turn::Waits } else { Turn::Ours }
}
