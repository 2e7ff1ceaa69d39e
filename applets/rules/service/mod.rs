//! `edgekit rules run`: the rules as a service of a Host.
//!
//! ```text
//! rules.bus ─▶ bus ─ events ─▶ Bus ─▶ worker (engine) ─ deeds ─▶ act ─▶ log, metrics, programs, calls, watchers
//! folder ─▶ watching ─▶ reload ─ generation ─▶ worker ─ figures ─▶ export ─▶ metrics, status, list
//! ```
//! The engine has a thread of its own, and so has the watch on the folder; everything else is tasks on the control
//! runtime. What the service starts ends with it.

mod act;
mod bus;
mod export;
mod reload;
mod watching;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::config::{self as configuration, Loaded};
use edgekit_core::{Clock, Error, Exit};
use edgekit_http::{Events, Server};
use edgekit_rt::{BoxFuture, Scope, Service, Verdict};
use edgekit_rules::metrics::Metrics;
use edgekit_rules::state::Keeper;
use edgekit_rules::{Bus, BusLimits};
use edgekit_store::{Disk, Table};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::{config, load};
use act::{Doer, Permits};
use bus::{Entry, State};
use reload::{Last, Outcome, Reloader};
use worker::{Ask, Parts};

pub(crate) use bus::file_name;

/// The service's name in a Host.
pub(crate) const NAME: &str = "rules";

/// The journal of state, below the folder of state.
const JOURNAL: &str = "state";
/// Questions and generations that may wait for the worker.
const ASKS: usize = 16;
/// Deeds that may wait to be carried out; then the worker waits.
const DEEDS: usize = 4096;
/// How old figures may be.
const EXPORT_EVERY: Duration = Duration::from_secs(1);
/// Time a drain keeps for state, after the events.
const FOR_STATE: Duration = Duration::from_secs(1);

/// Loads the configuration again as it is on disk.
pub(crate) type Reread = Box<dyn Fn() -> Result<Loaded, Error> + Send>;

/// Where a service finds and keeps things.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) folder: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) bus: PathBuf,
}

/// The rules service.
pub(crate) struct Rules {
    places: Places,
    loaded: Loaded,
    reread: Reread,
    running: Option<Running>,
}

/// What there is between start and end.
struct Running {
    reloader: Arc<Reloader>,
    asks: mpsc::Sender<Ask>,
    permits: watch::Sender<Arc<Permits>>,
    server: Server,
    watchers: Events,
    figures: Arc<Mutex<Metrics>>,
    /// Closed when the last deed is done.
    done: Option<oneshot::Receiver<()>>,
}

impl Rules {
    pub(crate) fn new(places: Places, loaded: Loaded, reread: Reread) -> Rules {
        Rules { places, loaded, reread, running: None }
    }

