//! The loop of the daemon: how the device stands, what is offered, whether now is the time, and then that it is done.
//!
//! ```text
//! origins ─ ask ─▶ offers ─ glance ─▶ job ─ rules ─▶ install ─▶ switch ─▶ restart ─▶ judge ─▶ report ─▶ origins
//! ```
//! Every turn begins with what is true: the device's state and the job's record. There is no state of the loop's own
//! that a crash could lose; what is remembered here is only when to do what next. A server that is away delays reports
//! and nothing else. Neighbours: `asking` and `telling` hold the halves that speak with origins, `rules` says when,
//! `job` what is next, `work` does it, `service` starts and ends all this.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edgekit_core::{Clock, Error, Exit};
use edgekit_http::Retry;
use edgekit_rt::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::asking::{Glances, Glancing};
use super::config::{Restart, Window};
use super::event::{Events, What};
use super::job::{Job, Next};
use super::line::Line;
use super::machine::{From, Machine, Stage, Standing};
use super::origin::Offer;
use super::restart;
use super::rules::{self, Hints, Lot, Now, Step, Verdict};
use super::work::{self, Done, Task, Work};
use crate::apply::{Outcome, Terms};
use crate::fault::Fault;

/// The longest sleep: clocks are set, files come and go, people do things by hand.
const LONGEST: Duration = Duration::from_secs(30);
/// A look at what may stop an installation, and at what a person says.
const LOOK: Duration = Duration::from_secs(1);
/// Between two attempts at the state, while another program has it.
const AGAIN: Duration = Duration::from_secs(5);
/// A restart that did not come by then is asked for again.
const RESTART: Duration = Duration::from_secs(600);
/// First and longest wait before an installation is tried again.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(1800));

/// The record of what is being done, and what is remembered of an origin: `KEY/NAME`.
pub(super) const JOB: &str = "job";
pub(super) const REPORT: &str = "report";
pub(super) const TOLD: &str = "told";
pub(super) const KNOWS: &str = "knows";

/// What a reload may change.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) window: Window,
    /// How often an installation is begun that does not come through.
    pub(crate) attempts: u32,
    pub(crate) terms: Terms,
    /// Attributes of the configuration.
    pub(crate) attributes: Vec<(String, String)>,
}

/// Why an installation is ended for good before it is through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cancel {
    /// It is not.
    No,
    /// Its origin ordered that, and waits for an answer.
    Ordered,
    /// Its origin does not know it any more.
    Withdrawn,
}

/// What the loop runs on.
pub(crate) struct Ground {
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) clock: Clock,
    pub(crate) device: String,
    /// Where a person's word about consent is left.
    pub(crate) consent: std::path::PathBuf,
    pub(crate) settings: Settings,
}

/// Follows origins.
pub(crate) struct Follower {
    pub(super) machine: Arc<dyn Machine>,
    pub(super) clock: Clock,
    pub(super) device: String,
    pub(super) consent: std::path::PathBuf,
    pub(super) settings: Settings,
    pub(super) lines: Vec<Line>,
    pub(super) events: Events,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) standing: Option<Standing>,
    /// When the device is looked at next, by the boot clock.
    pub(super) look: Duration,
    pub(super) job: Option<Job>,
    /// The job's offer as it was heard in this run of the program.
    pub(super) offer: Option<Offer>,
    /// The job's origin has been told that it goes on.
    pub(super) is_resumed: bool,
    pub(super) work: Option<Work>,
    /// Heads of offers that are read.
    pub(super) glancing: Option<Glancing>,
    /// The server wants it stopped.
    pub(super) cancel: Cancel,
    /// A cancellation that was refused.
    pub(super) refused: String,
    /// Tens of percent that were told.
    pub(super) percent: u8,
    /// What was told of waiting.
    pub(super) waiting: String,
    /// Not to be tried again before, by the boot clock.
    pub(super) not_before: Duration,
    tries: Option<edgekit_http::Attempts>,
    /// What is fetched now is bounded because the link is metered.
    is_bounded: bool,
    restarted: Option<Duration>,
    trouble: String,
    /// Offers that were looked at, and that nothing came of.
    pub(super) looked: (String, Duration),
    shown: Arc<Mutex<Value>>,
}

