//! The output side: bytes of maps and events, with their types, to text or JSON.
//!
//! It knows neither the compiler nor the kernel: `run` reads maps and the ring and hands the bytes over, `lower`
//! and this room agree on layouts through `ty`, `plan` and the bucket numbers of [`hist`]. `sema` uses
//! [`format`] to check calls of printf.

pub mod format;
pub mod gfp;
pub mod hist;
pub mod json;
pub mod number;
pub mod value;

pub use format::{Format, FormatError};
pub use value::{Resolver, Symbol, Value};
