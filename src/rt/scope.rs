//! What a service works with, and the bounds of its work: every task and thread it starts here ends
//! when the service does, and the first one to fail ends the service.
//!
//! Neighbours: `service.rs` for the contract, `host/` (one supervisor a service) for what follows
//! from a failure.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use edgekit_core::{Clock, Error, Exit};
use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use crate::metrics::Metrics;
use crate::ports::Ports;
use crate::{BoxFuture, Resolver};

/// What all services of a process share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) resolver: Resolver,
    pub(crate) metrics: Metrics,
    pub(crate) ports: Arc<Ports>,
}

/// The surroundings of one service, from one start of it to its end. Cheap to clone.
#[derive(Clone)]
pub struct Scope {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    shared: Shared,
    /// Names the service in each line its tasks and threads log.
    span: Span,
    failures: mpsc::UnboundedSender<Error>,
    tasks: Mutex<JoinSet<()>>,
    threads: Mutex<Vec<Worker>>,
}

struct Worker {
    name: String,
    /// Dropping it asks the thread to end.
    stop: oneshot::Sender<()>,
    /// Closed when the thread is about to end.
    ended: oneshot::Receiver<()>,
    handle: JoinHandle<()>,
}

impl Scope {
    /// A scope and the place where its first failures arrive.
    pub(crate) fn new(name: &str, shared: Shared, span: Span) -> (Scope, mpsc::UnboundedReceiver<Error>) {
        let (failures, failed) = mpsc::unbounded_channel();
        let inner = Inner {
            name: Arc::from(name),
            shared,
            span,
            failures,
            tasks: Mutex::default(),
            threads: Mutex::default(),
        };
        (Scope { inner: Arc::new(inner) }, failed)
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.inner.shared.clock
    }

    /// The process's metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.shared.metrics
    }

    /// What was opened before the start, by name.
    pub fn ports(&self) -> &Ports {
        &self.inner.shared.ports
    }

    /// The resolver all services of the process share.
    pub fn resolver(&self) -> &Resolver {
        &self.inner.shared.resolver
    }

    /// Runs `task` on the control runtime until it or the service ends. An error or a panic ends the
    /// service; so does nothing else: a task may finish.
    pub fn spawn(&self, task: impl Future<Output = Result<(), Error>> + Send + 'static) {
        self.spawn_boxed(Box::pin(task));
    }

    /// One type of task for all: each type of its own brings some four kilobytes of the runtime's code.
    fn spawn_boxed(&self, task: BoxFuture<'static, Result<(), Error>>) {
        let failures = self.inner.failures.clone();
        let mut tasks = lock(&self.inner.tasks);
        // What has finished is let go of here, so that a service may spawn for ever.
        while tasks.try_join_next().is_some() {}
        let body: BoxFuture<'static, ()> = Box::pin(async move {
            if let Err(error) = caught(task).await.and_then(|result| result) {
                // Nobody listens once the service is being ended.
                drop(failures.send(error));
            }
        });
        tasks.spawn(body.instrument(self.inner.span.clone()));
    }

    /// Runs a future that need not be `Send` on a thread and a runtime of its own. It is dropped
    /// when the service ends; drain is for the service to tell it.
    ///
    /// # Errors
    /// That of pthread_create(3).
    pub fn worker<F, W>(&self, name: &str, work: F) -> io::Result<()>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = Result<(), Error>> + 'static,
    {
        self.work(name, Box::new(move || Box::pin(work())))
    }

    fn work(&self, name: &str, work: Work) -> io::Result<()> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ending, ended) = oneshot::channel::<()>();
        let failures = self.inner.failures.clone();
        let span = self.inner.span.clone();
        let body = move || {
            let _inside = span.entered();
            let ran = catch_unwind(AssertUnwindSafe(|| run_worker(work, stopped)));
            if let Err(error) = ran.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
                drop(failures.send(error));
            }
            drop(ending);
        };
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body)?;
        lock(&self.inner.threads).push(Worker { name: name.to_owned(), stop, ended, handle });
        Ok(())
    }

    /// Ends all tasks and threads; gives the names of threads that did not end within `patience`.
    pub(crate) async fn end(&self, patience: Duration) -> Vec<String> {
        let mut tasks = std::mem::take(&mut *lock(&self.inner.tasks));
        tasks.shutdown().await;
        let threads = std::mem::take(&mut *lock(&self.inner.threads));
        let mut waiting = Vec::new();
        for Worker { name, stop, ended, handle } in threads {
            drop(stop);
            waiting.push((name, ended, handle));
        }
        let mut stuck = Vec::new();
        for (name, ended, handle) in waiting {
            match timeout(patience, ended).await {
                // It has nothing left to do but to return.
                Ok(_) => drop(handle.join()),
                Err(_) => stuck.push(name),
            }
        }
        stuck
    }
}

/// What a worker hears of at once, about as many as it goes on with before it listens again: when
/// thousands of sockets have something to say, the queue of tasks, which never shrinks, stays short.
const EVENTS: usize = 64;

/// What a worker does, made on its own thread.
type Work = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Result<(), Error>>>> + Send>;

fn run_worker(work: Work, stopped: oneshot::Receiver<()>) -> Result<(), Error> {
    // Local: tasks of a worker stay on its thread, with neither atomics nor a second scheduler for it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_io_events_per_tick(EVENTS)
        .build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        tokio::select! {
            result = work() => result,
            _ = stopped => Ok(()),
        }
    })
}

/// A future whose panic becomes an error.
pub(crate) fn caught<T>(future: BoxFuture<'_, T>) -> Caught<'_, T> {
    Caught { future: Some(future) }
}

pub(crate) struct Caught<'a, T> {
    future: Option<BoxFuture<'a, T>>,
}

impl<T> Future for Caught<'_, T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.future.as_mut() else { return Poll::Pending };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => {
                // A future that panicked must not be polled again.
                self.future = None;
                Poll::Ready(Err(panicked(panic.as_ref())))
            }
        }
    }
}

/// A panic as an error: a fault of ours, with its message.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Error {
    Error::new(Exit::BUG, format!("panicked: {}", message_of(payload)))
}

/// What a panic said.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> &str {
    let words = payload.downcast_ref::<&str>().copied();
    words.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// A lock whose holder panicked is still good here: no invariant spans two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
