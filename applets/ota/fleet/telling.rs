//! What origins are told: how an action goes, and how it ended, until they have taken it.
//!
//! News on the way may be lost; the end may not. It is a record of its own, kept before the job is dropped and removed
//! once the origin has taken it or does not know the action any more. Neighbours: `follow` has news, `origin` takes
//! them.

use super::event::What;
use super::follow::{Follower, KNOWS, REPORT};
use super::job::Report;
use super::origin::{Kind, News};
use crate::hex::Hex;

impl Follower {
    /// Tells an origin news of an action that is under way. Who cannot be reached has missed it.
    async fn news(&mut self, origin: &str, action: &str, news: News) -> bool {
        let Some(line) = self.lines.iter_mut().find(|line| line.origin.name() == origin) else {
            return false;
        };
        if action.is_empty() || !line.origin.keeps_account() {
            return true;
        }
        match line.origin.tell(action, &news).await {
            Ok(()) => true,
            Err(trouble) => {
                tracing::debug!(target: "ota", "{origin} missed news: {}", trouble.why);
                if trouble.kind == Kind::Gone {
                    // Whoever asks next hears the same; then it is decided what follows.
                    line.hurry();
                }
                false
            }
        }
    }

    /// News of the job.
    async fn news_of_job(&mut self, news: News) -> bool {
        let Some(job) = &self.job else { return false };
        let (origin, action) = (job.origin.clone(), job.action.clone());
        self.news(&origin, &action, news).await
    }

    pub(super) async fn proceeding(&mut self, what: String) {
        self.news_of_job(News::Proceeding(what)).await;
    }

    pub(super) async fn downloaded(&mut self) {
        self.news_of_job(News::Downloaded).await;
    }

    pub(super) async fn resumed(&mut self) {
        let what = "the program or the device was restarted".to_owned();
        self.is_resumed = self.news_of_job(News::Resumed(what)).await;
    }

    /// The job waits: said once for each reason.
    pub(super) async fn waits(&mut self, why: &str) {
        if self.waiting == why {
            return;
        }
        self.waiting = why.to_owned();
        self.events.tell(What::Waiting, self.job.as_ref(), why);
        self.news_of_job(News::Scheduled(why.to_owned())).await;
    }

    /// It was stopped for good, for an origin that waits to hear of it or does not. What is written stays where it is:
    /// nothing starts it, and if it is wanted again it is there.
    pub(super) async fn cancelled(&mut self, is_ordered: bool) {
        let Some(job) = self.job.clone() else { return };
        let why = if is_ordered { "the server cancelled it" } else { "it is offered no longer" };
        self.events.tell(What::Stopped, Some(&job), why);
        if is_ordered {
            // Unheard, the server still has the cancellation, and it is answered the next time.
            self.news(&job.origin, &job.action, News::Cancelled).await;
        }
        self.drop_job().await;
    }

    /// It cannot be stopped any more.
    pub(super) async fn too_late(&mut self) {
        let Some(job) = self.job.clone() else { return };
        if self.refused == job.action {
            return;
        }
        let why = "it was switched to already; how it ends will be told".to_owned();
        if self.news(&job.origin, &job.action, News::TooLate(why)).await {
            self.refused = job.action;
        }
    }

    /// An action that nothing is known of, or that is over: there is nothing to stop.
    pub(super) async fn nothing_to_stop(&mut self, origin: &str, action: &str) {
        self.news(origin, action, News::Cancelled).await;
    }

    /// Keeps what an origin is to hear of the end of an action; true if it is kept, or nobody wants to hear it.
    pub(super) async fn is_kept(
        &mut self,
        origin: &str,
        action: &str,
        is_good: bool,
        code: i32,
        details: Vec<String>,
        runs: Option<Hex>,
    ) -> bool {
        let name = origin.to_owned();
        if action.is_empty() {
            return true;
        }
        let report = Report { origin: name.clone(), action: action.to_owned(), runs, is_good, code, details };
        if !self.keep(format!("{REPORT}/{name}"), Some(report.record())).await {
            return false;
        }
        if let Some(line) = self.lines.iter_mut().find(|line| line.origin.name() == name) {
            line.report = Some(report);
            line.hurry();
        }
        true
    }

    /// Tells what is still to be told, and how far an installation is.
    pub(super) async fn tell(&mut self) {
        for at in 0..self.lines.len() {
            self.report(at).await;
        }
        let percent = match &self.work {
            Some(work) if work.writes => work.progress.percent(),
            _ => return,
        };
        if percent / 10 > self.percent / 10 {
            self.percent = percent;
            self.news_of_job(News::Download(percent)).await;
        }
    }

    /// Reports the end of an action.
    async fn report(&mut self, at: usize) {
        let now = self.clock.boot();
        let line = &mut self.lines[at];
        let Some(report) = line.report.clone().filter(|_| now >= line.due(false)) else { return };
        let name = line.origin.name();
        match line.origin.tell(&report.action, &report.news()).await {
            Ok(()) => self.events.tell(
                What::Reported,
                None,
                &format!("{name} knows how action {} ended", report.action),
            ),
            Err(trouble) if matches!(trouble.kind, Kind::Away | Kind::Denied) => {
                return line.failed(trouble, now);
            }
            Err(trouble) => {
                tracing::warn!(target: "ota", "{name} does not take how action {} ended: {}", report.action, trouble.why);
            }
        }
        line.report = None;
        let knows = report.runs.filter(|_| report.is_good);
        if let Some(id) = knows {
            self.lines[at].knows = Some(id);
            self.keep(format!("{KNOWS}/{name}"), Some(id.to_string().into_bytes())).await;
        }
        self.keep(format!("{REPORT}/{name}"), None).await;
    }
}
