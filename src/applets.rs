//! The table: one line an applet. Adding one is described in ARCHITECTURE.md.

use edgekit_core::Applet;

/// The applets of this build.
#[rustfmt::skip]
pub static APPLETS: &[&Applet] = &[
];

/// Every applet there is, in this build or not, so that a missing one can be named as such.
#[rustfmt::skip]
pub const KNOWN: &[&str] = &[
    "trace",
];
