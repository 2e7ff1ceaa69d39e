//! The plan's map table while programs are being lowered.
//!
//! Script maps come first, then what the compiler needs for itself; ring, stacks, zeros and frames only when a
//! program asks for them, so that a counting one-liner creates three maps and not eight.

use edgekit_bpf::ir::MapRef;

use crate::plan::{KernelMap, LOSS_CAUSES, MapSpec, control};
use crate::tree::{EventDef, MapDef, MapKind, Tree};
use crate::ty::{Agg, Ty};

pub(super) struct Tables {
    pub(super) specs: Vec<MapSpec>,
    pub(super) script: Vec<MapRef>,
    pub(super) control: MapRef,
    pub(super) loss: MapRef,
    pub(super) ring: Option<MapRef>,
    pub(super) stacks: Option<MapRef>,
    zeros: Option<MapRef>,
    /// Failure reports of `-k`, numbered behind the tree's own events.
    pub(super) failures: Vec<EventDef>,
}

impl Tables {
    pub(super) fn new(tree: &Tree) -> Tables {
        let mut specs: Vec<MapSpec> = tree.maps.iter().map(script_spec).collect();
        let script = (0..specs.len() as u32).map(MapRef).collect();
        let control = push(&mut specs, array("control", control::WORDS * 8));
        let mut loss = array("loss", 8);
        loss.kind = KernelMap::PerCpuArray;
        loss.max_entries = (tree.probes.len() as u32 * LOSS_CAUSES).max(1);
        let loss = push(&mut specs, loss);
        Tables { specs, script, control, loss, ring: None, stacks: None, zeros: None, failures: Vec::new() }
    }

    pub(super) fn ring(&mut self, bytes: u32) -> MapRef {
        *self.ring.get_or_insert_with(|| {
            let spec = MapSpec {
                name: "events".to_string(),
                kind: KernelMap::RingBuf,
                key_size: 0,
                value_size: 0,
                max_entries: bytes,
            };
            push(&mut self.specs, spec)
        })
    }

    /// The stack-trace map, deep enough for `depth` frames.
    pub(super) fn stacks(&mut self, depth: u32) -> MapRef {
        let map = *self.stacks.get_or_insert_with(|| {
            let mut spec = array("stacks", 0);
            spec.kind = KernelMap::StackTrace;
            spec.max_entries = 16 * 1024;
            push(&mut self.specs, spec)
        });
        let spec = &mut self.specs[map.0 as usize];
        spec.value_size = spec.value_size.max(depth * 8);
        map
    }

    /// A map whose only value is `bytes` or more zeros: source of long clears, and what an absent entry reads as.
    pub(super) fn zeros(&mut self, bytes: u32) -> MapRef {
        let map = *self.zeros.get_or_insert_with(|| push(&mut self.specs, array("zeros", 8)));
        let spec = &mut self.specs[map.0 as usize];
        spec.value_size = spec.value_size.max(bytes.next_multiple_of(8));
        map
    }

    /// A per-CPU frame of one program, sized when its lowering ends.
    pub(super) fn frame(&mut self, program: u32, bytes: u32) -> MapRef {
        let mut spec = array(&format!("frame{program}"), bytes);
        spec.kind = KernelMap::PerCpuArray;
        push(&mut self.specs, spec)
    }

    pub(super) fn spec(&mut self, map: MapRef) -> &mut MapSpec {
        &mut self.specs[map.0 as usize]
    }
}

fn push(specs: &mut Vec<MapSpec>, spec: MapSpec) -> MapRef {
    specs.push(spec);
    MapRef(specs.len() as u32 - 1)
}

fn array(name: &str, value_size: u32) -> MapSpec {
    MapSpec { name: name.to_string(), kind: KernelMap::Array, key_size: 4, value_size, max_entries: 1 }
}

/// Buckets of a histogram of this shape, the ones below and above its range included; see `output::hist`.
pub(super) fn buckets(agg: &Agg) -> u32 {
    match *agg {
        Agg::Hist { bits } => 1 + (1 << bits) + ((64 - bits) << bits),
        Agg::LHist { min, max, step } => ((max - min) / step.max(1)) as u32 + 2,
        _ => 1,
    }
}

fn script_spec(def: &MapDef) -> MapSpec {
    let kind = match def.kind {
        MapKind::Hash => KernelMap::Hash,
        MapKind::LruHash => KernelMap::LruHash,
        MapKind::PerCpuHash => KernelMap::PerCpuHash,
        MapKind::LruPerCpuHash => KernelMap::LruPerCpuHash,
        MapKind::Array => KernelMap::Array,
        MapKind::PerCpuArray => KernelMap::PerCpuArray,
    };
    let value_size = def.value.size().next_multiple_of(8);
    let agg = match &def.value {
        Ty::Agg(a @ (Agg::Hist { .. } | Agg::LHist { .. })) => Some(a),
        _ => None,
    };
    let (key_size, max_entries) = match (&def.key, agg) {
        (None, None) => (4, 1),
        (None, Some(a)) => (4, buckets(a)),
        (Some(k), None) => (k.size(), def.max_entries),
        (Some(k), Some(_)) => (bucket_key_size(k), def.max_entries),
    };
    let name = if def.name.is_empty() { "at".to_string() } else { format!("at_{}", def.name) };
    MapSpec { name, kind, key_size, value_size, max_entries }
}

/// Size of a keyed histogram's kernel key: the key, then the bucket.
pub(super) fn bucket_key_size(key: &Ty) -> u32 {
    (key.size().next_multiple_of(4) + 4).next_multiple_of(key.align().max(4))
}
