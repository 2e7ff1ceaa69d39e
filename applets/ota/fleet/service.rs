//! `edgekit ota run`: following origins as a service of a Host.
//!
//! ```text
//! ota.toml ─ parts ─▶ origins, settings ─▶ Follower ─ spawn_blocking ─▶ Machine ─▶ apply, boot, health
//!                                             └─▶ status, events, metrics
//! ```
//! Everything in `ota.toml` is taken over by a reload, which also asks all origins at once. A drain stops an
//! installation between two pages; the next start goes on with it. Neighbours: `follow` is the work.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::config::{self as configuration, Loaded, Problems, Reload};
use edgekit_core::{Clock, DeviceId, Error, Paths};
use edgekit_rt::{BoxFuture, Scope, Service, Verdict};
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::event::Events;
use super::follow::{Asked, Follower, Ground, Settings};
use super::hawkbit::Server;
use super::here::Here;
use super::line::Line;
use super::poll::Polled;
use super::rules;
use crate::apply::Terms;
use crate::bundle::source::Fetching;
use crate::config::Ota;

/// The service's name in a Host.
pub(crate) const NAME: &str = "ota";
/// Where a person's word about consent is left, below the folder of sockets.
pub(crate) const CONSENT: &str = "ota.consent";
/// The bus of the rules, below the same.
const BUS: &str = "rules.bus";

/// Loads the configuration again as it is on disk.
pub(crate) type Reread = Box<dyn Fn() -> Result<Loaded, Error> + Send>;

/// The service.
pub(crate) struct Fleet {
    paths: Paths,
    loaded: Loaded,
    reread: Reread,
    running: Option<Running>,
}

/// What there is between start and end.
struct Running {
    device: String,
    clock: Clock,
    machine: Arc<Here>,
    settings: watch::Sender<(Settings, Asked)>,
    stop: watch::Sender<bool>,
    shown: Arc<Mutex<Value>>,
    /// Closed when the loop has ended.
    done: Option<oneshot::Receiver<()>>,
}

/// What a configuration becomes.
struct Parts {
    settings: Settings,
    lines: Vec<Line>,
    fetching: Fetching,
    config: Ota,
}

/// A configuration, with what no key can say alone.
///
/// # Errors
/// Every fault, at its place.
pub(crate) fn checked(loaded: &Loaded) -> Result<Ota, Problems> {
    let mut problems = Problems::default();
    let config: Ota = match loaded.get() {
        Ok(config) => config,
        Err(error) => {
            problems.push(configuration::Problem::new(error.to_string()));
            return Err(problems);
        }
    };
    if let Some((key, why)) = rules::never(&config.window) {
        problems.push(loaded.problem(key, why));
    }
    problems.or(config)
}

impl Parts {
    fn new(loaded: &Loaded, device: &str, paths: &Paths, clock: &Clock) -> Result<Parts, Error> {
        let config = checked(loaded).map_err(|problems| first(&problems))?;
        let fetching = Fetching::new(&config.download, paths, clock)?;
        let now = clock.boot();
        let mut lines = Vec::new();
        if let Some(server) = Server::new(&config.hawkbit, device, fetching.client(), paths, clock)? {
            lines.push(Line::new(Box::new(server), config.hawkbit.every, now));
        }
        if let Some(polled) = Polled::new(&config.poll, fetching.client()) {
            lines.push(Line::new(Box::new(polled), Some(config.poll.every), now));
        }
        let pairs = config.hawkbit.attributes.iter().filter_map(|pair| pair.split_once('='));
        let settings = Settings {
            window: config.window.clone(),
            attempts: config.poll.attempts,
            terms: Terms {
                max_bytes: config.download.max_bytes.map(|max| max.0),
                full_fallback: config.download.full_fallback,
                ..Terms::default()
            },
            attributes: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        };
        Ok(Parts { settings, lines, fetching, config })
    }
}

/// The first of several faults, as an error of a process.
pub(crate) fn first(problems: &Problems) -> Error {
    let first = problems.0.first().map(ToString::to_string).unwrap_or_default();
    Error::new(edgekit_core::Exit::CONFIG, first).hint("'edgekit config show ota' shows every fault")
}

impl Fleet {
    pub(crate) fn new(paths: Paths, loaded: Loaded, reread: Reread) -> Fleet {
        Fleet { paths, loaded, reread, running: None }
    }

    async fn begin(&mut self, scope: &Scope) -> Result<(), Error> {
        let clock = scope.clock().clone();
        let (device, _) = DeviceId::find(None, &self.paths)?;
        let device = device.as_str().to_owned();
        let Parts { settings, lines, fetching, config } =
            Parts::new(&self.loaded, &device, &self.paths, &clock)?;
        if lines.is_empty() {
            tracing::warn!(target: "ota", "nobody is asked for updates: neither [poll] nor [hawkbit] has a url");
        }
        let machine = Arc::new(Here::new(config, fetching, self.paths.clone(), clock.clone()));
        let bus = self.paths.run.join(BUS);
        let (events, publishing) = Events::new(device.clone(), clock.clone(), scope.metrics().clone(), bus);
        scope.spawn(async move {
            publishing.await;
            Ok(())
        });
        let (stop, stopped) = watch::channel(false);
        let (changes, changed) = watch::channel((settings.clone(), Asked::default()));
        let shown = Arc::new(Mutex::new(Value::Null));
        let ground = Ground {
            machine: machine.clone(),
            clock: clock.clone(),
            device: device.clone(),
            consent: consent(&self.paths),
            settings,
        };
        let follower = Follower::new(ground, lines, events, stopped, shown.clone());
        let (ending, done) = oneshot::channel::<()>();
        scope.spawn(async move {
            let ended = follower.run(changed).await;
            // Only a drain waits for it.
            drop(ending);
            ended
        });
        self.running =
            Some(Running { device, clock, machine, settings: changes, stop, shown, done: Some(done) });
        Ok(())
    }

    fn take_over(&mut self) -> Result<Verdict, Error> {
        let Some(running) = &self.running else { return Ok(Verdict::unchanged()) };
        let loaded = (self.reread)()?;
        let parts = Parts::new(&loaded, &running.device, &self.paths, &running.clock)?;
        let mut verdict = Verdict::unchanged();
        for change in configuration::diff(&self.loaded, &loaded) {
            match change.reload {
                Reload::Live => verdict.applied.push(change.key),
                Reload::Restart => verdict.needs_restart.push(change.key),
            }
        }
        // Made anew in any case: files that are named by keys that have not changed may have.
        let lines: Asked = Arc::new(Mutex::new(Some(parts.lines)));
        running.machine.renew(parts.config, parts.fetching);
        running.settings.send_replace((parts.settings, lines));
        self.loaded = loaded;
        Ok(verdict)
    }

    async fn finish(&mut self, deadline: Duration) {
        let Some(running) = &mut self.running else { return };
        running.stop.send_replace(true);
        if let Some(done) = running.done.take() {
            drop(tokio::time::timeout(deadline, done).await);
        }
    }
}

/// Where a person's word is left.
pub(crate) fn consent(paths: &Paths) -> PathBuf {
    paths.run.join(CONSENT)
}

impl Service for Fleet {
    fn start<'a>(&'a mut self, scope: &'a Scope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.begin(scope))
    }

    fn reload(&mut self) -> BoxFuture<'_, Result<Verdict, Error>> {
        let verdict = self.take_over();
        Box::pin(std::future::ready(verdict))
    }

    fn drain(&mut self, deadline: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.finish(deadline))
    }

    fn status(&self) -> Value {
        let Some(running) = &self.running else { return Value::Object(serde_json::Map::new()) };
        running.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
