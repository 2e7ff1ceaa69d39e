//! The compiled program: what `lower` hands to `run`.
//!
//! Nothing here names syntax. Maps are described as the kernel wants them, programs are low-level functions, and
//! events say how their bytes lie in a ring record, so that `run` and `output` need neither the typed tree's
//! expressions nor the compiler.

use edgekit_bpf::ir;

use crate::tree::{Attach, Config, EventDef, MapDef};
use crate::ty::{Agg, Ty};

#[derive(Debug)]
pub struct Plan {
    /// Every map to create; `ir::MapRef(i)` is `maps[i]`.
    pub maps: Vec<MapSpec>,
    pub programs: Vec<Program>,
    /// The script's maps and where each lives: `MapId(i)` is `script_maps[i]`.
    pub script_maps: Vec<ScriptMap>,
    /// `EventId(i)` is `events[i]`.
    pub events: Vec<Event>,
    /// Ring buffer for events, when any program sends one.
    pub ring: Option<ir::MapRef>,
    /// Array of one value, `control::WORDS` u64 words shared with user space, see [`control`].
    pub control: ir::MapRef,
    /// Per-CPU array of u64: one counter a program and cause, `program * LOSS_CAUSES + cause`.
    pub loss: ir::MapRef,
    /// Stack-trace map, when a stack is taken.
    pub stacks: Option<ir::MapRef>,
    pub config: Config,
}

/// Words of the control array's one value, each 8 bytes.
pub mod control {
    /// Set to 1 + exit code by `exit()`, so that an exit is seen even when the ring is full.
    pub const EXIT: u32 = 0;
    /// Written by user space before programs start: `-c` child's process id.
    pub const CPID: u32 = 1;
    /// Written by user space: the tracer's start on the boot clock, for `elapsed`.
    pub const START_NS: u32 = 2;
    /// Written by user space: wall clock minus boot clock in ns.
    pub const WALL_OFFSET: u32 = 3;
    /// Written by user space: 1 once every probe is attached.
    pub const READY: u32 = 4;
    pub const WORDS: u32 = 8;
}

/// Why something a probe wanted to say or keep was not: column of the loss ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Loss {
    /// The event ring was full.
    RingFull = 0,
    /// A map was at its limit.
    MapFull = 1,
    /// A stack could not be kept.
    Stack = 2,
    /// A helper failed to read memory.
    Fault = 3,
}
pub const LOSS_CAUSES: u32 = 4;

#[derive(Clone, Debug)]
pub struct MapSpec {
    pub name: String,
    pub kind: KernelMap,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelMap {
    Hash,
    LruHash,
    PerCpuHash,
    LruPerCpuHash,
    Array,
    PerCpuArray,
    StackTrace,
    RingBuf,
}

/// A script map as it lies in its kernel map.
///
/// Keys: the key's bytes. A keyed Hist or LHist has `u32 bucket` appended at the next multiple of 4 after the
/// key (key size rounded up again to the key's alignment), one u64 counter an entry; a scalar one is a per-CPU
/// array with the bucket as index. Everything else is one entry a key; a scalar map is an array of one.
#[derive(Debug)]
pub struct ScriptMap {
    pub def: MapDef,
    pub map: ir::MapRef,
}

impl ScriptMap {
    /// True when each key's value is spread over an entry a bucket.
    pub fn bucketed(&self) -> bool {
        matches!(self.def.value, Ty::Agg(Agg::Hist { .. } | Agg::LHist { .. }))
    }

    /// Where the bucket number lies in the kernel key of a keyed histogram.
    pub fn bucket_offset(&self) -> Option<u32> {
        match &self.def.key {
            Some(key) if self.bucketed() => Some(key.size().next_multiple_of(4)),
            _ => None,
        }
    }
}

/// An event's record: u32 event id, u32 program index, then the arguments at `offsets`. The argument named by
/// `tail`, a long string, lies last and the record may end anywhere inside it: missing bytes are zero.
#[derive(Debug)]
pub struct Event {
    pub def: EventDef,
    pub offsets: Vec<u32>,
    /// Bytes of the whole record, header included, with a full tail.
    pub size: u32,
    pub tail: Option<usize>,
}

pub const EVENT_HEADER: u32 = 8;
/// Strings longer than this are worth sending without their zero bytes.
const LONG: u32 = 32;

impl Event {
    pub fn new(def: EventDef) -> Event {
        let tail = (0..def.args.len())
            .filter(|i| matches!(def.args[*i], Ty::Str(n) if n > LONG))
            .max_by_key(|i| def.args[*i].size());
        let mut offsets = vec![0; def.args.len()];
        let mut at = EVENT_HEADER;
        let order = (0..def.args.len()).filter(|i| Some(*i) != tail).chain(tail);
        for i in order {
            offsets[i] = at.next_multiple_of(def.args[i].align());
            at = offsets[i] + def.args[i].size();
        }
        Event { def, offsets, size: at.next_multiple_of(8), tail }
    }
}

#[derive(Debug)]
pub struct Program {
    /// The probe's name, for messages.
    pub name: String,
    pub attach: Vec<Attach>,
    pub code: ir::Program,
    /// `ir::Origin` n is `origins[n - 1]`.
    pub origins: Vec<crate::diag::Span>,
}
