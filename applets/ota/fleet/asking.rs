//! What origins are asked, and what is made of their answers: jobs, and the end of jobs.
//!
//! What one origin assigns to this device (it keeps account) is taken or refused, and it hears which. What is offered
//! to everybody is taken if it is newer than what runs, and passed over in silence otherwise. One thing is done at a
//! time, whoever wants it. Neighbours: `follow` turns, `telling` answers.

use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Error, Exit};
use serde_json::Value;
use tokio::sync::oneshot;

use super::event::What;
use super::follow::{Cancel, Follower, JOB, KNOWS, REPORT, TOLD, is_temporary};
use super::job::{Job, Next, Report};
use super::machine::{From, Glance};
use super::origin::{About, Heard, Offer};
use super::work;
use crate::fault::Fault;
use crate::halt::Halt;
use crate::hex::{Hex, decode};

/// What came of nothing is looked at again after this time.
const ANEW: Duration = Duration::from_secs(86_400);

impl Follower {
    /// Reads the records of the program before this one.
    pub(super) async fn recall(&mut self) -> Result<(), Fault> {
        let wrong = |key: &str| {
            let what =
                format!("what the state holds as '{key}' was written by another version of this program");
            Fault::Refused(what, "run that version until it has no update under way, and this one after")
        };
        if let Some(record) = self.off(|machine| machine.recall(JOB)).await? {
            self.job = Some(Job::read(&record).ok_or_else(|| wrong(JOB))?);
        }
        for at in 0..self.lines.len() {
            let name = self.lines[at].origin.name();
            let key = |kind: &str| format!("{kind}/{name}");
            let (report, told, knows) = (key(REPORT), key(TOLD), key(KNOWS));
            if let Some(record) = self.off(move |machine| machine.recall(&report)).await? {
                self.lines[at].report = Some(Report::read(&record).ok_or_else(|| wrong(REPORT))?);
            }
            let told = self.off(move |machine| machine.recall(&told)).await?;
            self.lines[at].told = told.map(|record| pairs(&record)).unwrap_or_default();
            let knows = self.off(move |machine| machine.recall(&knows)).await?;
            let knows = knows.and_then(|record| decode(std::str::from_utf8(&record).ok()?));
            self.lines[at].knows = knows.map(Hex);
        }
        Ok(())
    }

    /// The origin is the job's, and may stop what is worked on.
    pub(super) fn is_watched(&self, at: usize) -> bool {
        let origin = &self.lines[at].origin;
        let is_its = self.job.as_ref().is_some_and(|job| job.origin == origin.name());
        let is_glanced = self.glancing.as_ref().is_some_and(|glancing| glancing.origin == origin.name());
        (self.work.is_some() && is_its || is_glanced) && origin.keeps_account()
    }

    /// The origin is asked at all: what is offered while something is written comes too soon.
    pub(super) fn is_asked(&self, at: usize) -> bool {
        self.work.is_none() || self.is_watched(at)
    }

    /// Asks who is due; true if somebody was.
    pub(super) async fn ask(&mut self) -> bool {
        let mut has_asked = false;
        for at in 0..self.lines.len() {
            if self.lines[at].consent.is_some() && self.consent.exists() {
                self.lines[at].hurry();
            }
            let is_due = self.clock.boot() >= self.lines[at].due(self.is_watched(at));
            if !is_due || !self.is_asked(at) || *self.stop.borrow() {
                continue;
            }
            has_asked = true;
            let about = self.about(at);
            let heard = tokio::select! {
                heard = self.lines[at].origin.ask(&about) => heard,
                _ = self.stop.changed() => return true,
            };
            let now = self.clock.boot();
            match heard {
                Err(trouble) => self.lines[at].failed(trouble, now),
                Ok(heard) => {
                    self.lines[at].answered(&heard, now, self.clock.wall().as_secs());
                    self.remember(at, about, &heard).await;
                    self.hear(at, heard).await;
                }
            }
        }
        has_asked
    }

