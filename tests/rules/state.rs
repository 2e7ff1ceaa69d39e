//! What rules keep outlives the process, however it ends.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::service::{Service, until};

const COUNT: &str = r#"
rule { name = "count", inputs = { "app.n" }, capabilities = { "log" }, state = { n = 0 },
  on = function(event, ctx)
    ctx.state.n += 1
    log.info("count is " .. ctx.state.n)
  end }
"#;

#[test]
fn a_kill_keeps_what_was_on_disk_and_a_drain_keeps_all() {
    let service = Service::start(&[("count.luau", COUNT)]);
    service.send("app.n", [json!({}), json!({}), json!({})]);
    // The figure is that of the last save.
    until(|| service.rule("count")["state_bytes"].as_u64().filter(|bytes| *bytes > 0));
    service.logs("count is 3");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    service.signal(Signal::KILL);
    let (code, scratch) = service.ended();
    assert_eq!(code, None);
    assert!(scratch.join("rules.bus").exists(), "a killed service leaves its sockets");
    let service = Service::within(scratch);
    service.is_ready();
    service.send("app.n", [json!({})]);
    service.logs("count is 4");
    service.signal(Signal::TERM);
    let (code, scratch) = service.ended();
    assert_eq!(code, Some(0));
    let service = Service::within(scratch);
    service.is_ready();
    service.send("app.n", [json!({})]);
    service.logs("count is 5");
}

#[test]
fn a_start_over_a_broken_folder_serves_the_last_good_rules() {
    let service = Service::start(&[("count.luau", COUNT)]);
    service.signal(Signal::TERM);
    let (_, scratch) = service.ended();
    fs::write(scratch.join("rules/count.luau"), "rule {").expect("written");
    let service = Service::within(scratch);
    service.is_ready();
    let status = service.status();
    assert_eq!((&status["rules"], &status["last_reload"]), (&json!(1), &Value::from("failed")));
    service.logs("the last good ones serve");
    service.send("app.n", [json!({})]);
    service.logs("count is 1");
}
