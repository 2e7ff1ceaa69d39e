//! The front end: text of a trace program → [`ast::Script`] without macros.
//!
//! `lexer` → `parse` → `expand`, and `cdef` for what the C definitions mean.
//! Neighbours: `diag` (spans, messages), the semantic analyser (next phase).

pub mod ast;
mod provider;
