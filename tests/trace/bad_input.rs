//! Wrong programs, wrong words, missing rights: each a clear error with its code, never a panic.

use std::fs;
use std::process::Command;

use super::{can_trace, trace};
use crate::harness::{Said, Scratch, binary, say};

/// It ended with 65 and an error that holds all of `words`.
#[track_caller]
fn refuses(text: &str, words: &[&str]) {
    let said = trace(["-e", text]).ends(65);
    for word in words {
        assert!(said.err.contains(word), "{word:?} is not in\n{}", said.err);
    }
}

#[test]
fn wrong_programs_are_shown_with_their_place() {
    refuses("begin { printf(\"x\" }", &["stdin:1:", "ERROR: ", "~"]);
    refuses("begin { @x = nosuch(1); }", &["stdin:1:", "nosuch"]);
    refuses("begin { @x = 1; @x = \"text\"; }", &["stdin:1:", "@x"]);
    refuses("begin { printf(\"%d\\n\", \"text\"); }", &["stdin:1:"]);
    refuses("nosuchkind:x { }", &["stdin:1:", "nosuchkind"]);
}

#[test]
fn unknown_probes_have_near_names() {
    if !can_trace() {
        return;
    }
    refuses(
        "tracepoint:syscalls:sys_enter_opnat { }",
        &["No matches for tracepoint syscalls:sys_enter_opnat", "sys_enter_openat"],
    );
    refuses("tracepoint:sched:sched_swich { }", &["sched_switch"]);
}

#[test]
fn hostile_programs_are_bounded() {
    let scratch = Scratch::new();
    let file = scratch.join("hostile.bt");
    let run = |content: &[u8]| -> Said {
        fs::write(&file, content).expect("writable");
        trace([&file])
    };
    let deep = format!("begin {{ $x = {}1{}; }}", "(".repeat(100_000), ")".repeat(100_000));
    run(deep.as_bytes()).ends(65);
    let blocks = format!("begin {{ {} }}", "if (1) {".repeat(50_000));
    run(blocks.as_bytes()).ends(65);
    let huge = "begin { @x = 1; }\n".repeat(10 * 1024 * 1024 / 18);
    run(huge.as_bytes()).ends(65);
    let garbage: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let said = run(&garbage).ends(65);
    assert!(said.err.contains("not UTF-8") && said.err.contains("~"), "{}", said.err);
    run(&[0; 4096]).ends(65);
    run(b"").ends(65);
    trace(["/dev/zero"]).ends(65);
    trace(["/"]).ends(66);
}

#[test]
fn wrong_words_end_with_2() {
    for words in [
        &["-p", "a1111", "-e", "begin { }"][..],
        &["-f", "jsonx", "-e", "begin { }"],
        &["-d", "nosuch", "-e", "begin { }"],
        &["--ring", "lots", "-e", "begin { }"],
        &["--nosuch", "-e", "begin { }"],
        &["--probe-filter", "(", "-e", "begin { }"],
        &[],
    ] {
        trace(words).ends(2);
    }
    let said = trace(["-p", "111a1", "-e", "begin { }"]).ends(2);
    assert_eq!(said.err, "ERROR: Failed to parse pid: invalid trailing bytes: 111a1\n");
    let said = trace(["nosuchfile.bt"]).ends(66);
    assert_eq!(said.err, "ERROR: failed to open file 'nosuchfile.bt': No such file or directory\n");
    let said = trace(["opensnop"]).ends(66);
    assert!(said.err.contains("did you mean 'opensnoop'?"), "{}", said.err);
    trace(["-p", "4194300", "-e", "begin { }"]).ends(66);
}

#[test]
fn without_rights_the_missing_capability_is_named() {
    if !can_trace() {
        return;
    }
    let without = |text: &str, more: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(binary()).args(["trace"]);
        say(command.args(more).args(["-e", text]))
    };
    let said = without("begin { exit(); }", &[]);
    if said.err.contains("setpriv") || said.code == Some(126) || said.code == Some(127) {
        eprintln!("skipped: the binary cannot be run as another user here: {}", said.err);
        return;
    }
    let said = said.ends(77);
    assert!(said.err.contains("CAP_BPF"), "{}", said.err);
    let said = without("tracepoint:sched:sched_switch { exit(); }", &[]).ends(77);
    assert!(said.err.contains("root"), "{}", said.err);
    without("begin { exit(); }", &["--dry-run"]).ends(0);
    without("begin { exit(", &[]).ends(65);
}