    /// What an origin is told of this device.
    fn about(&self, at: usize) -> About {
        let line = &self.lines[at];
        let mut attributes = vec![
            ("device_id".to_owned(), self.device.clone()),
            ("edgekit".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let mut add = |name: &str, value: String| attributes.push((name.to_owned(), value));
        let runs = self.standing.as_ref().and_then(|standing| standing.runs.as_ref());
        if let Some(standing) = &self.standing {
            add("slot", standing.slot.word().to_owned());
            if let Some(hardware) = &standing.hardware {
                // As SWUpdate calls it: servers look for this one, and for sw_version.
                add("hw_boardname", hardware.clone());
            }
        }
        if let Some(runs) = runs {
            add("sw_name", runs.name.clone());
            add("sw_version", runs.version.to_string());
            add("sw_id", runs.id.to_string());
        }
        for (name, value) in &self.settings.attributes {
            attributes.retain(|(known, _)| known != name);
            attributes.push((name.clone(), value.clone()));
        }
        let said = line.consent.clone().zip(std::fs::read_to_string(&self.consent).ok());
        let consent = said.and_then(|(action, text)| {
            let mut words = text.split_whitespace();
            let said = words.next()? == "yes";
            // A word without an action is meant for the one that waits.
            words.next().is_none_or(|meant| meant == action).then_some((action, said))
        });
        About {
            attributes,
            runs: runs.map(|runs| (runs.name.clone(), runs.version.to_string())),
            is_news: runs.is_some_and(|runs| line.knows != Some(runs.id)) && line.report.is_none(),
            told: line.told.clone(),
            consent,
        }
    }

    /// Remembers what an origin knows now.
    async fn remember(&mut self, at: usize, about: About, heard: &Heard) {
        let name = self.lines[at].origin.name();
        if heard.has_told {
            let value: Value =
                about.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            self.lines[at].told = about.attributes;
            self.keep(format!("{TOLD}/{name}"), Some(value.to_string().into_bytes())).await;
        }
        let runs = self.standing.as_ref().and_then(|standing| standing.runs.as_ref()).map(|runs| runs.id);
        if let Some(id) = runs.filter(|_| heard.knows_what_runs) {
            self.lines[at].knows = Some(id);
            self.keep(format!("{KNOWS}/{name}"), Some(id.to_string().into_bytes())).await;
        }
        if about.consent.is_some() && heard.consent.is_none() {
            // It was taken to where it is to go.
            drop(std::fs::remove_file(&self.consent));
        }
        if heard.consent.is_some() && self.lines[at].consent != heard.consent {
            // What was said before it was asked is about something else.
            drop(std::fs::remove_file(&self.consent));
            let why = format!("{name} asks for consent: 'edgekit ota consent yes' or 'no'");
            self.events.tell(What::Waiting, None, &why);
        }
        self.lines[at].consent.clone_from(&heard.consent);
    }

    /// Makes something of an answer.
    async fn hear(&mut self, at: usize, heard: Heard) {
        let name = self.lines[at].origin.name();
        let is_its = self.job.as_ref().is_some_and(|job| job.origin == name);
        if let Some(action) = &heard.cancel {
            self.stop(name, action).await;
        }
        if let Some(glancing) = self.glancing.as_ref().filter(|glancing| glancing.origin == name) {
            let has = |offer: &Offer| {
                heard.offers.iter().any(|now| now.action == offer.action && now.place == offer.place)
            };
            if !glancing.offers.iter().all(has) {
                glancing.halt.call("it is offered no longer");
                self.glancing = None;
            }
            return;
        }
        if self.lines[at].report.is_some() {
            return;
        }
        if is_its {
            return self.again(at, heard).await;
        }
        if self.job.is_some() || self.work.is_some() || self.glancing.is_some() {
            return;
        }
        if self.standing.is_none() {
            self.lines[at].hurry();
            return;
        }
        match self.lines[at].origin.keeps_account() {
            true => self.assigned(name, heard.offers).await,
            false => self.offered(name, heard.offers),
        }
    }

    /// The server wants an action stopped.
    async fn stop(&mut self, name: &str, action: &str) {
        let job = self.job.as_ref().filter(|job| job.origin == name && job.action == action);
        let Some(job) = job else {
            let line = self.lines.iter().find(|line| line.origin.name() == name);
            if line.is_none_or(|line| line.report.is_none()) {
                self.nothing_to_stop(name, action).await;
            }
            return;
        };
        match &self.work {
            Some(work) if work.writes => {
                self.cancel = Cancel::Ordered;
                work.halt.call("the server cancelled it");
                return;
            }
            Some(_) => return self.too_late().await,
            None => {}
        }
        let next = self.standing.as_ref().map(|standing| job.next(standing));
        match next {
            Some(Next::Write | Next::Switch) => self.cancelled(true).await,
            _ => self.too_late().await,
        }
    }

    /// The job's origin was asked again: what it offers now may be something else.
    async fn again(&mut self, at: usize, heard: Heard) {
        let Some(job) = &self.job else { return };
        let keeps_account = self.lines[at].origin.keeps_account();
        let is_same = |offer: &&Offer| match keeps_account {
            true => offer.action == job.action,
            false => offer.place == job.place && offer.mark == job.mark,
        };
        if let Some(offer) = heard.offers.iter().find(is_same) {
            self.offer = Some(offer.clone());
            if !self.is_resumed {
                self.resumed().await;
            }
            return;
        }
        let next = self.standing.as_ref().map(|standing| job.next(standing));
        let is_begun = !matches!(next, Some(Next::Write | Next::Switch));
        // What is written stays if it was offered to everybody: a stick may be pulled out by then.
        let is_kept = !keeps_account && matches!(next, Some(Next::Switch));
        if heard.cancel.is_some() || is_begun || is_kept {
            return;
        }
        match &self.work {
            Some(work) if work.writes => {
                self.cancel = Cancel::Withdrawn;
                work.halt.call("it is offered no longer");
            }
            Some(_) => {}
            None => {
                self.cancelled(false).await;
                self.lines[at].hurry();
            }
        }
    }

    /// What a server assigned to this device is looked at.
    async fn assigned(&mut self, name: &'static str, offers: Vec<Offer>) {
        let Some(offer) = offers.into_iter().next() else { return };
        if !offer.is_sound {
            let code = i32::from(Exit::DATA.value());
            self.is_kept(name, &offer.action, false, code, vec![offer.place], None).await;
        } else if offer.may_write {
            self.glance(name, String::new(), vec![offer]);
        }
    }

    /// What is offered to everybody is looked at, if it may be newer than what runs.
    fn offered(&mut self, name: &'static str, mut offers: Vec<Offer>) {
        let key = key(&offers);
        let now = self.clock.boot();
        if self.looked.0 == key && now < self.looked.1 + ANEW {
            return;
        }
        let runs =
            self.standing.as_ref().and_then(|standing| standing.runs.as_ref()).map(|runs| &runs.version);
        // What it is said to be spares a question; whether it is true is seen by who asks.
        offers.retain(|offer| match (&offer.version, runs) {
            (Some(version), Some(runs)) => runs.order(version).is_lt(),
            _ => true,
        });
        if !offers.is_empty() {
            self.glance(name, key, offers);
        }
    }

    /// Reads the heads of what is offered, on another thread: a server of bundles may be slower than one of offers, and
    /// the latter is heard meanwhile.
    fn glance(&mut self, origin: &'static str, key: String, offers: Vec<Offer>) {
        let (halt, machine) = (Halt::default(), Arc::clone(&self.machine));
        let (told, done) = oneshot::channel();
        let froms: Vec<From> = offers
            .iter()
            .map(|offer| From { place: offer.place.clone(), login: offer.login.clone() })
            .collect();
        let halted = halt.clone();
        work::off(Box::new(move || {
            drop(told.send(froms.iter().map(|from| machine.glance(from, &halted)).collect()));
        }));
        self.glancing = Some(Glancing { origin, key, offers, halt, done });
    }

    /// The heads were read.
    pub(super) async fn glanced(&mut self, glances: Option<Glances>) {
        let Some(Glancing { origin, key, offers, .. }) = self.glancing.take() else { return };
        let at = self.lines.iter().position(|line| line.origin.name() == origin);
        let (Some(at), Some(glances)) = (at, glances) else { return };
        match self.lines[at].origin.keeps_account() {
            true => {
                for (offer, glance) in offers.into_iter().zip(glances) {
                    self.look_at_assigned(at, offer, glance).await;
                }
            }
            false => self.look_at_offered(at, key, offers, glances).await,
        }
    }

    async fn look_at_assigned(&mut self, at: usize, offer: Offer, glance: Result<Glance, Fault>) {
        let (name, action) = (self.lines[at].origin.name(), offer.action.clone());
        let glance = match glance {
            Ok(glance) => glance,
            Err(Fault::Stopped(_)) => return,
            Err(fault) => {
                let tried = self.lines[at].tried(&action);
                if is_temporary(&fault) && tried < self.settings.attempts {
                    tracing::warn!(target: "ota", "the bundle of {name}'s action {action} cannot be read yet: {fault}");
                    return;
                }
                let mut details = vec![fault.to_string()];
                let error = Error::from(fault);
                details.extend(error.hint_text().map(str::to_owned));
                tracing::error!(target: "ota", "{name}'s action {action} cannot be done: {}", details[0]);
                self.is_kept(name, &action, false, i32::from(error.exit().value()), details, None).await;
                return;
            }
        };
        if let Some(unfit) = &glance.unfit {
            let runs = self.standing.as_ref().and_then(|standing| standing.runs.as_ref());
            if runs.is_none_or(|runs| runs.id != glance.id) {
                tracing::error!(target: "ota", "{name}'s action {action} is refused: {}", unfit.why);
                self.is_kept(name, &action, false, unfit.code, vec![unfit.why.clone()], None).await;
                return;
            }
        }
        self.take_glanced(name, glance, offer).await;
    }

    /// The newest that fits, if it is newer than what runs.
    async fn look_at_offered(&mut self, at: usize, key: String, offers: Vec<Offer>, glances: Glances) {
        let (name, now) = (self.lines[at].origin.name(), self.clock.boot());
        let runs = self.standing.as_ref().and_then(|standing| standing.runs.as_ref());
        let runs = runs.map(|runs| runs.version.clone());
        let mut best: Option<(Glance, Offer)> = None;
        let mut is_whole = true;
        for (offer, glance) in offers.into_iter().zip(glances) {
            match glance {
                Ok(glance) => {
                    let is_newer = runs.as_ref().is_none_or(|runs| runs.order(&glance.version).is_lt());
                    let is_best =
                        best.as_ref().is_none_or(|(best, _)| best.version.order(&glance.version).is_lt());
                    match &glance.unfit {
                        Some(unfit) => {
                            tracing::info!(target: "ota", "'{}' is not taken: {}", offer.place, unfit.why)
                        }
                        None if is_newer && is_best => best = Some((glance, offer)),
                        None => {}
                    }
                }
                Err(fault) => {
                    is_whole &= !is_temporary(&fault);
                    tracing::warn!(target: "ota", "'{}' is not taken: {fault}", offer.place);
                }
            }
        }
        match best {
            Some((glance, offer)) => self.take_glanced(name, glance, offer).await,
            None if is_whole => self.looked = (key, now),
            None => {}
        }
    }

    /// Nothing came of it: it is not begun again at once.
    pub(super) fn given_up(&mut self, job: &Job) {
        self.looked = (format!("{} {}", job.place, job.mark), self.clock.boot());
    }

    async fn take_glanced(&mut self, name: &str, glance: Glance, offer: Offer) {
        let job = Job {
            origin: name.to_owned(),
            action: offer.action.clone(),
            id: glance.id,
            name: glance.name,
            version: glance.version,
            place: offer.place.clone(),
            mark: offer.mark.clone(),
            offered: self.clock.wall().as_secs(),
            attempts: 0,
            is_switched: false,
        };
        self.take(job, offer).await;
    }
}

/// Heads under way.
pub(super) struct Glancing {
    origin: &'static str,
    /// What tells these offers from others.
    key: String,
    offers: Vec<Offer>,
    pub(super) halt: Halt,
    pub(super) done: oneshot::Receiver<Glances>,
}

/// What the heads say, in the order of the offers.
pub(super) type Glances = Vec<Result<Glance, Fault>>;

/// What tells sets of offers apart.
fn key(offers: &[Offer]) -> String {
    let keys: Vec<String> = offers.iter().map(|offer| format!("{} {}", offer.place, offer.mark)).collect();
    keys.join("\n")
}

fn pairs(record: &[u8]) -> Vec<(String, String)> {
    let value: Value = serde_json::from_slice(record).unwrap_or_default();
    let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    value.as_object().into_iter().flatten().filter_map(pair).collect()
}
