//! Known work, exact answers. The same script runs in the virtual machines.

use std::process::Command;

use super::can_trace;
use crate::harness::{binary, root, say};

#[test]
fn five_programs_give_their_exact_counts() {
    if !can_trace() {
        return;
    }
    let script = root().join("tests/trace/exact/compare.sh");
    let said = say(Command::new("sh").arg(script).arg(binary())).ends(0);
    assert_eq!(said.out, "ok   numbers\nok   opens\nok   forks\nok   writes\nok   execs\n");
}
