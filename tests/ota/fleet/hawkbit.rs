//! A hawkBit server of one device and one action at a time, as its `DdiRootController` answers, that does what a test
//! says and keeps what it was told. Beside it stands a server of bundles, on a port and so an origin of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// How far an action is, as hawkBit sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Waiting,
    Running,
    Canceling,
    Ended,
}

/// What the server knows.
pub(super) struct Desk {
    pub(super) action: u32,
    pub(super) stage: Stage,
    pub(super) download: &'static str,
    pub(super) update: &'static str,
    pub(super) window: Option<&'static str>,
    pub(super) wants_attributes: bool,
    pub(super) consents: bool,
    pub(super) token: String,
    /// Every request but those for bundles: method and path, and the body.
    pub(super) seen: Vec<(String, Value)>,
    /// `Authorization` of requests for bundles.
    pub(super) words: Vec<Option<String>>,
    /// Paths that hold this are answered with this status, so often.
    pub(super) faults: Vec<(String, u16, u32)>,
    /// Names of the files of the action.
    pub(super) files: Vec<String>,
    pub(super) bundle: Vec<u8>,
    /// Time between two pieces of 16 KiB.
    pub(super) slow: Duration,
    /// Bytes of bundles that were sent.
    pub(super) sent: u64,
    /// What it believes to be installed.
    pub(super) installed: Option<String>,
    /// How bundles are fetched: `http` or `https`.
    scheme: &'static str,
}

pub(super) struct Hawkbit {
    pub(super) address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
}

impl Hawkbit {
    /// With nothing to do yet. Bundles are beside it, or on the same server.
    pub(super) fn start(bundle: Vec<u8>, is_beside: bool) -> Hawkbit {
        Hawkbit::open(bundle, is_beside, None)
    }

    /// The same with TLS, for those who prove themselves as these settings want; bundles are on the same server.
    pub(super) fn start_secure(bundle: Vec<u8>, settings: Arc<ServerConfig>) -> Hawkbit {
        Hawkbit::open(bundle, false, Some(settings))
    }

    fn open(bundle: Vec<u8>, is_beside: bool, tls: Option<Arc<ServerConfig>>) -> Hawkbit {
        let desk = Desk {
            action: 0,
            stage: Stage::Ended,
            download: "forced",
            update: "forced",
            window: None,
            wants_attributes: false,
            consents: false,
            token: "TargetToken secret".to_owned(),
            seen: Vec::new(),
            words: Vec::new(),
            faults: Vec::new(),
            files: vec!["gw.ekb".to_owned()],
            bundle,
            slow: Duration::ZERO,
            sent: 0,
            installed: None,
            scheme: if tls.is_some() { "https" } else { "http" },
        };
        let desk = Arc::new(Mutex::new(desk));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let beside = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let bundles = if is_beside { beside.local_addr().expect("an address") } else { address };
        for listener in [listener, beside] {
            let (desk, tls) = (Arc::clone(&desk), tls.clone());
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (desk, tls) = (Arc::clone(&desk), tls.clone());
                    thread::spawn(move || match tls {
                        Some(tls) => {
                            let connection = ServerConnection::new(tls).expect("a connection");
                            // Who does not prove itself ends at the first read.
                            serve(&mut StreamOwned::new(connection, stream), &desk, bundles);
                        }
                        None => serve(&mut &stream, &desk, bundles),
                    });
                }
            });
        }
        Hawkbit { address, desk }
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("nobody failed")
    }

    /// Assigns the bundle; the number of the action.
    pub(super) fn assign(&self) -> u32 {
        let mut desk = self.desk();
        desk.action += 1;
        desk.stage = Stage::Running;
        desk.action
    }

    /// Every feedback of a resource: its execution and how it finished, and its details.
    pub(super) fn feedback(&self, resource: &str) -> Vec<(String, String, String)> {
        let desk = self.desk();
        let of = desk.seen.iter().filter(|(what, _)| what.starts_with("POST") && what.contains(resource));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        of.map(|(_, body)| {
            let status = &body["status"];
            (text(&status["execution"]), text(&status["result"]["finished"]), status["details"].to_string())
        })
        .collect()
    }

    /// The bodies of all requests whose method and path begin so.
    pub(super) fn bodies(&self, what: &str) -> Vec<Value> {
        let desk = self.desk();
        desk.seen.iter().filter(|(seen, _)| seen.starts_with(what)).map(|(_, body)| body.clone()).collect()
    }
}

