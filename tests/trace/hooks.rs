//! `--hook`: Lua that sees, drops and changes what is printed, and never stands in the way.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use edgekit_core::Clock;

use super::{can_trace, trace};
use crate::harness::{Said, Scratch, binary, say};

/// Runs a program with hooks, each a file of its own.
fn hooked(hooks: &[&str], options: &[&str], text: &str) -> Said {
    let scratch = Scratch::new();
    let files: Vec<PathBuf> = (0..hooks.len()).map(|n| scratch.join(&format!("{n}.luau"))).collect();
    let mut arguments: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
    for (file, hook) in files.iter().zip(hooks) {
        fs::write(file, hook).expect("a hook");
        arguments.extend(["--hook".to_owned(), file.display().to_string()]);
    }
    arguments.extend(["-q".to_owned(), "-e".to_owned(), text.to_owned()]);
    trace(arguments)
}

fn lines(said: &Said) -> Vec<&str> {
    said.out.lines().filter(|line| !line.is_empty()).collect()
}

const SPEAKS: &str =
    r#"begin { $fd = 3; printf("one %d\n", $fd); printf("two %s\n", comm); print((1, "x")); exit(); }"#;

#[test]
fn lines_are_dropped_and_changed() {
    if !can_trace() {
        return;
    }
    let hook = r#"hook { name = "h", on = "trace.event", run = function(event)
        if event.named.fd == 3 then return drop() end
        if event.kind == "print" then return change { text = event.args[1][2] .. event.args[1][1] } end
        return change { text = event.text .. "!" }
    end }"#;
    let said = hooked(&[hook], &[], SPEAKS).ends(0);
    let seen = lines(&said);
    assert!(seen.len() == 2 && seen[0].starts_with("two ") && seen[0].ends_with('!'), "{said:?}");
    assert_eq!(seen[1], "x1");
    let said = hooked(&[hook], &["--json"], SPEAKS).ends(0);
    assert!(said.out.contains(r#"{"schema":"edgekit.trace.printf/1","text":"x1\n"}"#), "{said:?}");
    assert!(!said.out.contains("one"), "{said:?}");
}

#[test]
fn hooks_are_asked_in_order_and_see_what_the_one_before_made() {
    if !can_trace() {
        return;
    }
    let add = |what: &str| {
        format!(
            r#"hook {{ name = "h", on = "trace.event", run = function(event) return change {{ text = event.text .. "{what}" }} end }}"#
        )
    };
    let said = hooked(&[&add("a"), &add("b")], &[], r#"begin { printf("-\n"); exit(); }"#).ends(0);
    assert_eq!(lines(&said), ["-ab"]);
}

#[test]
fn a_hook_that_passes_changes_nothing() {
    if !can_trace() {
        return;
    }
    let text = r#"begin { printf("%s %5d|", "a", 1); print(3); print((1, 2)); @m[1, "x"] = 5; @h = hist(4); @c = count();
                  print(@m); time("%Y\n"); exit(); }"#;
    let pass = r#"hook { name = "h", on = "trace.event", run = function() end }
                  hook { name = "h", on = "trace.map", run = function() return pass() end }"#;
    for options in [&["-f", "text"][..], &["-f", "json"], &["--json"]] {
        let plain = trace(options.iter().copied().chain(["-q", "-e", text])).ends(0);
        assert_eq!(hooked(&[pass], options, text).ends(0).out, plain.out);
    }
}

#[test]
fn entries_of_maps_are_seen_with_their_types() {
    if !can_trace() {
        return;
    }
    let hook = r#"hook { name = "h", on = "trace.map", capabilities = { "log" }, run = function(event)
        log.info("saw", { name = event.name, key = event.key, value = event.value, kind = event.kind,
                          at = event.place, of = event.entries, last = event.last })
        if event.name == "@n" and event.value < 3 then return drop() end
    end }"#;
    let text = r#"begin { @n["a"] = 1; @n["b"] = 9; @s = stats(4); @t[1, "x"] = -2; @h = hist(5); print(@n); exit(); }"#;
    let said = hooked(&[hook], &[], text).ends(0);
    let n: Vec<&str> = lines(&said).into_iter().filter(|line| line.starts_with("@n")).collect();
    assert_eq!(n, ["@n[b]: 9", "@n[b]: 9"], "once for print(), once at the end");
    let saw = |words: &[&str]| said.err.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(saw(&["name=@n", "key=a", "value=1", "at=1", "of=2", "last=false"]), "{}", said.err);
    assert!(saw(&["name=@s", "kind=stats", "\"count\":1", "\"average\":4", "last=true"]), "{}", said.err);
    assert!(saw(&["name=@h", "kind=hist", r#"value=[{"count":1,"max":7,"min":4}]"#]), "{}", said.err);
    assert!(saw(&["name=@t", "key=[1,\"x\"]", "value=-2"]), "{}", said.err);
}

#[test]
fn whole_numbers_are_exact() {
    if !can_trace() {
        return;
    }
    let hook = r#"hook { name = "h", on = "trace.event", run = function(event)
        return change { text = tostring(event.args[1]) .. " " .. tostring(event.args[1] + 1) }
    end }"#;
    let text = r#"begin { printf("%llu\n", (uint64)18446744073709551614); printf("%lld\n", (int64)-9007199254740993); exit(); }"#;
    let said = hooked(&[hook], &[], text).ends(0);
    let expected = ["18446744073709551614 18446744073709551615", "-9007199254740993 -9007199254740992"];
    assert_eq!(lines(&said), expected, "{said:?}");
}

#[test]
fn losses_are_told_to_hooks_and_reported_all_the_same() {
    if !can_trace() {
        return;
    }
    let hook = r#"hook { name = "h", on = "trace.lost", capabilities = { "log", "metric" }, run = function(event)
        log.warn("lost", { probe = event.probe, cause = event.cause })
        metric.count("lost", event.count)
    end }"#;
    let text = "begin { $i = 0; while ($i < 1000) { printf(\"%d\\n\", $i); $i++; } }";
    let said = hooked(&[hook], &["--ring", "4K"], text).ends(0);
    let lost = 1000 - lines(&said).len();
    assert!(lost > 0, "{said:?}");
    assert!(said.err.contains("edgekit trace: warning: lost cause=ring_full probe=begin"), "{}", said.err);
    assert!(said.err.contains(&format!("metric lost {lost}")), "{}", said.err);
    assert!(said.err.contains(&format!("Lost {lost} events")), "{}", said.err);
}

#[test]
fn a_failing_hook_lets_lines_pass_and_is_told_once() {
    if !can_trace() {
        return;
    }
    let text = r#"begin { $i = 0; while ($i < 20) { printf("%d\n", $i); $i++; } exit(); }"#;
    let hook = "hook { on = \"trace.event\", name = \"bad\", run = function(event)\n  return event.none.there\nend }";
    let said = hooked(&[hook], &[], text).ends(0);
    assert_eq!(lines(&said).len(), 20);
    assert_eq!(said.err.lines().filter(|line| line.contains("0.luau:2: ")).count(), 1, "{}", said.err);
    assert!(said.err.contains("hook 'bad' failed "), "{}", said.err);
    let closed = hook.replace("run =", "fail = \"closed\", run =");
    assert_eq!(lines(&hooked(&[&closed], &[], text).ends(0)), Vec::<&str>::new());
}

#[test]
fn a_hook_that_never_ends_is_stopped() {
    if !can_trace() {
        return;
    }
    let hook = r#"hook { on = "trace.event", name = "long", deadline = "5ms", run = function() while true do end end }"#;
    let clock = Clock::system();
    let start = clock.monotonic();
    let said = hooked(&[hook], &[], r#"begin { printf("a\n"); printf("b\n"); exit(); }"#).ends(0);
    assert!((clock.monotonic() - start).as_secs() < 5);
    assert_eq!(lines(&said), ["a", "b"]);
    assert!(said.err.contains("hook 'long' failed"), "{}", said.err);
}

#[test]
fn what_is_wrong_with_a_file_is_said_before_anything_runs() {
    let program = "begin { exit(); }";
    let wrong = |hook: &str, code: i32, words: &[&str]| {
        let said = hooked(&[hook], &[], program).ends(code);
        assert!(words.iter().all(|word| said.err.contains(word)), "{hook}: {}", said.err);
    };
    wrong("hook {\n  on = = 3 }", 65, &["0.luau:2"]);
    wrong("", 65, &["declares no hook"]);
    wrong(
        "hook { name = \"h\", on = \"trace.evnt\", run = function() end }",
        65,
        &["did you mean 'trace.event'?"],
    );
    wrong(
        "hook { name = \"h\", on = \"proxy.request\", run = function() end }",
        65,
        &["trace.event, trace.map, trace.lost"],
    );
    wrong(
        "rule { name = \"r\", inputs = { \"a\" }, on = function() end }",
        65,
        &["0.luau:1", "'r' is a rule, not a hook"],
    );
    wrong(
        "hook { name = \"h\", on = \"trace.event\", capabilities = { \"exec\" }, run = function() end }",
        65,
        &["0.luau:1", "exec", "--hook-allow exec"],
    );
    let said = trace(["--hook", "/nonexistent/x.luau", "-e", program]).ends(66);
    assert!(said.err.contains("cannot read the hook '/nonexistent/x.luau'"), "{}", said.err);
}

#[test]
fn programs_start_only_when_allowed() {
    if !can_trace() {
        return;
    }
    let scratch = Scratch::new();
    let mark = scratch.join("made");
    let hook = format!(
        r#"hook {{ name = "h", on = "trace.event", capabilities = {{ "exec" }}, run = function() exec {{ "/bin/mkdir", "{}" }} end }}"#,
        mark.display()
    );
    hooked(&[&hook], &[], r#"begin { printf("a\n"); exit(); }"#).ends(65);
    assert!(!mark.exists());
    hooked(&[&hook], &["--hook-allow", "exec"], r#"begin { printf("a\n"); exit(); }"#).ends(0);
    eventually("the program is started", || mark.exists());
}

#[test]
fn a_tool_alerts_on_a_real_event() {
    if !can_trace() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.join("alert.luau");
    let hook = r#"hook { on = "trace.event", name = "alert", capabilities = { "log" }, run = function(event)
        if event.kind == "join" and event.text:find("one two", 1, true) then
            log.warn("started", { args = event.text })
        end
    end }"#;
    fs::write(&file, hook).expect("a hook");
    let path = file.display().to_string();
    let said = trace(["-q", "-c", "sh -c '/bin/echo one two; :'", "execsnoop", "--hook", &path]).ends(0);
    assert!(said.err.contains("warning: started args=/bin/echo one two"), "{said:?}");
    assert!(said.out.contains("/bin/echo one two"), "{said:?}");
}

#[test]
fn messages_without_a_service_are_counted() {
    if !can_trace() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.join("publish.luau");
    let hook = r#"hook { name = "h", on = "trace.event", capabilities = { "publish" }, run = function(event)
        publish("seen", { text = event.text })
    end }"#;
    fs::write(&file, hook).expect("a hook");
    let mut command = Command::new(binary());
    command
        .args(["trace", "-q", "--hook"])
        .arg(&file)
        .args(["-e", r#"begin { printf("a\n"); printf("b\n"); exit(); }"#]);
    let said = say(command.env("RUNTIME_DIRECTORY", scratch.path())).ends(0);
    assert_eq!(lines(&said), ["a", "b"]);
    assert!(
        said.err.contains("2 published messages were lost: '") && said.err.contains("rules.bus"),
        "{}",
        said.err
    );
}

/// The rules service on the rules of a folder, killed when the test ends.
struct Service(Child);

impl Service {
    fn start(scratch: &Scratch, rules: &str) -> Service {
        let folder = scratch.join("rules");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("count.luau"), rules).expect("rules");
        fs::write(scratch.join("rules.toml"), format!("folder = \"{}\"\n", folder.display()))
            .expect("rules.toml");
        let mut command = Command::new(binary());
        command.args(["rules", "run"]).stdin(Stdio::null()).stdout(Stdio::null());
        let service = Service(at(scratch, &mut command).spawn().expect("the service starts"));
        let bus = scratch.join("rules.bus");
        eventually("the service listens", || bus.exists());
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Everything the service and the tracer keep is below the scratch directory.
fn at<'c>(scratch: &Scratch, command: &'c mut Command) -> &'c mut Command {
    ["CONFIGURATION_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"]
        .iter()
        .fold(command, |command, name| command.env(name, scratch.path()))
}

#[track_caller]
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let mut tries = 500;
    while !done() {
        assert!(tries > 0, "not within 10 s: {what}");
        tries -= 1;
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_tool_alerts_on_a_real_event_and_a_rule_of_the_service_counts_it() {
    if !can_trace() {
        return;
    }
    let scratch = Scratch::new();
    let rules = r#"
        rule { name = "starts", inputs = { "app.started" }, outputs = { "many" }, state = { seen = 0 },
               on = function(event, ctx)
                   ctx.state.seen += 1
                   if ctx.state.seen == 3 then return { args = event.args } end
               end }
        rule { name = "third", inputs = { "many" }, capabilities = { "log" },
               on = function(event) log.warn("three", { args = event.args }) end }
    "#;
    let hook = r#"hook { name = "alert", on = "trace.event", capabilities = { "log", "publish" }, run = function(event)
        if event.kind == "join" and event.text:find("^/bin/echo once") then
            log.warn("started", { args = event.text })
            publish("app.started", { args = event.text })
        end
    end }"#;
    let _service = Service::start(&scratch, rules);
    let file = scratch.join("alert.luau");
    fs::write(&file, hook).expect("a hook");
    let mut command = Command::new(binary());
    command.args([
        "trace",
        "-q",
        "execsnoop",
        "-c",
        "sh -c 'for i in 1 2 3; do /bin/echo once $i; done'",
        "--hook",
    ]);
    let said = say(at(&scratch, command.arg(&file))).ends(0);
    assert_eq!(said.err.matches("warning: started args=/bin/echo once").count(), 3, "{said:?}");
    assert!(!said.err.contains("lost"), "{said:?}");
    let counted = || {
        let said = say(at(&scratch, Command::new(binary()).args(["rules", "list", "--json"])));
        let seen = |rule: &str, count: u64| {
            said.out
                .lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .any(|line| line["name"] == *rule && line["in"] == count)
        };
        seen("starts", 3) && seen("third", 1)
    };
    eventually("the rules count three starts", counted);
}
