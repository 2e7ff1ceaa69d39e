//! Format files, wildcards and near names, on a made-up tracefs.

use super::*;

const SWITCH: &[u8] = b"name: sched_switch
ID: 372
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;

\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;
\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;
\tfield:__data_loc char[] filename;\toffset:28;\tsize:4;\tsigned:0;
\tfield:__rel_loc u64[] addrs;\toffset:32;\tsize:4;\tsigned:0;
\tfield:const char *const * argv;\toffset:40;\tsize:8;\tsigned:0;
\tfield:unsigned long args[];\toffset:48;\tsize:0;\tsigned:0;
\tfield:char comm[TASK_COMM_LEN];\toffset:48;\tsize:16;\tsigned:0;

print fmt: \"field:broken\"
";

#[test]
fn a_format_is_read_whole() {
    let format = Format::parse(SWITCH).expect("parses");
    assert_eq!((format.id, format.fields.len()), (372, 8));
    let names: Vec<&str> = format.arguments().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["prev_comm", "prev_pid", "filename", "addrs", "argv", "args", "comm"]);
    let shown: Vec<String> = format.arguments().map(FormatField::declared_type).collect();
    assert_eq!(
        shown,
        [
            "char[16]",
            "pid_t",
            "__data_loc char[]",
            "__rel_loc u64[]",
            "const char *const *",
            "unsigned long[]",
            "char[16]"
        ]
    );
    let pid = format.field("prev_pid").expect("is there");
    assert_eq!((pid.offset, pid.size, pid.signed), (24, 4, true));
    assert_eq!(format.field("filename").and_then(|f| f.data_loc), Some(Loc::Record));
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    let line = |text: &[u8]| match Format::parse(text) {
        Err(FormatError::Line { line, .. }) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line(b"ID: x"), 1);
    assert_eq!(line(b"ID: 1\nfield:int;\toffset:0;\tsize:4;"), 2);
    assert_eq!(line(b"ID: 1\nfield:int a; size:4;"), 2);
    assert_eq!(line(b"ID: 1\nfield:int a; offset:4294967295; size:4;"), 2);
    assert_eq!(line(b"ID: 1\n\nfield:int a]; offset:0; size:4;"), 3);
    assert_eq!(line(b"ID: 1\nfield:\xff\xfe; offset:0; size:4;"), 2);
    assert_eq!(Format::parse(b"").unwrap_err(), FormatError::NoId);
}

#[test]
fn no_prefix_of_a_format_panics() {
    for end in 0..SWITCH.len() {
        drop(Format::parse(&SWITCH[..end]));
        let mut broken = SWITCH.to_vec();
        broken[end] ^= 0x5d;
        drop(Format::parse(&broken));
    }
}

#[test]
fn wildcards() {
    for (pattern, name, expected) in [
        ("*", "", true),
        ("sys_*", "sys_enter", true),
        ("*open*at", "sys_enter_openat", true),
        ("*open*at", "sys_enter_openat2", false),
        ("sched_?witch", "sched_switch", true),
        ("[a-s]x", "sx", true),
        ("[!a-s]x", "sx", false),
        ("[]]", "]", true),
        ("[a", "[a", true),
        ("a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
}

/// A tracefs of two tracepoints.
fn fixture() -> (tempdir::TempDir, Probes) {
    let dir = tempdir::TempDir::new();
    for (category, event) in [("syscalls", "sys_enter_openat"), ("sched", "sched_switch")] {
        let path = dir.path().join("events").join(category).join(event);
        fs::create_dir_all(&path).expect("writable");
        fs::write(path.join("format"), SWITCH).expect("writable");
    }
    fs::write(dir.path().join("events/sched/enable"), "0").expect("writable");
    fs::write(dir.path().join("available_events"), "syscalls:sys_enter_openat\nsched:sched_switch\n")
        .expect("writable");
    let probes = Probes::at(dir.path());
    (dir, probes)
}

#[test]
fn patterns_are_expanded_and_names_are_exact() {
    let (_dir, probes) = fixture();
    let expand = |c, e| probes.expand(c, e).expect("readable").len();
    assert_eq!(expand("sched", "sched_switch"), 1);
    assert_eq!(expand("sched", "sched_swich"), 0);
    assert_eq!(expand("sched", "*"), 1);
    assert_eq!(expand("*", "*"), 2);
    assert_eq!(expand("../events/sched", "sched_switch"), 0);
    assert_eq!(expand("nothing", "*"), 0);
    assert_eq!(probes.raw().expect("readable"), ["sched_switch"]);
}

#[test]
fn near_names() {
    let (_dir, probes) = fixture();
    assert_eq!(probes.near("sched", "sched_swich"), ["sched:sched_switch"]);
    assert_eq!(probes.near("syscall", "sys_enter_openat"), ["syscalls:sys_enter_openat"]);
    assert_eq!(probes.near("syscalls", "openat"), ["syscalls:sys_enter_openat"]);
    assert_eq!(probes.near_raw("sched_swtich"), ["sched_switch"]);
}

mod tempdir {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);

    /// A directory that goes when it is dropped.
    pub(super) struct TempDir(PathBuf);

    impl TempDir {
        pub(super) fn new() -> TempDir {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("edgekit-probes-{}-{number}", std::process::id()));
            std::fs::create_dir_all(&path).expect("writable");
            TempDir(path)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}
