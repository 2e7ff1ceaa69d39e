//! What keeps rules from being served is told with its place, all of it at once.

use std::fs;

use serde_json::Value;

use super::service::edgekit;
use crate::harness::{Scratch, say};

fn scratch(files: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in files {
        let path = scratch.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    scratch
}

#[test]
fn a_circle_is_printed_with_the_places_of_its_rules() {
    let a = "rule { name = \"a\", inputs = { \"y\" }, outputs = { \"x\" }, on = function() end }\n";
    let b = "\n\nrule { name = \"b\", inputs = { \"x\" }, outputs = { \"y\" }, on = function() end }\n";
    let scratch = scratch(&[("a.luau", a), ("b.luau", b)]);
    let said = say(&mut edgekit(&scratch, &["rules", "check", "a.luau", "b.luau"])).ends(65);
    assert!(said.err.contains("a.luau:1") && said.err.contains("b.luau:3"), "{}", said.err);
    assert!(said.err.contains("circle"), "{}", said.err);
    assert!(said.err.contains("1 | rule { name = \"a\"") && said.err.contains("^^^^"), "{}", said.err);
    assert_eq!(said.out, "");
}

#[test]
fn every_fault_is_told_and_as_json_too() {
    let files = [
        ("r/syntax.luau", "rule {\n  name = \n"),
        ("r/name.luau", "rule { name = 'n', inputs = { 'trace.event' }, inptus = 1, on = function() end }\n"),
        ("r/raises.luau", "\nerror('not today')\n"),
    ];
    let scratch = scratch(&files);
    let said = say(&mut edgekit(&scratch, &["rules", "check", "r"])).ends(65);
    for piece in ["r/syntax.luau:", "r/name.luau:1: ", "'inptus'", "r/raises.luau:2: ", "not today"] {
        assert!(said.err.contains(piece), "{piece}: {}", said.err);
    }
    let said = say(&mut edgekit(&scratch, &["rules", "check", "r", "--json"])).ends(65);
    let faults: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(faults.len(), 3, "{}", said.out);
    assert!(
        faults.iter().all(|fault| fault["schema"] == "edgekit.rules.fault/1" && fault["file"].is_string())
    );
    assert_eq!(said.err, "");
}

#[test]
fn what_is_not_there_is_no_input() {
    let scratch = scratch(&[("empty/readme.txt", "")]);
    let said = say(&mut edgekit(&scratch, &["rules", "check", "nowhere"])).ends(66);
    assert_eq!(said.err, "edgekit rules: cannot read 'nowhere': no such file or directory\n");
    let said = say(&mut edgekit(&scratch, &["rules", "check", "empty"])).ends(66);
    assert!(said.err.contains("there are no rules in 'empty'\nhint: "), "{}", said.err);
    fs::write(scratch.join("rules.toml"), "grants = [\"exce\"]\n").expect("written");
    let said = say(&mut edgekit(&scratch, &["rules", "check", "empty"])).ends(78);
    assert!(said.err.contains("rules.toml:1:"), "{}", said.err);
}

#[test]
fn the_graph_is_drawn_three_ways() {
    let scratch = Scratch::new();
    say(&mut edgekit(&scratch, &["rules", "examples", "--write", "r"])).ends(0);
    let text = say(&mut edgekit(&scratch, &["rules", "explain", "r"])).ends(0).out;
    assert!(
        text.contains("alerts") && text.contains("many-alerts") && text.contains("hook 'alert'"),
        "{text}"
    );
    let dot = say(&mut edgekit(&scratch, &["rules", "explain", "r", "--format", "dot"])).ends(0).out;
    assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{dot}");
    let svg = say(&mut edgekit(&scratch, &["rules", "explain", "r", "--format", "svg"])).ends(0).out;
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    say(&mut edgekit(&scratch, &["rules", "examples", "--write", "r"])).ends(73);
}

#[test]
fn verbs_that_need_a_service_say_so() {
    let scratch = Scratch::new();
    for words in [&["rules", "list"][..], &["rules", "watch"], &["rules", "record", "file"]] {
        let said = say(&mut edgekit(&scratch, words)).ends(69);
        assert!(
            said.err.contains("no rules service runs at '") && said.err.contains("hint: "),
            "{}",
            said.err
        );
    }
    assert!(!scratch.join("file").exists());
}