impl Follower {
    pub(crate) fn new(
        ground: Ground,
        lines: Vec<Line>,
        events: Events,
        stop: watch::Receiver<bool>,
        shown: Arc<Mutex<Value>>,
    ) -> Follower {
        let Ground { machine, clock, device, consent, settings } = ground;
        Follower {
            machine,
            clock,
            device,
            consent,
            settings,
            lines,
            events,
            stop,
            standing: None,
            look: Duration::ZERO,
            job: None,
            offer: None,
            is_resumed: false,
            work: None,
            glancing: None,
            cancel: Cancel::No,
            refused: String::new(),
            percent: 0,
            waiting: String::new(),
            not_before: Duration::ZERO,
            tries: None,
            is_bounded: false,
            restarted: None,
            trouble: String::new(),
            looked: (String::new(), Duration::ZERO),
            shown,
        }
    }

    /// Follows until it is told to stop; what is written is made durable then, and gone on with by the next one.
    ///
    /// # Errors
    /// Records of another version of this program.
    pub(crate) async fn run(mut self, mut settings: watch::Receiver<(Settings, Asked)>) -> Result<(), Error> {
        while let Err(fault) = self.recall().await {
            if !is_temporary(&fault) {
                return Err(fault.into());
            }
            self.mind(&fault);
            if self.sleeps(AGAIN).await {
                return Ok(());
            }
        }
        while !*self.stop.borrow() {
            let wait = self.turn().await;
            self.show();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = self.stop.changed() => {}
                changed = settings.changed() => {
                    if changed.is_ok() {
                        let (now, asked) = settings.borrow_and_update().clone();
                        self.settings = now;
                        if let Some(lines) = asked.lock().unwrap_or_else(PoisonError::into_inner).take() {
                            self.exchange(lines);
                        }
                        self.lines.iter_mut().for_each(Line::hurry);
                        (self.not_before, self.tries, self.look) = (Duration::ZERO, None, Duration::ZERO);
                        self.looked.0.clear();
                    }
                }
                done = ended(&mut self.work) => self.finished(done).await,
                glances = read(&mut self.glancing) => self.glanced(glances).await,
            }
        }
        if let Some(glancing) = self.glancing.take() {
            glancing.halt.call("the program ends");
        }
        if let Some(work) = self.work.take() {
            work.halt.call("the program ends");
            // Whatever it says: the next one finds how far it was.
            drop(work.done.await);
        }
        Ok(())
    }

    /// Other origins, which know what those of the same name knew.
    fn exchange(&mut self, lines: Vec<Line>) {
        let mut old = std::mem::replace(&mut self.lines, lines);
        for line in &mut self.lines {
            if let Some(before) = old.iter_mut().find(|before| before.origin.name() == line.origin.name()) {
                line.told = std::mem::take(&mut before.told);
                (line.knows, line.report) = (before.knows, before.report.take());
            }
        }
        self.offer = None;
    }

    /// True if it is to stop meanwhile.
    async fn sleeps(&mut self, wait: Duration) -> bool {
        drop(tokio::time::timeout(wait, self.stop.changed()).await);
        *self.stop.borrow()
    }

    /// Does what there is to be done, and tells how long there will be nothing.
    async fn turn(&mut self) -> Duration {
        let now = self.clock.boot();
        if self.work.is_none() && now >= self.look {
            self.settle().await;
        }
        if self.work.is_none() {
            self.advance().await;
        }
        self.watch();
        self.tell().await;
        let has_asked = self.ask().await;
        if has_asked && self.work.is_none() && self.job.is_some() {
            self.advance().await;
        }
        let now = self.clock.boot();
        let mut wait = self.look.saturating_sub(now).min(LONGEST);
        if self.work.is_some() || self.lines.iter().any(|line| line.consent.is_some()) {
            wait = wait.min(LOOK);
        }
        for (at, line) in self.lines.iter().enumerate().filter(|(at, _)| self.is_asked(*at)) {
            wait = wait.min(line.due(self.is_watched(at)).saturating_sub(now));
        }
        if self.job.is_some() && self.not_before > now {
            wait = wait.min(self.not_before - now);
        }
        // A turn that leaves something due does not make the loop spin.
        wait.max(Duration::from_millis(50))
    }

    /// Looks how the device stands.
    pub(super) async fn settle(&mut self) {
        match self.off(|machine| machine.settle()).await {
            Ok(standing) => {
                self.standing = Some(standing);
                self.trouble.clear();
                self.look = self.clock.boot() + LONGEST;
            }
            Err(fault) => {
                self.mind(&fault);
                self.look = self.clock.boot() + AGAIN;
            }
        }
    }

    /// Says what is wrong with the device, once.
    pub(super) fn mind(&mut self, fault: &Fault) {
        let said = fault.to_string();
        if said != self.trouble {
            tracing::warn!(target: "ota", "{said}");
            self.trouble = said;
        }
    }

    /// Something on a blocking thread.
    pub(super) fn off<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Machine) -> Result<T, Fault> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Fault>> {
        let machine = Arc::clone(&self.machine);
        let (told, answer) = oneshot::channel();
        work::off(Box::new(move || drop(told.send(ask(machine.as_ref())))));
        Box::pin(async move {
            let early = |_| Fault::Machine("a thread of the updater ended early".to_owned());
            answer.await.map_err(early)?
        })
    }

    /// Keeps or removes a record.
    pub(super) async fn keep(&mut self, key: String, value: Option<Vec<u8>>) -> bool {
        match self.off(move |machine| machine.keep(&key, value.as_deref())).await {
            Ok(()) => true,
            Err(fault) => {
                self.mind(&fault);
                self.look = self.clock.boot() + AGAIN;
                false
            }
        }
    }

    async fn keep_job(&mut self) -> bool {
        let record = self.job.as_ref().map(Job::record);
        self.keep(JOB.to_owned(), record).await
    }

    /// Takes the next step, if now is the time.
    async fn advance(&mut self) {
        let Some(standing) = &self.standing else { return };
        let stage = standing.deployment.as_ref().map(|deployment| deployment.stage);
        let Some(job) = &self.job else {
            // Begun by hand: it is judged all the same, and left if it is bad.
            match stage {
                Some(Stage::Trying) => self.begin(Task::Judge),
                Some(Stage::Leaving) => self.leave().await,
                _ => {}
            }
            return;
        };
        match job.next(standing) {
            Next::Close(is_good, details) => {
                let what = if is_good { What::Committed } else { What::Returned };
                self.events.tell(what, self.job.as_ref(), details.first().map_or("", String::as_str));
                let code = if is_good { 0 } else { Exit::NO.value() };
                self.close(is_good, i32::from(code), details).await;
            }
            Next::Judge => self.begin(Task::Judge),
            Next::Restart if self.settings.window.reboot == Restart::Never => {
                self.waits("somebody else restarts the device").await;
            }
            Next::Restart => match self.judged(Step::Switch) {
                Verdict::Go { .. } => self.restart("to start the new version").await,
                Verdict::Wait { why, .. } => self.waits(&why.to_string()).await,
            },
            Next::Leave => self.leave().await,
            Next::Write => self.install(Step::Write).await,
            Next::Switch => self.install(Step::Switch).await,
        }
    }

    /// Begins an installation, or goes on with one, if now is the time.
    async fn install(&mut self, step: Step) {
        let Some(job) = &self.job else { return };
        if self.clock.boot() < self.not_before {
            return;
        }
        let is_counted = !job.action.is_empty();
        let (may, login) = match &self.offer {
            Some(offer) => {
                (if step == Step::Write { offer.may_write } else { offer.may_switch }, offer.login.clone())
            }
            // An origin that keeps account is heard first: it may have thought of something else.
            None if is_counted => return,
            None => (true, None),
        };
        if !may {
            return self.waits("the server does not want it done yet").await;
        }
        let bytes = match self.judged(step) {
            Verdict::Go { bytes, .. } => bytes,
            Verdict::Wait { why, .. } => return self.waits(&why.to_string()).await,
        };
        if step == Step::Switch {
            self.waiting.clear();
            return self.begin(Task::Switch);
        }
        let place = self.offer.as_ref().map_or_else(|| job.place.clone(), |offer| offer.place.clone());
        let mut terms = self.settings.terms.clone();
        terms.max_bytes = match (terms.max_bytes, bytes) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.is_bounded = bytes.is_some();
        let what = format!("{} {} from {place}", job.name, job.version);
        self.waiting.clear();
        self.events.tell(What::Installing, self.job.as_ref(), "");
        self.proceeding(what).await;
        let may_switch = self.may_switch();
        self.percent = 0;
        self.begin(Task::Install(From { place, login }, terms, may_switch));
    }

    /// The question whether to switch, to be asked on another thread once all is written.
    fn may_switch(&self) -> work::MaySwitch {
        let (clock, window) = (self.clock.clone(), self.settings.window.clone());
        let (hints, offered) = (self.hints(), self.job.as_ref().map_or(0, |job| job.offered));
        let lot = self.lot();
        let is_wanted = self.offer.as_ref().is_none_or(|offer| offer.may_switch);
        Box::new(move || {
            if !is_wanted {
                return Some("the server does not want it done yet".to_owned());
            }
            let inhibited = restart::inhibited(&window.inhibit);
            match rules::judge(
                &window,
                &hints,
                lot,
                Step::Switch,
                &here(&clock, &window, offered, inhibited.as_deref()),
            ) {
                Verdict::Go { .. } => None,
                Verdict::Wait { why, .. } => Some(why.to_string()),
            }
        })
    }

    fn begin(&mut self, task: Task) {
        self.work = Some(work::begin(Arc::clone(&self.machine), task));
    }

    fn lot(&self) -> Lot {
        let id = self.job.as_ref().map(|job| job.id.to_string()).unwrap_or_default();
        Lot::draw(&self.device, &id)
    }

    fn hints(&self) -> Hints {
        self.offer.as_ref().map(|offer| offer.hints.clone()).unwrap_or_default()
    }

    /// Whether now is the time for a step of the job.
    fn judged(&self, step: Step) -> Verdict {
        let window = &self.settings.window;
        let offered = self.job.as_ref().map_or(0, |job| job.offered);
        let inhibited = restart::inhibited(&window.inhibit);
        rules::judge(
            window,
            &self.hints(),
            self.lot(),
            step,
            &here(&self.clock, window, offered, inhibited.as_deref()),
        )
    }

    /// Stops an installation whose time is over.
    fn watch(&mut self) {
        let Some(work) = self.work.as_ref().filter(|work| work.writes && work.halt.why().is_none()) else {
            return;
        };
        if let Verdict::Wait { why, .. } = self.judged(Step::Write) {
            work.halt.call(why.to_string());
        }
    }

    /// What was worked on is over.
    async fn finished(&mut self, done: Option<Done>) {
        let was_stopped = self.work.take().is_some_and(|work| {
            self.events.moved(work.progress.fetched(), work.progress.saved());
            work.halt.why().is_some()
        });
        self.settle().await;
        match done {
            None => self.mind(&Fault::Machine("the thread of an installation ended early".to_owned())),
            Some(Done::Judged(judged)) => self.was_judged(judged).await,
            Some(Done::Installed(Ok(outcome))) => {
                (self.tries, self.not_before) = (None, Duration::ZERO);
                if matches!(outcome, Outcome::Reboot | Outcome::InUse) {
                    self.events.tell(What::Switched, self.job.as_ref(), "");
                    if let Some(job) = &mut self.job {
                        job.is_switched = true;
                        self.keep_job().await;
                    }
                    self.downloaded().await;
                    if std::mem::replace(&mut self.cancel, Cancel::No) == Cancel::Ordered {
                        self.too_late().await;
                    }
                }
            }
            Some(Done::Installed(Err(fault))) if self.cancel != Cancel::No => {
                tracing::debug!(target: "ota", "{fault}");
                self.cancelled(self.cancel == Cancel::Ordered).await;
            }
            Some(Done::Installed(Err(Fault::Deferred { wait, why }))) => {
                self.not_before = self.clock.boot() + wait.max(AGAIN);
                self.waits(&why).await;
            }
            Some(Done::Installed(Err(Fault::Stopped(why)))) => {
                let stage = self.standing.as_ref().and_then(|standing| standing.deployment.as_ref());
                if stage.is_some_and(|deployment| deployment.stage == Stage::Written) && !was_stopped {
                    self.events.tell(What::Written, self.job.as_ref(), "");
                    self.downloaded().await;
                }
                self.waits(&why).await;
            }
            Some(Done::Installed(Err(fault))) => self.failed(fault).await,
        }
    }

    async fn was_judged(&mut self, judged: Result<Option<String>, Fault>) {
        match judged {
            // The job is closed by what the state says now, and without one there is nobody to tell but the log.
            Ok(None) if self.job.is_none() => self.events.tell(What::Committed, None, ""),
            Ok(None) => {}
            Ok(Some(why)) if self.job.is_none() => self.events.tell(What::Returned, None, &why),
            Ok(Some(why)) => tracing::error!(target: "ota", "the new version is not good: {why}"),
            Err(Fault::Stopped(_)) => {}
            Err(fault) => {
                self.mind(&fault);
                self.look = self.clock.boot() + AGAIN;
                let _stops = self.sleeps(AGAIN).await;
            }
        }
    }

    /// An installation failed: for good, or to be tried again.
    async fn failed(&mut self, fault: Fault) {
        if self.is_bounded && matches!(fault, Fault::Budget(..)) {
            // Another link may carry it.
            self.not_before = self.clock.boot() + BACK_OFF.1;
            return self.waits(&format!("the link is metered: {fault}")).await;
        }
        let Some(job) = &mut self.job else { return self.mind(&fault) };
        job.attempts += 1;
        let attempts = job.attempts;
        let is_last = attempts >= self.settings.attempts;
        if is_temporary(&fault) && !is_last {
            let policy = Retry::forever(BACK_OFF.0, BACK_OFF.1);
            let wait = self.tries.get_or_insert_with(|| policy.start()).next_wait(None).unwrap_or(BACK_OFF.1);
            self.not_before = self.clock.boot() + wait;
            self.keep_job().await;
            tracing::warn!(target: "ota", "attempt {attempts} did not come through: {fault}");
            return self.proceeding(format!("attempt {attempts} did not come through: {fault}")).await;
        }
        let mut details = vec![fault.to_string()];
        if is_temporary(&fault) {
            details.push(format!("given up after {attempts} attempts"));
        }
        let error = Error::from(fault);
        let code = error.exit().value();
        details.extend(error.hint_text().map(str::to_owned));
        self.events.tell(What::Failed, self.job.as_ref(), &details[0]);
        self.close(false, i32::from(code), details).await;
    }

    /// Ends the job: what is to be reported is kept first, so that it is neither lost nor done again.
    pub(super) async fn close(&mut self, is_good: bool, code: i32, details: Vec<String>) {
        let Some(job) = self.job.clone() else { return };
        let runs = self.standing.as_ref().and_then(|standing| standing.runs.as_ref()).map(|runs| runs.id);
        if !self.is_kept(&job.origin, &job.action, is_good, code, details, runs).await {
            return;
        }
        if !is_good && job.action.is_empty() {
            // Offered to everybody: looked at again when it changes, or after a reload.
            self.given_up(&job);
        }
        self.drop_job().await;
    }

    /// The job is no longer.
    pub(super) async fn drop_job(&mut self) {
        let job = self.job.take();
        if !self.keep_job().await {
            self.job = job;
            return;
        }
        (self.offer, self.tries, self.cancel, self.is_resumed) = (None, None, Cancel::No, false);
        self.not_before = Duration::ZERO;
        self.waiting.clear();
    }

    /// A new job, if it can be kept.
    pub(super) async fn take(&mut self, job: Job, offer: Offer) {
        (self.job, self.offer, self.is_resumed) = (Some(job), Some(offer), true);
        if self.keep_job().await {
            self.events.tell(What::Offered, self.job.as_ref(), "");
        } else {
            (self.job, self.offer) = (None, None);
        }
    }

    /// Leaves what is bad, window or not: the end is told by whoever starts then, which has the same state.
    async fn leave(&mut self) {
        match self.settings.window.reboot {
            Restart::Never => self.waits("somebody else restarts the device, to leave a bad version").await,
            _ => self.restart("to leave a bad version").await,
        }
    }

    async fn restart(&mut self, why: &str) {
        let now = self.clock.boot();
        if self.restarted.is_some_and(|at| now < at + RESTART) {
            return;
        }
        self.restarted = Some(now);
        self.events.tell(What::Restarting, self.job.as_ref(), why);
        self.proceeding(format!("the device restarts {why}")).await;
        if let Err(why) = restart::restart(&self.settings.window.reboot_command).await {
            tracing::error!(target: "ota", "the device cannot be restarted: {why}");
        }
    }

    fn show(&self) {
        let now = self.clock.boot();
        let lines = self.lines.iter().enumerate().map(|(at, line)| line.show(now, self.is_watched(at)));
        let value = json!({
            "running": self.standing.as_ref().map(|standing| json!({
                "slot": standing.slot.word(),
                "id": standing.runs.as_ref().map(|runs| runs.id.to_string()),
                "name": standing.runs.as_ref().map(|runs| runs.name.as_str()),
                "version": standing.runs.as_ref().map(|runs| runs.version.to_string()),
            })),
            "job": self.job.as_ref().map(|job| json!({
                "origin": job.origin, "action": job.action, "id": job.id.to_string(), "name": job.name,
                "version": job.version.to_string(), "attempts": job.attempts,
                "percentile": self.lot().percentile(),
            })),
            "waiting": Some(self.waiting.as_str()).filter(|why| !why.is_empty()),
            "work": self.work.as_ref().map(|work| if work.writes { work.progress.show() } else { json!({ "phase": "judging" }) }),
            "trouble": Some(self.trouble.as_str()).filter(|why| !why.is_empty()),
            "origins": Value::Array(lines.collect()),
            "last_event": self.events.last,
        });
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// Other origins, to be taken once.
pub(crate) type Asked = Arc<Mutex<Option<Vec<Line>>>>;

/// The end of work, if there is any.
async fn ended(work: &mut Option<Work>) -> Option<Done> {
    match work {
        Some(work) => (&mut work.done).await.ok(),
        None => std::future::pending().await,
    }
}

/// The heads, if any are read.
async fn read(glancing: &mut Option<Glancing>) -> Option<Glances> {
    match glancing {
        Some(glancing) => (&mut glancing.done).await.ok(),
        None => std::future::pending().await,
    }
}

/// May pass by itself.
pub(super) fn is_temporary(fault: &Fault) -> bool {
    match fault {
        Fault::Stopped(_) | Fault::Store(_) => true,
        Fault::Net(error) => error.is_temporary(),
        Fault::Io { source, .. } => {
            let exit = Error::from(std::io::Error::from(source.kind())).exit();
            [Exit::TEMPORARY, Exit::UNAVAILABLE].contains(&exit)
        }
        _ => false,
    }
}

/// What is known now.
fn here<'a>(clock: &Clock, window: &Window, offered: u64, inhibited: Option<&'a str>) -> Now<'a> {
    Now {
        wall: clock.wall().as_secs(),
        is_trusted: clock.is_trusted(),
        inhibited,
        is_metered: window.metered.as_ref().is_some_and(|file| file.exists()),
        offered,
    }
}
