//! Programs: bare instructions into the kernel, quickly when they are right, with the verifier's words when not.
//!
//! aya loads what it finds in an ELF object; our compiler has instructions, so BPF_PROG_LOAD is called directly.
//! The first attempt asks for no log, because writing one costs more than the load itself. Neighbours: `emit`
//! makes the instructions, `verifier` reads the log, `link` attaches the result, `btf` supplies function types.

use std::{
    ffi::CString,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use aya_obj::generated::{bpf_attach_type, bpf_prog_type};

use crate::{
    btf::Loaded,
    error::{Error, Result},
    map, sys, verifier,
};

/// Log sizes tried in turn; the last one bounds what a rejection may cost.
const LOG_SIZES: [usize; 3] = [256 << 10, 2 << 20, 16 << 20];

/// What a program can be attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProgKind {
    Tracepoint,
    /// Also what [`Program::test_run`] runs.
    RawTracepoint,
    PerfEvent,
    /// kprobes, kretprobes, uprobes and uretprobes.
    Kprobe,
    /// kprobes at many functions by one link.
    KprobeMulti,
    /// uprobes at many places of a file by one link.
    UprobeMulti,
    /// Raw tracepoint with typed arguments; `btf_id` is that of the typedef `btf_trace_NAME`.
    TpBtf {
        btf_id: u32,
    },
    /// Entry of a kernel function by its BTF id.
    Fentry {
        btf_id: u32,
    },
    /// Return of a kernel function by its BTF id.
    Fexit {
        btf_id: u32,
    },
    /// Iterator; the BTF id is that of the function `bpf_iter_NAME`.
    Iter {
        btf_id: u32,
    },
    /// Security hook; the BTF id is that of the function `bpf_lsm_NAME`.
    Lsm {
        btf_id: u32,
    },
}

impl ProgKind {
    fn numbers(self) -> (bpf_prog_type, u32, u32) {
        let tracing = |attach: bpf_attach_type, id| (bpf_prog_type::BPF_PROG_TYPE_TRACING, attach as u32, id);
        let kprobe = |attach: bpf_attach_type| (bpf_prog_type::BPF_PROG_TYPE_KPROBE, attach as u32, 0);
        match self {
            ProgKind::Tracepoint => (bpf_prog_type::BPF_PROG_TYPE_TRACEPOINT, 0, 0),
            ProgKind::RawTracepoint => (bpf_prog_type::BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0),
            ProgKind::PerfEvent => (bpf_prog_type::BPF_PROG_TYPE_PERF_EVENT, 0, 0),
            ProgKind::Kprobe => (bpf_prog_type::BPF_PROG_TYPE_KPROBE, 0, 0),
            ProgKind::KprobeMulti => kprobe(bpf_attach_type::BPF_TRACE_KPROBE_MULTI),
            ProgKind::UprobeMulti => kprobe(bpf_attach_type::BPF_TRACE_UPROBE_MULTI),
            ProgKind::TpBtf { btf_id } => tracing(bpf_attach_type::BPF_TRACE_RAW_TP, btf_id),
            ProgKind::Fentry { btf_id } => tracing(bpf_attach_type::BPF_TRACE_FENTRY, btf_id),
            ProgKind::Fexit { btf_id } => tracing(bpf_attach_type::BPF_TRACE_FEXIT, btf_id),
            ProgKind::Iter { btf_id } => tracing(bpf_attach_type::BPF_TRACE_ITER, btf_id),
            ProgKind::Lsm { btf_id } => {
                (bpf_prog_type::BPF_PROG_TYPE_LSM, bpf_attach_type::BPF_LSM_MAC as u32, btf_id)
            }
        }
    }
}

/// Where a function starts, for programs with callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuncInfo {
    /// In 8-byte instructions from the start of the program.
    pub insn: u32,
    /// The function's id in the BTF given with the program.
    pub type_id: u32,
}

/// What to load. Maps are already in the instructions, by descriptor.
#[derive(Clone, Copy, Debug)]
pub struct ProgSpec<'a> {
    /// In messages, and (cut to 15 characters) in the kernel.
    pub name: &'a str,
    pub kind: ProgKind,
    /// 8-byte instructions in the machine's byte order.
    pub insns: &'a [u64],
    /// `GPL` unlocks most tracing helpers.
    pub license: &'a str,
    /// Types of the functions in `func_info`; needed only for programs with callbacks.
    pub btf: Option<&'a Loaded>,
    pub func_info: &'a [FuncInfo],
    /// The module whose BTF the kind's id belongs to, `None` for the kernel itself.
    pub module: Option<BorrowedFd<'a>>,
}

impl<'a> ProgSpec<'a> {
    /// A GPL program without callbacks.
    pub fn new(name: &'a str, kind: ProgKind, insns: &'a [u64]) -> ProgSpec<'a> {
        ProgSpec { name, kind, insns, license: "GPL", btf: None, func_info: &[], module: None }
    }
}

/// A loaded program. It stays in the kernel while this or a link to it lives.
#[derive(Debug)]
pub struct Program {
    name: String,
    kind: ProgKind,
    fd: OwnedFd,
}

/// What the kernel counts about a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgStats {
    pub id: u32,
    /// Runs, while statistics are on ([`enable_stats`]).
    pub runs: u64,
    /// Time spent in those runs.
    pub run_time: Duration,
    /// Runs skipped because the program was already running on that CPU (kernel 5.12).
    pub recursion_misses: u64,
    /// Instructions the verifier looked at (kernel 5.16).
    pub verified_insns: u32,
    /// Bytes of machine code.
    pub jited_len: u32,
}

