//! The daemon: starts the workers, swaps snapshots on a reload, drains.
//!
//! Listening sockets belong to the Host and outlive this service; a listener that a file adds,
//! removes or moves waits for a restart and is said to. All else is live.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edgekit_core::config::{Loaded, Problems, Reload, diff};
use edgekit_core::{Clock, Error, ErrorContext, Exit};
use edgekit_rt::{BoxFuture, Resolver, Scope, Service, Verdict, memory};
use edgekit_tls::{Material, Report};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::{self, Config, Spoken};
use crate::health::States;
use crate::hooks::{self, Deeds, Hooked};
use crate::names::Names;
use crate::objective::{self, Objectives};
use crate::resilience::{self, Budgets, Memory, RateStates};
use crate::secure::{self, Materials};
use crate::snapshot::{Name, Resources, Snapshot, SnapshotCell};
use crate::stats::Stats;
use crate::traces::{self, Traces};
use crate::worker::{self, Shared, Socket};
use crate::{certs, log, plan, view};

/// How long the start waits for names to be looked up.
const NAMES: Duration = Duration::from_secs(1);
/// How often a drain looks whether it is over.
const LOOK: Duration = Duration::from_millis(10);
/// Descriptors that are not connections of clients or to endpoints.
const SPARE: usize = 64;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The usual files, or one that was named.
    Files(Option<PathBuf>),
    /// The command line.
    Text(String),
}

/// The last configuration without a fault.
pub(crate) struct Good {
    pub(crate) loaded: Loaded,
    pub(crate) config: Config,
    /// Its certificates, keys and trust.
    pub(crate) materials: Materials,
    /// What is to be said of them once there is a log.
    pub(crate) said: Vec<Report>,
    /// Its hooks.
    hooks: Option<Hooked>,
}

impl Good {
    /// Checks what was loaded, and reads the files it names but for those that are as they were `before`.
    ///
    /// # Errors
    /// Every fault, at its place.
    pub(crate) fn check(loaded: Loaded, before: Option<&Good>, clock: &Clock) -> Result<Good, Problems> {
        let config = plan::checked(&loaded)?;
        let hooks = hooks::load(&loaded, &config, before.and_then(|good| good.hooks.as_ref()), clock)?;
        let before = before.map(|good| (&good.config, &good.materials));
        let (materials, said) = secure::load(&loaded, &config, before, clock)?;
        Ok(Good { loaded, config, materials, said, hooks })
    }

    /// The same with as little memory as it can do with, to be kept.
    pub(crate) fn settled(mut self) -> Good {
        self.loaded = self.loaded.lean();
        // It lies scattered among what was freed just now, and keeps pages of it from being given back.
        self.config = self.config.clone();
        self
    }
}

/// What the Host calls the sockets of a listener.
pub(crate) fn port(listener: &str) -> String {
    format!("listener.{listener}")
}

/// Its socket is for datagrams.
pub(crate) fn takes_datagrams(listener: &config::Listener) -> bool {
    listener.protocol == Spoken::Udp
}

/// The service.
pub(crate) struct Proxy {
    source: Source,
    good: Arc<Mutex<Good>>,
    /// The configuration of the start, as text: what waits for a restart is as it was then.
    began_with: Arc<str>,
    /// Listeners whose sockets are open.
    names: Vec<Name>,
    /// Those of them that are for datagrams.
    datagrams: Vec<Name>,
    workers: usize,
    draining: watch::Sender<bool>,
    alive: Arc<AtomicUsize>,
    running: Option<Running>,
    /// What the process before this one handed over.
    inherited: Vec<u8>,
}

/// How that is written today: this number, then the keys of tickets.
const HANDED: u8 = 1;

struct Running {
    shared: Arc<Shared>,
    reloads: watch::Sender<()>,
    /// What is watched.
    materials: watch::Sender<Materials>,
    clock: Clock,
    resolver: Resolver,
    addresses: Vec<(Name, String)>,
}

impl Proxy {
    pub(crate) fn new(
        source: Source,
        good: Arc<Mutex<Good>>,
        began_with: Arc<str>,
        names: Vec<Name>,
        workers: usize,
    ) -> Proxy {
        let (draining, _) = watch::channel(false);
        Proxy {
            source,
            good,
            began_with,
            names,
            datagrams: Vec::new(),
            workers,
            draining,
            alive: Arc::default(),
            running: None,
            inherited: Vec::new(),
        }
    }

