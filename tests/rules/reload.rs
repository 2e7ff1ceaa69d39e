//! Rules exchanged while they run: the new ones serve or the old ones do, and nothing is lost between.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::Signal;
use serde_json::json;

use super::service::{Service, until};

fn version(number: u32) -> String {
    format!(
        "rule {{ name = 'v', inputs = {{ 'app.n' }}, capabilities = {{ 'metric' }}, state = {{ n = 0 }},\n\
         on = function(event, ctx) ctx.state.n += 1 metric.count('v', 1, {{ version = '{number}' }}) end }}\n"
    )
}

/// The sum of a rule's counter over its versions, and how many versions there are.
fn counted(service: &Service) -> (u64, usize) {
    let text = service.metrics();
    let counts = text.lines().filter(|line| line.starts_with("rule_v_total{"));
    let counts: Vec<u64> = counts.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect();
    (counts.iter().sum(), counts.len())
}

#[test]
fn an_edit_under_load_loses_nothing() {
    let service = Service::start(&[("v.luau", &version(1))]);
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let answer = service.send("app.n", (0..100).map(|n| json!({ "n": n })));
                assert_eq!(answer["accepted"], 100);
                sent.fetch_add(100, Ordering::Relaxed);
            }
        });
        for number in 2..=5 {
            service.edit("v.luau", &version(number));
            until(|| (service.status()["generation"] == number).then_some(()));
            let before = sent.load(Ordering::Relaxed);
            until(|| (sent.load(Ordering::Relaxed) > before + 200).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let sent = sent.load(Ordering::Relaxed);
    until(|| (service.rule("v")["in"] == sent).then_some(()));
    until(|| (counted(&service).0 == sent).then_some(()));
    assert_eq!(counted(&service), (sent, 5), "each event is counted by one version, and each version served");
    assert_eq!(service.status()["bus"]["dropped"], 0);
}

#[test]
fn a_broken_edit_keeps_the_old_rules_and_says_why() {
    let service = Service::start(&[("v.luau", &version(1))]);
    service.edit("v.luau", "rule {\n  name = ,\n}\n");
    service.logs("the rules in the folder are refused, the old ones serve on");
    let status = service.status();
    assert_eq!((&status["generation"], &status["last_reload"]), (&json!(1), &json!("failed")));
    let why = status["last_reload_error"].as_str().expect("a reason");
    assert!(why.contains("v.luau:2"), "{why}");
    service.send("app.n", [json!({})]);
    until(|| (service.rule("v")["in"] == 1).then_some(()));
    // Asked for, the verdict is the same, and the caller is told.
    let said = service.edgekit(&["reload", "rules"]).ends(1);
    assert!(said.out.starts_with("rules: refused: ") && said.out.contains("v.luau:2"), "{}", said.out);
    service.edit("v.luau", &version(2));
    until(|| (service.status()["last_reload"] == "ok").then_some(()));
    assert_eq!(service.status()["generation"], 2);
    service.send("app.n", [json!({})]);
    until(|| (service.rule("v")["in"] == 2).then_some(()));
}

#[test]
fn a_hup_reloads_what_a_watch_cannot_see() {
    let service = Service::start(&[("v.luau", &version(1))]);
    assert_eq!(service.edgekit(&["reload", "rules"]).ends(0).out, "rules: nothing has changed\n");
    std::fs::write(service.scratch.join("rules.toml"), "[exec]\nrunning = 9\n[bus]\nevents = 99\n")
        .expect("written");
    let said = service.edgekit(&["reload", "rules"]).ends(0).out;
    assert_eq!(said, "rules: applied: exec.running\nrules: needs a restart: bus.events\n");
    service.signal(Signal::HUP);
    service.logs("needs_restart=bus.events");
    std::fs::write(service.scratch.join("rules.toml"), "nonsense = 1\n").expect("written");
    let said = service.edgekit(&["reload", "rules"]).ends(1);
    assert!(said.out.contains("rules.toml:1:1: unknown key 'nonsense'"), "{}", said.out);
}

#[test]
fn files_that_come_and_go_are_noticed() {
    let service = Service::start(&[]);
    assert_eq!(service.status()["rules"], 0);
    service.edit("v.luau", &version(1));
    until(|| (service.status()["rules"] == 1).then_some(()));
    // Written in place, as a shell does.
    let path = service.scratch.join("rules/v.luau");
    std::fs::write(&path, version(2)).expect("written");
    until(|| (service.status()["generation"].as_u64() >= Some(3)).then_some(()));
    std::fs::remove_file(path).expect("removed");
    until(|| (service.status()["rules"] == 0).then_some(()));
}
