//! What a hawkBit server says, read; what it is told, written. Bytes in, values out.
//!
//! The shapes are those of hawkBit's `hawkbit-ddi-api` (classes `DdiControllerBase`, `DdiDeploymentBase`, `DdiCancel`,
//! `DdiConfirmationBase`, `DdiActionFeedback`, `DdiConfigData`, `DdiAssignedVersion`). Of a link only the number of
//! the action and its query are taken, and the address is made from the configured one: a server behind a proxy may
//! not know its own name, and a token must never go where somebody else's text points. JSON only: every server speaks
//! it, and CBOR would save some hundred bytes an hour for a second codec.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::origin::News;

/// Bytes of an answer.
pub(super) const MAX: u64 = 4 << 20;
/// Links, artifacts and messages that are looked at.
const MANY: usize = 1024;
/// Characters of one message that hawkBit keeps.
const MESSAGE: usize = 512;
/// Shortest and longest sleep that is believed.
const SLEEP: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30 * 86_400));

/// A thing on the server: the number of an action, and what belongs behind `?`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Letters, digits, `-` and `_`.
    pub id: String,
    /// Empty without.
    pub query: String,
}

/// What the server has for this device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Base {
    /// How long to sleep until the next question.
    pub sleep: Option<Duration>,
    /// It wants to be told the attributes.
    pub wants_attributes: bool,
    /// An action to be done.
    pub deployment: Option<Link>,
    /// An action to be stopped.
    pub cancel: Option<Link>,
    /// An action that waits for consent.
    pub confirmation: Option<Link>,
    /// There is a resource about consent.
    pub has_confirmation: bool,
    /// The last action that it believes to be installed.
    pub installed: Option<Link>,
}

/// How much of an action is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// Not now.
    Skip,
    /// When the device likes.
    Attempt,
    /// Whatever the device likes.
    Forced,
}

/// A file of a deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Where it is, as the server says it.
    pub href: String,
}

/// An action to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deployment {
    /// Its number.
    pub id: String,
    /// Fetching and writing.
    pub download: Handling,
    /// Switching to it.
    pub update: Handling,
    /// Whether the maintenance window is open, where there is one.
    pub window: Option<bool>,
    /// Names and versions of its parts.
    pub parts: Vec<String>,
    /// All files that end in `.ekb`.
    pub bundles: Vec<Artifact>,
    /// All other files.
    pub others: usize,
    /// What was said of it before, the latest first.
    pub history: Vec<String>,
}

