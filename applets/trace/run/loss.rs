//! The loss ledger: what probes wanted to say or keep and could not, by probe and cause.
//!
//! Counted in the kernel, per CPU, where it happens; looked at once a second for a first warning, and summed at
//! the end. Neighbours: `lower` counts, `session` looks.

use edgekit_bpf::map::Map;

use super::load::{LoadedProgram, Maps};
use crate::plan::{LOSS_CAUSES, Loss, Plan};

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) probe: String,
    pub(super) cause: Cause,
    pub(super) count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Counted(Loss),
    /// The kernel skipped a run because the program was running on that CPU already.
    Recursion,
}

impl Cause {
    /// The column "cause" of the ledger.
    pub(super) fn name(self) -> &'static str {
        match self {
            Cause::Counted(Loss::RingFull) => "event buffer full",
            Cause::Counted(Loss::MapFull) => "map full",
            Cause::Counted(Loss::Stack) => "stack not kept",
            Cause::Counted(Loss::Fault) => "memory not readable",
            Cause::Recursion => "probe was running already",
        }
    }
}

const CAUSES: [Loss; LOSS_CAUSES as usize] = [Loss::RingFull, Loss::MapFull, Loss::Stack, Loss::Fault];

/// What has been lost so far, as the programs counted it. Programs that never count have no map.
pub(super) fn read(plan: &Plan, maps: &Maps) -> Result<Vec<Line>, edgekit_bpf::Error> {
    let Some(map) = maps.get(plan.loss) else { return Ok(Vec::new()) };
    let counts = sums(map)?;
    let mut lines = Vec::new();
    for (program, counts) in plan.programs.iter().zip(counts.chunks(CAUSES.len())) {
        for (cause, &count) in CAUSES.into_iter().zip(counts) {
            if count > 0 {
                lines.push(Line { probe: program.name.clone(), cause: Cause::Counted(cause), count });
            }
        }
    }
    Ok(lines)
}

/// Runs that the kernel skipped.
pub(super) fn recursion(plan: &Plan, programs: &[LoadedProgram]) -> Vec<Line> {
    let missed = |loaded: &LoadedProgram| {
        // Kernels before 5.12 do not count them.
        let count = loaded.program.stats().ok()?.recursion_misses;
        let probe = plan.programs.get(loaded.index)?.name.clone();
        (count > 0).then_some(Line { probe, cause: Cause::Recursion, count })
    };
    programs.iter().filter_map(missed).collect()
}

/// Each counter over all CPUs, by index.
fn sums(map: &Map) -> Result<Vec<u64>, edgekit_bpf::Error> {
    let mut sums = vec![0u64; map.spec().max_entries as usize];
    for (key, value) in map.entries()?.iter() {
        let index = key.try_into().map_or(usize::MAX, |k| u32::from_ne_bytes(k) as usize);
        if let Some(sum) = sums.get_mut(index) {
            let cpus = value.chunks_exact(8).filter_map(|b| b.try_into().ok());
            *sum = cpus.map(u64::from_ne_bytes).fold(0, u64::wrapping_add);
        }
    }
    Ok(sums)
}
