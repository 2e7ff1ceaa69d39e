//! The commands that come without any applet. They share the applets' shape, so that help, man
//! pages and completions treat both alike; only the table of `applets.rs` is what `list` lists.

mod completions;
mod config;
mod daemons;
mod doctor;
mod embedded;
mod help;
mod install;
mod list;
mod log_level;
mod man;
pub(crate) mod overview;
mod pager;
mod reload;
mod roff;
mod status;
mod upgrade;
mod version;

use edgekit_core::Applet;

pub(crate) use help::HELP;
pub(crate) use version::VERSION;

/// The built-in commands, in the order help shows them.
pub static BUILTINS: [&Applet; 12] = [
    &help::HELP,
    &man::MAN,
    &list::LIST,
    &status::STATUS,
    &reload::RELOAD,
    &upgrade::UPGRADE,
    &log_level::LOG_LEVEL,
    &config::CONFIG,
    &install::INSTALL,
    &doctor::DOCTOR,
    &version::VERSION,
    &completions::COMPLETIONS,
];

/// Built-in commands need nothing of the machine.
fn nothing_to_check(_: &mut edgekit_core::Ctx) -> Vec<edgekit_core::Finding> {
    Vec::new()
}