    async fn begin(&mut self, scope: &Scope) -> Result<(), Error> {
        let config: config::Rules = self.loaded.get()?;
        let clock = scope.clock().clone();
        let options = load::options(&config, &clock);
        reload::make_state(&self.places.state)?;
        let (folder, state, trying) =
            (self.places.folder.clone(), self.places.state.clone(), options.clone());
        let first = tokio::task::spawn_blocking(move || reload::first(&folder, &state, &trying)).await;
        let first =
            first.map_err(|error| Error::new(Exit::BUG, format!("reading the rules failed: {error}")))?;
        let (good, wrong) = first.map_err(|problems| reload::error(&problems))?;
        if let Some(problems) = &wrong {
            let why = crate::problem::summary(problems);
            tracing::error!("the rules in the folder have faults, the last good ones serve: {why}");
        }
        let woken = Arc::new(Notify::new());
        let wake = Arc::clone(&woken);
        let limits = BusLimits {
            events: usize::try_from(config.bus.events).unwrap_or(usize::MAX),
            bytes: usize::try_from(config.bus.bytes.0).unwrap_or(usize::MAX),
        };
        let events = Bus::new(limits, move || wake.notify_one());
        let lag = usize::try_from(config.bus.watchers).unwrap_or(usize::MAX);
        let watchers = Events::new(run_number(&clock), lag, 0);
        let (asks, asked) = mpsc::channel(ASKS);
        let (deeds, to_do) = mpsc::channel(DEEDS);
        let last = Last {
            generation: 1,
            rules: good.generation.rules().len(),
            hooks: good.generation.hooks().len(),
            refused: wrong.as_deref().map(crate::problem::summary),
            at: clock.wall(),
        };
        let (rules, hooks) = (last.rules, last.hooks);
        let parts = Parts {
            options: options.clone(),
            generation: good.generation,
            keeper: Some(self.keeper()?),
            bus: events.clone(),
            woken,
            asks: asked,
            deeds,
            watchers: watchers.clone(),
        };
        let (ready, started) = oneshot::channel();
        scope.worker("rules", move || worker::work(parts, ready))?;
        let stopped = |_| Error::new(Exit::TEMPORARY, "the service is stopping");
        started.await.map_err(stopped)?.map_err(|problems| reload::error(&problems))?;

        let (permits, permitted) = watch::channel(Arc::new(Permits::of(&config)));
        let doer = Doer::new(scope, watchers.clone(), permitted);
        let (finished, done) = oneshot::channel();
        scope.spawn(async move {
            doer.run(to_do).await;
            // Only a drain waits for it.
            drop(finished);
            Ok(())
        });
        let state = State {
            bus: events,
            watchers: watchers.clone(),
            asks: asks.clone(),
            ids: AtomicU64::new(1),
            refused: scope.metrics().counter(
                "edgekit_rules_nonsense_total",
                "Lines on the bus that were no events.",
                &[],
            ),
            clock: clock.clone(),
        };
        let entry = Entry::open(&self.places.bus, state)?;
        let server = entry.server.clone();
        scope.spawn(async move {
            entry.serve().await;
            Ok(())
        });
        let Places { folder, state, .. } = self.places.clone();
        let reloader =
            Reloader::new(folder, state, options, asks.clone(), watchers.clone(), last, good.sources);
        let reloader = Arc::new(reloader);
        self.watch_folder(scope, &reloader)?;
        let figures = Arc::default();
        export_figures(scope, asks.clone(), Arc::clone(&figures));
        let folder = self.places.folder.display().to_string();
        tracing::info!(target: "rules", rules, hooks, folder, "rules serve");
        self.running = Some(Running { reloader, asks, permits, server, watchers, figures, done: Some(done) });
        Ok(())
    }

    fn keeper(&self) -> Result<Keeper, Error> {
        let path = self.places.state.join(JOURNAL);
        let context = format!("cannot open the state of rules '{}'", path.display());
        let options = edgekit_store::Options { cap: 64 << 20, ..edgekit_store::Options::default() };
        let table = Table::open(Arc::new(Disk), &path, options);
        let table = table.map_err(|error| Error::from(error).context(context))?;
        Keeper::new(table).map_err(|error| Error::new(Exit::IO, error.to_string()))
    }

    fn watch_folder(&self, scope: &Scope, reloader: &Arc<Reloader>) -> Result<(), Error> {
        let (changed, mut changes) = mpsc::channel(1);
        let folder = self.places.folder.clone();
        scope.worker("rules-watch", move || watching::watch(folder, changed))?;
        let reloader = Arc::clone(reloader);
        scope.spawn(async move {
            while changes.recv().await.is_some() {
                let before = reloader.last().refused;
                if reloader.reload().await.is_err() {
                    let now = reloader.last().refused;
                    if now != before {
                        let why = now.unwrap_or_default();
                        tracing::error!(target: "rules", "the rules in the folder are refused, the old ones serve on: {why}");
                    }
                }
            }
            Ok(())
        });
        Ok(())
    }

