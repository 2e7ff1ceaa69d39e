//! What happens to updates, told to whoever listens: the log, the status, the bus of the rules.
//!
//! An event is an object of JSON, `edgekit.ota.event/1`. On the bus its topic is `ota.WHAT`. Telling never waits for
//! anybody: the bus gets what it takes in a moment, or misses it. Neighbours: `follow` tells.

use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_http::{Call, Client, Method, Options, Retry, Timeouts};
use edgekit_rt::Resolver;
use edgekit_rt::metrics::Metrics;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::job::Job;

/// Events that may wait for the bus; what comes then is missed by it.
const WAITING: usize = 64;
/// How long the bus may take for one.
const PATIENCE: Duration = Duration::from_secs(2);

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Offered,
    Waiting,
    Installing,
    Written,
    Switched,
    Restarting,
    Committed,
    Returned,
    Failed,
    Stopped,
    Reported,
}

impl What {
    pub(crate) fn word(self) -> &'static str {
        match self {
            What::Offered => "offered",
            What::Waiting => "waiting",
            What::Installing => "installing",
            What::Written => "written",
            What::Switched => "switched",
            What::Restarting => "restarting",
            What::Committed => "committed",
            What::Returned => "returned",
            What::Failed => "failed",
            What::Stopped => "stopped",
            What::Reported => "reported",
        }
    }
}

/// Where events go.
pub(crate) struct Events {
    device: String,
    clock: Clock,
    bus: mpsc::Sender<Value>,
    metrics: Metrics,
    /// The last one.
    pub(crate) last: Value,
}

impl Events {
    /// With what is to be run for the bus at `path`.
    pub(crate) fn new(
        device: String,
        clock: Clock,
        metrics: Metrics,
        path: PathBuf,
    ) -> (Events, impl Future<Output = ()> + Send + 'static) {
        let (bus, events) = mpsc::channel(WAITING);
        let publishing = publish(path, clock.clone(), events);
        (Events { device, clock, metrics, bus, last: Value::Null }, publishing)
    }

    /// Tells that something happened, with a reason where there is one.
    pub(crate) fn tell(&mut self, what: What, job: Option<&Job>, why: &str) {
        let wall = self.clock.wall();
        let mut event = json!({
            "schema": "edgekit.ota.event/1", "at_s": wall.as_secs(), "device": self.device, "event": what.word(),
        });
        let mut about = String::new();
        if let Some(job) = job {
            about = format!(" {} {}", job.name, job.version);
            event["deployment"] = json!({
                "id": job.id.to_string(), "name": job.name, "version": job.version.to_string(),
                "origin": job.origin, "action": job.action,
            });
        }
        if !why.is_empty() {
            event["why"] = Value::from(why);
            about = format!("{about}: {why}");
        }
        let word = what.word();
        match what {
            What::Returned | What::Failed => tracing::error!(target: "ota", "{word}{about}"),
            _ => tracing::info!(target: "ota", "{word}{about}"),
        }
        self.metrics.counter("edgekit_ota_events_total", "Steps of updates.", &[("event", word)]).add_one();
        // Full means that nobody reads.
        drop(self.bus.try_send(event.clone()));
        self.last = event;
    }

    /// Counts what an installation moved.
    pub(crate) fn moved(&self, fetched: u64, saved: u64) {
        let count = |kind: &str, bytes| {
            let help = "Bytes of updates: fetched, or saved by deltas and what was there already.";
            self.metrics.counter("edgekit_ota_bytes_total", help, &[("kind", kind)]).add(bytes);
        };
        count("fetched", fetched);
        count("saved", saved);
    }
}

async fn publish(path: PathBuf, clock: Clock, mut events: mpsc::Receiver<Value>) {
    let client = Client::new(Options {
        timeouts: Timeouts { total: Some(PATIENCE), ..Timeouts::default() },
        redirects: 0,
        resolver: Resolver::system(),
        unix: Some(path.clone()),
        clock,
        ..Options::default()
    });
    while let Some(event) = events.recv().await {
        if !path.exists() {
            continue;
        }
        let topic = format!("ota.{}", event["event"].as_str().unwrap_or_default());
        let line = format!("{}\n", json!({ "topic": topic, "at": event["at_s"], "data": event }));
        if let Ok(call) = Call::new(Method::POST, "http://rules/events") {
            let call = call.body("application/x-ndjson", line);
            if let Err(error) = client.send(&call, &Retry::never()).await {
                tracing::debug!(target: "ota", "the bus of the rules missed an event: {error}");
            }
        }
    }
}
