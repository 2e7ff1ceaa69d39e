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

pub mod graph;
