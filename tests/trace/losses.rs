//! What does not fit is counted and said, never lost in silence.

use super::{can_trace, program, trace};

#[test]
fn a_full_ring_is_in_the_ledger() {
    if !can_trace() {
        return;
    }
    // `begin` runs before anything is read, so that a ring of one page must overflow.
    let text = "begin { $i = 0; while ($i < 1000) { printf(\"%d\\n\", $i); $i++; } }";
    let said = trace(["-q", "--ring", "4K", "-e", text]).ends(0);
    let printed = said.out.lines().filter(|line| !line.is_empty()).count();
    assert!(printed > 50 && printed < 1000, "{printed}");
    let lost = 1000 - printed;
    assert!(said.err.contains(&format!("Lost {lost} events")), "{}", said.err);
    assert!(said.err.contains("begin") && said.err.contains(&format!("{lost} ")), "{}", said.err);
    let said = trace(["-q", "-f", "json", "--ring", "4K", "-e", text]).ends(0);
    assert!(said.out.contains("\"lost_events\""), "{}", said.out);
}

#[test]
fn exit_is_obeyed_when_the_ring_is_full() {
    if !can_trace() {
        return;
    }
    let text =
        "begin { $i = 0; while ($i < 1000) { printf(\"%d\\n\", $i); $i++; } exit(9); } interval:s:60 { }";
    trace(["-q", "--ring", "4K", "-e", text]).ends(9);
}

#[test]
fn a_full_map_is_said() {
    if !can_trace() {
        return;
    }
    let said = program("let @a = hash(2); begin { @a[1] = 1; @a[2] = 2; @a[3] = 3; }").ends(0);
    assert_eq!(said.out.lines().filter(|line| line.starts_with("@a[")).count(), 2);
    assert!(said.err.contains("WARNING: Map full; can't update element"), "{}", said.err);
    let said = program("config = { max_map_keys = 1 } begin { @a[1] = count(); @a[2] = count(); }").ends(0);
    assert!(said.err.contains("Map full"), "{}", said.err);
}

#[test]
fn failures_of_helpers_are_told_with_their_place() {
    if !can_trace() {
        return;
    }
    let text = "begin { @[1] = 1; printf(\"%d\\n\", @[2]); @s = str(8); delete(@, 3); exit(); }";
    let said = trace(["-k", "-e", text]).ends(0);
    let places: Vec<&str> =
        said.err.lines().filter(|line| line.contains("WARNING: ") && line.starts_with("stdin:")).collect();
    assert_eq!(places.len(), 3, "{said:?}");
    assert!(places[0].starts_with("stdin:1:34-38: WARNING: Can't lookup map element"), "{said:?}");
    assert!(said.err.contains("helper: probe_read_kernel_str, retcode: -34"), "{said:?}");
    assert!(places[2].contains("Can't delete map element"), "{said:?}");
    // Without -k the same program only counts.
    assert!(!trace(["-e", text]).ends(0).err.contains("stdin:"));
}