fn read(bytes: &[u8]) -> Result<Value, String> {
    match serde_json::from_slice(bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("the answer is not an object of JSON".to_owned()),
        Err(error) => Err(format!("the answer is not JSON: {error}")),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().take(MANY)
}

/// Numbers are written as text by hawkBit and as numbers by others.
fn id(value: &Value, key: &str) -> Result<String, String> {
    let found = match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    is_id(&found).then_some(found).ok_or_else(|| format!("the answer has no '{key}' that names an action"))
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn href<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get("_links")?.get(name)?.get("href")?.as_str()
}

/// `…/RELATION/ID?QUERY`.
fn link(value: &Value, relation: &str) -> Option<Link> {
    let href = href(value, relation)?;
    let (path, query) = href.split_once('?').unwrap_or((href, ""));
    let id = path.trim_end_matches('/').rsplit('/').next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=&%".contains(&byte);
    let query = match query.len() <= 256 && query.bytes().all(is_plain) {
        true => query.to_owned(),
        false => String::new(),
    };
    (is_id(id) && id != relation).then(|| Link { id: id.to_owned(), query })
}

/// `12:00:00`: hours may be many.
fn sleep(text: &str) -> Option<Duration> {
    let mut total = 0u64;
    let mut parts = 0;
    for part in text.split(':') {
        let fits = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        total = total * 60 + part.parse::<u64>().ok().filter(|_| fits)?;
        parts += 1;
    }
    (parts == 3).then(|| Duration::from_secs(total).clamp(SLEEP.0, SLEEP.1))
}

/// Reads the answer to a poll.
///
/// # Errors
/// What is wrong with it, in words.
pub fn base(bytes: &[u8]) -> Result<Base, String> {
    let value = read(bytes)?;
    let polling = value.get("config").and_then(|config| config.get("polling"));
    Ok(Base {
        sleep: polling.and_then(|polling| sleep(text(polling, "sleep"))),
        wants_attributes: href(&value, "configData").is_some(),
        deployment: link(&value, "deploymentBase"),
        cancel: link(&value, "cancelAction"),
        confirmation: link(&value, "confirmationBase"),
        has_confirmation: href(&value, "confirmationBase").is_some(),
        installed: link(&value, "installedBase"),
    })
}

fn handling(value: &Value, key: &str) -> Handling {
    match text(value, key) {
        "forced" => Handling::Forced,
        "attempt" => Handling::Attempt,
        // What is not said, or not known, is not done.
        _ => Handling::Skip,
    }
}

/// Reads an action; `key` is `deployment`, or `confirmation` of one that waits for consent.
///
/// # Errors
/// As [`base`].
pub fn deployment(bytes: &[u8], key: &str) -> Result<Deployment, String> {
    let value = read(bytes)?;
    let id = id(&value, "id")?;
    let plan = value.get(key).ok_or_else(|| format!("the answer has no '{key}'"))?;
    let (mut parts, mut bundles, mut others) = (Vec::new(), Vec::new(), 0);
    for chunk in list(plan, "chunks") {
        parts.push(format!("{} {}", text(chunk, "name"), text(chunk, "version")));
        for artifact in list(chunk, "artifacts") {
            let name = text(artifact, "filename").to_owned();
            let href = href(artifact, "download").or_else(|| href(artifact, "download-http"));
            match href.filter(|_| name.ends_with(".ekb")) {
                Some(href) => bundles.push(Artifact { name, href: href.to_owned() }),
                None => others += 1,
            }
        }
    }
    let window = match text(plan, "maintenanceWindow") {
        "available" => Some(true),
        "unavailable" => Some(false),
        _ => None,
    };
    let history = value.get("actionHistory").unwrap_or(&Value::Null);
    let history = list(history, "messages").filter_map(Value::as_str).map(str::to_owned).collect();
    let (download, update) = (handling(plan, "download"), handling(plan, "update"));
    Ok(Deployment { id, download, update, window, parts, bundles, others, history })
}

/// Reads which action is to be stopped.
///
/// # Errors
/// As [`base`].
pub fn cancel(bytes: &[u8]) -> Result<String, String> {
    let value = read(bytes)?;
    id(value.get("cancelAction").unwrap_or(&Value::Null), "stopId")
}

/// Reads what is known about consent: whether the server consents by itself, and what waits.
///
/// # Errors
/// As [`base`].
pub fn confirmation(bytes: &[u8]) -> Result<(bool, Option<Link>), String> {
    let value = read(bytes)?;
    let is_active = value.get("autoConfirm").and_then(|auto| auto.get("active")).and_then(Value::as_bool);
    Ok((is_active.unwrap_or(false), link(&value, "confirmationBase")))
}

/// A message as short as it is kept.
fn short(text: &str) -> String {
    text.chars().take(MESSAGE).collect()
}

/// The feedback that says `news` of an action; `at_ms` is milliseconds since 1970.
pub(crate) fn feedback(id: &str, at_ms: u64, news: &News) -> Value {
    let (execution, finished, details) = match news {
        News::Scheduled(why) => ("scheduled", "none", vec![short(why)]),
        News::Download(percent) => ("download", "none", vec![format!("Downloaded {percent}%")]),
        News::Downloaded => ("downloaded", "none", vec!["written and proven".to_owned()]),
        News::Resumed(how) => ("resumed", "none", vec![short(how)]),
        News::Proceeding(what) => ("proceeding", "none", vec![short(what)]),
        News::Closed { is_good, details, .. } => {
            let finished = if *is_good { "success" } else { "failure" };
            ("closed", finished, details.iter().take(50).map(|detail| short(detail)).collect())
        }
        // Closed, not "canceled": only that ends it (hawkBit's issue 952).
        News::Cancelled => ("closed", "success", vec!["stopped; what runs is as it was".to_owned()]),
        News::TooLate(why) => ("rejected", "none", vec![short(why)]),
    };
    let mut result = json!({ "finished": finished });
    if let News::Download(percent) = news {
        result["progress"] = json!({ "cnt": percent, "of": 100 });
    }
    let mut status = json!({ "execution": execution, "result": result, "details": details });
    if let News::Closed { code, .. } = news {
        status["code"] = json!(code);
    }
    // The number in the body is for servers before 0.3; the others pass over it.
    json!({ "id": id, "timestamp": at_ms, "status": status })
}

/// The message that tells attributes.
pub(crate) fn attributes(mode: &str, pairs: &[(String, String)]) -> Value {
    let data = pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    json!({ "mode": mode, "data": Value::Object(data) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_says_what_there_is() {
        let text = r#"{"config":{"polling":{"sleep":"12:00:30"}},"_links":{
            "deploymentBase":{"href":"https://elsewhere.example/T/controller/v1/gw/deploymentBase/8?c=-2127183556"},
            "configData":{"href":"https://h/T/controller/v1/gw/configData"},
            "installedBase":{"href":"https://h/T/controller/v1/gw/installedBase/7"}}}"#;
        let base = base(text.as_bytes()).expect("an answer");
        assert_eq!(base.sleep, Some(Duration::from_secs(12 * 3_600 + 30)));
        assert_eq!(base.deployment, Some(Link { id: "8".to_owned(), query: "c=-2127183556".to_owned() }));
        assert!(base.wants_attributes && base.cancel.is_none() && !base.has_confirmation);
        assert_eq!(base.installed.map(|link| link.id).as_deref(), Some("7"));
    }

    #[test]
    fn nothing_of_a_foreign_text_becomes_an_address() {
        for (href, wanted) in [
            ("/a/cancelAction/-1", Some(("-1", ""))),
            ("https://h/x/cancelAction/12/?c=1", Some(("12", "c=1"))),
            ("https://h/x/cancelAction/12?c=1#/../..", Some(("12", ""))),
            ("https://h/x/cancelAction/..%2f", None),
            ("https://h/x/cancelAction/a b", None),
            ("https://h/x/cancelAction", None),
            ("", None),
        ] {
            let text = json!({ "_links": { "cancelAction": { "href": href } } }).to_string();
            let found = base(text.as_bytes()).expect("an answer").cancel;
            let wanted = wanted.map(|(id, query)| Link { id: id.to_owned(), query: query.to_owned() });
            assert_eq!(found, wanted, "{href}");
        }
    }

    #[test]
    fn a_sleep_is_bounded() {
        for (text, seconds) in [
            ("00:05:00", Some(300)),
            ("00:00:00", Some(1)),
            ("9999:00:00", Some(30 * 86_400)),
            ("5", None),
            ("00:05", None),
            ("::", None),
            ("-1:00:00", None),
            ("00:00:00:00", None),
        ] {
            assert_eq!(sleep(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn an_action_says_how_and_what() {
        let text = r#"{"id":"8","deployment":{"download":"forced","update":"skip","maintenanceWindow":"unavailable","chunks":[
            {"part":"os","version":"1.5","name":"gw","artifacts":[
              {"filename":"gw.ekb","size":11,"hashes":{"sha256":"00"},"_links":{"download-http":{"href":"http://cdn/gw.ekb"}}},
              {"filename":"note.txt","_links":{"download":{"href":"https://cdn/note.txt"}}},
              {"filename":"no.ekb","_links":{}}]}]},
            "actionHistory":{"status":"RUNNING","messages":["Reboot"]}}"#;
        let told = deployment(text.as_bytes(), "deployment").expect("an answer");
        assert_eq!(
            (told.download, told.update, told.window),
            (Handling::Forced, Handling::Skip, Some(false))
        );
        assert_eq!(
            told.bundles,
            [Artifact { name: "gw.ekb".to_owned(), href: "http://cdn/gw.ekb".to_owned() }]
        );
        assert_eq!(
            (told.others, told.parts, told.history),
            (2, vec!["gw 1.5".to_owned()], vec!["Reboot".to_owned()])
        );
        let number = r#"{"id":3,"deployment":{"download":"attempt","update":"someday"}}"#;
        let told = deployment(number.as_bytes(), "deployment").expect("an answer");
        assert_eq!((told.id.as_str(), told.download, told.update), ("3", Handling::Attempt, Handling::Skip));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for bytes in [&b""[..], b"null", b"[]", b"{", b"\xff"] {
            assert!(base(bytes).is_err());
            assert!(cancel(bytes).is_err() && confirmation(bytes).is_err());
            assert!(deployment(bytes, "deployment").is_err());
        }
        assert_eq!(cancel(b"{}").expect_err("nothing"), "the answer has no 'stopId' that names an action");
        assert_eq!(base(b"{}"), Ok(Base::default()));
        let evil = br#"{"id":"../../x","deployment":{}}"#;
        assert!(deployment(evil, "deployment").is_err());
        assert_eq!(
            deployment(br#"{"id":"1"}"#, "deployment").expect_err("no plan"),
            "the answer has no 'deployment'"
        );
    }

    #[test]
    fn consent_is_read() {
        let text = r#"{"autoConfirm":{"active":true},"_links":{"confirmationBase":{"href":"http://h/confirmationBase/10?c=-2"}}}"#;
        let (is_active, waits) = confirmation(text.as_bytes()).expect("an answer");
        assert!(is_active);
        assert_eq!(waits, Some(Link { id: "10".to_owned(), query: "c=-2".to_owned() }));
    }

    #[test]
    fn every_word_of_feedback_is_one_of_the_servers() {
        let closed = |is_good| News::Closed { is_good, code: 65, details: vec!["é".repeat(600)] };
        for (news, execution, finished) in [
            (News::Scheduled("w".to_owned()), "scheduled", "none"),
            (News::Download(37), "download", "none"),
            (News::Downloaded, "downloaded", "none"),
            (News::Resumed("r".to_owned()), "resumed", "none"),
            (News::Proceeding("p".to_owned()), "proceeding", "none"),
            (closed(true), "closed", "success"),
            (closed(false), "closed", "failure"),
            (News::Cancelled, "closed", "success"),
            (News::TooLate("t".to_owned()), "rejected", "none"),
        ] {
            let told = feedback("8", 1_627_997_501_890, &news);
            assert_eq!(told["status"]["execution"], execution);
            assert_eq!(told["status"]["result"]["finished"], finished);
            assert_eq!(told["timestamp"], 1_627_997_501_890u64);
            let details = told["status"]["details"].as_array().expect("details");
            assert!(details.iter().all(|text| text.as_str().is_some_and(|text| text.chars().count() <= 512)));
        }
        let told = feedback("8", 0, &News::Download(37));
        assert_eq!(told["status"]["result"]["progress"], json!({ "cnt": 37, "of": 100 }));
        assert_eq!(feedback("8", 0, &closed(false))["status"]["code"], 65);
    }
}
