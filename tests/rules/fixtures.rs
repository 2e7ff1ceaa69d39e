//! Fixtures: good ones pass, bad ones fail and say why, and lines nobody reaches are known.

use std::fs;

use serde_json::Value;

use super::service::edgekit;
use crate::harness::{Scratch, root, say};

const RULE: &str = r#"rule {
  name = "big", inputs = { "app.n" }, outputs = { "found" }, capabilities = { "log" },
  on = function(event)
    if event.n > 100 then
      log.error("huge")
      return { n = event.n }
    end
    log.info("small", { n = event.n })
  end,
}
"#;

fn with(fixture: &str) -> Scratch {
    let scratch = Scratch::new();
    fs::write(scratch.join("big.luau"), RULE).expect("written");
    fs::write(scratch.join("big_test.toml"), fixture).expect("written");
    scratch
}

#[test]
fn the_examples_pass_their_own_fixtures() {
    let scratch = Scratch::new();
    let folder = root().join("applets/rules/examples");
    let folder = folder.to_str().expect("a path");
    let said =
        say(&mut edgekit(&scratch, &["rules", "test", folder, "--coverage", "--junit", "junit.xml"])).ends(0);
    assert!(said.out.contains("5 files, ") && said.out.contains(", 0 failed\n"), "{}", said.out);
    for file in ["alert", "count", "join", "timer", "window"] {
        assert!(said.out.contains(&format!("/{file}.luau: ")), "coverage of {file}: {}", said.out);
    }
    let junit = fs::read_to_string(scratch.join("junit.xml")).expect("it was written");
    assert!(junit.contains("failures=\"0\"") && junit.matches("<testcase ").count() >= 7, "{junit}");
    assert!(!junit.contains("<failure"), "{junit}");
}

#[test]
fn a_failure_says_what_was_expected_and_what_came() {
    let fixture = "[[case]]\nname = \"wrong\"\nstep = [{ event = \"app.n\", data = { n = 1 } }]\n\
                   expect = [{ do = \"log\", level = \"error\" }]\n";
    let scratch = with(fixture);
    let said =
        say(&mut edgekit(&scratch, &["rules", "test", ".", "--coverage", "--junit", "out.xml"])).ends(1);
    assert!(said.out.contains("FAILED ./big_test.toml:1: wrong\n"), "{}", said.out);
    assert!(said.out.contains("expected {\"do\":\"log\",\"level\":\"error\"}, got {"), "{}", said.out);
    assert!(said.out.contains("not reached: 5-6"), "{}", said.out);
    assert!(said.out.ends_with("1 file, 1 case, 1 failed\n"), "{}", said.out);
    let junit = fs::read_to_string(scratch.join("out.xml")).expect("written");
    assert!(junit.contains("<failure message=\"expected {&quot;do&quot;"), "{junit}");
    let said = say(&mut edgekit(&scratch, &["rules", "test", ".", "--json"])).ends(1);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["ok"], &lines[1]["failed"]), (&Value::Bool(false), &Value::from(1)));
    assert_eq!(lines[1]["schema"], "edgekit.rules.tested/1");
}

#[test]
fn what_nobody_expected_is_a_failure_and_so_is_an_error_of_a_rule() {
    let fixture = "[[case]]\nstep = [{ event = \"app.n\", data = { n = 200 } }]\n[[case]]\nname = \"raises\"\n\
                   step = [{ event = \"app.n\" }]\n[[case]]\nname = \"is meant to\"\nstep = [{ event = \"app.n\" }]\n\
                   errors = [\"compare\"]\n";
    let scratch = with(fixture);
    let said = say(&mut edgekit(&scratch, &["rules", "test", "big.luau"])).ends(1);
    assert!(said.out.contains("not expected: {\"do\":\"log\""), "{}", said.out);
    assert!(
        said.out.contains("not expected: {\"data\":{\"n\":200},\"do\":\"emit\",\"output\":\"found\"}"),
        "{}",
        said.out
    );
    assert!(said.out.contains("big.luau:4: "), "the error has its place: {}", said.out);
    assert!(said.out.contains("ok     big_test.toml:6: is meant to\n"), "{}", said.out);
}

#[test]
fn a_fixture_that_is_none_is_told_by_its_line() {
    let scratch = with("[[case]]\nstep = [{ evnet = \"app.n\" }]\n");
    let said = say(&mut edgekit(&scratch, &["rules", "test", "."])).ends(65);
    assert!(
        said.err.contains("./big_test.toml:1: case 1: step 1: unknown key 'evnet'; did you mean 'event'?"),
        "{}",
        said.err
    );
    let scratch = Scratch::new();
    let said = say(&mut edgekit(&scratch, &["rules", "test", "."])).ends(66);
    assert!(said.err.contains("there are no fixtures in '.'"), "{}", said.err);
}
