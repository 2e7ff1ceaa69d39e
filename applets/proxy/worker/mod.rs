//! One worker: a thread with a runtime of its own, its listening sockets, its connections, its pools.
//!
//! Nothing here is shared with another worker but the snapshot, the counters (one writer each) and
//! the count of open connections; tasks never leave their thread, so that no request pays for a lock.
//! Neighbours: `service.rs` starts workers, `http1` serves the connections, `upstream.rs` is the pool.

mod accept;
mod exchanges;
mod free;
mod seats;
mod timers;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{TcpListener, UdpSocket};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use edgekit_core::{Clock, Error, Exit};
use edgekit_rt::memory;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use accept::{Accepted, Guest};
pub(crate) use exchanges::{Exchange, Exchanges};
pub(crate) use free::Free;
pub(crate) use seats::{AnySeats, Desk};
pub(crate) use timers::Timers;

use crate::balance::{Chooser, Dice};
use crate::dates::Dates;
use crate::health::{Checks, States};
use crate::hooks::Deeds;
use crate::http2::Links;
use crate::judge::{Judge, Point, Source};
use crate::l4::{self, Pipes};
use crate::log::{LogLines, LogSink};
use crate::objective::Objectives;
use crate::resilience::{Budget, Budgets, Memory, RateLimits, RateStates, Stage};
use crate::route::{Action, Route};
use crate::secure::Spares;
use crate::snapshot::{Cluster, Listener, Snapshot, SnapshotCell};
use crate::stats::{Numbers, Stats, Tally, WorkerCells};
use crate::traces::{Ids, Spans, Traces};
use crate::upstream::Pool;

/// How often idle connections to endpoints and waiting log lines are looked after.
const CHORES: Duration = Duration::from_secs(1);
/// What a client with an idle connection gets, once we drain, to notice or to ask once more.
const GRACE: Duration = Duration::from_millis(500);

/// What all workers of a proxy share.
pub struct Shared {
    /// The time.
    pub clock: Clock,
    /// What is served by.
    pub snapshot: SnapshotCell,
    /// What is counted.
    pub stats: Stats,
    /// What is known of endpoints.
    pub states: States,
    /// What is left of the rates of routes.
    pub rates: RateStates,
    /// Second tries that are left to routes.
    pub budgets: Budgets,
    /// What routes promise.
    pub objectives: Objectives,
    /// What memory allows.
    pub memory: Memory,
    /// Where the access log goes.
    pub log: LogSink,
    /// Which requests are followed.
    pub traces: Traces,
    /// Who does what hooks want done.
    pub deeds: Deeds,
    /// Connections of clients, now.
    pub open: AtomicUsize,
    /// As many as there may be.
    pub most_open: usize,
}

/// A snapshot as one worker sees it.
pub struct View {
    number: u64,
    snapshot: Arc<Snapshot>,
    /// In the order of the worker's sockets; none if it went away.
    listeners: Vec<Option<Arc<Listener>>>,
    routes: Vec<Numbers>,
    choosers: Vec<Chooser>,
    /// What is counted of clusters.
    tallies: Vec<Arc<Tally>>,
    /// Of the routes that have some, by position.
    rates: HashMap<usize, Arc<RateLimits>>,
    /// Of the routes that try again, by position.
    budgets: HashMap<usize, Arc<Budget>>,
    /// What judges, and what it was made of.
    judge: Option<(Source, Rc<dyn Judge>)>,
}

