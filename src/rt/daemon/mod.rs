//! The Host: one per process, it owns everything of which a process has one.
//!
//! In this order, because each step needs the one before it: signals are blocked (before any
//! thread), the last good time is restored, the log is set up, descriptors are opened, the control socket is taken, capabilities are
//! dropped, the runtime is made, the services start, the service manager is told. The end runs the
//! other way. Neighbours: `supervise.rs` keeps one service alive, `events.rs` is the loop that turns
//! signals and callers into orders for the supervisors, `upgrade.rs` has a new process take over, `minder.rs` is
//! what the first process of a container is after that.

mod backoff;
mod events;
mod minder;
mod supervise;
mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Capability, Clock, Error, ErrorContext, Exit};
use tokio::runtime::Builder;

use crate::control::{self, ControlSocket};
use crate::handover::{Handed, Program};
use crate::last_good::{self, LastGoodFile};
use crate::log::{self, Log};
use crate::metrics::Metrics;
use crate::notify::Notify;
use crate::scope::Shared;
use crate::{Ports, Resolver, Service, Signals, caps};

/// Threads for calls that block, at most.
const BLOCKING_THREADS: usize = 2;
/// A blocking thread that is not needed ends after this long.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// What threads get to return in, once everything was told to stop.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// What the socket is called that metrics are asked for at.
const METRICS: &str = "metrics";

/// How a process of daemons is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The applet: `proxy`, or `run` for several in one process. Names the control socket.
    pub name: String,
    /// Tells several daemons of one applet apart.
    pub instance: Option<String>,
    /// Where the control socket goes (`/run/edgekit`); `None` opens none.
    pub control: Option<PathBuf>,
    /// Where metrics are given over TCP, besides the control socket, to whoever asks; `None` opens nothing.
    pub metrics: Option<SocketAddr>,
    /// Where state goes (`/var/lib/edgekit`): the Host keeps the last good time there; `None` keeps none.
    pub state: Option<PathBuf>,
    /// How long a drain may take.
    pub drain: Duration,
    /// How long a new process may take until it serves, in an upgrade.
    pub upgrade: Duration,
    /// Capabilities that stay after the start; all others are dropped.
    pub keep: Vec<Capability>,
    /// How log lines look.
    pub log_format: log::Format,
    /// What is logged: `info`, `warn,http=debug`.
    pub log_level: String,
}

impl Settings {
    /// Those of an applet's daemon: a drain of 30 s, as much for an upgrade, no capability kept, text at level info.
    pub fn new(name: impl Into<String>) -> Settings {
        Settings {
            name: name.into(),
            instance: None,
            control: None,
            metrics: None,
            state: None,
            drain: Duration::from_secs(30),
            upgrade: Duration::from_secs(30),
            keep: Vec::new(),
            log_format: log::Format::default(),
            log_level: "info".to_owned(),
        }
    }
}

type Open = Box<dyn FnOnce(&mut Ports) -> Result<(), Error>>;
type Make = Box<dyn FnMut() -> Result<Box<dyn Service>, Error> + Send>;

/// A service as the Host needs it: how to open what takes privilege, once, and how to make it, again
/// after each failure.
pub struct Definition {
    name: String,
    open: Open,
    make: Make,
}

impl Definition {
    /// A service that opens nothing beforehand.
    pub fn new(
        name: impl Into<String>,
        make: impl FnMut() -> Result<Box<dyn Service>, Error> + Send + 'static,
    ) -> Definition {
        Definition { name: name.into(), open: Box::new(|_| Ok(())), make: Box::new(make) }
    }

    /// Adds what is opened before capabilities are dropped.
    pub fn open(mut self, open: impl FnOnce(&mut Ports) -> Result<(), Error> + 'static) -> Definition {
        self.open = Box::new(open);
        self
    }
}

/// The process around its services.
pub struct Host {
    settings: Settings,
    shared: Shared,
    log: Log,
    signals: Signals,
    notify: Notify,
    control: Option<ControlSocket>,
    program: io::Result<Program>,
    handed: Option<Handed>,
    last_good: Option<LastGoodFile>,
    services: Vec<(String, Make)>,
}

impl Host {
    /// Takes hold of the process. To be called once, on its first thread, before any other thread is
    /// started: signals, log and capabilities belong to all of them.
    ///
    /// # Errors
    /// A log level that makes no sense, a port that cannot be opened, a control socket another daemon
    /// has: each with its own exit code.
    pub fn new(settings: Settings, mut clock: Clock, services: Vec<Definition>) -> Result<Host, Error> {
        let signals = Signals::new(&events::SIGNALS).context("cannot take over the signals")?;
        let mut ports = Ports::from_environment().context("cannot take the sockets that were passed")?;
        let mut handed = upgrade::handed()?;
        if let Some(handed) = &mut handed {
            ports.take_over(std::mem::take(&mut handed.ports));
        }
        // While the file is the one that was started.
        let program = Program::own();
        let notify = Notify::from_environment().context("cannot reach the service manager")?;
        let last_good = settings.state.as_deref().map(LastGoodFile::new);
        let restored = last_good.as_ref().is_some_and(|kept| clock.restore(kept));
        let log = Log::install(settings.log_format, &settings.log_level, clock.clone())?;
        if let Some(problem) = last_good.as_ref().and_then(LastGoodFile::problem) {
            tracing::error!(hint = problem.hint_text(), "{problem}");
        }
        if !clock.is_trusted() {
            tracing::warn!(restored, "{}", last_good::wrong(&clock));
        }
        let mut makers = Vec::with_capacity(services.len());
        for Definition { name, open, make } in services {
            open(&mut ports)?;
            makers.push((name, make));
        }
        if let Some(address) = settings.metrics {
            ports.listen(METRICS, address).context("cannot give metrics")?;
        }
        for name in ports.close_unused() {
            tracing::warn!(name, "a socket was passed that nobody asks for");
        }
        let control = match &settings.control {
            Some(directory) => {
                let path = directory.join(control::file_name(&settings.name, settings.instance.as_deref()));
                let held = handed.as_mut().and_then(|handed| handed.control.take());
                Some(match held.filter(|held| held.path == path) {
                    Some(held) => ControlSocket::inherit(held)?,
                    None => ControlSocket::bind(&path)?,
                })
            }
            None => None,
        };
        caps::keep_only(&settings.keep).context("cannot drop capabilities")?;
        let metrics = Metrics::default();
        let shared = Shared { resolver: Resolver::system(), clock, metrics, ports: Arc::new(ports) };
        Ok(Host {
            settings,
            shared,
            log,
            signals,
            notify,
            control,
            program,
            handed,
            last_good,
            services: makers,
        })
    }

    /// The process's log, for what changes its level besides the control socket.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Runs the services until INT or TERM has drained them, a second one has cut that short, or none
    /// of them could be started the first time.
    ///
    /// # Errors
    /// Why the first service could not be started, if none could.
    pub fn run(self) -> Result<Exit, Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_keep_alive(KEEP_ALIVE)
            .build()
            .context("cannot start the control runtime")?;
        let (clock, last_good) = (self.shared.clock.clone(), self.last_good.clone());
        let outcome = runtime.block_on(events::run(self));
        if let (Ok(Exit::OK), Some(mut kept)) = (&outcome, last_good) {
            last_good::keep(&clock, &mut kept, Duration::ZERO);
        }
        // A blocking call that does not return must not keep the process.
        runtime.shutdown_timeout(LAST_PATIENCE);
        outcome
    }
}
