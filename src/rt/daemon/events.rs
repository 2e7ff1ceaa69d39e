//! The loop of the Host: signals and callers in, orders to the supervisors and words to the service
//! manager out. Idle, it sleeps: nothing here ticks but a watchdog that was asked for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Error, ErrorContext, Exit};
use serde_json::{Value, json};
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::supervise::{Order, Supervisor};
use super::upgrade::{self, Succession, Upgrade, Upgrades};
use super::{Host, Settings, minder};
use crate::child::registry;
use crate::control::{self, Asked, ControlSocket, Routes, Turn};
use crate::handover::{self, Kind, Successor};
use crate::last_good;
use crate::notify::Notify;
use crate::scope::Shared;
use crate::{BoxFuture, Signals, Verdict, sys};

/// What the Host listens to. CHLD says that there may be a child to collect (`child/registry.rs`).
pub(super) const SIGNALS: [i32; 5] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGCHLD, libc::SIGUSR2];

/// Orders a supervisor may have waiting.
const ORDERS: usize = 16;
/// Time for those who have called when the process ends.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// How often the process that took over hears what is counted while this one drains.
const TELL: Duration = Duration::from_secs(1);
/// How long `status` waits for a service that is at work on another order.
const STATUS_PATIENCE: Duration = Duration::from_secs(1);

/// The Host's side of a service.
pub(super) struct Handle {
    pub(super) name: String,
    pub(super) orders: mpsc::Sender<Order>,
}

struct Process {
    settings: Settings,
    shared: Shared,
    notify: Notify,
    started: Duration,
    services: Vec<Handle>,
    upgrades: Upgrades,
    /// Where the process before us waits for us.
    succession: Option<Succession>,
    turn: watch::Sender<Turn>,
    /// Where the process that serves tells itself, if this is the first of a container.
    minds: Option<UnixStream>,
}

/// The whole life of the process's services.
pub(super) async fn run(host: Host) -> Result<Exit, Error> {
    let (turn, serving) = watch::channel(upgrade::first_turn(&host));
    let Host { settings, shared, log, signals, notify, control, program, handed, last_good, services } = host;
    let control = control.map(Arc::new);
    let mut states = Vec::new();
    let (mut succession, mut minder) = (None, None);
    if let Some(handed) = handed {
        states = handed.states;
        succession = Some(Succession::new(handed.line, handed.reader, shared.metrics.clone())?);
        minder = handed.minder;
    }
    let signals = Arrivals { readable: sys::readable(signals.as_fd().try_clone_to_owned()?)?, signals };
    let mut tasks = JoinSet::new();
    let (handles, firsts) = supervisors(services, states, &shared, &mut tasks);
    let (ask, mut asked) = mpsc::channel(ORDERS);
    let started = shared.clock.monotonic();
    let routes = Routes { host: ask, log, metrics: shared.metrics.clone() };
    if settings.metrics.is_some() {
        // A process before us may have handed over more than one socket of the address.
        for socket in shared.ports.listeners(super::METRICS)? {
            tracing::info!(address = %socket.local_addr()?, "metrics");
            let served = control::serve_metrics(socket, shared.metrics.clone(), turn.subscribe());
            let served: BoxFuture<'static, ()> = Box::pin(async move {
                if let Err(error) = served.await {
                    tracing::error!("metrics are not given over TCP any more: {error}");
                }
            });
            tasks.spawn(served);
        }
    }
    let minder = minder.map(line).transpose()?;
    // None of the processes before this one is the first, or this one is, and has it to make.
    let (minder, minds) = match minder {
        Some(line) => (Some(line), None),
        None => minder::line()?.unzip(),
    };
    let upgrades = Upgrades { program, control: control.clone(), minder };
    let mut process = Process {
        settings,
        shared,
        notify,
        started,
        services: handles,
        upgrades,
        succession,
        turn: turn.clone(),
        minds,
    };
    if let Some(file) = last_good {
        let clock = process.shared.clock.clone();
        let keep: BoxFuture<'static, ()> = Box::pin(async move {
            if let Err(error) = last_good::keep_on(clock, file).await {
                tracing::error!("the last good time is not kept any more: {error}");
            }
        });
        tasks.spawn(keep);
    }
    let outcome = {
        let mut life = pin!(process.live(&signals, &mut asked, firsts, &mut tasks));
        // The socket is served until the end, so that a drain can be watched.
        let mut answers = pin!(serve(control.as_deref(), routes, serving));
        let mut answered = false;
        let outcome = loop {
            tokio::select! {
                served = &mut answers, if !answered => match served {
                    Ok(()) => answered = true,
                    Err(error) => break Err(error),
                },
                ended = &mut life => break ended,
            }
        };
        if !answered && outcome.is_ok() {
            // Who has asked for this end is still to hear of it.
            turn.send_replace(Turn::Left);
            drop(timeout(LAST_ANSWERS, &mut answers).await);
        }
        outcome
    };
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    outcome
}

