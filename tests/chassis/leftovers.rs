//! Row 2.4: two services in one Host, one panics and returns, 1,000 reloads, drain; nothing is left.

use std::fs;

use rustix::process::Signal;

use super::service::{Service, echoes, free_port};
use crate::harness::Scratch;

/// What may be left over.
#[derive(PartialEq, Eq, Debug)]
struct Counts {
    descriptors: usize,
    threads: usize,
}

impl Service {
    fn counts(&self) -> Counts {
        let count = |what: &str| {
            fs::read_dir(format!("/proc/{}/{what}", self.child.id())).expect("it is there").count()
        };
        // The descriptor of a connection that was just answered may still be open for a moment.
        std::thread::sleep(std::time::Duration::from_millis(50));
        Counts { descriptors: count("fd"), threads: count("task") }
    }

    /// Resident memory in KiB.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

#[test]
fn a_panic_and_a_thousand_reloads_leave_nothing() {
    let scratch = Scratch::new();
    let (one, two) = (free_port(), free_port());
    for name in ["one.txt", "two.txt"] {
        fs::write(scratch.join(name), "begin").expect("written");
    }
    let arguments =
        [format!("one=127.0.0.1:{one},{{}}/one.txt"), format!("two=127.0.0.1:{two},{{}}/two.txt")];
    let arguments = ["--echo", &arguments[0], "--echo", &arguments[1]];
    let mut service = Service::spawn(scratch, &arguments, |_| {});
    assert!(service.told().starts_with("READY=1\nSTATUS=2 of 2"));
    let file = service.scratch.join("one.txt");
    let round = |count: u32, first: u32| {
        for number in first..first + count {
            fs::write(&file, number.to_string()).expect("written");
            let (status, body) = service.ask("POST", "/reload", "");
            assert!(status == 200 && body.contains("\"text\""), "{body}");
        }
    };
    let panic_once = |restarts: u64| {
        fs::write(&file, "panic").expect("written");
        assert!(service.ask("POST", "/reload/one", "").1.contains("panicked: the text is 'panic'"));
        assert!(echoes(two), "the other service is not affected");
        fs::write(&file, "well again").expect("written");
        service.returned("one", restarts);
        assert!(echoes(one) && echoes(two));
    };
    // Once through everything first: what is made on first use is no leftover, and what only the start needed (a
    // thread that writes the time down, kept for a second) must not hide one.
    panic_once(1);
    round(100, 0);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let (before, memory) = (service.counts(), service.resident());
    panic_once(2);
    round(1000, 1000);
    assert_eq!(service.counts(), before);
    let grown = service.resident().saturating_sub(memory);
    assert!(grown <= 256, "resident memory grew by {grown} KiB");
    assert_eq!(service.state("two")["restarts"], 0);
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0), "{}", service.log());
    assert!(!echoes(one) && !service.socket().exists());
    let left: Vec<_> = fs::read_dir(service.scratch.path()).expect("it is there").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains(".sock")), "{left:?}");
}
