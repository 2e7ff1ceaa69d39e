//! A hawkBit server: asked over its Direct Device Integration API, told how every action goes.
//!
//! | step | resource |
//! |---|---|
//! | poll | `GET /` with `If-None-Match`; how long to sleep, what there is |
//! | attributes | `PUT /configData`, when the server asks or something has changed |
//! | an action | `GET /deploymentBase/ID`, `POST …/feedback` |
//! | a cancellation | `GET /cancelAction/ID`, `POST …/feedback` |
//! | consent | `GET /confirmationBase[/ID]`, `POST …/feedback`, `activateAutoConfirm`, `deactivateAutoConfirm` |
//! | what runs | `GET /installedBase/ID`, and `PUT /installedBase` when it came from elsewhere or was sent back |
//!
//! All below `URL/TENANT/controller/v1/CONTROLLER`. A bundle may be anywhere: the token goes with it only to the very
//! server it belongs to. Hashes that the server brings (SHA-256, MD5) are not looked at: the bundle proves itself, and
//! by somebody the server need not be. Neighbours: `wire` reads and writes the texts, `follow` asks and waits.

pub mod wire;

use edgekit_core::{Clock, Error, Exit, Paths};
use edgekit_http::header::{ACCEPT, AUTHORIZATION, ETAG, HeaderValue, IF_NONE_MATCH};
use edgekit_http::{Call, Client, Method, Retry, StatusCode, Url};
use edgekit_rt::BoxFuture;
use serde_json::{Value, json};

use super::config::{Attributes, Consent, Hawkbit};
use super::origin::{About, Heard, Kind, News, Offer, Origin, Trouble};
use super::rules::Hints;
use wire::{Base, Deployment, Handling, Link};

/// The origin of `[hawkbit]`.
pub(crate) struct Server {
    client: Client,
    /// Where everything is below.
    base: Url,
    token: Option<HeaderValue>,
    config: Hawkbit,
    clock: Clock,
    /// The last poll, for the next one.
    last: Option<(HeaderValue, Base)>,
    /// The action that was looked at last, which need not be fetched again.
    action: Option<(Link, Deployment)>,
    /// The request for consent that was answered.
    answered: Option<Link>,
    /// The cancellation that is to be answered.
    cancelling: Option<Link>,
}

