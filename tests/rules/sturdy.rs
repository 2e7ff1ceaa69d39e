//! Second services, leftovers, a great many files, files that change while they are read.

use std::fs;
use std::os::unix::net::UnixListener;

use serde_json::json;

use super::service::{Service, edgekit, until};
use crate::harness::{Scratch, say};

const RULE: &str = "rule { name = 'one', inputs = { 'app.n' }, on = function() end }\n";

#[test]
fn a_second_service_is_refused_and_an_instance_is_not() {
    let service = Service::start(&[("one.luau", RULE)]);
    let said = service.edgekit(&["rules", "run"]).ends(75);
    assert!(said.err.contains(&format!("process {} is running already", service.child.id())), "{}", said.err);
    assert!(service.bus().exists(), "the first one keeps its bus");
    service.send("app.n", [json!({})]);
    let mut second = edgekit(&service.scratch, &["rules", "run", "--instance", "b"]);
    let mut second = second.stderr(std::process::Stdio::null()).spawn().expect("it starts");
    until(|| service.scratch.join("rules@b.bus").exists().then_some(()));
    service.edgekit(&["rules", "list", "--instance", "b"]).ends(0);
    drop(second.kill());
    drop(second.wait());
}

#[test]
fn leftovers_are_replaced_and_what_is_no_socket_stays() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("rules")).expect("a folder");
    // A listener that dies leaves its name behind.
    drop(UnixListener::bind(scratch.join("rules.bus")).expect("a socket"));
    let service = Service::within(scratch);
    service.is_ready();
    service.send("app.n", [json!({})]);
    service.signal(rustix::process::Signal::TERM);
    let (_, scratch) = service.ended();
    fs::write(scratch.join("rules.bus"), "precious").expect("written");
    let said = say(&mut edgekit(&scratch, &["rules", "run"])).ends(73);
    assert!(said.err.contains("something that is no socket is there"), "{}", said.err);
    assert_eq!(fs::read_to_string(scratch.join("rules.bus")).expect("there"), "precious");
}

#[test]
fn ten_thousand_files_are_checked_and_served() {
    let scratch = Scratch::new();
    let folder = scratch.join("rules");
    fs::create_dir(&folder).expect("a folder");
    for number in 0..10_000 {
        let rule = format!("rule {{ name = 'r{number}', inputs = {{ 'app.n' }}, on = function() end }}\n");
        fs::write(folder.join(format!("r{number}.luau")), rule).expect("written");
    }
    let said = say(&mut edgekit(&scratch, &["rules", "check"])).ends(0);
    assert_eq!(said.out, "10000 files, 10000 rules, 0 hooks: no fault\n");
    fs::write(folder.join("r77.luau"), "rule {").expect("written");
    let said = say(&mut edgekit(&scratch, &["rules", "check"])).ends(65);
    assert!(said.err.contains("r77.luau:1"), "{}", said.err);
    for number in 0..7_000 {
        fs::write(folder.join(format!("more{number}.luau")), "").expect("written");
    }
    let said = say(&mut edgekit(&scratch, &["rules", "check"])).ends(65);
    assert!(said.err.contains("has more than 16384 files"), "{}", said.err);
}

#[test]
fn a_file_replaced_while_it_is_read_is_the_old_or_the_new() {
    let service = Service::start(&[("one.luau", RULE)]);
    let path = service.scratch.join("rules/one.luau");
    let filler = "-- filler\n".repeat(10_000);
    // In place and slowly, so that halves of it are there to be seen.
    for round in 0..20 {
        let text = format!("{filler}{}", RULE.replace("'one'", &format!("'r{round}'")));
        let half = text.len() / 2;
        fs::write(&path, &text[..half]).expect("written");
        let mut file = fs::OpenOptions::new().append(true).open(&path).expect("opened");
        std::io::Write::write_all(&mut file, &text.as_bytes()[half..]).expect("written");
    }
    until(|| (service.rule("r19")["name"] == "r19").then_some(()));
    assert_eq!(service.status()["last_reload"], "ok");
    // The figures of the status are those of the engine's last report.
    until(|| (service.status()["rules"] == 1).then_some(()));
}
