//! From a plan to maps and programs in the kernel.
//!
//! Only maps that some program names are made; each program is compiled to bytecode, given the descriptors and
//! loaded, once for each kind of probe it hangs on. Neighbours: `lower` made the plan, `edgekit_bpf` does the
//! work, `attach` hangs the result up, `reject` explains a refusal.

use edgekit_bpf::btf::{Builder, Linkage, Loaded as LoadedBtf};
use edgekit_bpf::emit::{Code, EmitError, emit};
use edgekit_bpf::ir::{self, MapRef};
use edgekit_bpf::map::{F_MMAPABLE, Map, MapKind, MapSpec, ring_bytes};
use edgekit_bpf::prog::{FuncInfo, ProgKind, ProgSpec, Program};

use crate::plan::{self, KernelMap, Plan};
use crate::tree::Attach;

/// A program could not be put into the kernel.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Kernel(#[from] edgekit_bpf::Error),
    /// Kernels before 5.11 take no key that would not fit a program's stack.
    #[error("the keys of map \"@{name}\" take {bytes} bytes; this kernel allows {KEY_LIMIT}")]
    Key { name: String, bytes: u32 },
    #[error("program \"{name}\" cannot be compiled: {source}")]
    Emit { name: String, program: usize, source: EmitError },
    /// The verifier or the loader refused the bytecode.
    #[error("{source}")]
    Program { program: usize, insn: Option<usize>, source: edgekit_bpf::Error },
}

/// The bytecode of each program, in the plan's order.
pub fn compile(plan: &Plan) -> Result<Vec<Code>, LoadError> {
    let one = |(program, p): (usize, &plan::Program)| {
        emit(&p.code).map_err(|source| LoadError::Emit { name: p.name.clone(), program, source })
    };
    plan.programs.iter().enumerate().map(one).collect()
}

/// Kernel maps by [`MapRef`]; those that no program names are not there.
#[derive(Debug, Default)]
pub struct Maps(Vec<Option<Map>>);

impl Maps {
    /// Creates the maps that `codes` name.
    pub fn create(plan: &Plan, codes: &[Code], ring: Option<u32>) -> Result<Maps, LoadError> {
        let mut named = vec![false; plan.maps.len()];
        for reloc in codes.iter().flat_map(|code| &code.map_relocs) {
            if let Some(slot) = named.get_mut(reloc.map.0 as usize) {
                *slot = true;
            }
        }
        let shared = plan.control;
        let mut maps = Vec::with_capacity(plan.maps.len());
        for (i, (spec, named)) in plan.maps.iter().zip(named).enumerate() {
            maps.push(if named { Some(create(spec, MapRef(i as u32) == shared, ring)?) } else { None });
        }
        Ok(Maps(maps))
    }

    pub fn get(&self, map: MapRef) -> Option<&Map> {
        self.0.get(map.0 as usize)?.as_ref()
    }
}

fn create(spec: &plan::MapSpec, shared: bool, ring: Option<u32>) -> Result<Map, LoadError> {
    let max_entries = match spec.kind {
        KernelMap::RingBuf => ring_bytes(ring.unwrap_or(spec.max_entries)),
        _ => spec.max_entries,
    };
    let mut wanted = MapSpec {
        name: spec.name.clone(),
        kind: kind_of(spec.kind),
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries,
        flags: if shared { F_MMAPABLE } else { 0 },
    };
    match Map::create(wanted.clone()) {
        // Kernels before 5.5 cannot map an array; it is then read by calls.
        Err(e) if shared && e.errno() == Some(libc::EINVAL) => {
            wanted.flags = 0;
            Ok(Map::create(wanted)?)
        }
        Err(e) if e.errno() == Some(libc::E2BIG) && spec.key_size > KEY_LIMIT => {
            let name = spec.name.trim_start_matches("at").trim_start_matches('_').to_owned();
            Err(LoadError::Key { name, bytes: spec.key_size })
        }
        made => Ok(made?),
    }
}

const KEY_LIMIT: u32 = 512;