impl View {
    fn new(shared: &Shared, names: &[Arc<str>], worker: usize, before: Option<&View>) -> View {
        let number = shared.snapshot.number();
        let snapshot = shared.snapshot.get();
        let listeners = names.iter().map(|name| snapshot.listener(name).cloned()).collect();
        let numbers = |route: &Arc<Route>| Numbers {
            tally: shared.stats.routes.of(&route.name),
            objective: shared.objectives.of(&route.name, &route.settings.objective),
        };
        let routes = snapshot.routes.iter().map(numbers).collect();
        let tallies =
            snapshot.clusters.iter().map(|cluster| shared.stats.clusters.of(&cluster.name)).collect();
        let seed = seed(shared, worker);
        let chooser = |(at, cluster): (usize, &Arc<Cluster>)| {
            let state = shared.states.of(cluster);
            Chooser::new(cluster.settings.balance, seed.wrapping_add(at as u64), state)
        };
        let choosers = snapshot.clusters.iter().enumerate().map(chooser).collect();
        let limited = snapshot.routes.iter().enumerate().filter(|(_, route)| route.is_limited());
        let rate = |(at, route): (usize, &Arc<Route>)| {
            Some((at, shared.rates.of(&route.name, &route.settings.limit)?))
        };
        let rates = limited.filter_map(rate).collect();
        let retries = snapshot.routes.iter().enumerate().filter(|(_, route)| route.retry().is_some());
        let budgets = retries.map(|(at, route)| (at, shared.budgets.of(&route.name))).collect();
        let judge = snapshot.resources().hooks.clone().and_then(|source| {
            let kept = before.and_then(|view| view.judge.as_ref()).filter(|(made_of, _)| *made_of == source);
            let judge = kept.map(|(_, judge)| judge.clone()).or_else(|| source.0.judge(&shared.deeds))?;
            Some((source, judge))
        });
        View { number, snapshot, listeners, routes, choosers, tallies, rates, budgets, judge }
    }

    /// Who judges what passes.
    pub fn judge(&self) -> Option<Rc<dyn Judge>> {
        self.judge.as_ref().map(|(_, judge)| judge.clone())
    }

    /// Whether somebody judges at this point.
    pub fn judges(&self, point: Point) -> bool {
        self.judge.as_ref().is_some_and(|(_, judge)| judge.asks(point))
    }

    /// The listener a connection came by.
    pub fn listener(&self, socket: usize) -> Option<&Listener> {
        self.listeners.get(socket)?.as_deref()
    }

    /// A route with its numbers, by its position.
    pub fn route(&self, at: usize) -> Option<(&Route, &Numbers)> {
        Some((self.snapshot.routes.get(at)?, self.routes.get(at)?))
    }

    /// What is left of a route's rate, by its position.
    pub fn rate(&self, at: usize) -> Option<&RateLimits> {
        self.rates.get(&at).map(|rates| &**rates)
    }

    /// Second tries that are left to a route, by its position.
    pub fn budget(&self, at: usize) -> Option<&Budget> {
        self.budgets.get(&at).map(|budget| &**budget)
    }

    /// The cluster that answers a request of a route, its chooser and what is counted of it; `dice` where
    /// there are several.
    pub fn cluster(&self, route: &Route, dice: &Dice) -> Option<(&Arc<Cluster>, &Chooser, &Tally)> {
        self.counted_cluster(match &route.action {
            Action::Forward(at) => (*at)?,
            Action::Split(split) => split.pick(dice.roll())?,
            _ => return None,
        })
    }

    /// A cluster, its chooser and what is counted of it, by its position.
    pub fn counted_cluster(&self, at: usize) -> Option<(&Arc<Cluster>, &Chooser, &Tally)> {
        let (cluster, chooser) = self.cluster_at(at)?;
        Some((cluster, chooser, self.tallies.get(at)?))
    }

    /// A cluster and its chooser, by its position.
    pub fn cluster_at(&self, at: usize) -> Option<(&Arc<Cluster>, &Chooser)> {
        Some((self.snapshot.clusters.get(at)?, self.choosers.get(at)?))
    }
}

/// Where the chance of a worker begins: no two begin alike.
fn seed(shared: &Shared, worker: usize) -> u64 {
    shared.clock.monotonic().as_nanos() as u64 ^ (worker as u64) << 32
}

/// One worker's belongings, shared by its tasks.
pub struct Worker {
    /// Which one.
    pub index: usize,
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// Its deadlines.
    pub timers: Timers,
    /// Its idle connections to endpoints.
    pub pool: Pool,
    /// Its shared connections to endpoints.
    pub links: Links,
    /// Its buffers.
    pub exchanges: Exchanges,
    /// Its memory for records of TLS.
    pub(crate) spares: Rc<Spares>,
    /// Its pipes for bytes that are passed on.
    pub(crate) pipes: Pipes,
    /// Its places for exchanges in progress.
    pub(crate) seats: AnySeats,
    /// Its lines for the access log.
    pub log: RefCell<LogLines>,
    /// Its spans for the collector.
    pub spans: RefCell<Spans>,
    /// Its names for traces.
    pub ids: Ids,
    /// The time as text.
    pub dates: RefCell<Dates>,
    /// Its chance.
    pub dice: Dice,
    /// Copies of requests on their way.
    pub mirrors: Rc<Cell<usize>>,
    names: Vec<Arc<str>>,
    view: RefCell<Rc<View>>,
    draining: Cell<bool>,
    connections: Cell<usize>,
    /// Most of them since freed memory was given back.
    most_connections: Cell<usize>,
    /// When a request was last refused for want of memory.
    pressed: Cell<Option<Duration>>,
}