fn line(line: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
    line.set_nonblocking(true)?;
    UnixStream::from_std(line)
}

/// Serves the control socket while it is our turn.
async fn serve(
    control: Option<&ControlSocket>,
    routes: Routes,
    turn: watch::Receiver<Turn>,
) -> Result<(), Error> {
    let Some(socket) = control else { return Ok(()) };
    tracing::info!(path = %socket.path().display(), "control socket");
    control::serve(socket, routes, turn).await.context("cannot serve the control socket")
}

type First = oneshot::Receiver<Result<(), Error>>;

fn supervisors(
    services: Vec<(String, super::Make)>,
    mut states: Vec<(String, Vec<u8>)>,
    shared: &Shared,
    tasks: &mut JoinSet<()>,
) -> (Vec<Handle>, Vec<First>) {
    let (mut handles, mut firsts) = (Vec::new(), Vec::new());
    for (name, make) in services {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (first, told) = oneshot::channel();
        let inherited = states.iter().position(|(service, _)| *service == name);
        let supervisor = Supervisor {
            inherited: inherited.map(|at| states.swap_remove(at).1),
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
        tasks: &mut JoinSet<()>,
    ) -> Result<Exit, Error> {
        let starting = all_started(firsts);
        tokio::pin!(starting);
        let mut ready = false;
        let mut upgrade: Option<Upgrade> = None;
        let mut taking: Option<BoxFuture<'static, (Succession, Option<OwnedFd>)>> = None;
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
            let started_anew = async {
                match &mut upgrade {
                    Some(upgrade) => upgrade.work.as_mut().await,
                    None => std::future::pending().await,
                }
            };
            let our_turn = async {
                match &mut taking {
                    Some(taking) => taking.as_mut().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                started = &mut starting, if !ready => {
                    let (running, failed) = started;
                    ready = true;
                    match (self.succession.take(), failed) {
                        // The process before us does better.
                        (Some(_), Some(error)) => return Err(error),
                        (None, Some(error)) if running == 0 => return Err(error),
                        (Some(succession), None) => taking = Some(Box::pin(succession.await_turn())),
                        (None, _) => self.serves(running),
                    }
                }
                (succession, stderr) = our_turn => {
                    taking = None;
                    if stderr.is_none() {
                        // Else the process before us does, to whom the manager listens.
                        self.serves(self.services.len());
                    }
                    upgrade::speak_on(stderr);
                    if let Some(control) = &self.upgrades.control {
                        control.own();
                    }
                    self.turn.send_replace(Turn::Ours);
                    if let Some(line) = &self.upgrades.minder {
                        minder::tell(line).await;
                    }
                    tasks.spawn(Box::pin(succession.listen()) as BoxFuture<'static, ()>);
                }
                made = started_anew => {
                    let reply = upgrade.take().and_then(|upgrade| upgrade.reply);
                    match self.hand_over(made).await {
                        Ok((pid, line)) => {
                            Upgrade::succeeded(reply, pid, self.settings.drain);
                            let ended = self.drain(None, signals, asked, Some(line)).await?;
                            // Its other end is the new process's alone.
                            self.upgrades.minder = None;
                            return match self.minds.take() {
                                Some(line) => minder::mind(line, pid, signals).await,
                                None => Ok(ended),
                            };
                        }
                        Err(error) => Upgrade::refused(reply, error),
                    }
                }
                signal = signals.next() => match signal? {
                    libc::SIGHUP if upgrade.is_some() => tracing::warn!("no reload during an upgrade"),
                    libc::SIGHUP => self.reload_on_signal().await,
                    libc::SIGCHLD => registry::reap()?,
                    libc::SIGUSR2 => self.begin(&mut upgrade, ready, Duration::ZERO, None),
                    signal => {
                        tracing::info!(signal, "is asked to end");
                        return self.drain(None, signals, asked, None).await;
                    }
                },
                Some(question) = asked.recv() => match question {
                    Asked::Status(reply) => drop(reply.send(self.status().await)),
                    Asked::Config(reply) => drop(reply.send(self.configuration().await)),
                    Asked::Reload(service, reply) if upgrade.is_some() => {
                        drop(reply.send(self.no_reload(service.as_deref())));
                    }
                    Asked::Reload(service, reply) => drop(reply.send(self.reload(service.as_deref()).await)),
                    Asked::Upgrade(probation, reply) => self.begin(&mut upgrade, ready, probation, Some(reply)),
                    Asked::Drain(deadline, reply) => {
                        let deadline = deadline.unwrap_or(self.settings.drain);
                        drop(reply.send(json!({ "deadline_s": deadline.as_secs_f64() })));
                        return self.drain(Some(deadline), signals, asked, None).await;
                    }
                },
                () = tick => self.notify.alive(),
            }
        }
    }

    /// Tells the service manager that it serves.
    fn serves(&self, running: usize) {
        self.notify.ready(&format!("{running} of {} services run", self.services.len()));
    }

    /// Begins an upgrade, if none is under way.
    fn begin(
        &self,
        upgrade: &mut Option<Upgrade>,
        ready: bool,
        probation: Duration,
        reply: Option<oneshot::Sender<Result<Value, Error>>>,
    ) {
        if upgrade.is_some() || !ready || *self.turn.borrow() != Turn::Ours {
            let error =
                Error::new(Exit::TEMPORARY, "this process is about to be replaced, or has just begun");
            return Upgrade::refused(reply, error.hint("ask again in a moment"));
        }
        match self.upgrades.begin(&self.services, &self.shared, &self.settings, probation) {
            Ok(work) => *upgrade = Some(Upgrade { work, reply }),
            Err(error) => Upgrade::refused(reply, error),
        }
    }

    /// Leaves what is ours alone to the new process, if it takes it.
    async fn hand_over(&self, made: Result<Successor, Error>) -> Result<(u32, UnixStream), Error> {
        let mut successor = made?;
        if let Some(control) = &self.upgrades.control {
            control.leave();
        }
        if let Err(error) = successor.go(&self.shared.metrics.totals()).await {
            if let Some(control) = &self.upgrades.control {
                control.own();
            }
            return Err(error);
        }
        let pid = successor.id();
        self.notify.succeeded_by(pid);
        self.turn.send_replace(Turn::Left);
        Ok((pid, successor.release()))
    }

    /// The answer to who asks for a reload during an upgrade.
    fn no_reload(&self, only: Option<&str>) -> Option<Value> {
        let wanted = self.services.iter().filter(|handle| only.is_none_or(|name| name == handle.name));
        let refused = |handle: &Handle| {
            let error = Error::new(Exit::TEMPORARY, "a new process is about to take over");
            report(&handle.name, Err(error.hint("ask again in a moment")))
        };
        let verdicts: Vec<Value> = wanted.map(refused).collect();
        (!verdicts.is_empty()).then(|| json!({ "services": verdicts }))
    }

    async fn status(&self) -> Value {
        let busy = |handle: &Handle| json!({ "name": handle.name, "state": "busy" });
        let said = self.ask_all(Order::Status).await;
        self.describe(said.into_iter().map(|(handle, said)| said.unwrap_or_else(|| busy(handle))).collect())
    }

    /// What each service runs by.
    async fn configuration(&self) -> Value {
        let said = self.ask_all(Order::Config).await.into_iter();
        let services = said.map(|(handle, config)| json!({ "name": handle.name, "config": config }));
        json!({ "services": services.collect::<Vec<_>>() })
    }

    /// What each service says in time.
    async fn ask_all(&self, order: fn(oneshot::Sender<Value>) -> Order) -> Vec<(&Handle, Option<Value>)> {
        let mut said = Vec::new();
        for handle in &self.services {
            let (reply, answer) = oneshot::channel();
            let asked = async {
                handle.orders.send(order(reply)).await.ok()?;
                answer.await.ok()
            };
            said.push((handle, timeout(STATUS_PATIENCE, asked).await.ok().flatten()));
        }
        said
    }

    /// The process, around what is said of its services.
    fn describe(&self, services: Vec<Value>) -> Value {
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

    /// Ends all services at the same time; a second signal ends the wait. What is counted meanwhile is told to
    /// the process that has taken over.
    async fn drain(
        &self,
        deadline: Option<Duration>,
        signals: &Arrivals,
        asked: &mut mpsc::Receiver<Asked>,
        successor: Option<UnixStream>,
    ) -> Result<Exit, Error> {
        if successor.is_none() {
            self.notify.stopping();
        }
        let deadline = deadline.unwrap_or(self.settings.drain);
        tracing::info!(deadline = format!("{deadline:?}"), "drains; a second signal ends at once");
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
        // Whoever comes now is to be refused at once, or taken by the process that has the same sockets.
        self.shared.ports.close();
        let mut tell = interval(TELL);
        loop {
            tokio::select! {
                ended = waiting.join_next() => if ended.is_none() {
                    self.tell(successor.as_ref()).await;
                    return Ok(Exit::OK);
                },
                signal = signals.next() => match signal? {
                    libc::SIGCHLD => registry::reap()?,
                    libc::SIGHUP | libc::SIGUSR2 => tracing::info!("no reload while draining"),
                    second => {
                        tracing::warn!("a second signal: ends without draining");
                        return Ok(Exit::from_signal(second));
                    }
                },
                Some(question) = asked.recv() => self.answer_draining(question),
                _ = tell.tick(), if successor.is_some() => self.tell(successor.as_ref()).await,
            }
        }
    }

    /// Tells the process that has taken over what was counted here.
    async fn tell(&self, successor: Option<&UnixStream>) {
        let Some(line) = successor else { return };
        let totals = self.shared.metrics.totals();
        // It may be gone as well, or too busy to hear.
        drop(timeout(TELL, handover::send(line, Kind::Counts, &totals, &[])).await);
    }

    fn answer_draining(&self, question: Asked) {
        let error = || Error::new(Exit::TEMPORARY, "the process is draining");
        match question {
            Asked::Status(reply) => {
                let draining = |handle: &Handle| json!({ "name": handle.name, "state": "draining" });
                let services: Vec<Value> = self.services.iter().map(draining).collect();
                drop(reply.send(self.describe(services)));
            }
            Asked::Config(reply) => drop(reply.send(json!({ "services": [] }))),
            Asked::Reload(_, reply) => drop(reply.send(Some(json!({ "services": [] })))),
            Asked::Upgrade(_, reply) => drop(reply.send(Err(error()))),
            Asked::Drain(_, reply) => drop(reply.send(json!({ "deadline_s": null }))),
        }
    }
}

/// How many of the services run once each has tried, and the first error of those that do not.
async fn all_started(firsts: Vec<First>) -> (usize, Option<Error>) {
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
    (running, failed)
}

/// Signals, waited for.
pub(super) struct Arrivals {
    /// A duplicate of the descriptor that `signals` reads from.
    readable: AsyncFd<OwnedFd>,
    signals: Signals,
}

impl Arrivals {
    pub(super) async fn next(&self) -> io::Result<i32> {
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
