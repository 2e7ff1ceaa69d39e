//! Typed tree to low-level form: the back half of the compiler's front.
//!
//! `sema` has decided every type and conversion; here values get a place (register, stack, per-CPU frame, map)
//! and statements become blocks and helper calls. What comes out is a [`Plan`]: maps, programs, event layouts.
//! Neighbours: `tree` (in), `plan` and `edgekit_bpf::ir` (out); `edgekit_bpf::emit` gives registers and bytes.
//!
//! Rooms: `gen` holds the state of one program, `memory` places and moves values, `expr` scalars, `value`
//! everything larger, `builtin`s, `cond` branches, `strings`, `maps`, `feed` (aggregations), `control` (statements, loops),
//! `event` (records to user space), `helper` (kernel helper numbers), `tables` (the plan's maps).

mod builtin;
mod cond;
mod control;
mod event;
mod expr;
mod feed;
mod r#gen;
mod helper;
mod maps;
mod memory;
mod strings;
mod tables;
#[cfg(test)]
mod tests;
mod value;

use crate::diag::Span;
use crate::plan::{Event, Plan, Program, ScriptMap};
use crate::tree::Tree;
use r#gen::Gen;
use tables::Tables;

/// The kernel the programs are for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Possible CPUs: how far a per-CPU value is summed.
    pub cpus: u32,
    /// Major, minor.
    pub kernel: (u32, u32),
}

/// What a well-typed program can still ask in vain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what} needs kernel {major}.{minor} or newer")]
    Kernel { what: &'static str, major: u32, minor: u32, span: Span },
    #[error("{what} takes {needed} bytes; the limit is {limit}")]
    TooLarge { what: &'static str, needed: u32, limit: u32, span: Span },
    #[error("{what} is not possible here")]
    Unsupported { what: &'static str, span: Span },
}

impl Error {
    /// The place in the script.
    pub fn span(&self) -> Span {
        match self {
            Error::Kernel { span, .. } | Error::TooLarge { span, .. } | Error::Unsupported { span, .. } => {
                *span
            }
        }
    }
}

type Result<T> = std::result::Result<T, Error>;

/// Compiles a typed tree for `target`.
pub fn lower(mut tree: Tree, target: &Target) -> Result<Plan> {
    let mut events: Vec<Event> = std::mem::take(&mut tree.events).into_iter().map(Event::new).collect();
    let mut tables = Tables::new(&tree);
    let mut programs = Vec::with_capacity(tree.probes.len());
    for (index, probe) in tree.probes.iter().enumerate() {
        let (code, origins) =
            Gen::new(&tree, &events, &mut tables, target, index as u32, probe).probe(probe)?;
        programs.push(Program { name: probe.name.clone(), attach: probe.attach.clone(), code, origins });
    }
    events.extend(std::mem::take(&mut tables.failures).into_iter().map(Event::new));
    let script = tables.script.clone();
    let script_maps = std::mem::take(&mut tree.maps)
        .into_iter()
        .zip(script)
        .map(|(def, map)| ScriptMap { def, map })
        .collect();
    Ok(Plan {
        control: tables.control,
        loss: tables.loss,
        ring: tables.ring,
        stacks: tables.stacks,
        maps: tables.specs,
        programs,
        script_maps,
        events,
        config: tree.config,
    })
}