    async fn take_over(&mut self) -> Result<Verdict, Error> {
        let Some(running) = &self.running else { return Ok(Verdict::unchanged()) };
        let loaded = (self.reread)()?;
        let config: config::Rules = loaded.get()?;
        let mut verdict = Verdict::unchanged();
        for change in configuration::diff(&self.loaded, &loaded) {
            match change.reload {
                configuration::Reload::Live => verdict.applied.push(change.key),
                configuration::Reload::Restart => verdict.needs_restart.push(change.key),
            }
        }
        let swapped = running.reloader.reload().await.map_err(|problems| reload::error(&problems))?;
        // Only with good rules is any of it taken over: a reload is all or nothing.
        running.permits.send_replace(Arc::new(Permits::of(&config)));
        if let Outcome::Swapped { generation, rules } = swapped {
            verdict.applied.push(format!("generation {generation} ({rules} rules)"));
        }
        // Keys that wait for a restart stay different from what serves, and are told each time.
        if verdict.needs_restart.is_empty() {
            self.loaded = loaded;
        }
        Ok(verdict)
    }

    async fn finish(&mut self, deadline: Duration) {
        let Some(running) = &mut self.running else { return };
        running.watchers.close();
        // Publishers are cut: what they have sent by now is handled.
        running.server.drain(Duration::ZERO).await;
        let (reply, drained) = oneshot::channel();
        let patience = deadline.saturating_sub(FOR_STATE);
        if running.asks.send(Ask::Drain(patience, reply)).await.is_ok() {
            // An error means that the worker is gone, and with it what there was to drain.
            drop(tokio::time::timeout(deadline, drained).await);
        }
        if let Some(done) = running.done.take() {
            drop(tokio::time::timeout(deadline, done).await);
        }
    }

    fn describe(&self) -> Value {
        let Some(running) = &self.running else { return json!({}) };
        let figures = running.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let last = running.reloader.last();
        let dropped: u64 = figures.bus.dropped.iter().map(|(_, count)| count).sum();
        let quarantined = figures.rules.iter().filter(|(_, rule)| rule.quarantined > 0).count();
        let errors: u64 = figures.rules.iter().map(|(_, rule)| rule.errors).sum();
        json!({
            "generation": last.generation,
            "rules": last.rules,
            "hooks": last.hooks,
            "last_reload": match &last.refused { None => "ok", Some(_) => "failed" },
            "last_reload_error": last.refused,
            "last_reload_at_s": last.at.as_secs(),
            "handled": figures.handled,
            "errors": errors,
            "rules_with_quarantine": quarantined,
            "bus": {
                "offered": figures.bus.offered,
                "waiting": figures.bus.waiting,
                "dropped": dropped,
            },
            "watchers": running.watchers.clients(),
            "watchers_let_go": running.watchers.dropped(),
            "folder": self.places.folder.display().to_string(),
        })
    }
}

/// Tells this process's numbering of messages from an earlier one's.
fn run_number(clock: &Clock) -> u64 {
    u64::try_from(clock.wall().as_nanos()).unwrap_or(u64::MAX)
}

/// Asks the worker for its figures again and again.
fn export_figures(scope: &Scope, asks: mpsc::Sender<Ask>, shown: Arc<Mutex<Metrics>>) {
    let mut exporter = export::Exporter::new(scope.metrics().clone());
    scope.spawn(async move {
        loop {
            let (reply, answer) = oneshot::channel();
            if asks.send(Ask::Figures(reply)).await.is_err() {
                return Ok(());
            }
            let Ok(figures) = answer.await else { return Ok(()) };
            exporter.export(&figures.metrics);
            *shown.lock().unwrap_or_else(PoisonError::into_inner) = figures.metrics;
            tokio::time::sleep(EXPORT_EVERY).await;
        }
    });
}

impl Service for Rules {
    fn start<'a>(&'a mut self, scope: &'a Scope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.begin(scope))
    }

    fn reload(&mut self) -> BoxFuture<'_, Result<Verdict, Error>> {
        Box::pin(self.take_over())
    }

    fn drain(&mut self, deadline: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.finish(deadline))
    }

    fn status(&self) -> Value {
        self.describe()
    }
}
