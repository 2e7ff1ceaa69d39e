//! Type information (BTF): what is at which offset in the kernel's structures, and what arguments functions take.
//!
//! aya parses the whole kernel's types into objects: 24 to 34 ms and 22 MB before anything is attached, with
//! members out of reach. A tracer asks for a handful of types, so [`Index`] maps the blob, walks it once, and
//! looks names up by scanning; [`Type`] reads a type where it lies. [`Builder`] goes the other way and writes the
//! few types that a program with callbacks must bring along. Input is not trusted: damaged data gives an error or
//! nothing, never a panic, an endless loop or unbounded work. Neighbours: `sys` maps and loads, `prog` takes a
//! [`Loaded`] blob.

mod builder;
mod index;
mod member;
mod types;

pub use self::{
    builder::{Builder, Linkage, Loaded, NewMember},
    index::Index,
    member::FoundMember,
    types::{Array, EnumValue, Int, Kind, Member, Param, Type},
};

pub(crate) const MAGIC: u16 = 0xeb9f;
/// Magic, version, flags and five 32-bit fields.
pub(crate) const HEADER: usize = 24;

#[cfg(test)]
mod tests;
