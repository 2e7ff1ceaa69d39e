//! Which command a call leads to, and what a wrong one is told.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::harness::{Scratch, binary, edgekit, golden, say};

#[test]
fn bare_it_shows_what_there_is() {
    let said = edgekit::<&str>([]).ends(0);
    assert_eq!(said.err, "");
    golden("overview.txt", &said.out);
    assert!(said.out.contains("Examples:\n"));
    for alias in [["help"], ["--help"], ["-h"]] {
        assert!(edgekit(alias).ends(0).out.starts_with(&said.out), "{alias:?}");
    }
}

#[test]
fn wrong_words_are_told_the_next_step() {
    let mut text = String::new();
    for (words, code) in [
        (&["trcae"][..], 127),
        (&["nothing-like-it"], 127),
        (&["--instal"], 2),
        (&["-x"], 2),
        (&["install", "--dryrun"], 2),
        (&["install", "--color", "blue"], 2),
        (&["completions"], 2),
        (&["completions", "tcsh"], 2),
        (&["man", "tarce"], 66),
        (&["help", "exit-stats"], 66),
        (&["install", "--systemd"], 69),
        (&["install", "/nonexistent/directory"], 66),
    ] {
        let said = edgekit(words).ends(code);
        assert_eq!(said.out, "", "{words:?}");
        text.push_str(&format!("$ edgekit {}\n{}", words.join(" "), said.err));
    }
    golden("wrong-words.txt", &text);
}

#[test]
fn link_names_lead_to_applets() {
    let scratch = Scratch::new();
    for applet in edgekit::APPLETS {
        let by_word = edgekit([applet.name, "-h"]).ends(0);
        for name in [format!("edgekit-{}", applet.name), applet.name.to_owned()] {
            let link = scratch.join(&name);
            symlink(binary(), &link).expect("a link");
            let said = say(Command::new(&link).arg("-h")).ends(0);
            assert_eq!(said.out, by_word.out, "{name}");
        }
        // A foreign name that leads to a known one through a second link.
        let indirect = scratch.join(&format!("my-{}", applet.name));
        symlink(format!("edgekit-{}", applet.name), &indirect).expect("a link");
        assert_eq!(say(Command::new(&indirect).arg("-h")).ends(0).out, by_word.out);
    }
}

#[test]
fn a_name_that_leads_nowhere_is_127() {
    let scratch = Scratch::new();
    let copy = scratch.join("my-tool");
    std::fs::copy(binary(), &copy).expect("a copy");
    let said = say(&mut Command::new(&copy)).ends(127);
    assert!(said.err.starts_with("edgekit: unknown applet 'my-tool'\nhint: there are: "), "{}", said.err);
}

#[test]
fn a_file_of_another_name_is_the_file_itself_if_it_starts_with_edgekit() {
    let scratch = Scratch::new();
    let copy = scratch.join("edgekit-x86_64");
    std::fs::copy(binary(), &copy).expect("a copy");
    assert_eq!(say(Command::new(&copy).arg("list")).ends(0).out, edgekit(["list"]).out);
}

#[test]
fn without_a_name_the_running_file_tells() {
    let said = say(Command::new(binary()).arg0("").arg("list")).ends(0);
    assert_eq!(said.out, edgekit(["list"]).out);
}
