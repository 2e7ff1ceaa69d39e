//! Kinds of probe: a program that does nothing is loaded and really attached, for an instant, to something quiet.

use std::{ffi::CString, fs, os::fd::AsFd, path::Path};

use super::{
    Feature, Support,
    helpers::{load, mov},
};
use crate::{
    btf::Index,
    error::{Error, Result},
    insn::Insn,
    link::{self, Event, Sample},
    map::online_cpus,
    prog::{ProgKind, Program},
    sys::{
        self,
        perf::{self, Open},
    },
};

/// A function that every kernel has, can be traced, and is called seldom.
const FUNCTION: &str = "do_nanosleep";
const EVENT: &str = "sched_process_exec";
const PMU: &str = "/sys/bus/event_source/devices";

pub(super) fn probe(feature: Feature) -> Result<Support> {
    use Feature as F;
    match feature {
        F::Tracepoint => tracepoint(),
        F::RawTracepoint => {
            link::raw_tracepoint(&nothing(ProgKind::RawTracepoint)?, EVENT).map(|_| Support::yes())
        }
        F::TpBtf => tracing(&format!("btf_trace_{EVENT}"), |btf_id| ProgKind::TpBtf { btf_id }),
        F::Fentry => tracing(FUNCTION, |btf_id| ProgKind::Fentry { btf_id }),
        F::Fexit => tracing(FUNCTION, |btf_id| ProgKind::Fexit { btf_id }),
        F::Lsm => lsm(),
        F::Iter => iter(),
        F::Kprobe => probe_pmu("kprobe", false),
        F::Kretprobe => probe_pmu("kprobe", true),
        F::Uprobe => probe_pmu("uprobe", false),
        F::Uretprobe => probe_pmu("uprobe", true),
        F::KprobeMulti => multi(sys::Multi::Kprobe { symbol: FUNCTION }),
        F::UprobeMulti => {
            let (path, offset) = own_code()?;
            multi(sys::Multi::Uprobe { path: &path, offset })
        }
        F::PerfHardware => hardware(),
        // `PerfSoftware`, and nothing else comes here.
        _ => event(Event::CpuClock),
    }
}

fn nothing(kind: ProgKind) -> Result<Program> {
    load(kind, &[mov(0, 0), Insn::Exit])
}

fn failed(what: &str) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Attach { what, source }
}

fn tracepoint() -> Result<Support> {
    let roots = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    let ids = roots.map(|r| fs::read_to_string(format!("{r}/events/sched/{EVENT}/id")));
    let Some(id) = ids.iter().flatten().find_map(|text| text.trim().parse().ok()) else {
        return Ok(Support::no(match Path::new(roots[0]).exists() {
            true => "tracefs is not mounted, or not readable, at /sys/kernel/tracing",
            false => "the kernel has no tracefs",
        }));
    };
    link::tracepoint(&nothing(ProgKind::Tracepoint)?, id).map(|_| Support::yes())
}

/// Programs attached by type id; typed tracepoints go by a typedef, the rest by a function.
fn tracing(name: &str, kind: impl FnOnce(u32) -> ProgKind) -> Result<Support> {
    let types = Index::vmlinux()?;
    let Some(ty) = types.typedef_named(name).or_else(|| types.func_named(name)) else {
        return Ok(Support::no(format!("the kernel's type information has no \"{name}\"")));
    };
    link::tracing(&nothing(kind(ty.id()))?).map(|_| Support::yes())
}

fn lsm() -> Result<Support> {
    if let Ok(active) = fs::read_to_string("/sys/kernel/security/lsm")
        && !active.trim().split(',').any(|m| m == "bpf")
    {
        return Ok(Support::no("\"bpf\" is not among the active security modules (boot option lsm=)"));
    }
    // A hook without a verdict.
    tracing("bpf_lsm_bprm_committed_creds", |btf_id| ProgKind::Lsm { btf_id })
}

fn iter() -> Result<Support> {
    let types = Index::vmlinux()?;
    let Some(ty) = types.func_named("bpf_iter_task") else {
        return Ok(Support::no("the kernel has no task iterator"));
    };
    let prog = nothing(ProgKind::Iter { btf_id: ty.id() })?;
    sys::link_iter(prog.as_fd()).map_err(failed("the task iterator")).map(|_| Support::yes())
}

fn event(event: Event) -> Result<Support> {
    let cpu = online_cpus()?.first().copied().unwrap_or(0);
    let prog = nothing(ProgKind::PerfEvent)?;
    link::event_on(&prog, event, Sample::Period(1_000_000_000), cpu).map(|_| Support::yes())
}

fn hardware() -> Result<Support> {
    const CYCLES: u64 = 0;
    match event(Event::Hardware(CYCLES)) {
        Err(e) if matches!(e.errno(), Some(libc::ENOENT | libc::EOPNOTSUPP)) => {
            Ok(Support::no("no hardware counters here (usual in a virtual machine)"))
        }
        other => other,
    }
}

/// kprobe and uprobe by perf event (kernel 4.17).
fn probe_pmu(pmu: &str, on_return: bool) -> Result<Support> {
    let kind = fs::read_to_string(format!("{PMU}/{pmu}/type")).ok().and_then(|t| t.trim().parse().ok());
    let prog = nothing(ProgKind::Kprobe)?;
    let Some(kind) = kind else {
        return Err(failed(pmu)(std::io::Error::from_raw_os_error(libc::ENOENT)));
    };
    let (name, offset) = match pmu {
        "kprobe" => (FUNCTION.to_owned(), 0),
        _ => own_code()?,
    };
    let name = CString::new(name).map_err(|e| failed(pmu)(e.into()))?;
    let open = Open {
        kind,
        config: u64::from(on_return),
        sample: Sample::Period(1),
        pid: -1,
        cpu: online_cpus()?.first().map_or(0, |&c| c as i32),
        disabled: true,
        place: Some((&name, offset)),
    };
    let event = perf::open(open).map_err(failed(pmu))?;
    perf::set_bpf(event.as_fd(), prog.as_fd()).map_err(failed(pmu)).map(|()| Support::yes())
}

fn multi(place: sys::Multi<'_>) -> Result<Support> {
    let what = place.name();
    let prog = load_multi(&place)?;
    sys::link_multi(prog.as_fd(), &place).map_err(failed(what)).map(|_| Support::yes())
}

fn load_multi(place: &sys::Multi<'_>) -> Result<Program> {
    nothing(match place {
        sys::Multi::Kprobe { .. } => ProgKind::KprobeMulti,
        sys::Multi::Uprobe { .. } => ProgKind::UprobeMulti,
    })
}

/// Where the machine code of a function of ours lies in its file.
fn own_code() -> Result<(String, u64)> {
    let failed = failed("the code of this program");
    let address = nothing as fn(ProgKind) -> Result<Program> as usize as u64;
    let maps = match fs::read_to_string("/proc/self/maps") {
        Ok(maps) => maps,
        Err(e) => return Err(failed(e)),
    };
    let found = maps.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let hex = |s| u64::from_str_radix(s, 16).ok();
        let (start, end) = (hex(start)?, hex(end)?);
        let offset = hex(words.nth(1)?)?;
        (start..end).contains(&address).then_some(address - start + offset)
    });
    match found {
        Some(offset) => Ok(("/proc/self/exe".to_owned(), offset)),
        None => Err(failed(std::io::Error::from_raw_os_error(libc::ENOENT))),
    }
}
