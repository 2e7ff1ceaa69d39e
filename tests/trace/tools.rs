//! The embedded tools: each loads, and says what it is for.

use super::{can_trace, trace};

fn names() -> Vec<String> {
    let said = trace(["tools"]).ends(0);
    said.out.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn there_are_ten_and_each_explains_itself() {
    let names = names();
    assert_eq!(names.len(), 10);
    for name in names {
        let said = trace(["explain", &name]).ends(0);
        assert!(said.out.contains(&format!("edgekit trace {name}")), "{name}");
    }
    let said = trace(["explain", "opensnop"]).ends(66);
    assert!(said.err.contains("did you mean 'opensnoop'?"), "{}", said.err);
}

#[test]
fn each_loads_on_this_kernel() {
    if !can_trace() {
        return;
    }
    for name in names() {
        let said = trace(["--dry-run", &name]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn the_snoopers_see_a_command() {
    if !can_trace() {
        return;
    }
    let seen = |tool: &str, command: &str, what: &[&str]| {
        let said = trace(["-q", "-c", command, tool]).ends(0);
        let found = said.out.lines().any(|line| what.iter().all(|w| line.contains(w)));
        assert!(found, "{tool}: {what:?} is not in\n{}{}", said.out, said.err);
    };
    seen("opensnoop", "cat /etc/hostname /nonexistent-1", &["cat", " 2 ", "/nonexistent-1"]);
    seen("execsnoop", "sh -c '/bin/echo one two; :'", &["/bin/echo one two"]);
    seen("exitsnoop", "sh -c 'exit 5'", &["sh", " 5 "]);
    seen("statsnoop", "sh -c 'test -e /nonexistent-2; :'", &["/nonexistent-2", " 2 "]);
    seen("killsnoop", "sh -c 'kill -0 $$; :'", &["sh", " 0 "]);
    seen("syscount", "true", &["execve"]);
    seen("runqlat", "sh -c 'sleep 0.1; :'", &["@us:"]);
}
