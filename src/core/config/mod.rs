//! Configuration: files, drop-ins, environment and flags become one checked struct.
//!
//! `describe.rs` is what an applet says it can be told.

mod describe;

pub use describe::{Format, Key, Kind, MAX_LIST, MAX_TEXT, Reading, Reload, Section};