impl Worker {
    /// What is served by now. An exchange asks once and keeps it.
    pub fn view(&self) -> Rc<View> {
        let mut view = self.view.borrow_mut();
        if view.number != self.shared.snapshot.number() {
            *view = Rc::new(View::new(&self.shared, &self.names, self.index, Some(&view)));
        }
        view.clone()
    }

    /// Its counters.
    pub fn cells(&self) -> &WorkerCells {
        self.shared.stats.worker(self.index)
    }

    /// True once every answer is to be the last of its connection.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }
}

/// What a worker listens at.
pub(crate) enum Socket {
    /// For connections.
    Tcp(TcpListener),
    /// For datagrams.
    Udp(UdpSocket),
}

/// The life of a worker: serves `sockets` (a listener's name each) until `drain` says true, then
/// until its last connection is closed.
///
/// # Errors
/// A socket that the runtime cannot take, a panic of one of the worker's own tasks.
pub(crate) async fn run(
    index: usize,
    shared: Arc<Shared>,
    sockets: Vec<(Arc<str>, Socket)>,
    mut drain: watch::Receiver<bool>,
) -> Result<(), Error> {
    accept::pin_to_cpu(index);
    let names: Vec<Arc<str>> = sockets.iter().map(|(name, _)| name.clone()).collect();
    let view = Rc::new(View::new(&shared, &names, index, None));
    let worker = Rc::new(Worker {
        index,
        timers: Timers::new(shared.clock.clone()),
        pool: Pool::default(),
        links: Links::default(),
        exchanges: Exchanges::default(),
        spares: Rc::default(),
        pipes: Pipes::default(),
        seats: AnySeats::default(),
        log: RefCell::default(),
        spans: RefCell::default(),
        ids: Ids::new(seed(&shared, index)),
        dates: RefCell::new(Dates::new(shared.clock.clone())),
        dice: Dice::new(seed(&shared, index)),
        mirrors: Rc::default(),
        names,
        view: RefCell::new(view),
        draining: Cell::new(false),
        connections: Cell::new(0),
        most_connections: Cell::new(0),
        pressed: Cell::new(None),
        shared,
    });
    let mut tasks = JoinSet::new();
    for (number, (_, socket)) in sockets.into_iter().enumerate() {
        match socket {
            Socket::Tcp(socket) => {
                let listener = tokio::net::TcpListener::from_std(socket)?;
                tasks.spawn_local(accept::accept(worker.clone(), number, listener, drain.clone()));
            }
            Socket::Udp(socket) => {
                let listening = tokio::net::UdpSocket::from_std(socket)?;
                tasks.spawn_local(l4::serve_datagrams(worker.clone(), number, listening, drain.clone()));
            }
        }
    }
    let checks = (index == 0).then(|| tasks.spawn_local(Checks::new(worker.clone()).run()));
    tokio::select! {
        // Those that accept hear of a drain as well, maybe before we do. Where all else is for datagrams, which one
        // worker reads, there may be none.
        Some(ended) = tasks.join_next() => if !*drain.borrow() { return Err(ended_early(ended)) },
        () = chores(&worker) => {}
        () = async { drop(drain.wait_for(|now| *now).await) } => {}
    }
    worker.draining.set(true);
    checks.inspect(AbortHandle::abort);
    while tasks.join_next().await.is_some() {}
    worker.timers.wake_all();
    worker.pool.clear();
    let mut left = pin!(async {
        while worker.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    tokio::select! {
        () = &mut left => {}
        () = chores(&worker) => {}
    }
    worker.flush_log();
    Ok(())
}

fn ended_early(ended: Result<(), tokio::task::JoinError>) -> Error {
    let reason = ended.err().map_or("it ended".to_owned(), |error| error.to_string());
    Error::new(Exit::BUG, format!("a task that accepts connections is gone: {reason}"))
}

/// Turns the wheel, and once a second, while there is something to do, looks after the rest.
async fn chores(worker: &Rc<Worker>) {
    let mut sleep = pin!(tokio::time::sleep(CHORES));
    let mut due = worker.timers.now();
    poll_fn(|context| {
        loop {
            let next = worker.timers.turn(context.waker());
            let now = worker.timers.now();
            worker.spare_memory();
            let waits = worker.pool.len() > 0 || worker.has_lines();
            let mut busy = worker.connections.get() > 0 || waits;
            if now >= due {
                due = now + CHORES;
                busy |= worker.pool.sweep(now);
                worker.flush_log();
                busy |= worker.settle();
            }
            let chores = busy.then(|| due.saturating_sub(now));
            let Some(after) = next.into_iter().chain(chores).min() else { return Poll::Pending };
            sleep.as_mut().reset(tokio::time::Instant::now() + after);
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Things that are freed before the allocator is asked to give their memory back.
const MANY: usize = 64;
/// Connections of a worker that are served however short memory is.
const FEW: usize = 16;
/// How long an exchange may stand still where memory is needed for others.
const STILL: Duration = Duration::from_secs(1);

impl Worker {
    /// Lets go of what the last second did not need, and has its memory given back to the system after
    /// a burst. True if there may be more of it in a second.
    fn settle(&self) -> bool {
        let freed =
            self.exchanges.shrink() + self.spares.shrink() + self.pipes.shrink() + self.seats.shrink();
        let (open, most) = (self.connections.get(), self.most_connections.get());
        let is_over = freed >= MANY || (most >= MANY && open <= most / 2);
        if is_over {
            self.most_connections.set(open);
            memory::give_back();
        }
        is_over || freed > 0
    }

    /// Gives up what memory is too short for. Looked at once a chore, and at each refusal.
    fn spare_memory(&self) {
        self.cells().exchanges.set(self.exchanges.in_use() as u64);
        let stage = self.shared.memory.stage();
        if stage == Stage::Calm && !self.exchanges.is_lean() {
            return;
        }
        self.exchanges.lean(stage >= Stage::Lean);
        if stage >= Stage::Lean {
            self.pool.clear();
        }
        if stage >= Stage::Tight {
            self.press();
        }
    }

    /// Lets whoever waits look at [`Worker::is_short`], once a second at most.
    fn press(&self) {
        let now = self.timers.recent();
        if self.pressed.get().is_none_or(|before| now.saturating_sub(before) >= STILL) {
            self.pressed.set(Some(now));
            self.timers.wake_all();
        }
    }

    /// True if there is no memory for one more exchange.
    pub fn is_full(&self) -> bool {
        let allowed = self.shared.memory.allowed();
        if allowed == usize::MAX {
            return false;
        }
        let in_use = self.exchanges.in_use();
        self.cells().exchanges.set(in_use as u64);
        let is_full = in_use >= allowed;
        if is_full {
            self.cells().memory_refusals.add(1);
            self.press();
        }
        is_full
    }

    /// True if an exchange that has stood still since `moved` is to be given up for others.
    pub fn gives_up(&self, moved: Duration) -> bool {
        let recent = self.timers.recent();
        let is_pressed = self.pressed.get().is_some_and(|when| recent.saturating_sub(when) < STILL);
        is_pressed && recent.saturating_sub(moved) >= STILL
    }

    /// True if clients that are idle must go, and no new one may come. A few are served whatever
    /// memory is left: what an allocator keeps for itself is not theirs to pay for.
    pub fn is_tight(&self) -> bool {
        self.connections.get() > FEW && self.shared.memory.stage() == Stage::Tight
    }

    fn flush_log(&self) {
        let lost = self.log.borrow_mut().flush(&self.shared.log);
        self.cells().lines_lost.add(lost);
        let lost = self.spans.borrow_mut().flush(&self.shared.traces.queue);
        self.cells().spans_lost.add(lost);
    }

    /// True if lines or spans wait to be handed over.
    fn has_lines(&self) -> bool {
        !self.log.borrow().is_empty() || !self.spans.borrow().is_empty()
    }

    /// How long an idle connection is kept: while draining, no longer than it takes to notice.
    pub fn idle_time(&self, configured: Duration) -> Duration {
        if self.draining.get() { configured.min(GRACE) } else { configured }
    }

    fn opened(&self) {
        self.connections.set(self.connections.get() + 1);
        self.most_connections.set(self.most_connections.get().max(self.connections.get()));
        self.cells().open.add(1);
    }

    fn closed(&self) {
        self.connections.set(self.connections.get().saturating_sub(1));
        self.cells().open.subtract(1);
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
    }
}