/// A connection, open or closed to others.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

fn serve(stream: &mut dyn Stream, desk: &Mutex<Desk>, bundles: SocketAddr) {
    let Some(Request { method, path, authorization, range, body }) = read(stream) else { return };
    if path.starts_with("/bundles/") {
        // A client that has heard enough leaves.
        let _left = bundle(stream, desk, &path, authorization, range);
        return;
    }
    let (status, answer) = {
        let mut desk = desk.lock().expect("nobody failed");
        let short = path.split('?').next().unwrap_or_default().replace("/DEFAULT/controller/v1/gw-17", "");
        let fault =
            desk.faults.iter_mut().find(|fault| short.contains(&fault.0) && fault.2 > 0).map(|fault| {
                fault.2 -= 1;
                fault.1
            });
        if fault.is_none() {
            desk.seen.push((format!("{method} {short}"), body.clone()));
        }
        match (fault, authorization) {
            (Some(status), _) => (status, Value::Null),
            (None, word) if word.as_deref().unwrap_or_default() == desk.token => {
                answer(&mut desk, &method, &short, &body, bundles)
            }
            _ => (401, Value::Null),
        }
    };
    let text = if answer.is_null() { String::new() } else { answer.to_string() };
    let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    let _left = stream.write_all(format!("{head}{text}").as_bytes());
}

struct Request {
    method: String,
    path: String,
    authorization: Option<String>,
    range: Option<(usize, Option<usize>)>,
    body: Value,
}

fn read(stream: &mut dyn Stream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let path = rest.split(' ').next()?.to_owned();
    let (mut length, mut authorization, mut range) = (0, None, None);
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        let Some((name, value)) = field.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            "range" => {
                let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
                range = Some((first.parse().ok()?, last.parse().ok()));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Request { method: method.to_owned(), path, authorization, range, body })
}

/// The resources below the controller.
fn answer(desk: &mut Desk, method: &str, path: &str, body: &Value, bundles: SocketAddr) -> (u16, Value) {
    let id = desk.action.to_string();
    // Names nobody can reach: what counts is the number.
    let link =
        |what: &str| json!({ "href": format!("http://internal.invalid/{what}/{id}?c={}", desk.etag()) });
    match (method, path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice()) {
        ("GET", [""]) => {
            let mut links = json!({});
            match desk.stage {
                Stage::Waiting => links["confirmationBase"] = link("confirmationBase"),
                Stage::Running => links["deploymentBase"] = link("deploymentBase"),
                Stage::Canceling => links["cancelAction"] = link("cancelAction"),
                Stage::Ended => {}
            }
            if desk.wants_attributes {
                links["configData"] = json!({ "href": "http://internal.invalid/configData" });
            }
            if desk.installed.is_some() {
                links["installedBase"] = json!({ "href": "http://internal.invalid/installedBase/1" });
            }
            (200, json!({ "config": { "polling": { "sleep": "00:00:01" } }, "_links": links }))
        }
        ("PUT", ["configData"]) => {
            desk.wants_attributes = false;
            (200, Value::Null)
        }
        ("GET", ["deploymentBase", _]) if desk.stage == Stage::Running => {
            (200, desk.plan("deployment", bundles))
        }
        ("GET", ["confirmationBase", _]) if desk.stage == Stage::Waiting => {
            (200, desk.plan("confirmation", bundles))
        }
        ("GET", ["cancelAction", _]) if desk.stage == Stage::Canceling => {
            (200, json!({ "id": id, "cancelAction": { "stopId": id } }))
        }
        ("GET", ["confirmationBase"]) => {
            (200, json!({ "autoConfirm": { "active": desk.consents }, "_links": {} }))
        }
        ("GET", ["installedBase", _]) => {
            let (name, version) = ("gw", desk.installed.clone());
            (200, json!({ "id": "1", "deployment": { "chunks": [{ "name": name, "version": version }] } }))
        }
        ("POST", ["deploymentBase", action, "feedback"]) => {
            if *action != id || desk.stage == Stage::Ended {
                return (410, Value::Null);
            }
            if body["status"]["execution"] == "closed" {
                desk.stage = Stage::Ended;
            }
            (200, Value::Null)
        }
        ("POST", ["cancelAction", _, "feedback"]) => {
            match body["status"]["execution"].as_str() {
                Some("closed") => desk.stage = Stage::Ended,
                Some("rejected") => desk.stage = Stage::Running,
                _ => {}
            }
            (200, Value::Null)
        }
        ("POST", ["confirmationBase", "activateAutoConfirm"]) => {
            desk.consents = true;
            (200, Value::Null)
        }
        ("POST", ["confirmationBase", "deactivateAutoConfirm"]) => {
            desk.consents = false;
            (200, Value::Null)
        }
        ("POST", ["confirmationBase", _, "feedback"]) => {
            if body["confirmation"] == "confirmed" {
                desk.stage = Stage::Running;
            }
            (200, Value::Null)
        }
        ("PUT", ["installedBase"]) => {
            desk.installed = body["version"].as_str().map(str::to_owned);
            (201, Value::Null)
        }
        _ => (404, Value::Null),
    }
}