impl Server {
    /// The origin of a configuration, if it names a server. `device` is what it is called where nothing else is said.
    ///
    /// # Errors
    /// An address, a name or a token that cannot be used.
    pub(crate) fn new(
        config: &Hawkbit,
        device: &str,
        client: &Client,
        paths: &Paths,
        clock: &Clock,
    ) -> Result<Option<Server>, Error> {
        let Some(url) = &config.url else { return Ok(None) };
        let wrong = |what: String| Error::new(Exit::CONFIG, what);
        let controller = config.controller.as_deref().unwrap_or(device);
        for (key, name) in [("tenant", config.tenant.as_str()), ("controller", controller)] {
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:~".contains(letter);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
                return Err(wrong(format!(
                    "[hawkbit] '{key}' is '{name}', which cannot be part of an address"
                ))
                .hint("it may hold letters, digits, '-', '_', '.', ':' and '~'"));
            }
        }
        let whole = format!("{}/{}/controller/v1/{controller}", url.trim_end_matches('/'), config.tenant);
        let base =
            Url::parse(&whole).map_err(|why| wrong(format!("[hawkbit] 'url' is no address: {why}")))?;
        for pair in &config.attributes {
            if pair.split_once('=').is_none_or(|(name, _)| name.is_empty()) {
                return Err(wrong(format!("[hawkbit] 'attributes' has '{pair}', which is not NAME=VALUE")));
            }
        }
        Ok(Some(Server {
            client: client.clone(),
            base,
            token: token(config, paths)?,
            config: config.clone(),
            clock: clock.clone(),
            last: None,
            action: None,
            answered: None,
            cancelling: None,
        }))
    }

    fn call(&self, method: Method, place: &str) -> Result<Call, Trouble> {
        let call = Call::new(method, &format!("{}{place}", self.base.absolute()))?;
        let call = call.header(ACCEPT, HeaderValue::from_static("application/hal+json, application/json"));
        Ok(match &self.token {
            Some(token) => call.header(AUTHORIZATION, token.clone()),
            None => call,
        })
    }

    /// One question, one answer: whoever asks in turns waits in between.
    async fn get(&self, place: &str) -> Result<Vec<u8>, Trouble> {
        let call = self.call(Method::GET, place)?;
        let answer = self.client.send(&call, &Retry::never()).await?.ok()?;
        Ok(answer.body.limit(wire::MAX).bytes().await?.to_vec())
    }

    async fn send(&self, method: Method, place: &str, body: &Value) -> Result<(), Trouble> {
        let call = self.call(method, place)?.json(body)?;
        // PUT and POST alike may be said twice here: the server only adds to its account.
        self.client.send(&call, &Retry::never()).await?.ok().map(drop).map_err(Trouble::from)
    }

    /// Polls; the same as before if the server says so.
    async fn poll(&mut self) -> Result<Base, Trouble> {
        let mut call = self.call(Method::GET, "")?;
        if let Some((etag, _)) = &self.last {
            call = call.header(IF_NONE_MATCH, etag.clone());
        }
        let answer = self.client.send(&call, &Retry::never()).await?;
        if answer.status == StatusCode::NOT_MODIFIED
            && let Some((_, base)) = &self.last
        {
            return Ok(base.clone());
        }
        let answer = answer.ok()?;
        let etag = answer.headers.get(ETAG).cloned();
        let bytes = answer.body.limit(wire::MAX).bytes().await?;
        let base = wire::base(&bytes).map_err(|why| self.nonsense(&why))?;
        self.last = etag.map(|etag| (etag, base.clone()));
        Ok(base)
    }

    fn nonsense(&self, why: &str) -> Trouble {
        Trouble::new(Kind::Nonsense, format!("hawkBit at '{}': {why}", self.base))
    }

    async fn look(&mut self, about: &About) -> Result<Heard, Trouble> {
        let base = self.poll().await?;
        let mut heard = Heard {
            again: self.config.every.or(base.sleep),
            watch: Some(self.config.watch),
            ..Heard::default()
        };
        heard.has_told = match self.tell_attributes(&base, about).await {
            // What a server cannot do with attributes is no reason to go without updates.
            Err(trouble) if trouble.kind != Kind::Denied => {
                tracing::info!(target: "ota", "hawkBit does not take the attributes: {}", trouble.why);
                false
            }
            told => told?,
        };
        if about.is_news && base.deployment.is_none() && base.cancel.is_none() && !base.has_confirmation {
            self.settle_installed(&base, about).await?;
            heard.knows_what_runs = true;
        }
        if let Some(link) = &base.cancel
            && let Some(stop) = here(self.get(&place("cancelAction", link)).await)?
        {
            heard.cancel = Some(wire::cancel(&stop).map_err(|why| self.nonsense(&why))?);
            self.cancelling = Some(link.clone());
        }
        if base.has_confirmation || self.config.auto_confirm.is_some() {
            heard.consent = self.consent(&base, about).await?;
        }
        let Some(link) = &base.deployment else {
            self.action = None;
            return Ok(heard);
        };
        let deployment = match &self.action {
            // The query changes with whatever the answer holds, so the same link is the same answer.
            Some((known, deployment)) if known == link && !link.query.is_empty() => deployment.clone(),
            // Withdrawn between the two questions.
            _ => match here(self.deployment(link).await)? {
                Some(deployment) => deployment,
                None => return Ok(heard),
            },
        };
        self.action = Some((link.clone(), deployment.clone()));
        heard.offers.push(self.offer(deployment)?);
        Ok(heard)
    }

    async fn deployment(&self, link: &Link) -> Result<Deployment, Trouble> {
        let mut there = place("deploymentBase", link);
        if self.config.history > 0 {
            let sign = if there.contains('?') { '&' } else { '?' };
            there.push_str(&format!("{sign}actionHistory={}", self.config.history));
        }
        let bytes = self.get(&there).await?;
        let deployment = wire::deployment(&bytes, "deployment").map_err(|why| self.nonsense(&why))?;
        if !deployment.history.is_empty() {
            let said = deployment.history.join("; ");
            tracing::info!(target: "ota", "hawkBit's action {} so far: {said}", deployment.id);
        }
        Ok(deployment)
    }

    fn offer(&self, deployment: Deployment) -> Result<Offer, Trouble> {
        let Deployment { id, download, update, window, bundles, others, .. } = deployment;
        let place = match bundles.as_slice() {
            [one] => {
                let url = self.base.join(&one.href).map_err(|why| {
                    self.nonsense(&format!(
                        "the address '{}' of '{}' makes no sense: {why}",
                        one.href, one.name
                    ))
                })?;
                Ok(url)
            }
            [] => Err(format!("of its {others} files none is a bundle: their names end in '.ekb'")),
            several => {
                let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
                Err(format!(
                    "it has {} bundles ({}): one may hold several components",
                    several.len(),
                    names.join(", ")
                ))
            }
        };
        let (place, login, is_sound) = match place {
            Ok(url) => {
                let login = self.token.clone().filter(|_| url.is_same_origin(&self.base));
                (url.absolute(), login, true)
            }
            // Told to the server as the end of the action, by whoever follows it.
            Err(why) => (why, None, false),
        };
        let hints = Hints { window, is_forced: download == Handling::Forced, ..Hints::default() };
        Ok(Offer {
            action: id,
            place,
            mark: String::new(),
            login,
            version: None,
            hints,
            may_write: is_sound && download != Handling::Skip,
            may_switch: is_sound && update != Handling::Skip,
            is_sound,
        })
    }

    /// Attributes are told when the server asks, and when they are not what it was told; true if they were. What is
    /// not told any more is taken back, unless everything is replaced in any case.
    async fn tell_attributes(&mut self, base: &Base, about: &About) -> Result<bool, Trouble> {
        if !base.wants_attributes && about.told == about.attributes {
            return Ok(false);
        }
        let gone = |(name, _): &&(String, String)| !about.attributes.iter().any(|(known, _)| known == name);
        let gone: Vec<_> = about.told.iter().filter(gone).cloned().collect();
        if self.config.attributes_mode == Attributes::Merge && !gone.is_empty() {
            self.send(Method::PUT, "/configData", &wire::attributes("remove", &gone)).await?;
        }
        let mode = self.config.attributes_mode.word();
        self.send(Method::PUT, "/configData", &wire::attributes(mode, &about.attributes)).await?;
        Ok(true)
    }

    /// A device that was updated by hand, or went back, says what it runs: the server would never offer that version
    /// to it again otherwise (hawkBit's issue 446).
    async fn settle_installed(&mut self, base: &Base, about: &About) -> Result<(), Trouble> {
        let Some((name, version)) = &about.runs else { return Ok(()) };
        if let Some(link) = &base.installed
            && let Some(bytes) = here(self.get(&place("installedBase", link)).await)?
        {
            let believed = wire::deployment(&bytes, "deployment").map_err(|why| self.nonsense(&why))?;
            if believed.parts.contains(&format!("{name} {version}")) {
                return Ok(());
            }
            let believed = believed.parts.join(", ");
            tracing::info!(target: "ota", "hawkBit believes in {believed}, and {name} {version} runs: it is told");
        }
        let body = json!({ "name": name, "version": version });
        match self.send(Method::PUT, "/installedBase", &body).await {
            // No such version there, or a server that does not know the resource: there is nothing to settle.
            Err(Trouble { kind: Kind::Gone | Kind::Nonsense, why, .. }) => {
                tracing::info!(target: "ota", "hawkBit does not take it that {name} {version} runs: {why}");
                Ok(())
            }
            other => other,
        }
    }

    /// The action that waits for a person, if one does.
    async fn consent(&mut self, base: &Base, about: &About) -> Result<Option<String>, Trouble> {
        let mut waits = base.confirmation.clone();
        if self.config.auto_confirm.is_some() || waits.is_none() {
            let Some(bytes) = here(self.get("/confirmationBase").await)? else { return Ok(None) };
            let (is_active, link) = wire::confirmation(&bytes).map_err(|why| self.nonsense(&why))?;
            waits = waits.or(link);
            match self.config.auto_confirm {
                Some(true) if !is_active => {
                    let body = json!({ "initiator": "edgekit", "remark": "as configured on the device" });
                    self.send(Method::POST, "/confirmationBase/activateAutoConfirm", &body).await?;
                }
                Some(false) if is_active => {
                    self.send(Method::POST, "/confirmationBase/deactivateAutoConfirm", &json!({})).await?;
                }
                _ => {}
            }
        }
        // A refusal does not end an action: the server goes on asking, and is answered once.
        let Some(link) = waits.filter(|link| self.answered.as_ref() != Some(link)) else { return Ok(None) };
        let said = about.consent.as_ref().filter(|(action, _)| *action == link.id).map(|(_, said)| *said);
        let consents = match (self.config.consent, said) {
            (Consent::Yes, _) | (Consent::Ask, Some(true)) => true,
            (Consent::No, _) | (Consent::Ask, Some(false)) => false,
            (Consent::Ask, None) => return Ok(Some(link.id)),
        };
        let Some(bytes) = here(self.get(&place("confirmationBase", &link)).await)? else { return Ok(None) };
        let what = wire::deployment(&bytes, "confirmation").map_err(|why| self.nonsense(&why))?;
        let word = if consents { "confirmed" } else { "denied" };
        tracing::info!(target: "ota", "hawkBit's action {} ({}) is {word}", link.id, what.parts.join(", "));
        let body = json!({ "confirmation": word, "details": ["as configured or told on the device"] });
        // Gone if somebody else was first.
        here(self.send(Method::POST, &format!("/confirmationBase/{}/feedback", link.id), &body).await)?;
        self.answered = Some(link);
        Ok(None)
    }

    async fn report(&mut self, action: &str, news: &News) -> Result<(), Trouble> {
        let at = u64::try_from(self.clock.wall().as_millis()).unwrap_or(u64::MAX);
        let resource = match news {
            News::Cancelled | News::TooLate(_) => "cancelAction",
            _ => "deploymentBase",
        };
        let there = match (&self.cancelling, resource) {
            (Some(link), "cancelAction") => format!("/cancelAction/{}/feedback", link.id),
            _ => format!("/{resource}/{action}/feedback"),
        };
        let body = wire::feedback(action, at, news);
        let sent = self.send(Method::POST, &there, &body).await;
        if sent.is_ok() && matches!(news, News::Closed { .. } | News::Cancelled) {
            // What is there now is something else, whatever its ETag.
            (self.last, self.action, self.cancelling) = (None, None, None);
        }
        sent
    }
}

