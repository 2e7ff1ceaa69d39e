//! Helpers, maps and abilities of the kernel, by making, loading and running the smallest thing that needs them.

use std::os::fd::AsFd;

use aya_obj::generated::bpf_func_id as Id;

use super::{Feature, Support};
use crate::{
    btf::Index,
    error::{Error, Result},
    insn::{Insn, Operand, R},
    ir::{Alu, Cond, Width},
    link::{self, Event, Sample},
    map::{F_MMAPABLE, Map, MapKind, MapSpec},
    prog::{ProgKind, ProgSpec, Program},
    sys::{self, Batch},
};

pub(super) fn probe(feature: Feature) -> Result<Support> {
    use Feature as F;
    let hash = |kind| made(MapSpec::hash("probe", kind, 8, 8, 16));
    match feature {
        F::Hash => hash(MapKind::Hash),
        F::PerCpuHash => hash(MapKind::PerCpuHash),
        F::LruHash => hash(MapKind::LruHash),
        F::PerCpuArray => made(MapSpec::array("probe", MapKind::PerCpuArray, 8, 1)),
        F::RingBuf => made(MapSpec::ring("probe", 1)),
        F::PerfEventArray => made(MapSpec::array("probe", MapKind::PerfEventArray, 4, 0)),
        F::StackTrace => made(MapSpec::array("probe", MapKind::StackTrace, 8, 16)),
        F::MapBatch => batch(),
        F::MapShared => shared(),
        F::ProbeReadKernel => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_probe_read_kernel),
        F::BootClock => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_ktime_get_boot_ns),
        F::TaiClock => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_ktime_get_tai_ns),
        F::ForEachMapElem => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_for_each_map_elem),
        F::Loop => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_loop),
        F::LookupPerCpu => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_map_lookup_percpu_elem),
        F::AttachCookie => helper(ProgKind::Kprobe, Id::BPF_FUNC_get_attach_cookie),
        F::FuncIp => helper(ProgKind::Kprobe, Id::BPF_FUNC_get_func_ip),
        F::CgroupId => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_get_current_cgroup_id),
        F::CurrentTaskBtf => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_get_current_task_btf),
        F::SendSignal => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_send_signal),
        F::Strncmp => helper(ProgKind::RawTracepoint, Id::BPF_FUNC_strncmp),
        F::Btf => Index::vmlinux().map(|_| Support::yes()),
        F::BoundedLoops => bounded_loop(),
        F::AtomicFetch => atomic_fetch(),
        F::TestRun => runs(&[mov(0, 0), Insn::Exit]),
        F::PerfLink => perf_link(),
        // The rest are probes.
        _ => super::attach::probe(feature),
    }
}

pub(super) fn mov(dst: u8, imm: i32) -> Insn {
    Insn::Mov { w32: false, dst: R(dst), src: Operand::Imm(imm) }
}

pub(super) fn load(kind: ProgKind, insns: &[Insn]) -> Result<Program> {
    let mut words = Vec::new();
    for insn in insns {
        insn.encode(&mut words);
    }
    Program::load(&ProgSpec::new("probe", kind, &words))
}

fn made(spec: MapSpec) -> Result<Support> {
    Map::create(spec).map(|_| Support::yes())
}

/// A call without arguments: the verifier complains about them only when it knows the helper.
fn helper(kind: ProgKind, id: Id) -> Result<Support> {
    let log = match load(kind, &[Insn::Call { helper: id as i32 }, mov(0, 0), Insn::Exit]) {
        Ok(_) => return Ok(Support::yes()),
        Err(Error::Verifier { log, .. }) => log,
        Err(other) => return Err(other),
    };
    let unknown = ["invalid func ", "unknown func ", "cannot use helper", "program of this type"];
    Ok(match unknown.iter().any(|u| log.contains(u)) {
        true => Support::no("this kernel has no such helper"),
        false => Support::yes(),
    })
}

fn batch() -> Result<Support> {
    let map = Map::create(MapSpec::hash("probe", MapKind::Hash, 8, 8, 1))?;
    let (mut cursor, mut keys, mut values) = ([0; 8], [0; 8], [0; 8]);
    let batch = Batch { cursor: &mut cursor, first: true, keys: &mut keys, values: &mut values, room: 1 };
    // SAFETY: keys and values have room for one element of this map.
    match unsafe { sys::map_batch(map.as_fd(), false, batch) } {
        (_, Ok(_)) => Ok(Support::yes()),
        (_, Err(source)) => Err(Error::Map { op: "read in batches from", name: "probe".into(), source }),
    }
}

fn shared() -> Result<Support> {
    let spec = MapSpec { flags: F_MMAPABLE, ..MapSpec::array("probe", MapKind::Array, 8, 1) };
    Map::create(spec)?.share().map(|_| Support::yes())
}

fn runs(insns: &[Insn]) -> Result<Support> {
    load(ProgKind::RawTracepoint, insns)?.test_run(&[]).map(|_| Support::yes())
}

fn bounded_loop() -> Result<Support> {
    let down = Insn::Alu { op: Alu::Sub, w32: false, dst: R(0), src: Operand::Imm(1) };
    let again = Insn::Branch { cond: Cond::Ne, w32: false, lhs: R(0), rhs: Operand::Imm(0), off: -2 };
    load(ProgKind::RawTracepoint, &[mov(0, 3), down, again, Insn::Exit]).map(|_| Support::yes())
}

/// The encoder has no fetching form yet; the word is written out.
fn atomic_fetch() -> Result<Support> {
    const FETCH_ADD_R1_AT_FP_8: u64 = u64::from_le_bytes([0xdb, 0x1a, 0xf8, 0xff, 1, 0, 0, 0]);
    let mut words = Vec::new();
    for insn in
        [mov(1, 1), Insn::Store { base: R::FP, off: -8, src: Operand::Imm(0), width: Width::B8 }, mov(0, 0)]
    {
        insn.encode(&mut words);
    }
    words.push(FETCH_ADD_R1_AT_FP_8);
    Insn::Exit.encode(&mut words);
    Program::load(&ProgSpec::new("probe", ProgKind::RawTracepoint, &words)).map(|_| Support::yes())
}

fn perf_link() -> Result<Support> {
    let prog = load(ProgKind::PerfEvent, &[mov(0, 0), Insn::Exit])?;
    match link::event_on(&prog, Event::CpuClock, Sample::Period(1_000_000_000), 0)?.is_kernel_link() {
        true => Ok(Support::yes()),
        false => Ok(Support::no("kernels before 5.15 tie programs to perf events by ioctl")),
    }
}