    fn good(&self) -> MutexGuard<'_, Good> {
        // Both halves are replaced in one statement.
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The resources of a file, with the listeners that are open.
    fn resources(&self, good: &Good, before: Option<&Resources>) -> Resources {
        let mut resources = plan::resources(&good.config);
        resources.materials = good.materials.clone();
        resources.hooks = good.hooks.as_ref().map(Hooked::source);
        resources.listeners.retain(|name, listener| {
            self.names.contains(name) && takes_datagrams(listener) == self.datagrams.contains(name)
        });
        if let Some(before) = before {
            for name in &self.names {
                if let Some(kept) = before.listeners.get(name) {
                    let is_new = !resources.listeners.contains_key(name);
                    resources.listeners.entry(name.clone()).or_insert_with(|| kept.clone());
                    // It keeps its certificates with the rest of it.
                    if let Some(tls) = before.materials.terminations.get(name).filter(|_| is_new) {
                        resources.materials.terminations.insert(name.clone(), tls.clone());
                    }
                }
            }
            // What was looked up for the same endpoints holds until it is looked up again.
            for (name, cluster) in &resources.clusters {
                let same =
                    before.clusters.get(name).is_some_and(|before| before.endpoints == cluster.endpoints);
                if let Some(known) = before.endpoints.get(name).filter(|_| same) {
                    resources.endpoints.insert(name.clone(), known.clone());
                }
            }
        }
        resources
    }

    /// True for the protocol of a listener that goes over to datagrams, or from them.
    fn waits(&self, config: &Config, key: &str) -> bool {
        let changed = config.listener.iter().find(|(name, listener)| {
            let is_open = self.names.iter().any(|open| **open == **name);
            let is_udp = self.datagrams.iter().any(|open| **open == **name);
            is_open && takes_datagrams(listener) != is_udp && plan::place("listener", name, "protocol") == key
        });
        changed.is_some()
    }

    async fn begin(&mut self, scope: &Scope) -> Result<(), Error> {
        // What was opened is so, whatever the file says by now.
        let is_udp = |name: &&Name| scope.ports().udp(&port(name)).is_ok();
        self.datagrams = self.names.iter().filter(is_udp).cloned().collect();
        let (access_log, tracing, max_rss, programs, resources) = {
            let mut good = self.good();
            std::mem::take(&mut good.said).iter().for_each(Report::log);
            let Config { access_log, tracing, max_rss, hook_programs, .. } = &good.config;
            let programs = hook_programs.clone();
            (access_log.clone(), tracing.clone(), *max_rss, programs, self.resources(&good, None))
        };
        let (traces, exporter) = Traces::new(scope.metrics().clone());
        if let Some((&HANDED, tickets)) = self.inherited.split_first() {
            resources.materials.import_tickets(tickets);
        }
        self.inherited = Vec::new();
        let (sink, writer) = log::channel();
        let (materials, kept) = watch::channel(resources.materials.clone());
        scope.spawn(secure::keep(kept));
        let shared = Arc::new(Shared {
            clock: scope.clock().clone(),
            snapshot: SnapshotCell::new(Snapshot::build(resources)),
            stats: Stats::new(scope.metrics().clone(), self.workers),
            states: States::default(),
            rates: RateStates::default(),
            budgets: Budgets::default(),
            objectives: Objectives::new(scope.metrics(), self.workers),
            memory: Memory::default(),
            log: sink,
            traces,
            deeds: Deeds::new(scope),
            open: AtomicUsize::new(0),
            most_open: most_open(),
        });
        scope.spawn(writer.run());
        scope.spawn(async move {
            exporter.run().await;
            Ok(())
        });
        shared.log.open(&access_log).await?;
        let collector = traces::collector(&tracing, scope.resolver().clone(), shared.clock.clone()).await?;
        shared.traces.follow(&tracing, collector);
        shared.deeds.allow(programs.as_deref());
        shared.memory.limit(max_rss.map(|size| size.0));
        let (reloads, receiver) = watch::channel(());
        let mut names = Names::new(scope.resolver().clone(), shared.clone(), receiver);
        // What is in a file on this machine is known at once; the network may take its time.
        let _late = tokio::time::timeout(NAMES, names.round()).await;
        scope.spawn(names.run());
        scope.spawn(resilience::watch_memory(shared.clone(), self.workers));
        scope.spawn(objective::watch(shared.clone()));
        // Reading a file of thousands of clusters takes several times what is left of it.
        memory::give_back();
        let mut sockets: Vec<Vec<(Name, Socket)>> = (0..self.workers).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for (number, name) in self.names.iter().enumerate() {
            if self.datagrams.contains(name) {
                // One worker reads it: datagrams of one client would find their flow with no other.
                let socket = scope.ports().udp(&port(name))?;
                addresses.push((name.clone(), socket.local_addr()?.to_string()));
                sockets[number % self.workers].push((name.clone(), Socket::Udp(socket)));
                continue;
            }
            let opened = scope.ports().listeners(&port(name))?;
            if let Some(first) = opened.first() {
                addresses.push((name.clone(), first.local_addr()?.to_string()));
            }
            // Those of a process before us may be more than there are workers, or fewer: clients wait at each.
            let turns = opened.len().max(self.workers);
            for (index, socket) in opened.iter().cycle().take(turns).enumerate() {
                sockets[index % self.workers].push((name.clone(), Socket::Tcp(socket.try_clone()?)));
            }
        }
        for (index, own) in sockets.into_iter().enumerate() {
            let (shared, drain, alive) = (shared.clone(), self.draining.subscribe(), self.alive.clone());
            let alive = Alive::new(alive);
            let work = move || async move {
                let _alive = alive;
                worker::run(index, shared, own, drain).await
            };
            scope.worker(&format!("proxy-{index}"), work).context("cannot start a worker")?;
        }
        for (name, address) in &addresses {
            tracing::info!(listener = &**name, address, workers = self.workers, "listens");
        }
        let (clock, resolver) = (scope.clock().clone(), scope.resolver().clone());
        self.running = Some(Running { shared, reloads, materials, clock, resolver, addresses });
        Ok(())
    }

