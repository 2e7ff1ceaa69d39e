//! The contract of a daemon's work: start, reload with a verdict, drain by a deadline, tell its status.
//!
//! A service owns its state and nothing of the process: the Host that runs it owns
//! the runtime, the signals, the log, the metrics, the control socket and the descriptors opened
//! before capabilities were dropped. It reaches them through its [`Scope`], and everything it starts
//! there ends with it, so that a failed service can be made again in the same process.

use std::time::Duration;

use edgekit_core::Error;
use serde_json::Value;

use crate::{BoxFuture, Scope};

/// One daemon's work. All methods run on the control runtime and must not block it.
///
/// A panic or an error of [`start`](Service::start), or of any task it spawned in its [`Scope`], ends
/// this service only: its tasks and threads are stopped, and it is made and started again after a
/// back-off.
pub trait Service: Send {
    /// Begins to serve; returns once it does. What goes on in the background is spawned in `scope`.
    fn start<'a>(&'a mut self, scope: &'a Scope) -> BoxFuture<'a, Result<(), Error>>;

    /// Takes over the configuration as it is on disk now. An error means that nothing was changed
    /// and the last good one is still served.
    fn reload(&mut self) -> BoxFuture<'_, Result<Verdict, Error>>;

    /// Accepts nothing new and finishes what runs, within `deadline`; what is left then is dropped.
    fn drain(&mut self, deadline: Duration) -> BoxFuture<'_, ()>;

    /// What it runs by, as text that its applet reads: an object with `in_use` and `at_start`, which differ in what
    /// waits for a restart. No secret may be in it.
    fn configuration(&self) -> Value {
        Value::Null
    }

    /// What a process that takes over from this one needs of this service beside its sockets, such as keys it has
    /// given to clients; only the service reads it, in this release or a later one. `None`: it cannot run
    /// in two processes at a time, and so cannot be handed over.
    fn handover(&self) -> Option<Vec<u8>> {
        None
    }

    /// What the process before this one handed over for this service; told before the first start.
    fn inherit(&mut self, _state: Vec<u8>) {}

    /// What `edgekit status` shows beside the Host's own lines: a JSON object.
    fn status(&self) -> Value;
}

/// What a reload that was not refused has done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Keys (or files) whose new values are in use now.
    pub applied: Vec<String>,
    /// Keys that changed on disk and need a restart of the process.
    pub needs_restart: Vec<String>,
}

impl Verdict {
    /// Nothing had changed.
    pub fn unchanged() -> Verdict {
        Verdict::default()
    }
}
