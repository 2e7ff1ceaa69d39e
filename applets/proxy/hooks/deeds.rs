//! What hooks want done besides a line of log: carried out after the verdict, away from the workers.
//!
//! A worker offers an action to a bounded queue and goes on; what finds no room is lost. On the control runtime
//! metrics are kept in the registry of the process (`hook_NAME`), programs are started and looked after, and events
//! go on to the rules service of this machine by another task, several in one request to its bus, so that a
//! service that stands still delays nothing else. How each ended is counted, and the first failure of each kind is
//! told. Neighbours: `mod.rs` offers, `service.rs` runs the tasks.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::{Clock, Error, Paths};
use edgekit_http::{Call, Client, Method, Options, Retry, Timeouts};
use edgekit_rt::child::Program;
use edgekit_rt::metrics::{Kind, Metrics, Numbers};
use edgekit_rt::{Resolver, Scope};
use edgekit_rules::{Action, Metric, Str, Value};
use tokio::sync::mpsc;

/// Actions of all workers that may wait.
const WAITING: usize = 4096;
/// Events that may wait for the rules service.
const EVENTS: usize = 4096;
/// Events of one request to its bus.
const BATCH: usize = 256;
/// How long such a request may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Programs that may run at a time.
const MAX_RUNNING: usize = 8;
/// How long a program may run.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes kept of what a program complains.
const KEPT: usize = 512;
/// Where the rules service takes events, below the directory of sockets.
const BUS: &str = "rules.bus";
const COUNTED: &str = "edgekit_proxy_hook_actions_total";

/// Where workers offer what hooks want done. Cheap to clone.
#[derive(Clone)]
pub struct Deeds {
    offers: mpsc::Sender<Action>,
    /// Actions that found no room, and are not counted yet.
    lost: Arc<AtomicU64>,
    /// Programs that may be started.
    programs: Arc<Mutex<Arc<[PathBuf]>>>,
}

impl Deeds {
    /// Whoever offers, with the tasks that carry out what is offered, which end with `scope`.
    pub(crate) fn new(scope: &Scope) -> Deeds {
        let (offers, offered) = mpsc::channel(WAITING);
        let deeds = Deeds { offers, lost: Arc::default(), programs: Arc::default() };
        let count = Count { metrics: scope.metrics().clone(), told: Arc::default() };
        let (events, published) = mpsc::channel(EVENTS);
        let doer = Doer {
            scope: scope.clone(),
            lost: deeds.lost.clone(),
            programs: deeds.programs.clone(),
            numbers: Numbers::new(scope.metrics().clone(), "hook", "Kept by hooks."),
            running: Arc::default(),
            events,
            count: count.clone(),
        };
        scope.spawn(doer.run(offered));
        scope.spawn(publish(published, scope.clock().clone(), scope.resolver().clone(), count));
        deeds
    }

    /// Goes over to other programs that may be started.
    pub(crate) fn allow(&self, programs: Option<&[PathBuf]>) {
        *self.programs.lock().unwrap_or_else(PoisonError::into_inner) = programs.unwrap_or_default().into();
    }