    async fn replace(&mut self) -> Result<Verdict, Error> {
        let Some(running) = &self.running else {
            return Err(Error::new(Exit::TEMPORARY, "the service does not run"));
        };
        let loaded = self.source.load()?;
        let mut good = Good::check(loaded, Some(&self.good()), &running.clock)?;
        let mut verdict = Verdict::unchanged();
        for change in diff(&self.good().loaded, &good.loaded) {
            match change.reload {
                // Its socket is of the other kind.
                Reload::Live if self.waits(&good.config, &change.key) => {
                    verdict.needs_restart.push(change.key)
                }
                Reload::Live => verdict.applied.push(change.key),
                Reload::Restart => verdict.needs_restart.push(change.key),
            }
        }
        // Also where nothing changed: whoever moved the file away wants a new one.
        let tracing = &good.config.tracing;
        let collector = traces::collector(tracing, running.resolver.clone(), running.clock.clone()).await?;
        running.shared.log.open(&good.config.access_log).await?;
        running.shared.traces.follow(tracing, collector);
        running.shared.deeds.allow(good.config.hook_programs.as_deref());
        running.shared.memory.limit(good.config.max_rss.map(|size| size.0));
        let before = running.shared.snapshot.get();
        let resources = self.resources(&good, Some(before.resources()));
        // Whoever asks for a reload does not want to wait for the watch.
        std::mem::take(&mut good.said).iter().for_each(Report::log);
        resources.materials.refresh(None).iter().for_each(Report::log);
        running.materials.send_if_modified(|watched| {
            let differs = *watched != resources.materials;
            watched.clone_from(&resources.materials);
            differs
        });
        if resources != *before.resources() {
            running.shared.snapshot.put(Snapshot::build(resources));
            let now = running.shared.snapshot.get();
            running.shared.states.retain(|name| now.resources().clusters.contains_key(name));
            let is_there = |name: &str| now.resources().routes.contains_key(name);
            running.shared.rates.retain(is_there);
            running.shared.budgets.retain(is_there);
        }
        running.reloads.send_replace(());
        *self.good() = good.settled();
        memory::give_back();
        Ok(verdict)
    }
}

/// Counts a worker until it is gone, however it ends: a drain waits for all of them.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: Arc<AtomicUsize>) -> Alive {
        count.fetch_add(1, Ordering::AcqRel);
        Alive(count)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Connections of clients there may be: half of the descriptors, as each may need one to a server.
/// The soft limit is for programs that use select(2): we go up to the hard one.
fn most_open() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(1 << 20);
    (limit.saturating_sub(SPARE) / 2).max(1)
}

impl Service for Proxy {
    fn start<'a>(&'a mut self, scope: &'a Scope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.begin(scope))
    }

    fn reload(&mut self) -> BoxFuture<'_, Result<Verdict, Error>> {
        Box::pin(self.replace())
    }

    fn drain(&mut self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.draining.send_replace(true);
            while self.alive.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(LOOK).await;
            }
            if let Some(running) = &self.running {
                running.shared.log.settle().await;
                if running.shared.traces.mode().tells() {
                    running.shared.traces.queue.settle(traces::SETTLES).await;
                }
            }
        })
    }

    fn configuration(&self) -> Value {
        json!({ "in_use": &*self.good().loaded.given(), "at_start": &*self.began_with })
    }

    fn handover(&self) -> Option<Vec<u8>> {
        let materials = self.running.as_ref().map(|running| running.shared.snapshot.get());
        let mut state = vec![HANDED];
        if let Some(snapshot) = materials {
            state.extend(snapshot.resources().materials.export_tickets());
        }
        Some(state)
    }

    fn inherit(&mut self, state: Vec<u8>) {
        self.inherited = state;
    }

    fn status(&self) -> Value {
        let Some(Running { shared, addresses, .. }) = &self.running else { return json!({}) };
        let snapshot = shared.snapshot.get();
        let listeners: Vec<Value> =
            addresses.iter().map(|(name, address)| json!({ "name": &**name, "address": address })).collect();
        json!({
            "workers": self.workers,
            "snapshot": shared.snapshot.number(),
            "open": shared.stats.sum(|cells| &cells.open),
            "accepted": shared.stats.sum(|cells| &cells.accepted),
            "listeners": listeners,
            "traffic": view::traffic(shared),
            "routes": view::routes(&snapshot, &shared.objectives, shared.clock.monotonic()),
            "clusters": view::clusters(&snapshot, &shared.states, shared.clock.monotonic()),
            "certificates": certs::all(&snapshot.resources().materials),
        })
    }
}
