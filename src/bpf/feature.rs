//! What this kernel and this process can do, each found out by trying it, with the reason when it fails.
//!
//! `trace doctor` prints these; the compiler asks single ones before it picks between two ways. Nothing is tried
//! until asked. Neighbours: `config` reads the kernel's build options, capabilities and lockdown state for the
//! reasons; `probe` loads and attaches tiny programs.

mod config;

pub use config::{kernel_at_least, lockdown, missing_capabilities};
