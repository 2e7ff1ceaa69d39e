//! The loop of the Host: signals and callers in, orders to the supervisors and words to the service
//! manager out. Idle, it sleeps: nothing here ticks but a watchdog that was asked for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use edgekit_core::{Error, Exit};
use serde_json::{Value, json};
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::supervise::{Order, Supervisor};
use super::{Host, Settings};
use crate::child::registry;
use crate::control::{self, Asked, Routes};
use crate::last_good;
use crate::notify::Notify;
use crate::scope::Shared;
use crate::{BoxFuture, Signals, Verdict, sys};

/// What the Host listens to. CHLD says that there may be a child to collect (`child/registry.rs`).
pub(super) const SIGNALS: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGCHLD];

/// Orders a supervisor may have waiting.
const ORDERS: usize = 16;
/// How long `status` waits for a service that is at work on another order.
const STATUS_PATIENCE: Duration = Duration::from_secs(1);

/// The Host's side of a service.
struct Handle {
    name: String,
    orders: mpsc::Sender<Order>,
}

struct Process {
    settings: Settings,
    shared: Shared,
    notify: Notify,
    started: Duration,
    services: Vec<Handle>,
}

/// The whole life of the process's services.
pub(super) async fn run(host: Host) -> Result<Exit, Error> {
    let Host { settings, shared, log, signals, notify, control, last_good, services } = host;
    let signals = Arrivals { readable: sys::readable(signals.as_fd().try_clone_to_owned()?)?, signals };
    let mut tasks = JoinSet::new();
    let (handles, firsts) = supervisors(services, &shared, &mut tasks);
    let (ask, mut asked) = mpsc::channel(ORDERS);
    let started = shared.clock.monotonic();
    let routes = Routes { host: ask, log, metrics: shared.metrics.clone() };
    let mut process = Process { settings, shared, notify, started, services: handles };
    if let Some(file) = last_good {
        let clock = process.shared.clock.clone();
        let keep: BoxFuture<'static, ()> = Box::pin(async move {
            if let Err(error) = last_good::keep_on(clock, file).await {
                tracing::error!("the last good time is not kept any more: {error}");
            }
        });
        tasks.spawn(keep);
    }
    let outcome = tokio::select! {
        // The socket is served until the end, so that a drain can be watched.
        stopped = serve(control.as_ref(), routes) => Err(stopped),
        ended = process.live(&signals, &mut asked, firsts) => ended,
    };
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    outcome
}

async fn serve(control: Option<&control::ControlSocket>, routes: Routes) -> Error {
    let failed = match control {
        Some(socket) => {
            tracing::info!(path = %socket.path().display(), "control socket");
            control::serve(socket, routes).await
        }
        None => std::future::pending().await,
    };
    let error = failed.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
    Error::from(error).context("cannot serve the control socket")
}

type First = oneshot::Receiver<Result<(), Error>>;

