//! States come back, also after a kill at any moment.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use edgekit_store::{Disk, Options};

use super::*;

/// A folder for one test, removed with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("edgekit-rules-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn keeper(&self) -> Keeper {
        keeper(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

fn keeper(folder: &Path) -> Keeper {
    Keeper::new(Table::open(Arc::new(Disk), &folder.join("state"), Options::default()).unwrap()).unwrap()
}

fn name(rule: &str) -> Arc<str> {
    rule.into()
}

fn save(keeper: &Keeper, rule: &str, state: &Value) -> u64 {
    keeper.save(rule, encode(&name(rule), state).unwrap())
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_was_saved_comes_back_exactly() {
    let scratch = Scratch::new();
    let state = Value::from([
        ("big", Value::from(u64::MAX)),
        ("bytes", Value::from(&b"\xff\x00\xfe"[..])),
        ("least", Value::from(i64::MIN)),
        ("list", Value::from(vec![Value::from(0.1), Value::Nil])),
        ("nan", Value::from(f64::NAN)),
    ]);
    let keeper = scratch.keeper();
    assert_eq!(save(&keeper, "a", &state), 1);
    save(&keeper, "b", &Value::Int(1));
    save(&keeper, "b", &Value::Int(2));
    assert_eq!(keeper.load(&name("b")).unwrap(), Some(Value::Int(2)), "before it is on disk");
    assert!(keeper.settle(PATIENCE));
    assert_eq!(keeper.acknowledged(), 3);
    keeper.forget("b");
    drop(keeper);
    let keeper = scratch.keeper();
    assert_eq!(keeper.load(&name("a")).unwrap(), Some(state));
    assert_eq!((keeper.load(&name("b")).unwrap(), keeper.rules()), (None, vec![name("a")]));
}

#[test]
fn too_large_a_state_is_refused_by_name() {
    let error = encode(&name("big"), &Value::from("x".repeat(MAX_STATE))).unwrap_err();
    assert!(error.to_string().starts_with("the state of rule 'big' has 65"), "{error}");
}

#[test]
fn what_cannot_be_read_says_whose_it_is_and_stays() {
    let scratch = Scratch::new();
    let keeper = scratch.keeper();
    keeper.save("a", b"{not json".to_vec());
    assert!(keeper.settle(PATIENCE));
    let error = keeper.load(&name("a")).unwrap_err();
    assert!(error.to_string().starts_with("what was kept for rule 'a' cannot be read"), "{error}");
    assert_eq!(keeper.rules(), [name("a")]);
}

#[test]
fn a_full_store_is_told_and_taken_up_again_when_there_is_room() {
    let scratch = Scratch::new();
    let options = Options { cap: 64 << 10, ..Options::default() };
    let keeper =
        Keeper::new(Table::open(Arc::new(Disk), &scratch.0.join("state"), options).unwrap()).unwrap();
    for rule in 0..60 {
        save(&keeper, &format!("r{rule}"), &Value::from("x".repeat(1000)));
    }
    assert!(!keeper.settle(PATIENCE));
    assert!(keeper.failure().unwrap().contains("is full"), "{:?}", keeper.failure());
    for rule in 10..60 {
        keeper.forget(&format!("r{rule}"));
    }
    assert!(keeper.settle(PATIENCE), "{:?}", keeper.failure());
    assert_eq!((keeper.rules().len(), keeper.failure()), (10, None));
}

const CHILD: &str = "EDGEKIT_RULES_STATE_CHILD";

/// Not a test of its own: what the next one kills.
#[test]
fn child_that_saves_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let keeper = keeper(Path::new(&folder));
    for count in 1.. {
        // Both rules in one step: after the kill they may differ by what was not acknowledged only.
        save(&keeper, "a", &Value::Int(count));
        save(&keeper, "b", &Value::Int(count));
        assert!(keeper.settle(PATIENCE));
        println!("\nacknowledged {count}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let scratch = Scratch::new();
    let mut before = 0;
    for round in 1..=8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "state::tests::child_that_saves_until_it_is_killed"])
            .env(CHILD, &scratch.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut counts =
            lines.filter_map(|line| line.strip_prefix("acknowledged ").and_then(|count| count.parse().ok()));
        // Killed after another number of states each time, wherever the next write is then.
        let mut acknowledged: i64 = counts.by_ref().nth(round * 3).unwrap();
        child.kill().unwrap();
        acknowledged = counts.last().unwrap_or(acknowledged).max(acknowledged);
        child.wait().unwrap();
        let keeper = scratch.keeper();
        for rule in ["a", "b"] {
            let found = keeper.load(&name(rule)).unwrap().and_then(|state| state.as_integer()).unwrap();
            assert!(found >= i128::from(acknowledged), "{rule}: {found} of {acknowledged}");
            assert!(found <= i128::from(acknowledged) + 1, "{rule}: {found} of {acknowledged}");
        }
        assert!(acknowledged > before || round > 1);
        before = acknowledged;
    }
}
