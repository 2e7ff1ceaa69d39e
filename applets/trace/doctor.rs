//! What this kernel lets a tracer do, and why not: `edgekit trace doctor`, `--info`, and our part of
//! `edgekit doctor`.
//!
//! Every answer is found by trying, not by reading a version number. Neighbours: `edgekit_bpf::feature` tries,
//! `probes` finds tracefs.

use std::io::{self, Write};

use edgekit_bpf::feature::{Feature, Group, Support, missing_capabilities};
use edgekit_core::{Ctx, Error, Exit, Finding, Status, json};

use crate::probes::Probes;

/// Without these no program of ours runs.
const NEEDED: &[Feature] = &[Feature::Tracepoint, Feature::PerfSoftware, Feature::RingBuf];

/// Probes that the language of this build does not have yet, whatever the kernel says.
const NOT_YET: &[Feature] = &[
    Feature::TpBtf,
    Feature::Kprobe,
    Feature::Kretprobe,
    Feature::KprobeMulti,
    Feature::Fentry,
    Feature::Fexit,
    Feature::Uprobe,
    Feature::Uretprobe,
    Feature::UprobeMulti,
    Feature::Iter,
    Feature::Lsm,
];

/// Everything there is to say about this machine.
pub(crate) fn findings() -> Vec<Finding> {
    let machine = [rights(), tracefs()];
    machine.into_iter().chain(Feature::ALL.iter().map(|feature| finding(*feature))).collect()
}

fn finding(feature: Feature) -> Finding {
    let Support { works, why } = feature.probe();
    let status = if works { Status::Works } else { Status::Missing };
    let detail = match (works, NOT_YET.contains(&feature)) {
        (true, true) if why.is_empty() => "the kernel has it; this build does not use it yet".to_owned(),
        _ => why,
    };
    Finding::new(format!("{}.{}", feature.group().name(), feature.name()), status, detail)
}

fn rights() -> Finding {
    let missing = missing_capabilities();
    if missing.is_empty() {
        return Finding::new("capabilities", Status::Works, "");
    }
    Finding::new("capabilities", Status::Missing, format!("this process lacks {}", missing.join(" and ")))
        .hint(format!("run it as root, or with {}", missing.join(" and ")))
}

fn tracefs() -> Finding {
    match Probes::new().tracefs() {
        Ok(path) => Finding::new("tracefs", Status::Works, path.display().to_string()),
        Err(error) => {
            let finding = Finding::new("tracefs", Status::Missing, error.to_string());
            match error.hint() {
                Some(hint) => finding.hint(hint),
                None => finding,
            }
        }
    }
}

/// `edgekit trace doctor`: the code is 1 when not even tracepoints can be traced.
pub(crate) fn run(ctx: &mut Ctx, as_json: bool) -> Result<Exit, Error> {
    let findings = findings();
    let out = ctx.out()?;
    if as_json {
        for finding in &findings {
            json::write_line(out, "trace.feature", finding.to_json())?;
        }
    } else {
        write_text(out, &findings)?;
    }
    let needed = |feature: &&Feature| {
        let name = format!("{}.{}", feature.group().name(), feature.name());
        !findings.iter().any(|f| f.name == name && f.status == Status::Works)
    };
    Ok(if NEEDED.iter().any(|feature| needed(&feature)) { Exit::NO } else { Exit::OK })
}

fn write_text(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    let kernel = rustix::system::uname();
    writeln!(out, "kernel {}, {}", kernel.release().to_string_lossy(), kernel.machine().to_string_lossy())?;
    let mut heading = "";
    for finding in findings {
        let (group, name) = finding.name.split_once('.').unwrap_or(("", &finding.name));
        if group != heading {
            writeln!(out, "\n{group}")?;
            heading = group;
        }
        let line = format!("  {name:<24} {:<8} {}", finding.status.word(), finding.detail);
        writeln!(out, "{}", line.trim_end())?;
        if let Some(hint) = &finding.hint {
            writeln!(out, "  {:<24} {:<8} hint: {hint}", "", "")?;
        }
    }
    Ok(())
}

/// Lines of bpftrace's `--info`, by the names that scripts look for.
const INFO: &[(&str, &str, Feature)] = &[
    ("Kernel helpers", "probe_read_kernel", Feature::ProbeReadKernel),
    ("Kernel helpers", "get_boot_ns", Feature::BootClock),
    // bpftrace's own spelling of the atomic clock's helper.
    ("Kernel helpers", "get_ktime_ns", Feature::TaiClock),
    ("Kernel helpers", "send_signal", Feature::SendSignal),
    ("Kernel helpers", "get_func_ip", Feature::FuncIp),
    ("Kernel helpers", "lookup_percpu_elem", Feature::LookupPerCpu),
    ("Kernel helpers", "for_each_map_elem", Feature::ForEachMapElem),
    ("Kernel helpers", "get_current_cgroup_id", Feature::CgroupId),
    ("Kernel features", "Loop support", Feature::BoundedLoops),
    ("Kernel features", "btf", Feature::Btf),
    ("Map types", "hash", Feature::Hash),
    ("Map types", "percpu hash", Feature::PerCpuHash),
    ("Map types", "stack_trace", Feature::StackTrace),
    ("Map types", "ringbuf", Feature::RingBuf),
    ("Probe types", "tracepoint", Feature::Tracepoint),
    ("Probe types", "raw_tp", Feature::RawTracepoint),
    ("Probe types", "perf_event", Feature::PerfSoftware),
];

/// Probe types that bpftrace lists and we do not offer yet.
const NOT_OFFERED: &[&str] = &["kprobe", "fentry", "kprobe_multi", "kprobe_session", "uprobe_multi", "iter"];

/// `--info`: what works, in bpftrace's shape.
pub(crate) fn info(ctx: &mut Ctx) -> Result<Exit, Error> {
    let word = |works: bool| if works { "yes" } else { "no" };
    let out = ctx.out()?;
    let mut heading = "";
    for (group, name, feature) in INFO {
        if *group != heading {
            writeln!(out, "{}{group}", if heading.is_empty() { "" } else { "\n" })?;
            heading = group;
        }
        writeln!(out, "  {name}: {}", word(feature.probe().works))?;
    }
    for name in NOT_OFFERED {
        writeln!(out, "  {name}: no")?;
    }
    Ok(Exit::OK)
}

/// The groups whose findings `edgekit doctor` shows in one line each.
pub(crate) fn summary() -> Vec<Finding> {
    let mut lines = vec![rights(), tracefs()];
    for group in [Group::Probe, Group::Map, Group::Helper, Group::Kernel] {
        let of_group = Feature::ALL.iter().filter(|feature| feature.group() == group);
        let (mut works, mut missing) = (0, Vec::new());
        for feature in of_group {
            match feature.probe().works {
                true => works += 1,
                false => missing.push(feature.name()),
            }
        }
        let (status, detail) = match missing.as_slice() {
            [] => (Status::Works, format!("all {works}")),
            _ if works == 0 => (Status::Missing, "none".to_owned()),
            some => (Status::Limited, format!("{works} work, not {}", some.join(", "))),
        };
        let finding = Finding::new(group.name(), status, detail);
        lines.push(match status {
            Status::Works => finding,
            _ => finding.hint("see 'edgekit trace doctor' for the reasons"),
        });
    }
    lines
}
