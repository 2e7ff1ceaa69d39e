//! Macros that every program may call.
//!
//! What is simple in the language itself is written in it; it is parsed like a script, so that a message about it
//! can show the line. Neighbours: `syntax::expand` puts the bodies in.

use crate::diag::{Diagnostics, SourceMap, SourceSpaceFull};
use crate::syntax::{self, ast::Macro};

/// The name messages give it, known from bpftrace.
const NAME: &str = "stdlib/base.bt";
const TEXT: &str = include_str!("library.bt");

/// Adds the library to the sources and gives its macros.
pub fn library(sources: &mut SourceMap) -> Result<Vec<Macro>, SourceSpaceFull> {
    let mut diags = Diagnostics::default();
    let script = syntax::parse(sources, NAME, TEXT, &[], &mut diags)?;
    Ok(script.macros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_sound() {
        let mut sources = SourceMap::new();
        let mut diags = Diagnostics::default();
        let script = syntax::parse(&mut sources, NAME, TEXT, &[], &mut diags).expect("small");
        assert!(!diags.has_errors(), "{}", diags.render(&sources, false));
        let names: Vec<&str> = script.macros.iter().map(|m| m.name.name.as_str()).collect();
        assert!(names.contains(&"assert"), "{names:?}");
    }
}
