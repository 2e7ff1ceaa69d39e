//! An installation under way: on a thread of its own, watched and stopped from the control runtime.
//!
//! What is stopped is gone on with later where it was, so stopping is cheap and is done for every reason: a server
//! that cancels, a window that closes, something that inhibits, a program that ends. Neighbours: `follow` begins and
//! stops, `machine` does it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::machine::{From, Machine};
use crate::apply::{Moved, Outcome, Phase, Terms, Watcher};
use crate::fault::Fault;
use crate::halt::Halt;

/// Why a switch has to wait, asked once everything is written.
pub(crate) type MaySwitch = Box<dyn Fn() -> Option<String> + Send>;

/// What is worked on.
pub(crate) enum Task {
    /// A bundle.
    Install(From, Terms, MaySwitch),
    /// Starting what is written.
    Switch,
    /// What is tried.
    Judge,
}

/// How it ended.
pub(crate) enum Done {
    Installed(Result<Outcome, Fault>),
    Judged(Result<Option<String>, Fault>),
}

/// Work under way.
pub(crate) struct Work {
    /// Stops it.
    pub(crate) halt: Halt,
    /// How far it is.
    pub(crate) progress: Arc<Progress>,
    /// True for an installation.
    pub(crate) writes: bool,
    /// Its end.
    pub(crate) done: oneshot::Receiver<Done>,
}

/// How far an installation is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Bytes of images, twice: they are written and read back.
    total: AtomicU64,
    done: AtomicU64,
    fetched: AtomicU64,
    saved: AtomicU64,
    phase: Mutex<String>,
}

impl Progress {
    /// From 0 to 100.
    pub(crate) fn percent(&self) -> u8 {
        let total = self.total.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed).min(total);
        u8::try_from(u128::from(done) * 100 / u128::from(total.max(1))).unwrap_or(100)
    }

    /// Bytes fetched so far.
    pub(crate) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Bytes that did not have to be fetched.
    pub(crate) fn saved(&self) -> u64 {
        self.saved.load(Ordering::Relaxed)
    }

    /// For people and machines.
    pub(crate) fn show(&self) -> Value {
        let phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner).clone();
        json!({
            "phase": phase,
            "percent": self.percent(),
            "fetched_bytes": self.fetched(),
            "saved_bytes": self.saved(),
        })
    }

    fn enter(&self, phase: String) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }
}

/// Tells the control runtime, and is told by it.
struct Eyes {
    halt: Halt,
    progress: Arc<Progress>,
    may_switch: MaySwitch,
    is_written: bool,
}

impl Watcher for Eyes {
    fn phase(&mut self, phase: Phase<'_>) {
        let shown = match phase {
            Phase::Planning => "planning".to_owned(),
            Phase::Planned(plan) => {
                self.progress.total.store(plan.size().saturating_mul(2), Ordering::Relaxed);
                "planned".to_owned()
            }
            Phase::Writing(component, _) => format!("writing {component}"),
            Phase::Proving(component, _) => format!("proving {component}"),
            Phase::Written => {
                self.is_written = true;
                "written".to_owned()
            }
            Phase::Switched => "switched".to_owned(),
        };
        self.progress.enter(shown);
    }

    fn moved(&mut self, moved: Moved) {
        self.progress.done.fetch_add(moved.done, Ordering::Relaxed);
        self.progress.fetched.fetch_add(moved.fetched, Ordering::Relaxed);
        self.progress.saved.fetch_add(moved.saved, Ordering::Relaxed);
    }

    fn stop(&mut self) -> Option<String> {
        let why = self.halt.why().map(str::to_owned);
        why.or_else(|| if self.is_written { (self.may_switch)() } else { None })
    }
}

/// Begins.
pub(crate) fn begin(machine: Arc<dyn Machine>, task: Task) -> Work {
    let (halt, progress) = (Halt::default(), Arc::<Progress>::default());
    let writes = matches!(task, Task::Install(..));
    let (told, done) = oneshot::channel();
    let (halted, shown) = (halt.clone(), Arc::clone(&progress));
    off(Box::new(move || {
        let end = match task {
            Task::Judge => Done::Judged(machine.judge(&halted)),
            Task::Switch => Done::Installed(machine.switch()),
            Task::Install(from, terms, may_switch) => {
                let mut eyes = Eyes { halt: halted.clone(), progress: shown, may_switch, is_written: false };
                let installed = machine.install(&from, &terms, &halted, &mut eyes);
                Done::Installed(installed.map(|installed| installed.outcome))
            }
        };
        // Nobody waits if the service has ended meanwhile.
        drop(told.send(end));
    }));
    Work { halt, progress, writes, done }
}

/// Runs something on a blocking thread; one type of task for all.
pub(crate) fn off(work: Box<dyn FnOnce() + Send>) {
    drop(tokio::task::spawn_blocking(work));
}
