//! Perf events with a name: software ones, hardware ones, and the units of timers.

/// A perf event as perf_event.h numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerfEvent {
    pub name: &'static str,
    /// Shorter name, empty when there is none.
    pub alias: &'static str,
    pub config: u64,
    /// Events between two samples when the script names no count.
    pub every: u64,
}

const fn event(name: &'static str, alias: &'static str, config: u64, every: u64) -> PerfEvent {
    PerfEvent { name, alias, config, every }
}

/// Counted by the kernel itself; work everywhere.
pub const SOFTWARE: &[PerfEvent] = &[
    event("alignment-faults", "", 7, 1),
    event("bpf-output", "", 10, 1),
    event("context-switches", "cs", 3, 1000),
    event("cpu-clock", "cpu", 0, 1_000_000),
    event("cpu-migrations", "", 4, 1),
    event("dummy", "", 9, 1),
    event("emulation-faults", "", 8, 1),
    event("major-faults", "", 6, 1),
    event("minor-faults", "", 5, 100),
    event("page-faults", "faults", 2, 100),
    event("task-clock", "", 1, 1_000_000),
];

/// Counted by the processor; most virtual machines have none.
pub const HARDWARE: &[PerfEvent] = &[
    event("backend-stalls", "", 8, 1_000_000),
    event("branch-instructions", "branches", 4, 100_000),
    event("branch-misses", "", 5, 100_000),
    event("bus-cycles", "", 6, 100_000),
    event("cache-misses", "", 3, 1_000_000),
    event("cache-references", "", 2, 1_000_000),
    event("cpu-cycles", "cycles", 0, 1_000_000),
    event("frontend-stalls", "", 7, 1_000_000),
    event("instructions", "", 1, 1_000_000),
    event("ref-cycles", "", 9, 1_000_000),
];

/// Units of `profile` and `interval`.
pub const TIME_UNITS: &[&str] = &["hz", "us", "ms", "s"];

/// The software event of a full or short name.
pub fn software(name: &str) -> Option<PerfEvent> {
    find(SOFTWARE, name)
}

/// The hardware event of a full or short name.
pub fn hardware(name: &str) -> Option<PerfEvent> {
    find(HARDWARE, name)
}

fn find(table: &[PerfEvent], name: &str) -> Option<PerfEvent> {
    table.iter().find(|e| e.name == name || (!e.alias.is_empty() && e.alias == name)).copied()
}
