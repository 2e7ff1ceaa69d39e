//! Actions carried out: what rules asked for, done by the host, each within its bounds.
//!
//! Log, metric and publish are done at once; programs and calls go on beside, a bounded number at a time, and one
//! too many is refused, not queued: a rule that asks faster than the world answers would fill any queue. What
//! fails is logged with the rule's name, counted, and shown to watchers. Neighbours: `call.rs`, rt's `Program` and
//! the registry's `Numbers` do it; the `worker` hands the actions over.

mod call;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edgekit_http::Events;
use edgekit_rt::Scope;
use edgekit_rt::child::Program;
use edgekit_rt::metrics::{Kind, Numbers};
use edgekit_rules::record::deed_line;
use edgekit_rules::{Action, Deed, Level, Metric, Value};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::config;
use call::{Caller, Request};

/// Bytes kept of what a program prints.
const KEPT: usize = 2048;

/// What the configuration allows now.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Permits {
    pub(super) programs: Vec<PathBuf>,
    pub(super) exec_deadline: Duration,
    pub(super) exec_running: usize,
    pub(super) hosts: Vec<String>,
    pub(super) http_deadline: Duration,
    pub(super) http_running: usize,
}

impl Permits {
    pub(super) fn of(config: &config::Rules) -> Permits {
        Permits {
            programs: config.exec.programs.clone(),
            exec_deadline: config.exec.deadline,
            exec_running: usize::from(config.exec.running),
            hosts: config.http.hosts.clone(),
            http_deadline: config.http.deadline,
            http_running: usize::from(config.http.running),
        }
    }
}

/// Does what rules ask for. Lives on the control runtime.
pub(super) struct Doer {
    scope: Scope,
    watchers: Events,
    permits: watch::Receiver<Arc<Permits>>,
    numbers: Numbers,
    caller: Caller,
    programs: Running,
    calls: Running,
}

impl Doer {
    pub(super) fn new(scope: &Scope, watchers: Events, permits: watch::Receiver<Arc<Permits>>) -> Doer {
        Doer {
            scope: scope.clone(),
            watchers,
            permits,
            numbers: Numbers::new(scope.metrics().clone(), "rule", "Kept by rules."),
            caller: Caller::new(scope.clock().clone(), scope.resolver().clone()),
            programs: Running::default(),
            calls: Running::default(),
        }
    }

    /// Works until the last sender is gone and nothing is under way.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Deed>) {
        while let Some(order) = orders.recv().await {
            self.carry_out(order);
        }
        while self.programs.count() + self.calls.count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn carry_out(&mut self, order: Deed) {
        if self.watchers.clients() > 0 {
            self.watchers.send("action", &deed_line(&order).to_string());
        }
        let report = Report { scope: self.scope.clone(), watchers: self.watchers.clone(), of: order.clone() };
        let permits = self.permits.borrow().clone();
        match order.action {
            Action::Log { level, text, fields } => {
                log(&order.rule, order.id, level, &text.lossy(), &fields);
                report.done();
            }
            Action::Metric { kind, name, number, labels } => {
                let kind = match kind {
                    Metric::Count => Kind::Counter,
                    Metric::Gauge => Kind::Gauge,
                    Metric::Observe => Kind::Histogram,
                };
                let values: Vec<_> = labels.iter().map(|(_, value)| value.lossy()).collect();
                let labels: Vec<_> =
                    labels.iter().zip(&values).map(|((label, _), value)| (label.clone(), &**value)).collect();
                report.ended(self.numbers.note(kind, &name, number, &labels));
            }
            // Watchers have it already; whoever does not listen has not asked for it.
            Action::Publish { .. } => report.done(),
            Action::ShadowSet { path, .. } => {
                report.ended(Err(format!("cannot set '{path}': no shadow service runs on this machine")));
            }
            Action::Exec { argv } => {
                let allowed = argv.first().is_some_and(|program| {
                    permits.programs.is_empty()
                        || permits.programs.iter().any(|one| one.as_os_str().as_bytes() == &**program)
                });
                match self.programs.one_more(permits.exec_running) {
                    _ if !allowed => {
                        let program = argv.first().map(ToString::to_string).unwrap_or_default();
                        report.ended(Err(format!("'{program}' is not in 'exec.programs' of rules.toml")));
                    }
                    None => report.ended(Err(format!("{} programs run already", permits.exec_running))),
                    Some(place) => self.scope.spawn(async move {
                        let argv = argv.iter().map(|word| OsStr::from_bytes(word)).collect();
                        let deadline = permits.exec_deadline;
                        let program = Program { argv, env: Vec::new(), deadline, keep: KEPT };
                        report.ended(program.succeed().await.map(drop));
                        drop(place);
                        Ok(())
                    }),
                }
            }
            Action::Http { method, url, headers, body } => match self.calls.one_more(permits.http_running) {
                None => report.ended(Err(format!("{} calls are under way already", permits.http_running))),
                Some(place) => {
                    let caller = self.caller.clone();
                    self.scope.spawn(async move {
                        let request = Request { method, url, headers, body };
                        report.ended(caller.send(request, &permits.hosts, permits.http_deadline).await);
                        drop(place);
                        Ok(())
                    });
                }
            },
        }
    }
}

/// The kind of an action, for labels.
fn kind(action: &Action) -> &'static str {
    match action {
        Action::Log { .. } => "log",
        Action::Metric { .. } => "metric",
        Action::Publish { .. } => "publish",
        Action::Exec { .. } => "exec",
        Action::Http { .. } => "http",
        Action::ShadowSet { .. } => "shadow",
    }
}

fn log(rule: &str, event: u64, level: Level, text: &str, fields: &Value) {
    let fields = match fields {
        Value::Nil => String::new(),
        fields => fields.to_json().to_string(),
    };
    match level {
        Level::Info => tracing::info!(target: "rules", rule, event, fields, "{text}"),
        Level::Warn => tracing::warn!(target: "rules", rule, event, fields, "{text}"),
        Level::Error => tracing::error!(target: "rules", rule, event, fields, "{text}"),
    }
}

/// Says how an action ended.
struct Report {
    scope: Scope,
    watchers: Events,
    of: Deed,
}

impl Report {
    fn done(self) {
        self.count("done");
    }

    fn ended(self, outcome: Result<(), String>) {
        let Err(error) = outcome else { return self.done() };
        self.count("failed");
        let action = kind(&self.of.action);
        let (rule, event) = (&*self.of.rule, self.of.id);
        tracing::warn!(target: "rules", rule, event, action, "an action failed: {error}");
        if self.watchers.clients() > 0 {
            let shown = json!({
                "kind": "failed", "action": action, "rule": rule, "event": event, "error": error,
            });
            self.watchers.send("action", &shown.to_string());
        }
    }

    fn count(&self, outcome: &str) {
        let labels = [("action", kind(&self.of.action)), ("outcome", outcome)];
        let metrics = self.scope.metrics();
        metrics.counter("edgekit_rules_actions_total", "Actions by how they ended.", &labels).add_one();
    }
}

/// How many are under way.
#[derive(Clone, Default)]
struct Running(Arc<AtomicUsize>);

/// One that is under way, until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Running {
    fn one_more(&self, most: usize) -> Option<Place> {
        // Only the doer adds, so nobody else takes the last place in between.
        if self.count() >= most {
            return None;
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        Some(Place(self.0.clone()))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
