//! Where output goes, what shape it has, and what happens when it has nowhere to go.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{binary, edgekit, plain, say};

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn version_says_what_a_bug_report_needs() {
    let value = object(&edgekit(["version", "--json"]).ends(0).out);
    assert_eq!(value["schema"], "edgekit.version/1");
    for field in ["version", "git", "target", "libc", "linkage", "allocator", "profile", "rustc"] {
        assert!(value[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {value}");
    }
    let features: Vec<&str> = edgekit::APPLETS.iter().map(|applet| applet.name).collect();
    assert_eq!(value["features"], serde_json::json!(features));
    let text = edgekit(["--version"]).ends(0).out;
    assert!(text.starts_with(&format!("edgekit {} (", env!("CARGO_PKG_VERSION"))), "{text}");
}

#[test]
fn doctor_tells_the_same_in_text_and_json() {
    let said = edgekit(["doctor", "--json"]);
    assert!(matches!(said.code, Some(0 | 1)), "{said:?}");
    let value = object(&said.out);
    assert_eq!(value["schema"], "edgekit.doctor/1");
    let text = edgekit(["doctor"]).out;
    let host = value["host"].as_array().expect("a list");
    assert!(host.iter().any(|finding| finding["name"] == "kernel" && finding["status"] == "works"));
    let applets = value["applets"].as_object().expect("an object");
    assert!(edgekit::APPLETS.iter().all(|applet| applets.contains_key(applet.name)));
    for finding in host.iter().chain(applets.values().flat_map(|found| found.as_array().expect("a list"))) {
        let name = finding["name"].as_str().expect("a name");
        assert!(
            ["works", "limited", "missing", "unknown"].contains(&finding["status"].as_str().unwrap_or(""))
        );
        assert!(text.contains(name), "{name} is not in the text");
    }
}

#[test]
fn a_list_of_objects_is_one_a_line() {
    let said = edgekit(["list", "--json"]).ends(0);
    assert_eq!(said.out.lines().count(), edgekit::APPLETS.len());
    for line in said.out.lines() {
        assert_eq!(object(line)["schema"], "edgekit.list.applet/1");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(binary());
    let output = plain(command.arg("man")).stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_disk_is_an_error() {
    for words in [&["version"][..], &["man"], &["help"], &["install", "-h"]] {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let mut command = Command::new(binary());
        let mut child =
            plain(command.args(words)).stdout(full).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut err = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(74), "{words:?}");
        assert!(err.ends_with("cannot write to standard output: no space left on device\n"), "{err}");
    }
}

#[test]
fn colour_is_asked_for_or_not_there() {
    let coloured = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = Command::new(binary());
        command.args(arguments);
        let mut command = std::mem::replace(plain(&mut command), Command::new("true"));
        command.envs(variable);
        command.stdin(Stdio::null());
        let output = command.output().expect("it starts");
        output.stdout.contains(&0x1b)
    };
    assert!(!coloured(&["doctor"], None));
    assert!(coloured(&["doctor", "--color", "always"], None));
    assert!(coloured(&["doctor"], Some(("CLICOLOR_FORCE", "1"))));
    assert!(!coloured(&["doctor", "--color=never"], Some(("CLICOLOR_FORCE", "1"))));
    assert!(coloured(&["doctor", "--color=always"], Some(("NO_COLOR", "1"))));
}

#[test]
fn completions_are_valid_in_the_shells_at_hand() {
    for (shell, check) in [("bash", &["bash", "-n"][..]), ("zsh", &["zsh", "-n"]), ("fish", &["fish", "-n"])]
    {
        let script = edgekit(["completions", shell]).ends(0).out;
        if Command::new(check[0]).arg("-c").arg("true").output().is_err() {
            eprintln!("skipped: no {shell} on this machine");
            continue;
        }
        let scratch = crate::harness::Scratch::new();
        let file = scratch.join("script");
        std::fs::write(&file, script).expect("a file");
        let said = say(Command::new(check[0]).args(&check[1..]).arg(&file)).ends(0);
        assert_eq!(said.err, "", "{shell}");
    }
}

#[test]
fn bash_completes_commands_and_links() {
    if Command::new("bash").arg("-c").arg("true").output().is_err() {
        eprintln!("skipped: no bash on this machine");
        return;
    }
    let script = "source <(\"$0\" completions bash); COMP_WORDS=(edgekit comp); COMP_CWORD=1; \
                  _edgekit edgekit comp edgekit; echo \"${COMPREPLY[*]}\"; complete -p | grep -o 'edgekit[a-z-]*$'";
    let said = say(Command::new("bash").args(["-c", script]).arg(binary())).ends(0);
    let mut lines = said.out.lines();
    assert_eq!(lines.next(), Some("completions"));
    let registered: Vec<&str> = lines.collect();
    assert!(registered.contains(&"edgekit"), "{registered:?}");
    for applet in edgekit::APPLETS {
        assert!(registered.contains(&format!("edgekit-{}", applet.name).as_str()), "{registered:?}");
    }
}