fn supervisors(
    services: Vec<(String, super::Make)>,
    shared: &Shared,
    tasks: &mut JoinSet<()>,
) -> (Vec<Handle>, Vec<First>) {
    let (mut handles, mut firsts) = (Vec::new(), Vec::new());
    for (name, make) in services {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (first, told) = oneshot::channel();
        let supervisor = Supervisor {
            name: name.clone(),
            make,
            shared: shared.clone(),
            orders: inbox,
            first: Some(first),
            restarts: 0,
            last_error: None,
        };
        tasks.spawn(Box::pin(supervisor.run()) as BoxFuture<'static, ()>);
        handles.push(Handle { name, orders });
        firsts.push(told);
    }
    (handles, firsts)
}

impl Process {
    async fn live(
        &mut self,
        signals: &Arrivals,
        asked: &mut mpsc::Receiver<Asked>,
        firsts: Vec<First>,
    ) -> Result<Exit, Error> {
        let starting = all_started(firsts);
        tokio::pin!(starting);
        let mut ready = false;
        let mut watchdog = self.notify.watchdog().map(|every| {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        loop {
            let tick = async {
                match &mut watchdog {
                    Some(ticks) => drop(ticks.tick().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                started = &mut starting, if !ready => {
                    let running = started?;
                    ready = true;
                    self.notify.ready(&format!("{running} of {} services run", self.services.len()));
                }
                signal = signals.next() => match signal? {
                    libc::SIGHUP => self.reload_on_signal().await,
                    libc::SIGCHLD => registry::reap()?,
                    signal => return self.drain(signal, signals).await,
                },
                Some(question) = asked.recv() => self.answer(question).await,
                () = tick => self.notify.alive(),
            }
        }
    }

    async fn answer(&self, question: Asked) {
        match question {
            Asked::Status(reply) => drop(reply.send(self.status().await)),
            Asked::Reload(service, reply) => drop(reply.send(self.reload(service.as_deref()).await)),
        }
    }

    async fn status(&self) -> Value {
        let mut services = Vec::new();
        for handle in &self.services {
            let (reply, answer) = oneshot::channel();
            let described = async {
                handle.orders.send(Order::Status(reply)).await.ok()?;
                answer.await.ok()
            };
            let described = timeout(STATUS_PATIENCE, described).await.ok().flatten();
            services.push(described.unwrap_or_else(|| json!({ "name": handle.name, "state": "busy" })));
        }
        let clock = &self.shared.clock;
        let uptime = clock.monotonic().saturating_sub(self.started);
        json!({
            "applet": self.settings.name,
            "instance": self.settings.instance,
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "uptime_s": uptime.as_secs(),
            "clock": { "wall_s": clock.wall().as_secs(), "trusted": clock.is_trusted() },
            "services": services,
        })
    }

    /// The verdicts of one service or of all, in turn; `None` if there is none of this name.
    async fn reload(&self, only: Option<&str>) -> Option<Value> {
        let wanted: Vec<&Handle> =
            self.services.iter().filter(|handle| only.is_none_or(|name| name == handle.name)).collect();
        if wanted.is_empty() && only.is_some() {
            return None;
        }
        self.notify.reloading(&self.shared.clock);
        let mut verdicts = Vec::new();
        let mut refused = 0;
        for handle in wanted {
            let verdict = reload_one(handle).await;
            refused += usize::from(verdict.is_err());
            let word = if verdict.is_ok() { "applied" } else { "refused" };
            let labels = [("service", handle.name.as_str()), ("verdict", word)];
            let metrics = &self.shared.metrics;
            metrics.counter("edgekit_reloads_total", "Reloads by their verdict.", &labels).add_one();
            verdicts.push(report(&handle.name, verdict));
        }
        self.notify.ready(&match refused {
            0 => "reloaded".to_owned(),
            refused => format!("reload refused by {refused} of {} services", verdicts.len()),
        });
        Some(json!({ "services": verdicts }))
    }

    async fn reload_on_signal(&self) {
        // Each verdict is logged where it is made; nobody is there to be answered.
        drop(self.reload(None).await);
    }

    /// Ends all services at the same time; a second signal ends the wait.
    async fn drain(&self, signal: i32, signals: &Arrivals) -> Result<Exit, Error> {
        self.notify.stopping();
        let deadline = self.settings.drain;
        tracing::info!(signal, deadline = format!("{deadline:?}"), "drains; a second signal ends at once");
        let mut waiting = JoinSet::new();
        for handle in &self.services {
            let orders = handle.orders.clone();
            let drain: BoxFuture<'static, ()> = Box::pin(async move {
                let (done, drained) = oneshot::channel();
                if orders.send(Order::Drain(deadline, done)).await.is_ok() {
                    // An error means that the supervisor is gone, which is what was asked for.
                    drop(drained.await);
                }
            });
            waiting.spawn(drain);
        }
        loop {
            tokio::select! {
                ended = waiting.join_next() => if ended.is_none() { return Ok(Exit::OK) },
                signal = signals.next() => match signal? {
                    libc::SIGCHLD => registry::reap()?,
                    libc::SIGHUP => tracing::info!("no reload while draining"),
                    second => {
                        tracing::warn!("a second signal: ends without draining");
                        return Ok(Exit::from_signal(second));
                    }
                },
            }
        }
    }
}

/// How many of the services run once each has tried; the first error if none does.
async fn all_started(firsts: Vec<First>) -> Result<usize, Error> {
    let mut running = 0;
    let mut failed = None;
    for first in firsts {
        match first.await {
            Ok(Ok(())) => running += 1,
            Ok(Err(error)) => failed = failed.or(Some(error)),
            // A supervisor that is gone has been told to end.
            Err(_) => {}
        }
    }
    match failed {
        Some(error) if running == 0 => Err(error),
        _ => Ok(running),
    }
}

/// Signals, waited for.
struct Arrivals {
    /// A duplicate of the descriptor that `signals` reads from.
    readable: AsyncFd<OwnedFd>,
    signals: Signals,
}

impl Arrivals {
    async fn next(&self) -> io::Result<i32> {
        loop {
            let mut ready = self.readable.readable().await?;
            if let Some(signal) = self.signals.read()? {
                return Ok(signal);
            }
            ready.clear_ready();
        }
    }
}

async fn reload_one(handle: &Handle) -> Result<Verdict, Error> {
    let (reply, answer) = oneshot::channel();
    let gone = || Error::new(Exit::TEMPORARY, "the service is stopping");
    handle.orders.send(Order::Reload(reply)).await.map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?
}

/// Logs a verdict and gives it as JSON.
fn report(service: &str, verdict: Result<Verdict, Error>) -> Value {
    match verdict {
        Ok(Verdict { applied, needs_restart }) => {
            tracing::info!(
                service,
                applied = applied.join(", "),
                needs_restart = needs_restart.join(", "),
                "reloaded"
            );
            json!({ "name": service, "verdict": "applied", "applied": applied, "needs_restart": needs_restart })
        }
        Err(error) => {
            let (message, hint) = (error.to_string(), error.hint_text());
            tracing::error!(service, hint, "reload refused, the last good configuration stays: {message}");
            json!({ "name": service, "verdict": "refused", "error": message, "hint": hint })
        }
    }
}
