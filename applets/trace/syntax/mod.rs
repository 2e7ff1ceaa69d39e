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

#[cfg(test)]
mod dump;

use ast::Script;
pub use expand::expand;

use crate::diag::{Diagnostic, Diagnostics, SourceMap, SourceSpaceFull, Span};

/// Longest program text. Programs are kilobytes; a tree takes up to four
/// hundred times its text in memory, so the limit keeps hostile input bounded.
pub const MAX_SCRIPT_BYTES: usize = 256 << 10;

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
        let message = format!("the program is {} bytes long, the limit is {MAX_SCRIPT_BYTES}", text.len());
        // The excerpt needs a line to show, not the whole text.
        let start = &text[..text.floor_char_boundary(80)];
        return refuse(sources, name, start, 0..0, message, diags);
    }
    Ok(parse::script(sources.add(name, text)?, params, diags))
}

/// [`parse`] for what was read from a file, which may be no text at all.
pub fn parse_bytes(
    sources: &mut SourceMap,
    name: &str,
    bytes: &[u8],
    params: &[String],
    diags: &mut Diagnostics,
) -> Result<Script, SourceSpaceFull> {
    let bytes = if bytes.len() > MAX_SCRIPT_BYTES { &bytes[..=MAX_SCRIPT_BYTES] } else { bytes };
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(sources, name, text, params, diags),
        Err(error) => {
            let good = error.valid_up_to();
            let message = format!("the program is not UTF-8 text: byte 0x{:02x}", bytes[good]);
            let end = bytes.len().min(good + 40);
            let shown = String::from_utf8_lossy(&bytes[..end]);
            refuse(sources, name, &shown, good..good + 1, message, diags)
        }
    }
}

/// An error about the text as a whole, of which only `shown` is kept.
fn refuse(
    sources: &mut SourceMap,
    name: &str,
    shown: &str,
    place: std::ops::Range<usize>,
    message: String,
    diags: &mut Diagnostics,
) -> Result<Script, SourceSpaceFull> {
    let base = sources.add(name, shown)?.base();
    let span = Span::new(base + place.start as u32, base + place.end as u32);
    diags.push(Diagnostic::error(span, message));
    Ok(Script::default())
}

/// Types whose `[n]` is a size and not an array.
fn is_sized_type(name: &str) -> bool {
    matches!(name, "string" | "buffer" | "inet")
}
