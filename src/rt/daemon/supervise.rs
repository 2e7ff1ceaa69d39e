//! Keeps one service alive: makes it, starts it, passes orders on, and after a failure ends all that
//! is left of it and begins anew.
//!
//! Every call into the service is caught, so that a panic costs this service a pause and the others
//! nothing. While the service is at work on one order, the next ones wait.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use edgekit_core::{Error, Exit};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{Instrument, Span};

use super::Make;
use super::backoff::Backoff;
use crate::scope::{Shared, caught, panicked};
use crate::{Scope, Service, Verdict};

/// What threads of a failed service get to end in.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the Host asks of a service.
pub(super) enum Order {
    Reload(oneshot::Sender<Result<Verdict, Error>>),
    Status(oneshot::Sender<Value>),
    /// Asks what it runs by.
    Config(oneshot::Sender<Value>),
    /// Asks what it hands over; none if it cannot.
    HandOver(oneshot::Sender<Option<Vec<u8>>>),
    /// Ends the supervisor; the sender is dropped when it has.
    Drain(Duration, oneshot::Sender<()>),
}

/// What becomes of a service after one life.
enum Next {
    Again(Error),
    End(oneshot::Sender<()>),
}

pub(super) struct Supervisor {
    pub(super) name: String,
    pub(super) make: Make,
    pub(super) shared: Shared,
    pub(super) orders: mpsc::Receiver<Order>,
    /// Told once how the first start went.
    pub(super) first: Option<oneshot::Sender<Result<(), Error>>>,
    /// What the process before this one handed over.
    pub(super) inherited: Option<Vec<u8>>,
    pub(super) restarts: u64,
    pub(super) last_error: Option<String>,
}

impl Supervisor {
    /// Runs until drained, or until the Host is gone.
    pub(super) async fn run(mut self) {
        let span = tracing::error_span!("service", service = %self.name);
        let mut backoff = Backoff::default();
        loop {
            let born = self.shared.clock.monotonic();
            match self.live(&span).await {
                Next::End(done) => {
                    // Dropping it says so.
                    drop(done);
                    return;
                }
                Next::Again(error) => {
                    let ran = self.shared.clock.monotonic().saturating_sub(born);
                    let pause = backoff.after(ran);
                    span.in_scope(|| {
                        let (hint, pause) = (error.hint_text(), format!("{pause:?}"));
                        tracing::error!(hint, pause, "failed: {error}");
                    });
                    self.last_error = Some(error.to_string());
                    if let Some(first) = self.first.take() {
                        drop(first.send(Err(error)));
                    }
                    if let Some(done) = self.wait(pause).await {
                        // Dropping it says so.
                        drop(done);
                        return;
                    }
                    self.restarts += 1;
                    let labels = [("service", self.name.as_str())];
                    let metrics = &self.shared.metrics;
                    metrics.counter("edgekit_restarts_total", "Services started again.", &labels).add_one();
                }
            }
        }
    }

    /// One life of the service, with everything it started ended afterwards.
    async fn live(&mut self, span: &Span) -> Next {
        let (scope, mut failures) = Scope::new(&self.name, self.shared.clone(), span.clone());
        let next = self.serve(&scope, &mut failures).instrument(span.clone()).await;
        for thread in scope.end(PATIENCE).await {
            span.in_scope(|| tracing::error!(thread, "a thread does not end; it is left behind"));
        }
        next
    }

    async fn serve(&mut self, scope: &Scope, failures: &mut mpsc::UnboundedReceiver<Error>) -> Next {
        let made = catch_unwind(AssertUnwindSafe(|| (self.make)()));
        let mut service = match made.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
            Ok(service) => service,
            Err(error) => return Next::Again(error),
        };
        if let Some(state) = self.inherited.take() {
            service.inherit(state);
        }
        if let Err(error) = caught(service.start(scope)).await.and_then(|started| started) {
            return Next::Again(error);
        }
        tracing::info!("serves");
        if let Some(first) = self.first.take() {
            drop(first.send(Ok(())));
        }
        loop {
            let order = tokio::select! {
                Some(error) = failures.recv() => return Next::Again(error),
                order = self.orders.recv() => order,
            };
            let failed = match order {
                Some(Order::Reload(reply)) => reload(service.as_mut(), reply).await,
                Some(Order::Status(reply)) => self.status(service.as_ref(), reply),
                Some(Order::Config(reply)) => tell(|| service.configuration(), reply),
                Some(Order::HandOver(reply)) => tell(|| service.handover(), reply),
                Some(Order::Drain(deadline, done)) => {
                    drain(service.as_mut(), deadline).await;
                    return Next::End(done);
                }
                // The Host is gone, and so is the process.
                None => pending().await,
            };
            if let Err(error) = failed {
                return Next::Again(error);
            }
        }
    }

    fn status(&self, service: &dyn Service, reply: oneshot::Sender<Value>) -> Result<(), Error> {
        let detail = catch_unwind(AssertUnwindSafe(|| service.status()));
        let detail = detail.map_err(|panic| panicked(panic.as_ref()))?;
        drop(reply.send(self.describe("running", detail)));
        Ok(())
    }

    fn describe(&self, state: &str, detail: Value) -> Value {
        json!({
            "name": self.name,
            "state": state,
            "restarts": self.restarts,
            "last_error": self.last_error,
            "detail": detail,
        })
    }

    /// Waits `pause` for the next try; a reload ends the wait, a drain ends the service.
    async fn wait(&mut self, pause: Duration) -> Option<oneshot::Sender<()>> {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            let order = tokio::select! {
                () = &mut pause => return None,
                order = self.orders.recv() => order,
            };
            match order {
                Some(Order::Drain(_, done)) => return Some(done),
                Some(Order::Status(reply)) => drop(reply.send(self.describe("failed", Value::Null))),
                Some(Order::Config(reply)) => drop(reply.send(Value::Null)),
                // It has nothing to lose.
                Some(Order::HandOver(reply)) => drop(reply.send(Some(Vec::new()))),
                Some(Order::Reload(reply)) => {
                    let why = self.last_error.clone().unwrap_or_default();
                    let error =
                        Error::new(Exit::TEMPORARY, why).context("is not running; it is tried again now");
                    drop(reply.send(Err(error)));
                    return None;
                }
                None => pending::<()>().await,
            }
        }
    }
}

/// A refusal is the caller's to hear; a panic is the end of this life.
async fn reload(
    service: &mut dyn Service,
    reply: oneshot::Sender<Result<Verdict, Error>>,
) -> Result<(), Error> {
    match caught(service.reload()).await {
        Ok(verdict) => {
            drop(reply.send(verdict));
            Ok(())
        }
        Err(panic) => {
            drop(reply.send(Err(Error::new(Exit::BUG, panic.to_string()))));
            Err(panic)
        }
    }
}

/// Asks the service something; a panic is the end of this life.
fn tell<T>(ask: impl FnOnce() -> T, reply: oneshot::Sender<T>) -> Result<(), Error> {
    let answer = catch_unwind(AssertUnwindSafe(ask)).map_err(|panic| panicked(panic.as_ref()))?;
    drop(reply.send(answer));
    Ok(())
}

async fn drain(service: &mut dyn Service, deadline: Duration) {
    match timeout(deadline, caught(service.drain(deadline))).await {
        Ok(Ok(())) => tracing::info!("drained"),
        Ok(Err(panic)) => tracing::error!("drain failed: {panic}"),
        Err(_) => tracing::warn!(deadline = format!("{deadline:?}"), "not drained by its deadline"),
    }
}
