//! Lua on everything: one sandbox, one event, hooks that judge at once and rules that think later.
//!
//! ```text
//! script ─ compile ─▶ vm ─┬─ hook ─▶ verdict + actions          (where the event is, by a deadline)
//!                         └─ graph ─ generation ─ engine ─▶ actions   (the rules worker, fed by the bus)
//! ```
//! A **hook** is synchronous and answers with a verdict; a **rule** is a node of a graph without cycles and answers
//! with further events. Both are Luau functions that see only what they were granted, run on a budget of steps,
//! time and memory, and do nothing themselves: what they want done are actions, values that the host carries
//! out. The host brings what touches the world (sockets, folders, metrics): this crate knows `core` and `store`.
#![forbid(unsafe_code)]

mod action;
pub mod bus;
pub mod engine;
mod event;
pub mod generation;
pub mod graph;
mod hook;
mod json;
pub mod metrics;
mod quarantine;
pub mod record;
mod script;
mod shared;
pub mod state;
pub mod timer;
mod value;
mod vm;

pub use action::{Action, Alarm, Capability, Grants, Level, Metric, Verdict, log_line};
pub use bus::{Bus, BusLimits, BusStats};
pub use engine::{Deed, Engine, Observer, Step};
pub use event::{Event, Field, Kind, Schema, Verdicts};
pub use generation::{Generation, Options};
pub use hook::{Hook, HookStats};
pub use quarantine::Quarantine;
pub use script::{Compiled, MAX_SCRIPT, Script};
pub use shared::{Shared, SharedError};
pub use value::{Ref, Str, Value};
pub use vm::{
    Coverage, Declared, Effects, Emit, Fail, Fault, FaultKind, HookFn, HookInfo, Limits, Payload, Place,
    Rule, RuleInfo, Schedule, Vm,
};