    /// Offers an action; never waits.
    pub(super) fn offer(&self, action: Action) {
        if self.offers.try_send(action).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts how actions ended.
#[derive(Clone)]
struct Count {
    metrics: Metrics,
    /// Failures that were told.
    told: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Count {
    fn add(&self, action: &'static str, outcome: &str, times: u64) {
        let labels = [("action", action), ("outcome", outcome)];
        self.metrics.counter(COUNTED, "Actions of hooks by how they ended.", &labels).add(times);
    }

    fn failed(&self, action: &'static str, times: u64, why: &str) {
        self.add(action, "failed", times);
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(action) {
            tracing::warn!("{action} of a hook failed: {why}; further failures of this kind are counted");
        }
    }

    fn ended(&self, action: &'static str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.add(action, "done", 1),
            Err(why) => self.failed(action, 1, &why),
        }
    }
}

/// Carries out, on the control runtime.
struct Doer {
    scope: Scope,
    lost: Arc<AtomicU64>,
    programs: Arc<Mutex<Arc<[PathBuf]>>>,
    numbers: Numbers,
    running: Arc<AtomicUsize>,
    events: mpsc::Sender<Vec<u8>>,
    count: Count,
}

impl Doer {
    async fn run(mut self, mut offered: mpsc::Receiver<Action>) -> Result<(), Error> {
        while let Some(action) = offered.recv().await {
            // There is no room only while there is something to be done, so this is soon after.
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                self.count.add("any", "lost", lost);
            }
            match action {
                Action::Metric { kind, name, number, labels } => {
                    let kept = self.metric(kind, &name, number, &labels);
                    self.count.ended("metric", kept);
                }
                Action::Publish { topic, payload } => self.event(&topic, payload),
                Action::Exec { argv } => self.exec(argv),
                // Said by the worker itself.
                Action::Log { .. } => {}
                // Never granted, so that a script that declares them is not loaded.
                Action::Http { .. } => self.count.failed("http", 1, "only rules may call"),
                Action::ShadowSet { .. } => {
                    self.count.failed("shadow", 1, "only rules may change the shadow")
                }
            }
        }
        Ok(())
    }

    fn metric(
        &mut self,
        kind: Metric,
        name: &Arc<str>,
        number: f64,
        labels: &[(Arc<str>, Str)],
    ) -> Result<(), String> {
        let kind = match kind {
            Metric::Count => Kind::Counter,
            Metric::Gauge => Kind::Gauge,
            Metric::Observe => Kind::Histogram,
        };
        let values: Vec<_> = labels.iter().map(|(_, value)| value.lossy()).collect();
        let labels: Vec<_> =
            labels.iter().zip(&values).map(|((label, _), value)| (label.clone(), &**value)).collect();
        self.numbers.note(kind, name, number, &labels)
    }

    /// Hands an event on, as a line of the bus.
    fn event(&self, topic: &str, payload: Value) {
        let fields = match payload {
            Value::Nil => Value::Map(Vec::new()),
            Value::List(values) if values.is_empty() => Value::Map(Vec::new()),
            fields @ Value::Map(_) => fields,
            other => {
                let why = format!("the fields of an event are a table by name, not a {}", other.kind());
                return self.count.failed("publish", 1, &why);
            }
        };
        let at = self.scope.clock().wall().as_secs_f64();
        let event = Value::from([("topic", topic.into()), ("at", at.into()), ("data", fields)]);
        let mut line = event.to_json().to_string().into_bytes();
        line.push(b'\n');
        if self.events.try_send(line).is_err() {
            self.count.add("publish", "lost", 1);
        }
    }

    fn exec(&self, argv: Vec<Str>) {
        let Some(program) = argv.first() else { return };
        let allowed = self.programs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !allowed.iter().any(|one| one.as_os_str().as_bytes() == &**program) {
            return self.count.failed("exec", 1, &format!("'{program}' is not in 'hook_programs'"));
        }
        // Only we add.
        if self.running.load(Ordering::Relaxed) >= MAX_RUNNING {
            return self.count.failed("exec", 1, &format!("{MAX_RUNNING} programs of hooks run already"));
        }
        self.running.fetch_add(1, Ordering::Relaxed);
        let (running, count) = (self.running.clone(), self.count.clone());
        self.scope.spawn(async move {
            count.ended("exec", run(&argv).await);
            running.fetch_sub(1, Ordering::Relaxed);
            Ok(())
        });
    }
}

/// Runs a program to its end.
async fn run(argv: &[Str]) -> Result<(), String> {
    let argv = argv.iter().map(|word| OsStr::from_bytes(word)).collect();
    let program = Program { argv, env: Vec::new(), deadline: DEADLINE, keep: KEPT };
    program.succeed().await.map(drop)
}

/// Sends events to the rules service, as many at a time as wait.
async fn publish(
    mut events: mpsc::Receiver<Vec<u8>>,
    clock: Clock,
    resolver: Resolver,
    count: Count,
) -> Result<(), Error> {
    let timeouts = Timeouts { total: Some(PATIENCE), ..Timeouts::default() };
    let unix = Some(Paths::process().run.join(BUS));
    let client = Client::new(Options { timeouts, resolver, unix, clock, ..Options::default() });
    let mut lines = Vec::new();
    while events.recv_many(&mut lines, BATCH).await > 0 {
        let sent = lines.len() as u64;
        match send(&client, lines.concat()).await {
            Ok(refused) => {
                count.add("publish", "done", sent.saturating_sub(refused));
                if refused > 0 {
                    count.failed("publish", refused, "the rules service refused it");
                }
            }
            Err(error) => count.failed("publish", sent, &error.to_string()),
        }
        lines.clear();
    }
    Ok(())
}

/// How many the service refused.
async fn send(client: &Client, body: Vec<u8>) -> Result<u64, edgekit_http::Error> {
    let call = Call::new(Method::POST, "http://rules/events")?.body("application/x-ndjson", body);
    let answer = client.send(&call, &Retry::never()).await?;
    let said: serde_json::Value = answer.json().await?;
    Ok(said.get("refused").and_then(serde_json::Value::as_u64).unwrap_or(0))
}