impl Program {
    /// Loads without a log, and once more with one when the kernel refuses.
    pub fn load(spec: &ProgSpec<'_>) -> Result<Program> {
        Self::load_inner(spec, None).map(|(program, _)| program)
    }

    /// Loads with the verifier's full text (what `-d` shows), cut at 16 MiB.
    pub fn load_verbose(spec: &ProgSpec<'_>) -> Result<(Program, String)> {
        const FULL: u32 = 2 | 4;
        Self::load_inner(spec, Some(FULL))
    }

    fn load_inner(spec: &ProgSpec<'_>, level: Option<u32>) -> Result<(Program, String)> {
        let name = spec.name.to_owned();
        let failed = |source| Error::Load { name: name.clone(), source };
        let license = CString::new(spec.license).map_err(|e| failed(e.into()))?;
        let func_info: Vec<[u32; 2]> = spec.func_info.iter().map(|f| [f.insn, f.type_id]).collect();
        let (prog_type, expected_attach, attach_btf_id) = spec.kind.numbers();
        let mut load = sys::Load {
            prog_type: prog_type as u32,
            expected_attach,
            insns: spec.insns,
            license: &license,
            name: kernel_name(spec.name),
            kern_version: kern_version(spec.kind),
            flags: 0,
            btf: spec.btf.map(AsFd::as_fd),
            func_info: &func_info,
            attach_btf_id,
            attach_btf_obj: spec.module,
            log_level: 0,
        };
        let done = |fd| Program { name: name.clone(), kind: spec.kind, fd };
        let refused = match level {
            Some(level) => {
                load.log_level = level;
                None
            }
            None => match quietly(&load).or_else(sys::retry_with_memlock(|| quietly(&load))) {
                Ok(fd) => return Ok((done(fd), String::new())),
                Err(e) => {
                    load.log_level = 1;
                    Some(e)
                }
            },
        };
        let mut sizes = LOG_SIZES.into_iter().peekable();
        while let Some(size) = sizes.next() {
            let mut log = vec![0; size];
            let (result, true_size) = sys::prog_load(&load, &mut log);
            let text = text(log);
            let error = match result {
                Ok(fd) => return Ok((done(fd), text)),
                Err(e) => e,
            };
            // From 6.4 a log that does not fit keeps its end, which is the part that explains; before, it keeps
            // its beginning, so that only a larger buffer helps.
            let cut = error.raw_os_error() == Some(libc::ENOSPC) && true_size == 0;
            if cut && sizes.peek().is_some() {
                continue;
            }
            // The first answer is the honest one: the second may be ENOSPC of the log.
            let error = refused.unwrap_or(error);
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            if text.trim().is_empty() {
                return Err(failed(error));
            }
            let insn = verifier::explain(&text).insn;
            return Err(Error::Verifier { name, errno, log: text, insn });
        }
        Err(failed(refused.unwrap_or_else(|| io::Error::from_raw_os_error(libc::ENOSPC))))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn kind(&self) -> ProgKind {
        self.kind
    }

    fn error(&self, op: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Program { op, name: self.name.clone(), source }
    }

    /// Runs a raw tracepoint program once here and now (kernel 5.10) with `args` as its arguments, and returns
    /// its value. How `begin` and `end` probes fire.
    pub fn test_run(&self, args: &[u64]) -> Result<u32> {
        sys::prog_test_run(self.fd.as_fd(), args, None).map_err(self.error("run"))
    }

    /// [`Program::test_run`] on a given CPU.
    pub fn test_run_on(&self, args: &[u64], cpu: u32) -> Result<u32> {
        sys::prog_test_run(self.fd.as_fd(), args, Some(cpu)).map_err(self.error("run"))
    }

    pub fn stats(&self) -> Result<ProgStats> {
        let info = sys::prog_info(self.fd.as_fd()).map_err(self.error("inspect"))?;
        Ok(ProgStats {
            id: info.id,
            runs: info.run_cnt,
            run_time: Duration::from_nanos(info.run_time_ns),
            recursion_misses: info.recursion_misses,
            verified_insns: info.verified_insns,
            jited_len: info.jited_prog_len,
        })
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes the kernel count runs and run time of all programs while the value lives (kernel 5.8). Costs about
/// 20 ns a run.
#[derive(Debug)]
pub struct StatsGuard {
    _fd: OwnedFd,
}

/// See [`StatsGuard`].
pub fn enable_stats() -> Result<StatsGuard> {
    let fd =
        sys::enable_stats().map_err(|source| Error::System { op: "turn on program statistics", source })?;
    Ok(StatsGuard { _fd: fd })
}

fn quietly(load: &sys::Load<'_>) -> io::Result<OwnedFd> {
    sys::prog_load(load, &mut []).0
}

/// Before 5.0 the kernel insisted on its own version number in kprobe programs.
fn kern_version(kind: ProgKind) -> u32 {
    match kind {
        ProgKind::Kprobe => aya::util::KernelVersion::current().map_or(0, |v| v.code()),
        _ => 0,
    }
}

fn kernel_name(name: &str) -> [libc::c_char; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(map::kernel_name(name).bytes()) {
        *to = from as libc::c_char;
    }
    out
}

/// The log up to its zero byte.
fn text(mut log: Vec<u8>) -> String {
    let end = log.iter().position(|&b| b == 0).unwrap_or(log.len());
    log.truncate(end);
    String::from_utf8(log).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