fn kind_of(kind: KernelMap) -> MapKind {
    match kind {
        KernelMap::Hash => MapKind::Hash,
        KernelMap::LruHash => MapKind::LruHash,
        KernelMap::PerCpuHash => MapKind::PerCpuHash,
        KernelMap::LruPerCpuHash => MapKind::LruPerCpuHash,
        KernelMap::Array => MapKind::Array,
        KernelMap::PerCpuArray => MapKind::PerCpuArray,
        KernelMap::StackTrace => MapKind::StackTrace,
        KernelMap::RingBuf => MapKind::RingBuf,
    }
}

/// One program of the plan, loaded for one kind of probe.
#[derive(Debug)]
pub struct LoadedProgram {
    /// Index in the plan.
    pub index: usize,
    pub kind: ProgKind,
    pub program: Program,
    /// The verifier's text, when it was asked for.
    pub log: String,
}

/// The kind of program that a probe wants. `begin` and `end` are run by hand, which the kernel offers for raw
/// tracepoints.
pub fn kind_of_attach(attach: &Attach) -> ProgKind {
    match attach {
        Attach::Begin | Attach::End | Attach::RawTracepoint { .. } => ProgKind::RawTracepoint,
        Attach::Tracepoint { .. } => ProgKind::Tracepoint,
        Attach::Profile(_) | Attach::Interval(_) | Attach::Software { .. } | Attach::Hardware { .. } => {
            ProgKind::PerfEvent
        }
    }
}

/// Loads every program; `verbose` keeps the verifier's text of each.
pub fn programs(
    plan: &Plan,
    codes: &[Code],
    maps: &Maps,
    verbose: bool,
) -> Result<Vec<LoadedProgram>, LoadError> {
    let mut loaded = Vec::with_capacity(codes.len());
    for (index, (planned, code)) in plan.programs.iter().zip(codes).enumerate() {
        let insns = code.link(|map| maps.get(map).map_or(-1, Map::raw_fd));
        let types = callbacks(planned, code)?;
        let mut kinds: Vec<ProgKind> = planned.attach.iter().map(kind_of_attach).collect();
        kinds.dedup();
        for kind in kinds {
            let spec = ProgSpec {
                license: &plan.config.license,
                btf: types.as_ref().map(|(btf, _)| btf),
                func_info: types.as_ref().map_or(&[], |(_, info)| info),
                ..ProgSpec::new(&planned.name, kind, &insns)
            };
            let failed = |source: edgekit_bpf::Error| LoadError::Program {
                program: index,
                insn: match &source {
                    edgekit_bpf::Error::Verifier { insn, .. } => *insn,
                    _ => None,
                },
                source,
            };
            let (program, log) = match verbose {
                true => Program::load_verbose(&spec).map_err(failed)?,
                false => (Program::load(&spec).map_err(failed)?, String::new()),
            };
            loaded.push(LoadedProgram { index, kind, program, log });
        }
    }
    Ok(loaded)
}

/// What the verifier wants to know about functions when a program has callbacks.
fn callbacks(planned: &plan::Program, code: &Code) -> Result<Option<(LoadedBtf, Vec<FuncInfo>)>, LoadError> {
    if code.funcs.len() < 2 {
        return Ok(None);
    }
    let mut types = Builder::new();
    let long = types.int("long", 8, true);
    let info = code
        .funcs
        .iter()
        .map(|(name, start)| {
            let params = params_of(&planned.code, name);
            let names: Vec<(String, u32)> = (0..params).map(|n| (format!("a{n}"), long)).collect();
            let names: Vec<(&str, u32)> = names.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
            let proto = types.func_proto(long, &names);
            FuncInfo { insn: *start as u32, type_id: types.func(&identifier(name), proto, Linkage::Static) }
        })
        .collect();
    Ok(Some((types.load()?, info)))
}

fn params_of(program: &ir::Program, name: &str) -> usize {
    program.funcs.iter().find(|f| f.name == name).map_or(0, |f| f.params.len())
}

/// The kernel takes C names only.
fn identifier(name: &str) -> String {
    let mut out: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !out.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        out.insert(0, '_');
    }
    out.truncate(64);
    out
}
