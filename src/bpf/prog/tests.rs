//! Programs loaded, refused and run by the running kernel.

use super::*;
use crate::{
    btf::{Builder, Linkage},
    feature::Feature,
    insn::{Insn, R, Wide},
    ir::Width,
    testing::{asm, copy, load, mov, no_bpf},
};

#[test]
fn runs_and_is_counted() {
    if no_bpf() {
        return;
    }
    let prog = load(ProgKind::RawTracepoint, &[mov(0, 42), Insn::Exit]);
    let _on = enable_stats().unwrap();
    for _ in 0..3 {
        assert_eq!(prog.test_run(&[]).unwrap(), 42);
    }
    let stats = prog.stats().unwrap();
    assert!(stats.id > 0 && stats.jited_len > 0);
    // Zero from kernels that do not count them.
    assert!(matches!(stats.verified_insns, 0 | 2));
    assert_eq!(stats.recursion_misses, 0);
}

#[test]
fn arguments_reach_a_test_run() {
    if no_bpf() {
        return;
    }
    let second = Insn::Load { dst: R(0), base: R(1), off: 8, width: Width::B8 };
    let prog = load(ProgKind::RawTracepoint, &[second, Insn::Exit]);
    assert_eq!(prog.test_run(&[5, 6]).unwrap(), 6);
    assert_eq!(prog.test_run_on(&[5, 7], 0).unwrap(), 7);
    assert_eq!(prog.test_run(&[5]).unwrap_err().errno(), Some(libc::EINVAL), "it reads a second argument");
}

#[test]
fn refusal_names_the_instruction() {
    if no_bpf() {
        return;
    }
    let wild = Insn::Load { dst: R(0), base: R(2), off: 0, width: Width::B8 };
    let words = asm(&[mov(0, 0), mov(2, 4096), wild, Insn::Exit]);
    let error = Program::load(&ProgSpec::new("wild", ProgKind::RawTracepoint, &words)).unwrap_err();
    let Error::Verifier { insn, ref log, errno, .. } = error else { panic!("{error}") };
    assert_eq!((insn, errno), (Some(2), libc::EACCES), "{log}");
    assert!(verifier::explain(log).cause.contains("used as an address"), "{log}");
}

#[test]
fn long_logs_are_bounded() {
    if no_bpf() {
        return;
    }
    // Thousands of lines before the fault.
    let mut insns = vec![mov(1, 1); 100_000];
    insns.push(Insn::Load { dst: R(0), base: R(1), off: 0, width: Width::B8 });
    insns.push(Insn::Exit);
    let words = asm(&insns);
    let error = Program::load(&ProgSpec::new("long", ProgKind::RawTracepoint, &words)).unwrap_err();
    let Error::Verifier { insn, ref log, .. } = error else { panic!("{error}") };
    assert_eq!(insn, Some(100_000));
    assert!(log.len() <= 16 << 20);
}

#[test]
fn verbose_load_returns_the_log() {
    if no_bpf() {
        return;
    }
    let words = asm(&[mov(0, 0), Insn::Exit]);
    let (_prog, log) = Program::load_verbose(&ProgSpec::new("ok", ProgKind::RawTracepoint, &words)).unwrap();
    assert!(log.contains("processed 2 insns"), "{log}");
}

/// bpf_loop calls back a static function, which the verifier takes only with its type.
#[test]
fn callback_with_types() {
    const LOOP: i32 = 181;
    if no_bpf() {
        return;
    }
    let callbacks = Feature::Loop.probe();
    if !callbacks.works {
        eprintln!("skipped: bpf_loop {}", callbacks.why);
        return;
    }
    let mut b = Builder::new();
    let int = b.int("int", 4, true);
    let long = b.int("long", 8, true);
    let ptr = b.ptr(0);
    let entry_proto = b.func_proto(int, &[("ctx", ptr)]);
    let entry = b.func("entry", entry_proto, Linkage::Global);
    let body_proto = b.func_proto(long, &[("index", int), ("ctx", ptr)]);
    let body = b.func("body", body_proto, Linkage::Static);
    let btf = b.load().unwrap();
    let words = asm(&[
        mov(1, 1000),
        // Two words, counted from the second: the callback is word 7.
        Insn::LoadWide { dst: R(2), value: Wide::Func(5) },
        mov(3, 0),
        mov(4, 0),
        Insn::Call { helper: LOOP },
        Insn::Exit,
        mov(0, 0),
        Insn::Exit,
    ]);
    let func_info = [FuncInfo { insn: 0, type_id: entry }, FuncInfo { insn: 7, type_id: body }];
    let spec = ProgSpec {
        btf: Some(&btf),
        func_info: &func_info,
        ..ProgSpec::new("loops", ProgKind::RawTracepoint, &words)
    };
    let prog = Program::load(&spec).unwrap();
    assert_eq!(prog.test_run(&[]).unwrap(), 1000);
}

#[test]
fn many_kinds_load() {
    if no_bpf() {
        return;
    }
    for kind in [ProgKind::Tracepoint, ProgKind::PerfEvent, ProgKind::Kprobe] {
        load(kind, &[copy(6, 1), mov(0, 0), Insn::Exit]);
    }
}
