//! The front end: text of a trace program → [`ast::Script`] without macros.
//!
//! `lexer` → `parse` → `expand`, and `cdef` for what the C definitions mean.
//! Neighbours: `diag` (spans, messages), the semantic analyser (next phase).

pub mod ast;
pub mod cdef;
mod expand;
mod height;
mod lexer;
pub mod literal;
mod parse;
mod provider;

use ast::Script;
pub use expand::expand;

use crate::diag::{Diagnostic, Diagnostics, SourceMap, SourceSpaceFull};

/// Longest program text. Programs are kilobytes; a tree takes some fifty times
/// its text in memory, so the limit keeps hostile input bounded.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// Parses one text. Whatever is wrong with it is in `diags`; a script with
/// errors is good for nothing but the errors.
///
/// `params` are the positional parameters, which attach points may name.
pub fn parse(
    sources: &mut SourceMap,
    name: &str,
    text: &str,
    params: &[String],
    diags: &mut Diagnostics,
) -> Result<Script, SourceSpaceFull> {
    if text.len() > MAX_SCRIPT_BYTES {
        let bytes = text.len();
        // The excerpt needs a line to show, not the whole text.
        let source = sources.add(name, &text[..text.floor_char_boundary(80)])?;
        let span = crate::diag::Span::new(source.base(), source.base());
        let message = format!("the program is {bytes} bytes long, the limit is {MAX_SCRIPT_BYTES}");
        diags.push(Diagnostic::error(span, message));
        return Ok(Script::default());
    }
    Ok(parse::script(sources.add(name, text)?, params, diags))
}

/// Types whose `[n]` is a size and not an array.
fn is_sized_type(name: &str) -> bool {
    matches!(name, "string" | "buffer" | "inet")
}
