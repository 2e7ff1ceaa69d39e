//! A run from outside: how it starts, prints, and ends.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{can_trace, program, trace};
use crate::harness::{Scratch, binary, plain, say};

#[test]
fn exit_codes() {
    if !can_trace() {
        return;
    }
    program("begin { exit(); }").ends(0);
    program("begin { exit(69); }").ends(69);
    program("interval:ms:1 { exit(7); }").ends(7);
    let said =
        program("begin { printf(\"one\\n\"); exit(); printf(\"two\\n\"); } end { printf(\"end\\n\"); }")
            .ends(0);
    assert_eq!(said.out.trim(), "one\nend");
}

#[test]
fn messages_and_data_go_to_their_streams() {
    if !can_trace() {
        return;
    }
    let said = trace(["begin { @x = 1; }"]).ends(0);
    assert_eq!((said.out.trim(), said.err.as_str()), ("@x: 1", "Attached 1 probe\n"));
    let said = trace(["begin { } end { } interval:s:9 { } i:ms:1 { exit(); }"]).ends(0);
    assert_eq!(said.err, "Attached 4 probes\n");
}

#[test]
fn a_command_is_seen_from_its_first_instruction_and_ends_the_run() {
    if !can_trace() {
        return;
    }
    let text = "tracepoint:sched:sched_process_exec /pid == cpid/ { printf(\"%s\\n\", comm); }";
    let said = trace(["-q", "-c", "true", "-e", text]).ends(0);
    assert_eq!(said.out.trim(), "true");
    let said = trace(["-c", "/nonexistent/program", "-e", text]);
    assert_eq!(said.code, Some(66), "{said:?}");
    assert!(said.err.contains("no such file"), "{said:?}");
}

#[test]
fn a_process_is_followed_to_its_end() {
    if !can_trace() {
        return;
    }
    let mut sleep = Command::new("sleep").arg("0.4").spawn().expect("sleep is there");
    let pid = sleep.id().to_string();
    let text = "tracepoint:raw_syscalls:sys_enter { @[pid] = count(); }";
    let run = Command::new(binary())
        .args(["trace", "-q", "-p", &pid, "-e", text])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    sleep.wait().expect("ends");
    let output = run.wait_with_output().expect("ends");
    assert!(output.status.success());
    let out = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // Nothing but the process itself: its last call, exit_group, is always seen.
    assert!(out.starts_with(&format!("@[{pid}]: ")) && out.lines().count() == 1, "{out}");
}

#[test]
fn ctrl_c_prints_the_maps() {
    if !can_trace() {
        return;
    }
    let mut run = Command::new(binary())
        .args([
            "trace",
            "-e",
            "begin { @n = 5; printf(\"ready\\n\"); } interval:s:60 { } end { printf(\"end\\n\"); }",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(run.stdout.take().expect("piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("readable");
    assert_eq!(first, "ready\n", "what begin says is seen at once");
    say(Command::new("kill").args(["-INT", &run.id().to_string()])).ends(0);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("readable");
    assert!(run.wait().expect("ends").success());
    assert_eq!(rest.trim().replace('\n', " ").split_whitespace().collect::<Vec<_>>(), ["end", "@n:", "5"]);
}

#[test]
fn output_to_a_file_and_as_json() {
    if !can_trace() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.join("out");
    let text = "begin { printf(\"hello\\n\"); @m[1, \"a\"] = 3; }";
    let said = trace(["-q".as_ref(), "-o".as_ref(), file.as_os_str(), "-e".as_ref(), text.as_ref()]).ends(0);
    assert_eq!(said.out, "");
    let written = fs::read_to_string(&file).expect("is there");
    assert_eq!(written.split_whitespace().collect::<Vec<_>>(), ["hello", "@m[1,", "a]:", "3"]);

    let said = trace(["-q", "-f", "json", "-e", text]).ends(0);
    let lines: Vec<serde_json::Value> =
        said.out.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect();
    assert_eq!(lines[0], serde_json::json!({ "type": "printf", "data": "hello\n" }));
    assert_eq!(lines[1], serde_json::json!({ "type": "map", "data": { "@m": { "1,a": 3 } } }));

    let said = trace(["-q", "--json", "-e", text]).ends(0);
    for line in said.out.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("is JSON");
        assert!(value["schema"].as_str().is_some_and(|s| s.starts_with("edgekit.trace.")), "{line}");
    }
    let said = trace(["-o", "/nonexistent/file", "-e", text]).ends(73);
    assert!(said.err.contains("cannot create '/nonexistent/file'"), "{}", said.err);
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    if !can_trace() {
        return;
    }
    let mut run = Command::new(binary())
        .args(["trace", "-q", "-e", "interval:ms:1 { printf(\"x\\n\"); }"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut one = [0; 1];
    run.stdout.take().expect("piped").read_exact(&mut one).expect("readable");
    // The pipe is closed now; the next flush ends it.
    for _ in 0..500 {
        if let Some(status) = run.try_wait().expect("waits") {
            assert!(status.success(), "{status}");
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(run.kill());
    panic!("it did not notice that nobody reads");
}

#[test]
fn parameters_reach_the_program() {
    if !can_trace() {
        return;
    }
    let text = "begin { printf(\"%d %s %d\\n\", $1, str($2), getopt(\"n\", 5)); }";
    let said = trace(["-q", "-e", text, "12", "word", "--", "--n=7"]).ends(0);
    assert_eq!(said.out.trim(), "12 word 7");
    let scratch = Scratch::new();
    let file = scratch.join("p.bt");
    fs::write(&file, text).expect("writable");
    let said = trace([file.as_os_str(), "-q".as_ref(), "3".as_ref(), "x".as_ref()]).ends(0);
    assert_eq!(said.out.trim(), "3 x 5");
}

#[test]
fn a_program_from_standard_input() {
    if !can_trace() {
        return;
    }
    let mut run = plain(&mut Command::new(binary()))
        .args(["trace", "-q", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    use std::io::Write;
    run.stdin.take().expect("piped").write_all(b"begin { printf(\"in\\n\"); }").expect("writable");
    let output = run.wait_with_output().expect("ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "in");
}

#[test]
fn stages_and_dry_run_attach_nothing() {
    if !can_trace() {
        return;
    }
    let text = "begin { printf(\"hello\\n\"); @ = 1; }";
    let said = trace(["--dry-run", "-e", text]).ends(0);
    assert_eq!(said.out, "");
    let said = trace(["-d", "asm", "-e", text]).ends(0);
    assert!(said.out.contains("exit") && !said.out.contains("hello\n"), "{}", said.out);
    trace(["-d", "all", "-e", text]).ends(0);
}

#[test]
fn hundreds_of_probes() {
    if !can_trace() {
        return;
    }
    let text = "tracepoint:syscalls:sys_enter_* { @n = count(); } interval:ms:50 { exit(); }";
    let said = trace(["-e", text]).ends(0);
    let attached = said.err.trim().strip_prefix("Attached ").and_then(|t| t.strip_suffix(" probes"));
    assert!(attached.and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n > 200), "{}", said.err);
}
