//! In a build without rules: a file that names hooks is refused.

use std::path::PathBuf;

use edgekit_core::Clock;
use edgekit_core::config::{Loaded, Problems};
use edgekit_rt::Scope;

use crate::config::Config;
use crate::judge::Source;

/// There are none.
#[derive(Clone)]
pub(crate) enum Hooked {}

impl Hooked {
    /// For a snapshot.
    pub(crate) fn source(&self) -> Source {
        match *self {}
    }
}

/// Nobody wants anything done.
#[derive(Clone)]
pub struct Deeds;

impl Deeds {
    pub(crate) fn new(_: &Scope) -> Deeds {
        Deeds
    }

    pub(crate) fn allow(&self, _: Option<&[PathBuf]>) {}
}

/// Refuses them.
///
/// # Errors
/// There are paths.
pub(crate) fn load(
    loaded: &Loaded,
    config: &Config,
    _: Option<&Hooked>,
    _: &Clock,
) -> Result<Option<Hooked>, Problems> {
    let mut problems = Problems::default();
    if config.hooks.as_ref().is_some_and(|paths| !paths.is_empty()) {
        problems.push(loaded.problem("hooks", "this build of edgekit has no Lua"));
    }
    problems.or(None)
}
