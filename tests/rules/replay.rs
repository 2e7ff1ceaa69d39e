//! What was recorded, once more through other rules.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use super::service::{Service, edgekit, until};

fn rule(limit: u32) -> String {
    format!(
        "rule {{ name = 'limit', inputs = {{ 'app.n' }}, capabilities = {{ 'log' }},\n\
         on = function(event) if event.n > {limit} then log.warn('over', {{ n = event.n }}) end end }}\n"
    )
}

#[test]
fn a_recording_shows_what_new_rules_would_do_otherwise() {
    let service = Service::start(&[("limit.luau", &rule(5))]);
    let mut recorder = edgekit(&service.scratch, &["rules", "record", "tape", "--events", "10"]);
    let mut recorder = recorder.stderr(Stdio::null()).spawn().expect("it starts");
    until(|| (service.status()["watchers"] == 1).then_some(()));
    service.send("app.n", (0..10).map(|n| json!({ "n": n })));
    // The one that is too many ends the recording.
    until(|| (service.rule("limit")["in"] == 10).then_some(()));
    service.send("app.n", [json!({ "n": 99 })]);
    let ended = until(|| recorder.try_wait().expect("it can be waited for"));
    assert_eq!(ended.code(), Some(0));
    let tape = fs::read_to_string(service.scratch.join("tape")).expect("written");
    assert_eq!(tape.lines().filter(|line| line.contains("\"kind\":\"event\"")).count(), 10, "{tape}");

    let said = service.edgekit(&["rules", "replay", "tape"]).ends(0);
    assert_eq!(said.out, "10 events, 4 actions then, 4 actions now: 0 differences\n");
    let other = service.scratch.join("other");
    fs::create_dir(&other).expect("a folder");
    fs::write(other.join("limit.luau"), rule(7)).expect("written");
    let said = service.edgekit(&["rules", "replay", "tape", "--against", "other"]).ends(1);
    assert!(said.out.ends_with("10 events, 4 actions then, 2 actions now: 2 differences\n"), "{}", said.out);
    assert_eq!(said.out.lines().filter(|line| line.starts_with("- limit: ")).count(), 2, "{}", said.out);
    let said = service.edgekit(&["rules", "replay", "tape", "--against", "other", "--json"]).ends(1);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["only"], &lines[0]["action"]["fields"]["n"]), (&json!("then"), &json!(6)));
    assert_eq!(lines[2]["differences"], 2);
    // A file is never written over, and one that is none is refused.
    service.edgekit(&["rules", "record", "tape"]).ends(73);
    fs::write(service.scratch.join("nonsense"), "{}\n").expect("written");
    let said = service.edgekit(&["rules", "replay", "nonsense"]).ends(65);
    assert!(said.err.contains("cannot replay 'nonsense': line 1: "), "{}", said.err);
}
