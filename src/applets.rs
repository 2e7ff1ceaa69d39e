//! The table: one line an applet. Adding one is described in ARCHITECTURE.md.

use edgekit_core::Applet;

/// The applets of this build.
#[rustfmt::skip]
pub static APPLETS: &[&Applet] = &[
    #[cfg(feature = "trace")]
    &edgekit_trace::APPLET,
    #[cfg(feature = "rules")]
    &edgekit_rules_applet::APPLET,
    #[cfg(feature = "proxy")]
    &edgekit_proxy::APPLET,
    #[cfg(feature = "ota")]
    &edgekit_ota::APPLET,
];

/// Every applet there is, in this build or not, so that a missing one can be named as such. The
/// names are those of the folders in `applets/`, read by build.rs.
pub fn known() -> impl Iterator<Item = &'static str> {
    env!("EDGEKIT_APPLETS").split_whitespace()
}
