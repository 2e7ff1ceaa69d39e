//! What this kernel and this process can do, each found out by trying it, with the reason when it fails.
//!
//! `trace doctor` prints these; the compiler asks single ones before it picks between two ways. Nothing is tried
//! until asked, and each answer costs one or two system calls, attaching aside. Neighbours: `config` knows build
//! options, capabilities and lockdown for the reasons; `helpers` and `attach` hold the tiny programs.

mod attach;
mod config;
mod helpers;

pub use config::{build_option, kernel_at_least, kernel_version, lockdown, missing_capabilities};

use crate::error::{Error, Why};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    pub works: bool,
    /// Why it does not work; empty, or a remark, when it does.
    pub why: String,
}

impl Support {
    fn yes() -> Support {
        Support { works: true, why: String::new() }
    }

    fn no(why: impl Into<String>) -> Support {
        Support { works: false, why: why.into() }
    }
}

macro_rules! features {
    ($($(#[$doc:meta])* $variant:ident, $group:ident, $name:literal;)*) => {
        /// Something a tracer may use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Feature { $($(#[$doc])* $variant,)* }

        impl Feature {
            /// All of them, in the order of a report.
            pub const ALL: &[Feature] = &[$(Feature::$variant,)*];

            /// As it is called in reports and by `--no-feature`.
            pub fn name(self) -> &'static str {
                match self { $(Feature::$variant => $name,)* }
            }

            pub fn group(self) -> Group {
                match self { $(Feature::$variant => Group::$group,)* }
            }
        }
    };
}

/// Headings of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    Probe,
    Map,
    Helper,
    Kernel,
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Group::Probe => "probes",
            Group::Map => "maps",
            Group::Helper => "helpers",
            Group::Kernel => "kernel",
        }
    }
}

features! {
    Tracepoint, Probe, "tracepoint";
    RawTracepoint, Probe, "rawtracepoint";
    /// Raw tracepoint with typed arguments.
    TpBtf, Probe, "tp_btf";
    Kprobe, Probe, "kprobe";
    Kretprobe, Probe, "kretprobe";
    KprobeMulti, Probe, "kprobe_multi";
    Fentry, Probe, "fentry";
    Fexit, Probe, "fexit";
    Uprobe, Probe, "uprobe";
    Uretprobe, Probe, "uretprobe";
    UprobeMulti, Probe, "uprobe_multi";
    /// Clocks: what `profile` and `interval` use.
    PerfSoftware, Probe, "software";
    PerfHardware, Probe, "hardware";
    Iter, Probe, "iter";
    Lsm, Probe, "lsm";
    Hash, Map, "hash";
    PerCpuHash, Map, "percpu_hash";
    LruHash, Map, "lru_hash";
    PerCpuArray, Map, "percpu_array";
    RingBuf, Map, "ringbuf";
    PerfEventArray, Map, "perf_event_array";
    StackTrace, Map, "stack_trace";
    /// Reading thousands of elements in one call.
    MapBatch, Map, "map_batch";
    /// Arrays shared as memory.
    MapShared, Map, "map_mmap";
    ProbeReadKernel, Helper, "probe_read_kernel";
    BootClock, Helper, "ktime_get_boot_ns";
    TaiClock, Helper, "ktime_get_tai_ns";
    ForEachMapElem, Helper, "for_each_map_elem";
    Loop, Helper, "loop";
    LookupPerCpu, Helper, "map_lookup_percpu_elem";
    AttachCookie, Helper, "get_attach_cookie";
    FuncIp, Helper, "get_func_ip";
    CgroupId, Helper, "get_current_cgroup_id";
    CurrentTaskBtf, Helper, "get_current_task_btf";
    SendSignal, Helper, "send_signal";
    Strncmp, Helper, "strncmp";
    /// Type information of the kernel.
    Btf, Kernel, "btf";
    /// Loops in programs.
    BoundedLoops, Kernel, "bounded_loops";
    /// Atomic operations that return the old value.
    AtomicFetch, Kernel, "atomic_fetch";
    /// Running a program from user space, as `begin` and `end` do.
    TestRun, Kernel, "test_run";
    /// Perf events as links, which carry cookies.
    PerfLink, Kernel, "perf_link";
}

