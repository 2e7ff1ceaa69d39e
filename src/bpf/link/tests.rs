//! Programs hung on the running kernel, counted and taken down.

use std::{sync::atomic::Ordering, thread::sleep, time::Duration};

use super::*;
use crate::{
    insn::{Insn, Operand, R, Wide},
    ir::{Alu, Width},
    map::{F_MMAPABLE, Map, MapKind, MapSpec, SharedArray},
    prog::ProgKind,
    testing::{load, mov, no_bpf},
};

/// A program that counts its runs for each CPU (up to 64), and the counters.
fn counter(kind: ProgKind) -> (Program, SharedArray) {
    const GET_CPU: i32 = 8;
    let spec = MapSpec { flags: F_MMAPABLE, ..MapSpec::array("runs", MapKind::Array, 64 * 8, 1) };
    let map = Map::create(spec).unwrap();
    let alu = |op, dst, src| Insn::Alu { op, w32: false, dst: R(dst), src };
    let prog = load(
        kind,
        &[
            Insn::Call { helper: GET_CPU },
            alu(Alu::And, 0, Operand::Imm(63)),
            alu(Alu::Lsh, 0, Operand::Imm(3)),
            Insn::LoadWide { dst: R(1), value: Wide::MapValue { fd: map.raw_fd(), off: 0 } },
            alu(Alu::Add, 1, Operand::Reg(R(0))),
            mov(2, 1),
            Insn::AtomicAdd { base: R(1), off: 0, src: R(2), width: Width::B8 },
            mov(0, 0),
            Insn::Exit,
        ],
    );
    (prog, map.share().unwrap())
}

fn total(counts: &SharedArray) -> u64 {
    counts.words().iter().map(|w| w.load(Ordering::Relaxed)).sum()
}

/// Waits until `done`, at most 5 s.
fn eventually(done: impl Fn() -> bool) -> bool {
    for _ in 0..500 {
        if done() {
            return true;
        }
        sleep(Duration::from_millis(10));
    }
    false
}

fn tracefs_id(event: &str) -> Option<u64> {
    let roots = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    roots
        .iter()
        .find_map(|r| std::fs::read_to_string(format!("{r}/events/{event}/id")).ok()?.trim().parse().ok())
}

/// After detaching, nothing counts any more.
fn stops(links: impl Sized, counts: &SharedArray) {
    drop(links);
    sleep(Duration::from_millis(50));
    let at = total(counts);
    sleep(Duration::from_millis(50));
    assert_eq!(total(counts), at, "still attached");
}

#[test]
fn one_tracepoint_event_serves_all_cpus() {
    if no_bpf() {
        return;
    }
    let Some(id) = tracefs_id("sched/sched_switch") else {
        eprintln!("skipped: tracefs is not mounted");
        return;
    };
    let (prog, counts) = counter(ProgKind::Tracepoint);
    let link = tracepoint(&prog, id).unwrap();
    // Sleeping switches on whichever CPU this thread is; kernel threads cover the others.
    let cpus = online_cpus().unwrap();
    let everywhere = || cpus.iter().all(|&c| counts.words()[c as usize & 63].load(Ordering::Relaxed) > 0);
    assert!(eventually(everywhere), "only {:?}", counts.words());
    stops(link, &counts);
}

#[test]
fn many_are_detached_at_once() {
    if no_bpf() {
        return;
    }
    let Some(id) = tracefs_id("sched/sched_switch") else {
        eprintln!("skipped: tracefs is not mounted");
        return;
    };
    let (prog, counts) = counter(ProgKind::Tracepoint);
    let mut links = vec![tracepoint(&prog, id).unwrap()];
    assert_eq!(tracepoint(&prog, id).unwrap_err().errno(), Some(libc::EEXIST), "once for each program");
    for event in
        ["sched/sched_wakeup", "sched/sched_process_exit", "sched/sched_process_fork", "sched/sched_waking"]
    {
        links.push(tracepoint(&prog, tracefs_id(event).unwrap()).unwrap());
    }
    let (clock, ticks) = counter(ProgKind::PerfEvent);
    links.push(interval(&clock, Sample::Frequency(999)).unwrap());
    assert!(eventually(|| total(&counts) > 0 && total(&ticks) > 0));
    detach_all(links);
    let at = (total(&counts), total(&ticks));
    sleep(Duration::from_millis(50));
    assert_eq!((total(&counts), total(&ticks)), at, "still attached");
}

#[test]
fn raw_tracepoint_by_name() {
    if no_bpf() {
        return;
    }
    let (prog, counts) = counter(ProgKind::RawTracepoint);
    let link = raw_tracepoint(&prog, "sched_switch").unwrap();
    assert!(eventually(|| total(&counts) > 0));
    stops(link, &counts);
    let error = raw_tracepoint(&prog, "no_such_event").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot attach to raw tracepoint \"no_such_event\": no such file or directory"
    );
    assert!(error.hint().is_some());
}

#[test]
fn typed_tracepoint() {
    if no_bpf() {
        return;
    }
    let Ok(types) = crate::btf::Index::vmlinux() else {
        eprintln!("skipped: no BTF");
        return;
    };
    let Some(ty) = types.typedef_named("btf_trace_sched_switch") else { panic!("no typedef") };
    let (prog, counts) = counter(ProgKind::TpBtf { btf_id: ty.id() });
    let link = tracing(&prog).unwrap();
    assert!(eventually(|| total(&counts) > 0));
    stops(link, &counts);
}

#[test]
fn clocks() {
    if no_bpf() {
        return;
    }
    let (prog, counts) = counter(ProgKind::PerfEvent);
    let link = interval(&prog, Sample::Period(5_000_000)).unwrap();
    assert!(eventually(|| total(&counts) >= 5));
    let cpus = counts.words().iter().filter(|w| w.load(Ordering::Relaxed) > 0).count();
    assert_eq!(cpus, 1, "an interval fires on one CPU");
    stops(link, &counts);

    let (prog, counts) = counter(ProgKind::PerfEvent);
    let links = profile(&prog, Sample::Frequency(999)).unwrap();
    let online = online_cpus().unwrap().len();
    assert_eq!(links.len(), online);
    let used = || counts.words().iter().filter(|w| w.load(Ordering::Relaxed) > 0).count();
    assert!(eventually(|| used() == online.min(64)));
    stops(links, &counts);
}

#[test]
fn wrong_number_is_an_error() {
    if no_bpf() {
        return;
    }
    let (prog, _) = counter(ProgKind::Tracepoint);
    assert!(tracepoint(&prog, 0xffff_ffff).is_err());
}