impl Origin for Server {
    fn name(&self) -> &'static str {
        "hawkbit"
    }

    fn ask<'a>(&'a mut self, about: &'a About) -> BoxFuture<'a, Result<Heard, Trouble>> {
        Box::pin(self.look(about))
    }

    fn tell<'a>(&'a mut self, action: &'a str, news: &'a News) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(self.report(action, news))
    }

    fn keeps_account(&self) -> bool {
        true
    }
}

/// What went away between two questions is no trouble.
fn here<T>(answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match answer {
        Err(Trouble { kind: Kind::Gone, .. }) => Ok(None),
        other => other.map(Some),
    }
}

fn place(resource: &str, Link { id, query }: &Link) -> String {
    match query.as_str() {
        "" => format!("/{resource}/{id}"),
        query => format!("/{resource}/{id}?{query}"),
    }
}

/// The word a server believes us by, read from the file it is in.
fn token(config: &Hawkbit, paths: &Paths) -> Result<Option<HeaderValue>, Error> {
    let (kind, file) = match (&config.target_token_file, &config.gateway_token_file) {
        (Some(_), Some(_)) => {
            let what = "[hawkbit] has both 'target_token_file' and 'gateway_token_file'";
            return Err(Error::new(Exit::CONFIG, what)
                .hint("a device has its own token, or speaks by that of a gateway"));
        }
        (Some(file), None) => ("TargetToken", file),
        (None, Some(file)) => ("GatewayToken", file),
        (None, None) => return Ok(None),
    };
    let secret = file.read(paths)?;
    let mut bytes = format!("{kind} ").into_bytes();
    bytes.extend_from_slice(secret.bytes());
    let value = HeaderValue::from_bytes(&bytes);
    let mut value = value
        .map_err(|_| Error::new(Exit::CONFIG, "[hawkbit] the file of the token holds what no header may"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