impl Desk {
    /// Changes with what the answer holds.
    fn etag(&self) -> String {
        format!("-{}{}{}", self.download.len(), self.update.len(), self.window.map_or(0, str::len))
    }

    fn plan(&self, key: &str, bundles: SocketAddr) -> Value {
        let file = |name: &String| {
            let href = json!({ "href": format!("{}://{bundles}/bundles/{name}", self.scheme) });
            json!({
                "filename": name, "size": self.bundle.len(),
                "hashes": { "sha1": "00", "md5": "00", "sha256": "0000" },
                "_links": { "download-http": href, "md5sum-http": href },
            })
        };
        let files: Vec<Value> = self.files.iter().map(file).collect();
        let chunk = json!({ "part": "os", "name": "gw", "version": "1.5", "artifacts": files });
        let mut plan = json!({ "download": self.download, "update": self.update, "chunks": [chunk] });
        if let Some(window) = self.window {
            plan["maintenanceWindow"] = json!(window);
        }
        let mut value = json!({ "id": self.action.to_string() });
        value[key] = plan;
        value
    }
}

fn bundle(
    stream: &mut dyn Stream,
    desk: &Mutex<Desk>,
    path: &str,
    authorization: Option<String>,
    range: Option<(usize, Option<usize>)>,
) -> std::io::Result<()> {
    let (bundle, fault) = {
        let mut desk = desk.lock().expect("nobody failed");
        desk.words.push(authorization);
        let fault = desk.faults.iter_mut().find(|fault| path.contains(&fault.0) && fault.2 > 0);
        let fault = fault.map(|fault| {
            fault.2 -= 1;
            fault.1
        });
        (desk.bundle.clone(), fault)
    };
    if let Some(status) = fault {
        return stream.write_all(format!("HTTP/1.1 {status} -\r\ncontent-length: 0\r\n\r\n").as_bytes());
    }
    let total = bundle.len();
    let (first, last) = range.unwrap_or((0, None));
    let last = last.unwrap_or(total - 1).min(total - 1);
    let body = &bundle[first.min(last)..=last];
    let status = match range {
        Some(_) => format!("206 -\r\ncontent-range: bytes {first}-{last}/{total}"),
        None => "200 -".to_owned(),
    };
    let head = format!("HTTP/1.1 {status}\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    for piece in body.chunks(16 << 10) {
        stream.write_all(piece)?;
        let slow = {
            let mut desk = desk.lock().expect("nobody failed");
            desk.sent += piece.len() as u64;
            desk.slow
        };
        thread::sleep(slow);
    }
    Ok(())
}
