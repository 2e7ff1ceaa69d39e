//! What the analyser asks of the machine: tracepoints, kernel types, symbols.
//!
//! Everything comes through [`World`], so that tests run with a few made-up facts and the real kernel is touched
//! only for what a program names. Neighbours: `kernel` implements it with tracefs and BTF.

use std::rc::Rc;

use crate::probes::{Error, Format};
use crate::ty::{EnumDef, Struct, Ty};

/// A member found in a kernel struct, through its anonymous members.
#[derive(Clone, Debug)]
pub struct Member {
    pub ty: Ty,
    /// From the start of the struct; of a bitfield, of the storage unit.
    pub offset: u32,
    pub bits: Option<crate::ty::Bits>,
}

pub trait World {
    /// An event's record; `None` when there is no such event.
    fn tracepoint(&self, category: &str, event: &str) -> Result<Option<Rc<Format>>, Error>;
    /// Existing events whose names match the patterns.
    fn tracepoints(&self, category: &str, event: &str) -> Result<Vec<(String, String)>, Error>;
    /// Names a misspelt `category:event` may have meant, the nearest first.
    fn near_tracepoints(&self, category: &str, event: &str) -> Vec<String>;
    fn raw_tracepoints(&self) -> Result<Vec<String>, Error>;
    /// Arguments of a raw tracepoint by name; `None` when types are unknown.
    fn raw_tracepoint_args(&self, event: &str) -> Option<Vec<(String, Ty)>>;

    /// Kernel types are known.
    fn has_types(&self) -> bool;
    /// `struct x` or `union x`, without members.
    fn kernel_struct(&self, name: &str) -> Option<Struct>;
    fn kernel_member(&self, of: &Struct, name: &str) -> Option<Member>;
    fn kernel_member_names(&self, of: &Struct) -> Vec<String>;
    fn kernel_enum(&self, name: &str) -> Option<Rc<EnumDef>>;
    fn kernel_constant(&self, name: &str) -> Option<(Rc<EnumDef>, u64)>;
    fn kernel_typedef(&self, name: &str) -> Option<Ty>;
    /// Type of a global (per-CPU) variable.
    fn kernel_variable(&self, name: &str) -> Option<Ty>;
    /// Address from the symbol table.
    fn kernel_symbol(&self, name: &str) -> Option<u64>;

    fn possible_cpus(&self) -> u32;
    /// Id of the cgroup at a path.
    fn cgroup_id(&self, path: &str) -> Option<u64>;
}
