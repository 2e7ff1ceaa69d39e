//! Checks against real programs, sockets and servers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::judge::{NoJudge, Point, Ruling};
use edgekit_core::config::Settings;
use edgekit_store::proof::Scratch;

/// What was told.
#[derive(Default)]
struct Told {
    tries: Vec<(String, Result<u32, String>)>,
    stop_after: Option<usize>,
}

impl Listener for Told {
    fn tried(&mut self, check: &str, outcome: Result<u32, &str>) {
        self.tries.push((check.to_owned(), outcome.map_err(str::to_owned)));
    }

    fn stop(&mut self) -> Option<String> {
        self.stop_after.filter(|after| self.tries.len() >= *after).map(|_| "enough".to_owned())
    }
}

fn health(text: &str) -> Health {
    let text = format!("[health]\ndeadline = \"2s\"\n{text}").into_bytes();
    let section = crate::config::Ota::SECTION;
    let loaded = edgekit_core::config::parse(section, "ota", "ota.toml", text).expect("it is sound");
    loaded.get::<crate::config::Ota>().expect("it is ours").health
}

fn verdict(text: &str) -> (Verdict, Told) {
    let mut told = Told::default();
    let verdict = judge(&health(text), &mut NoJudge, &mut told, &Clock::system()).expect("whole");
    (verdict, told)
}

fn bad(text: &str) -> String {
    match verdict(&format!("{text}\ninterval = \"500ms\"\n")).0 {
        Verdict::Bad { check, why } => format!("{check}: {why}"),
        other => panic!("{text}: {other:?}"),
    }
}

/// A server that answers each request with the next of these, then with the last; gives its port.
fn server(answers: Vec<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for at in 0.. {
            let Ok((mut stream, _)) = listener.accept() else { break };
            let mut request = [0; 1024];
            let _read = stream.read(&mut request);
            let _sent = stream.write_all(answers[at.min(answers.len() - 1)].as_bytes());
        }
    });
    port
}

#[test]
fn without_checks_a_version_is_good() {
    assert_eq!(verdict("").0, Verdict::Good);
}

#[test]
fn a_check_passes_so_often_in_a_row() {
    let scratch = Scratch::new();
    let count = scratch.path("count");
    // Fails the second time.
    let script = format!("echo >> {0}; test $(wc -l < {0}) != 2", count.display());
    let text = format!(
        "[health.check.self]\nkind = \"exec\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\ntimes = 2\ninterval = \"100ms\"\n"
    );
    let (verdict, told) = verdict(&text);
    assert_eq!(verdict, Verdict::Good);
    let rows: Vec<Option<u32>> =
        told.tries.iter().map(|(_, outcome)| outcome.as_ref().ok().copied()).collect();
    assert_eq!(rows, [Some(1), None, Some(1), Some(2)]);
}

#[test]
fn what_does_not_pass_in_time_is_bad_and_says_why() {
    let exec = |script: &str| {
        bad(&format!("[health.check.x]\nkind = \"exec\"\ncommand = [\"sh\", \"-c\", \"{script}\"]"))
    };
    assert_eq!(exec("echo broken >&2; exit 3"), "x: 'sh' ended with exit status: 3: broken");
    let late = bad("[health.check.x]\nkind = \"exec\"\ncommand = [\"sleep\", \"9\"]\ntimeout = \"300ms\"");
    assert_eq!(late, "x: 'sleep' ran longer than 300ms, and was ended");
    let port = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound").port();
    let closed = bad(&format!("[health.check.x]\nkind = \"tcp\"\naddress = \"127.0.0.1:{port}\""));
    assert!(closed.contains("connection refused"), "{closed}");
    let unit = bad("[health.check.x]\nkind = \"unit\"\nunit = \"edgekit-no-such.service\"");
    assert!(unit.starts_with("x: unit 'edgekit-no-such.service' is not active"), "{unit}");
}

#[test]
fn servers_and_sockets_answer() {
    let port = server(vec![
        "HTTP/1.1 503 Wait\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nready",
    ]);
    let text = format!(
        "[health.check.web]\nkind = \"http\"\nurl = \"http://127.0.0.1:{port}/\"\nexpect = \"read\"\ninterval = \"100ms\"\n\
         [health.check.port]\nkind = \"tcp\"\naddress = \"127.0.0.1:{port}\"\n"
    );
    let (good, told) = verdict(&text);
    assert_eq!(good, Verdict::Good, "{:?}", told.tries);
    assert!(told.tries.iter().any(|(name, outcome)| name == "web" && outcome.is_ok()));
    let port = server(vec!["HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]);
    let said = bad(&format!("[health.check.web]\nkind = \"http\"\nurl = \"http://127.0.0.1:{port}/x\""));
    assert_eq!(said, format!("web: 'http://127.0.0.1:{port}/x' answers 404"));
    let text =
        format!("[health.check.web]\nkind = \"http\"\nurl = \"http://127.0.0.1:{port}/x\"\nstatus = 404\n");
    assert_eq!(verdict(&text).0, Verdict::Good);
}

#[test]
fn a_rule_is_shown_files() {
    struct Shown(Arc<AtomicU32>);
    impl Judge for Shown {
        fn ask(&mut self, point: Point, facts: &serde_json::Value) -> Ruling {
            assert_eq!(point, Point::Health);
            assert!(facts["memory"].as_u64().is_some() && facts["uptime"].as_f64().is_some(), "{facts}");
            match facts["files"]["/proc/sys/kernel/ostype"] == "Linux\n"
                && self.0.fetch_add(1, Ordering::Relaxed) > 0
            {
                true => Ruling::Go,
                false => Ruling::Refuse("not yet".to_owned()),
            }
        }
    }
    let text = "[health.check.temp]\nkind = \"rule\"\nfiles = [\"/proc/sys/kernel/ostype\", \"/nowhere\"]\ninterval = \"100ms\"\n";
    let mut told = Told::default();
    let verdict =
        judge(&health(text), &mut Shown(Arc::default()), &mut told, &Clock::system()).expect("whole");
    assert_eq!((verdict, told.tries.len()), (Verdict::Good, 2));
}

#[test]
fn it_can_be_stopped_and_must_be_whole() {
    let text = "[health.check.x]\nkind = \"exec\"\ncommand = [\"false\"]\ninterval = \"100ms\"\n";
    let mut told = Told { stop_after: Some(2), ..Told::default() };
    let verdict = judge(&health(text), &mut NoJudge, &mut told, &Clock::system()).expect("whole");
    assert_eq!(verdict, Verdict::Stopped("enough".to_owned()));
    let fault =
        judge(&health("[health.check.x]\nkind = \"tcp\"\n"), &mut NoJudge, &mut told, &Clock::system());
    let fault = fault.unwrap_err().to_string();
    assert_eq!(fault, "health.check.x is of kind tcp and has no 'address'");
}
