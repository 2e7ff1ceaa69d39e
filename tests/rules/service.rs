//! The rules service as a process, in a scratch directory of its own.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use edgekit_core::Clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Said, Scratch, binary, say};

/// How long anything may take: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running service; ended by its process id.
pub(super) struct Service {
    pub(super) child: Child,
    pub(super) scratch: Scratch,
    notify: UnixDatagram,
}

impl Service {
    /// A service over these files of rules, ready.
    pub(super) fn start(files: &[(&str, &str)]) -> Service {
        Service::configured("", files)
    }

    /// With a `rules.toml`.
    pub(super) fn configured(config: &str, files: &[(&str, &str)]) -> Service {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.join("rules")).expect("a folder of rules");
        fs::write(scratch.join("rules.toml"), config).expect("written");
        for (name, text) in files {
            fs::write(scratch.join("rules").join(name), text).expect("written");
        }
        let service = Service::within(scratch);
        service.is_ready();
        service
    }

    /// Starts one over what is in `scratch`.
    pub(super) fn within(scratch: Scratch) -> Service {
        let socket = scratch.join("notify");
        drop(fs::remove_file(&socket));
        let notify = UnixDatagram::bind(&socket).expect("a socket to be told by");
        notify.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let log = fs::OpenOptions::new().create(true).append(true).open(scratch.join("log")).expect("a log");
        let child = edgekit(&scratch, &["rules", "run"])
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the service starts");
        Service { child, scratch, notify }
    }

    #[track_caller]
    pub(super) fn is_ready(&self) {
        let mut bytes = [0; 512];
        let length = self.notify.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        assert!(bytes[..length].starts_with(b"READY=1"), "{}", self.log());
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.scratch.join("log")).unwrap_or_default()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("it is there");
    }

    /// Waits for its end; gives the scratch directory back.
    #[track_caller]
    pub(super) fn ended(mut self) -> (Option<i32>, Scratch) {
        let code = until(|| self.child.try_wait().expect("it can be waited for")).code();
        // The rest of it goes with its directory taken out.
        let scratch = std::mem::replace(&mut self.scratch, Scratch::new());
        (code, scratch)
    }

    /// Writes a rule's file the way an editor does: beside it, then over it.
    pub(super) fn edit(&self, name: &str, text: &str) {
        let beside = self.scratch.join("new");
        fs::write(&beside, text).expect("written");
        fs::rename(beside, self.scratch.join("rules").join(name)).expect("renamed");
    }

    pub(super) fn edgekit(&self, arguments: &[&str]) -> Said {
        say(&mut edgekit(&self.scratch, arguments))
    }

    /// Sends events; gives the answer.
    #[track_caller]
    pub(super) fn send(&self, topic: &str, events: impl IntoIterator<Item = Value>) -> Value {
        let lines: String =
            events.into_iter().map(|data| format!("{}\n", json!({ "topic": topic, "data": data }))).collect();
        self.post(lines.as_bytes())
    }

    #[track_caller]
    pub(super) fn post(&self, body: &[u8]) -> Value {
        let mut stream = UnixStream::connect(self.bus()).expect("the bus listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let head = format!(
            "POST /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        stream.write_all(body).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    pub(super) fn bus(&self) -> PathBuf {
        self.scratch.join("rules.bus")
    }

    /// What the service says of itself.
    #[track_caller]
    pub(super) fn status(&self) -> Value {
        let said = self.edgekit(&["status", "rules", "--json"]).ends(0);
        let value: Value = serde_json::from_str(&said.out).expect("JSON");
        value["services"][0]["detail"].clone()
    }

    /// What a rule did, by `list`.
    #[track_caller]
    pub(super) fn rule(&self, name: &str) -> Value {
        let said = self.edgekit(&["rules", "list", "--json"]).ends(0);
        let rules = said.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        rules.into_iter().find(|rule| rule["name"] == name).unwrap_or(Value::Null)
    }

    /// The metrics of the process.
    pub(super) fn metrics(&self) -> String {
        let mut stream = UnixStream::connect(self.scratch.join("rules.sock")).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Waits until the log has `piece`.
    #[track_caller]
    pub(super) fn logs(&self, piece: &str) {
        let begin = Clock::system().monotonic();
        while !self.log().contains(piece) {
            let waited = Clock::system().monotonic().saturating_sub(begin);
            assert!(waited < PATIENCE, "'{piece}' is not in the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `edgekit ARGUMENTS` with all places in `scratch`.
pub(super) fn edgekit(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(scratch.path());
    for place in ["RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY", "STATE_DIRECTORY"] {
        command.env(place, scratch.path());
    }
    command
}

/// Waits until there is something.
#[track_caller]
pub(super) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Clock::system().monotonic();
    loop {
        if let Some(found) = look() {
            return found;
        }
        let waited = Clock::system().monotonic().saturating_sub(begin);
        assert!(waited < PATIENCE, "it does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const COUNT: &str = r#"
rule {
  name = "count", inputs = { "app.n" }, outputs = { "ten" }, capabilities = { "log", "metric" },
  state = { n = 0 },
  on = function(event, ctx)
    ctx.state.n += 1
    metric.count("seen", 1, { kind = event.kind or "none" })
    if ctx.state.n % 10 == 0 then return { n = ctx.state.n } end
  end,
}
rule {
  name = "tell", inputs = { "ten" }, capabilities = { "log", "publish" },
  on = function(event)
    log.warn("ten more", { n = event.n })
    publish("app.ten", { n = event.n })
  end,
}
"#;

#[test]
fn an_event_goes_in_and_an_action_comes_out() {
    let service = Service::start(&[("count.luau", COUNT)]);
    let mut watcher = edgekit(&service.scratch, &["rules", "watch", "--only", "action", "--json"]);
    let mut watcher = watcher.stdout(Stdio::piped()).spawn().expect("it starts");
    until(|| (service.status()["watchers"] == 1).then_some(()));
    let answer = service.send("app.n", (0..10).map(|number| json!({ "kind": "a", "number": number })));
    assert_eq!(answer, json!({ "accepted": 10, "refused": 0, "errors": [] }));
    service.logs("ten more");
    until(|| (service.rule("tell")["in"] == 1).then_some(()));
    let count = service.rule("count");
    assert_eq!((&count["in"], &count["out"], &count["errors"]), (&json!(10), &json!(1), &json!(0)));
    assert!(count["p99_ns"].as_u64() > Some(0) && count["line"] == 2, "{count}");
    let text = service.edgekit(&["rules", "list"]).ends(0).out;
    assert!(text.starts_with("RULE ") && text.lines().count() == 3, "{text}");
    let metrics = until(|| {
        Some(service.metrics()).filter(|text| text.contains("rules_events_in_total{rule=\"tell\"} 1"))
    });
    assert!(metrics.contains("rule_seen_total{kind=\"a\"} 10\n"), "{metrics}");
    assert!(
        metrics.contains("edgekit_rules_actions_total{action=\"publish\",outcome=\"done\"} 1\n"),
        "{metrics}"
    );
    // The end of the service ends its watchers; what they saw until then is theirs.
    service.signal(Signal::TERM);
    let mut seen = String::new();
    watcher.stdout.take().expect("a pipe").read_to_string(&mut seen).expect("it ends");
    assert_eq!(watcher.wait().expect("it ends").code(), Some(1));
    let publish =
        seen.lines().find(|line| line.contains("\"do\":\"publish\"")).unwrap_or_else(|| panic!("{seen}"));
    let publish: Value = serde_json::from_str(publish).expect("JSON");
    assert_eq!(publish["schema"], "edgekit.rules.watch/1");
    assert_eq!(publish["action"]["payload"]["n"], 10);
    let (code, scratch) = service.ended();
    assert_eq!(code, Some(0));
    assert!(!scratch.join("rules.bus").exists() && !scratch.join("rules.sock").exists());
}

#[test]
fn what_is_no_event_is_told_and_the_rest_counts() {
    let service = Service::start(&[("count.luau", COUNT)]);
    let answer = service.post(b"{\"topic\":\"app.n\",\"data\":{}}\nnonsense\n{\"topic\":\"app.n\"}");
    assert_eq!((&answer["accepted"], &answer["refused"]), (&json!(2), &json!(1)));
    assert_eq!(answer["errors"][0]["line"], 2);
    let long = "x".repeat(1_000_000);
    let answer = service.send("app.n", [json!({ "text": long }), json!({ "n": u64::MAX })]);
    assert_eq!(answer["accepted"], 2);
    let answer = service.post(b"{\"topic\":\"app.n\",\"data\":{\"text\":\"\xff\xfe\"}}\n");
    assert_eq!(answer["refused"], 1);
    until(|| (service.rule("count")["in"] == 4).then_some(()));
    assert_eq!(service.rule("count")["errors"], 0);
}

#[test]
fn programs_run_only_where_they_were_granted() {
    let rule = r#"
rule { name = "run", inputs = { "app.n" }, capabilities = { "exec" },
  on = function(event) exec { "/bin/sh", "-c", event.script } end }
"#;
    let granted = "grants = [\"exec\"]\n[exec]\nprograms = [\"/bin/sh\"]\ndeadline = \"500ms\"\n";
    let service = Service::configured(granted, &[("run.luau", rule)]);
    let mark = service.scratch.join("mark");
    service.send("app.n", [json!({ "script": format!("echo done > {}", mark.display()) })]);
    until(|| mark.exists().then_some(()));
    service.send("app.n", [json!({ "script": "exit 3" }), json!({ "script": "sleep 60" })]);
    service.logs("ended with exit status: 3");
    service.logs("ran longer than 500ms, and was ended");
    // A program that is not in the list, with the same grant.
    let other = rule.replace("/bin/sh", "/bin/true");
    service.edit("run.luau", &other);
    until(|| (service.status()["generation"] == 2).then_some(()));
    service.send("app.n", [json!({ "script": "" })]);
    service.logs("'/bin/true' is not in 'exec.programs' of rules.toml");

    let scratch = Scratch::new();
    fs::create_dir(scratch.join("rules")).expect("a folder");
    fs::write(scratch.join("rules/run.luau"), rule).expect("written");
    let said = say(&mut edgekit(&scratch, &["rules", "check"])).ends(65);
    assert!(said.err.contains("run.luau:2") && said.err.contains("exec"), "{}", said.err);
    let said = say(&mut edgekit(&scratch, &["rules", "run"])).ends(65);
    assert!(said.err.contains("exec"), "{}", said.err);
}

#[test]
fn a_shadow_that_is_not_there_is_an_error_and_no_silence() {
    let rule = r#"
rule { name = "set", inputs = { "app.n" }, capabilities = { "shadow" },
  on = function(event) shadow.set("led.on", true) end }
"#;
    let service = Service::start(&[("set.luau", rule)]);
    service.send("app.n", [json!({})]);
    service.logs("cannot set 'led.on': no shadow service runs on this machine");
}

#[test]
fn calls_go_only_to_hosts_that_were_allowed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a call");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut text = Vec::new();
        let mut piece = [0; 1024];
        while !text.ends_with(b"hello") {
            let length = stream.read(&mut piece).expect("it sends");
            assert!(length > 0, "the request ended early");
            text.extend_from_slice(&piece[..length]);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("it reads");
        String::from_utf8_lossy(&text).into_owned()
    });
    let rule = r#"
rule { name = "call", inputs = { "app.n" }, capabilities = { "http" },
  on = function(event)
    http { method = "POST", url = event.url, headers = { ["X-From"] = "rules" }, body = "hello" }
  end }
"#;
    let config = "grants = [\"http\"]\n[http]\nhosts = [\"127.0.0.1\"]\n";
    let service = Service::configured(config, &[("call.luau", rule)]);
    service.send("app.n", [json!({ "url": "http://other.invalid/" })]);
    service.logs("host 'other.invalid' is not in 'http.hosts' of rules.toml");
    service.send("app.n", [json!({ "url": format!("http://127.0.0.1:{port}/in?a=1") })]);
    let said = peer.join().expect("it was called");
    assert!(said.starts_with("POST /in?a=1 HTTP/1.1\r\n"), "{said}");
    assert!(said.to_lowercase().contains("\r\nx-from: rules\r\n"), "{said}");
}

#[test]
fn a_full_bus_loses_the_oldest_and_counts_them() {
    // Each event takes a while, so that more come than go.
    let rule = r#"
rule { name = "slow", inputs = { "app.n" }, capabilities = { "log" },
  on = function(event)
    local sum = 0
    for turn = 1, 300000 do sum += turn end
    if event.n == "last" then log.info("the last one came") end
  end }
"#;
    let config = "[bus]\nevents = 16\n[limits]\ndeadline = \"10s\"\n";
    let service = Service::configured(config, &[("slow.luau", rule)]);
    let last = std::iter::once(json!({ "n": "last" }));
    let answer = service.send("app.n", (0..2000).map(|n| json!({ "n": n })).chain(last));
    assert_eq!(answer["accepted"], 2001, "who sends never waits");
    service.logs("the last one came");
    let dropped = until(|| service.status()["bus"]["dropped"].as_u64().filter(|dropped| *dropped > 0));
    let handled = until(|| {
        let handled = service.status()["handled"].as_u64()?;
        (handled + service.status()["bus"]["dropped"].as_u64()? == 2001).then_some(handled)
    });
    assert!(dropped > 0 && handled < 2001);
    assert!(service.metrics().contains("edgekit_rules_bus_dropped_total{topic=\"app.n\"} "));
}
