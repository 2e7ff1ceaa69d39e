//! eBPF without LLVM: everything between a compiler's typed tree and a program running in the kernel.
//!
//! Two halves. The first makes programs: [`ir`] (low-level form) through register allocation to [`insn`] (machine
//! words). The second speaks to the kernel: [`btf`] tells where things lie, [`map`], [`prog`], [`link`] and
//! [`ring`] are what a tracer is built of, [`verifier`] reads the kernel's refusals, [`feature`] finds out what is
//! possible here and why the rest is not. aya makes the maps and lends its generated kernel structures; the slow
//! doors of aya (its loader, its BTF and symbol readers) are not used, because they cost tens of milliseconds and
//! megabytes before the first event. This is the only crate with `unsafe` in quantity: all of it is in the calls
//! to the kernel and the memory shared with it.

pub mod btf;
pub mod disasm;
pub mod emit;
pub mod error;
pub mod feature;
pub mod helpers;
pub mod insn;
#[cfg(test)]
mod interp;
pub mod ir;
pub mod link;
pub mod map;
mod opt;
pub mod prog;
mod regalloc;
pub mod ring;
mod sys;
#[cfg(test)]
mod testing;
pub mod verifier;

pub use error::{Error, Result};