impl Feature {
    /// Tries it.
    pub fn probe(self) -> Support {
        use Feature as F;
        let tried = match self.group() {
            Group::Probe => attach::probe(self),
            _ => helpers::probe(self),
        };
        let too_old = self.since().filter(|&(major, minor)| !kernel_at_least(major, minor));
        let error = match (tried, too_old) {
            (Ok(support), _) if support.works => return support,
            (_, Some((major, minor))) => return Support::no(format!("needs kernel {major}.{minor}")),
            (Ok(support), None) => return support,
            (Err(error), None) => error,
        };
        // Build options that rule a feature out, most telling first.
        let options: &[&str] = match self {
            F::Kprobe | F::Kretprobe => &["CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS", "CONFIG_BPF_EVENTS"],
            F::KprobeMulti => &["CONFIG_FPROBE", "CONFIG_KPROBES", "CONFIG_BPF_EVENTS"],
            F::Uprobe | F::Uretprobe | F::UprobeMulti => &["CONFIG_UPROBE_EVENTS", "CONFIG_BPF_EVENTS"],
            F::Fentry | F::Fexit => {
                &["CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_JIT"]
            }
            F::Lsm => &["CONFIG_BPF_LSM", "CONFIG_DEBUG_INFO_BTF"],
            F::TpBtf | F::Iter | F::Btf => &["CONFIG_DEBUG_INFO_BTF"],
            F::PerfSoftware | F::PerfHardware => &["CONFIG_PERF_EVENTS"],
            F::Tracepoint | F::RawTracepoint => &["CONFIG_BPF_EVENTS", "CONFIG_TRACEPOINTS"],
            _ => &[],
        };
        Support::no(reason(&error, options))
    }
}

impl Feature {
    /// The kernel that brought it; `None` for what is older than any kernel we run on. Used for reasons only:
    /// distributions bring features to older kernels.
    fn since(self) -> Option<(u8, u8)> {
        use Feature as F;
        Some(match self {
            F::CgroupId => (4, 18),
            F::SendSignal | F::BoundedLoops => (5, 3),
            F::TpBtf | F::Fentry | F::Fexit | F::ProbeReadKernel | F::MapShared => (5, 5),
            F::MapBatch => (5, 6),
            F::Lsm => (5, 7),
            F::RingBuf | F::Iter | F::BootClock => (5, 8),
            F::TestRun => (5, 10),
            F::CurrentTaskBtf => (5, 11),
            F::AtomicFetch => (5, 12),
            F::ForEachMapElem => (5, 13),
            F::AttachCookie | F::FuncIp | F::PerfLink => (5, 15),
            F::Loop | F::Strncmp => (5, 17),
            F::KprobeMulti => (5, 18),
            F::LookupPerCpu => (5, 19),
            F::TaiClock => (6, 1),
            F::UprobeMulti => (6, 6),
            _ => return None,
        })
    }
}

/// A build option that rules the feature out; else the error, and what is known about this machine that explains
/// it.
fn reason(error: &Error, options: &[&str]) -> String {
    if let Some(off) = options.iter().find(|o| build_option(o).is_some_and(|v| v == "n")) {
        return format!("the kernel is built without {off}");
    }
    let words = match error {
        Error::Verifier { log, errno, .. } => crate::verifier::last_message(log)
            .map_or_else(|| Why(&std::io::Error::from_raw_os_error(*errno)).to_string(), str::to_owned),
        Error::Load { source, .. } => format!("cannot load: {}", Why(source)),
        Error::Attach { source, .. } => format!("cannot attach: {}", Why(source)),
        other => other.to_string(),
    };
    let gates = if error.is_permission() { config::gates() } else { Vec::new() };
    [vec![words], gates].concat().join("; ")
}

#[cfg(test)]
mod tests;
